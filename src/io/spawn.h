/* io/spawn.h: a new process that runs a program. */
#ifndef KIN__SPAWN_H
#define KIN__SPAWN_H

#include <stdbool.h>

enum { KIN__SPAWN_ERRORS = 3 }; /* a shell takes one digit */

/* What to start. All is borrowed. */
typedef struct kin__spawn {
    const char *const *argv;
    const char *const *environment;
    const char *directory; /* NULL: this program's */
    int descriptors[3];    /* what becomes 0, 1 and 2; -1: as it is here */
    bool own_group;        /* it leads a process group of its own */
    bool dies_with_parent; /* SIGKILL when the calling thread ends */
    int announce;          /* a descriptor that its id goes to, or -1 */
    int errors; /* what becomes KIN__SPAWN_ERRORS, which KIN_ERROR_FD in its
                   environment then names; -1: nothing does */
} kin__spawn;

/* What could not be done. */
typedef enum {
    KIN__SPAWN_PREPARE, /* nothing ran yet */
    KIN__SPAWN_DESCRIPTORS,
    KIN__SPAWN_GROUP,
    KIN__SPAWN_DIRECTORY,
    KIN__SPAWN_EXECUTE
} kin__spawn_stage;

/* 0: the program runs as *pid, which the caller has to reap, and *pidfd, which
   it has to close. Else an errno, and *stage; nothing runs and nothing is left
   open. Returns when the program runs. */
int kin__spawn_run(const kin__spawn *, int *pid, int *pidfd,
                   kin__spawn_stage *stage);

#endif
