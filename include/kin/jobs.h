/* kin/jobs.h: an array of jobs: all of them, or the first that succeeds, with
   their errors as values. The caller owns the array. From a task. */
#ifndef KIN_JOBS_H
#define KIN_JOBS_H

#include <kin/group.h>

KIN__C_BEGIN

/* `error` is the calling task's to answer for, like any other; a job that was
   cancelled has none. `state` is KIN_TASK_PENDING until its job has ended. */
typedef struct kin_job {
    kin_fn *fn;
    void *arg;
    kin_error *error KIN__UNSET;
    kin_task_state state KIN__UNSET;
} kin_job;

typedef struct kin_gather_options {
    size_t limit KIN__UNSET; /* jobs that run at once */
} kin_gather_options;

/* Runs every job and returns when all have ended; their outcomes are in the
   array, in its order, and none disturbs the others. Fails with KIN_CANCELLED
   when the caller is cancelled: the jobs are then cancelled and joined, and what
   had ended before can still be read. Checkpoint. (aiotools: gather_safe) */
#define kin_gather(jobs, count, ...)                \
    kin_gather_at(KIN__SITE("gather"), jobs, count, \
                  KIN__OPTIONS(kin_gather_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *kin_gather_at(const kin_site *, kin_job jobs[],
                                              size_t count,
                                              const kin_gather_options *);

/* Runs every job until the first succeeds, cancels and joins the rest, and says
   in *winner (which may be NULL) which it was. When all fail, their errors come
   out in a group, in the order of failure, and the slots are empty. No jobs are a
   KIN_MISUSE. Checkpoint. (aiotools: race) */
#define kin_race(...) kin_race_at(KIN__SITE("race"), __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *kin_race_at(const kin_site *, kin_job jobs[],
                                            size_t count, size_t *winner);

/* All slots' errors in one group, in the order of the jobs; the slots are then
   empty. NULL if there are none. */
#define kin_jobs_take_errors(...) kin_jobs_take_errors_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *
kin_jobs_take_errors_at(const kin_site *, kin_job jobs[], size_t count);

KIN__C_END
#endif
