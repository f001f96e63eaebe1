/* c_scopes.c: B83 to B100, B119 to B122, B127 and B132: what a cancelled scope
   does to the code inside, which scope absorbs a cancellation, what its two
   flags say, and whom it reaches. Deadlines, shields, reasons and scopes that
   are closed in the wrong order have files of their own. */
#include "harness.h"

#include <stdlib.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* --- what the tests are made of ---------------------------------------- */

static kin_error *crashes(void *arg)
{
    (void)arg;
    return fail_k("1");
}

/* Lets every other task run until it waits, whatever is cancelled. */
static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

/* A group of one, and of two. Takes the members over. */
static kin_error *group_of(kin_error *only)
{
    return kin_error_group("one", &only, 1);
}

static kin_error *group_of_both(kin_error *first, kin_error *second)
{
    kin_error *members[] = {first, second};
    return kin_error_group("both", members, 2);
}

typedef struct cancel_later {
    kin_time after;
    kin_scope *scope;
} cancel_later;

static kin_error *cancels_later(void *arg)
{
    cancel_later *job = arg;
    KIN_TRY(kin_sleep(job->after));
    kin_scope_cancel(job->scope, "from elsewhere");
    return NULL;
}

/* --- B83 to B85: one scope --------------------------------------------- */

static kin_error *b83(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    CHECK_STR(scope_state(scope), "called=0 caught=0");
    kin_scope_cancel(scope, "the first");
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    kin_scope_cancel(scope, "the second");
    CHECK_STR(scope_state(scope), "called=1 caught=0");

    kin_error *err = kin_checkpoint();

    CHECK_SHAPE(err, "CANCELLED");
    const kin_cancellation *why = kin_error_during(err);
    CHECK_STR(why ? why->text : NULL, "the first");
    CHECK_OUTCOME(kin_scope_close(scope, err), "OK");
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return kin_checkpoint();
}

/* B83: after a cancel the next checkpoint fails, and the scope absorbs that;
   to cancel once more changes nothing. */
TEST(b83_cancel_then_checkpoint)
{
    RUNS(b83, "OK");
}

static kin_error *b84(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    return NULL;
}

/* B84: a cancel that no checkpoint saw is not caught by anybody, and does not
   reach beyond its scope. */
TEST(b84_cancel_without_checkpoint_is_not_caught)
{
    RUNS(b84, "OK");
}

static kin_error *b85(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    return kin_checkpoint();
}

/* B85: a body that swallows its CANCELLED leaves nothing to catch. */
TEST(b85_swallowed_cancellation_is_not_caught)
{
    RUNS(b85, "OK");
}

/* --- B86 to B89: which of several absorbs ------------------------------ */

static kin_error *b86(void *arg)
{
    (void)arg;
    KIN_SCOPE(one);
    KIN_SCOPE(two);
    KIN_SCOPE(three);
    kin_scope_cancel(three, NULL);
    kin_scope_cancel(two, NULL);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_SHAPE(err, "CANCELLED");

    err = kin_scope_close(three, err);
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(two, err);
    CHECK_SHAPE(err, "OK");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    err = kin_scope_close(one, err);

    CHECK_STR(scope_state(three), "called=1 caught=0");
    CHECK_STR(scope_state(two), "called=1 caught=1");
    CHECK_STR(scope_state(one), "called=0 caught=0");
    return err;
}

static kin_error *b86_outer_first(void *arg)
{
    (void)arg;
    KIN_SCOPE(one);
    KIN_SCOPE(two);
    KIN_SCOPE(three);
    kin_scope_cancel(two, NULL);
    kin_scope_cancel(three, NULL);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    err = kin_scope_close(three, err);
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(two, err);
    CHECK_SHAPE(err, "OK");
    err = kin_scope_close(one, err);

    CHECK_STR(scope_state(three), "called=1 caught=0");
    CHECK_STR(scope_state(two), "called=1 caught=1");
    CHECK_STR(scope_state(one), "called=0 caught=0");
    return err;
}

/* B86: of the cancelled scopes around a checkpoint the outermost absorbs, in
   whatever order they were cancelled. */
TEST(b86_outermost_cancelled_scope_absorbs)
{
    RUNS(b86, "OK");
    RUNS(b86_outer_first, "OK");
}

static kin_error *b87(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    kin_scope_cancel(inner, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    kin_scope_cancel(outer, NULL);

    err = kin_scope_close(inner, err);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(scope_state(inner), "called=1 caught=0");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B87: a CANCELLED that came of the inner scope goes on to the outer one, when
   that is cancelled before the inner one closes. */
TEST(b87_cancellation_goes_beyond_its_origin)
{
    RUNS(b87, "OK");
}

static kin_error *b88(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner, .shield = true);
    kin_scope_cancel(inner, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    kin_scope_cancel(outer, NULL);

    err = kin_scope_close(inner, err);
    CHECK_SHAPE(err, "OK");
    CHECK_STR(scope_state(inner), "called=1 caught=1");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    return err;
}

/* B88: the same with the inner one shielded: it absorbs, and what stands
   between the two closes runs. */
TEST(b88_shielded_scope_absorbs_its_own)
{
    RUNS(b88, "OK");
}

static kin_error *b89(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    kin_scope_cancel(outer, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    kin_scope_set_shield(inner, true);

    err = kin_scope_close(inner, err);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(scope_state(inner), "called=0 caught=0");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B89: a scope that was never cancelled absorbs nothing, though its shield was
   raised while the CANCELLED was on its way. */
TEST(b89_uncancelled_scope_never_absorbs)
{
    RUNS(b89, "OK");
}

/* --- B90 to B95: what a close does to a tree --------------------------- */

static kin_error *b90(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *made = group_of_both(fail_v("1"), fail_v("2"));

    kin_error *err = kin_scope_close(scope, made);

    CHECK_EQ(err, made);
    CHECK_OUTCOME(err, "G[V1, V2]");
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    return NULL;
}

/* B90: a tree without a CANCELLED passes a cancelled scope as it is. */
TEST(b90_tree_without_cancelled_passes_unchanged)
{
    RUNS(b90, "OK");
}

static kin_error *b91(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *cancelled = kin_checkpoint();
    kin_error *made = fail_v("1");
    kin_error *err = group_of_both(cancelled, made);
    CHECK_SHAPE(err, "G[CANCELLED, V1]");

    err = kin_scope_close(scope, err);

    CHECK_SHAPE(err, "G[V1]");
    CHECK_EQ(leaf(err, 0), made);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    kin_error_free(err);
    return NULL;
}

/* B91: a close can absorb a cancellation and let an error out all the same. */
TEST(b91_absorbs_and_lets_an_error_out)
{
    RUNS(b91, "OK");
}

static kin_error *b92(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *err = kin_checkpoint();
    err = group_of(group_of_both(err, fail_v("1")));
    CHECK_SHAPE(err, "G[G[CANCELLED, V1]]");
    CHECK_OUTCOME(kin_scope_close(scope, err), "G[G[V1]]");
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return NULL;
}

/* B92: what is left when the CANCELLED are gone keeps its shape. */
TEST(b92_filtering_keeps_the_structure)
{
    RUNS(b92, "OK");
}

static kin_error *b93(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *err = group_of(group_of(kin_checkpoint()));
    CHECK_SHAPE(err, "G[G[CANCELLED]]");
    CHECK_OUTCOME(kin_scope_close(scope, err), "OK");
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return NULL;
}

/* B93: a CANCELLED that a program has wrapped in groups is absorbed whole. */
TEST(b93_wrapped_cancelled_is_absorbed)
{
    RUNS(b93, "OK");
}

static kin_error *b94(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_GROUP(group);
    /* two children for the group's own scope, */
    kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, sleeps_forever, NULL);
    kin_group_cancel(group, NULL);
    settle();
    /* one for the outer one, and one that fails */
    kin_spawn(group, sleeps_forever, NULL);
    kin_scope_cancel(outer, NULL);
    kin_spawn(group, crashes, NULL);

    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(shape_sorted(err), "G[CANCELLED, CANCELLED, CANCELLED, K1]");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=0");
    err = kin_scope_close(outer, err);

    CHECK_SHAPE(err, "G[K1]");
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    kin_error_free(err);
    return NULL;
}

/* B94: CANCELLED of a group's own scope and of one outside travel together to
   the outer one, which lets the remaining error out. */
TEST(b94_cancelled_of_two_scopes_and_an_error)
{
    RUNS(b94, "OK");
}

static kin_error *b95(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *saved = kin_checkpoint();
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    return saved;
}

/* B95: a CANCELLED that was kept until its scope had closed is absorbed by
   nobody, and a run that ends with it has failed. */
TEST(b95_late_cancelled_reaches_the_run)
{
    RUNS(b95, "CANCELLED");
    kin_error *err = run_virtual(b95, NULL, 0);
    bool show = false;
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    CHECK(show);
    kin_error_free(err);
}

/* --- B96 to B100: before the opening and after the close --------------- */

static int opened_line;

static kin_error *b96_opened_twice(void *arg)
{
    (void)arg;
    opened_line = __LINE__ + 1;
    KIN_SCOPE(once);
    kin_scope_open(once);
    kin_scope_cancel(once, NULL);
    CHECK_OUTCOME(kin_scope_close(once, kin_checkpoint()), "OK");
    CHECK_STR(scope_state(once), "called=1 caught=1");
    return kin_checkpoint();
}

static kin_error *b96_opened_again(void *arg)
{
    (void)arg;
    opened_line = __LINE__ + 1;
    KIN_SCOPE(once);
    kin_scope_cancel(once, NULL);
    CHECK_OUTCOME(kin_scope_close(once, NULL), "OK");
    kin_scope_open(once);
    return kin_checkpoint();
}

static kin_error *opens_it(void *arg)
{
    kin_scope_open((kin_scope *)arg);
    return NULL;
}

static kin_error *b96_opened_by_two(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    KIN_SCOPE(once);
    kin_spawn(group, opens_it, once);
    settle();
    kin_error *err = kin_scope_close(once, NULL);
    CHECK_SHAPE(err, "OK");
    return kin_group_close(group, err);
}

/* B96: a scope is for one block: opening it twice, or again, or in two tasks is
   a KIN_MISUSE that names the scope and where it was opened. */
TEST(b96_scope_is_for_one_block)
{
    kin_fn *const ways[] = {b96_opened_twice, b96_opened_again};
    for (size_t i = 0; i < 2; i++) {
        kin_error *err = run_virtual(ways[i], NULL, 0);
        char place[64];
        snprintf(place, sizeof place, "c_scopes.c:%d", opened_line);
        CHECK_SHAPE(err, "G[MISUSE]");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "once");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), place);
        kin_error_free(err);
    }
    RUNS(b96_opened_by_two, "G[G[MISUSE]]");
}

static kin_error *b97(void *arg)
{
    (void)arg;
    kin_scope scope;
    kin_scope_init(&scope);
    kin_scope_cancel(&scope, "early");
    CHECK_STR(scope_state(&scope), "called=1 caught=0");
    CHECK_OUTCOME(kin_checkpoint(), "OK");

    kin_scope_open(&scope);
    kin_error *err = kin_checkpoint();

    CHECK_SHAPE(err, "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(&scope, err), "OK");
    CHECK_STR(scope_state(&scope), "called=1 caught=1");
    return kin_checkpoint();
}

static kin_error *b97_shield(void *arg)
{
    (void)arg;
    kin_scope scope;
    kin_scope_init(&scope);
    kin_scope_set_shield(&scope, true);
    KIN_SCOPE(outer);
    kin_scope_cancel(outer, NULL);

    kin_scope_open(&scope);
    kin_error *err = kin_checkpoint();

    CHECK_SHAPE(err, "OK");
    CHECK_OUTCOME(kin_scope_close(&scope, err), "OK");
    err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(outer, err);
}

/* B97: a scope may be cancelled, and shielded, before it is opened. */
TEST(b97_cancel_and_shield_before_opening)
{
    RUNS(b97, "OK");
    RUNS(b97_shield, "OK");
}

static kin_error *b98(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    CHECK_OUTCOME(kin_scope_close(scope, kin_checkpoint()), "OK");
    CHECK_STR(scope_state(scope), "called=0 caught=0");
    kin_scope_cancel(scope, NULL);
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    CHECK_EQ(kin_effective_deadline(), KIN_NEVER);
    return kin_checkpoint();
}

/* B98: to cancel a scope that was closed sets its flag and does no more. */
TEST(b98_cancel_after_the_close)
{
    RUNS(b98, "OK");
}

static kin_error *b99(void *arg)
{
    (void)arg;
    kin_scope scope;
    kin_scope_init(&scope, .deadline = kin_now() - 7);
    CHECK(kin_scope_cancel_called(&scope));
    kin_scope_set_deadline(&scope, kin_now() + KIN_SECONDS(9));
    CHECK(kin_scope_cancel_called(&scope));
    kin_scope_set_deadline(&scope, KIN_NEVER);
    CHECK(kin_scope_cancel_called(&scope));

    kin_scope_open(&scope);
    CHECK_OUTCOME(kin_scope_close(&scope, kin_checkpoint()), "OK");
    CHECK_STR(scope_state(&scope), "called=1 caught=1");
    return NULL;
}

/* B99: a scope whose deadline passed before it was opened is cancelled, and is
   not un-cancelled by moving the deadline. */
TEST(b99_deadline_in_the_past_before_opening)
{
    RUNS(b99, "OK");
}

static kin_error *b100(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK");
    CHECK_STR(scope_state(scope), "called=0 caught=0");
    return kin_checkpoint();
}

/* B100: a deadline that passes after the close cancels nothing. */
TEST(b100_deadline_after_the_close)
{
    RUNS(b100, "OK");
}

/* --- B119 to B122: whom a cancellation reaches ------------------------- */

static kin_error *three_checkpoints(void *arg)
{
    (void)arg;
    KIN_TRY(kin_checkpoint());
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return kin_checkpoint();
}

static kin_error *spawns_under_a_cancelled_scope(void *arg)
{
    KIN_SCOPE(here);
    kin_scope_cancel(here, NULL);
    kin_spawn((kin_group *)arg, three_checkpoints, NULL, .name = "foreign");
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    return kin_scope_close(here, NULL);
}

static kin_error *b119_later_scopes(void *arg)
{
    (void)arg;
    KIN_GROUP(elsewhere);
    KIN_GROUP(group);
    KIN_SCOPE(later);
    kin_scope_cancel(later, NULL);
    kin_spawn(group, three_checkpoints, NULL);
    CHECK_OUTCOME(kin_scope_close(later, NULL), "OK");
    kin_spawn(elsewhere, spawns_under_a_cancelled_scope, group);
    kin_error *err = kin_sleep(KIN_SECONDS(5));
    err = kin_group_close(group, err);
    return kin_group_close(elsewhere, err);
}

static kin_error *b119_earlier_scopes(void *arg)
{
    (void)arg;
    KIN_SCOPE(around);
    KIN_GROUP(group);
    KIN_SCOPE(later, .shield = true);
    kin_task *child = kin_spawn(group, sleeps_forever, NULL);
    settle();
    kin_scope_cancel(around, NULL);
    /* the body is shielded, its child is not: that one is gone at once */
    kin_time began = kin_now();
    CHECK_OUTCOME(kin_task_join(child), "OK");
    CHECK_EQ(kin_now() - began, 0);
    kin_error *err = kin_scope_close(later, NULL);
    err = kin_group_close(group, err);
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(around, err);
}

/* B119: a child inherits the scopes around its group, not those around the
   spawn: neither the body's later ones, nor a foreign spawner's. */
TEST(b119_child_inherits_the_scopes_around_the_group)
{
    RUNS(b119_later_scopes, "OK");
    RUNS(b119_earlier_scopes, "OK");
}

static kin_error *gives_up_alone(void *arg)
{
    (void)arg;
    KIN_SCOPE(own, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_scope_close(own, kin_sleep_forever());
    CHECK_STR(scope_state(own), "called=1 caught=1");
    NOTE("alone");
    return err;
}

static kin_error *goes_on(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    NOTE("sibling");
    return NULL;
}

static kin_error *b120(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, gives_up_alone, NULL);
    kin_spawn(group, goes_on, NULL);
    kin_error *err = kin_group_close(group, kin_sleep(KIN_SECONDS(3)));
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    CHECK_LOG("alone sibling");
    return err;
}

/* B120: a child's own scope stops that child alone. */
TEST(b120_scope_in_a_child_stops_the_child_alone)
{
    RUNS(b120, "OK");
}

static kin_error *b121(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group);
    KIN_SCOPE(scope);
    cancel_later job = {KIN_SECONDS(2), scope};
    kin_spawn(group, cancels_later, &job);

    kin_error *err = kin_sleep_forever();

    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return kin_group_close(group, err);
}

/* B121: a scope can be cancelled by another task while its owner is blocked,
   and then the owner wakes. */
TEST(b121_cancelled_from_another_task)
{
    RUNS(b121, "OK");
}

static kin_error *leaf_of_the_tree(void *arg)
{
    kin_time *woken = arg;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    *woken = kin_now();
    return err;
}

static kin_error *branch_of_the_tree(void *arg)
{
    kin_time *woken = arg;
    KIN_GROUP(group);
    for (int i = 0; i < 3; i++)
        kin_spawn(group, leaf_of_the_tree, &woken[i]);
    return kin_group_close(group, leaf_of_the_tree(&woken[3]));
}

static kin_error *b122(void *arg)
{
    (void)arg;
    kin_time woken[3][4] = {{0}};
    KIN_SCOPE(scope);
    KIN_GROUP(group);
    for (int i = 0; i < 3; i++)
        kin_spawn(group, branch_of_the_tree, woken[i]);
    KIN_SCOPE(here, .shield = true);
    kin_error *err = kin_sleep(KIN_SECONDS(4));
    kin_time now = kin_now();
    kin_scope_cancel(scope, NULL);
    err = kin_scope_close(here, err);
    err = kin_group_close(group, err);

    /* groups that hold nothing but CANCELLED come out as one */
    CHECK_SHAPE(err, "CANCELLED");
    for (int i = 0; i < 12; i++)
        CHECK_EQ(woken[i / 4][i % 4], now);
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

/* B122: a cancellation reaches all the leaves of a tree of groups at once. */
TEST(b122_reaches_every_leaf_at_once)
{
    RUNS(b122, "OK");
}

/* --- B127: deep nesting ------------------------------------------------ */

enum { DEEP = 5000, VERY_DEEP = 100000 };

static kin_error *nests_scopes(void *arg)
{
    size_t depth = *(size_t *)arg;
    kin_scope *scopes = calloc(depth, sizeof *scopes);
    REQUIRE_OR(scopes != NULL, NULL);
    for (size_t i = 0; i < depth; i++) {
        kin_scope_init(&scopes[i]);
        kin_scope_open(&scopes[i]);
    }
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_scope_cancel(&scopes[0], NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    for (size_t i = depth; i-- > 1;)
        err = kin_scope_close(&scopes[i], err);
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(&scopes[0], err);
    CHECK_STR(scope_state(&scopes[0]), "called=1 caught=1");
    CHECK_STR(scope_state(&scopes[depth - 1]), "called=0 caught=0");
    free(scopes);
    return err;
}

/* B127: the outermost of 5000 nested scopes is cancelled without recursion;
   and that of a hundred thousand. */
TEST(b127_very_deep_nesting)
{
    size_t deep = DEEP, very_deep = VERY_DEEP;
    CHECK_OUTCOME(run_virtual(nests_scopes, &deep, 0), "OK");
    CHECK_OUTCOME(run_virtual(nests_scopes, &very_deep, 0), "OK");
}

/* --- B132: a scope in words -------------------------------------------- */

typedef struct words {
    char text[200];
} words;

static words describe(const kin_scope *scope)
{
    words all;
    int length = kin_scope_describe(scope, all.text, sizeof all.text);
    CHECK_EQ(length, strlen(all.text));
    return all;
}

static kin_error *b132(void *arg)
{
    (void)arg;
    kin_scope scope;
    kin_scope_init(&scope);
    words unopened = describe(&scope);
    kin_scope_open(&scope);
    words open = describe(&scope);
    CHECK_OUTCOME(kin_scope_close(&scope, NULL), "OK");
    words closed = describe(&scope);
    CHECK(strcmp(unopened.text, open.text) != 0);
    CHECK(strcmp(unopened.text, closed.text) != 0);
    CHECK(strcmp(open.text, closed.text) != 0);
    CHECK(!strstr(open.text, "deadline"));
    CHECK(!strstr(open.text, "cancelled"));
    kin_scope_cancel(&scope, NULL);
    CHECK_CONTAINS(describe(&scope).text, "cancelled");

    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(10));
    CHECK_CONTAINS(describe(limit).text, "deadline is 10.00 seconds from now");
    CHECK_OUTCOME(kin_scope_close(limit, kin_sleep(KIN_SECONDS(7))), "OK");
    CHECK_CONTAINS(describe(limit).text, "deadline is 3.00 seconds from now");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5.5)), "OK");
    CHECK_CONTAINS(describe(limit).text, "deadline is 2.50 seconds ago");
    CHECK_STR(scope_state(limit), "called=0 caught=0");

    /* as with snprintf, the length is that of the whole */
    char small[4] = "xxx";
    CHECK_EQ(kin_scope_describe(limit, small, sizeof small),
             strlen(describe(limit).text));
    CHECK_EQ(strlen(small), 3);
    return NULL;
}

/* B132: a scope describes itself: whether it was opened and closed, and that
   it is cancelled or when its deadline is, from now or ago. */
TEST(b132_scope_in_words)
{
    RUNS(b132, "OK");
}
