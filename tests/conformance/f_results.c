/* B170 to B177: the results of many jobs: gather and race. */
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
