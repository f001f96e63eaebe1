/* c_misnesting.c: B123 to B126: scopes that are closed in the wrong order,
   twice, by another task, or not at all. Each is a KIN_MISUSE that names the
   places, and the task can go on. */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

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

/* "c_misnesting.c:LINE", as a message names a place. */
static const char *place(int line)
{
    static char text[64];
    snprintf(text, sizeof text, "c_misnesting.c:%d", line);
    return text;
}

static const char *misuse_in(const kin_error *err)
{
    const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
    return misuse ? kin_error_message(misuse) : "(none)";
}

/* --- B123 and B124: the wrong order ------------------------------------ */

static kin_error *b123(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(around, .deadline = began + KIN_SECONDS(5));
    KIN_SCOPE(outer, .deadline = began + KIN_SECONDS(4));
    int opened = __LINE__ + 1;
    KIN_SCOPE(inner, .deadline = began + KIN_SECONDS(3));

    int closed = __LINE__ + 1;
    kin_error *err = kin_scope_close(outer, NULL);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_CONTAINS(misuse_in(err), "inner");
    CHECK_CONTAINS(misuse_in(err), "outer");
    CHECK_CONTAINS(misuse_in(err), place(opened));
    CHECK(kin_error_site(err) && kin_error_site(err)->line == closed);
    kin_error_free(err);

    /* what is around the outer scope applies again, and nothing else */
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(4.5)), "OK");
    kin_error *made = fail_v("1");
    CHECK_EQ(kin_scope_close(inner, made), made);
    kin_error_free(made);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    return kin_scope_close(around, kin_sleep_forever());
}

static kin_error *b123_with_an_outcome(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    kin_error *made = fail_v("1");
    kin_error *err = kin_scope_close(outer, made);
    CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
    CHECK_EQ(leaf_of(err, &TEST_V), made);
    kin_error_free(err);
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    return kin_checkpoint();
}

static kin_error *b123_three(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(middle);
    KIN_SCOPE(inner);
    CHECK_OUTCOME(kin_scope_close(outer, NULL), "MISUSE");
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    CHECK_OUTCOME(kin_scope_close(middle, NULL), "OK");
    return kin_checkpoint();
}

static kin_error *b123_reopened(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    CHECK_OUTCOME(kin_scope_close(outer, NULL), "MISUSE");
    /* a scope opened afterwards is none of their business */
    KIN_SCOPE(next);
    kin_scope_cancel(inner, NULL);
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    kin_scope_cancel(next, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(next, err);
}

/* B123: closing the outer scope first gives a KIN_MISUSE that names the inner
   one, together with the outcome; the task is then where it was before the
   outer one, and the inner one's later close says nothing. */
TEST(b123_closing_the_outer_scope_first)
{
    RUNS(b123, "OK");
    RUNS(b123_with_an_outcome, "OK");
    RUNS(b123_three, "OK");
    RUNS(b123_reopened, "OK");
}

static kin_error *waits(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    return err;
}

static kin_error *waits_in_a_scope(void *arg)
{
    (void)arg;
    KIN_SCOPE(own);
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(own, err);
}

static kin_error *b124(void *arg)
{
    (void)arg;
    KIN_SCOPE(around);
    KIN_SCOPE(outer);
    KIN_GROUP(group);
    kin_spawn(group, waits, NULL, .name = "left");
    kin_spawn(group, waits_in_a_scope, NULL, .name = "right");
    settle();

    kin_error *err = kin_scope_close(outer, NULL);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_CONTAINS(misuse_in(err), "group");
    kin_error_free(err);
    CHECK_OUTCOME(kin_checkpoint(), "OK");

    err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
    for (size_t i = 0; i < 2; i++) {
        const kin_error *misuse = leaf(err, i);
        const kin_error *cause = misuse ? kin_error_cause(misuse) : NULL;
        CHECK_SHAPE(cause, "CANCELLED");
        const kin_cancellation *why = cause ? kin_error_during(cause) : NULL;
        CHECK(why && why->source == KIN_BY_MISNESTING);
    }
    kin_error_free(err);
    return kin_scope_close(around, kin_checkpoint());
}

/* B124: tasks that are left inside an abandoned scope are cancelled because of
   the misnesting, and end with a KIN_MISUSE whose cause is their CANCELLED. */
TEST(b124_tasks_in_an_abandoned_scope)
{
    RUNS(b124, "OK");
}

/* --- B125: twice, and by whom it is not -------------------------------- */

static kin_error *b125(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    int opened = __LINE__ + 1;
    KIN_SCOPE(twice);
    CHECK_OUTCOME(kin_scope_close(twice, NULL), "OK");

    int closed = __LINE__ + 1;
    kin_error *err = kin_scope_close(twice, NULL);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_CONTAINS(misuse_in(err), "twice");
    CHECK_CONTAINS(misuse_in(err), place(opened));
    CHECK(kin_error_site(err) && kin_error_site(err)->line == closed);
    kin_error_free(err);

    kin_error *made = fail_v("1");
    err = kin_scope_close(twice, made);
    CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
    CHECK_EQ(leaf_of(err, &TEST_V), made);
    kin_error_free(err);

    /* the outer one is still open, and still the innermost */
    kin_scope_cancel(outer, NULL);
    err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B125: closing a scope twice is a KIN_MISUSE, together with the outcome, and
   changes nothing. */
TEST(b125_closing_twice)
{
    RUNS(b125, "OK");
}

static kin_error *b125_never_opened(void *arg)
{
    (void)arg;
    kin_scope unopened, zero, garbage;
    kin_scope_init(&unopened);
    memset(&zero, 0, sizeof zero);
    memset(&garbage, 0xA5, sizeof garbage);
    kin_scope *const scopes[] = {&unopened, &zero, &garbage};
    for (size_t i = 0; i < 3; i++) {
        kin_error *err = kin_scope_close(scopes[i], fail_v("1"));
        CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
        kin_error_free(err);
    }
    return kin_checkpoint();
}

/* B125, C10: closing what was never opened, or is no scope at all. */
TEST(b125_closing_what_is_not_open)
{
    RUNS(b125_never_opened, "OK");
}

static kin_error *closes_it(void *arg)
{
    kin_error *made = fail_v("1");
    kin_error *err = kin_scope_close((kin_scope *)arg, made);
    CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
    CHECK_CONTAINS(misuse_in(err), "mine");
    kin_error_free(err);
    return kin_checkpoint();
}

static kin_error *b125_wrong_task(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    KIN_SCOPE(mine);
    kin_spawn(group, closes_it, mine);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    CHECK_STR(scope_state(mine), "called=0 caught=0");
    kin_scope_cancel(mine, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(mine, err);
    CHECK_STR(scope_state(mine), "called=1 caught=1");
    return kin_group_close(group, err);
}

/* B125, C10: another task's close is that task's KIN_MISUSE, and changes
   nothing. */
TEST(b125_closing_anothers_scope)
{
    RUNS(b125_wrong_task, "OK");
}

/* --- B126: not at all -------------------------------------------------- */

static int opened_line, tried_line;

static kin_error *leaves_cancelled(void *arg)
{
    (void)arg;
    opened_line = __LINE__ + 1;
    KIN_SCOPE(leaked);
    kin_scope_cancel(leaked, NULL);
    return kin_checkpoint();
}

static kin_error *leaves_by_try(void *arg)
{
    (void)arg;
    opened_line = __LINE__ + 1;
    KIN_SCOPE(leaked);
    kin_scope_cancel(leaked, NULL);
    tried_line = __LINE__ + 1;
    KIN_TRY(kin_checkpoint());
    return kin_scope_close(leaked, NULL);
}

/* B126: a task function that returns with a cancelled scope open lets its
   CANCELLED escape, with a KIN_MISUSE that names the place it was opened and
   the function. */
TEST(b126_returning_past_the_close)
{
    kin_error *err = run_virtual(leaves_cancelled, NULL, 0);
    CHECK_STR(shape_sorted(err), "G[CANCELLED, MISUSE]");
    CHECK_CONTAINS(misuse_in(err), "leaked");
    CHECK_CONTAINS(misuse_in(err), place(opened_line));
    CHECK_CONTAINS(misuse_in(err), "leaves_cancelled");
    kin_error_free(err);
}

/* B126: with KIN_TRY the line that it was left at is named, too. */
TEST(b126_returning_past_the_close_by_try)
{
    char line[16];
    kin_error *err = run_virtual(leaves_by_try, NULL, 0);
    CHECK_STR(shape_sorted(err), "G[CANCELLED, MISUSE]");
    snprintf(line, sizeof line, ":%d", tried_line);
    CHECK_CONTAINS(misuse_in(err), place(opened_line));
    CHECK_CONTAINS(misuse_in(err), "leaves_by_try");
    CHECK_CONTAINS(misuse_in(err), line);
    kin_error_free(err);
}

static kin_error *b126_child(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, leaves_cancelled, NULL);
    return kin_group_close(group, NULL);
}

/* B126: in a child the KIN_MISUSE is a failure of the group like any other,
   which absorbs the CANCELLED since it is cancelled by it. */
TEST(b126_child_returns_past_the_close)
{
    RUNS(b126_child, "G[G[MISUSE]]");
}

static kin_error *callee_leaves(void)
{
    KIN_SCOPE(leaked);
    kin_scope_cancel(leaked, NULL);
    return NULL;
}

static kin_error *b126_callee(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(callee_leaves(), "OK");
    /* the scope is gone as soon as its C block is left */
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_EQ(kin_effective_deadline(), KIN_NEVER);
    NOTE("went on");
    return fail_v("1");
}

static kin_error *b126_break(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        KIN_SCOPE(turn, .move_on_after = KIN_SECONDS(1));
        if (i == 1)
            break;
        CHECK_OUTCOME(kin_scope_close(turn, NULL), "OK");
    }
    return kin_sleep(KIN_SECONDS(5));
}

static kin_error *b126_inner_ones(void *arg)
{
    (void)arg;
    KIN_SCOPE(around);
    {
        KIN_SCOPE(first);
        KIN_SCOPE(second);
        kin_scope_cancel(first, NULL);
    }
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    return kin_scope_close(around, NULL);
}

/* B126: a scope is closed when its C block is left, by a return, a break or the
   brace; the KIN_MISUSE comes out with the task's outcome. */
TEST(b126_leaving_the_block)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b126_callee, NULL, seed);
        CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
        CHECK_CONTAINS(misuse_in(err), "callee_leaves");
        CHECK_LOG("went on");
        kin_error_free(err);
    }
    RUNS(b126_break, "G[MISUSE]");
    RUNS(b126_inner_ones, "G[MISUSE, MISUSE]");
}

static kin_scope held;

static kin_error *b126_held(void *arg)
{
    (void)arg;
    kin_scope_init(&held, .name = "held");
    kin_scope_open(&held);
    kin_scope_cancel(&held, NULL);
    return kin_checkpoint();
}

/* B126: a scope held in a struct, with no macro to watch over it, is found when
   the task ends. */
TEST(b126_open_scope_at_the_end_of_a_task)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b126_held, NULL, seed);
        CHECK_STR(shape_sorted(err), "G[CANCELLED, MISUSE]");
        CHECK_CONTAINS(misuse_in(err), "held");
        kin_error_free(err);
    }
}

/* --- C10: what is no scope --------------------------------------------- */

static kin_error *c10_setters(void *arg)
{
    kin_scope garbage;
    memset(&garbage, *(int *)arg, sizeof garbage);
    kin_scope_cancel(&garbage, NULL);
    kin_scope_set_shield(&garbage, true);
    kin_scope_set_deadline(&garbage, kin_now() + KIN_SECONDS(1));
    return kin_checkpoint();
}

/* Says on standard error what it gave. */
static void runs_the_setters(void *arg)
{
    kin_error *err = run_virtual(c10_setters, arg, 0);
    fputs(shape(err), stderr);
    _exit(0);
}

/* C10: cancelling, shielding or timing what was never a scope is a KIN_MISUSE,
   whatever lies in that memory. */
TEST(c10_setting_what_is_no_scope)
{
    int fills[] = {0x00, 0x01, 0x02, 0xA5, 0xFF};
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        int status = -1;
        const char *text =
            in_child_process(runs_the_setters, &fills[i], &status);
        if (!WIFEXITED(status))
            FAIL("memory full of %#x: status %#x", fills[i], status);
        else
            CHECK_STR(text, "G[MISUSE, MISUSE, MISUSE]");
    }
}
