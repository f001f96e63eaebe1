/* dropped_errors.c: "Nothing is dropped", section 2 of the contract. A task that
   ends while it holds errors that it has neither returned, handed on nor freed
   does not lose them: they come out of it, in a group with its own outcome, each
   with a note that says who dropped it. Errors are forgotten here in every way
   one can, and let go of in every way one should. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* What a careless program does with an error: nothing. */
static void ignore(kin_error *err)
{
    (void)err;
}

/* Makes an error and forgets it; says where, and which. */
struct forgotten {
    const kin_error *made;
    int line;
};

static kin_error *forgets(void *arg)
{
    struct forgotten *forgotten = arg;
    int line = __LINE__ + 1;
    kin_error *err = fail_v("1");
    if (forgotten)
        *forgotten = (struct forgotten){err, line};
    return NULL;
}

static bool was_dropped_by(const kin_error *err, const char *task)
{
    char start[128];
    snprintf(start, sizeof start, "dropped by %s, made at ", task);
    for (size_t i = 0; err && i < kin_error_note_count(err); i++)
        if (strncmp(kin_error_note(err, i), start, strlen(start)) == 0)
            return true;
    return false;
}

/* --- made and ignored ----------------------------------------------------- */

/* The main task forgets what it made: a group, although it meant to succeed,
   with the same object in it. */
TEST(forgotten_by_the_main_task)
{
    struct forgotten forgotten = {0};
    kin_error *err = run_virtual(forgets, &forgotten, 0);
    CHECK_SHAPE(err, "G[V1]");
    CHECK_EQ(leaf(err, 0), forgotten.made);
    CHECK(was_dropped_by(leaf(err, 0), "forgets"));
    kin_error_free(err);
}

static kin_error *notes_of_child(void *arg)
{
    struct forgotten forgotten = {0};
    char place[64];
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, forgets, &forgotten, .name = "reader");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "G[G[V1]]");
    const kin_error *dropped = leaf(err, 0);
    CHECK_EQ(dropped, forgotten.made);
    CHECK(kin_error_note_count(dropped) == 1);
    if (dropped && kin_error_note_count(dropped) == 1) {
        const char *note = kin_error_note(dropped, 0);
        snprintf(place, sizeof place, "dropped_errors.c:%d", forgotten.line);
        CHECK(strncmp(note, "dropped by reader, made at ", 27) == 0);
        CHECK(strlen(note) > strlen(place));
        CHECK_STR(note + strlen(note) - strlen(place), place);
    }
    return err;
}

/* "... each with the note "dropped by TASK, made at FILE:LINE"." */
TEST(forgotten_errors_bear_a_note)
{
    RUNS(notes_of_child, "G[G[V1]]");
}

static kin_error *fails_beside(void *arg)
{
    (void)arg;
    ignore(fail_v("1"));
    return fail_t("2");
}

/* "They come out of the task, in a group with its own outcome." */
TEST(forgotten_beside_an_outcome)
{
    kin_error *err = run_virtual(fails_beside, NULL, 0);
    CHECK_SHAPE(err, "G[T2, V1]");
    CHECK(was_dropped_by(leaf_of(err, &TEST_V), "fails_beside"));
    CHECK(!was_dropped_by(leaf_of(err, &TEST_T), "fails_beside"));
    kin_error_free(err);
}

static void set(kin_error **variable, kin_error *err)
{
    *variable = err;
}

static kin_error *overwrites(void *arg)
{
    (void)arg;
    kin_error *err;
    set(&err, fail_v("1"));
    set(&err, fail_t("2"));
    set(&err, fail_k("3"));
    return err;
}

/* A variable that is overwritten. */
TEST(forgotten_in_a_variable_that_is_overwritten)
{
    kin_error *err = run_virtual(overwrites, NULL, 0);
    CHECK_STR(shape_sorted(err), "G[K3, T2, V1]");
    CHECK(was_dropped_by(leaf_of(err, &TEST_V), "overwrites"));
    CHECK(was_dropped_by(leaf_of(err, &TEST_T), "overwrites"));
    CHECK(!was_dropped_by(leaf_of(err, &TEST_K), "overwrites"));
    kin_error_free(err);
}

static kin_error *forgets_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        ignore(fail_v("%d", i));
    return NULL;
}

/* However many. */
TEST(forgotten_a_thousand_times)
{
    kin_error *err = run_virtual(forgets_many, NULL, 0);
    CHECK_EQ(leaf_count(err), 1000);
    CHECK_EQ(kin_error_count(err), 1000);
    CHECK_STR(kin_error_message(leaf(err, 0)), "0");
    CHECK_STR(kin_error_message(leaf(err, 999)), "999");
    kin_error_free(err);
}

static kin_error *forgets_in_a_scope(void *arg)
{
    (void)arg;
    {
        KIN_SCOPE(scope);
        ignore(fail_v("1"));
        CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    }
    {
        KIN_GROUP(group);
        ignore(fail_t("2"));
        CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    }
    NOTE("on");
    return NULL;
}

/* They come out of the task, at its end: not of a scope, nor of a group that it
   had open. */
TEST(forgotten_inside_a_scope_comes_out_of_the_task)
{
    RUNS(forgets_in_a_scope, "G[V1, T2]");
}

/* --- handed over and ignored ------------------------------------------------ */

static kin_error *ignores_a_close(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);
    ignore(kin_group_close(group, NULL));
    return NULL;
}

/* What a group's close handed over: once, whole, and noted as a whole. */
TEST(forgotten_from_a_group_close)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(ignores_a_close, NULL, seed);
        CHECK_SHAPE(err, "G[G[V1]]");
        if (kin_error_count(err) == 1)
            CHECK(was_dropped_by(kin_error_member(err, 0), "ignores_a_close"));
        kin_error_free(err);
    }
}

static kin_error *ignores_a_scope(void *arg)
{
    (void)arg;
    KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
    ignore(kin_scope_close(limit, kin_sleep_forever()));
    return NULL;
}

/* What a scope's close handed over. */
TEST(forgotten_from_a_scope_close)
{
    RUNS(ignores_a_scope, "G[TIMEOUT]");
}

static kin_error *passes_through(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    ignore(kin_group_close(group, fail_v("1")));
    return NULL;
}

/* What was handed to a close, and came back. */
TEST(forgotten_after_it_went_through_a_close)
{
    RUNS(passes_through, "G[G[V1]]");
}

static kin_error *fails_before_started(void *arg)
{
    (void)arg;
    return fail_k("1");
}

static kin_error *ignores_a_start(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    ignore(kin_start(group, fails_before_started, NULL, NULL));
    return kin_group_close(group, NULL);
}

/* What a start handed over. */
TEST(forgotten_from_a_start)
{
    RUNS(ignores_a_start, "G[K1]");
}

static kin_error *ignores_a_taken_error(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_task *child = kin_spawn(group, works, &failing);
    KIN_TRY(kin_task_join(child));
    ignore(kin_task_take_error(child));
    return kin_group_close(group, NULL);
}

/* What was taken from a child. */
TEST(forgotten_from_a_child)
{
    RUNS(ignores_a_taken_error, "G[V1]");
}

static kin_error *ignores_its_wake(void *arg)
{
    (void)arg;
    ignore(kin_park(NULL, NULL, "a wake"));
    return NULL;
}

static kin_error *wakes(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_task *child = kin_spawn(group, ignores_its_wake, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_wake(child, fail_v("1"));
    kin_error *err = kin_group_close(group, NULL);
    CHECK(was_dropped_by(leaf(err, 0), "ignores_its_wake"));
    return err;
}

/* What another task woke it with: it is the woken one's. */
TEST(forgotten_from_a_wake)
{
    RUNS(wakes, "G[G[V1]]");
}

/* --- in a child ------------------------------------------------------------- */

static kin_error *forgets_in_all(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_ALL);
    kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, forgets, NULL);
    return kin_group_close(group, NULL);
}

/* With KIN_ALL it is a failure like another: the siblings are cancelled. */
TEST(forgotten_in_a_child_of_all)
{
    RUNS(forgets_in_all, "G[G[V1]]");
}

static kin_error *forgets_in_each(void *arg)
{
    (void)arg;
    work sibling = {.after = KIN_SECONDS(1), .note = "sibling"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, forgets, NULL, .name = "child");
    kin_spawn(group, works, &sibling);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_UNHANDLED("child:G[V1]");
    CHECK_LOG("sibling");
    return err;
}

/* With KIN_EACH it goes to the unhandled hook, and the siblings go on. */
TEST(forgotten_in_a_child_of_each)
{
    RUNS(forgets_in_each, "OK");
}

static kin_error *forgets_in_any(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, forgets, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *forgets_and_loses(void *arg)
{
    (void)arg;
    work winner = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, forgets, NULL);
    kin_spawn(group, works, &winner);
    return kin_group_close(group, NULL);
}

/* With KIN_ANY a child that forgot an error has not succeeded. */
TEST(forgotten_in_a_child_of_any)
{
    RUNS(forgets_in_any, "G[G[V1]]");
    RUNS(forgets_and_loses, "OK");
}

static kin_error *forgets_kept(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_task *child = kin_spawn(group, forgets, NULL);
    KIN_TRY(kin_task_join(child));
    CHECK_EQ(kin_task_status(child), KIN_TASK_FAILED);
    CHECK_OUTCOME(kin_task_take_error(child), "G[V1]");
    return kin_group_close(group, NULL);
}

/* A kept child has failed, with a group. */
TEST(forgotten_in_a_kept_child)
{
    RUNS(forgets_kept, "OK");
}

static kin_error *forgets_then_is_up(void *arg)
{
    ignore(fail_v("1"));
    if (*(bool *)arg)
        kin_started(NULL);
    return NULL;
}

static kin_error *forgets_in_start(void *arg)
{
    (void)arg;
    bool up = false;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, forgets_then_is_up, &up, NULL);
    CHECK(leaf_of(err, &TEST_V) != NULL);
    kin_error_free(err);
    up = true;
    CHECK_OUTCOME(kin_start(group, forgets_then_is_up, &up, NULL), "OK");
    return kin_group_close(group, NULL);
}

/* A child that is started: out of the start before it is up, else out of the
   group. */
TEST(forgotten_in_a_started_child)
{
    RUNS(forgets_in_start, "G[G[V1]]");
}

static kin_error *forgets_in_background(void *arg)
{
    (void)arg;
    kin_spawn_background(forgets, NULL, .name = "behind");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_UNHANDLED("behind:G[V1]");
    return NULL;
}

/* A background task: out of the unhandled hook. */
TEST(forgotten_in_a_background_task)
{
    RUNS(forgets_in_background, "OK");
}

static kin_error *spawns_forgetful(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, forgets, NULL);
    kin_spawn(group, forgets, NULL);
    return kin_group_close(group, NULL);
}

/* Two at once. */
TEST(forgotten_in_two_children)
{
    RUNS(spawns_forgetful, "G[G[V1], G[V1]]");
}

/* --- while cancelled ---------------------------------------------------------- */

static kin_error *forgets_while_cancelled(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    ignore(fail_v("1"));
    return err;
}

static kin_error *dropped_while_cancelled(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_T, .text = "2"};
    KIN_GROUP(group);
    kin_spawn(group, forgets_while_cancelled, NULL);
    kin_spawn(group, works, &failing);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "G[T2, G[V1]]");
    const kin_error *dropped = leaf_of(err, &TEST_V);
    if (CHECK(dropped != NULL)) {
        CHECK(was_dropped_by(dropped, "forgets_while_cancelled"));
        CHECK(kin_error_during(dropped) != NULL);
        CHECK(kin_error_follows_from(dropped, failing.made));
    }
    return err;
}

/* Beside a CANCELLED that goes its way, and it still tells of the cancellation
   that it was made under. */
TEST(forgotten_while_cancelled)
{
    RUNS(dropped_while_cancelled, "G[T2, G[V1]]");
}

static kin_error *forgets_its_cancelled(void *arg)
{
    (void)arg;
    ignore(kin_sleep_forever());
    return NULL;
}

static kin_error *cancels_a_forgetful_one(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, forgets_its_cancelled, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_group_cancel(group, "enough");
    return kin_group_close(group, NULL);
}

static kin_error *forgets_a_cancelled_of_its_own(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, "enough");
    ignore(kin_checkpoint());
    return kin_scope_close(scope, NULL);
}

/* A CANCELLED too: the scope that is still around the task absorbs it; one that
   was closed before cannot (B95). */
TEST(forgotten_cancelled)
{
    RUNS(cancels_a_forgetful_one, "OK");
    RUNS(forgets_a_cancelled_of_its_own, "G[CANCELLED]");
}

/* --- trees --------------------------------------------------------------------- */

static kin_error *forgets_a_group(void *arg)
{
    (void)arg;
    kin_error *members[] = {fail_v("1"), fail_t("2")};
    ignore(kin_error_group("two", members, 2));
    return NULL;
}

/* A group comes out once and whole, and not its members again. */
TEST(forgotten_group)
{
    kin_error *err = run_virtual(forgets_a_group, NULL, 0);
    CHECK_SHAPE(err, "G[G[V1, T2]]");
    if (kin_error_count(err) == 1) {
        CHECK(was_dropped_by(kin_error_member(err, 0), "forgets_a_group"));
        CHECK_STR(kin_error_message(kin_error_member(err, 0)), "two");
    }
    kin_error_free(err);
}

static kin_error *combines(void *arg)
{
    (void)arg;
    ignore(kin_error_combine(fail_v("1"), fail_t("2")));
    return kin_error_combine(NULL, fail_k("3"));
}

/* What was combined likewise. */
TEST(forgotten_combination)
{
    RUNS(combines, "G[K3, G[V1, T2]]");
}

static kin_error *forgets_with_cause(void *arg)
{
    (void)arg;
    ignore(kin_fail_from(fail_v("1"), &TEST_T, "2"));
    return NULL;
}

/* A cause stays with what it explains. */
TEST(forgotten_with_a_cause)
{
    kin_error *err = run_virtual(forgets_with_cause, NULL, 0);
    CHECK_SHAPE(err, "G[T2]");
    CHECK_SHAPE(kin_error_cause(leaf(err, 0)), "V1");
    kin_error_free(err);
}

static kin_error *forgets_halves(void *arg)
{
    (void)arg;
    kin_error *members[] = {fail_v("1"), fail_t("2"), fail_v("3")};
    kin_error *rest = NULL;
    ignore(
        kin_error_split(kin_error_group("three", members, 3), &TEST_V, &rest));
    return NULL;
}

static kin_error *forgets_one_half(void *arg)
{
    (void)arg;
    kin_error *members[] = {fail_v("1"), fail_t("2")};
    kin_error *rest = NULL;
    kin_error_free(
        kin_error_split(kin_error_group("two", members, 2), &TEST_V, &rest));
    return NULL;
}

/* The halves of a split, each by itself. */
TEST(forgotten_halves_of_a_split)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(forgets_halves, NULL, seed);
        CHECK_STR(shape_sorted(err), "G[G[T2], G[V1, V3]]");
        kin_error_free(err);
    }
    RUNS(forgets_one_half, "G[G[T2]]");
}

static kin_error *frees_one_of_two(void *arg)
{
    (void)arg;
    kin_error *err = fail_v("1");
    kin_error *again = kin_error_ref(err);
    CHECK_EQ(again, err);
    kin_error_free(err);
    return NULL;
}

static kin_error *frees_both(void *arg)
{
    (void)arg;
    kin_error *err = fail_v("1");
    kin_error *again = kin_error_ref(err);
    kin_error_free(err);
    CHECK_STR(kin_error_message(again), "1");
    kin_error_free(again);
    return NULL;
}

static kin_error *returns_one_of_two(void *arg)
{
    (void)arg;
    kin_error *err = fail_v("1");
    kin_error *again = kin_error_ref(err);
    kin_error_free(again);
    return err;
}

/* A reference is one more thing to let go of. */
TEST(forgotten_reference)
{
    RUNS(frees_one_of_two, "G[V1]");
    RUNS(frees_both, "OK");
    RUNS(returns_one_of_two, "V1");
}

/* --- let go of as one should ---------------------------------------------------- */

static bool catches(kin_error *err)
{
    return kin_error_catch(&err, &TEST_V);
}

static kin_error *frees_matched(kin_error *matched, void *context)
{
    (void)context;
    kin_error_free(matched);
    return NULL;
}

static kin_error *deals_with_them(void *arg)
{
    (void)arg;
    static const kin_handler table[] = {{&TEST_V, frees_matched}};
    kin_error_free(NULL);
    kin_error_free(fail_v("1"));
    CHECK(catches(fail_v("2")));
    kin_error *members[] = {fail_v("3"), fail_v("4")};
    kin_error_free(kin_error_group("two", members, 2));
    CHECK_OUTCOME(kin_error_suppress(fail_v("5"), &TEST_V), "OK");
    CHECK_OUTCOME(kin_error_handle(fail_v("6"), table, 1, NULL), "OK");
    KIN_GROUP(group);
    work failing = {.kind = &TEST_V, .text = "7"};
    kin_spawn(group, works, &failing);
    kin_error_free(kin_group_close(group, NULL));
    return NULL;
}

/* What was freed, caught, handled or suppressed has been dealt with. */
TEST(freed_is_not_forgotten)
{
    RUNS(deals_with_them, "OK");
}

static kin_error *tries(void *arg)
{
    KIN_TRY(fails_beside(arg));
    return NULL;
}

static kin_error *hands_them_on(void *arg)
{
    (void)arg;
    kin_error *err = NULL;
    {
        KIN_SCOPE(scope);
        KIN_TRY_TO(done, err, fail_v("1"));
done:
        err = kin_scope_close(scope, err);
    }
    return err;
}

/* What was returned, or handed to a close and returned, neither. */
TEST(returned_is_not_forgotten)
{
    RUNS(hands_them_on, "V1");
    RUNS(tries, "G[T2, V1]");
}

struct given {
    kin_error *why;
};

static kin_error *gives(void *arg)
{
    struct given *given = arg;
    kin_error *err = fail_v("1");
    given->why = kin_error_give(err);
    CHECK_EQ(given->why, err);
    return NULL;
}

static kin_error *gives_in_child(void *arg)
{
    KIN_GROUP(group);
    kin_spawn(group, gives, arg);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    struct given *given = arg;
    CHECK_STR(kin_error_message(given->why), "1");
    CHECK_EQ(kin_error_note_count(given->why), 0);
    return NULL;
}

/* "An error that is to live elsewhere is given": it outlives the task and the
   run, and is whoever's who has it. */
TEST(given_is_not_forgotten)
{
    EACH_SEED(seed)
    {
        struct given given = {0};
        CHECK_OUTCOME(run_virtual(gives_in_child, &given, seed), "OK");
        CHECK_SHAPE(given.why, "V1");
        kin_error_free(given.why);
    }
    CHECK_EQ(kin_error_give(NULL), NULL);
    CHECK_EQ(kin_error_adopt(NULL), NULL);
}

static kin_error *frees_what_was_given(void *arg)
{
    struct given given = {0};
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, gives, &given);
    KIN_TRY(kin_group_close(group, NULL));
    kin_error_free(given.why);
    return NULL;
}

static kin_error *returns_what_was_given(void *arg)
{
    struct given given = {0};
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, gives, &given);
    KIN_TRY(kin_group_close(group, NULL));
    return given.why;
}

/* One may free it or return it without adopting it first. */
TEST(given_may_be_freed_or_returned)
{
    RUNS(frees_what_was_given, "OK");
    RUNS(returns_what_was_given, "V1");
}

static kin_error *adopts(void *arg)
{
    struct given *given = arg;
    kin_error *err = kin_error_adopt(given->why);
    CHECK_EQ(err, given->why);
    return NULL;
}

static kin_error *adopts_in_child(void *arg)
{
    struct given given = {0};
    (void)arg;
    KIN_GROUP(first);
    kin_spawn(first, gives, &given);
    KIN_TRY(kin_group_close(first, NULL));
    KIN_GROUP(second);
    kin_spawn(second, adopts, &given);
    kin_error *err = kin_group_close(second, NULL);
    CHECK_SHAPE(err, "G[G[V1]]");
    CHECK(was_dropped_by(leaf(err, 0), "adopts"));
    CHECK(!was_dropped_by(leaf(err, 0), "gives"));
    return err;
}

static kin_error *adopts_and_frees(void *arg)
{
    struct given given = {0};
    (void)arg;
    KIN_TRY(gives(&given));
    kin_error_free(kin_error_adopt(given.why));
    return NULL;
}

static kin_error *takes_back(void *arg)
{
    struct given given = {0};
    (void)arg;
    KIN_TRY(gives(&given));
    ignore(kin_error_adopt(given.why));
    return NULL;
}

/* "... and whoever takes it up may kin_error_adopt it": then it is theirs to
   answer for. */
TEST(given_then_adopted_and_forgotten)
{
    RUNS(adopts_in_child, "G[G[V1]]");
    RUNS(adopts_and_frees, "OK");
    RUNS(takes_back, "G[V1]");
}

static kin_error *gives_a_group(void *arg)
{
    struct given *given = arg;
    kin_error *members[] = {fail_v("1"), fail_t("2")};
    given->why = kin_error_give(kin_error_group("two", members, 2));
    return NULL;
}

/* A group is given with all that is in it. */
TEST(given_with_its_members)
{
    struct given given = {0};
    CHECK_OUTCOME(run_virtual(gives_a_group, &given, 0), "OK");
    CHECK_OUTCOME(given.why, "G[V1, T2]");
}

static kin_error *stores(kin_error *err, kin_task *task, void *context)
{
    struct given *given = context;
    (void)task;
    given->why = err;
    return NULL;
}

static kin_error *stores_in_on_error(void *arg)
{
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = stores, .context = arg);
    kin_spawn(group, works, &failing);
    return kin_group_close(group, NULL);
}

/* "What .on_error receives is given already." */
TEST(given_to_on_error)
{
    EACH_SEED(seed)
    {
        struct given given = {0};
        CHECK_OUTCOME(run_virtual(stores_in_on_error, &given, seed), "OK");
        CHECK_SHAPE(given.why, "V1");
        CHECK_EQ(given.why ? kin_error_note_count(given.why) : 9, 0);
        kin_error_free(given.why);
    }
}

static kin_error *forgets_another(kin_error *err, kin_task *task, void *context)
{
    (void)task, (void)context;
    kin_error_free(err);
    ignore(fail_k("2"));
    return NULL;
}

static kin_error *forgets_in_on_error(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = forgets_another);
    kin_spawn(group, works, &failing);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_CONTAINS(unhandled(), "K2");
    CHECK(strstr(unhandled(), "V1") == NULL);
    return err;
}

/* What .on_error itself makes and forgets is not lost: there is nobody left but
   the unhandled hook. */
TEST(forgotten_in_on_error)
{
    RUNS(forgets_in_on_error, "OK");
}

/* --- errors that are nobody's ---------------------------------------------------- */

static kin_error *looks_at(void *arg)
{
    const struct given *given = arg;
    NOTE("%s", shape(given->why));
    return NULL;
}

static kin_error *adopts_foreign(void *arg)
{
    ignore(kin_error_adopt(((struct given *)arg)->why));
    return NULL;
}

static kin_error *returns_foreign(void *arg)
{
    return ((struct given *)arg)->why;
}

/* "Errors made outside tasks are nobody's until adopted or returned": made
   before the run. */
TEST(nobodys_when_made_outside_the_run)
{
    struct given given = {fail_v("1")};
    CHECK_OUTCOME(run_virtual(looks_at, &given, 0), "OK");
    CHECK_LOG("V1");
    CHECK_SHAPE(given.why, "V1");
    kin_error *err = run_virtual(returns_foreign, &given, 0);
    CHECK_EQ(err, given.why);
    kin_error_free(err);

    given.why = fail_v("2");
    err = run_virtual(adopts_foreign, &given, 0);
    CHECK_SHAPE(err, "G[V2]");
    CHECK(was_dropped_by(leaf(err, 0), "adopts_foreign"));
    kin_error_free(err);
}

static void *fails_in_thread(void *arg)
{
    struct given *given = arg;
    given->why = fail_v("1");
    return NULL;
}

static kin_error *has_a_thread(void *arg)
{
    pthread_t thread;
    REQUIRE_OR(pthread_create(&thread, NULL, fails_in_thread, arg) == 0, NULL);
    pthread_join(thread, NULL);
    return NULL;
}

/* ... and made in a helper thread. */
TEST(nobodys_when_made_in_another_thread)
{
    struct given given = {0};
    CHECK_OUTCOME(run_virtual(has_a_thread, &given, 0), "OK");
    CHECK_STR(given.why ? kin_error_task(given.why) : NULL, "");
    CHECK_OUTCOME(given.why, "V1");
}

/* --- pointers that lie about ------------------------------------------------------ */

static kin_error *leaves_a_pointer(void *arg)
{
    *(kin_error **)arg = fail_v("1");
    return NULL;
}

static kin_error *looks_later(void *arg)
{
    (void)arg;
    kin_error *lies_about = NULL;
    KIN_GROUP(group);
    kin_spawn(group, leaves_a_pointer, &lies_about);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(leaf(err, 0), lies_about);
    kin_error_free(err);
    for (int i = 0; i < 100; i++)
        kin_error_free(fail_t("%d", i));
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_STR(kin_error_message(lies_about), "1");
    CHECK_EQ(kin_error_kind(lies_about), &TEST_V);
    return NULL;
}

/* "... and stay valid until the run ends, so that a pointer to one that lies
   about somewhere never dangles", even when what came out was dealt with. */
TEST(pointer_to_a_forgotten_error_stays_valid)
{
    RUNS(looks_later, "OK");
}

static kin_error *frees_later(void *arg)
{
    (void)arg;
    kin_error *lies_about = NULL;
    KIN_GROUP(group);
    kin_spawn(group, leaves_a_pointer, &lies_about);
    kin_error *err = kin_group_close(group, NULL);
    kin_error_free(lies_about);
    CHECK_SHAPE(err, "G[G[V1]]");
    kin_error_free(err);
    kin_error_free(lies_about);
    CHECK_STR(kin_error_message(lies_about), "1");
    return NULL;
}

/* Freeing it through such a pointer, as its owner once meant to, harms nobody;
   at most it is called a misuse. */
TEST(pointer_to_a_forgotten_error_may_be_freed)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(frees_later, NULL, seed);
        for (size_t i = 0; i < leaf_count(err); i++)
            CHECK(kin_error_is(leaf(err, i), &KIN_MISUSE));
        kin_error_free(err);
    }
}

/* --- the end of it ------------------------------------------------------------------ */

static void runs_as_a_program(void *arg)
{
    (void)arg;
    _exit(kin_main(forgets, NULL, .clock = KIN_CLOCK_VIRTUAL));
}

/* A program that forgot an error says so and fails. */
TEST(forgotten_by_a_program)
{
    int status;
    const char *said = in_child_process(runs_as_a_program, NULL, &status);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 1);
    CHECK_CONTAINS(said, "dropped by forgets, made at ");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static kin_error *forgets_without_memory(void *arg)
{
    (void)arg;
    ignore(fail_v("1"));
    ignore(fail_k("2"));
    harness_heap.fail = always;
    return fail_t("3");
}

static kin_error *without_memory(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, forgets_without_memory, NULL);
    kin_error *err = kin_group_close(group, NULL);
    harness_heap.fail = NULL;
    CHECK(leaf_of(err, &TEST_V) != NULL);
    CHECK(leaf_of(err, &TEST_K) != NULL);
    CHECK(leaf_of(err, &TEST_T) != NULL);
    kin_error_free(err);
    return NULL;
}

/* "Out of memory never loses an error." */
TEST(forgotten_without_memory)
{
    RUNS(without_memory, "OK");
}
