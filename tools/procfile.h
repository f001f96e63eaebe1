/* procfile.h: files of commands: `name: shell command` a line. */
#ifndef KIN_TOOLS_PROCFILE_H
#define KIN_TOOLS_PROCFILE_H

#include "command.h"

/* Adds the commands of a file. Its path is borrowed by them. Fails with a
   REFUSED that names the file, and the line where it is one's. */
KIN_MUST_USE kin_error *procfile_read(const char *path, commands *);

#endif
