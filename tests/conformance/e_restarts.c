/* e_restarts.c: B169 and the rest of .restart: a failing child is run again,
   within a budget, after pauses that grow. */
#include "harness.h"

#include <kin/testing.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

enum { MOST = 64 };

/* What each run of a child does: fails after `lasts`, `failures` times; then it
   succeeds. When it ran is written down. */
typedef struct patient {
    int failures;
    kin_time lasts;
    const kin_kind *kind;
    int runs;
    kin_time began[MOST], ended[MOST];
} patient;

static kin_error *suffers(void *arg)
{
    patient *p = arg;
    int run = p->runs++;
    p->began[run % MOST] = p->ended[run % MOST] = kin_now();
    if (p->lasts)
        KIN_TRY(kin_sleep(p->lasts));
    p->ended[run % MOST] = kin_now();
    if (run >= p->failures)
        return NULL;
    return kin_fail(p->kind ? p->kind : &TEST_V, "%d", run + 1);
}

/* The pause behind the run-th run (from 0) is between half of `longest` and
   all of it. */
static void check_pause(const patient *p, int run, kin_time longest)
{
    kin_time pause = p->began[run + 1] - p->ended[run];
    if (pause < longest / 2 || pause > longest)
        FAIL("pause %d is %lld ms, and not between %lld and %lld", run,
             (long long)(pause / KIN_MILLISECONDS(1)),
             (long long)(longest / 2 / KIN_MILLISECONDS(1)),
             (long long)(longest / KIN_MILLISECONDS(1)));
}

/* --- success after failures ------------------------------------------------ */

static kin_error *recovers(void *arg)
{
    (void)arg;
    patient p = {.failures = 3, .lasts = KIN_SECONDS(1)};
    work sibling = {.after = KIN_SECONDS(60), .note = "sibling"};
    KIN_GROUP(group);
    kin_task *task =
        kin_spawn(group, suffers, &p, .name = "p", .restart = {.budget = 3});
    kin_spawn(group, works, &sibling);
    KIN_TRY(kin_sleep(KIN_SECONDS(1.01)));
    CHECK_EQ(kin_task_status(task), KIN_TASK_RUNNING);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(p.runs, 4);
    CHECK_UNHANDLED("p:V1 p:V2 p:V3");
    CHECK_LOG("sibling");
    for (int i = 0; i < 3; i++)
        check_pause(&p, i, KIN_MILLISECONDS(100) << i);
    return err;
}

/* Nobody is disturbed, in a group that must all succeed either; the pause is
   100 ms at first and doubles, by default. */
TEST(b169_a_child_that_fails_is_run_again)
{
    RUNS(recovers, "OK");
}

static kin_error *every_policy(void *arg)
{
    patient p = {.failures = 2};
    KIN_GROUP(group, .policy = *(kin_policy *)arg);
    kin_spawn(group, suffers, &p, .name = "p", .restart = {.budget = 2});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(p.runs, 3);
    CHECK_UNHANDLED("p:V1 p:V2");
    return err;
}

TEST(b169_with_every_policy)
{
    kin_policy policies[] = {KIN_ALL, KIN_ANY, KIN_EACH};
    for (int i = 0; i < 3; i++)
        EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(every_policy, &policies[i], seed), "OK");
}

static kin_error *not_asked_for(void *arg)
{
    (void)arg;
    patient p = {.failures = 9};
    KIN_GROUP(group);
    kin_spawn(group, suffers, &p, .restart = {.backoff = KIN_SECONDS(1)});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(p.runs, 1);
    return err;
}

TEST(b169_without_a_budget_there_is_no_restart)
{
    RUNS(not_asked_for, "G[V1]");
}

/* --- the budget and its window --------------------------------------------- */

static kin_error *spends(void *arg)
{
    patient *p = arg;
    kin_policy policy = (kin_policy)p->runs;
    p->runs = 0;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = policy);
    kin_spawn(group, suffers, p, .name = "p",
              .restart = {.budget = 3,
                          .window = KIN_SECONDS(10),
                          .backoff = KIN_MILLISECONDS(1)});
    kin_spawn(group, sleeps_forever, NULL);
    kin_error *err = kin_group_close(group, kin_sleep_forever());
    CHECK(kin_now() - began < KIN_SECONDS(5));
    CHECK_EQ(p->runs, 4);
    CHECK_UNHANDLED("p:V1 p:V2 p:V3");
    return err;
}

/* The fourth within the window is one more than the budget: the group fails
   with the last errors, whatever its policy; the sibling is cancelled. */
TEST(b169_a_spent_budget_fails_the_group)
{
    static const char *const shapes[] = {
        "G[G[V1, V2, V3, V4]]", "G[G[V1, V2, V3, V4]]", "G[V1, V2, V3, V4]"};
    kin_policy policies[] = {KIN_ALL, KIN_ANY, KIN_EACH};
    for (int i = 0; i < 3; i++)
        EACH_SEED(seed)
        {
            patient p = {.failures = 99, .lasts = KIN_SECONDS(1)};
            p.runs = (int)policies[i];
            CHECK_OUTCOME(run_virtual(spends, &p, seed), shapes[i]);
        }
}

static kin_error *says_so(void *arg)
{
    (void)arg;
    patient p = {.failures = 99};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, suffers, &p, .name = "mailer",
              .restart = {.budget = 1, .window = KIN_SECONDS(10)});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_UNHANDLED("mailer:V1");
    CHECK_CONTAINS(kin_error_message(err), "mailer");
    CHECK_CONTAINS(kin_error_message(err), "2 times within 10 s");
    return err;
}

TEST(b169_the_group_says_that_the_budget_is_spent)
{
    RUNS(says_so, "G[V1, V2]");
}

static kin_error *within_its_means(void *arg)
{
    (void)arg;
    patient p = {.failures = 20, .lasts = KIN_SECONDS(4)};
    KIN_GROUP(group);
    kin_spawn(group, suffers, &p, .name = "p",
              .restart = {.budget = 2,
                          .window = KIN_SECONDS(8),
                          .backoff = KIN_MILLISECONDS(1),
                          .longest = KIN_MILLISECONDS(1)});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(p.runs, 21);
    CHECK(strlen(unhandled()) > 0);
    return err;
}

/* Twenty failures, and never three within the window. */
TEST(b169_failures_outside_the_window_are_forgiven)
{
    RUNS(within_its_means, "OK");
}

static kin_error *always(void *arg)
{
    (void)arg;
    patient p = {.failures = 50};
    KIN_GROUP(group);
    kin_spawn(group, suffers, &p, .restart = {.budget = KIN_RESTART_ALWAYS});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(p.runs, 51);
    CHECK(strlen(unhandled()) > 0);
    /* 30 s is the longest, and the pauses double from 100 ms: the tenth is the
       first of 30 s */
    for (int i = 0; i < 50; i++)
        check_pause(&p, i,
                    i < 9 ? KIN_MILLISECONDS(100) << i : KIN_SECONDS(30));
    return err;
}

TEST(b169_a_budget_without_end)
{
    RUNS(always, "OK");
}

/* --- the pauses ------------------------------------------------------------ */

static kin_error *pauses(void *arg)
{
    (void)arg;
    patient p = {.failures = 8, .lasts = KIN_SECONDS(1)};
    KIN_GROUP(group);
    kin_spawn(group, suffers, &p,
              .restart = {.budget = 8,
                          .window = KIN_SECONDS(3600),
                          .backoff = KIN_SECONDS(2),
                          .longest = KIN_SECONDS(40)});
    kin_error *err = kin_group_close(group, NULL);
    for (int i = 0; i < 8; i++)
        check_pause(&p, i, i < 5 ? KIN_SECONDS(2) << i : KIN_SECONDS(40));
    CHECK(strlen(unhandled()) > 0);
    return err;
}

TEST(b169_pauses_double_up_to_the_longest)
{
    RUNS(pauses, "OK");
}

static kin_error *jitters(void *arg)
{
    patient crowd[20];
    KIN_GROUP(group);
    for (int i = 0; i < 20; i++) {
        crowd[i] = (patient){.failures = 1};
        kin_spawn(group, suffers, &crowd[i], .restart = {.budget = 1});
    }
    kin_error *err = kin_group_close(group, NULL);
    kin_time least = KIN_NEVER, most = 0;
    for (int i = 0; i < 20; i++) {
        kin_time pause = crowd[i].began[1] - crowd[i].ended[0];
        check_pause(&crowd[i], 0, KIN_MILLISECONDS(100));
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    CHECK(most - least > KIN_MILLISECONDS(10));
    CHECK(strlen(unhandled()) > 0);
    *(kin_time *)arg = most;
    return err;
}

/* Those that failed together do not come back together; and the same seed gives
   the same pauses. */
TEST(b169_pauses_are_random_in_part)
{
    EACH_SEED(seed)
    {
        kin_time once = 0, again = 0;
        CHECK_OUTCOME(run_virtual(jitters, &once, seed), "OK");
        CHECK_OUTCOME(run_virtual(jitters, &again, seed), "OK");
        CHECK_EQ(once, again);
    }
}

/* The fifth run lasts for a window. */
static kin_error *has_a_good_day(void *arg)
{
    patient *p = arg;
    p->lasts = p->runs == 4 ? KIN_SECONDS(60) : KIN_SECONDS(1);
    return suffers(p);
}

static kin_error *streak(void *arg)
{
    (void)arg;
    patient p = {.failures = 6};
    KIN_GROUP(group);
    kin_spawn(group, has_a_good_day, &p,
              .restart = {.budget = 6,
                          .window = KIN_SECONDS(60),
                          .backoff = KIN_SECONDS(1)});
    kin_error *err = kin_group_close(group, NULL);
    for (int i = 0; i < 4; i++)
        check_pause(&p, i, KIN_SECONDS(1) << i);
    check_pause(&p, 4, KIN_SECONDS(1));
    check_pause(&p, 5, KIN_SECONDS(2));
    CHECK(strlen(unhandled()) > 0);
    return err;
}

TEST(b169_a_long_run_begins_the_pauses_anew)
{
    RUNS(streak, "OK");
}

/* --- what is no failure ------------------------------------------------------ */

static kin_error *exits_on_the_second(void *arg)
{
    int *runs = arg;
    return ++*runs == 2 ? kin_exit(3) : fail_v("1");
}

static kin_error *not_restarted(void *arg)
{
    (void)arg;
    int runs = 0;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, exits_on_the_second, &runs, .name = "p",
              .restart = {.budget = 9});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(runs, 2);
    CHECK_UNHANDLED("p:V1");
    return err;
}

TEST(b169_an_exit_is_not_run_again)
{
    RUNS(not_restarted, "EXIT(3)");
}

static kin_error *ends_in_the_pause(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    patient p = {.failures = 9};
    KIN_GROUP(group);
    kin_task *task =
        kin_spawn(group, suffers, &p, .name = "p",
                  .restart = {.budget = 9, .backoff = KIN_SECONDS(10)});
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_task_state state = KIN_TASK_PENDING;
    KIN_TRY(kin_task_cancel_and_wait(task, &state, "enough"));
    CHECK_EQ(state, KIN_TASK_CANCELLED);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_EQ(p.runs, 1);
    CHECK_UNHANDLED("p:V1");
    return kin_group_close(group, NULL);
}

TEST(b169_a_child_is_cancelled_in_its_pause)
{
    RUNS(ends_in_the_pause, "OK");
}

static kin_error *shut_in_the_pause(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    patient p = {.failures = 9};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, suffers, &p, .name = "p",
              .restart = {.budget = 9, .backoff = KIN_SECONDS(10)});
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    KIN_TRY(kin_group_shutdown(group, *(kin_time *)arg));
    CHECK(kin_now() - began <= KIN_SECONDS(10));
    CHECK_EQ(p.runs, 1);
    CHECK_UNHANDLED("p:V1");
    return kin_group_close(group, NULL);
}

/* It does not come back into a group that is being shut down, however long the
   grace. */
TEST(b169_a_group_is_shut_down_in_the_pause)
{
    kin_time graces[] = {KIN_AT_ONCE, KIN_SECONDS(60)};
    for (int i = 0; i < 2; i++)
        EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(shut_in_the_pause, &graces[i], seed), "OK");
}

static kin_error *fails_when_cancelled(void *arg)
{
    ++*(int *)arg;
    kin_error_free(kin_sleep_forever());
    return fail_t("2");
}

static kin_error *fails_under_a_shutdown(void *arg)
{
    (void)arg;
    int runs = 0;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, fails_when_cancelled, &runs, .name = "p",
              .restart = {.budget = 9});
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    CHECK_EQ(runs, 1);
    CHECK_UNHANDLED("p:T2");
    return kin_group_close(group, NULL);
}

TEST(b169_no_restart_under_a_cancellation)
{
    RUNS(fails_under_a_shutdown, "OK");
}

static kin_error *fails_later(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return fail_t("sibling");
}

static kin_error *group_fails_in_the_pause(void *arg)
{
    (void)arg;
    patient p = {.failures = 9};
    KIN_GROUP(group);
    kin_spawn(group, suffers, &p, .name = "p",
              .restart = {.budget = 9, .backoff = KIN_SECONDS(10)});
    kin_spawn(group, fails_later, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(p.runs, 1);
    CHECK_UNHANDLED("p:V1");
    return err;
}

TEST(b169_a_failing_sibling_ends_the_pause)
{
    RUNS(group_fails_in_the_pause, "G[Tsibling]");
}

/* --- who is told ------------------------------------------------------------- */

static kin_error *notes_it(kin_error *error, kin_task *task, void *context)
{
    NOTE("%s:%s:%s", (const char *)context, kin_task_name(task), shape(error));
    kin_error_free(error);
    return NULL;
}

static kin_error *on_error_is_told(void *arg)
{
    (void)arg;
    patient p = {.failures = 9};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_it,
              .context = "told");
    kin_spawn(group, suffers, &p, .name = "p", .restart = {.budget = 2});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("told:p:V1 told:p:V2");
    return err;
}

/* The last ones come out of the group; each is told at its time before. */
TEST(b169_on_error_is_told_of_each)
{
    RUNS(on_error_is_told, "G[V1, V2, V3]");
}

static kin_error *kept(void *arg)
{
    (void)arg;
    patient p = {.failures = 2}, q = {.failures = 9};
    kin_task *done = NULL;
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_task *task =
        kin_spawn(group, suffers, &p, .name = "p", .restart = {.budget = 2});
    KIN_TRY(kin_group_next(group, &done));
    CHECK_EQ(done, task);
    CHECK_EQ(kin_task_status(done), KIN_TASK_SUCCEEDED);
    CHECK_UNHANDLED("p:V1 p:V2");
    kin_spawn(group, suffers, &q, .name = "q", .restart = {.budget = 1});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_UNHANDLED("p:V1 p:V2 q:V1");
    return err;
}

/* A kept child ends once. */
TEST(b169_in_a_group_that_keeps)
{
    RUNS(kept, "G[V1, V2]");
}

/* --- the argument, and what a run leaves behind ------------------------------- */

static kin_error *changes_its_argument(void *arg)
{
    int *number = arg;
    NOTE("%d", *number);
    return *number < 3 ? fail_v("%d", (*number)++) : NULL;
}

static kin_error *copied(void *arg)
{
    (void)arg;
    int number = 1;
    KIN_GROUP(group);
    kin_spawn(group, changes_its_argument, &number, .copy = sizeof number,
              .name = "p", .restart = {.budget = 9});
    number = 99;
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("1 2 3");
    CHECK_UNHANDLED("p:V1 p:V2");
    return err;
}

/* "With the same argument": the copy is one for all runs. */
TEST(b169_a_copied_argument_is_the_same_one)
{
    RUNS(copied, "OK");
}

static kin_error *leaves_a_mess(void *arg)
{
    int *runs = arg;
    if (++*runs > 2)
        return NULL;
    kin_error *forgotten = fail_t("%d", *runs);
    (void)forgotten;
    KIN_SCOPE(left, .move_on_after = KIN_MILLISECONDS(1));
    return fail_v("%d", *runs);
}

static kin_error *mess(void *arg)
{
    (void)arg;
    int runs = 0;
    KIN_GROUP(group);
    kin_spawn(group, leaves_a_mess, &runs, .name = "p",
              .restart = {.budget = 2});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(runs, 3);
    CHECK_CONTAINS(unhandled(), "p:G[");
    CHECK_CONTAINS(unhandled(), "V1");
    CHECK_CONTAINS(unhandled(), "T1");
    CHECK_CONTAINS(unhandled(), "V2");
    CHECK_CONTAINS(unhandled(), "T2");
    CHECK_CONTAINS(unhandled(), "MISUSE");
    return err;
}

/* What a run forgot and what it left open belongs to its failure, and is gone
   from the next. */
TEST(b169_each_run_begins_clean)
{
    RUNS(mess, "OK");
}

static kin_error *forgets_only(void *arg)
{
    if (++*(int *)arg > 1)
        return NULL;
    kin_error *forgotten = fail_t("1");
    (void)forgotten;
    return NULL;
}

static kin_error *dropped(void *arg)
{
    (void)arg;
    int runs = 0;
    KIN_GROUP(group);
    kin_spawn(group, forgets_only, &runs, .name = "p",
              .restart = {.budget = 2});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(runs, 2);
    CHECK_UNHANDLED("p:G[T1]");
    return err;
}

/* A run that returns success and dropped an error has failed. */
TEST(b169_a_dropped_error_is_a_failure)
{
    RUNS(dropped, "OK");
}

/* --- without memory ------------------------------------------------------------ */

static bool nth(void *context)
{
    int *left = context;
    return (*left)-- == 0;
}

static kin_error *without_memory(void *arg)
{
    patient p = {.failures = 2};
    KIN_GROUP(group);
    harness_heap.context = arg;
    harness_heap.fail = nth;
    kin_spawn(group, suffers, &p, .name = "p", .restart = {.budget = 2});
    kin_error *err = kin_group_close(group, NULL);
    harness_heap.fail = NULL;
    if (!err)
        CHECK_EQ(p.runs, 3);
    else if (p.runs == 0)
        CHECK_SHAPE(err, "G[NO_MEMORY]");
    return err;
}

/* Whichever allocation fails, nothing is lost and nothing leaks: the child does
   not start, or runs on, or its group fails. */
TEST(b169_without_memory)
{
    for (int i = 0; i < 30; i++) {
        int left = i;
        EACH_SEED(seed)
        {
            if (seed > 0)
                continue;
            kin_error *err = run_virtual(without_memory, &left, 0);
            if (err)
                CHECK(kin_error_has(err, &KIN_NO_MEMORY) ||
                      kin_error_has(err, &TEST_V));
            kin_error_free(err);
            (void)unhandled();
        }
    }
}
