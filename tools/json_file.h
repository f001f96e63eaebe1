/* json_file.h: what became of a run, for programs (--json). */
#ifndef KIN_TOOLS_JSON_FILE_H
#define KIN_TOOLS_JSON_FILE_H

#include "run.h"

/* Opens it, before anything starts, as nothing yet. REFUSED. */
KIN_MUST_USE kin_error *json_file_open(FILE **, const char *path);
/* Writes the outcome with the tree, which may be NULL, and closes it. 0 or the
   errno that it failed with. */
int json_file_write(FILE *, const run *, const kin_error *tree, int status);

#endif
