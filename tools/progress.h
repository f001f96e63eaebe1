/* progress.h: the line at the bottom of a terminal that says how far it is. */
#ifndef KIN_TOOLS_PROGRESS_H
#define KIN_TOOLS_PROGRESS_H

#include "run.h"

/* Whether there is to be one: standard error is a terminal that can show it, and
   kin is not to be quiet. */
bool progress_is_wanted(const run *);
/* What a task does, given the run, until it is cancelled. */
kin_error *progress_show(void *arg);
/* Takes it away, for a while, or shows it again; waits for that a moment. */
void progress_hide(run *, bool hidden);
/* The terminal has another width. */
void progress_refresh(run *);

#endif
