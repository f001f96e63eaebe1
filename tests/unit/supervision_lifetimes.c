/* Restarts, services, cleanups and values where they meet: each of these was
   once a wild access, a wait for ever, or a failure that nobody was told of. */
#include "../harness.h"

#include <signal.h>
#include <stdlib.h>

#define RUNS(fn, text)                                \
    EACH_SEED(seed)                                   \
    {                                                 \
        kin_error *out = run_virtual(fn, NULL, seed); \
        CHECK_OUTCOME(out, text);                     \
    }

/* --- interrupts -------------------------------------------------------- */

static kin_error *catches_each(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        raise(SIGINT);
        CHECK_OUTCOME(kin_checkpoint(), "INTERRUPT");
        KIN_TRY(kin_sleep(KIN_MILLISECONDS(150)));
    }
    return NULL;
}

/* B250: a program that deals with its interrupts lives on, on the real clock. */
TEST(b250_interrupts_that_are_caught_do_not_end_the_program)
{
    CHECK_OUTCOME(kin_run(catches_each, NULL), "OK");
}

/* --- closes from inside a close ---------------------------------------- */

static kin_error *closes_scope(void *scope)
{
    return kin_scope_close(scope, NULL);
}

static kin_error *closes_group(void *group)
{
    return kin_group_close(group, NULL);
}

static kin_error *closes_itself(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .values_at_opening = true);
    KIN_TRY(kin_defer(group, closes_group, group));
    CHECK_OUTCOME(kin_group_close(group, NULL), "G[MISUSE]");
    KIN_SCOPE(scope);
    KIN_TRY(kin_defer(scope, closes_scope, scope));
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "MISUSE");
    return NULL;
}

static kin_error *closes_outer(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    kin_error *err;
    {
        KIN_SCOPE(inner);
        err = kin_defer(inner, closes_scope, outer);
        CHECK_OUTCOME(kin_scope_close(inner, err), "MISUSE");
    }
    return kin_scope_close(outer, NULL);
}

/* B205: a cleanup that closes what is being closed, or what is around it, is
   told so, and the close goes its way. */
TEST(b205_a_cleanup_cannot_close_what_is_being_closed)
{
    RUNS(closes_itself, "OK");
    RUNS(closes_outer, "OK");
}

static kin_error *keeps_a_reference(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err = fail_v("1"), *mine = kin_error_ref(err);
    CHECK_OUTCOME(kin_group_close(group, err), "G[V1]");
    CHECK_STR(kin_error_message(mine), "1");
    kin_error_free(mine);
    return NULL;
}

/* A close takes the one reference that it is given. */
TEST(a_close_takes_one_reference)
{
    RUNS(keeps_a_reference, "OK");
}

/* --- values ------------------------------------------------------------ */

KIN_DECLARE_KEY(first, int);
KIN_DECLARE_KEY(second, int);

static void looks_around(void *value)
{
    NOTE("drop:%d:%d", *(int *)value, kin_value_get(&first, -1));
}

KIN_DEFINE_KEY(first, looks_around);
KIN_DEFINE_KEY(second, looks_around);

static kin_error *has_values(void *arg)
{
    (void)arg;
    KIN_TRY(kin_value_set(&first, 1));
    KIN_TRY(kin_value_set(&second, 2));
    KIN_TRY(kin_value_set(&second, 3));
    return NULL;
}

static kin_error *values_go(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, has_values, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("drop:2:-1 drop:1:-1 drop:3:-1");
    return err;
}

/* B267: when a drop is called the value is gone, and it belongs to no task. */
TEST(b267_a_drop_sees_no_values)
{
    RUNS(values_go, "OK");
}

/* --- the hook ---------------------------------------------------------- */

static kin_error *reports(void *arg)
{
    (void)arg;
    return NULL;
}

static void spawns_again(const kin_error *err, const char *task, void *context)
{
    (void)err, (void)task;
    ++*(int *)context;
    kin_spawn_background(reports, NULL);
}

static kin_error *fails_at_the_end(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return fail_v("1");
}

static kin_error *leaves_one_behind(void *arg)
{
    (void)arg;
    kin_spawn_background(fails_at_the_end, NULL);
    return kin_checkpoint();
}

static void hook_in_a_child(void *arg)
{
    (void)arg;
    int told = 0;
    kin_error *err =
        kin_run(leaves_one_behind, NULL, .clock = KIN_CLOCK_VIRTUAL,
                .unhandled = spawns_again, .context = &told);
    fprintf(stderr, "told %d\n", told);
    kin_error_free(err);
    exit(0);
}

/* B260: what the hook itself causes is printed, and the hook is not told of it
   again. */
TEST(b260_the_hook_is_not_told_of_its_own_errors)
{
    int status;
    const char *said = in_child_process(hook_in_a_child, NULL, &status);
    CHECK_EQ(status, 0);
    CHECK_CONTAINS(said, "told 1");
    CHECK_CONTAINS(said, "is shutting down");
}

/* --- services and starts ----------------------------------------------- */

static kin_error *never_up(void *arg)
{
    (void)arg;
    return kin_sleep_forever();
}

static kin_error *starts_in_its_group(void *group)
{
    return kin_start(group, never_up, NULL, NULL);
}

static kin_error *service_that_starts(void *arg)
{
    (void)arg;
    KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group);
        kin_spawn(group, starts_in_its_group, group, .service = true);
        err = kin_sleep_forever();
        err = kin_group_close(group, err);
    }
    return kin_scope_close(limit, err);
}

/* A service that waits for a start in its own group is dismissed like any. */
TEST(a_service_in_a_start_is_dismissed)
{
    RUNS(service_that_starts, "TIMEOUT");
}

static int runs;

static kin_error *comes_up_and_fails(void *arg)
{
    kin_started(arg);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return runs++ ? NULL : fail_v("1");
}

static kin_error *cannot_come_up(void *arg)
{
    (void)arg;
    runs++;
    return fail_v("1");
}

static kin_error *starts_again(void *arg)
{
    (void)arg;
    runs = 0;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, comes_up_and_fails, NULL, NULL,
                               .name = "s", .restart = {.budget = 3});
    err = kin_group_close(group, err);
    CHECK_EQ(runs, 2);
    CHECK_UNHANDLED("s:V1");
    return err;
}

static kin_error *starts_in_vain(void *arg)
{
    (void)arg;
    runs = 0;
    KIN_GROUP(group);
    CHECK_OUTCOME(
        kin_start(group, cannot_come_up, NULL, NULL, .restart = {.budget = 3}),
        "V1");
    CHECK_EQ(runs, 1);
    return kin_group_close(group, NULL);
}

/* B169: restarts begin when the child is up; before, its failure is its
   starter's. Being up again is no misuse. */
TEST(b169_restarts_of_a_started_child)
{
    RUNS(starts_again, "OK");
    RUNS(starts_in_vain, "OK");
}

/* --- shutdown in a pause ----------------------------------------------- */

static kin_error *fails(void *arg)
{
    (void)arg;
    return fail_v("1");
}

static kin_error *shut_in_the_pause(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_ANY, .keep = true);
    kin_task *task =
        kin_spawn(group, fails, NULL, .name = "f",
                  .restart = {.budget = 5, .backoff = KIN_SECONDS(20)});
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_time began = kin_now();
    KIN_TRY(kin_group_shutdown(group, KIN_SECONDS(25)));
    CHECK_EQ(kin_now() - began, 0);
    CHECK_EQ(kin_task_status(task), KIN_TASK_CANCELLED);
    CHECK_UNHANDLED("f:V1");
    return kin_group_close(group, NULL);
}

/* B169: a child that waits to be run again is no success, and no shutdown waits
   for it. */
TEST(b169_a_shutdown_ends_the_pause)
{
    RUNS(shut_in_the_pause, "OK");
}

/* --- shared errors ----------------------------------------------------- */

static kin_error *box;

static kin_error *puts_away(kin_error *err, kin_task *task, void *context)
{
    (void)task, (void)context;
    kin_error_free(box);
    box = err;
    return NULL;
}

static kin_error *adopts(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(10)));
    kin_error *err = kin_error_adopt(box);
    box = NULL;
    kin_error *slept = kin_sleep(KIN_SECONDS(100));
    (void)err; /* and forgets it */
    return slept;
}

static kin_error *hands_about(void *arg)
{
    (void)arg;
    KIN_GROUP(others, .policy = KIN_EACH);
    kin_spawn(others, adopts, NULL, .name = "a");
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = puts_away);
    kin_spawn(group, fails, NULL,
              .restart = {.budget = 1, .backoff = KIN_SECONDS(1)});
    CHECK_OUTCOME(kin_group_close(group, NULL), "G[V1, V1]");
    kin_error *err = kin_group_close(others, NULL);
    CHECK_UNHANDLED("a:G[V1]");
    return err;
}

/* An error that a restart keeps stays the one's who was told of it. */
TEST(b169_kept_errors_belong_to_those_who_were_told)
{
    RUNS(hands_about, "OK");
}

/* --- copies ------------------------------------------------------------ */

typedef struct job {
    char name[16];
} job;

static kin_error *reads_the_job(kin_error *err, kin_task *task, void *context)
{
    (void)context;
    NOTE("%s", ((job *)kin_task_arg(task))->name);
    kin_error_free(err);
    return NULL;
}

static kin_error *copies(void *arg)
{
    (void)arg;
    job j = {"job-42"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = reads_the_job);
    kin_spawn(group, fails, &j, .copy = sizeof j);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("job-42");
    return err;
}

/* A copied argument is there for .on_error. */
TEST(a_copied_argument_outlives_the_function)
{
    RUNS(copies, "OK");
}

/* --- causes ------------------------------------------------------------ */

static kin_error *wraps_both(void *older)
{
    kin_error *cancelled = kin_sleep_forever();
    kin_error *late = kin_fail(&KIN_CLOSED, "because of it");
    kin_error_free(cancelled);
    return kin_fail_from(kin_error_combine(late, older), &TEST_V, "1");
}

static kin_error *exits(void *arg)
{
    (void)arg;
    KIN_TRY(kin_checkpoint());
    return kin_exit(0);
}

static kin_error *exits_beside(void *arg)
{
    (void)arg;
    kin_error *older = kin_error_give(fail_t("2"));
    KIN_GROUP(group);
    kin_spawn(group, wraps_both, older);
    kin_spawn(group, exits, NULL);
    return kin_group_close(group, NULL);
}

/* B259: a failure from before the exit is not hidden by being wrapped after. */
TEST(b259_a_wrapped_group_follows_with_all_of_it)
{
    EACH_SEED(seed)
    {
        bool show = false;
        kin_error *err = run_virtual(exits_beside, NULL, seed);
        CHECK_EQ(kin_error_exit_status(err, &show), 1);
        CHECK(show);
        kin_error_free(err);
    }
}

/* --- what is set aside ------------------------------------------------- */

static kin_error *fails_while_cancelled(void *arg)
{
    (void)arg;
    return kin_error_combine(kin_sleep_forever(), fail_v("1"));
}

static kin_error *wins(void *arg)
{
    (void)arg;
    return kin_sleep(KIN_MILLISECONDS(1));
}

static kin_error *swallows(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return NULL;
}

static kin_error *is_told(kin_error *err, kin_task *task, void *context)
{
    (void)context;
    NOTE("%s:%s", kin_task_name(task), shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *tells_of_losers(void *winner)
{
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    kin_error *err;
    {
        KIN_GROUP(group, .policy = KIN_ANY, .on_error = is_told);
        kin_spawn(group, fails_while_cancelled, NULL, .name = "l");
        kin_spawn(group, *(kin_fn **)winner, NULL);
        err = kin_group_close(group, NULL);
    }
    err = kin_scope_close(limit, err);
    CHECK_LOG("l:G[V1]");
    return err;
}

/* KIN_ANY tells .on_error of a loser's own failure, and not of its
   KIN_CANCELLED, whoever cancelled it. */
TEST(any_tells_of_failures_and_not_of_cancellations)
{
    kin_fn *winners[] = {wins, swallows};
    for (int i = 0; i < 2; i++)
        EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(tells_of_losers, &winners[i], seed), "OK");
}
