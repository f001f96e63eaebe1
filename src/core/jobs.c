/* core/jobs.c: gather and race: a group of a policy of the core's own, whose
   children put what they end with into the slots of the caller's array.

   While the group is open its `errors` hold, in the order of failure, what the
   slots point at, and one KIN_CANCELLED if some job ended so. Before the close
   the slots' errors become the calling task's; what is left is the group's
   outcome. */
#include "core/runtime.h"

#include <kin/jobs.h>

static kin_error *run_job(void *arg)
{
    const kin_job *job = arg;
    return job->fn(job->arg);
}

void kin__job_ended(kin__runtime *rt, kin_group *group, kin_task *task,
                    kin_error *outcome)
{
    kin_job *job = kin_task_arg(task);
    outcome = outcome ? kin__group_keep_one_cancelled(group, outcome) : NULL;
    job->state = outcome && task->outcome == KIN_TASK_CANCELLED
                     ? KIN_TASK_FAILED
                     : task->outcome;
    job->error = outcome;
    if (outcome)
        kin__error_hold(&group->errors, outcome);
    else if (group->policy == KIN__RACE && !group->succeeded &&
             job->state == KIN_TASK_SUCCEEDED) {
        group->context = job; /* the winner */
        kin__group_succeed(rt, group, task);
    }
}

/* The slots' errors out of the group's list, now the calling task's. */
static void hand_over_errors(kin_job jobs[], size_t count, kin_task *task)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i].error)
            kin__error_hold(&task->held, jobs[i].error);
}

static kin_error *check(const kin_site *site, kin_job jobs[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!jobs || !jobs[i].fn)
            return kin_fail_at(site, &KIN_MISUSE, "job %zu of %zu is NULL", i,
                               count);
    return NULL;
}

static void start(const kin_site *site, kin_group *group, int policy,
                  kin_job jobs[], size_t count)
{
    group->policy = (uint8_t)policy;
    for (size_t i = 0; i < count; i++) {
        jobs[i].error = NULL;
        jobs[i].state = KIN_TASK_PENDING;
    }
    for (size_t i = 0; i < count; i++)
        kin_spawn_at(site, group, run_job, &jobs[i], NULL);
}

kin_error *kin_gather_at(const kin_site *site, kin_job jobs[], size_t count,
                         const kin_gather_options *options)
{
    kin_task *task = kin__task_of(site, "kin_gather");
    kin_group group;
    PASS_ON(check(site, jobs, count));
    PASS_ON(kin_pass_at(site));
    kin_group_begin_at(site, &group, NULL);
    group.limit = options ? options->limit : 0;
    start(site, &group, KIN__GATHER, jobs, count);
    kin__group_join(kin__runtime_here, &group);
    hand_over_errors(jobs, count, task);
    return kin_group_close_at(site, &group, NULL);
}

kin_error *kin_race_at(const kin_site *site, kin_job jobs[], size_t count,
                       size_t *winner)
{
    kin_task *task = kin__task_of(site, "kin_race");
    kin_group group;
    if (count == 0)
        return kin_fail_at(site, &KIN_MISUSE,
                           "a race of no jobs has no winner");
    PASS_ON(check(site, jobs, count));
    PASS_ON(kin_pass_at(site));
    kin_group_begin_at(site, &group, NULL);
    start(site, &group, KIN__RACE, jobs, count);
    kin__group_join(kin__runtime_here, &group);
    bool won = group.succeeded;
    if (won && winner)
        *winner = (size_t)((kin_job *)group.context - jobs);
    if (won || group.has_cancelled)
        hand_over_errors(jobs, count, task);
    kin_error *outcome = kin_group_close_at(site, &group, NULL);
    if (won) { /* what came of the losers' cancellation is of no use */
        kin_error_free(outcome);
        return NULL;
    }
    for (size_t i = 0; outcome && !group.has_cancelled && i < count; i++)
        jobs[i].error = NULL; /* they are in the outcome */
    return outcome;
}

kin_error *kin_jobs_take_errors_at(const kin_site *site, kin_job jobs[],
                                   size_t count)
{
    kin_task *task = kin__task_of(site, "kin_jobs_take_errors");
    kin_error *all = NULL;
    if (count > 0 && !jobs)
        return kin_fail_at(site, &KIN_MISUSE, "kin_jobs_take_errors of NULL");
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].error)
            kin__error_hold(&all, jobs[i].error);
        jobs[i].error = NULL;
    }
    kin_error *group = kin__error_group_of_list(site, "jobs", &all);
    if (group)
        kin__error_hold(&task->held, group);
    return group;
}
