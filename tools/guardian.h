/* guardian.h: what ends the commands when kin cannot any more. */
#ifndef KIN_TOOLS_GUARDIAN_H
#define KIN_TOOLS_GUARDIAN_H

/* A process of its own, which is told of process groups as they come and go,
   and kills those that are left when its teller has gone, however it went. */
typedef struct guardian {
    int pid;  /* 0: there is none */
    int line; /* to tell it by; -1 */
    int ear;  /* the other end of that */
} guardian;

/* Forks, so it is for the time before there are threads or runs. argc and argv
   are the program's own, from main: the guardian writes its name there, so that
   a listing of processes does not show a second kin. `confined` is the path of a
   control group, or NULL: who is in that is killed as well. 0 or an errno. */
int guardian_start(guardian *, int argc, char **argv, const char *confined);
/* This group is gone. New ones announce themselves: each sends the number of
   its leader, an int, over the line before that runs. */
void guardian_forget(const guardian *, int group);
/* Kin is still in the control group: it is to be left alone. */
void guardian_spare_cgroup(const guardian *);
/* Lets it go, and waits until it is gone. What it watches still is killed. */
void guardian_end(guardian *);

#endif
