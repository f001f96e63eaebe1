/* What waits, and what it waits for, where one of them ends: each of these was
   once a wild access, an error in the wrong task's name, or a false promise. */
#include "../harness.h"

#include <kin/testing.h>

#include <stdlib.h>

#define RUNS(fn, text)                                \
    EACH_SEED(seed)                                   \
    {                                                 \
        kin_error *out = run_virtual(fn, NULL, seed); \
        CHECK_OUTCOME(out, text);                     \
    }

/* --- an error belongs to who waits --------------------------------------- */

static struct {
    kin_sender *sender;
    kin_receiver *receiver;
    kin_broadcast *broadcast;
    kin_listener *listener;
    kin_event event;
} ends;

static kin_error *receives(void *arg)
{
    int item;
    (void)arg;
    return kin_receive(ends.receiver, &item);
}

static kin_error *sends(void *arg)
{
    int item = 1;
    (void)arg;
    return kin_send(ends.sender, &item);
}

static kin_error *listens(void *arg)
{
    int item;
    (void)arg;
    return kin_listener_receive(ends.listener, &item);
}

static kin_error *waits_for_event(void *arg)
{
    (void)arg;
    return kin_event_wait(&ends.event);
}

static void close_sender(void)
{
    kin_sender_close(&ends.sender);
}

static void close_receiver(void)
{
    kin_receiver_close(&ends.receiver);
}

static void close_broadcast(void)
{
    kin_broadcast_close(&ends.broadcast);
}

static void close_listener(void)
{
    kin_listener_close(&ends.listener);
}

static void end_event(void)
{
    kin_event_deinit(&ends.event);
}

static const struct {
    kin_fn *waits;
    void (*closes)(void);
    const kin_kind *kind;
} cases[] = {
    {receives, close_sender, &KIN_END},
    {receives, close_receiver, &KIN_CLOSED},
    {sends, close_receiver, &KIN_BROKEN},
    {sends, close_sender, &KIN_CLOSED},
    {listens, close_broadcast, &KIN_END},
    {listens, close_listener, &KIN_CLOSED},
    {waits_for_event, end_event, &KIN_BROKEN},
};

static kin_error *waits(void *index)
{
    size_t i = *(size_t *)index;
    kin_error *err = cases[i].waits(NULL);
    CHECK(kin_error_is(err, cases[i].kind));
    CHECK_STR(kin_error_task(err), "waits");
    CHECK(!kin_error_during(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *closes(void *index)
{
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, "the closer's own business");
    cases[*(size_t *)index].closes();
    return kin_scope_close(scope, NULL);
}

static kin_error *closes_under_waiter(void *index)
{
    ends.event = (kin_event){0};
    KIN_TRY(kin_channel_open(&ends.sender, &ends.receiver, sizeof(int), 0));
    KIN_TRY(kin_broadcast_open(&ends.broadcast, sizeof(int), 1));
    KIN_TRY(kin_broadcast_listen(ends.broadcast, &ends.listener));
    KIN_GROUP(group);
    kin_spawn(group, waits, index);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_spawn(group, closes, index);
    err = kin_group_close(group, err);
    kin_sender_close(&ends.sender);
    kin_receiver_close(&ends.receiver);
    kin_broadcast_close(&ends.broadcast);
    kin_listener_close(&ends.listener);
    if (cases[*(size_t *)index].closes == end_event)
        CHECK_OUTCOME(err, "G[G[MISUSE]]");
    else
        CHECK_OUTCOME(err, "OK");
    return NULL;
}

/* An error that a close hands out says nothing of the one who closed. */
TEST(an_error_handed_to_a_waiter_is_the_waiters)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        EACH_SEED(seed)
        {
            kin_error *out = run_virtual(closes_under_waiter, &i, seed);
            CHECK_OUTCOME(out, "OK");
        }
}

/* --- conditions ---------------------------------------------------------- */

typedef struct guarded {
    kin_mutex mutex;
    kin_condition changed;
} guarded;

static guarded *guarded_new(void)
{
    guarded *g = malloc(sizeof *g);
    if (!g)
        abort();
    kin_mutex_init(&g->mutex);
    kin_condition_init(&g->changed, &g->mutex);
    return g;
}

static kin_error *waits_for_change(void *arg)
{
    guarded *g = arg;
    KIN_TRY(kin_mutex_lock(&g->mutex));
    return kin_condition_wait(&g->changed);
}

static kin_error *frees_under_waiter(void *arg)
{
    (void)arg;
    guarded *g = guarded_new();
    KIN_GROUP(group);
    kin_spawn(group, waits_for_change, g);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_condition_deinit(&g->changed);
    kin_mutex_deinit(&g->mutex);
    free(g);
    return kin_group_close(group, err);
}

/* Who waited for what is gone does not look at it again. */
TEST(b149_a_condition_may_go_with_its_mutex_under_a_waiter)
{
    RUNS(frees_under_waiter, "G[G[BROKEN], MISUSE]");
}

static kin_error *has_no_mutex(void *arg)
{
    guarded *g = arg;
    CHECK_OUTCOME(waits_for_change(g), "BROKEN");
    CHECK(kin_mutex_owner(&g->mutex) != kin_task_self());
    CHECK_OUTCOME(waits_for_change(g), "BROKEN"); /* broken before */
    CHECK(kin_mutex_owner(&g->mutex) != kin_task_self());
    return NULL;
}

static kin_error *breaks_condition(void *arg)
{
    (void)arg;
    guarded *g = guarded_new();
    KIN_GROUP(group);
    kin_spawn(group, has_no_mutex, g);
    kin_spawn(group, has_no_mutex, g);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_condition_deinit(&g->changed);
    err = kin_group_close(group, err);
    kin_mutex_deinit(&g->mutex);
    free(g);
    return err;
}

/* KIN_BROKEN says that the mutex is not held, be it the condition that ended, and
   before the wait. */
TEST(b149_a_broken_condition_leaves_its_mutex_unlocked)
{
    RUNS(breaks_condition, "G[MISUSE]");
}

/* --- limiters ------------------------------------------------------------ */

static int job;

static kin_error *borrows_for_job(void *limiter)
{
    return kin_limiter_acquire(limiter, .borrower = &job);
}

static kin_error *borrows_after_cancelled(void *arg)
{
    kin_limiter limiter;
    (void)arg;
    kin_limiter_init(&limiter, 0);
    KIN_GROUP(group);
    kin_task *task = kin_spawn(group, borrows_for_job, &limiter);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_task_cancel(task, "no more");
    kin_limiter_resize(&limiter, 1);
    CHECK_OUTCOME(kin_limiter_acquire_now(&limiter, .borrower = &job), "OK");
    err = kin_group_close(group, err);
    CHECK_EQ(kin_limiter_taken(&limiter), 1);
    kin_limiter_release(&limiter, .borrower = &job);
    kin_limiter_deinit(&limiter);
    return err;
}

/* A cancelled wait is over when it is cancelled, for its borrower too. */
TEST(a_cancelled_borrower_waits_no_more)
{
    RUNS(borrows_after_cancelled, "OK");
}

/* --- broadcasts ---------------------------------------------------------- */

static kin_error *sends_twice(void *arg)
{
    kin_broadcast *mine = arg;
    kin_error *err = NULL;
    for (int item = 1; item <= 2 && !err; item++) {
        err = kin_sleep(1);
        err = err ? err : kin_broadcast_send(mine, &item);
    }
    kin_broadcast_close(&mine);
    return err;
}

static kin_error *closes_before_clone(void *listening)
{
    kin_broadcast *b;
    kin_listener *listener = NULL;
    int item;
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 4));
    if (listening)
        KIN_TRY(kin_broadcast_listen(b, &listener));
    KIN_GROUP(group);
    kin_spawn(group, sends_twice, kin_broadcast_clone(b));
    kin_broadcast_close(&b);
    CHECK(!kin_broadcast_clone(b));
    if (listening) {
        CHECK_OUTCOME(kin_listener_receive(listener, &item), "OK");
        CHECK_OUTCOME(kin_listener_receive(listener, &item), "OK");
        CHECK_EQ(item, 2);
        CHECK_OUTCOME(kin_listener_receive(listener, &item), "END");
    }
    kin_error *err = kin_group_close(group, NULL);
    kin_listener_close(&listener);
    return err;
}

/* A task that has its own clone sends on when another one closes. */
TEST(a_broadcast_lives_as_long_as_its_last_sender)
{
    RUNS(closes_before_clone, "OK");
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(closes_before_clone, &seed, seed);
        CHECK_OUTCOME(out, "OK");
    }
}

/* --- handles ------------------------------------------------------------- */

static kin_error *uses_stale_handle(void *arg)
{
    kin_sender *sender;
    kin_receiver *receiver;
    int item = 1;
    (void)arg;
    KIN_TRY(kin_channel_open(&sender, &receiver, sizeof item, 4));
    kin_sender *closed = kin_sender_clone(sender), *stale = closed;
    kin_sender_close(&closed);
    for (int i = 0; i < 200; i++) {
        kin_sender *other = kin_sender_clone(sender);
        CHECK_OUTCOME(kin_send_now(stale, &item), "CLOSED");
        kin_sender_close(&other);
    }
    for (int i = 0; i < 1000; i++) { /* some are used again */
        kin_sender *other = kin_sender_clone(sender);
        CHECK_OUTCOME(kin_send_now(other, &item), "OK");
        CHECK_OUTCOME(kin_receive_now(receiver, &item), "OK");
        kin_sender_close(&other);
    }
    kin_sender_close(&sender);
    kin_receiver_close(&receiver);
    return NULL;
}

/* A copy of a pointer to a closed handle is not the next clone. */
TEST(b210_a_closed_handle_stays_closed)
{
    RUNS(uses_stale_handle, "OK");
}

/* --- nothing at all ------------------------------------------------------ */

static kin_error *uses_nothing(void *arg)
{
    (void)arg;
    kin_select_case none[] = {KIN_ON_TIME(0)};
    CHECK_OUTCOME(kin_select(none, 1, NULL), "MISUSE");
    CHECK_OUTCOME(kin_select_now(none, 1, NULL), "MISUSE");
    kin_event_set(NULL);
    kin_mutex_unlock(NULL);
    kin_semaphore_release(NULL);
    return NULL;
}

/* A NULL object is a mistake that is told of. */
TEST(null_objects_are_misuse)
{
    RUNS(uses_nothing, "G[MISUSE, MISUSE, MISUSE]");
}

/* --- a deadline that closes things --------------------------------------- */

static bool closes_channel(void *arg)
{
    (void)arg;
    close_sender();
    close_receiver();
    return true;
}

static kin_error *parks_for_a_moment(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .move_on_after = KIN_MILLISECONDS(1));
    return kin_scope_close(scope,
                           kin_park(closes_channel, NULL, "the deadline"));
}

static kin_error *sends_as_deadline_passes(void *arg)
{
    int item = 1;
    (void)arg;
    KIN_TRY(kin_channel_open(&ends.sender, &ends.receiver, sizeof item, 4));
    KIN_GROUP(group);
    kin_spawn(group, parks_for_a_moment, NULL);
    kin_error *err = kin_checkpoint();
    for (kin_time until = kin_now() + KIN_MILLISECONDS(5); kin_now() < until;)
        ;
    CHECK_OUTCOME(kin_send(ends.sender, &item), "OK");
    CHECK_OUTCOME(kin_send(ends.sender, &item), "CLOSED");
    return kin_error_combine(kin_group_close(group, NULL), err);
}

/* An operation on an object is not overtaken by an abort that closes it. */
TEST(a_deadline_is_noticed_after_an_effect)
{
    CHECK_OUTCOME(kin_run(sends_as_deadline_passes, NULL), "OK");
}

/* --- what is too much, and what is plain C ----------------------------- */

static kin_error *releases_one_more(void *arg)
{
    (void)arg;
    kin_semaphore semaphore;
    kin_semaphore_init(&semaphore, SIZE_MAX);
    kin_semaphore_release(&semaphore);
    CHECK(kin_semaphore_value(&semaphore) == SIZE_MAX);
    return NULL;
}

/* B220: a semaphore without a bound does not begin anew at 0. */
TEST(b220_a_semaphore_does_not_wrap)
{
    CHECK_OUTCOME(run_virtual(releases_one_more, NULL, 0), "G[MISUSE]");
}

struct pair {
    int a, b;
};

static kin_error *sends_literals(void *arg)
{
    (void)arg;
    kin_sender *to;
    kin_receiver *from;
    struct pair got;
    KIN_TRY(kin_channel_open(&to, &from, sizeof(struct pair), 1));
    KIN_TRY(kin_send(to, &(struct pair){1, 2}));
    KIN_TRY(kin_receive(from, &got));
    CHECK_EQ(got.a + got.b, 3);
    kin_sender_close(&to);
    kin_receiver_close(&from);
    return NULL;
}

/* A compound literal is sent as it is written. */
TEST(a_compound_literal_is_an_item)
{
    CHECK_OUTCOME(run_virtual(sends_literals, NULL, 0), "OK");
}
