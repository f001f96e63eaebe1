/* run.h: `kin run`: the commands together. */
#ifndef KIN_TOOLS_RUN_H
#define KIN_TOOLS_RUN_H

#include "cgroup.h"
#include "guardian.h"
#include "job.h"
#include "output.h"
#include "run_options.h"

typedef struct run {
    run_options options;
    commands commands;
    job *first, *last; /* but those of lines that ended well */
    job *leaving;      /* the latest of these */
    size_t total;      /* jobs that there were */
    bool all_known;    /* there will be no more */
    outputs outputs;
    order order; /* of the jobs' output, with --keep-order */
    FILE *json;  /* or NULL */
    kin_time began, lasted;
    guardian guardian;
    cgroup cgroup;
    int above; /* where its own tree is handed up, or -1 */

    kin_group *saying;     /* the tasks that say something on standard error */
    kin_scope *everything; /* cancelled: all ends; NULL: nothing runs */
    bool impatient;        /* there was a second SIGINT */
    int interrupt;         /* the signal that ended it, or 0 */
    const char *broken;    /* why the output cannot be written, or NULL */
    kin_error *defect;     /* what kin failed at, or NULL */
    kin_error *refusal;    /* what is wrong with a line, or NULL */
    /* The deadline ended a job, or kept one from starting. */
    bool timed_out, moved_on;
    bool not_found; /* a command was */
    size_t running; /* jobs whose turn has come and who have not ended */
    size_t ended;   /* jobs that were started */
    size_t counts[JOB_BROKEN + 1];
    size_t unlisted; /* failures that there was no room for */

    /* for lines.c: those whose turn has not come */
    size_t waiting, waiting_bytes;
    kin_wait_list room; /* for more of them */

    /* for progress.c */
    bool progress_hidden;
    kin_wait_list progress_calls; /* it waits for those who want it to look */
    kin_wait_list progress_drawn; /* they wait for it */
} run;

/* One more job, without a command yet; NULL: no memory. */
job *run_add_job(run *);
KIN_MUST_USE kin_error *run_spawn_job(run *, kin_group *, job *);
void run_drop_job(run *, job *);

/* Says a line of kin's own on standard error, unless it is to be quiet. Does not
   wait for whoever reads it. */
void run_say(run *, const char *format, ...) KIN_PRINTF(2, 3);
/* For job.c: a job's turn has come; it has come to its end, whatever that is,
   and may be freed when its task has ended. */
void run_note_begin(run *, const job *);
void run_note_end(run *, job *);

/* `kin run`, given what main was given. What to exit with. */
int run_main(int argc, char **argv);

#endif
