/* lookup.h: whether a command can be executed, before it is. */
#ifndef KIN_TOOLS_LOOKUP_H
#define KIN_TOOLS_LOOKUP_H

/* Looks for it as execvp does: along the PATH, or where it says if there is a
   slash in it. 0, or the errno that executing it would fail with: ENOENT when
   there is none, EACCES when what is there is not executable, EISDIR when it is
   a directory. */
int lookup(const char *name);

#endif
