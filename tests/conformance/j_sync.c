/* j_sync.c: B219 to B224: event, semaphore, mutex, limiter, condition; and the
   barrier. (B225, the wait list, is in d_blocking.c.) */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

static const char *state;
static char said[200];
#define SAYS(describe, object, text)         \
    do {                                     \
        describe(object, said, sizeof said); \
        state = said;                        \
        CHECK_STR(state, text);              \
    } while (0)

/* A task that does one thing in a scope of its own, and notes what came of it;
   if that went well, holds on until it is told to go on. */
typedef struct user {
    const char *name;
    kin_error *(*acquire)(void *object);
    void (*release)(void *object); /* may be NULL */
    void *object;
    kin_event *until; /* may be NULL */
    kin_scope *scope;
} user;

static kin_error *uses(void *arg)
{
    user *u = arg;
    KIN_SCOPE(scope);
    u->scope = scope;
    kin_error *err = u->acquire(u->object);
    NOTE("%s:%s", u->name, shape(err));
    bool acquired = !err;
    if (acquired && u->until)
        err = kin_event_wait(u->until);
    if (acquired && u->release)
        u->release(u->object);
    return kin_scope_close(scope, err);
}

/* The same, whose failure has been noted. */
static kin_error *tries(void *arg)
{
    kin_error_free(uses(arg));
    return NULL;
}

/* Starts them in this order, whatever the seed. */
static void start(kin_group *group, user *users, int count)
{
    for (int i = 0; i < count; i++) {
        kin_spawn(group, tries, &users[i], .name = users[i].name);
        settle();
    }
}

/* --- B219 -------------------------------------------------------------- */

static kin_error *waits_for_event(void *event)
{
    return kin_event_wait((kin_event *)event);
}

static kin_error *b219(void *arg)
{
    (void)arg;
    kin_event event = {0};
    user users[] = {{"a", waits_for_event, NULL, &event, NULL, NULL},
                    {"b", waits_for_event, NULL, &event, NULL, NULL},
                    {"c", waits_for_event, NULL, &event, NULL, NULL}};
    KIN_GROUP(group);
    start(group, users, 3);
    CHECK(!kin_event_is_set(&event));
    SAYS(kin_event_describe, &event, "kin_event: not set, 3 waiting");
    kin_scope_cancel(users[1].scope, NULL);
    kin_event_set(&event);
    kin_event_set(&event);
    CHECK(kin_event_is_set(&event));
    CHECK_OUTCOME(kin_event_wait(&event), "OK");
    SAYS(kin_event_describe, &event, "kin_event: set, 0 waiting");
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_LOG_SORTED("a:OK b:CANCELLED c:OK");
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_event_wait(&event), "CANCELLED");
    kin_event_deinit(&event);
    return kin_scope_close(scope, NULL);
}

/* B219: setting an event wakes all, is idempotent and stays; waiting on a set
   one is a cancel point all the same. */
TEST(b219_event)
{
    RUNS(b219, "OK");
}

static kin_error *counts_up(void *arg)
{
    int *count = arg;
    for (;;) {
        ++*count;
        KIN_TRY(kin_checkpoint());
    }
}

static kin_error *b219_gives_way(void *arg)
{
    (void)arg;
    kin_event event = {0};
    int others = 0;
    kin_event_set(&event);
    KIN_GROUP(group);
    kin_spawn(group, counts_up, &others);
    for (int i = 0; i < 640; i++)
        KIN_TRY(kin_event_wait(&event));
    CHECK(others >= 9);
    kin_group_cancel(group, NULL);
    return kin_group_close(group, NULL);
}

/* B219, B137: and a schedule point, once the budget is spent. */
TEST(b219_waiting_on_a_set_event_gives_way)
{
    RUNS(b219_gives_way, "OK");
}

static kin_error *b219_deinit(void *arg)
{
    (void)arg;
    kin_event event;
    kin_event_init(&event, .name = "ready");
    user u = {"a", waits_for_event, NULL, &event, NULL, NULL};
    KIN_GROUP(group);
    start(group, &u, 1);
    kin_event_deinit(&event);
    CHECK_OUTCOME(kin_event_wait(&event), "BROKEN");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("a:BROKEN");
    return err;
}

/* An event that goes while somebody waits: they learn of it, and it is the
   mistake of who did it. */
TEST(b219_event_goes_while_waited_for)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b219_deinit, NULL, seed);
        CHECK_CONTAINS(
            kin_error_message(leaf_of(err, &KIN_MISUSE)),
            "kin_event \"ready\" is deinitialised while 1 task waits in it");
        CHECK_EQ(leaf_count(err), 1);
        kin_error_free(err);
    }
}

/* --- B220 -------------------------------------------------------------- */

static kin_error *acquires_semaphore(void *semaphore)
{
    return kin_semaphore_acquire((kin_semaphore *)semaphore);
}

static kin_error *b220(void *arg)
{
    (void)arg;
    kin_semaphore s;
    kin_semaphore_init(&s, 1, .name = "s");
    user users[] = {{"a", acquires_semaphore, NULL, &s, NULL, NULL},
                    {"b", acquires_semaphore, NULL, &s, NULL, NULL},
                    {"c", acquires_semaphore, NULL, &s, NULL, NULL}};
    CHECK_OUTCOME(kin_semaphore_acquire(&s), "OK");
    CHECK_OUTCOME(kin_semaphore_acquire_now(&s), "WOULD_BLOCK");
    KIN_GROUP(group);
    start(group, users, 3);
    SAYS(kin_semaphore_describe, &s,
         "kin_semaphore \"s\": 0 permits, 3 waiting");
    kin_semaphore_release(&s);
    CHECK_EQ(kin_semaphore_value(&s), 0); /* it is the first one's */
    CHECK_OUTCOME(kin_semaphore_acquire_now(&s), "WOULD_BLOCK");
    kin_scope_cancel(users[0].scope, NULL); /* too late */
    kin_scope_cancel(users[1].scope, NULL);
    kin_semaphore_release(&s);
    CHECK_EQ(kin_semaphore_value(&s), 0);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_LOG_SORTED("a:OK b:CANCELLED c:OK");
    kin_semaphore_release(&s);
    kin_semaphore_release(&s);
    CHECK_EQ(kin_semaphore_value(&s), 2);
    CHECK_OUTCOME(kin_semaphore_acquire_now(&s), "OK");
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_semaphore_acquire(&s), "CANCELLED");
    CHECK_EQ(kin_semaphore_value(&s), 1);
    kin_semaphore_deinit(&s);
    return kin_scope_close(scope, NULL);
}

/* B220: a permit goes to whoever has waited longest; while somebody waits there
   is none to be had. */
TEST(b220_semaphore)
{
    RUNS(b220, "OK");
}

static kin_error *b220_bounded(void *arg)
{
    (void)arg;
    kin_semaphore s;
    kin_semaphore_init(&s, 1, .max = 2, .name = "s");
    kin_semaphore_release(&s);
    CHECK_EQ(kin_semaphore_value(&s), 2);
    kin_semaphore_release(&s);
    CHECK_EQ(kin_semaphore_value(&s), 2);
    kin_semaphore_deinit(&s);
    kin_semaphore_init(&s, 5, .max = 2, .name = "t");
    CHECK_EQ(kin_semaphore_value(&s), 2);
    kin_semaphore_deinit(&s);
    return NULL;
}

/* B220: releasing more than there may be is a mistake, and changes nothing. */
TEST(b220_bounded_semaphore)
{
    kin_error *err = run_virtual(b220_bounded, NULL, 0);
    CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
    CHECK_CONTAINS(kin_error_message(leaf(err, 0)),
                   "kin_semaphore \"s\" has all its 2 permits");
    kin_error_free(err);
}

/* --- B221 and B222 ----------------------------------------------------- */

static kin_error *locks(void *mutex)
{
    return kin_mutex_lock((kin_mutex *)mutex);
}

static void unlocks(void *mutex)
{
    kin_mutex_unlock((kin_mutex *)mutex);
}

static kin_error *b221(void *arg)
{
    (void)arg;
    kin_mutex m;
    kin_mutex_init(&m, .name = "m");
    SAYS(kin_mutex_describe, &m, "kin_mutex \"m\": free, 0 waiting");
    CHECK_OUTCOME(kin_mutex_lock(&m), "OK");
    CHECK_EQ(kin_mutex_owner(&m), kin_task_self());
    kin_error *err = kin_mutex_lock(&m);
    CHECK_CONTAINS(kin_error_message(err),
                   "task \"b221\" locks kin_mutex \"m\", which it has locked "
                   "at tests/conformance/j_sync.c:");
    CHECK_OUTCOME(err, "MISUSE");
    CHECK_OUTCOME(kin_mutex_lock_now(&m), "MISUSE");
    user u = {"u", locks, unlocks, &m, NULL, NULL};
    KIN_GROUP(group);
    start(group, &u, 1);
    SAYS(kin_mutex_describe, &m,
         "kin_mutex \"m\": held by task \"b221\", 1 waiting");
    kin_mutex_unlock(&m);
    CHECK(kin_mutex_owner(&m) != NULL); /* u's, though it has not run */
    CHECK_OUTCOME(kin_mutex_lock_now(&m), "WOULD_BLOCK");
    CHECK_OUTCOME(kin_mutex_lock(&m), "OK");
    kin_mutex_unlock(&m);
    CHECK_LOG("u:OK");
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_mutex_lock(&m), "CANCELLED");
    CHECK_EQ(kin_mutex_owner(&m), NULL);
    kin_mutex_deinit(&m);
    return kin_group_close(group, kin_scope_close(scope, NULL));
}

/* B221: locking it twice is a mistake; an unlock hands it on. */
TEST(b221_mutex)
{
    RUNS(b221, "OK");
}

static kin_error *unlocks_anothers(void *arg)
{
    kin_mutex_unlock((kin_mutex *)arg);
    return NULL;
}

static kin_error *b221_unlock(void *arg)
{
    (void)arg;
    kin_mutex m = {0};
    KIN_TRY(kin_mutex_lock(&m));
    KIN_GROUP(group);
    kin_spawn(group, unlocks_anothers, &m);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_mutex_owner(&m), kin_task_self());
    kin_mutex_unlock(&m);
    kin_mutex_unlock(&m);
    return err;
}

/* B221: unlocking what one has not locked is a mistake, and changes nothing. */
TEST(b221_unlocked_by_another)
{
    kin_error *err = run_virtual(b221_unlock, NULL, 0);
    CHECK_EQ(leaf_count(err), 2);
    CHECK_EQ(kin_error_kind(leaf(err, 0)), &KIN_MISUSE);
    CHECK_EQ(kin_error_kind(leaf(err, 1)), &KIN_MISUSE);
    kin_error_free(err);
}

typedef struct round_of_five {
    const char *name;
    kin_mutex *mutex;
} round_of_five;

static kin_error *locks_five_times(void *arg)
{
    round_of_five *r = arg;
    for (int i = 0; i < 5; i++) {
        KIN_TRY(kin_mutex_lock(r->mutex));
        NOTE("%s", r->name);
        kin_error *err = kin_checkpoint();
        kin_mutex_unlock(r->mutex);
        KIN_TRY(err);
    }
    return NULL;
}

static kin_error *b221_order(void *arg)
{
    (void)arg;
    kin_mutex m = {0};
    round_of_five rounds[] = {{"a", &m}, {"b", &m}, {"c", &m}};
    KIN_TRY(kin_mutex_lock(&m));
    KIN_GROUP(group);
    for (int i = 0; i < 3; i++) {
        kin_spawn(group, locks_five_times, &rounds[i]);
        settle();
    }
    kin_mutex_unlock(&m);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("a b c a b c a b c a b c a b c");
    return err;
}

/* B221: three tasks that take it five times each take it in the same order. */
TEST(b221_order)
{
    RUNS(b221_order, "OK");
}

static kin_error *b221_cancelled(void *arg)
{
    (void)arg;
    kin_mutex m = {0};
    user users[] = {{"a", locks, unlocks, &m, NULL, NULL},
                    {"b", locks, unlocks, &m, NULL, NULL},
                    {"c", locks, unlocks, &m, NULL, NULL}};
    KIN_TRY(kin_mutex_lock(&m));
    KIN_GROUP(group);
    start(group, users, 3);
    kin_scope_cancel(users[0].scope, NULL);
    kin_mutex_unlock(&m);                   /* b's */
    kin_scope_cancel(users[1].scope, NULL); /* too late */
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:CANCELLED b:OK c:OK");
    CHECK_EQ(kin_mutex_owner(&m), NULL);
    return err;
}

/* B138, B139: who is cancelled does not get it, who got it is not cancelled. */
TEST(b139_mutex_goes_to_the_next)
{
    RUNS(b221_cancelled, "OK");
}

static kin_error *is_owners_mistake(kin_error *err, kin_task *task,
                                    void *context)
{
    (void)context;
    CHECK_STR(kin_task_name(task), "owner");
    CHECK_STR(kin_error_message(leaf(err, 0)),
              "task \"owner\" ended while it held kin_mutex \"m\"");
    CHECK_OUTCOME(err, "G[MISUSE]");
    NOTE("mistake");
    return NULL;
}

static kin_error *b222(void *arg)
{
    (void)arg;
    kin_mutex m;
    kin_event end = {0};
    kin_mutex_init(&m, .name = "m");
    user owner = {"owner", locks, NULL, &m, &end, NULL};
    user waiter = {"waiter", locks, unlocks, &m, NULL, NULL};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = is_owners_mistake);
    start(group, &owner, 1);
    start(group, &waiter, 1);
    kin_event_set(&end);
    settle();
    CHECK_LOG_SORTED("mistake owner:OK waiter:BROKEN");
    kin_error *err = kin_mutex_lock(&m);
    CHECK_STR(kin_error_message(err), "the owner, task \"owner\", ended "
                                      "without unlocking kin_mutex \"m\"");
    CHECK_OUTCOME(err, "BROKEN");
    CHECK_OUTCOME(kin_mutex_lock_now(&m), "WOULD_BLOCK");
    SAYS(kin_mutex_describe, &m, "kin_mutex \"m\": broken, 0 waiting");
    kin_mutex_deinit(&m);
    return kin_group_close(group, NULL);
}

/* B222: a task that ends with a mutex locked breaks it: those who wait and those
   who come are told by whom; and it is that task's mistake. */
TEST(b222_owner_ends_with_the_mutex)
{
    RUNS(b222, "OK");
}

static kin_error *b222_handed(void *arg)
{
    (void)arg;
    kin_mutex m = {0};
    user owner = {"owner", locks, NULL, &m, NULL, NULL};
    KIN_TRY(kin_mutex_lock(&m));
    KIN_GROUP(group);
    start(group, &owner, 1);
    kin_mutex_unlock(&m); /* handed to one who will not unlock it */
    CHECK_OUTCOME(kin_mutex_lock(&m), "BROKEN");
    return kin_group_close(group, NULL);
}

/* B222: the same for an owner who was handed it. */
TEST(b222_owner_that_was_handed_it)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b222_handed, NULL, seed);
        CHECK_EQ(leaf_count(err), 1);
        CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
        kin_error_free(err);
    }
}

static kin_error *deinits_locked(void *arg)
{
    (void)arg;
    kin_mutex m;
    kin_mutex_init(&m, .name = "m");
    KIN_TRY(kin_mutex_lock(&m));
    user u = {"u", locks, unlocks, &m, NULL, NULL};
    KIN_GROUP(group);
    start(group, &u, 1);
    kin_mutex_deinit(&m);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("u:BROKEN");
    return err;
}

TEST(b222_mutex_goes_while_locked)
{
    kin_error *err = run_virtual(deinits_locked, NULL, 0);
    CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
    kin_error_free(err);
}

/* --- B223 -------------------------------------------------------------- */

static kin_error *takes_token(void *limiter)
{
    return kin_limiter_acquire((kin_limiter *)limiter);
}

static void gives_token(void *limiter)
{
    kin_limiter_release((kin_limiter *)limiter);
}

static kin_error *b223(void *arg)
{
    (void)arg;
    kin_limiter l;
    int a, b;
    kin_limiter_init(&l, 2, .name = "l");
    CHECK_OUTCOME(kin_limiter_acquire(&l), "OK");
    CHECK_OUTCOME(kin_limiter_acquire(&l), "MISUSE");
    CHECK_OUTCOME(kin_limiter_acquire_now(&l), "MISUSE");
    CHECK_OUTCOME(kin_limiter_acquire(&l, .borrower = &a), "OK");
    CHECK_OUTCOME(kin_limiter_acquire_now(&l, .borrower = &b), "WOULD_BLOCK");
    CHECK_OUTCOME(kin_limiter_acquire(&l, .borrower = &a), "MISUSE");
    SAYS(kin_limiter_describe, &l,
         "kin_limiter \"l\": 2 of 2 tokens taken, 0 waiting");
    kin_limiter_release(&l);
    CHECK_OUTCOME(kin_limiter_acquire_now(&l, .borrower = &b), "OK");
    kin_limiter_release(&l, .borrower = &a);
    kin_limiter_release(&l, .borrower = &b);
    CHECK_EQ(kin_limiter_taken(&l), 0);
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_limiter_acquire(&l), "CANCELLED");
    CHECK_EQ(kin_limiter_taken(&l), 0);
    kin_limiter_deinit(&l);
    return kin_scope_close(scope, NULL);
}

/* B223: one token for each borrower, be it the task or somebody it acts for. */
TEST(b223_limiter)
{
    RUNS(b223, "OK");
}

static kin_error *b223_release(void *arg)
{
    (void)arg;
    kin_limiter l;
    int a;
    kin_limiter_init(&l, 2, .name = "l");
    kin_limiter_release(&l);
    kin_limiter_release(&l, .borrower = &a);
    CHECK_EQ(kin_limiter_taken(&l), 0);
    kin_limiter_deinit(&l);
    return NULL;
}

TEST(b223_release_without_a_token)
{
    kin_error *err = run_virtual(b223_release, NULL, 0);
    CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
    kin_error_free(err);
}

static kin_error *b223_resize(void *arg)
{
    (void)arg;
    kin_limiter l = {0}; /* none to give */
    kin_event end = {0};
    user users[5];
    const char *names[] = {"a", "b", "c", "d", "e"};
    KIN_GROUP(group);
    for (int i = 0; i < 5; i++) {
        users[i] = (user){names[i], takes_token, gives_token, &l, &end, NULL};
        start(group, &users[i], 1);
    }
    CHECK_LOG("");
    kin_limiter_resize(&l, 2);
    CHECK_EQ(kin_limiter_taken(&l), 2);
    settle();
    CHECK_LOG_SORTED("a:OK b:OK");
    kin_limiter_resize(&l, 1); /* takes none away */
    CHECK_EQ(kin_limiter_taken(&l), 2);
    CHECK_EQ(kin_limiter_total(&l), 1);
    kin_limiter_resize(&l, 3);
    kin_scope_cancel(users[3].scope, NULL);
    kin_limiter_resize(&l, 4); /* c has one, d was cancelled, e gets it */
    settle();
    CHECK_LOG_SORTED("a:OK b:OK c:OK d:CANCELLED e:OK");
    kin_limiter_resize(&l, 0);
    kin_event_set(&end);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_limiter_taken(&l), 0);
    kin_limiter_deinit(&l);
    return err;
}

/* B223: more tokens wake those who wait, fewer revoke none, none block all; a
   cancelled waiter gets none. */
TEST(b223_resize)
{
    RUNS(b223_resize, "OK");
}

static kin_error *b223_order(void *arg)
{
    (void)arg;
    kin_limiter l;
    kin_limiter_init(&l, 1);
    user users[] = {{"a", takes_token, gives_token, &l, NULL, NULL},
                    {"b", takes_token, gives_token, &l, NULL, NULL}};
    CHECK_OUTCOME(kin_limiter_acquire(&l), "OK");
    KIN_GROUP(group);
    start(group, users, 2);
    kin_limiter_release(&l);
    CHECK_EQ(kin_limiter_taken(&l), 1); /* a's */
    CHECK_OUTCOME(kin_limiter_acquire_now(&l), "WOULD_BLOCK");
    CHECK_OUTCOME(kin_limiter_acquire(&l), "OK"); /* the last */
    CHECK_LOG("a:OK b:OK");
    kin_limiter_release(&l);
    kin_limiter_deinit(&l);
    return kin_group_close(group, NULL);
}

TEST(b223_tokens_are_handed_on)
{
    RUNS(b223_order, "OK");
}

static kin_error *b223_neglect(void *arg)
{
    (void)arg;
    kin_limiter l;
    kin_limiter_init(&l, 1, .name = "l");
    user u = {"u", takes_token, NULL, &l, NULL, NULL};
    KIN_GROUP(group);
    start(group, &u, 1);
    CHECK_EQ(kin_limiter_taken(&l), 0);
    kin_limiter_deinit(&l);
    return kin_group_close(group, NULL);
}

/* A task that ends with a token gives it back, and is told. */
TEST(b223_borrower_ends_with_its_token)
{
    kin_error *err = run_virtual(b223_neglect, NULL, 0);
    CHECK_EQ(leaf_count(err), 1);
    CHECK_STR(kin_error_message(leaf(err, 0)),
              "task \"u\" ended while it had a token of kin_limiter \"l\"");
    kin_error_free(err);
}

static kin_error *b223_deinit(void *arg)
{
    (void)arg;
    kin_limiter l;
    kin_limiter_init(&l, 1);
    CHECK_OUTCOME(kin_limiter_acquire(&l), "OK");
    user u = {"u", takes_token, NULL, &l, NULL, NULL};
    KIN_GROUP(group);
    start(group, &u, 1);
    kin_limiter_deinit(&l);
    CHECK_OUTCOME(kin_limiter_acquire(&l), "BROKEN");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("u:BROKEN");
    return err;
}

TEST(b223_limiter_goes_while_in_use)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b223_deinit, NULL, seed);
        CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
        kin_error_free(err);
    }
}

static bool refuses(void *context)
{
    (void)context;
    return true;
}

static kin_error *b223_memory(void *arg)
{
    (void)arg;
    kin_limiter l;
    kin_limiter_init(&l, 1);
    harness_heap.fail = refuses;
    kin_error *err = kin_limiter_acquire(&l);
    kin_error *now = kin_limiter_acquire_now(&l);
    harness_heap.fail = NULL;
    CHECK_OUTCOME(err, "NO_MEMORY");
    CHECK_OUTCOME(now, "NO_MEMORY");
    CHECK_EQ(kin_limiter_taken(&l), 0);
    CHECK_OUTCOME(kin_limiter_acquire(&l), "OK");
    kin_limiter_release(&l);
    kin_limiter_deinit(&l);
    return NULL;
}

TEST(b223_no_memory)
{
    CHECK_OUTCOME(run_virtual(b223_memory, NULL, 0), "OK");
}

/* --- B224 and B149 ----------------------------------------------------- */

typedef struct guarded {
    kin_mutex mutex;
    kin_condition changed;
} guarded;

static kin_error *waits_for_change(void *object)
{
    guarded *g = object;
    KIN_TRY(kin_mutex_lock(&g->mutex));
    kin_error *err = kin_condition_wait(&g->changed);
    CHECK(kin_mutex_owner(&g->mutex) == kin_task_self() ||
          kin_error_has(err, &KIN_BROKEN));
    if (err && kin_mutex_owner(&g->mutex) == kin_task_self())
        kin_mutex_unlock(&g->mutex);
    return err;
}

static void unlocks_guarded(void *object)
{
    kin_mutex_unlock(&((guarded *)object)->mutex);
}

static void notify(guarded *g, size_t count)
{
    kin_error *err = kin_mutex_lock(&g->mutex);
    CHECK_OUTCOME(err, "OK");
    kin_condition_notify(&g->changed, count);
    kin_mutex_unlock(&g->mutex);
    settle();
}

static kin_error *b224(void *arg)
{
    (void)arg;
    guarded g = {.mutex = {.name = NULL}};
    user users[6];
    const char *names[] = {"a", "b", "c", "d", "e", "f"};
    kin_condition_init(&g.changed, &g.mutex, .name = "changed");
    KIN_GROUP(group);
    for (int i = 0; i < 6; i++) {
        users[i] =
            (user){names[i], waits_for_change, unlocks_guarded, &g, NULL, NULL};
        start(group, &users[i], 1);
    }
    SAYS(kin_condition_describe, &g.changed,
         "kin_condition \"changed\": 6 waiting");
    notify(&g, 1);
    CHECK_LOG("a:OK");
    notify(&g, 2);
    CHECK_LOG("a:OK b:OK c:OK");
    kin_scope_cancel(users[3].scope, NULL);
    settle();
    CHECK_LOG("a:OK b:OK c:OK d:CANCELLED");
    KIN_TRY(kin_mutex_lock(&g.mutex));
    kin_condition_notify_all(&g.changed);
    kin_mutex_unlock(&g.mutex);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("a:OK b:OK c:OK d:CANCELLED e:OK f:OK");
    kin_condition_deinit(&g.changed);
    kin_mutex_deinit(&g.mutex);
    return err;
}

/* B224: those who wait are notified in order; each has the mutex when it goes
   on. */
TEST(b224_condition)
{
    RUNS(b224, "OK");
}

static kin_error *b224_misuse(void *arg)
{
    (void)arg;
    guarded g = {.mutex = {.name = NULL}};
    kin_condition_init(&g.changed, &g.mutex, .name = "changed");
    CHECK_OUTCOME(kin_condition_wait(&g.changed), "MISUSE");
    kin_condition unbound = {.name = "unbound"};
    CHECK_OUTCOME(kin_condition_wait(&unbound), "MISUSE");
    kin_condition_notify(&g.changed, 1);
    return NULL;
}

/* B224: without the mutex, waiting and notifying are mistakes. */
TEST(b224_without_the_mutex)
{
    kin_error *err = run_virtual(b224_misuse, NULL, 0);
    CHECK_EQ(leaf_count(err), 1);
    CHECK_STR(kin_error_message(leaf(err, 0)),
              "kin_condition \"changed\" is notified without its mutex locked");
    kin_error_free(err);
}

static kin_error *b149(void *arg)
{
    (void)arg;
    guarded g = {.mutex = {.name = NULL}};
    kin_condition_init(&g.changed, &g.mutex);
    user waiting = {"waiting", waits_for_change, unlocks_guarded, &g, NULL,
                    NULL};
    user notified = {"notified", waits_for_change, unlocks_guarded, &g, NULL,
                     NULL};
    KIN_GROUP(group);
    start(group, &notified, 1);
    start(group, &waiting, 1);
    KIN_TRY(kin_mutex_lock(&g.mutex));
    kin_condition_notify(&g.changed, 1);
    kin_scope_cancel(notified.scope, NULL); /* waits for the mutex by now */
    kin_scope_cancel(waiting.scope, NULL);
    settle();
    CHECK_LOG(""); /* neither returns without the mutex */
    kin_mutex_unlock(&g.mutex);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("notified:CANCELLED waiting:CANCELLED");
    CHECK_EQ(kin_mutex_owner(&g.mutex), NULL);
    return err;
}

/* B149: a wait that is cancelled returns with the mutex, wherever it stood. */
TEST(b149_cancelled_wait_has_the_mutex)
{
    RUNS(b149, "OK");
}

static kin_error *locks_and_ends(void *arg)
{
    return kin_mutex_lock(&((guarded *)arg)->mutex);
}

static kin_error *b149_broken(void *arg)
{
    (void)arg;
    guarded g = {.mutex = {.name = NULL}};
    kin_condition_init(&g.changed, &g.mutex);
    user waiting = {"waiting", waits_for_change, NULL, &g, NULL, NULL};
    KIN_GROUP(group, .policy = KIN_EACH);
    start(group, &waiting, 1);
    kin_spawn(group, locks_and_ends, &g, .name = "owner");
    settle();
    kin_scope_cancel(waiting.scope, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("waiting:G[CANCELLED, BROKEN]");
    return err;
}

/* B149, B222: unless the mutex was broken meanwhile, which is said then. */
TEST(b149_cancelled_wait_of_a_broken_mutex)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b149_broken, NULL, seed), "OK");
        CHECK_UNHANDLED("owner:G[MISUSE]");
    }
}

/* --- the barrier ------------------------------------------------------- */

static int last_ones;
static kin_error *arrives(void *barrier)
{
    bool last = false;
    KIN_TRY(kin_barrier_wait((kin_barrier *)barrier, &last));
    last_ones += last;
    return NULL;
}

static kin_error *barriers(void *arg)
{
    (void)arg;
    kin_barrier b;
    kin_barrier_init(&b, 3, .name = "b");
    user users[7];
    const char *names[] = {"a", "b", "c", "d", "e", "f", "g"};
    last_ones = 0;
    KIN_GROUP(group);
    for (int i = 0; i < 7; i++)
        users[i] = (user){names[i], arrives, NULL, &b, NULL, NULL};
    start(group, users, 2);
    CHECK_LOG("");
    SAYS(kin_barrier_describe, &b, "kin_barrier \"b\": 2 of 3 have come");
    kin_scope_cancel(users[0].scope, NULL);
    start(group, &users[2], 1); /* and that makes two again */
    CHECK_LOG("a:CANCELLED");
    start(group, &users[3], 1);
    CHECK_LOG_SORTED("a:CANCELLED b:OK c:OK d:OK");
    CHECK_EQ(last_ones, 1);
    start(group, &users[4], 3);
    CHECK_LOG_SORTED("a:CANCELLED b:OK c:OK d:OK e:OK f:OK g:OK");
    CHECK_EQ(last_ones, 2);
    kin_barrier nobodys = {.name = "nobody's"};
    CHECK_OUTCOME(kin_barrier_wait(&nobodys, NULL), "MISUSE");
    kin_barrier alone;
    kin_barrier_init(&alone, 1);
    CHECK_OUTCOME(kin_barrier_wait(&alone, NULL), "OK");
    kin_barrier_deinit(&b);
    return kin_group_close(group, NULL);
}

/* A barrier lets as many go on at once as it has parties, again and again; who is
   cancelled has not come. */
TEST(barrier)
{
    RUNS(barriers, "OK");
}

/* --- NULL -------------------------------------------------------------- */

static kin_error *nulls(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_event_wait(NULL), "MISUSE");
    CHECK_OUTCOME(kin_mutex_lock(NULL), "MISUSE");
    CHECK_OUTCOME(kin_mutex_lock_now(NULL), "MISUSE");
    CHECK_OUTCOME(kin_condition_wait(NULL), "MISUSE");
    CHECK_OUTCOME(kin_semaphore_acquire(NULL), "MISUSE");
    CHECK_OUTCOME(kin_semaphore_acquire_now(NULL), "MISUSE");
    CHECK_OUTCOME(kin_limiter_acquire(NULL), "MISUSE");
    CHECK_OUTCOME(kin_limiter_acquire_now(NULL), "MISUSE");
    CHECK_OUTCOME(kin_barrier_wait(NULL, NULL), "MISUSE");
    return NULL;
}

TEST(misuse_null)
{
    CHECK_OUTCOME(run_virtual(nulls, NULL, 0), "OK");
}
