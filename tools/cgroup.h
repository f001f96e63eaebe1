/* cgroup.h: a control group for a run, out of which nobody forks away. */
#ifndef KIN_TOOLS_CGROUP_H
#define KIN_TOOLS_CGROUP_H

#include <stdbool.h>

/* All NULL: there is none, which is fine with all that follows. */
typedef struct cgroup {
    char *path; /* of ours */
    char *home; /* of the one that kin came from */
} cgroup;

/* Makes one below kin's own, where cgroup v2 is there and lets it. */
void cgroup_open(cgroup *);
/* Moves kin into it, and so all that it starts. Without success it is closed. */
void cgroup_enter(cgroup *);
/* Moves kin out of it. False: it is still there, and must not be killed. */
bool cgroup_leave(const cgroup *);
/* Kills all who are in the one of that path, and removes it; waits for that for a second at most. NULL is fine. */
void cgroup_end(const char *path);
void cgroup_close(cgroup *);

#endif
