/* tree.h: what became of a run, as an error tree. */
#ifndef KIN_TOOLS_TREE_H
#define KIN_TOOLS_TREE_H

#include "run.h"

/* One leaf for each command that failed, in the order in which they did, with
   the last lines of its standard error; one for a deadline that ran out; one
   for each that was cancelled, which says in whose wake. A lone command's leaf
   comes bare. NULL when all is well. Made outside the run, so that it speaks of
   the commands and not of kin. */
kin_error *tree_of(const run *);

extern const kin_kind COMMAND_FAILED, COMMAND_CANCELLED;

#endif
