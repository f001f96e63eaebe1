/* io/process_group.c: whether a process group has a living member.

   kill(-group, 0) says that it has members, but ones that ended and that nobody
   has reaped count there. An orphan is reaped by whoever inherited it, which in
   a container may take seconds, or never happen; so when the kernel says yes,
   /proc is asked who they are. That is done rarely: only for a group whose
   leader has ended and left somebody behind. */
#include "io/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "PID (NAME) STATE PARENT GROUP ...", in which the name may be anything. */
static bool is_living_member(int proc, const char *pid, int group)
{
    char path[32], line[512];
    (void)snprintf(path, sizeof path, "%.20s/stat", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    line[got > 0 ? got : 0] = '\0';
    const char *after = strrchr(line, ')');
    if (!after || strlen(after) < 4)
        return false;
    char state = after[2], *end;
    (void)strtol(after + 3, &end, 10);
    return strtol(end, NULL, 10) == group && state != 'Z' && state != 'X';
}

/* As the kernel hands out a directory: no memory is needed. */
static bool scan(int proc, int group)
{
    _Alignas(struct dirent64) char buffer[2048];
    long got;
    while ((got = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < got;) {
            const struct dirent64 *entry =
                (const struct dirent64 *)(const void *)(buffer + at);
            bool is_process =
                entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
            if (is_process && is_living_member(proc, entry->d_name, group))
                return true;
            at += entry->d_reclen;
        }
    return false;
}

bool kin__process_group_lives(int group)
{
    if (kill(-group, 0) < 0)
        return false;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return true;
    /* Without a /proc of processes the kernel's word has to do. */
    bool lives = faccessat(proc, "self/stat", R_OK, 0) < 0 || scan(proc, group);
    close(proc);
    return lives;
}
