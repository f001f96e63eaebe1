/* b_start.c: B67 to B82: kin_start, which runs a function until it says that it
   is up and then leaves it in a group. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static int served; /* something to point at: the value of kin_started */

/* Up at 1 s, over at 2 s. */
static kin_error *serves(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_started(&served);
    NOTE("up");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    NOTE("over");
    return NULL;
}

/* Fails before it is up, at once; tells what with. */
static kin_error *fails_early(void *arg)
{
    kin_error *err = fail_k("1");
    *(const kin_error **)arg = err;
    return err;
}

/* --- B67 to B73: how it ends ------------------------------------------- */

static kin_error *b67(void *arg)
{
    (void)arg;
    void *value = NULL;
    kin_time began = kin_now();
    KIN_GROUP(group);

    KIN_TRY(kin_start(group, serves, NULL, &value));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_EQ(value, &served);
    CHECK_EQ(kin_group_running(group), 1);

    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("up over");
    return err;
}

/* B67: it returns when the child says that it is up, with the child's value;
   the child then lives in the group. */
TEST(b67_start_returns_when_the_child_is_up)
{
    RUNS(b67, "OK");
}

static kin_error *b67_child(void *arg)
{
    NOTE("%d", kin_task_group(kin_task_self()) == arg);
    kin_started(NULL);
    KIN_TRY(kin_checkpoint());
    NOTE("%d", kin_task_group(kin_task_self()) == arg);
    NOTE("%s", kin_task_name(kin_task_self()));
    return NULL;
}

static kin_error *b67_whose(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    KIN_TRY(kin_start(group, b67_child, group, NULL));
    KIN_TRY(kin_start(group, b67_child, group, NULL, .name = "other"));
    return kin_group_close(group, NULL);
}

/* B67: it is the group's child once it is up, and not before; the value may be
   ignored; the name is the function's, or the one given. */
TEST(b67_the_child_is_the_groups_once_it_is_up)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b67_whose, NULL, seed), "OK");
        CHECK_LOG_SORTED("0 0 1 1 b67_child other");
    }
}

static kin_error *b68(void *arg)
{
    (void)arg;
    const kin_error *made = NULL;
    void *value = &made;
    work child = {.note = "child"};
    KIN_GROUP(group);

    kin_error *err = kin_start(group, fails_early, &made, &value);
    CHECK_SHAPE(err, "K1");
    CHECK_EQ(err, made);
    CHECK_EQ(value, &made);
    kin_error_free(err);

    CHECK_EQ(kin_group_running(group), 0);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    kin_spawn(group, works, &child);
    err = kin_group_close(group, NULL);
    CHECK_LOG("child");
    return err;
}

/* B68, C6: what the child fails with before it is up comes out of the start,
   bare and as the same object; the value is untouched, and so is the group. */
TEST(b68_an_early_failure_comes_out_of_the_start_bare)
{
    RUNS(b68, "OK");
}

static kin_error *b69(void *arg)
{
    (void)arg;
    const kin_error *made = NULL;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, fails_early, &made, NULL);
    err = kin_group_close(group, err);
    CHECK_SHAPE(err, "G[K1]");
    CHECK_EQ(kin_error_member(err, 0), made);
    return err;
}

/* B69, C6: handed to the close, it is in one group and not in two. */
TEST(b69_an_early_failure_that_is_handed_on_is_in_one_group)
{
    RUNS(b69, "G[K1]");
}

static kin_error *b70_own_group(void *arg)
{
    kin_error *members[] = {fail_v("1")};
    kin_error *err = kin_error_group("my", members, 1);
    *(const kin_error **)arg = err;
    return err;
}

static kin_error *b70_inner_group(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(inner);
    kin_spawn(inner, works, &failing);
    return kin_group_close(inner, NULL);
}

static kin_error *b70(void *arg)
{
    (void)arg;
    const kin_error *made = NULL;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, b70_own_group, &made, NULL);
    CHECK_SHAPE(err, "G[V1]");
    CHECK_EQ(err, made);
    CHECK_STR(kin_error_message(err), "my");
    kin_error_free(err);

    err = kin_start(group, b70_inner_group, NULL, NULL);
    CHECK_SHAPE(err, "G[V1]");
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* B70, C6: a group that the child itself fails with is left as it is. */
TEST(b70_the_childs_own_group_is_not_flattened)
{
    RUNS(b70, "OK");
}

static kin_error *b71_child(void *arg)
{
    (void)arg;
    return kin_checkpoint();
}

static kin_error *b71(void *arg)
{
    (void)arg;
    void *value = &served;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, b71_child, NULL, &value);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_CONTAINS(kin_error_message(err), "b71_child");
    CHECK_CONTAINS(kin_error_message(err), "kin_started");
    CHECK_EQ(value, &served);
    kin_error_free(err);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return kin_group_close(group, NULL);
}

/* B71: a child that ends well without having been up is a MISUSE. */
TEST(b71_ending_without_kin_started_is_misuse)
{
    RUNS(b71, "OK");
}

static kin_error *b72_child(void *arg)
{
    kin_started(&served);
    kin_started(arg);
    return NULL;
}

static kin_error *b72(void *arg)
{
    (void)arg;
    int other = 0;
    void *value = NULL;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, b72_child, &other, &value);
    CHECK_SHAPE(err, "OK");
    CHECK_EQ(value, &served);
    err = kin_group_close(group, NULL);
    CHECK_EQ(leaf_count(err), 1);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    kin_error_free(err);
    return NULL;
}

/* B72: saying it twice: the first one counts, and the second is a MISUSE that
   the child holds. */
TEST(b72_kin_started_twice)
{
    RUNS(b72, "OK");
}

static kin_error *b73_child(void *arg)
{
    kin_started(NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_error *err = fail_v("1");
    *(const kin_error **)arg = err;
    return err;
}

static kin_error *b73(void *arg)
{
    (void)arg;
    const kin_error *made = NULL;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, b73_child, &made, NULL);
    CHECK_SHAPE(err, "OK");
    err = kin_group_close(group, NULL);
    CHECK_EQ(kin_error_member(err, 0), made);
    return err;
}

static kin_error *b73_fails_at_once(void *arg)
{
    (void)arg;
    kin_started(NULL);
    return fail_v("1");
}

static kin_error *b73_no_checkpoint(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, b73_fails_at_once, NULL, NULL);
    CHECK_SHAPE(err, "OK");
    return kin_group_close(group, err);
}

/* B73: what the child fails with once it is up is the group's, be it before
   the start has had its turn to return. */
TEST(b73_a_late_failure_is_the_groups)
{
    RUNS(b73, "G[V1]");
    RUNS(b73_no_checkpoint, "G[V1]");
}

/* --- B74 to B77: a start that is cancelled ----------------------------- */

struct b74 {
    kin_group *target;
    int value;
};

static kin_error *b74_child(void *arg)
{
    struct b74 *state = arg;
    kin_error *err = kin_sleep_forever();
    NOTE("child:%s", shape(err));
    kin_started(&state->value);
    NOTE("moved:%d", kin_task_group(kin_task_self()) == state->target);
    NOTE("running:%d", (int)kin_group_running(state->target));
    {
        KIN_SCOPE(cleanup, .shield = true);
        kin_error *slept = kin_sleep(KIN_SECONDS(3));
        slept = kin_scope_close(cleanup, slept);
        CHECK_SHAPE(slept, "OK");
        kin_error_free(slept);
    }
    NOTE("ended");
    return err;
}

static kin_error *b74(void *arg)
{
    (void)arg;
    void *value = &served;
    kin_time began = kin_now();
    KIN_GROUP(group);
    struct b74 state = {.target = group};
    kin_error *err;
    {
        KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
        err = kin_start(group, b74_child, &state, &value);
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_EQ(kin_now() - began, KIN_SECONDS(4));
        CHECK_EQ(value, &served);
        CHECK_LOG("child:CANCELLED moved:0 running:0 ended");
        err = kin_scope_close(limit, err);
        CHECK_STR(scope_state(limit), "called=1 caught=1");
    }
    CHECK_EQ(kin_group_running(group), 0);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return kin_group_close(group, err);
}

/* B74, C9: a start that is cancelled cancels the child, whose kin_started then
   does nothing (nothing moves, the value is dropped), and returns CANCELLED when
   the child has ended. */
TEST(b74_a_cancelled_start_moves_nothing)
{
    RUNS(b74, "OK");
}

static kin_error *b74_up_then_waits(void *arg)
{
    (void)arg;
    NOTE("begun");
    kin_started(&served);
    return kin_checkpoint();
}

static kin_error *b74_before(void *arg)
{
    (void)arg;
    void *value = NULL;
    KIN_GROUP(group);
    kin_error *err;
    {
        KIN_SCOPE(limit);
        kin_scope_cancel(limit, NULL);
        err = kin_start(group, b74_up_then_waits, NULL, &value);
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_EQ(value, NULL);
        CHECK_LOG("begun");
        err = kin_scope_close(limit, err);
        CHECK_STR(scope_state(limit), "called=1 caught=1");
    }
    return kin_group_close(group, err);
}

/* B74: likewise in a scope that was cancelled before: the function always
   starts. */
TEST(b74_a_start_in_a_cancelled_scope_runs_the_child)
{
    RUNS(b74_before, "OK");
}

static kin_error *b75_child(void *arg)
{
    (void)arg;
    NOTE("begun");
    kin_started(&served);
    return NULL;
}

static kin_error *b75(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err;
    {
        KIN_SCOPE(limit);
        kin_scope_cancel(limit, NULL);
        err = kin_start(group, b75_child, NULL, NULL);
        CHECK_SHAPE(err, "OK");
        err = kin_scope_close(limit, err);
        CHECK_STR(scope_state(limit), "called=1 caught=0");
    }
    CHECK_LOG("begun");
    return kin_group_close(group, err);
}

/* B75: a child that reaches no checkpoint ends well, and so does the start. */
TEST(b75_a_cancelled_start_of_a_child_without_a_checkpoint)
{
    RUNS(b75, "OK");
}

static kin_error *b76_child(void *arg)
{
    kin_started(&served);
    kin_error *err = fail_k("1");
    *(const kin_error **)arg = err;
    return err;
}

static kin_error *b76(void *arg)
{
    (void)arg;
    const kin_error *made = NULL;
    KIN_GROUP(group);
    kin_error *err;
    {
        KIN_SCOPE(limit);
        kin_scope_cancel(limit, NULL);
        err = kin_start(group, b76_child, &made, NULL);
        CHECK_SHAPE(err, "K1");
        CHECK_EQ(err, made);
        err = kin_scope_close(limit, err);
        CHECK_STR(scope_state(limit), "called=1 caught=0");
    }
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* B76: since kin_started did nothing, what the child then fails with comes out
   of the start. */
TEST(b76_a_cancelled_start_of_a_child_that_fails_once_up)
{
    RUNS(b76, "OK");
}

static kin_error *b77_child(void *arg)
{
    (void)arg;
    {
        KIN_SCOPE(cleanup, .shield = true);
        kin_error *err = kin_sleep(KIN_SECONDS(3));
        KIN_TRY(kin_scope_close(cleanup, err));
    }
    NOTE("shielded");
    return kin_sleep_forever();
}

static kin_error *b77(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group);
    kin_error *err;
    {
        KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
        err = kin_start(group, b77_child, NULL, NULL);
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_EQ(kin_now() - began, KIN_SECONDS(3));
        err = kin_scope_close(limit, err);
        CHECK_SHAPE(err, "OK");
        CHECK_STR(scope_state(limit), "called=1 caught=1");
    }
    CHECK_LOG("shielded");
    return kin_group_close(group, err);
}

/* B77: a child that shields itself for 3 s holds up a start that is cancelled
   at 1 s until 3 s, and the cancellation is absorbed by its scope. */
TEST(b77_a_shielded_child_holds_up_a_cancelled_start)
{
    RUNS(b77, "OK");
}

/* --- B78 to B81: the group that it is for ------------------------------ */

struct b78 {
    kin_group *target;
    kin_time until_up, after;
    const kin_kind *kind; /* what it fails with instead of being up */
};

static kin_error *b78_child(void *arg)
{
    const struct b78 *state = arg;
    KIN_TRY(kin_sleep(state->until_up));
    if (state->kind)
        return kin_fail(state->kind, "1");
    kin_started(NULL);
    KIN_TRY(kin_sleep(state->after));
    NOTE("child");
    return NULL;
}

static kin_error *b78_starter(void *arg)
{
    struct b78 *state = arg;
    kin_error *err = kin_start(state->target, b78_child, state, NULL);
    NOTE("started:%s", shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *b78(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(others);
    kin_error *err;
    {
        KIN_GROUP(target);
        struct b78 one = {target, KIN_SECONDS(2), KIN_SECONDS(3), NULL};
        struct b78 two = {target, KIN_SECONDS(3), KIN_SECONDS(3), NULL};
        kin_spawn(others, b78_starter, &one);
        kin_spawn(others, b78_starter, &two);
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
        CHECK_EQ(kin_group_running(target), 0);

        err = kin_group_close(target, NULL);
        CHECK_EQ(kin_now() - began, KIN_SECONDS(6));
        CHECK_LOG("started:OK started:OK child child");
    }
    return kin_group_close(others, err);
}

static kin_error *b78_crash(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    struct b78 state = {NULL, KIN_SECONDS(2), 0, &TEST_K};
    KIN_GROUP(others);
    kin_error *err;
    {
        KIN_GROUP(target);
        state.target = target;
        kin_spawn(others, b78_starter, &state);
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));

        err = kin_group_close(target, NULL);
        CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
        CHECK_SHAPE(err, "OK");
    }
    err = kin_group_close(others, err);
    CHECK_LOG("started:K1");
    return err;
}

/* B78, C9: starts that are under way keep the group open, until their children
   are up and over, or until they fail. */
TEST(b78_pending_starts_keep_the_group_open)
{
    RUNS(b78, "OK");
    RUNS(b78_crash, "OK");
}

struct b79 {
    kin_group *target; /* the group that is cancelled */
    bool before;       /* just before kin_started, else just after */
    int grandchildren; /* that ended cancelled */
};

static kin_error *b79_grandchild(void *arg)
{
    struct b79 *state = arg;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    state->grandchildren++;
    return err;
}

static kin_error *b79_child(void *arg)
{
    struct b79 *state = arg;
    KIN_GROUP(inner);
    kin_spawn(inner, b79_grandchild, state);
    kin_spawn(inner, b79_grandchild, state);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_SHAPE(err, "OK");
    if (state->before)
        kin_group_cancel(state->target, "before");
    kin_started(NULL);
    return kin_group_close(inner, err);
}

/* Holds a group open for others to start children in. */
static kin_error *b79_holds(void *arg)
{
    struct b79 *state = arg;
    KIN_GROUP(target);
    state->target = target;
    kin_started(target);
    kin_error *err = kin_group_close(target, kin_sleep_forever());
    NOTE("closed:%s", shape(err));
    return err;
}

static kin_error *b79(void *arg)
{
    struct b79 state = {.before = *(bool *)arg};
    kin_time began = kin_now();
    KIN_GROUP(group);
    KIN_TRY(kin_start(group, b79_holds, &state, NULL));
    kin_error *err = kin_start(state.target, b79_child, &state, NULL);
    CHECK_SHAPE(err, "OK");
    if (!state.before)
        kin_group_cancel(state.target, "after");
    err = kin_group_close(group, err);
    CHECK_EQ(state.grandchildren, 2);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_LOG("closed:OK");
    return err;
}

/* B79, C9: the group is cancelled just before or just after kin_started, while
   grandchildren sleep: they are cancelled at once, and nothing hangs. */
TEST(b79_starting_into_a_group_that_is_cancelled)
{
    for (int i = 0; i < 2; i++) {
        bool before = i == 0;
        EACH_SEED(seed)
        CHECK_OUTCOME(run_virtual(b79, &before, seed), "OK");
    }
}

static kin_error *b80(void *arg)
{
    (void)arg;
    void *value = &served;
    work never = {.note = "ran"};
    KIN_GROUP(group);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    kin_error *err = kin_start(group, works, &never, &value);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_EQ(value, &served);
    kin_error_free(err);
    err = kin_sleep(KIN_SECONDS(1));
    CHECK_LOG("");
    return err;
}

/* B80: starting into a closed group is a MISUSE, and nothing runs. */
TEST(b80_starting_into_a_closed_group)
{
    RUNS(b80, "OK");
}

static kin_error *b81_child(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep(KIN_SECONDS(5));
    NOTE("%s", shape(err));
    KIN_TRY(err);
    kin_started(NULL);
    return NULL;
}

static kin_error *b81(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    kin_time began = kin_now();
    KIN_GROUP(outer);
    kin_error *err;
    {
        KIN_GROUP(inner);
        kin_spawn(inner, works, &failing);
        err = kin_start(outer, b81_child, NULL, NULL);
        CHECK_SHAPE(err, "CANCELLED");
        err = kin_group_close(inner, err);
        CHECK_SHAPE(err, "G[V1]");
    }
    err = kin_group_close(outer, err);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_EQ(leaf(err, 0), failing.made);
    CHECK_LOG("CANCELLED");
    return err;
}

/* B81: an inner child's failure cancels a start that the body makes into an
   outer group. */
TEST(b81_an_inner_failure_cancels_a_start_into_an_outer_group)
{
    RUNS(b81, "G[G[V1]]");
}

static kin_error *b82_called(void *arg)
{
    kin_started(arg);
    NOTE("called");
    return kin_checkpoint();
}

static kin_error *b82(void *arg)
{
    KIN_TRY(b82_called(arg));
    KIN_GROUP(group);
    kin_spawn(group, b82_called, arg);
    kin_error *err = kin_group_close(group, b82_called(arg));
    CHECK_LOG("called called called");
    return err;
}

/* B82: a function that says it is up may be called directly, in the main task
   too: kin_started then does nothing. */
TEST(b82_kin_started_where_nobody_starts_does_nothing)
{
    RUNS(b82, "OK");
}
