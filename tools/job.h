/* job.h: one command of a run, from its start to its end. */
#ifndef KIN_TOOLS_JOB_H
#define KIN_TOOLS_JOB_H

#include "command.h"
#include "guardian.h"
#include "order.h"
#include "output.h"
#include "tail.h"

#include <kin/process.h>

typedef enum {
    JOB_WAITING, /* its turn has not come */
    JOB_RUNNING,
    JOB_FINE,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_UNUSABLE, /* it could not be executed */
    JOB_BROKEN    /* kin could not go on with it */
} job_state;

struct run;

typedef struct job job;
struct job {
    const command *command; /* borrowed, or `own` */
    struct run *run;        /* borrowed */
    size_t number;          /* among the commands */
    job *previous, *next;   /* of the run's */
    command own;            /* of a line; else empty */
    size_t line_length;     /* of that line */

    /* while it runs */
    kin_process *process;
    kin_time began;
    place *place; /* of its output, with --keep-order; the order's */

    /* what came of it */
    job_state state;
    kin_process_status status;
    int errnum; /* why it could not be executed */
    kin_time lasted;
    size_t tries;  /* how often it was run */
    size_t order;  /* among those that have ended */
    char *because; /* of whom or what it was cancelled; or NULL */
    kin_cancel_source by;
    kin_error *error; /* the tree that it handed up, or NULL */
    tail *tail;       /* its last lines on standard error, if it failed */
};

/* What its task does, given the job. Fails with a KIN_PROCESS_FAILED when the
   command does; with KIN_CANCELLED, when the command and its group are gone;
   with what kept kin from running it. */
kin_error *job_run(void *arg);
void job_deinit(job *);

/* `"web" failed: exit status 3 after 1.2 s` */
enum { JOB_TEXT = 256 };
const char *job_text(const job *, char text[JOB_TEXT]);

#endif
