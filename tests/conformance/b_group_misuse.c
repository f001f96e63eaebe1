/* b_group_misuse.c: bad use of groups has a defined result: a KIN_MISUSE that
   names both places, and a state that one can go on from (C10). */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* Whether the error tells of that line of this file: by its text or its site. */
static bool tells_of_line(const kin_error *err, int line)
{
    char place[64];
    const kin_site *site = err ? kin_error_site(err) : NULL;
    if (site && site->line == line && strstr(site->file, "b_group_misuse.c"))
        return true;
    snprintf(place, sizeof place, "b_group_misuse.c:%d", line);
    const char *found = err ? strstr(kin_error_message(err), place) : NULL;
    return found && (found[strlen(place)] < '0' || found[strlen(place)] > '9');
}

static kin_error *swallows(void *arg)
{
    kin_error_free(kin_sleep_forever());
    if (arg)
        NOTE("%s", (const char *)arg);
    return NULL;
}

static int opened_at, left_at;

static kin_error *misuse_leaves(void *arg)
{
    (void)arg;
    opened_at = __LINE__ + 1;
    KIN_GROUP(forgotten);
    kin_spawn(forgotten, swallows, "joined");
    return NULL;
}

static kin_error *misuse_leaves_by_try(void *arg)
{
    (void)arg;
    opened_at = __LINE__ + 1;
    KIN_GROUP(forgotten);
    kin_spawn(forgotten, swallows, "joined");
    left_at = __LINE__ + 1;
    KIN_TRY(fail_v("1"));
    return kin_group_close(forgotten, NULL);
}

/* "A return that skips the close is caught ...: children are cancelled and
   joined, the scope is popped, and a KIN_MISUSE naming the place it was opened
   and the function (with KIN_TRY the line too) joins the task's outcome." */
TEST(misuse_a_group_left_by_return)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(misuse_leaves, NULL, seed);
        const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
        CHECK_LOG("joined");
        CHECK_EQ(leaf_count(err), 1);
        CHECK(tells_of_line(misuse, opened_at));
        if (CHECK(misuse != NULL)) {
            CHECK_CONTAINS(kin_error_message(misuse), "misuse_leaves");
            CHECK_CONTAINS(kin_error_message(misuse), "forgotten");
        }
        kin_error_free(err);
    }
}

TEST(misuse_a_group_left_by_try)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(misuse_leaves_by_try, NULL, seed);
        const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
        CHECK_LOG("joined");
        CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
        CHECK(tells_of_line(misuse, opened_at));
        if (CHECK(misuse != NULL)) {
            char line[32];
            snprintf(line, sizeof line, "%d", left_at);
            CHECK_CONTAINS(kin_error_message(misuse), "misuse_leaves_by_try");
            CHECK_CONTAINS(kin_error_message(misuse), line);
        }
        kin_error_free(err);
    }
}

static kin_error *misuse_leaves_in_passing(void)
{
    KIN_GROUP(forgotten);
    kin_spawn(forgotten, swallows, "joined");
    return NULL;
}

static kin_error *misuse_goes_on(void *arg)
{
    (void)arg;
    kin_error *err = misuse_leaves_in_passing();
    CHECK_LOG("joined");
    NOTE("on");
    KIN_GROUP(group);
    kin_spawn(group, works, &(work){.note = "child"});
    err = kin_group_close(group, err);
    CHECK_SHAPE(err, "OK");
    KIN_TRY(kin_checkpoint());
    CHECK_LOG("joined on child");
    return err;
}

/* ... "as the C scope is left", so that what comes after is sound. */
TEST(misuse_a_group_left_by_return_of_an_inner_function)
{
    RUNS(misuse_goes_on, "G[MISUSE]");
}

static kin_error *misuse_leaves_two(void *arg)
{
    (void)arg;
    KIN_GROUP(outer);
    kin_spawn(outer, swallows, "outer");
    KIN_GROUP(inner);
    kin_spawn(inner, swallows, "inner");
    return NULL;
}

/* ... innermost first, and a MISUSE each. */
TEST(misuse_two_groups_left_by_return)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(misuse_leaves_two, NULL, seed);
        CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
        CHECK_LOG("inner outer");
        if (leaf_count(err) == 2) {
            CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "inner");
            CHECK_CONTAINS(kin_error_message(leaf(err, 1)), "outer");
        }
        kin_error_free(err);
    }
}

static kin_error *misuse_spawns_late(void *arg)
{
    (void)arg;
    work never = {.note = "ran"};
    opened_at = __LINE__ + 1;
    KIN_GROUP(gone);
    KIN_TRY(kin_group_close(gone, NULL));
    left_at = __LINE__ + 1;
    kin_task *task = kin_spawn(gone, works, &never);
    CHECK(task != NULL);
    KIN_TRY(kin_checkpoint());
    CHECK_LOG("");
    return NULL;
}

/* Spawning into a closed group: a MISUSE that the caller holds, naming both
   places (B58). */
TEST(misuse_spawning_into_a_closed_group)
{
    kin_error *err = run_virtual(misuse_spawns_late, NULL, 0);
    const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
    CHECK_SHAPE(err, "G[MISUSE]");
    CHECK(tells_of_line(misuse, opened_at));
    CHECK(tells_of_line(misuse, left_at));
    if (misuse)
        CHECK_CONTAINS(kin_error_message(misuse), "gone");
    kin_error_free(err);
}

static kin_error *misuse_spawns_early(void *arg)
{
    (void)arg;
    work never = {.note = "ran"};
    kin_group group;
    kin_group_init(&group);
    kin_task *task = kin_spawn(&group, works, &never);
    CHECK(task != NULL);
    KIN_TRY(kin_checkpoint());
    CHECK_LOG("");
    return NULL;
}

/* The same into one that is not open yet. */
TEST(misuse_spawning_into_a_group_that_is_not_open_yet)
{
    RUNS(misuse_spawns_early, "G[MISUSE]");
}

static kin_error *misuse_closes_twice(void *arg)
{
    (void)arg;
    opened_at = __LINE__ + 1;
    KIN_GROUP(gone);
    KIN_TRY(kin_group_close(gone, NULL));
    left_at = __LINE__ + 1;
    kin_error *err = kin_group_close(gone, NULL);
    CHECK_SHAPE(err, "MISUSE");
    CHECK(tells_of_line(err, opened_at));
    CHECK(tells_of_line(err, left_at));
    CHECK_CONTAINS(kin_error_message(err), "gone");
    kin_error_free(err);
    kin_error *made = fail_v("1");
    err = kin_group_close(gone, made);
    CHECK_EQ(leaf_count(err), 2);
    CHECK_EQ(leaf_of(err, &TEST_V), made);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    kin_error_free(err);
    KIN_TRY(kin_checkpoint());
    return NULL;
}

/* Closing twice: a MISUSE that names both places, beside the outcome that was
   given (B125 for groups). */
TEST(misuse_closing_twice)
{
    RUNS(misuse_closes_twice, "OK");
}

static kin_error *misuse_closes_unopened(void *arg)
{
    (void)arg;
    kin_group group;
    kin_group_init(&group);
    return kin_group_close(&group, NULL);
}

/* Closing what was not opened. */
TEST(misuse_closing_what_is_not_open)
{
    RUNS(misuse_closes_unopened, "MISUSE");
}

static kin_error *misuse_closes_anothers(void *arg)
{
    left_at = __LINE__ + 1;
    kin_error *err = kin_group_close((kin_group *)arg, NULL);
    CHECK_SHAPE(err, "MISUSE");
    CHECK(tells_of_line(err, opened_at));
    CHECK(tells_of_line(err, left_at));
    CHECK_CONTAINS(kin_error_message(err), "theirs");
    kin_error_free(err);
    return NULL;
}

static kin_error *misuse_wrong_task(void *arg)
{
    (void)arg;
    work child = {.after = KIN_SECONDS(1), .note = "child"};
    opened_at = __LINE__ + 1;
    KIN_GROUP(theirs);
    kin_spawn(theirs, works, &child);
    kin_spawn(theirs, misuse_closes_anothers, theirs);
    kin_error *err = kin_group_close(theirs, NULL);
    CHECK_LOG("child");
    return err;
}

/* Closing another task's group: a MISUSE that names both places, and the group
   is as it was (B63). */
TEST(misuse_closing_another_tasks_group)
{
    RUNS(misuse_wrong_task, "OK");
}

static kin_error *misuse_wrong_order(void *arg)
{
    (void)arg;
    KIN_GROUP(outer);
    kin_spawn(outer, swallows, "outer");
    opened_at = __LINE__ + 1;
    KIN_GROUP(inner);
    kin_spawn(inner, swallows, "inner");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));

    kin_error *made = fail_v("1");
    left_at = __LINE__ + 1;
    kin_error *err = kin_group_close(outer, made);
    CHECK_EQ(leaf_count(err), 2);
    CHECK_EQ(leaf_of(err, &TEST_V), made);
    const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
    if (CHECK(misuse != NULL)) {
        CHECK_CONTAINS(kin_error_message(misuse), "inner");
        CHECK(tells_of_line(misuse, opened_at));
        CHECK(tells_of_line(misuse, left_at));
    }
    kin_error_free(err);

    made = fail_t("2");
    err = kin_group_close(inner, made);
    CHECK_EQ(err, made);
    CHECK_LOG_SORTED("inner outer");
    kin_error_free(err);
    return kin_checkpoint();
}

/* "Closing in the wrong order: the outer's close returns KIN_MISUSE together
   with the outcome it was given, and the inner's later close gives its outcome
   back and says nothing (B123)." The children of both are cancelled and
   joined. */
TEST(misuse_closing_in_the_wrong_order)
{
    RUNS(misuse_wrong_order, "OK");
}

static kin_error *misuse_scope_outside(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_GROUP(inner);
    kin_spawn(inner, swallows, "inner");
    kin_error *err = kin_scope_close(outer, NULL);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_CONTAINS(kin_error_message(err), "inner");
    kin_error_free(err);
    CHECK_OUTCOME(kin_group_close(inner, NULL), "OK");
    CHECK_LOG("inner");
    return kin_checkpoint();
}

static kin_error *misuse_scope_inside(void *arg)
{
    (void)arg;
    KIN_GROUP(outer);
    KIN_SCOPE(inner);
    kin_error *err = kin_group_close(outer, NULL);
    CHECK_EQ(leaf_count(err), 1);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    kin_error_free(err);
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    return kin_checkpoint();
}

/* The same where one of the two is a scope. */
TEST(misuse_a_scope_and_a_group_closed_in_the_wrong_order)
{
    RUNS(misuse_scope_outside, "OK");
    RUNS(misuse_scope_inside, "OK");
}

static kin_error *told_to_keep(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_task *done = NULL;
    kin_error *err = kin_group_next(group, &done);
    CHECK_SHAPE(err, "MISUSE");
    CHECK_EQ(done, NULL);
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* "kin_group_next needs .keep." */
TEST(misuse_next_without_keep)
{
    RUNS(told_to_keep, "OK");
}

/* --- outside a run ---------------------------------------------------------- */

static void opens_outside(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err = kin_group_close(group, NULL);
    kin_error_free(err);
}

static void spawns_outside(void *arg)
{
    kin_group group;
    kin_group_init(&group);
    kin_spawn(&group, sleeps_forever, arg);
}

static void closes_outside(void *arg)
{
    (void)arg;
    kin_group group;
    kin_group_init(&group);
    kin_error_free(kin_group_close(&group, NULL));
}

static void starts_outside(void *arg)
{
    kin_group group;
    kin_group_init(&group);
    kin_error_free(kin_start(&group, sleeps_forever, arg, NULL));
}

static void joins_outside(void *arg)
{
    (void)arg;
    kin_error_free(kin_task_join(NULL));
}

/* "Outside a run: one line on stderr and abort." */
TEST(misuse_outside_a_run_aborts_with_one_line)
{
    void (*const bad[])(void *) = {opens_outside, spawns_outside,
                                   closes_outside, starts_outside,
                                   joins_outside};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int status;
        const char *said = in_child_process(bad[i], NULL, &status);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ(WTERMSIG(status), SIGABRT);
        const char *end = strchr(said, '\n');
        CHECK(end != NULL && end != said);
        CHECK_STR(end ? end + 1 : said, "");
    }
}
