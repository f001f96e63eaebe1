/* b_groups.c: B39 to B66: a group of policy KIN_ALL, from its opening to its
   close. Each test names its entry and says what that asks for. The order of
   tasks that can run at the same moment must not matter, so nearly all of them
   run with several seeds. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* --- B39: the run's own outcome ---------------------------------------- */

static kin_error *sets_to_42(void *arg)
{
    *(int *)arg = 42;
    return NULL;
}

static kin_error *fails_and_tells(void *arg)
{
    kin_error *err = fail_v("1");
    *(const kin_error **)arg = err;
    return err;
}

/* B39: what the main task returns is what the run returns. */
TEST(b39_a_run_gives_what_its_main_task_gives)
{
    int value = 0;
    CHECK_OUTCOME(run_virtual(sets_to_42, &value, 0), "OK");
    CHECK_EQ(value, 42);
}

/* B39, C6: the run puts no group around the main task's error. */
TEST(b39_a_run_gives_the_main_tasks_error_bare)
{
    const kin_error *made = NULL;
    kin_error *err = run_virtual(fails_and_tells, &made, 0);
    CHECK_SHAPE(err, "V1");
    CHECK_EQ(err, made);
    kin_error_free(err);
}

/* --- B40 to B47: failures ---------------------------------------------- */

static kin_error *b40(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *made = fail_v("1");

    kin_error *err = kin_group_close(group, made);

    CHECK_SHAPE(err, "G[V1]");
    CHECK_EQ(kin_error_count(err), 1);
    CHECK_EQ(kin_error_member(err, 0), made);
    CHECK(kin_error_is(err, &KIN_ERROR_GROUP));
    CHECK_EQ(kin_error_cause(err), NULL);
    kin_error_free(err);
    return NULL;
}

/* B40: the body's error comes out in a group, as the same object. */
TEST(b40_body_error_comes_out_in_a_group)
{
    RUNS(b40, "OK");
}

static kin_error *b41(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);

    kin_error *err = kin_group_close(group, NULL);

    CHECK_SHAPE(err, "G[V1]");
    CHECK_EQ(kin_error_member(err, 0), failing.made);
    return err;
}

/* B41, C6: a child's error comes out in a group, as the same object. */
TEST(b41_child_crash_comes_out_in_a_group)
{
    RUNS(b41, "G[V1]");
}

static kin_error *b42(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    kin_time began = kin_now();
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);

    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    err = kin_group_close(group, err);

    CHECK_SHAPE(err, "G[V1]");
    CHECK_EQ(kin_error_member(err, 0), failing.made);
    return err;
}

/* B42: a child's failure wakes the body, whose CANCELLED does not come out. */
TEST(b42_child_crash_wakes_the_body)
{
    RUNS(b42, "G[V1]");
}

static kin_error *b43(void *arg)
{
    (void)arg;
    work failing = {.note = "child", .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);
    kin_error *made = fail_k("2");

    kin_error *err = kin_group_close(group, made);

    CHECK_SHAPE(err, "G[K2, V1]");
    CHECK_EQ(kin_error_member(err, 0), made);
    CHECK_EQ(kin_error_member(err, 1), failing.made);
    CHECK_LOG("child");
    return err;
}

/* B43: the body fails while a child has not run yet: the child still runs, and
   the errors stand in the order of failure. */
TEST(b43_body_fails_before_a_child_has_run)
{
    RUNS(b43, "G[K2, V1]");
}

static kin_error *b43_waits_first(void *arg)
{
    (void)arg;
    NOTE("child");
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    return err;
}

static kin_error *b43_checkpoint(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, b43_waits_first, NULL);
    kin_error *err = kin_group_close(group, fail_k("1"));
    CHECK_LOG("child");
    return err;
}

/* B43, C3: and it runs no further than to its first checkpoint. */
TEST(b43_that_child_runs_to_its_first_checkpoint)
{
    RUNS(b43_checkpoint, "G[K1]");
}

static kin_error *b44(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_K, .text = "1"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);

    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    kin_error_free(err);
    kin_error *made = fail_v("2");
    err = kin_group_close(group, made);

    CHECK_SHAPE(err, "G[K1, V2]");
    CHECK_EQ(kin_error_member(err, 0), failing.made);
    CHECK_EQ(kin_error_member(err, 1), made);
    return err;
}

/* B44: a child fails, and then the body in dealing with that: both, in the
   order of failure. */
TEST(b44_body_fails_in_its_cancelled_path)
{
    RUNS(b44, "G[K1, V2]");
}

static kin_error *b45(void *arg)
{
    (void)arg;
    work one = {.kind = &TEST_V, .text = "1"};
    work two = {.kind = &TEST_T, .text = "2"};
    KIN_GROUP(group);
    kin_spawn(group, works, &one);
    kin_spawn(group, works, &two);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_error_count(err), 2);
    CHECK_STR(shape_sorted(err), "G[T2, V1]");
    kin_error_free(err);
    return NULL;
}

static kin_error *b45_timers(void *arg)
{
    (void)arg;
    work one = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    work two = {.after = KIN_SECONDS(1), .kind = &TEST_T, .text = "2"};
    KIN_GROUP(group);
    kin_spawn(group, works, &one);
    kin_spawn(group, works, &two);
    /* Both sleep until the same moment, so both are woken at it, and the one
       that fails first comes too late to cancel the other's sleep (C4). */
    kin_error *err = kin_sleep_forever();
    err = kin_group_close(group, err);
    CHECK_STR(shape_sorted(err), "G[T2, V1]");
    kin_error_free(err);
    return NULL;
}

/* B45: two children that fail in the same tick: both errors come out. */
TEST(b45_two_child_crashes_in_one_tick)
{
    RUNS(b45, "OK");
}

/* B45, C4: likewise when one moment's timers woke them both. */
TEST(b45_two_child_crashes_at_one_moment)
{
    RUNS(b45_timers, "OK");
}

static kin_error *b46_later(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep(KIN_SECONDS(2));
    NOTE("later:%s", shape(err));
    KIN_TRY(err);
    return fail_t("2");
}

static kin_error *b46(void *arg)
{
    (void)arg;
    work early = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    kin_time began = kin_now();
    KIN_GROUP(group);
    kin_spawn(group, works, &early);
    kin_spawn(group, b46_later, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_LOG("later:CANCELLED");
    return err;
}

/* B46: children that would fail at 1 s and at 2 s: only the first one's error,
   the other ends cancelled, at once. */
TEST(b46_the_later_failure_is_cancelled)
{
    RUNS(b46, "G[V1]");
}

static kin_error *b47_looper(void *arg)
{
    (void)arg;
    kin_error *err = NULL;
    while (!err)
        err = kin_checkpoint();
    for (int i = 0; i < 3; i++) {
        CHECK_SHAPE(err, "CANCELLED");
        kin_error_free(err);
        err = kin_checkpoint();
    }
    NOTE("ended");
    return err;
}

static kin_error *b47_crasher(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        KIN_TRY(kin_checkpoint());
    return fail_v("1");
}

static kin_error *b47(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, b47_looper, NULL);
    kin_spawn(group, b47_crasher, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("ended");
    CHECK_EQ(kin_group_running(group), 0);
    return err;
}

/* B47, C2: a sibling that loops over checkpoints gets a CANCELLED from each of
   them after the crash, and has ended before the close returns. */
TEST(b47_a_looping_sibling_is_cancelled_at_every_checkpoint)
{
    RUNS(b47, "G[V1]");
}

/* --- B48 and B49: groups in groups ------------------------------------- */

static kin_error *b48(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(outer);
    kin_error *err;
    {
        KIN_GROUP(inner);
        kin_spawn(inner, works, &failing);
        err = kin_group_close(inner, NULL);
        CHECK_SHAPE(err, "G[V1]");
    }
    err = kin_group_close(outer, err);
    CHECK_SHAPE(err, "G[G[V1]]");
    CHECK_EQ(leaf(err, 0), failing.made);
    return err;
}

/* B48, C6: a group a level. */
TEST(b48_an_inner_childs_error_comes_out_in_two_groups)
{
    RUNS(b48, "G[G[V1]]");
}

static kin_error *b49(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(outer);
    kin_spawn(outer, works, &failing);
    kin_error *err;
    {
        KIN_GROUP(inner);
        kin_spawn(inner, sleeps_forever, NULL);
        err = kin_sleep_forever();
        err = kin_group_close(inner, err);
        CHECK_SHAPE(err, "CANCELLED");
    }
    err = kin_group_close(outer, err);
    CHECK_EQ(kin_error_member(err, 0), failing.made);
    return err;
}

static kin_error *b49_in_close(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(outer);
    kin_spawn(outer, works, &failing);
    kin_error *err;
    {
        KIN_GROUP(inner);
        kin_spawn(inner, sleeps_forever, NULL);
        kin_spawn(inner, sleeps_forever, NULL);
        err = kin_group_close(inner, NULL);
        CHECK_SHAPE(err, "CANCELLED");
    }
    return kin_group_close(outer, err);
}

/* B49, C6: an inner group that was only cancelled adds no level and no error,
   be its body asleep or in its close. */
TEST(b49_an_inner_group_that_was_cancelled_adds_nothing)
{
    RUNS(b49, "G[V1]");
    RUNS(b49_in_close, "G[V1]");
}

/* --- B50 to B52: the close is no cancel point -------------------------- */

static kin_error *b50_sets_flag(void *arg)
{
    *(bool *)arg = true;
    return NULL;
}

static kin_error *b50_gives_way(void *arg)
{
    (void)arg;
    bool other_ran = false;
    int closes = 0;
    KIN_GROUP(others);
    kin_spawn(others, b50_sets_flag, &other_ran);
    while (!other_ran && closes < 1000) {
        KIN_GROUP(group);
        CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
        closes++;
    }
    CHECK(other_ran);
    CHECK(closes <= 65); /* a budget of 64 checkpoints, api.md section 1 */
    return kin_group_close(others, NULL);
}

/* B50: the close of a group without children lets others run. */
TEST(b50_closing_an_empty_group_gives_way)
{
    CHECK_OUTCOME(run_virtual(b50_gives_way, NULL, 0), "OK");
}

static kin_error *b50_cancelled(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    kin_scope_cancel(outer, "enough");
    kin_error *err;
    {
        KIN_GROUP(group);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "OK");
        CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    }
    NOTE("after");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    CHECK_LOG("after");
    return err;
}

/* B50, C5: and is no cancel point, even inside a cancelled scope. */
TEST(b50_closing_an_empty_group_in_a_cancelled_scope_is_fine)
{
    RUNS(b50_cancelled, "OK");
}

static kin_error *b51(void *arg)
{
    (void)arg;
    work child = {.note = "child"};
    KIN_SCOPE(outer);
    kin_scope_cancel(outer, NULL);
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, works, &child);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "OK");
    }
    NOTE("after");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    CHECK_LOG("child after");
    return err;
}

/* B51, C3: a child that reaches no checkpoint is not cancelled, and its group,
   in a cancelled scope, closes well. */
TEST(b51_a_child_without_a_checkpoint_completes_in_a_cancelled_scope)
{
    RUNS(b51, "OK");
}

static kin_error *b52_swallows(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    NOTE("child:%s", shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *b52(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, b52_swallows, NULL);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "OK");
        CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    }
    NOTE("after");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    CHECK_LOG("child:CANCELLED after");
    return err;
}

/* B52, C5: a close that waits while an outer scope is cancelled adds no
   CANCELLED of its own: the children swallow theirs, and the next line runs. */
TEST(b52_children_that_swallow_leave_the_close_nothing_to_say)
{
    RUNS(b52, "OK");
}

static kin_error *b52_later_checkpoint(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, b52_swallows, NULL);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "OK");
    }
    err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B52: the checkpoint after it is the one that fails. */
TEST(b52_the_next_checkpoint_fails)
{
    RUNS(b52_later_checkpoint, "OK");
}

struct b52_request {
    kin_scope *scope;
    const char *text;
};

static kin_error *b52_cancels(void *arg)
{
    struct b52_request *request = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_scope_cancel(request->scope, "%s", request->text);
    return NULL;
}

static kin_error *b52_by_task(void *arg)
{
    (void)arg;
    KIN_GROUP(others);
    kin_error *err;
    {
        KIN_SCOPE(outer);
        struct b52_request request = {outer, "from elsewhere"};
        kin_spawn(others, b52_cancels, &request);
        {
            KIN_GROUP(group);
            kin_spawn(group, b52_swallows, NULL);
            kin_spawn(group, b52_swallows, NULL);
            err = kin_group_close(group, NULL);
            CHECK_SHAPE(err, "OK");
            CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
        }
        err = kin_scope_close(outer, err);
        CHECK_STR(scope_state(outer), "called=1 caught=0");
    }
    return kin_group_close(others, err);
}

/* B52: the same when it is another task that cancels the outer scope. */
TEST(b52_cancelled_by_another_task)
{
    RUNS(b52_by_task, "OK");
}

/* --- B53 to B56: what the group's scope says --------------------------- */

static kin_error *b53(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, sleeps_forever, NULL);
        kin_spawn(group, sleeps_forever, NULL);
        err = kin_sleep_forever();
        err = kin_group_close(group, err);
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=0");
    }
    err = kin_scope_close(outer, err);
    CHECK_SHAPE(err, "OK");
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    return err;
}

/* B53, C1: an outer cancellation of two sleeping children and a sleeping body
   leaves the group as one CANCELLED, and the outer scope absorbs it. */
TEST(b53_a_group_that_was_cancelled_leaves_as_one_cancelled)
{
    RUNS(b53, "OK");
}

static kin_error *b53_fails_when_cancelled(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return fail_v("1");
}

static kin_error *b53_mixed(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, sleeps_forever, NULL);
        kin_spawn(group, b53_fails_when_cancelled, NULL);
        err = kin_sleep_forever();
        err = kin_group_close(group, err);
        CHECK_STR(shape_sorted(err), "G[CANCELLED, CANCELLED, V1]");
    }
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B53: a mixed group keeps its shape, until the scope outside takes the
   CANCELLED ones out. */
TEST(b53_a_mixed_group_keeps_its_shape)
{
    RUNS(b53_mixed, "G[V1]");
}

static kin_error *b54(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, sleeps_forever, NULL);
    kin_group_cancel(group, "enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "OK");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

static kin_error *b54_no_child(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_group_cancel(group, "enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "OK");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=0");
    return err;
}

/* B54: a group that was cancelled itself closes well; it caught something if a
   child was asleep, and nothing if nobody reached a checkpoint. */
TEST(b54_own_cancel_is_absorbed)
{
    RUNS(b54, "OK");
    RUNS(b54_no_child, "OK");
}

static kin_error *b54_through_scope(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_scope_cancel(kin_group_scope(group), "enough");
    kin_spawn(group, sleeps_forever, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    return kin_group_close(group, err);
}

/* B54: the group's scope is a scope like any other. */
TEST(b54_own_cancel_through_the_groups_scope)
{
    RUNS(b54_through_scope, "OK");
}

static kin_error *b55(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);
    kin_spawn(group, sleeps_forever, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

static kin_error *b55_alone(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=0");
    return err;
}

static kin_error *b55_nothing(void *arg)
{
    (void)arg;
    work fine = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group);
    kin_spawn(group, works, &fine);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return err;
}

/* B55, C7: a child's error cancels the group, and something is caught only if
   there was a sibling to cancel. Where nothing went wrong, nothing is said. */
TEST(b55_caught_says_only_that_some_sibling_was_cancelled)
{
    RUNS(b55, "G[V1]");
    RUNS(b55_alone, "G[V1]");
    RUNS(b55_nothing, "OK");
}

static kin_error *b56_child(void *arg)
{
    (void)arg;
    NOTE("started");
    kin_error *err = kin_checkpoint();
    NOTE("%s", shape(err));
    return err;
}

static kin_error *b56(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_group_cancel(group, "too late");
    kin_spawn(group, b56_child, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("started CANCELLED");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

static kin_error *b56_outer(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    kin_scope_cancel(outer, "too late");
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, b56_child, NULL);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "CANCELLED");
    }
    CHECK_LOG("started CANCELLED");
    return kin_scope_close(outer, err);
}

/* B56, C3: a task that is spawned into a cancelled group starts all the same,
   and is cancelled at its first cancel point. */
TEST(b56_a_child_of_a_cancelled_group_starts)
{
    RUNS(b56, "OK");
    RUNS(b56_outer, "OK");
}

/* --- B57 to B59: spawning late ----------------------------------------- */

struct b57 {
    kin_group *group;
    work late;
};

static kin_error *b57_spawns(void *arg)
{
    struct b57 *state = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_spawn(state->group, works, &state->late);
    NOTE("spawned");
    return NULL;
}

static kin_error *b57(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group);
    struct b57 state = {group,
                        {.after = KIN_SECONDS(1),
                         .note = "late",
                         .kind = &TEST_V,
                         .text = "1"}};
    kin_spawn(group, b57_spawns, &state);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("spawned late");
    return err;
}

/* B57: a child may spawn into its group while the close waits; the new one is
   waited for, and its error counts. */
TEST(b57_a_child_spawns_while_the_close_waits)
{
    RUNS(b57, "G[V1]");
}

static kin_error *b58(void *arg)
{
    (void)arg;
    work never = {.note = "ran"};
    KIN_GROUP(group);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    kin_task *task = kin_spawn(group, works, &never);
    CHECK(task != NULL);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_LOG("");
    return err;
}

/* B58: spawning into a closed group runs nothing, and makes a MISUSE that the
   caller holds, so that it comes out with the caller's outcome. */
TEST(b58_spawning_after_the_close_is_misuse)
{
    RUNS(b58, "G[MISUSE]");
}

struct b59 {
    kin_group *group;
    int begun, ended;
};

static kin_error *b59_head(void *arg)
{
    struct b59 *state = arg;
    state->begun++;
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    if (!err) {
        kin_spawn(state->group, b59_head, state);
        kin_spawn(state->group, b59_head, state);
    }
    state->ended++;
    return err;
}

static kin_error *b59(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    struct b59 state = {.group = group};
    work hero = {
        .after = KIN_MILLISECONDS(5500), .kind = &TEST_V, .text = "hero"};
    kin_spawn(group, b59_head, &state);
    kin_spawn(group, works, &hero);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(state.begun, 1 + 2 + 4 + 8 + 16 + 32);
    CHECK_EQ(state.ended, state.begun);
    CHECK_EQ(kin_group_running(group), 0);
    CHECK_EQ(kin_run_stats().tasks, 1);
    return err;
}

/* B59: a hydra, each child of which spawns two more, dies whole of the first
   failure, and no task remains. */
TEST(b59_a_hydra_dies_of_one_failure)
{
    RUNS(b59, "G[Vhero]");
}

/* --- B60 to B64: leaving and closing wrongly --------------------------- */

static kin_error *b60_value(int *value)
{
    work child = {.after = KIN_SECONDS(1), .note = "child"};
    KIN_GROUP(group);
    kin_spawn(group, works, &child);
    KIN_TRY(kin_group_close(group, NULL));
    NOTE("value");
    *value = 7;
    return NULL;
}

static kin_error *b60(void *arg)
{
    (void)arg;
    int value = 0;
    kin_time began = kin_now();
    KIN_TRY(b60_value(&value));
    CHECK_EQ(value, 7);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_LOG("child value");
    return NULL;
}

/* B60: a function with a group inside delivers its value after the children
   have ended. */
TEST(b60_a_value_comes_after_the_children)
{
    RUNS(b60, "OK");
}

static kin_error *b61_child(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    NOTE("%s", shape(err));
    return err;
}

static kin_error *b61(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, b61_child, NULL);
    kin_spawn(group, b61_child, NULL);
    return fail_v("1");
}

/* B61, C10: a task that returns with an open group: the children are cancelled
   and joined, and a MISUSE joins what the task returned. */
TEST(b61_returning_with_an_open_group)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b61, NULL, seed);
        CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
        CHECK_LOG("CANCELLED CANCELLED");
        kin_error_free(err);
    }
}

static kin_error *b61_success(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, b61_child, NULL);
    return NULL;
}

/* B61: also when it meant to succeed. */
TEST(b61_returning_success_with_an_open_group)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b61_success, NULL, seed);
        CHECK_EQ(leaf_count(err), 1);
        CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
        CHECK_LOG("CANCELLED");
        kin_error_free(err);
    }
}

static kin_error *b61_not_by_macro(void *arg)
{
    kin_group *group = arg;
    kin_group_init(group);
    kin_group_open(group);
    kin_spawn(group, b61_child, NULL);
    return fail_v("1");
}

/* B61: and when no macro opened it, so that only the task's end can tell. */
TEST(b61_returning_with_a_group_that_no_macro_opened)
{
    EACH_SEED(seed)
    {
        kin_group group;
        kin_error *err = run_virtual(b61_not_by_macro, &group, seed);
        CHECK_EQ(leaf_count(err), 2);
        CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
        CHECK(leaf_of(err, &TEST_V) != NULL);
        CHECK_LOG("CANCELLED");
        kin_error_free(err);
    }
}

static kin_error *b61_late(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return fail_t("2");
}

static kin_error *b61_late_error(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_K, .text = "3"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);
    kin_spawn(group, b61_late, NULL);
    kin_error_free(kin_checkpoint());
    return fail_v("1");
}

/* B61: what the children of such a group fail with is not lost either. */
TEST(b61_errors_of_an_abandoned_groups_children_come_out)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b61_late_error, NULL, seed);
        CHECK(leaf_of(err, &TEST_V) != NULL);
        CHECK(leaf_of(err, &TEST_T) != NULL);
        CHECK(leaf_of(err, &TEST_K) != NULL);
        CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
        CHECK_EQ(leaf_count(err), 4);
        kin_error_free(err);
    }
}

static kin_error *b62(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, b61_success, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK(kin_error_is(err, &KIN_ERROR_GROUP));
    CHECK_EQ(leaf_count(err), 1);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    CHECK_LOG("CANCELLED");
    kin_error_free(err);
    return NULL;
}

/* B62: the same in a child: its group's outcome has the MISUSE. */
TEST(b62_a_child_that_returns_with_an_open_group)
{
    RUNS(b62, "OK");
}

static kin_error *b63_closes(void *arg)
{
    kin_error *made = fail_v("1");
    kin_error *err = kin_group_close((kin_group *)arg, made);
    CHECK_EQ(leaf_count(err), 2);
    CHECK_EQ(leaf_of(err, &TEST_V), made);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    kin_error_free(err);
    err = kin_group_close((kin_group *)arg, NULL);
    CHECK_EQ(leaf_count(err), 1);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    kin_error_free(err);
    NOTE("refused");
    return NULL;
}

static kin_error *b63(void *arg)
{
    (void)arg;
    work child = {.after = KIN_SECONDS(2), .note = "child"};
    KIN_GROUP(others);
    KIN_GROUP(group);
    kin_spawn(group, works, &child);
    kin_spawn(others, b63_closes, group);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_LOG("refused");
    CHECK_EQ(kin_group_running(group), 1);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    kin_spawn(group, works, &(work){.note = "another"});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "OK");
    CHECK_LOG("refused another child");
    return kin_group_close(others, err);
}

/* B63, C10: a task that closes another one's group is told MISUSE, beside the
   outcome that it gave; the group is as it was. */
TEST(b63_another_task_cannot_close_the_group)
{
    RUNS(b63, "OK");
}

static kin_error *b64_twice(void *arg)
{
    (void)arg;
    work child = {.note = "child"};
    kin_group group;
    kin_group_init(&group);
    kin_group_open(&group);
    kin_group_open(&group);
    kin_spawn(&group, works, &child);
    kin_error *err = kin_group_close(&group, NULL);
    CHECK_SHAPE(err, "OK");
    CHECK_LOG("child");
    return err;
}

static kin_error *b64_again(void *arg)
{
    (void)arg;
    kin_group group;
    kin_group_init(&group);
    kin_group_open(&group);
    CHECK_OUTCOME(kin_group_close(&group, NULL), "OK");
    kin_group_open(&group);
    CHECK_EQ(kin_group_running(&group), 0);
    return NULL;
}

/* B64: a group opens once: opening it again, while it is open or after its
   close, is a MISUSE that the caller holds. */
TEST(b64_a_group_opens_once)
{
    RUNS(b64_twice, "G[MISUSE]");
    RUNS(b64_again, "G[MISUSE]");
}

static kin_error *b64_opens(void *arg)
{
    kin_group_open((kin_group *)arg);
    NOTE("tried");
    return NULL;
}

static kin_error *b64_two_tasks(void *arg)
{
    (void)arg;
    kin_group group;
    kin_group_init(&group);
    KIN_GROUP(others);
    kin_group_open(&group);
    kin_spawn(&group, works, &(work){.after = KIN_SECONDS(1)});
    kin_spawn(&group, b64_opens, &group);
    kin_error *err = kin_group_close(&group, NULL);
    CHECK_LOG("tried");
    CHECK_EQ(leaf_count(err), 1);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    kin_error_free(err);
    return kin_group_close(others, NULL);
}

/* B64: nor by two tasks; the one that was second answers for it. */
TEST(b64_two_tasks_open_one_group)
{
    RUNS(b64_two_tasks, "OK");
}

/* --- B65 and B66: names and the tree ----------------------------------- */

static kin_error *b65_child(void *arg)
{
    NOTE("%s", kin_task_name(kin_task_self()));
    return arg ? fail_v("%s", (const char *)arg) : NULL;
}

static kin_error *b65(void *arg)
{
    (void)arg;
    NOTE("%s", kin_task_name(kin_task_self()));
    {
        KIN_GROUP(group);
        CHECK_STR(kin_group_name(group), "group");
        kin_task *task = kin_spawn(group, b65_child, NULL);
        CHECK_STR(kin_task_name(task), "b65_child");
        KIN_TRY(kin_group_close(group, NULL));
    }
    KIN_GROUP(group, .name = "pool");
    CHECK_STR(kin_group_name(group), "pool");
    kin_task *task = kin_spawn(group, b65_child, "1", .name = "reader");
    CHECK_STR(kin_task_name(task), "reader");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(kin_error_task(leaf(err, 0)), "reader");
    CHECK_LOG("b65 b65_child reader");
    return err;
}

/* B65: a task is named after its function unless told otherwise, and its errors
   bear its name. */
TEST(b65_names_of_tasks_and_groups)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b65, NULL, seed);
        CHECK_SHAPE(err, "G[V1]");
        CHECK_STR(kin_error_task(leaf(err, 0)), "reader");
        kin_error_free(err);
    }
}

static bool b66_note_task(kin_task *task, void *context)
{
    (void)context;
    NOTE("%s", kin_task_name(task));
    return true;
}

static bool b66_note_first_task(kin_task *task, void *context)
{
    (void)context;
    NOTE("%s", kin_task_name(task));
    return false;
}

static bool b66_note_group(kin_group *group, void *context)
{
    (void)context;
    NOTE("%s", kin_group_name(group));
    return true;
}

static bool b66_note_first_group(kin_group *group, void *context)
{
    (void)context;
    NOTE("%s", kin_group_name(group));
    return false;
}

static kin_error *b66_child(void *arg)
{
    kin_group *parent = arg;
    CHECK_EQ(kin_task_group(kin_task_self()), parent);
    CHECK_EQ(kin_task_arg(kin_task_self()), arg);
    KIN_GROUP(own);
    kin_spawn(own, sleeps_forever, NULL);
    return kin_group_close(own, kin_sleep_forever());
}

static kin_error *b66(void *arg)
{
    (void)arg;
    kin_task *self = kin_task_self();
    KIN_GROUP(outer);
    KIN_GROUP(inner, .keep = true);
    kin_task *a = kin_spawn(inner, b66_child, inner, .name = "a");
    kin_task *b = kin_spawn(inner, sleeps_forever, NULL, .name = "b");
    kin_spawn(inner, sleeps_forever, NULL, .name = "c");
    kin_spawn(outer, sleeps_forever, NULL, .name = "d");

    /* before they run, and while they wait */
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(kin_group_task(outer), self);
        CHECK_EQ(kin_group_task(inner), self);
        CHECK_EQ(kin_task_group(a), inner);
        CHECK_EQ(kin_task_group(b), inner);
        harness_log_clear();
        kin_group_each_child(inner, b66_note_task, NULL);
        kin_group_each_child(outer, b66_note_task, NULL);
        CHECK_LOG("a b c d");
        harness_log_clear();
        kin_task_each_group(self, b66_note_group, NULL);
        CHECK_LOG("outer inner");
        harness_log_clear();
        kin_task_each_group(a, b66_note_group, NULL);
        CHECK_LOG(i ? "own" : "");
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    }
    harness_log_clear();
    kin_group_each_child(inner, b66_note_first_task, NULL);
    kin_task_each_group(self, b66_note_first_group, NULL);
    CHECK_LOG("a outer");

    /* one ends: the others are still there, in order, and it knows its group */
    kin_task_cancel(b, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_EQ(kin_task_group(b), inner);
    CHECK_EQ(kin_group_running(inner), 2);

    kin_group_cancel(inner, NULL);
    kin_group_cancel(outer, NULL);
    kin_error *err = kin_group_close(inner, NULL);
    err = kin_group_close(outer, err);
    CHECK_EQ(kin_group_task(inner), self);
    CHECK_EQ(kin_group_running(inner), 0);
    harness_log_clear();
    kin_task_each_group(self, b66_note_group, NULL);
    CHECK_LOG("");
    return err;
}

/* B66: the tree can be walked: a task's group, a group's opener and children in
   the order of spawning, a task's groups outermost first; the links upward
   outlive the ends. */
TEST(b66_the_tree_can_be_walked)
{
    RUNS(b66, "OK");
}

/* --- sizes --------------------------------------------------------------- */

#ifdef __SANITIZE_THREAD__ /* gcc's, to which each task is a thread */
enum { MANY = 500, DEEP = 200 };
#else
enum { MANY = 5000, DEEP = 2000 };
#endif

static kin_error *many(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    for (int i = 0; i < MANY; i++)
        kin_spawn(group, sleeps_forever, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_EQ(kin_group_running(group), MANY);
    kin_group_cancel(group, "enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_run_stats().tasks, 1);
    return err;
}

/* B54 with thousands of children. */
TEST(b54_many_children_are_cancelled_and_joined)
{
    CHECK_OUTCOME(run_virtual(many, NULL, 0), "OK");
    CHECK_OUTCOME(run_virtual(many, NULL, 1), "OK");
}

static kin_error *many_failing(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group);
    for (int i = 0; i < MANY; i++)
        kin_spawn(group, works, &failing);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_error_count(err), MANY);
    kin_error_free(err);
    return NULL;
}

/* B45 with thousands: every one comes out. */
TEST(b45_many_child_crashes_in_one_tick)
{
    CHECK_OUTCOME(run_virtual(many_failing, NULL, 0), "OK");
}

struct deep {
    int left;
    bool fails;
};

static kin_error *deep_child(void *arg)
{
    struct deep next = *(struct deep *)arg;
    if (next.left-- == 0) {
        kin_error *err =
            next.fails ? kin_sleep(KIN_SECONDS(1)) : kin_sleep_forever();
        KIN_TRY(err);
        return fail_v("1");
    }
    KIN_GROUP(group);
    kin_spawn(group, deep_child, &next);
    return kin_group_close(group, NULL);
}

static kin_error *deep_cancelled(void *arg)
{
    (void)arg;
    struct deep first = {DEEP, false};
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, deep_child, &first);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "CANCELLED");
    }
    return kin_scope_close(scope, err);
}

static kin_error *deep_failing(void *arg)
{
    (void)arg;
    struct deep first = {DEEP, true};
    KIN_GROUP(group);
    kin_spawn(group, deep_child, &first);
    kin_error *err = kin_group_close(group, NULL);
    const kin_error *at = err;
    int depth = 0;
    for (; kin_error_count(at) == 1; at = kin_error_member(at, 0))
        depth++;
    CHECK_EQ(depth, DEEP + 1);
    CHECK_SHAPE(at, "V1");
    kin_error_free(err);
    return NULL;
}

/* B48, B49 with groups thousands deep: cancelled as one, and a level for each
   when it is a failure that comes up. */
TEST(b48_a_deep_tree_of_groups)
{
    CHECK_OUTCOME(run_virtual(deep_failing, NULL, 0), "OK");
}

TEST(b49_a_deep_tree_of_groups_is_cancelled)
{
    CHECK_OUTCOME(run_virtual(deep_cancelled, NULL, 0), "OK");
}
