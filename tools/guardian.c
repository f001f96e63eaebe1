/* guardian.c: see guardian.h.

   The two are joined by a pipe, whose writing end kin alone holds: commands do
   not inherit it. Numbers of groups go through it, negative ones for those that
   are gone; its end is the news that kin is gone. Until then the guardian does
   nothing but read.

   It is in a session of its own, with every signal blocked, so that nothing a
   terminal sends or a user types ends it before its work is done; and it holds
   no descriptor but its end of the pipe, so that nobody waits for it.

   A command announces itself before it can do anything, so none is missed. Kin
   keeps the reading end open too: were the guardian gone, a command would else
   begin with a SIGPIPE; and it never waits to be heard. */
#include "guardian.h"
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the guardian's side ------------------------------------------------- */

struct groups {
    int *list;
    size_t count, room;
};

static void add(struct groups *all, int group)
{
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 64;
        int *list = reallocarray(all->list, room, sizeof *list);
        if (!list)
            return; /* this one has its parent-death signal alone */
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = group;
}

static void take_out(struct groups *all, int group)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i] == group) {
            all->list[i] = all->list[--all->count];
            return;
        }
}

static void close_all_but(int fd)
{
    unsigned number = (unsigned)fd;
    bool done =
        syscall(SYS_close_range, number + 1, UINT_MAX, 0) == 0 &&
        (number == 0 || syscall(SYS_close_range, 0U, number - 1, 0) == 0);
    long limit = done ? 0 : sysconf(_SC_OPEN_MAX);
    for (int i = 0; i < (int)limit; i++)
        if (i != fd)
            close(i);
}

/* The words of a command line lie behind each other. Some may be NULL by now,
   but for the first and the last. */
static void rename_self(int argc, char **argv)
{
    static const char title[] = "kin-guardian";
    char *last = argv[argc - 1];
    size_t room = (size_t)(last + strlen(last) + 1 - argv[0]);
    memset(argv[0], 0, room);
    memcpy(argv[0], title, room > sizeof title ? sizeof title : room - 1);
    prctl(PR_SET_NAME, title);
}

/* 0 is the news that the control group is not to be killed. */
static void hear(struct groups *all, int news, const char **confined)
{
    if (news > 0)
        add(all, news);
    else if (news < 0)
        take_out(all, -news);
    else
        *confined = NULL;
}

_Noreturn static void guard(int line, int argc, char **argv,
                            const char *confined)
{
    struct groups all = {0};
    int news[512];
    ssize_t got;
    close_all_but(line);
    rename_self(argc, argv);
    /* Each number is written at once, and so never torn apart. */
    while ((got = TEMP_FAILURE_RETRY(read(line, news, sizeof news))) > 0)
        for (size_t i = 0; i < (size_t)got / sizeof *news; i++)
            hear(&all, news[i], &confined);
    for (size_t i = 0; i < all.count; i++)
        (void)kill(-all.list[i], SIGKILL);
    cgroup_end(confined);
    _exit(0);
}

/* --- kin's side ---------------------------------------------------------- */

int guardian_start(guardian *it, int argc, char **argv, const char *confined)
{
    int ends[2];
    sigset_t all, before;
    *it = (guardian){.line = -1};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int failure = pid < 0 ? errno : 0;
    if (pid == 0) {
        (void)setsid();
        guard(ends[0], argc, argv, confined);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    *it = (guardian){.pid = pid, .line = ends[1], .ear = ends[0]};
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    if (failure)
        guardian_end(it);
    return failure;
}

/* That the guardian is gone is no reason to stop: it is the second line. */
static void tell(const guardian *it, int number)
{
    if (it->line >= 0)
        (void)!TEMP_FAILURE_RETRY(write(it->line, &number, sizeof number));
}

void guardian_forget(const guardian *it, int group)
{
    tell(it, -group);
}

void guardian_spare_cgroup(const guardian *it)
{
    tell(it, 0);
}

void guardian_end(guardian *it)
{
    if (it->line >= 0) {
        close(it->line);
        close(it->ear);
    }
    if (it->pid > 0)
        (void)TEMP_FAILURE_RETRY(waitpid(it->pid, NULL, 0));
    *it = (guardian){.line = -1};
}
