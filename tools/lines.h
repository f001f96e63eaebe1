/* lines.h: the jobs of --each-line: one for every line of standard input. */
#ifndef KIN_TOOLS_LINES_H
#define KIN_TOOLS_LINES_H

#include "run.h"

/* Spawns the job of each line into the group, some way ahead of those that run,
   to the end of standard input. A line that cannot be an argument is a REFUSED
   that tells its number. Checkpoint. */
KIN_MUST_USE kin_error *lines_feed(run *, kin_group *jobs);
/* A job's turn has come: there is room for another one. */
void lines_note_begin(run *, const job *);
/* Prints what would run, in place of running it. */
KIN_MUST_USE kin_error *lines_print(run *);

#endif
