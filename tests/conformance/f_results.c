/* B170 to B181: the results of many jobs: as they come, gathered, raced, and by
   the handles of tasks. */
#include "harness.h"

#include <kin.h>
#include <kin/testing.h>

typedef struct chore {
    int tenths; /* how long it takes */
    const char *failure;
} chore;

static kin_error *works_for(void *arg)
{
    const chore *w = arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(w->tenths * 100)));
    return w->failure ? kin_fail(&KIN_FAILURE, "%s", w->failure) : NULL;
}

/* B170: outcomes in the order of the jobs; B171: an error sits in its slot and
   disturbs nobody. */
static kin_error *b170(void *arg)
{
    (void)arg;
    chore w[] = {{3, NULL}, {2, "V"}, {1, NULL}, {2, "W"}};
    kin_job jobs[4];
    for (int i = 0; i < 4; i++)
        jobs[i] = (kin_job){.fn = works_for, .arg = &w[i]};
    kin_time start = kin_now();
    CHECK_OUTCOME(kin_gather(jobs, 4), "OK");
    CHECK_EQ(kin_now() - start, KIN_MILLISECONDS(300));
    CHECK_EQ(jobs[0].state, KIN_TASK_SUCCEEDED);
    CHECK_EQ(jobs[1].state, KIN_TASK_FAILED);
    CHECK_STR(kin_error_message(jobs[1].error), "V");
    CHECK(!jobs[2].error);
    kin_error *err = kin_jobs_take_errors(jobs, 4);
    CHECK_EQ(kin_error_count(err), 2);
    CHECK_STR(kin_error_message(kin_error_member(err, 1)), "W");
    kin_error_free(err);
    CHECK(!jobs[1].error);
    CHECK(!kin_jobs_take_errors(jobs, 4));
    return NULL;
}

TEST(b170_b171_gather_in_the_order_of_the_jobs)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b170, NULL, seed), "OK");
}

static kin_error *gather_limited(void *arg)
{
    (void)arg;
    chore w = {1, NULL};
    kin_job jobs[6];
    for (int i = 0; i < 6; i++)
        jobs[i] = (kin_job){.fn = works_for, .arg = &w};
    kin_time start = kin_now();
    CHECK_OUTCOME(kin_gather(jobs, 6, .limit = 2), "OK");
    CHECK_EQ(kin_now() - start, KIN_MILLISECONDS(300));
    return NULL;
}

TEST(gather_keeps_its_limit)
{
    CHECK_OUTCOME(run_virtual(gather_limited, NULL, 0), "OK");
}

/* B176: under a time-out the jobs that are left are cancelled and joined; what
   had ended can be read, and is the caller's to answer for. */
static kin_error *b176(void *arg)
{
    (void)arg;
    chore w[] = {{10, NULL}, {20, "V"}, {25, "W"}, {30, NULL}, {40, NULL}};
    kin_job jobs[5];
    for (int i = 0; i < 5; i++)
        jobs[i] = (kin_job){.fn = works_for, .arg = &w[i]};
    kin_error *err =
        KIN_WITHIN(kin_gather(jobs, 5), .fail_after = KIN_MILLISECONDS(2600));
    CHECK(kin_error_is(err, &KIN_TIMEOUT));
    kin_error_free(err);
    CHECK_EQ(jobs[0].state, KIN_TASK_SUCCEEDED);
    CHECK_STR(kin_error_message(jobs[2].error), "W");
    CHECK_EQ(jobs[3].state, KIN_TASK_CANCELLED);
    CHECK(!jobs[4].error);
    kin_error_free(kin_jobs_take_errors(jobs, 5));
    return NULL;
}

TEST(b176_gather_under_a_timeout)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b176, NULL, seed), "OK");
}

/* B177: the first to succeed wins, the rest is cancelled and joined, failures
   before it sit in their slots. */
static kin_error *b177(void *arg)
{
    (void)arg;
    chore w[] = {{5, NULL}, {2, "V"}, {4, NULL}, {90, NULL}};
    kin_job jobs[4];
    size_t winner = 9;
    for (int i = 0; i < 4; i++)
        jobs[i] = (kin_job){.fn = works_for, .arg = &w[i]};
    kin_time start = kin_now();
    CHECK_OUTCOME(kin_race(jobs, 4, &winner), "OK");
    CHECK_EQ(winner, 2);
    CHECK_EQ(kin_now() - start, KIN_MILLISECONDS(400));
    CHECK_EQ(jobs[0].state, KIN_TASK_CANCELLED);
    CHECK_STR(kin_error_message(jobs[1].error), "V");
    kin_error_free(kin_jobs_take_errors(jobs, 4));
    return NULL;
}

static kin_error *b177_all_fail(void *arg)
{
    (void)arg;
    chore w[] = {{3, "3"}, {1, "1"}, {2, "2"}};
    kin_job jobs[3];
    size_t winner = 9;
    for (int i = 0; i < 3; i++)
        jobs[i] = (kin_job){.fn = works_for, .arg = &w[i]};
    kin_error *err = kin_race(jobs, 3, &winner);
    CHECK_EQ(winner, 9);
    CHECK_EQ(kin_error_count(err), 3);
    CHECK_STR(kin_error_message(kin_error_member(err, 0)), "1");
    CHECK_STR(kin_error_message(kin_error_member(err, 2)), "3");
    CHECK(!jobs[0].error && !jobs[1].error);
    kin_error_free(err);
    err = kin_race(jobs, 0, &winner);
    CHECK(kin_error_is(err, &KIN_MISUSE));
    kin_error_free(err);
    return NULL;
}

static kin_error *b177_cancelled(void *arg)
{
    (void)arg;
    chore w[] = {{1, "V"}, {90, NULL}};
    kin_job jobs[2];
    for (int i = 0; i < 2; i++)
        jobs[i] = (kin_job){.fn = works_for, .arg = &w[i]};
    kin_error *err =
        KIN_WITHIN(kin_race(jobs, 2, NULL), .fail_after = KIN_SECONDS(1));
    CHECK(kin_error_is(err, &KIN_TIMEOUT));
    kin_error_free(err);
    CHECK_STR(kin_error_message(jobs[0].error), "V");
    kin_error_free(kin_jobs_take_errors(jobs, 2));
    return NULL;
}

TEST(b177_race)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b177, NULL, seed), "OK");
        CHECK_OUTCOME(run_virtual(b177_all_fail, NULL, seed), "OK");
        CHECK_OUTCOME(run_virtual(b177_cancelled, NULL, seed), "OK");
    }
}

/* --- as completed: a loop over kin_group_next ------------------------------- */

static kin_error *b170_next(void *arg)
{
    (void)arg;
    chore w[] = {{3, NULL}, {2, NULL}, {1, NULL}};
    kin_task *done = NULL;
    KIN_GROUP(group, .keep = true);
    for (int i = 0; i < 3; i++)
        kin_spawn(group, works_for, &w[i]);
    for (;;) {
        KIN_TRY(kin_group_next(group, &done));
        if (!done)
            break;
        NOTE("%d", ((chore *)kin_task_arg(done))->tenths);
    }
    CHECK_LOG("1 2 3");
    return kin_group_close(group, NULL);
}

TEST(b170_as_completed)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b170_next, NULL, seed), "OK");
}

static kin_error *b171_next(void *arg)
{
    (void)arg;
    chore w[] = {{1, NULL}, {2, "V"}, {3, NULL}, {4, "W"}};
    kin_task *done = NULL;
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    for (int i = 0; i < 4; i++)
        kin_spawn(group, works_for, &w[i]);
    for (;;) {
        KIN_TRY(kin_group_next(group, &done));
        if (!done)
            break;
        kin_task_state state = kin_task_status(done);
        kin_error *err = kin_task_take_error(done);
        NOTE("%d:%s", (int)state, err ? kin_error_message(err) : "");
        kin_error_free(err);
    }
    CHECK_EQ(KIN_TASK_SUCCEEDED, 2);
    CHECK_EQ(KIN_TASK_FAILED, 3);
    CHECK_LOG("2: 3:V 2: 3:W");
    return kin_group_close(group, NULL);
}

TEST(b171_as_completed_with_failures)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b171_next, NULL, seed), "OK");
}

static kin_error *b172(void *arg)
{
    (void)arg;
    static const char *const names[] = {"a", "b", "c"};
    chore w[] = {{1, "a"}, {1, "b"}, {1, "c"}};
    kin_task *done = NULL;
    int seen = 0;
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    for (int i = 0; i < 3; i++)
        kin_spawn(group, works_for, &w[i], .name = names[i]);
    for (;;) {
        KIN_TRY(kin_group_next(group, &done));
        if (!done)
            break;
        kin_error *err = kin_task_take_error(done);
        CHECK_STR(kin_error_message(err), kin_task_name(done));
        CHECK(!kin_task_take_error(done)); /* it was taken */
        kin_error_free(err);
        seen++;
    }
    CHECK_EQ(seen, 3);
    return kin_group_close(group, NULL);
}

TEST(b172_three_failures_in_one_tick)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b172, NULL, seed), "OK");
}

/* Takes a second to end. */
static kin_error *works_and_cleans(void *arg)
{
    kin_error *err = works_for(arg);
    if (kin_error_is(err, &KIN_CANCELLED)) {
        kin_error *late = KIN_WITHIN(kin_sleep(KIN_SECONDS(1)), .shield = true);
        NOTE("cleaned");
        return kin_error_combine(err, late);
    }
    return err;
}

static kin_error *takes_results(kin_time limit, int most)
{
    chore w[] = {{1, NULL}, {2, NULL}, {3, NULL}};
    kin_error *err = NULL;
    kin_task *done = NULL;
    KIN_SCOPE(around, .fail_after = limit);
    KIN_GROUP(group, .keep = true);
    for (int i = 0; i < 3; i++)
        kin_spawn(group, works_and_cleans, &w[i]);
    for (int i = 0; i < most && !err; i++) {
        err = kin_group_next(group, &done);
        if (!err)
            NOTE("got:%d", ((chore *)kin_task_arg(done))->tenths);
    }
    if (!err && most < 3)
        err = kin_fail(&TEST_K, "Z");
    err = kin_group_close(group, err);
    NOTE("closed");
    return kin_scope_close(around, err);
}

static kin_error *b173(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    kin_error *err = takes_results(KIN_MILLISECONDS(150), 3);
    CHECK_EQ(kin_now() - began, KIN_MILLISECONDS(1150));
    CHECK_LOG("got:1 cleaned cleaned closed");
    return err;
}

/* Two cancelled and joined, their cleanup done, before the TIMEOUT comes. */
TEST(b173_a_timeout_in_the_middle)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b173, NULL, seed), "TIMEOUT");
}

static kin_error *b174(void *arg)
{
    (void)arg;
    kin_error *err = takes_results(KIN_NEVER, 2);
    CHECK_LOG("got:1 got:2 cleaned closed");
    return err;
}

TEST(b174_the_body_leaves_the_loop_with_an_error)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b174, NULL, seed), "G[KZ]");
}

static kin_error *b175(void *arg)
{
    static chore w[] = {{1, NULL}, {2, NULL}};
    kin_task *done = NULL;
    (void)arg;
    KIN_GROUP(group, .keep = true);
    kin_spawn(group, works_and_cleans, &w[0]);
    kin_spawn(group, works_and_cleans, &w[1]);
    KIN_TRY(kin_group_next(group, &done));
    return NULL;
}

/* Left without its close: caught, and the rest is joined all the same. */
TEST(b175_the_loop_is_left_without_the_close)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b175, NULL, seed), "G[MISUSE]");
        CHECK_LOG("cleaned");
    }
}

static kin_error *kept_after_a_cancellation(void *arg)
{
    (void)arg;
    chore w[] = {{1, NULL}, {2, "V"}, {90, NULL}};
    kin_task *done = NULL, *tasks[3];
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    for (int i = 0; i < 3; i++)
        tasks[i] = kin_spawn(group, works_for, &w[i]);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_group_cancel(group, "enough");
    kin_error *err = KIN_WITHIN(kin_task_join(tasks[2]), .shield = true);
    CHECK_EQ(kin_task_status(tasks[0]), KIN_TASK_SUCCEEDED);
    CHECK_EQ(kin_task_status(tasks[1]), KIN_TASK_FAILED);
    CHECK_EQ(kin_task_status(tasks[2]), KIN_TASK_CANCELLED);
    CHECK_OUTCOME(kin_group_next(group, &done), "CANCELLED");
    err = kin_error_combine(err, kin_task_take_error(tasks[1]));
    CHECK_STR(kin_error_message(err), "V");
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

TEST(b176_results_can_be_read_after_a_cancellation)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(kept_after_a_cancellation, NULL, seed), "OK");
}

/* --- handles ------------------------------------------------------------------ */

static kin_error *b178(void *arg)
{
    (void)arg;
    chore fine = {1, NULL}, bad = {2, "V"}, endless = {900, NULL};
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true, .limit = 3);
    kin_task *a = kin_spawn(group, works_for, &fine);
    kin_task *b = kin_spawn(group, works_for, &bad);
    kin_task *c = kin_spawn(group, works_for, &endless);
    kin_task *d = kin_spawn(group, works_for, &endless);
    CHECK_OUTCOME(kin_task_take_error(a), "MISUSE"); /* not finished */
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(50)));
    CHECK_EQ(kin_task_status(a), KIN_TASK_RUNNING);
    CHECK_EQ(kin_task_status(d), KIN_TASK_PENDING);
    CHECK_OUTCOME(kin_task_take_error(c), "MISUSE");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_task_cancel(c, NULL);
    CHECK_EQ(kin_task_status(c), KIN_TASK_RUNNING); /* on its way */
    KIN_TRY(kin_task_join(c));
    CHECK_EQ(kin_task_status(a), KIN_TASK_SUCCEEDED);
    CHECK_EQ(kin_task_status(b), KIN_TASK_FAILED);
    CHECK_EQ(kin_task_status(c), KIN_TASK_CANCELLED);
    CHECK(!kin_task_take_error(a));
    kin_error *err = kin_task_take_error(b);
    CHECK_STR(kin_error_message(err), "V");
    kin_error_free(err);
    kin_group_cancel(group, NULL);
    return kin_group_close(group, NULL);
}

TEST(b178_the_states_of_a_handle)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b178, NULL, seed), "OK");
}

static kin_error *notes_its_start(void *arg)
{
    NOTE("started");
    return works_for(arg);
}

static kin_error *b179(void *arg)
{
    (void)arg;
    chore endless = {900, NULL};
    KIN_GROUP(group, .keep = true);
    kin_task *task = kin_spawn(group, notes_its_start, &endless);
    kin_task_cancel(task, "at once");
    KIN_TRY(kin_task_join(task)); /* B180: fine whatever the outcome */
    CHECK_LOG("started");
    CHECK_EQ(kin_task_status(task), KIN_TASK_CANCELLED);
    return kin_group_close(group, NULL);
}

TEST(b179_b180_cancelled_before_it_ran)
{
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(b179, NULL, seed), "OK");
}

/* --- B181: cancel and wait ------------------------------------------------------ */

static kin_error *swallows(void *arg)
{
    kin_error_free(kin_sleep_forever());
    return arg ? kin_fail(&TEST_V, "instead") : NULL;
}

static kin_error *b181(void *arg)
{
    (void)arg;
    chore brief = {1, NULL}, endless = {900, NULL};
    kin_task_state state = KIN_TASK_PENDING;
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_task *done = kin_spawn(group, works_for, &brief);
    kin_task *cleans = kin_spawn(group, works_and_cleans, &endless);
    kin_task *stubborn = kin_spawn(group, swallows, NULL);
    kin_task *fails = kin_spawn(group, swallows, "fails");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_time began = kin_now();

    KIN_TRY(kin_task_cancel_and_wait(done, &state, "has ended already"));
    CHECK_EQ(state, KIN_TASK_SUCCEEDED);
    CHECK_EQ(kin_now(), began);

    KIN_TRY(kin_task_cancel_and_wait(cleans, &state, NULL));
    CHECK_EQ(state, KIN_TASK_CANCELLED);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_LOG("cleaned");

    /* whoever goes his own way is not hidden */
    KIN_TRY(kin_task_cancel_and_wait(stubborn, &state, "please"));
    CHECK_EQ(state, KIN_TASK_SUCCEEDED);
    KIN_TRY(kin_task_cancel_and_wait(fails, NULL, "please"));
    CHECK_EQ(kin_task_status(fails), KIN_TASK_FAILED);
    kin_error *err = kin_task_take_error(fails);
    CHECK_SHAPE(err, "Vinstead");
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

static kin_error *b181_caller_cancelled(void *arg)
{
    (void)arg;
    chore endless = {900, NULL};
    kin_task_state state = KIN_TASK_PENDING;
    KIN_GROUP(group, .keep = true);
    kin_task *task = kin_spawn(group, works_and_cleans, &endless);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_OUTCOME(KIN_WITHIN(kin_task_cancel_and_wait(task, &state, NULL),
                             .fail_after = KIN_MILLISECONDS(500)),
                  "TIMEOUT");
    CHECK_EQ(state, KIN_TASK_PENDING); /* untouched */
    CHECK_LOG("");
    KIN_TRY(kin_task_join(task));
    CHECK_LOG("cleaned");
    CHECK_EQ(kin_task_status(task), KIN_TASK_CANCELLED);
    return kin_group_close(group, NULL);
}

static kin_error *b181_cancelled_before(void *arg)
{
    (void)arg;
    chore endless = {900, NULL};
    KIN_GROUP(group, .keep = true);
    kin_task *task = kin_spawn(group, works_for, &endless);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *err = kin_task_cancel_and_wait(task, NULL, "all the same");
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(scope, err);
    KIN_TRY(kin_task_join(task)); /* "the task stays cancelled" */
    return kin_group_close(group, err);
}

static kin_error *b181_oneself(void *arg)
{
    (void)arg;
    kin_error *err = kin_task_cancel_and_wait(kin_task_self(), NULL, "suicide");
    CHECK_SHAPE(err, "MISUSE");
    kin_error_free(err);
    return kin_checkpoint();
}

TEST(b181_cancel_and_wait)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b181, NULL, seed), "OK");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(b181_caller_cancelled, NULL, seed), "OK");
        CHECK_OUTCOME(run_virtual(b181_cancelled_before, NULL, seed), "OK");
        CHECK_OUTCOME(run_virtual(b181_oneself, NULL, seed), "OK");
    }
}
