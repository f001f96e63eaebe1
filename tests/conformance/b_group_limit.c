/* b_group_limit.c: children that wait for their turn behind .limit, and what
   becomes of them when their group is cancelled. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

struct turns {
    int now, most, begun;
    kin_time began;
};

static kin_error *takes_a_turn(void *arg)
{
    struct turns *turns = arg;
    NOTE("%s@%d", kin_task_name(kin_task_self()),
         (int)((kin_now() - turns->began) / KIN_SECONDS(1)));
    turns->begun++;
    turns->now++;
    if (turns->most < turns->now)
        turns->most = turns->now;
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    turns->now--;
    return err;
}

static kin_error *limit_turns(void *arg)
{
    (void)arg;
    struct turns turns = {.began = kin_now()};
    KIN_GROUP(group, .limit = 2);
    kin_spawn(group, takes_a_turn, &turns, .name = "a");
    kin_spawn(group, takes_a_turn, &turns, .name = "b");
    kin_task *c = kin_spawn(group, takes_a_turn, &turns, .name = "c");
    kin_spawn(group, takes_a_turn, &turns, .name = "d");
    kin_task *e = kin_spawn(group, takes_a_turn, &turns, .name = "e");
    CHECK_EQ(kin_group_running(group), 5);
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1500)));
    CHECK_EQ(turns.now, 2);
    CHECK_EQ(kin_group_running(group), 3);
    CHECK_EQ(kin_task_status(c), KIN_TASK_RUNNING);
    CHECK_EQ(kin_task_status(e), KIN_TASK_PENDING);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(turns.most, 2);
    CHECK_EQ(turns.begun, 5);
    CHECK_EQ(kin_now() - turns.began, KIN_SECONDS(3));
    CHECK_LOG_SORTED("a@0 b@0 c@1 d@1 e@2");
    return err;
}

/* ".limit (children that run at once; more wait their turn)", in the order in
   which they were spawned. */
TEST(limit_children_wait_their_turn)
{
    RUNS(limit_turns, "OK");
}

struct starts {
    int begun, cancelled;
};

static kin_error *counts_its_start(void *arg)
{
    struct starts *starts = arg;
    starts->begun++;
    kin_error *err = kin_sleep(KIN_SECONDS(10));
    starts->cancelled += kin_error_is(err, &KIN_CANCELLED);
    return err;
}

static kin_error *limit_cancelled(void *arg)
{
    (void)arg;
    struct starts starts = {0};
    kin_time began = kin_now();
    KIN_GROUP(group, .limit = 2);
    for (int i = 0; i < 7; i++)
        kin_spawn(group, counts_its_start, &starts);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_EQ(starts.begun, 2);
    kin_group_cancel(group, "enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(starts.begun, 7);
    CHECK_EQ(starts.cancelled, 7);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    return err;
}

static kin_error *limit_cancelled_outside(void *arg)
{
    (void)arg;
    struct starts starts = {0};
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group, .limit = 1);
        for (int i = 0; i < 5; i++)
            kin_spawn(group, counts_its_start, &starts);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "CANCELLED");
    }
    CHECK_EQ(starts.begun, 5);
    CHECK_EQ(starts.cancelled, 5);
    return kin_scope_close(outer, err);
}

static kin_error *limit_failure(void *arg)
{
    (void)arg;
    struct starts starts = {0};
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .limit = 1);
    kin_spawn(group, works, &failing);
    for (int i = 0; i < 5; i++)
        kin_spawn(group, counts_its_start, &starts);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(starts.begun, 5);
    CHECK_EQ(starts.cancelled, 5);
    return err;
}

/* "A child still waiting its turn behind .limit when its group is cancelled
   starts all the same and runs to its first checkpoint": cancelled by itself,
   from outside, by a sibling's failure (C3). */
TEST(limit_pending_children_of_a_cancelled_group_start)
{
    RUNS(limit_cancelled, "OK");
    RUNS(limit_cancelled_outside, "OK");
    RUNS(limit_failure, "G[V1]");
}

static kin_error *limit_pending_cancelled(void *arg)
{
    (void)arg;
    struct starts starts = {0};
    work first = {.after = KIN_SECONDS(2)};
    KIN_GROUP(group, .limit = 1);
    kin_spawn(group, works, &first);
    kin_task *pending = kin_spawn(group, counts_its_start, &starts);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_task_cancel(pending, "changed my mind");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(starts.begun, 1);
    CHECK_EQ(starts.cancelled, 1);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return err;
}

/* The same for one that was cancelled alone (B179). */
TEST(limit_a_pending_child_that_is_cancelled_starts)
{
    RUNS(limit_pending_cancelled, "OK");
}

struct breeds {
    kin_group *group;
    int left, ended;
};

static kin_error *breeds_one(void *arg)
{
    struct breeds *state = arg;
    if (state->left-- > 0)
        kin_spawn(state->group, breeds_one, state);
    KIN_TRY(kin_checkpoint());
    state->ended++;
    return NULL;
}

static kin_error *limit_breeding(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .limit = 1);
    struct breeds state = {group, 20, 0};
    kin_spawn(group, breeds_one, &state);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(state.ended, 21);
    return err;
}

/* Spawning never waits, so a full group's child may spawn into it. */
TEST(limit_spawning_from_within_does_not_wait)
{
    RUNS(limit_breeding, "OK");
}

static kin_error *is_up_at_once(void *arg)
{
    NOTE("begun");
    kin_started(arg);
    return kin_sleep(KIN_SECONDS(1));
}

static kin_error *limit_start(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work first = {.after = KIN_SECONDS(2)};
    work last = {.note = "last"};
    KIN_GROUP(group, .limit = 1);
    kin_spawn(group, works, &first);
    kin_error *err = kin_start(group, is_up_at_once, NULL, NULL);
    CHECK_SHAPE(err, "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    kin_spawn(group, works, &last);
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(500)));
    CHECK_LOG("begun");
    err = kin_group_close(group, NULL);
    CHECK_LOG("begun last");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(3));
    return err;
}

/* kin_start "counts against .limit". */
TEST(limit_counts_what_is_started)
{
    RUNS(limit_start, "OK");
}

static kin_error *limit_start_cancelled(void *arg)
{
    (void)arg;
    work first = {.after = KIN_SECONDS(2)};
    KIN_GROUP(group, .limit = 1);
    kin_spawn(group, works, &first);
    kin_error *err;
    {
        KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
        err = kin_start(group, is_up_at_once, NULL, NULL);
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_LOG("begun");
        err = kin_scope_close(limit, err);
        CHECK_STR(scope_state(limit), "called=1 caught=1");
    }
    return kin_group_close(group, err);
}

/* "... no cancel point on entry: its function always starts", behind a limit
   too. */
TEST(limit_a_start_that_is_cancelled_runs_its_child)
{
    RUNS(limit_start_cancelled, "OK");
}

static kin_error *limit_any(void *arg)
{
    (void)arg;
    struct starts starts = {0};
    work winner = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .policy = KIN_ANY, .limit = 1);
    kin_spawn(group, works, &winner);
    kin_spawn(group, counts_its_start, &starts);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(starts.begun, 1);
    CHECK_EQ(starts.cancelled, 1);
    return err;
}

static kin_error *limit_each(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .limit = 1);
    kin_spawn(group, works, &failing, .name = "a");
    kin_spawn(group, works, &failing, .name = "b");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_UNHANDLED("a:V1 b:V1");
    return err;
}

/* A limit goes with every policy. */
TEST(limit_goes_with_every_policy)
{
    RUNS(limit_any, "OK");
    RUNS(limit_each, "OK");
}
