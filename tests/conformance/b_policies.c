/* b_policies.c: what each policy lets out, and when: section 5 of the contract,
   sentence by sentence, beyond what B39 to B82 say. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static kin_error *swallows(void *arg)
{
    kin_error_free(kin_sleep_forever());
    if (arg)
        NOTE("%s", (const char *)arg);
    return NULL;
}

/* Ends cancelled only after a second of cleaning up, and fails with T then. */
static kin_error *fails_in_cleanup(void *arg)
{
    kin_error_free(kin_sleep_forever());
    KIN_SCOPE(section, .shield = true);
    kin_error *err = kin_sleep(*(kin_time *)arg);
    KIN_TRY(kin_scope_close(section, err));
    return fail_t("%d", (int)(*(kin_time *)arg / KIN_SECONDS(1)));
}

/* --- KIN_ALL ------------------------------------------------------------ */

static kin_error *all_in_order(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "0"};
    kin_time longer = KIN_SECONDS(3), shorter = KIN_SECONDS(2);
    KIN_GROUP(group);
    kin_spawn(group, fails_in_cleanup, &longer);
    kin_spawn(group, works, &failing);
    kin_spawn(group, fails_in_cleanup, &shorter);
    return kin_group_close(group, NULL);
}

/* "KIN_ALL always closes with a group ...; members stand in the order of
   failure." */
TEST(all_members_stand_in_the_order_of_failure)
{
    RUNS(all_in_order, "G[V0, T2, T3]");
}

static kin_error *all_body_last(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "0"};
    KIN_GROUP(group, .policy = KIN_ALL);
    kin_spawn(group, works, &failing);
    kin_error_free(kin_sleep_forever());
    kin_error *members[] = {fail_t("1"), fail_k("2")};
    return kin_group_close(group, kin_error_group("two", members, 2));
}

/* The body's outcome is one member, and stays as it is. */
TEST(all_a_group_from_the_body_is_one_member)
{
    RUNS(all_body_last, "G[V0, G[T1, K2]]");
}

static kin_error *all_exit(void *arg)
{
    (void)arg;
    return kin_exit(3);
}

static kin_error *all_with_exit(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, all_exit, NULL);
    kin_spawn(group, sleeps_forever, NULL);
    return kin_group_close(group, NULL);
}

/* A child's KIN_EXIT is an error like any other: grouped (B165). */
TEST(all_exit_comes_out_in_a_group)
{
    RUNS(all_with_exit, "G[EXIT(3)]");
}

static kin_error *all_clean(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work one = {.after = KIN_SECONDS(1), .note = "1"};
    work two = {.after = KIN_SECONDS(2), .note = "2"};
    KIN_GROUP(group);
    kin_spawn(group, works, &two);
    kin_spawn(group, works, &one);
    CHECK_EQ(kin_group_running(group), 2);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("1 2");
    return err;
}

/* "kin_group_close waits for every child." */
TEST(all_the_close_waits_for_every_child)
{
    RUNS(all_clean, "OK");
}

/* --- KIN_ANY ------------------------------------------------------------ */

static kin_error *any_first(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work winner = {.after = KIN_SECONDS(2), .note = "winner"};
    work loser = {.after = KIN_SECONDS(3), .note = "loser"};
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &loser);
    kin_spawn(group, works, &winner);
    kin_spawn(group, works, &failing);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    CHECK_LOG("winner");
    return err;
}

/* "The first child to succeed cancels the rest"; errors come out only when none
   did. */
TEST(any_the_first_success_cancels_the_rest)
{
    RUNS(any_first, "OK");
}

static kin_error *any_cleanup(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    kin_time second = KIN_SECONDS(1);
    work winner = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, fails_in_cleanup, &second);
    kin_spawn(group, works, &winner);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    return err;
}

/* The losers are joined, and what they fail with on the way does not count. */
TEST(any_losers_are_joined)
{
    RUNS(any_cleanup, "OK");
}

static kin_error *note_error(kin_error *err, kin_task *task, void *context)
{
    NOTE("%s:%s:%s", (const char *)context, kin_task_name(task), shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *any_told(void *arg)
{
    (void)arg;
    work winner = {.after = KIN_SECONDS(2)};
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_ANY, .on_error = note_error,
              .context = "told");
    kin_spawn(group, works, &winner, .name = "winner");
    kin_spawn(group, works, &failing, .name = "failing");
    kin_spawn(group, sleeps_forever, NULL, .name = "loser");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_CONTAINS(harness_log(), ":V1");
    CHECK(strstr(harness_log(), "CANCELLED") == NULL);
    return err;
}

/* "... and errors go to .on_error where there is one", once, and a CANCELLED is
   none. */
TEST(any_errors_go_to_on_error)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(any_told, NULL, seed), "OK");
        CHECK_LOG("told:failing:V1");
    }
}

static kin_error *any_none(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work one = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    work two = {.after = KIN_SECONDS(2), .kind = &TEST_T, .text = "2"};
    work three = {.kind = &TEST_K, .text = "3"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &two);
    kin_spawn(group, works, &one);
    kin_spawn(group, works, &three);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_EQ(leaf(err, 1), one.made);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return err;
}

static kin_error *any_only_one(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &failing);
    return kin_group_close(group, NULL);
}

/* "When none succeeds they come out in a group": in the order of failure, which
   cancels nobody. */
TEST(any_all_errors_come_out_when_none_succeeds)
{
    RUNS(any_none, "G[K3, V1, T2]");
    RUNS(any_only_one, "G[V1]");
}

static kin_error *any_empty(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_ANY);
    return kin_group_close(group, NULL);
}

/* "... as KIN_FAILURE when there were no children at all." */
TEST(any_without_children_is_a_failure)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(any_empty, NULL, seed);
        CHECK_EQ(leaf_count(err), 1);
        CHECK(err && kin_error_kind(leaf(err, 0)) == &KIN_FAILURE);
        CHECK(kin_error_is(err, &KIN_FAILURE));
        kin_error_free(err);
    }
}

static kin_error *any_body(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &failing);
    kin_spawn(group, sleeps_forever, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    kin_error *made = fail_t("2");
    kin_error *err = kin_group_close(group, made);
    CHECK_EQ(leaf_of(err, &TEST_T), made);
    return err;
}

static kin_error *any_body_alone(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, sleeps_forever, NULL);
    return kin_group_close(group, fail_t("2"));
}

/* "The body's own error ... always comes out, in a group with the children's
   errors"; it cancels the children. */
TEST(any_the_bodys_error_comes_out)
{
    RUNS(any_body, "G[V1, T2]");
    RUNS(any_body_alone, "G[T2]");
}

static kin_error *any_body_beside_winner(void *arg)
{
    (void)arg;
    work winner = {.note = "winner"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &winner);
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG("winner");
    kin_error_free(err);
    return kin_group_close(group, fail_t("2"));
}

/* ... beside a success too, which cancels the body like any other. */
TEST(any_the_bodys_error_comes_out_beside_a_success)
{
    RUNS(any_body_beside_winner, "G[T2]");
}

static kin_error *any_body_cancelled(void *arg)
{
    (void)arg;
    work winner = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &winner);
    return kin_group_close(group, kin_sleep_forever());
}

/* ... and the CANCELLED that a success brings the body is absorbed. */
TEST(any_a_success_cancels_the_body)
{
    RUNS(any_body_cancelled, "OK");
}

static kin_error *any_interrupted(void *arg)
{
    (void)arg;
    return kin_fail(&KIN_INTERRUPT, "told to");
}

static kin_error *any_exit(void *arg)
{
    kin_fn *ends = *(kin_fn **)arg;
    work winner = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, ends, NULL);
    kin_spawn(group, works, &winner);
    return kin_group_close(group, NULL);
}

static kin_error *any_exit_late(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return kin_exit(4);
}

static kin_error *any_exit_of_loser(void *arg)
{
    (void)arg;
    work winner = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, any_exit_late, NULL);
    kin_spawn(group, works, &winner);
    return kin_group_close(group, NULL);
}

/* "... and a child's KIN_EXIT or KIN_INTERRUPT always come out", in a group,
   be it before a success or after it. */
TEST(any_exit_and_interrupt_always_come_out)
{
    kin_fn *exits = all_exit, *interrupts = any_interrupted;
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(any_exit, &exits, seed), "G[EXIT(3)]");
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(any_exit, &interrupts, seed), "G[INTERRUPT]");
    RUNS(any_exit_of_loser, "G[EXIT(4)]");
}

static kin_error *any_exit_beside_errors(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &failing);
    kin_spawn(group, sleeps_forever, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_spawn(group, all_exit, NULL);
    return kin_group_close(group, NULL);
}

/* ... "in a group with the children's errors". */
TEST(any_exit_comes_out_with_the_other_errors)
{
    RUNS(any_exit_beside_errors, "G[V1, EXIT(3)]");
}

static kin_error *any_own_cancel(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, sleeps_forever, NULL);
    kin_group_cancel(group, "nobody wins");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

/* "A KIN_ANY group whose children were all cancelled by its own scope closes
   with success." */
TEST(any_cancelled_by_its_own_scope_closes_with_success)
{
    RUNS(any_own_cancel, "OK");
}

static kin_error *any_outer_cancel(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group, .policy = KIN_ANY);
        kin_spawn(group, sleeps_forever, NULL);
        kin_spawn(group, sleeps_forever, NULL);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "CANCELLED");
    }
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* Cancelled from outside it is cancelled, as any group (B53). */
TEST(any_cancelled_from_outside_is_cancelled)
{
    RUNS(any_outer_cancel, "OK");
}

/* --- KIN_EACH, in its plain form ---------------------------------------- */

static kin_error *each_plain(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    work sibling = {.after = KIN_SECONDS(2), .note = "sibling"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &failing, .name = "failing");
    kin_spawn(group, works, &sibling);
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1500)));
    CHECK_STR(unhandled(), "failing:V1");
    CHECK_EQ(kin_group_running(group), 1);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("sibling");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    CHECK_UNHANDLED("failing:V1");
    return err;
}

/* "A child's error goes, when it happens, ... without [.on_error] to the
   unhandled hook; siblings go on." (B150, B151) */
TEST(each_an_error_goes_to_the_unhandled_hook)
{
    RUNS(each_plain, "OK");
}

struct each_told {
    kin_group *group;
    int context; /* something to point at */
    kin_time began;
    bool answers; /* with an error of its own */
};

static kin_error *each_on_error(kin_error *err, kin_task *task, void *context)
{
    struct each_told *told = context;
    CHECK_EQ(task, kin_task_self());
    NOTE("%s:%s@%d", kin_task_name(task), shape(err),
         (int)((kin_now() - told->began) / KIN_MILLISECONDS(1)));
    kin_error_free(err);
    return told->answers ? fail_k("answer") : NULL;
}

static kin_error *each_with_on_error(void *arg)
{
    struct each_told told = {.began = kin_now(), .answers = *(bool *)arg};
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    work other = {.after = KIN_SECONDS(2), .kind = &TEST_T, .text = "2"};
    work fine = {.after = KIN_SECONDS(3)};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = each_on_error,
              .context = &told);
    told.group = group;
    kin_spawn(group, works, &failing, .name = "failing");
    kin_spawn(group, works, &other, .name = "other");
    kin_spawn(group, works, &fine, .name = "fine");
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1500)));
    CHECK_LOG("failing:V1@1000");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("failing:V1@1000 other:T2@2000");
    CHECK_EQ(kin_now() - told.began, KIN_SECONDS(3));
    return err;
}

/* "A child's error goes, when it happens, to .on_error(error, task, context)",
   once, in the child's task. (B150) */
TEST(each_an_error_goes_to_on_error)
{
    bool answers = false;
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(each_with_on_error, &answers, seed), "OK");
}

/* "... which returns NULL when it has dealt with it, or an error for the
   unhandled hook." (B153) */
TEST(each_what_on_error_returns_goes_to_the_unhandled_hook)
{
    bool answers = true;
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(each_with_on_error, &answers, seed), "OK");
        CHECK_UNHANDLED("failing:Kanswer other:Kanswer");
    }
}

static kin_error *each_hands_back(kin_error *err, kin_task *task, void *context)
{
    (void)task, (void)context;
    return err;
}

static kin_error *each_handed_back(void *arg)
{
    (void)arg;
    work failing = {.kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = each_hands_back);
    kin_spawn(group, works, &failing, .name = "failing");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_UNHANDLED("failing:V1");
    return err;
}

/* ... the same error too. */
TEST(each_on_error_may_hand_the_error_on)
{
    RUNS(each_handed_back, "OK");
}

static kin_error *each_waits(kin_error *err, kin_task *task, void *context)
{
    struct each_told *told = context;
    (void)task;
    kin_error_free(err);
    kin_error *slept = kin_sleep(KIN_SECONDS(1));
    CHECK_SHAPE(slept, "OK");
    kin_error_free(slept);
    kin_spawn(told->group, sleeps_forever, NULL, .name = "spawned");
    NOTE("handled");
    return NULL;
}

static kin_error *each_shielded(void *arg)
{
    (void)arg;
    struct each_told told = {.began = kin_now()};
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = each_waits,
              .context = &told);
    told.group = group;
    kin_spawn(group, works, &failing);
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1500)));
    kin_group_cancel(group, "enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("handled");
    CHECK_EQ(kin_now() - told.began, KIN_SECONDS(2));
    return err;
}

/* "It runs as the child's last act, in the child's task, shielded; it may spawn
   and wait." */
TEST(each_on_error_is_shielded_and_may_spawn_and_wait)
{
    RUNS(each_shielded, "OK");
}

static kin_error *each_frees(kin_error *err, kin_task *task, void *context)
{
    (void)task;
    kin_error_free(err);
    ++*(int *)context;
    return NULL;
}

static kin_error *each_many(void *arg)
{
    (void)arg;
    int told = 0;
    long before = 0;
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = each_frees,
              .context = &told);
    work failing = {.kind = &TEST_V, .text = "1"};
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 100; i++)
            kin_spawn(group, works, &failing);
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
        if (round == 10)
            before = harness_heap.live;
    }
    CHECK_EQ(told, 20000);
    CHECK_EQ(harness_heap.live, before);
    CHECK_EQ(kin_group_running(group), 0);
    return kin_group_close(group, NULL);
}

/* "Nothing is retained, so a million failures cost no memory." (B152) */
TEST(each_failures_cost_no_memory)
{
    CHECK_OUTCOME(run_virtual(each_many, NULL, 0), "OK");
}

static kin_error *each_body_fails(void *arg)
{
    (void)arg;
    kin_time began = kin_now(), second = KIN_SECONDS(1);
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, fails_in_cleanup, &second, .name = "child");
    kin_spawn(group, sleeps_forever, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_error *made = fail_v("1");
    kin_error *err = kin_group_close(group, made);
    CHECK_SHAPE(err, "V1");
    CHECK_EQ(err, made);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_UNHANDLED("child:T1");
    return err;
}

/* "Its opener's own failure ... cancels and joins the children", and comes out
   bare (B166); what they fail with on the way is reported. */
TEST(each_the_bodys_failure_cancels_the_children)
{
    RUNS(each_body_fails, "V1");
}

static kin_error *each_opener_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work first = {.after = KIN_MILLISECONDS(80), .note = "first"};
    work second = {.after = KIN_MILLISECONDS(120), .note = "second"};
    work third = {.after = KIN_MILLISECONDS(200), .note = "third"};
    KIN_SCOPE(outer, .move_on_after = KIN_MILLISECONDS(100));
    kin_error *err;
    {
        KIN_GROUP(group, .policy = KIN_EACH);
        kin_spawn(group, works, &first);
        kin_spawn(group, works, &second);
        kin_spawn(group, works, &third);
        err = kin_group_close(group, *(bool *)arg ? kin_sleep_forever() : NULL);
        CHECK_SHAPE(err, "CANCELLED");
    }
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    CHECK_EQ(kin_now() - began, KIN_MILLISECONDS(100));
    CHECK_LOG("first");
    return err;
}

/* "... or cancellation cancels and joins the children", and "a supervisor whose
   opener waits in the close when an outer scope is cancelled closes with
   CANCELLED if some child ended cancelled by it". (B162) */
TEST(each_the_openers_cancellation_cancels_the_children)
{
    for (int i = 0; i < 2; i++) {
        bool body_sleeps = i == 1;
        EACH_SEED(seed)
        CHECK_OUTCOME(run_virtual(each_opener_cancelled, &body_sleeps, seed),
                      "OK");
    }
}

static kin_error *each_swallowed(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group, .policy = KIN_EACH);
        kin_spawn(group, swallows, "swallowed");
        kin_spawn(group, swallows, "swallowed");
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "OK");
    }
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    CHECK_LOG("swallowed swallowed");
    return err;
}

/* "... with success if all of them swallowed it." */
TEST(each_children_that_swallow_leave_the_close_nothing_to_say)
{
    RUNS(each_swallowed, "OK");
}

static kin_error *each_exit(void *arg)
{
    kin_fn *ends = *(kin_fn **)arg;
    kin_time began = kin_now(), second = KIN_SECONDS(1);
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, fails_in_cleanup, &second, .name = "child");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_spawn(group, ends, NULL);
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_group_close(group, err);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_UNHANDLED("child:T1");
    return err;
}

/* "KIN_EXIT and KIN_INTERRUPT from a child end it and come out of the close",
   bare; other errors are reported (B165). */
TEST(each_exit_and_interrupt_end_it)
{
    kin_fn *exits = all_exit, *interrupts = any_interrupted;
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(each_exit, &exits, seed), "EXIT(3)");
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(each_exit, &interrupts, seed), "INTERRUPT");
}

static kin_error *each_one_cancelled(void *arg)
{
    (void)arg;
    work sibling = {.after = KIN_SECONDS(2), .note = "sibling"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = note_error,
              .context = "never");
    kin_task *one = kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, works, &sibling);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_task_cancel(one, "you alone");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    CHECK_LOG("sibling");
    return err;
}

/* A child that is cancelled alone is no error, and its siblings go on (B154). */
TEST(each_one_child_cancelled)
{
    RUNS(each_one_cancelled, "OK");
}

static kin_error *each_own_cancel(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, sleeps_forever, NULL);
    kin_group_cancel(group, "enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

/* Its own cancellation is absorbed. */
TEST(each_cancelled_by_its_own_scope_closes_with_success)
{
    RUNS(each_own_cancel, "OK");
}
