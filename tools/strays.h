/* strays.h: processes that commands left behind and that left their groups. */
#ifndef KIN_TOOLS_STRAYS_H
#define KIN_TOOLS_STRAYS_H

#include "run.h"

/* Ends all children that kin has but its guardian, and those that it gets when
   they end: SIGTERM, after the grace SIGKILL. Kin is a subreaper, so that who
   forked away is its child when its own parent is gone. For when the commands
   have ended; waits in a shield. */
void strays_end(run *);

#endif
