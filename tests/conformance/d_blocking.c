/* d_blocking.c: B133 to B149 and B225: what a cancellation does to a task that
   waits. Most tests go over a table of operations: whatever blocks belongs in
   it, and has then to behave like all the others. */
#include "harness.h"

#include <kin/testing.h>

#include <errno.h>
#include <time.h>

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

/* --- the operations ---------------------------------------------------- */

/* What they are called on: each would wait here for good. */
typedef struct stage {
    kin_wait_list list;
    kin_group *kept; /* with one child, which waits */
    kin_task *child;
    kin_task *parked; /* who waits in park */
    int aborts;

    /* objects on which nothing can be had */
    kin_sender *tx, *far_tx;
    kin_receiver *rx, *far_rx;
    kin_broadcast *broadcast, *full;
    kin_listener *listener, *slow;
    kin_event event;
    kin_mutex mutex, free_mutex;
    kin_condition condition;
    kin_semaphore semaphore;
    kin_limiter limiter;
    kin_barrier barrier;
    int item;
} stage;

static kin_error *locks_for_good(void *mutex)
{
    KIN_TRY(kin_mutex_lock((kin_mutex *)mutex));
    kin_error *err = kin_sleep_forever();
    if (kin_mutex_owner((kin_mutex *)mutex) == kin_task_self())
        kin_mutex_unlock((kin_mutex *)mutex);
    return err;
}

static void set_up(stage *set)
{
    size_t size = sizeof set->item;
    CHECK_OUTCOME(kin_channel_open(&set->tx, &set->far_rx, size, 0), "OK");
    CHECK_OUTCOME(kin_channel_open(&set->far_tx, &set->rx, size, 0), "OK");
    CHECK_OUTCOME(kin_broadcast_open(&set->broadcast, size, 1), "OK");
    CHECK_OUTCOME(kin_broadcast_listen(set->broadcast, &set->listener), "OK");
    CHECK_OUTCOME(kin_broadcast_open(&set->full, size, 1), "OK");
    CHECK_OUTCOME(kin_broadcast_listen(set->full, &set->slow), "OK");
    CHECK_OUTCOME(kin_broadcast_send_now(set->full, &set->item), "OK");
    kin_condition_init(&set->condition, &set->free_mutex);
    kin_limiter_init(&set->limiter, 1);
    CHECK_OUTCOME(kin_limiter_acquire_now(&set->limiter, .borrower = set),
                  "OK");
    kin_barrier_init(&set->barrier, SIZE_MAX);
    kin_spawn(set->kept, locks_for_good, &set->mutex, .name = "owner");
}

static void tear_down(stage *set)
{
    kin_sender_close(&set->tx);
    kin_sender_close(&set->far_tx);
    kin_receiver_close(&set->rx);
    kin_receiver_close(&set->far_rx);
    kin_broadcast_close(&set->broadcast);
    kin_broadcast_close(&set->full);
    kin_listener_close(&set->listener);
    kin_listener_close(&set->slow);
    if (kin_limiter_taken(&set->limiter))
        kin_limiter_release(&set->limiter, .borrower = set);
    kin_limiter_deinit(&set->limiter);
}

static bool counts_the_abort(void *context)
{
    stage *on = context;
    on->aborts++;
    on->parked = NULL;
    return true;
}

static kin_error *sleeps(stage *on)
{
    (void)on;
    return kin_sleep(KIN_SECONDS(1000));
}

static kin_error *sleeps_until(stage *on)
{
    (void)on;
    return kin_sleep_until(kin_now() + KIN_SECONDS(1000));
}

static kin_error *sleeps_without_end(stage *on)
{
    (void)on;
    return kin_sleep_forever();
}

static kin_error *parks(stage *on)
{
    on->parked = kin_task_self();
    kin_error *err = kin_park(counts_the_abort, on, "the test");
    on->parked = NULL;
    return err;
}

static kin_error *waits_on(stage *on)
{
    kin_waiter waiter;
    return kin_wait_on(&on->list, &waiter, "the test");
}

static kin_error *joins(stage *on)
{
    return kin_task_join(on->child);
}

static kin_error *asks_for_the_next(stage *on)
{
    kin_task *done = NULL;
    return kin_group_next(on->kept, &done);
}

static kin_error *waits_within(stage *on)
{
    (void)on;
    return KIN_WITHIN(kin_sleep_forever(), .fail_after = KIN_SECONDS(1000));
}

static kin_error *checks(stage *on)
{
    (void)on;
    return kin_checkpoint();
}

static kin_error *checks_if_cancelled(stage *on)
{
    (void)on;
    return kin_checkpoint_if_cancelled();
}

static kin_error *passes(stage *on)
{
    (void)on;
    return kin_pass();
}

static kin_error *sleeps_no_time(stage *on)
{
    (void)on;
    return kin_sleep(0);
}

static kin_error *sleeps_less_than_that(stage *on)
{
    (void)on;
    return kin_sleep(KIN_SECONDS(-5));
}

static kin_error *sleeps_until_now(stage *on)
{
    (void)on;
    return kin_sleep_until(kin_now());
}

static kin_error *sleeps_until_the_past(stage *on)
{
    (void)on;
    return kin_sleep_until(kin_now() - KIN_SECONDS(5));
}

static kin_error *sends_item(stage *on)
{
    return kin_send(on->tx, &on->item);
}

static kin_error *receives_item(stage *on)
{
    int item;
    return kin_receive(on->rx, &item);
}

static kin_error *broadcasts(stage *on)
{
    return kin_broadcast_send(on->full, &on->item);
}

static kin_error *listens(stage *on)
{
    int item;
    return kin_listener_receive(on->listener, &item);
}

static kin_error *waits_for_event(stage *on)
{
    return kin_event_wait(&on->event);
}

static kin_error *locks(stage *on)
{
    KIN_TRY(kin_mutex_lock(&on->mutex));
    kin_mutex_unlock(&on->mutex);
    return NULL;
}

static kin_error *waits_for_condition(stage *on)
{
    KIN_TRY(kin_mutex_lock(&on->free_mutex));
    kin_error *err = kin_condition_wait(&on->condition);
    if (!kin_error_is(err, &KIN_BROKEN)) /* else it has not got it back */
        kin_mutex_unlock(&on->free_mutex);
    return err;
}

static kin_error *acquires_semaphore(stage *on)
{
    return kin_semaphore_acquire(&on->semaphore);
}

static kin_error *acquires_token(stage *on)
{
    KIN_TRY(kin_limiter_acquire(&on->limiter));
    kin_limiter_release(&on->limiter);
    return NULL;
}

static kin_error *waits_for_parties(stage *on)
{
    return kin_barrier_wait(&on->barrier, NULL);
}

static kin_error *selects(stage *on)
{
    int item;
    size_t fired;
    kin_select_case cases[] = {KIN_ON_RECEIVE(on->rx, &item),
                               KIN_ON_SEND(on->tx, &on->item),
                               KIN_ON_EVENT(&on->event), KIN_ON_TASK(on->child),
                               KIN_ON_TIME(kin_now() + KIN_SECONDS(1000))};
    return kin_select(cases, 5, &fired);
}

static kin_error *sends_into_buffer(stage *on)
{
    kin_sender *tx;
    kin_receiver *rx;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof on->item, 1));
    kin_error *err = kin_send(tx, &on->item);
    kin_sender_close(&tx);
    kin_receiver_close(&rx);
    return err;
}

static kin_error *locks_a_free_mutex(stage *on)
{
    KIN_TRY(kin_mutex_lock(&on->free_mutex));
    kin_mutex_unlock(&on->free_mutex);
    return NULL;
}

static kin_error *selects_what_is_there(stage *on)
{
    size_t fired;
    kin_select_case cases[] = {KIN_ON_EVENT(&on->event),
                               KIN_ON_TIME(kin_now())};
    return kin_select(cases, 2, &fired);
}

/* What ends the wait well; from another task. */
static void clock_jumps(stage *on)
{
    (void)on;
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(1000)), "OK");
}

static void wakes_the_parked(stage *on)
{
    if (on->parked)
        kin_wake(on->parked, NULL);
}

static void wakes_the_first(stage *on)
{
    kin_wait_list_wake(&on->list, 1);
}

static void receives_now(stage *on)
{
    int item;
    kin_error_free(kin_receive_now(on->far_rx, &item));
}

static void sends_now(stage *on)
{
    kin_error_free(kin_send_now(on->far_tx, &on->item));
}

static void slow_one_receives(stage *on)
{
    int item;
    kin_error_free(kin_listener_receive_now(on->slow, &item));
}

static void broadcasts_now(stage *on)
{
    kin_error_free(kin_broadcast_send_now(on->broadcast, &on->item));
}

static void sets_event(stage *on)
{
    kin_event_set(&on->event);
}

static void releases_semaphore(stage *on)
{
    kin_semaphore_release(&on->semaphore);
}

static void releases_token(stage *on)
{
    kin_limiter_release(&on->limiter, .borrower = on);
}

/* What takes away what is waited on; from another task, whose mistake it may
   be. */
static void closes_sender(stage *on)
{
    kin_sender_close(&on->tx);
}

static void closes_receiver(stage *on)
{
    kin_receiver_close(&on->rx);
}

static void closes_broadcast(stage *on)
{
    kin_broadcast_close(&on->full);
}

static void closes_listener(stage *on)
{
    kin_listener_close(&on->listener);
}

static void breaks_list(stage *on)
{
    kin_wait_list_break(&on->list, "it is gone");
}

static void deinits_event(stage *on)
{
    kin_event_deinit(&on->event);
}

static void deinits_mutex(stage *on)
{
    kin_mutex_deinit(&on->mutex);
    kin_mutex_init(&on->mutex);
}

static void deinits_condition(stage *on)
{
    kin_condition_deinit(&on->condition);
}

static void deinits_semaphore(stage *on)
{
    kin_semaphore_deinit(&on->semaphore);
}

static void deinits_limiter(stage *on)
{
    kin_limiter_deinit(&on->limiter);
}

static void deinits_barrier(stage *on)
{
    kin_barrier_deinit(&on->barrier);
}

typedef struct operation {
    const char *name;
    kin_error *(*call)(stage *);
    void (*complete)(stage *); /* NULL: not from outside, or not at once */
    void (*close)(stage *);    /* NULL: there is nothing to close */
    const char *closed;        /* and that is what it gives then */
    bool alone;                /* one waiter only */
} operation;

/* These wait, until cancelled or completed, where they can be. */
static const operation waits[] = {
    {.name = "kin_sleep", .call = sleeps, .complete = clock_jumps},
    {.name = "kin_sleep_until", .call = sleeps_until, .complete = clock_jumps},
    {.name = "kin_sleep_forever", .call = sleeps_without_end},
    {.name = "kin_park", .call = parks, .complete = wakes_the_parked},
    {.name = "kin_wait_on",
     .call = waits_on,
     .complete = wakes_the_first,
     .close = breaks_list,
     .closed = "BROKEN"},
    {.name = "kin_send",
     .call = sends_item,
     .complete = receives_now,
     .close = closes_sender,
     .closed = "CLOSED"},
    {.name = "kin_receive",
     .call = receives_item,
     .complete = sends_now,
     .close = closes_receiver,
     .closed = "CLOSED"},
    {.name = "kin_broadcast_send",
     .call = broadcasts,
     .complete = slow_one_receives,
     .close = closes_broadcast,
     .closed = "CLOSED"},
    {.name = "kin_listener_receive",
     .call = listens,
     .complete = broadcasts_now,
     .close = closes_listener,
     .closed = "CLOSED",
     .alone = true},
    {.name = "kin_event_wait",
     .call = waits_for_event,
     .complete = sets_event,
     .close = deinits_event,
     .closed = "BROKEN"},
    {.name = "kin_mutex_lock",
     .call = locks,
     .close = deinits_mutex,
     .closed = "BROKEN"},
    {.name = "kin_condition_wait",
     .call = waits_for_condition,
     .close = deinits_condition,
     .closed = "BROKEN"},
    {.name = "kin_semaphore_acquire",
     .call = acquires_semaphore,
     .complete = releases_semaphore,
     .close = deinits_semaphore,
     .closed = "BROKEN"},
    {.name = "kin_limiter_acquire",
     .call = acquires_token,
     .complete = releases_token,
     .close = deinits_limiter,
     .closed = "BROKEN"},
    {.name = "kin_barrier_wait",
     .call = waits_for_parties,
     .close = deinits_barrier,
     .closed = "BROKEN"},
    {.name = "kin_select (receive)",
     .call = selects,
     .complete = sends_now,
     .close = closes_receiver,
     .closed = "CLOSED"},
    {.name = "kin_select (send)",
     .call = selects,
     .complete = receives_now,
     .close = closes_sender,
     .closed = "CLOSED"},
    {.name = "kin_select (event)",
     .call = selects,
     .complete = sets_event,
     .close = deinits_event,
     .closed = "BROKEN"},
    {.name = "kin_select (time)", .call = selects, .complete = clock_jumps},
    {.name = "kin_task_join", .call = joins},
    {.name = "kin_group_next", .call = asks_for_the_next},
    {.name = "KIN_WITHIN", .call = waits_within},
};

/* These need not. */
static const operation passing[] = {
    {.name = "kin_checkpoint", .call = checks},
    {.name = "kin_checkpoint_if_cancelled", .call = checks_if_cancelled},
    {.name = "kin_pass", .call = passes},
    {.name = "kin_sleep(0)", .call = sleeps_no_time},
    {.name = "kin_sleep(-5)", .call = sleeps_less_than_that},
    {.name = "kin_sleep_until(now)", .call = sleeps_until_now},
    {.name = "kin_sleep_until(past)", .call = sleeps_until_the_past},
    {.name = "kin_send into a buffer", .call = sends_into_buffer},
    {.name = "kin_mutex_lock, a free one", .call = locks_a_free_mutex},
    {.name = "kin_select, one ready", .call = selects_what_is_there},
};

enum {
    WAITS = sizeof waits / sizeof *waits,
    PASSING = sizeof passing / sizeof *passing,
};

static const operation *operation_at(size_t i)
{
    return i < WAITS ? &waits[i] : &passing[i - WAITS];
}

/* Runs the body of a test once for each operation, on a stage of its own. */
typedef kin_error *scene(const operation *, stage *);
typedef struct play {
    scene *body;
    const operation *on;
} play;

static kin_error *plays(void *arg)
{
    play *what = arg;
    stage set = {.item = 7};
    KIN_GROUP(kept, .keep = true);
    set.kept = kept;
    set.child = kin_spawn(kept, sleeps_forever, NULL, .name = "child");
    set_up(&set);
    settle();
    kin_error *err = what->body(what->on, &set);
    CHECK_EQ(kin_wait_list_count(&set.list), 0);
    tear_down(&set);
    kin_group_cancel(kept, NULL);
    return kin_group_close(kept, err);
}

static void plays_with(const operation *on, scene *body, uint64_t seed)
{
    play what = {body, on};
    kin_error *err = run_virtual(plays, &what, seed);
    if (err)
        FAIL("%s: the run gives %s", on->name, shape(err));
    kin_error_free(err);
}

/* As CHECK_OUTCOME, and names the operation. */
static void gives(const operation *on, kin_error *err, const char *expected)
{
    if (strcmp(shape(err), expected) != 0)
        FAIL("%s gives %s, not %s", on->name, shape(err), expected);
    kin_error_free(err);
}

static void every_operation(scene *body)
{
    EACH_SEED(seed)
    {
        for (size_t i = 0; i < WAITS + PASSING; i++)
            plays_with(operation_at(i), body, seed);
    }
}

static void every_wait(scene *body)
{
    EACH_SEED(seed)
    {
        for (size_t i = 0; i < WAITS; i++)
            plays_with(&waits[i], body, seed);
    }
}

/* Does something to the main task's scope after a second. */
typedef struct stagehand {
    kin_scope *scope;
    const operation *on;
    stage *set;
} stagehand;

static kin_error *cancels(void *arg)
{
    stagehand *job = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_scope_cancel(job->scope, NULL);
    return NULL;
}

/* --- B133 to B135: a level, not an edge -------------------------------- */

static kin_error *b133(const operation *on, stage *set)
{
    kin_time began = kin_now();
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    kin_spawn(group, cancels, (&(stagehand){scope, on, set}));
    gives(on, kin_sleep_forever(), "CANCELLED");
    gives(on, on->call(set), "CANCELLED");
    gives(on, on->call(set), "CANCELLED");
    gives(on, on->call(set), "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    return kin_group_close(group, NULL);
}

/* B133: after one CANCELLED the second and the third call in the same scope
   fail, too. */
TEST(b133_cancellation_is_a_level)
{
    every_operation(b133);
}

static kin_error *b134(const operation *on, stage *set)
{
    kin_time began = kin_now();
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    kin_spawn(group, cancels, (&(stagehand){scope, on, set}));
    gives(on, on->call(set), "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    gives(on, kin_sleep(KIN_SECONDS(1)), "CANCELLED");
    gives(on, on->call(set), "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    return kin_group_close(group, NULL);
}

/* B134: whatever blocks wakes at the moment of the cancel; and the sleep after
   that does not succeed, as it would if cancellation were an event. */
TEST(b134_sleep_after_a_cancellation_fails)
{
    every_wait(b134);
}

static kin_error *b135(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_sleep_forever();

    /* without a shield the cleanup's first call fails at once */
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(0.5)), "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));

    KIN_SCOPE(cleanup, .move_on_after = KIN_SECONDS(1), .shield = true);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(0.5)), "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1.5));
    CHECK_OUTCOME(kin_scope_close(cleanup, kin_sleep_forever()), "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_STR(scope_state(cleanup), "called=1 caught=1");

    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    return kin_scope_close(scope, err);
}

/* B135: after a CANCELLED, cleanup can block in a shielded scope, which has a
   time limit of its own; without the shield it cannot. */
TEST(b135_cleanup_in_a_shield)
{
    RUNS(b135, "OK");
}

/* --- B136 and B137: checkpoints ---------------------------------------- */

static kin_error *ends(void *arg)
{
    (void)arg;
    return NULL;
}

static kin_error *b136(const operation *on, stage *set)
{
    kin_time began = kin_now();
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    gives(on, on->call(set), "CANCELLED");
    CHECK_EQ(kin_now(), began);
    CHECK_EQ(kin_wait_list_count(&set->list), 0);
    CHECK_EQ(set->aborts, 0);
    return kin_scope_close(scope, NULL);
}

/* B136: an operation that is called when already cancelled fails without doing
   anything. */
TEST(b136_cancelled_already)
{
    every_operation(b136);
}

static kin_error *b136_kept(void *arg)
{
    (void)arg;
    kin_task *untouched = kin_task_self(), *done = untouched;
    KIN_GROUP(group, .keep = true);
    kin_task *child = kin_spawn(group, ends, NULL);
    settle();
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_task_join(child), "CANCELLED");
    CHECK_OUTCOME(kin_group_next(group, &done), "CANCELLED");
    CHECK_EQ(done, untouched);
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    /* the child was not used up */
    CHECK_OUTCOME(kin_task_join(child), "OK");
    CHECK_OUTCOME(kin_group_next(group, &done), "OK");
    CHECK_EQ(done, child);
    return kin_group_close(group, NULL);
}

/* B136: even when it could have been completed at once. */
TEST(b136_cancelled_already_and_nothing_to_wait_for)
{
    RUNS(b136_kept, "OK");
}

static kin_error *notes_other(void *arg)
{
    (void)arg;
    NOTE("other");
    return NULL;
}

static kin_error *b137(const operation *on, stage *set)
{
    harness_log_clear();
    KIN_GROUP(group);
    kin_spawn(group, notes_other, NULL);
    CHECK_LOG("");
    gives(on, on->call(set), "OK");
    if (strcmp(harness_log(), "other") != 0)
        FAIL("%s does not give way", on->name);
    return kin_group_close(group, NULL);
}

/* B137, as the API changes it: kin_checkpoint always gives way, and so does a
   sleep of no time. */
TEST(b137_gives_way)
{
    plays_with(&(operation){.name = "kin_checkpoint", .call = checks}, b137, 0);
    plays_with(&(operation){.name = "kin_sleep(0)", .call = sleeps_no_time},
               b137, 0);
    plays_with(
        &(operation){.name = "kin_sleep_until", .call = sleeps_until_now}, b137,
        0);
}

static kin_error *completes(void *arg)
{
    stagehand *job = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    NOTE("other");
    job->on->complete(job->set);
    return NULL;
}

static kin_error *b137_waits(const operation *on, stage *set)
{
    if (!on->complete)
        return NULL;
    harness_log_clear();
    KIN_GROUP(group);
    kin_spawn(group, completes, (&(stagehand){NULL, on, set}));
    gives(on, on->call(set), "OK");
    CHECK_LOG("other");
    CHECK_EQ(set->aborts, 0);
    return kin_group_close(group, NULL);
}

/* B137: an operation that waits gives way, and ends well when completed. */
TEST(b137_waiting_gives_way)
{
    every_wait(b137_waits);
}

/* --- B138 and B139: completion and cancel in the same tick ------------- */

static kin_error *completes_then_cancels(void *arg)
{
    stagehand *job = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    job->on->complete(job->set);
    kin_scope_cancel(job->scope, NULL);
    return NULL;
}

static kin_error *b138(const operation *on, stage *set)
{
    if (!on->complete)
        return NULL;
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    kin_spawn(group, completes_then_cancels, (&(stagehand){scope, on, set}));
    gives(on, on->call(set), "OK");
    CHECK_EQ(set->aborts, 0);
    gives(on, kin_checkpoint(), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    return kin_group_close(group, NULL);
}

/* B138: woken first, then cancelled before it runs: the operation succeeds, and
   the next checkpoint fails. */
TEST(b138_wake_then_cancel)
{
    every_wait(b138);
}

typedef struct end_of_a_child {
    kin_wait_list go;
    kin_scope *scope;
} end_of_a_child;

static kin_error *ends_when_told(void *arg)
{
    end_of_a_child *job = arg;
    kin_waiter waiter;
    return kin_wait_on(&job->go, &waiter, "the word");
}

static kin_error *cancels_when_told(void *arg)
{
    end_of_a_child *job = arg;
    kin_waiter waiter;
    KIN_TRY(kin_wait_on(&job->go, &waiter, "the word"));
    kin_scope_cancel(job->scope, NULL);
    return NULL;
}

static kin_error *tells_both(void *arg)
{
    end_of_a_child *job = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_EQ(kin_wait_list_wake(&job->go, 2), 2);
    return NULL;
}

static kin_error *b138_join(void *arg)
{
    (void)arg;
    end_of_a_child job = {{0}, NULL};
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    job.scope = scope;
    kin_task *child = kin_spawn(group, ends_when_told, &job);
    kin_spawn(group, cancels_when_told, &job);
    kin_spawn(group, tells_both, &job);
    CHECK_OUTCOME(kin_task_join(child), "OK");
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    return kin_group_close(group, NULL);
}

/* B138: the same for a join: first come, first served, so that the child has
   ended before the cancel, and its parent runs after it. */
TEST(b138_child_ends_then_cancel)
{
    CHECK_OUTCOME(run_virtual(b138_join, NULL, 0), "OK");
}

static kin_error *cancels_then_completes(void *arg)
{
    stagehand *job = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_scope_cancel(job->scope, NULL);
    job->on->complete(job->set);
    return NULL;
}

static kin_error *b139(const operation *on, stage *set)
{
    if (!on->complete)
        return NULL;
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    kin_spawn(group, cancels_then_completes, (&(stagehand){scope, on, set}));
    gives(on, on->call(set), "CANCELLED");
    CHECK_EQ(set->aborts, on->call == parks);
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    return kin_group_close(group, NULL);
}

/* B139: cancelled first, then completed in the same tick: CANCELLED. */
TEST(b139_cancel_then_wake)
{
    every_wait(b139);
}

typedef struct queue {
    kin_wait_list list;
    kin_scope *first;
} queue;

static kin_error *first_in_the_queue(void *arg)
{
    queue *job = arg;
    kin_waiter waiter;
    KIN_SCOPE(scope);
    job->first = scope;
    kin_error *err = kin_wait_on(&job->list, &waiter, "its turn");
    NOTE("first:%s", shape(err));
    return kin_scope_close(scope, err);
}

static kin_error *second_in_the_queue(void *arg)
{
    queue *job = arg;
    kin_waiter waiter;
    kin_error *err = kin_wait_on(&job->list, &waiter, "its turn");
    NOTE("second:%s", shape(err));
    return err;
}

static kin_error *b139_next(void *arg)
{
    (void)arg;
    queue job = {{0}, NULL};
    KIN_GROUP(group);
    kin_spawn(group, first_in_the_queue, &job);
    settle();
    kin_spawn(group, second_in_the_queue, &job);
    settle();
    CHECK_EQ(kin_wait_list_count(&job.list), 2);
    kin_scope_cancel(job.first, NULL);
    CHECK_EQ(kin_wait_list_count(&job.list), 1);
    CHECK_EQ(kin_wait_list_wake(&job.list, 1), 1);
    CHECK_EQ(kin_wait_list_count(&job.list), 0);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("first:CANCELLED second:OK");
    return err;
}

/* B139: a waiter that was cancelled is out of the list in the same step, so
   that what is handed out goes to the next one. */
TEST(b139_the_next_waiter_is_woken)
{
    RUNS(b139_next, "OK");
}

/* --- closed under a waiter; many waiters ------------------------------- */

static kin_error *closes(void *arg)
{
    stagehand *job = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    job->on->close(job->set);
    return NULL;
}

static kin_error *closed(const operation *on, stage *set)
{
    if (!on->close)
        return NULL;
    kin_time began = kin_now();
    KIN_GROUP(group);
    KIN_SCOPE(shield, .shield = true); /* from the closer's failure */
    kin_spawn(group, closes, (&(stagehand){NULL, on, set}));
    gives(on, on->call(set), on->closed);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    gives(on, kin_scope_close(shield, NULL), "OK");
    return kin_error_suppress(kin_group_close(group, NULL), &KIN_MISUSE);
}

/* E6: what somebody waits on may be closed: the wait ends, with an error that
   says so. */
TEST(e6_closed_under_a_waiter)
{
    every_wait(closed);
}

static kin_error *closed_and_cancelled(const operation *on, stage *set)
{
    if (!on->close)
        return NULL;
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    stagehand job = {scope, &(operation){.complete = on->close}, set};
    kin_spawn(group, cancels_then_completes, &job);
    gives(on, on->call(set), "CANCELLED");
    gives(on, kin_scope_close(scope, NULL), "OK");
    return kin_error_suppress(kin_group_close(group, NULL), &KIN_MISUSE);
}

/* And a waiter that was cancelled before, and has not run, is out of it. */
TEST(e6_cancelled_then_closed)
{
    every_wait(closed_and_cancelled);
}

static kin_error *calls(void *arg)
{
    stagehand *job = arg;
    return job->on->call(job->set);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CROWD = 2000 };
#else
enum { CROWD = 100000 };
#endif

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static kin_error *crowd(const operation *on, stage *set)
{
    stagehand job = {NULL, on, set};
    KIN_GROUP(group);
    for (int i = 0; i < CROWD; i++)
        kin_spawn(group, calls, &job);
    settle();
    CHECK_EQ(kin_group_running(group), CROWD);
    double began = processor_seconds();
    kin_group_cancel(group, NULL);
    kin_error *err = kin_group_close(group, NULL);
    double took = processor_seconds() - began;
    /* a tenth of a second or two; the square of a hundred thousand steps is
       more than ten of them */
    if (took > 5)
        FAIL("%s: %d cancelled in %.1f s", on->name, CROWD, took);
    return err;
}

/* B269: a hundred thousand that wait on one thing are cancelled in linear time. */
static void crowds(size_t part)
{
    for (size_t i = part; i < WAITS; i += 4)
        if (!waits[i].alone)
            plays_with(&waits[i], crowd, 0);
}

TEST(b269_many_waiters_cancelled_1)
{
    crowds(0);
}

TEST(b269_many_waiters_cancelled_2)
{
    crowds(1);
}

TEST(b269_many_waiters_cancelled_3)
{
    crowds(2);
}

TEST(b269_many_waiters_cancelled_4)
{
    crowds(3);
}

/* --- B140 and B141: handing over --------------------------------------- */

/* A rendezvous of pointers, made of two wait lists. The one who comes second
   moves the item and wakes the first. */
typedef struct handover {
    kin_wait_list senders, receivers;
} handover;

static kin_error *hand_over(handover *at, void *item)
{
    KIN_TRY(kin_pass());
    kin_waiter *receiver = at->receivers.first;
    if (receiver) {
        *(void **)receiver->data = item;
        kin_wait_list_wake_one(&at->receivers, NULL);
        return NULL;
    }
    kin_waiter self = {.data = item};
    return kin_wait_on(&at->senders, &self, "a receiver");
}

static kin_error *take_over(handover *at, void **item)
{
    KIN_TRY(kin_pass());
    kin_waiter *sender = at->senders.first;
    if (sender) {
        *item = sender->data;
        kin_wait_list_wake_one(&at->senders, NULL);
        return NULL;
    }
    kin_waiter self = {.data = item};
    return kin_wait_on(&at->receivers, &self, "a sender");
}

typedef struct exchange {
    handover at;
    kin_scope *scope;
    void *item;
    bool sent;
} exchange;

static kin_error *receives(void *arg)
{
    exchange *job = arg;
    KIN_SCOPE(scope);
    job->scope = scope;
    kin_error *err = take_over(&job->at, &job->item);
    NOTE("receive:%s", shape(err));
    kin_error_free(err);
    err = kin_checkpoint();
    NOTE("then:%s", shape(err));
    return kin_scope_close(scope, err);
}

static kin_error *b140(void *arg)
{
    (void)arg;
    int item = 7;
    exchange job = {{{0}, {0}}, NULL, NULL, false};
    KIN_GROUP(group);
    kin_spawn(group, receives, &job);
    settle();
    CHECK_OUTCOME(hand_over(&job.at, &item), "OK");
    kin_scope_cancel(job.scope, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("receive:OK then:CANCELLED");
    CHECK_EQ(job.item, &item);
    return err;
}

/* B140: a receiver that was handed an item, and is cancelled before it runs,
   has the item; its next checkpoint fails. */
TEST(b140_handed_over_then_cancelled)
{
    RUNS(b140, "OK");
}

static kin_error *sends(void *arg)
{
    exchange *job = arg;
    KIN_SCOPE(scope);
    job->scope = scope;
    kin_error *err = hand_over(&job->at, job->item);
    NOTE("send:%s", shape(err));
    job->sent = !err;
    return kin_scope_close(scope, err);
}

static kin_error *b141(void *arg)
{
    (void)arg;
    int item = 7;
    exchange job = {{{0}, {0}}, NULL, &item, false};
    void *received = NULL;
    KIN_GROUP(group);
    kin_spawn(group, sends, &job);
    settle();
    CHECK_EQ(kin_wait_list_count(&job.at.senders), 1);
    kin_scope_cancel(job.scope, NULL);
    CHECK_EQ(kin_wait_list_count(&job.at.senders), 0);
    CHECK_OUTCOME(
        KIN_WITHIN(take_over(&job.at, &received), .fail_after = KIN_SECONDS(1)),
        "TIMEOUT");
    CHECK_EQ(received, NULL);
    CHECK(!job.sent);
    CHECK_EQ(kin_wait_list_count(&job.at.receivers), 0);
    CHECK_LOG("send:CANCELLED");
    return kin_group_close(group, NULL);
}

/* B141: the item of a cancelled sender is not delivered; the sender keeps
   it. */
TEST(b141_cancelled_sender_keeps_its_item)
{
    RUNS(b141, "OK");
}

/* --- B142 and B143: aborting ------------------------------------------- */

typedef struct wait_in_park {
    kin_task *task;
    kin_scope *outer, *inner;
    kin_abort_fn *abort;
    int aborts;
} wait_in_park;

static bool refuses(void *context)
{
    ((wait_in_park *)context)->aborts++;
    return false;
}

static bool agrees(void *context)
{
    ((wait_in_park *)context)->aborts++;
    return true;
}

static kin_error *parks_in_two_scopes(void *arg)
{
    wait_in_park *job = arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    job->task = kin_task_self();
    job->outer = outer;
    job->inner = inner;
    kin_error *err = kin_park(job->abort, job, "the test");
    NOTE("park:%s", shape(err));
    kin_error_free(err);
    err = kin_checkpoint();
    NOTE("then:%s", shape(err));
    err = kin_scope_close(inner, err);
    return kin_scope_close(outer, err);
}

/* Cancels a wait that cannot be, and then ends it. */
static void ends_an_uncancellable_wait(kin_abort_fn *abort, kin_error *result)
{
    wait_in_park job = {.abort = abort};
    KIN_GROUP(group);
    kin_spawn(group, parks_in_two_scopes, &job);
    settle();
    kin_scope_cancel(job.inner, NULL);
    settle();
    kin_scope_cancel(job.outer, NULL);
    settle();
    CHECK_LOG("");
    kin_wake(job.task, result);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_EQ(job.aborts, abort != NULL);
}

static kin_error *b142(void *arg)
{
    kin_abort_fn *abort = *(kin_abort_fn **)arg;
    ends_an_uncancellable_wait(abort, NULL);
    CHECK_LOG("park:OK then:CANCELLED");
    harness_log_clear();
    ends_an_uncancellable_wait(abort, fail_v("1"));
    CHECK_LOG("park:V1 then:CANCELLED");
    return NULL;
}

/* B142: a wait that cannot be cancelled, for want of an abort or because that
   refuses, goes on until it is woken, and has its result; the next checkpoint
   fails. */
TEST(b142_uncancellable_wait)
{
    kin_abort_fn *aborts[] = {refuses, NULL};
    for (size_t i = 0; i < 2; i++) {
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(b142, &aborts[i], seed), "OK");
        }
    }
}

static kin_error *b142_cancelled_already(void *arg)
{
    (void)arg;
    wait_in_park job = {.abort = NULL};
    KIN_SCOPE(scope);
    KIN_GROUP(group);
    kin_spawn(group, parks_in_two_scopes, &job);
    kin_scope_cancel(scope, NULL);
    settle();
    CHECK_LOG("");
    kin_wake(job.task, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("park:OK then:CANCELLED");
    return kin_scope_close(scope, err);
}

/* B142: and without an abort it is no cancel point on entry, either. */
TEST(b142_uncancellable_wait_of_a_cancelled_task)
{
    RUNS(b142_cancelled_already, "OK");
}

static kin_error *b143(void *arg)
{
    (void)arg;
    wait_in_park job = {.abort = agrees};
    KIN_GROUP(group);
    kin_spawn(group, parks_in_two_scopes, &job);
    settle();
    kin_scope_cancel(job.outer, NULL);
    CHECK_EQ(job.aborts, 1);
    kin_scope_cancel(job.inner, NULL);
    CHECK_EQ(job.aborts, 1);
    /* too late for the wait, and in time for what comes after it */
    kin_scope_set_shield(kin_group_scope(group), true);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("park:CANCELLED then:CANCELLED");
    CHECK_EQ(job.aborts, 1);
    return err;
}

static kin_error *parks_in_a_scope(void *arg)
{
    wait_in_park *job = arg;
    KIN_SCOPE(inner);
    job->task = kin_task_self();
    job->inner = inner;
    kin_error *err = kin_park(job->abort, job, "the test");
    NOTE("park:%s", shape(err));
    /* what it was cancelled by is known, though a shield hides it by now */
    CHECK_EQ(err != NULL, err && kin_error_during(err));
    kin_error_free(err);
    err = kin_checkpoint();
    NOTE("then:%s", shape(err));
    return kin_scope_close(inner, err);
}

static kin_error *b143_shield(void *arg)
{
    (void)arg;
    wait_in_park job = {.abort = agrees};
    KIN_SCOPE(around);
    KIN_GROUP(group);
    kin_spawn(group, parks_in_a_scope, &job);
    settle();
    kin_scope_cancel(around, NULL);
    CHECK_EQ(job.aborts, 1);
    kin_scope_set_shield(job.inner, true);
    kin_scope_set_shield(job.inner, false);
    kin_scope_set_shield(job.inner, true);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(job.aborts, 1);
    CHECK_LOG("park:CANCELLED then:OK");
    return kin_scope_close(around, err);
}

static kin_error *b143_refused(void *arg)
{
    (void)arg;
    wait_in_park job = {.abort = refuses};
    KIN_SCOPE(around);
    KIN_GROUP(group);
    kin_spawn(group, parks_in_a_scope, &job);
    settle();
    kin_scope_cancel(around, NULL);
    CHECK_EQ(job.aborts, 1);
    kin_scope_set_shield(job.inner, true);
    kin_scope_set_shield(job.inner, false);
    kin_scope_cancel(job.inner, NULL);
    kin_group_cancel(group, NULL);
    CHECK_EQ(job.aborts, 1);
    settle();
    CHECK_LOG("");
    kin_wake(job.task, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("park:OK then:CANCELLED");
    return kin_scope_close(around, err);
}

/* B143: an abort is called at most once for a wait, though it be cancelled
   twice; what it decided stays so, though a shield is raised before the task
   runs. */
TEST(b143_abort_is_called_once)
{
    RUNS(b143, "OK");
    RUNS(b143_shield, "OK");
    RUNS(b143_refused, "OK");
}

/* Two who wait; whose abort is called first, wakes the other, and cancels a
   third one somewhere else. */
typedef struct partner {
    kin_task *task; /* while it waits */
    struct partner *other;
    kin_scope *third;
    int *aborts;
} partner;

static bool wakes_its_partner(void *context)
{
    partner *self = context;
    ++*self->aborts;
    self->task = NULL;
    if (self->other->task) {
        kin_wake(self->other->task, NULL);
        self->other->task = NULL;
    }
    kin_scope_cancel(self->third, "an abort");
    return true;
}

static kin_error *waits_with_a_partner(void *arg)
{
    partner *self = arg;
    self->task = kin_task_self();
    kin_error *err = kin_park(wakes_its_partner, self, "its partner");
    NOTE("park:%s", shape(err));
    kin_error_free(err);
    return kin_checkpoint();
}

static kin_error *is_the_third(void *arg)
{
    partner *pair = arg;
    KIN_SCOPE(scope);
    pair[0].third = pair[1].third = scope;
    kin_error *err = kin_sleep_forever();
    NOTE("third:%s", shape(err));
    return kin_scope_close(scope, err);
}

static kin_error *b143_partners(void *arg)
{
    (void)arg;
    int aborts = 0;
    partner pair[2] = {{NULL, &pair[1], NULL, &aborts},
                       {NULL, &pair[0], NULL, &aborts}};
    KIN_GROUP(elsewhere);
    kin_spawn(elsewhere, is_the_third, pair);
    KIN_GROUP(group);
    kin_spawn(group, waits_with_a_partner, &pair[0]);
    kin_spawn(group, waits_with_a_partner, &pair[1]);
    settle();
    kin_group_cancel(group, NULL);
    kin_error *err = kin_group_close(group, NULL);
    err = kin_group_close(elsewhere, err);
    CHECK_EQ(aborts, 1);
    CHECK_LOG_SORTED("park:CANCELLED park:OK third:CANCELLED");
    return err;
}

/* B143: an abort may wake a task that was about to be aborted too, whose wait
   then ends well, and may cancel another. */
TEST(b143_abort_that_wakes_and_cancels)
{
    RUNS(b143_partners, "OK");
}

/* --- B144 to B147: checkpoints and sleeps ------------------------------ */

static kin_error *b144(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, notes_other, NULL);
    /* looks, and does not give way */
    CHECK_OUTCOME(kin_checkpoint_if_cancelled(), "OK");
    CHECK_LOG("");
    /* gives way, and does not look */
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_give_way();
    CHECK_LOG("other");
    CHECK_OUTCOME(kin_checkpoint_if_cancelled(), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_OUTCOME(kin_checkpoint_if_cancelled(), "OK");
    return kin_group_close(group, NULL);
}

/* B144: the halves of a checkpoint: one fails when the task is cancelled and
   does nothing else, the other gives way and never fails. */
TEST(b144_halves_of_a_checkpoint)
{
    CHECK_OUTCOME(run_virtual(b144, NULL, 0), "OK");
}

static kin_error *b145(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(1) - 1), "OK");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_OUTCOME(kin_clock_jump(1), "OK");
    CHECK_OUTCOME(kin_checkpoint_if_cancelled(), "CANCELLED");
    return kin_scope_close(scope, kin_checkpoint());
}

/* B145: a deadline that passes while the task runs is noticed by its next
   checkpoint. */
TEST(b145_deadline_passes_while_running)
{
    RUNS(b145, "OK");
}

static kin_error *b146(void *arg)
{
    (void)arg;
    stage set = {.item = 7};
    kin_time began = kin_now();
    for (size_t i = 0; i < PASSING; i++)
        gives(&passing[i], passing[i].call(&set), "OK");
    CHECK_EQ(kin_now(), began);
    CHECK_OUTCOME(kin_sleep(INT64_MIN), "OK");
    CHECK_OUTCOME(kin_sleep_until(INT64_MIN), "OK");
    CHECK_EQ(kin_now(), began);

    CHECK_OUTCOME(kin_sleep(1), "OK");
    CHECK_EQ(kin_now() - began, 1);
    CHECK_OUTCOME(kin_sleep_until(began + KIN_SECONDS(2)), "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    return NULL;
}

static kin_error *b146_never(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep(KIN_NEVER), "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    KIN_SCOPE(again, .move_on_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep_until(KIN_NEVER), "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    return kin_scope_close(again, NULL);
}

/* B146, as the API changes it: a sleep of no time, of less, or until a point
   that has passed, is a checkpoint and takes no time. */
TEST(b146_sleeps_of_no_time)
{
    RUNS(b146, "OK");
    RUNS(b146_never, "OK");
}

typedef struct stray {
    kin_task *task;
} stray;

static kin_error *sleeps_and_is_woken(void *arg)
{
    ((stray *)arg)->task = kin_task_self();
    return kin_sleep_forever();
}

static kin_error *b147(void *arg)
{
    (void)arg;
    stray job = {NULL};
    KIN_GROUP(group);
    kin_spawn(group, sleeps_and_is_woken, &job);
    settle();
    kin_wake(job.task, NULL);
    return kin_group_close(group, NULL);
}

/* B147: a sleep forever that somebody wakes is a KIN_MISUSE. */
TEST(b147_sleep_forever_that_is_woken)
{
    RUNS(b147, "G[MISUSE]");
}

/* --- B148: errno ------------------------------------------------------- */

static kin_error *changes_errno(void *arg)
{
    (void)arg;
    for (;;) {
        errno = ERANGE;
        KIN_TRY(kin_sleep(KIN_SECONDS(0.3)));
        CHECK_EQ(errno, ERANGE);
    }
}

static kin_error *b148(const operation *on, stage *set)
{
    KIN_GROUP(group);
    kin_spawn(group, changes_errno, NULL);
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    errno = EDOM;
    kin_error *err = on->call(set);
    if (errno != EDOM)
        FAIL("%s changes errno to %d", on->name, errno);
    kin_error_free(err);
    if (on->complete) {
        KIN_SCOPE(here, .shield = true);
        kin_spawn(group, completes, (&(stagehand){NULL, on, set}));
        errno = EDOM;
        gives(on, on->call(set), "OK");
        CHECK_EQ(errno, EDOM);
        CHECK_OUTCOME(kin_scope_close(here, NULL), "OK");
    }
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    kin_group_cancel(group, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *b148_system_clock(void *arg)
{
    (void)arg;
    errno = EDOM;
    kin_error *err = kin_sleep(KIN_MICROSECONDS(10));
    CHECK_EQ(errno, EDOM);
    for (int i = 0; i < 3000 && !err; i++)
        err = kin_checkpoint();
    CHECK_EQ(errno, EDOM);
    return err;
}

/* B148: errno is the task's own: after an operation it is what it was before,
   whatever other tasks did, and however the operation ended. */
TEST(b148_errno_is_the_tasks_own)
{
    every_operation(b148);
    CHECK_OUTCOME(kin_run(b148_system_clock, NULL), "OK");
}

/* --- B149: a condition, made of wait lists ----------------------------- */

typedef struct monitor {
    kin_task *owner;
    kin_wait_list lock, changed;
} monitor;

/* The lock is handed over: whoever is woken has it. */
static kin_error *monitor_enter(monitor *on)
{
    KIN_TRY(kin_pass());
    if (on->owner) {
        kin_waiter self;
        return kin_wait_on(&on->lock, &self, "the lock");
    }
    on->owner = kin_task_self();
    return NULL;
}

static void monitor_leave(monitor *on)
{
    kin_waiter *next = on->lock.first;
    on->owner = next ? next->task : NULL;
    if (next)
        kin_wait_list_wake_one(&on->lock, NULL);
}

/* Holds the lock again when it returns, whatever it returns. */
static kin_error *monitor_wait(monitor *on)
{
    KIN_TRY(kin_pass());
    kin_waiter self;
    monitor_leave(on);
    kin_error *err = kin_wait_on(&on->changed, &self, "a change");
    KIN_SCOPE(back, .shield = true);
    kin_error *entered = monitor_enter(on);
    return kin_error_combine(err, kin_scope_close(back, entered));
}

typedef struct condition_test {
    monitor on;
    kin_scope *scope;
} condition_test;

static kin_error *waits_for_a_change(void *arg)
{
    condition_test *job = arg;
    KIN_SCOPE(scope);
    job->scope = scope;
    KIN_TRY(monitor_enter(&job->on));
    kin_error *err = monitor_wait(&job->on);
    NOTE("wait:%s", shape(err));
    CHECK_EQ(job->on.owner, kin_task_self());
    monitor_leave(&job->on);
    return kin_scope_close(scope, err);
}

static kin_error *b149(void *arg)
{
    (void)arg;
    condition_test job = {{NULL, {0}, {0}}, NULL};
    KIN_GROUP(group);
    kin_spawn(group, waits_for_a_change, &job);
    settle();
    CHECK_EQ(job.on.owner, NULL);
    CHECK_EQ(kin_wait_list_count(&job.on.changed), 1);
    CHECK_OUTCOME(monitor_enter(&job.on), "OK");
    kin_scope_cancel(job.scope, NULL);
    settle();
    /* it is cancelled, and waits for the lock all the same */
    CHECK_LOG("");
    CHECK_EQ(kin_wait_list_count(&job.on.changed), 0);
    CHECK_EQ(kin_wait_list_count(&job.on.lock), 1);
    monitor_leave(&job.on);
    settle();
    CHECK_LOG("wait:CANCELLED");
    CHECK_EQ(job.on.owner, NULL);
    return kin_group_close(group, NULL);
}

/* B149: a wait for a condition that is cancelled returns with the lock held. */
TEST(b149_cancelled_wait_for_a_condition_holds_the_lock)
{
    RUNS(b149, "OK");
}

/* --- B225: wait lists -------------------------------------------------- */

typedef struct parker {
    kin_wait_list *list;
    const char *name;
    kin_scope *scope;
} parker;

static kin_error *waits_in_a_list(void *arg)
{
    parker *self = arg;
    kin_waiter waiter;
    KIN_SCOPE(scope);
    self->scope = scope;
    kin_error *err = kin_wait_on(self->list, &waiter, "its turn");
    NOTE("%s:%s", self->name, shape(err));
    kin_error_catch(&err, &KIN_FAILURE);
    return kin_scope_close(scope, err);
}

/* Spawns one after the other, so that they stand in the list in that order. */
static void line_up(kin_group *group, parker parkers[], size_t count,
                    kin_wait_list *list)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < count; i++) {
        parkers[i] = (parker){list, names[i], NULL};
        kin_spawn(group, waits_in_a_list, &parkers[i]);
        settle();
    }
}

static kin_error *b225_order(void *arg)
{
    (void)arg;
    kin_wait_list list = {0};
    parker parkers[6];
    KIN_GROUP(group);
    line_up(group, parkers, 6, &list);
    CHECK_EQ(kin_wait_list_count(&list), 6);
    CHECK_EQ(kin_wait_list_wake(&list, 1), 1);
    settle();
    CHECK_LOG("a:OK");
    kin_scope_cancel(parkers[2].scope, NULL);
    settle();
    CHECK_LOG("a:OK c:CANCELLED");
    CHECK_EQ(kin_wait_list_count(&list), 4);
    kin_waiter *first = kin_wait_list_wake_one(&list, fail_v("1"));
    CHECK(first != NULL);
    settle();
    CHECK_LOG("a:OK c:CANCELLED b:V1");
    kin_group_cancel(group, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *b225_many(void *arg)
{
    (void)arg;
    kin_wait_list list = {0};
    parker parkers[6];
    KIN_GROUP(group);
    line_up(group, parkers, 6, &list);
    CHECK_EQ(kin_wait_list_wake(&list, 2), 2);
    settle();
    CHECK_LOG_SORTED("a:OK b:OK");
    CHECK_EQ(kin_wait_list_wake(&list, 0), 0);
    CHECK_EQ(kin_wait_list_count(&list), 4);
    CHECK_EQ(kin_wait_list_wake(&list, SIZE_MAX), 4);
    settle();
    CHECK_LOG_SORTED("a:OK b:OK c:OK d:OK e:OK f:OK");
    CHECK_EQ(kin_wait_list_wake(&list, 3), 0);
    CHECK_EQ(kin_wait_list_wake_one(&list, NULL), NULL);
    return kin_group_close(group, NULL);
}

/* B225: waiters are woken first come, first served: one with a result, a number
   of them, or all; one that was cancelled is not counted. */
TEST(b225_wait_list_is_first_in_first_out)
{
    RUNS(b225_order, "OK");
    RUNS(b225_many, "OK");
}

static kin_error *b225_move(void *arg)
{
    (void)arg;
    kin_wait_list list = {0}, other = {0};
    parker parkers[5], there;
    KIN_GROUP(group);
    line_up(group, &there, 1, &other);
    there.name = "x";
    line_up(group, parkers, 5, &list);
    CHECK_EQ(kin_wait_list_move(&list, &other, 3), 3);
    CHECK_EQ(kin_wait_list_count(&list), 2);
    CHECK_EQ(kin_wait_list_count(&other), 4);
    /* they can be cancelled where they are now, */
    kin_scope_cancel(parkers[1].scope, NULL);
    settle();
    CHECK_LOG("b:CANCELLED");
    CHECK_EQ(kin_wait_list_count(&other), 3);
    CHECK_EQ(kin_wait_list_count(&list), 2);
    /* stand at its end, in order, */
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(kin_wait_list_wake(&other, 1), 1);
        settle();
    }
    CHECK_LOG("b:CANCELLED x:OK a:OK c:OK");
    /* and those left behind are not disturbed */
    CHECK_EQ(kin_wait_list_move(&list, &other, 9), 2);
    CHECK_EQ(kin_wait_list_count(&list), 0);
    CHECK_EQ(kin_wait_list_wake(&other, 9), 2);
    return kin_group_close(group, NULL);
}

/* B225: waiters that are moved to another list keep their order, and can be
   cancelled there. */
TEST(b225_waiters_that_are_moved)
{
    RUNS(b225_move, "OK");
}

static kin_error *b225_broken(void *arg)
{
    (void)arg;
    kin_wait_list list = {0};
    parker parkers[2];
    kin_waiter waiter;
    KIN_GROUP(group);
    line_up(group, parkers, 2, &list);
    kin_wait_list_break(&list, "the owner is gone");
    CHECK_EQ(kin_wait_list_count(&list), 0);
    settle();
    CHECK_LOG_SORTED("a:BROKEN b:BROKEN");
    kin_error *err = kin_wait_on(&list, &waiter, "its turn");
    CHECK_CONTAINS(kin_error_message(err), "the owner is gone");
    CHECK_OUTCOME(err, "BROKEN");
    return kin_group_close(group, NULL);
}

/* B225: a list that is broken fails those who wait in it, and whoever comes. */
TEST(b225_broken_wait_list)
{
    RUNS(b225_broken, "OK");
}

/* --- the contract of parking ------------------------------------------- */

static kin_error *parks_and_notes(void *arg)
{
    wait_in_park *job = arg;
    job->task = kin_task_self();
    kin_error *err = kin_park(agrees, job, "the test");
    NOTE("park:%s", shape(err));
    kin_error_free(err);
    return kin_sleep(KIN_SECONDS(1));
}

static kin_error *wakes_twice(void *arg)
{
    (void)arg;
    wait_in_park job = {.abort = agrees};
    KIN_GROUP(group);
    kin_spawn(group, parks_and_notes, &job);
    settle();
    kin_wake(job.task, fail_v("1"));
    kin_wake(job.task, kin_error_give(fail_t("2")));
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("park:V1");
    CHECK_EQ(job.aborts, 0);
    return err;
}

/* B138, C4: a wait is woken exactly once: to wake a task that does not wait is
   a KIN_MISUSE of the waker's, who keeps the result. */
TEST(b138_woken_exactly_once)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(wakes_twice, NULL, seed);
        CHECK_EQ(leaf_count(err), 2);
        CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
        CHECK(leaf_of(err, &TEST_T) != NULL);
        kin_error_free(err);
    }
}
