/* cgroup.c: see cgroup.h.

   Process groups can be left, by setsid; a control group cannot. It is the one
   means to find who forked away when kin is dead: the guardian kills what is in
   it. It is below the one that kin was started in, so that all limits go on to
   hold, and empty of settings. Whoever may not make one (a container, a session
   that is not the user's) does without. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100, PAUSE_NS = 10000000, DEEPEST = 16 };

/* --- where it is --------------------------------------------------------- */

/* The line of cgroup v2 is "0::/path". */
static bool own_path(char path[PATH_MAX])
{
    char line[PATH_MAX + 8];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::/", 4) == 0 && strlen(line) < PATH_MAX;
    }
    if (file)
        (void)fclose(file);
    if (found)
        memcpy(path, line + 3, strlen(line + 3) + 1);
    return found;
}

/* Where the whole of it is mounted: "ID PARENT MAJOR:MINOR / POINT ... - cgroup2
   ..."; a point with blanks in it is passed over. */
static bool mount_point(char point[PATH_MAX])
{
    char line[2 * PATH_MAX], root[PATH_MAX];
    bool found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = strstr(line, " - cgroup2 ") &&
                sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) == 2 &&
                strcmp(root, "/") == 0 && !strchr(point, '\\');
    if (file)
        (void)fclose(file);
    return found;
}

static char *join(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static bool has(const char *folder, const char *name)
{
    char *path = join(folder, name);
    bool there = path && access(path, W_OK) == 0;
    free(path);
    return there;
}

void cgroup_close(cgroup *it)
{
    free(it->path);
    free(it->home);
    *it = (cgroup){0};
}

void cgroup_open(cgroup *it)
{
    char own[PATH_MAX], point[PATH_MAX], name[32];
    *it = (cgroup){0};
    if (!own_path(own) || !mount_point(point))
        return;
    (void)snprintf(name, sizeof name, "kin-run-%d", (int)getpid());
    it->home = join(point, own + 1);
    it->path = it->home ? join(it->home, name) : NULL;
    if (it->path && mkdir(it->path, 0755) == 0) {
        if (has(it->path, "cgroup.kill"))
            return;
        (void)rmdir(it->path);
    }
    cgroup_close(it);
}

/* --- who is in it -------------------------------------------------------- */

static bool write_to(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = length < (int)sizeof path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;
    if (fd >= 0)
        close(fd);
    return done;
}

void cgroup_enter(cgroup *it)
{
    if (!it->path || write_to(it->path, "cgroup.procs", "0"))
        return;
    (void)rmdir(it->path);
    cgroup_close(it);
}

bool cgroup_leave(const cgroup *it)
{
    return !it->path || write_to(it->home, "cgroup.procs", "0");
}

/* Those of a kin run within this one, whose guardian was killed along. */
static void remove_below(const char *path, int depth)
{
    char below[PATH_MAX];
    DIR *folder = depth < DEEPEST ? opendir(path) : NULL;
    struct dirent *entry;
    // cppcheck-suppress readdirCalled ; nobody else reads that directory stream
    while (folder && (entry = readdir(folder))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int length =
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (length >= (int)sizeof below)
            continue;
        remove_below(below, depth + 1);
        (void)rmdir(below);
    }
    if (folder)
        closedir(folder);
}

void cgroup_end(const char *path)
{
    const struct timespec pause = {0, PAUSE_NS};
    if (!path)
        return;
    /* Nobody is in it as a rule. */
    for (int i = 0; i < TRIES && rmdir(path) < 0 && errno == EBUSY; i++) {
        (void)write_to(path, "cgroup.kill", "1");
        (void)nanosleep(&pause, NULL);
        remove_below(path, 0);
    }
}
