/* run.h: `kin run`: the commands together. */
#ifndef KIN_TOOLS_RUN_H
#define KIN_TOOLS_RUN_H

#include "guardian.h"
#include "job.h"
#include "output.h"
#include "run_options.h"

typedef struct run {
    run_options options;
    commands commands;
    job *jobs; /* as many as commands */
    outputs outputs;
    guardian guardian;

    kin_group *saying;     /* the tasks that say something on standard error */
    kin_scope *everything; /* cancelled: all ends; NULL: nothing runs */
    int interrupt;         /* the signal that ended it, or 0 */
    const char *broken;    /* why the output cannot be written, or NULL */
    kin_error *defect;     /* what kin failed at, or NULL */
    /* The deadline ended a job, or kept one from starting. */
    bool timed_out, moved_on;
    size_t ended; /* jobs that were started */
    size_t counts[JOB_BROKEN + 1];
} run;

/* Says a line of kin's own on standard error, unless it is to be quiet. Does not
   wait for whoever reads it. */
void run_say(run *, const char *format, ...) KIN_PRINTF(2, 3);
/* For job.c: that job has come to its end, whatever that is. */
void run_note_end(run *, job *);

/* `kin run`, given what main was given. What to exit with. */
int run_main(int argc, char **argv);

#endif
