/* h_cleanup.c: B205 to B208: kin_defer, and what it calls at the close. */
#include "harness.h"

#include <kin/defer.h>
#include <kin/testing.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static kin_error *notes_it(void *arg)
{
    NOTE("%s", (const char *)arg);
    return NULL;
}

static kin_error *fails_with(void *arg)
{
    NOTE("%s", (const char *)arg);
    return fail_t("%s", (const char *)arg);
}

/* --- B205: order, and errors ---------------------------------------------------- */

static kin_error *in_reverse(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, notes_it, "1"));
    KIN_TRY(kin_defer(scope, notes_it, "2"));
    KIN_TRY(kin_defer(scope, notes_it, "3"));
    CHECK_LOG("");
    kin_error *err = kin_scope_close(scope, kin_checkpoint());
    CHECK_LOG("3 2 1");
    return err;
}

TEST(b205_cleanups_run_in_reverse)
{
    RUNS(in_reverse, "OK");
}

static kin_error *all_fail(void *arg)
{
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, fails_with, "1"));
    KIN_TRY(kin_defer(scope, notes_it, "fine"));
    KIN_TRY(kin_defer(scope, fails_with, "2"));
    return kin_scope_close(scope, arg ? fail_v("body") : NULL);
}

static kin_error *one_fails(void *arg)
{
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, fails_with, "1"));
    return kin_scope_close(scope, arg ? fail_v("body") : NULL);
}

/* One that fails does not stop the others; the body's error comes first, and a
   lone one stays bare. */
TEST(b205_errors_of_cleanups_join_the_bodys)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(all_fail, "body", seed), "G[Vbody, T2, T1]");
        CHECK_LOG("2 fine 1");
        CHECK_OUTCOME(run_virtual(all_fail, NULL, seed), "G[T2, T1]");
        CHECK_OUTCOME(run_virtual(one_fails, NULL, seed), "T1");
        CHECK_OUTCOME(run_virtual(one_fails, "body", seed), "G[Vbody, T1]");
    }
}

static kin_error *bodys_group(void *arg)
{
    (void)arg;
    kin_error *members[] = {fail_v("1"), fail_v("2")};
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, fails_with, "3"));
    return kin_scope_close(scope, kin_error_group("two", members, 2));
}

/* "Joins the outcome behind the body's error": whatever that is. */
TEST(b205_a_group_of_the_bodys_stays_one)
{
    RUNS(bodys_group, "G[G[V1, V2], T3]");
}

/* --- shielded --------------------------------------------------------------------- */

static kin_error *takes_a_second(void *arg)
{
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    NOTE("%s:%s", (const char *)arg, shape(err));
    return err;
}

static kin_error *while_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    KIN_TRY(kin_defer(scope, takes_a_second, "1"));
    KIN_TRY(kin_defer(scope, takes_a_second, "2"));
    kin_error *err = kin_scope_close(scope, kin_sleep_forever());
    CHECK_LOG("2:OK 1:OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(3));
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

static kin_error *cancelled_from_around(void *arg)
{
    (void)arg;
    KIN_SCOPE(around, .fail_after = KIN_SECONDS(1));
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, takes_a_second, "1"));
    kin_error *err = kin_scope_close(scope, kin_sleep_forever());
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG("1:OK");
    return kin_scope_close(around, err);
}

TEST(b205_cleanups_are_shielded)
{
    RUNS(while_cancelled, "OK");
    RUNS(cancelled_from_around, "TIMEOUT");
}

static kin_error *fails_while_cancelled(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(1));
    KIN_TRY(kin_defer(scope, fails_with, "1"));
    return kin_scope_close(scope, kin_sleep_forever());
}

/* What became of the block is settled before: that it timed out stands first. */
TEST(b205_an_error_of_a_cleanup_joins_the_timeout)
{
    RUNS(fails_while_cancelled, "G[TIMEOUT, T1]");
}

static kin_error *past_the_deadline(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(0.5));
    KIN_TRY(kin_defer(scope, takes_a_second, "1"));
    kin_error *err = kin_scope_close(scope, NULL);
    CHECK_LOG("1:OK");
    return err;
}

/* The deadline passes during the cleanup: nothing was cut short. */
TEST(b205_a_deadline_that_passes_during_a_cleanup)
{
    RUNS(past_the_deadline, "OK");
}

/* --- B206: groups ------------------------------------------------------------------- */

static kin_error *body_child_and_cleanup(void *arg)
{
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_K, .text = "child"};
    KIN_GROUP(group, .policy = *(kin_policy *)arg, .name = "g");
    KIN_TRY(kin_defer(group, fails_with, "1"));
    KIN_TRY(kin_defer(group, fails_with, "2"));
    kin_spawn(group, works, &failing, .name = "c");
    kin_error *err = kin_sleep(KIN_SECONDS(2));
    kin_error_free(err);
    return kin_group_close(group, fail_v("body"));
}

/* Nothing is lost, of a child, the body and the cleanups. */
TEST(b206_all_errors_survive)
{
    kin_policy all = KIN_ALL, any = KIN_ANY, each = KIN_EACH;
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(body_child_and_cleanup, &all, seed);
        CHECK_EQ(leaf_count(err), 4);
        CHECK_CONTAINS(shape(err), "Kchild");
        CHECK_CONTAINS(shape(err), "Vbody");
        CHECK_CONTAINS(shape(err), "T2");
        CHECK_CONTAINS(shape(err), "T1");
        kin_error_free(err);
        err = run_virtual(body_child_and_cleanup, &any, seed);
        CHECK_CONTAINS(shape(err), "Kchild");
        CHECK_CONTAINS(shape(err), "Vbody");
        CHECK_CONTAINS(shape(err), "T2");
        CHECK_CONTAINS(shape(err), "T1");
        kin_error_free(err);
        CHECK_OUTCOME(run_virtual(body_child_and_cleanup, &each, seed),
                      "G[Vbody, T2, T1]");
        CHECK_UNHANDLED("c:Kchild");
    }
}

static kin_error *only_the_cleanup(void *arg)
{
    KIN_GROUP(group, .policy = *(kin_policy *)arg);
    KIN_TRY(kin_defer(group, fails_with, "1"));
    kin_spawn(group, notes_it, "child");
    return kin_group_close(group, NULL);
}

TEST(b206_the_one_error_of_a_cleanup)
{
    kin_policy all = KIN_ALL, any = KIN_ANY, each = KIN_EACH;
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(only_the_cleanup, &all, seed), "G[T1]");
        CHECK_OUTCOME(run_virtual(only_the_cleanup, &any, seed), "T1");
        CHECK_OUTCOME(run_virtual(only_the_cleanup, &each, seed), "T1");
    }
}

static kin_error *ends_cancelled(void *arg)
{
    kin_error *err = kin_sleep_forever();
    NOTE("%s", (const char *)arg);
    return err;
}

static kin_error *after_everybody(void *arg)
{
    (void)arg;
    work child = {.after = KIN_SECONDS(1), .note = "child"};
    KIN_GROUP(group);
    KIN_TRY(kin_defer(group, notes_it, "first"));
    kin_spawn(group, works, &child);
    kin_spawn(group, ends_cancelled, "service", .service = true);
    KIN_TRY(kin_defer(group, notes_it, "second"));
    NOTE("body");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("body child service second first");
    return err;
}

/* B208: a resource that the group's children use outlives them, the services
   too. */
TEST(b208_cleanups_run_after_the_children_and_services)
{
    RUNS(after_everybody, "OK");
}

static kin_error *spawns_again(void *arg)
{
    static work late = {.after = KIN_SECONDS(1), .note = "late"};
    kin_spawn((kin_group *)arg, works, &late);
    NOTE("cleanup");
    return NULL;
}

static kin_error *spawned_in_a_cleanup(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    KIN_TRY(kin_defer(group, notes_it, "last"));
    KIN_TRY(kin_defer(group, spawns_again, group));
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("cleanup last late");
    CHECK_EQ(kin_group_running(group), 0);
    return err;
}

TEST(b208_what_a_cleanup_spawns_is_waited_for)
{
    RUNS(spawned_in_a_cleanup, "OK");
}

/* --- B207: forced -------------------------------------------------------------------- */

static kin_error *cancelled_close(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, takes_a_second, "released"));
    kin_scope_cancel(scope, "forcefully");
    kin_error *err = kin_scope_close(scope, NULL);
    CHECK_LOG("released:OK");
    return err;
}

TEST(b207_a_cancelled_scope_releases_all_the_same)
{
    RUNS(cancelled_close, "OK");
}

/* --- however it is left ----------------------------------------------------------------- */

static kin_error *left_by_return(void *arg)
{
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, notes_it, "scope"));
    if (arg) {
        KIN_GROUP(group);
        KIN_TRY(kin_defer(group, notes_it, "group"));
        kin_spawn(group, ends_cancelled, "child");
        return fail_v("1");
    }
    return NULL;
}

TEST(b205_cleanups_of_a_block_that_was_left)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(left_by_return, NULL, seed), "G[MISUSE]");
        CHECK_LOG("scope");
        harness_log_clear();
        kin_error *err = run_virtual(left_by_return, "both", seed);
        CHECK(kin_error_has(err, &TEST_V) && kin_error_has(err, &KIN_MISUSE));
        kin_error_free(err);
        CHECK_LOG("child group scope");
    }
}

static kin_error *in_a_struct(void *arg)
{
    static kin_scope scope; /* not a macro's: nobody cleans up behind it */
    (void)arg;
    kin_scope_init(&scope);
    kin_scope_open(&scope);
    KIN_TRY(kin_defer(&scope, fails_with, "1"));
    return NULL;
}

/* The task ends with it open. */
TEST(b205_cleanups_of_a_scope_that_was_abandoned)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(in_a_struct, NULL, seed);
        CHECK(kin_error_has(err, &TEST_T) && kin_error_has(err, &KIN_MISUSE));
        kin_error_free(err);
        CHECK_LOG("1");
    }
}

static kin_error *closed_out_of_order(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_TRY(kin_defer(outer, notes_it, "outer"));
    KIN_SCOPE(inner);
    KIN_TRY(kin_defer(inner, notes_it, "inner"));
    kin_error *err = kin_scope_close(outer, NULL);
    CHECK_SHAPE(err, "MISUSE");
    kin_error_free(err);
    err = kin_scope_close(inner, NULL);
    CHECK_SHAPE(err, "OK");
    return err;
}

/* B123: whatever order they are closed in, both are called, once. */
TEST(b205_cleanups_of_scopes_in_the_wrong_order)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(closed_out_of_order, NULL, seed), "OK");
        CHECK_LOG("inner outer");
    }
}

/* --- what a cleanup may do ---------------------------------------------------------------- */

static kin_scope *deferring;

static kin_error *defers_more(void *arg)
{
    NOTE("%s", (const char *)arg);
    return kin_defer(deferring, notes_it, "more");
}

static kin_error *nests(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, notes_it, "nested"));
    return kin_scope_close(scope, NULL);
}

static kin_error *defers_in_a_cleanup(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    deferring = scope;
    KIN_TRY(kin_defer(scope, notes_it, "last"));
    KIN_TRY(kin_defer(scope, nests, NULL));
    KIN_TRY(kin_defer(scope, defers_more, "first"));
    kin_error *err = kin_scope_close(scope, NULL);
    CHECK_LOG("first more nested last");
    return err;
}

TEST(b205_a_cleanup_may_defer_and_open_scopes)
{
    RUNS(defers_in_a_cleanup, "OK");
}

static kin_error *leaves_one_open(void *arg)
{
    KIN_SCOPE(left, .name = "left");
    NOTE("%s", (const char *)arg);
    return NULL;
}

static kin_error *left_open_in_a_cleanup(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, notes_it, "1"));
    KIN_TRY(kin_defer(scope, leaves_one_open, "2"));
    kin_error *err = kin_scope_close(scope, NULL);
    CHECK_LOG("2 1");
    return err;
}

TEST(b205_a_cleanup_that_leaves_a_scope_open)
{
    RUNS(left_open_in_a_cleanup, "G[MISUSE]");
}

/* --- misuse, and no memory ------------------------------------------------------------------ */

static kin_error *defers_to_others(void *arg)
{
    kin_error *err = kin_defer((kin_scope *)arg, notes_it, "foreign");
    CHECK_SHAPE(err, "MISUSE");
    CHECK_CONTAINS(kin_error_message(err), "another task");
    CHECK_CONTAINS(kin_error_message(err), "notes_it");
    kin_error_free(err);
    return NULL;
}

static kin_error *misuse(void *arg)
{
    (void)arg;
    kin_scope unopened;
    kin_scope *nothing = NULL;
    kin_group *no_group = NULL;
    kin_scope_init(&unopened);
    CHECK_OUTCOME(kin_defer(&unopened, notes_it, "unopened"), "MISUSE");
    CHECK_OUTCOME(kin_defer(nothing, notes_it, "null"), "MISUSE");
    CHECK_OUTCOME(kin_defer(no_group, notes_it, "null"), "MISUSE");
    KIN_SCOPE(scope);
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_OUTCOME(kin_defer(scope, fails_with, "closed"), "G[MISUSE, Tclosed]");
    CHECK_LOG("unopened null null closed");
    harness_log_clear();
    KIN_GROUP(group);
    kin_spawn(group, defers_to_others, kin_group_scope(group));
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("foreign");
    return err;
}

/* "fn has been called already: what it releases is released either way." */
TEST(b205_misuse_of_defer)
{
    RUNS(misuse, "OK");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static kin_error *without_memory(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, notes_it, "there was"));
    harness_heap.fail = always;
    kin_error *err = kin_defer(scope, notes_it, "there is none");
    harness_heap.fail = NULL;
    CHECK_LOG("there is none");
    CHECK_SHAPE(err, "NO_MEMORY");
    CHECK_CONTAINS(kin_error_message(err), "notes_it");
    kin_error_free(err);
    return kin_scope_close(scope, NULL);
}

TEST(b205_without_memory)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(without_memory, NULL, seed), "OK");
        CHECK_LOG("there is none there was");
    }
}
