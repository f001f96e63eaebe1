/* interrupts.h: the signals that a run is ended by. */
#ifndef KIN_TOOLS_INTERRUPTS_H
#define KIN_TOOLS_INTERRUPTS_H

#include "run.h"

/* What a task does, given the run, until it is cancelled: passes SIGINT, SIGTERM
   and SIGHUP on to the commands, once each, and cancels the run; at the second
   SIGINT it kills them. */
kin_error *interrupts_watch(void *arg);

#endif
