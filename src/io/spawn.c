/* io/spawn.c: see spawn.h.

   The child shares our memory until it runs its program (CLONE_VM), so its cost
   does not grow with ours, and our thread stands still meanwhile (CLONE_VFORK).
   So all that allocates or takes locks happens before, here: the places to look
   for the program in, the arguments for a shell. In the child only system calls
   are made, on a stack of its own, with every signal blocked until no handler
   of ours is left that could run in our memory.

   What goes wrong in the child comes back through a pipe that the program's
   start closes; not through the shared memory, since emulators (Valgrind) make
   a fork of this.

   The descriptors of the program are 0, 1 and 2, and the one for errors where
   that is wanted; all others are marked to be closed as it starts, whoever opened
   them, in the child's own table. So KIN_ERROR_FD is left out of its environment
   unless it is right. */
#include "io/spawn.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum {
    CHILD_STACK = 32 * 1024,
    SIGNAL_SET = 8, /* bytes of the kernel's signal sets */
    SIGNALS = 64,
};

struct report {
    int stage, errnum;
};

/* What the child needs, made ready. */
struct plan {
    const kin__spawn *spawn;
    char **candidates;        /* paths to try, the last is NULL */
    const char **shell_words; /* sh, a path, the arguments, NULL */
    const char **environment;
    int report;   /* the pipe's writing end, above 3 */
    int announce; /* above 3 when the places are taken, or -1 */
    pid_t parent;
    unsigned descriptor_limit;
};

/* --- the child: system calls alone --------------------------------------- */

#define CHILD_CODE \
    __attribute__((no_sanitize("address", "undefined", "thread")))

/* Its id, before it can do anything; the negative, when nothing comes of it. */
CHILD_CODE static void announce(const struct plan *plan, int sign)
{
    int id = sign * (int)syscall(SYS_getpid);
    if (plan->announce >= 0)
        syscall(SYS_write, plan->announce, &id, sizeof id);
}

CHILD_CODE _Noreturn static void give_up(const struct plan *plan, int stage)
{
    struct report report = {stage, errno};
    announce(plan, -1);
    syscall(SYS_write, plan->report, &report, sizeof report);
    for (;;)
        syscall(SYS_exit_group, 127);
}

CHILD_CODE static void reset_signals(void)
{
    /* Zeros are the default action, whatever the layout. */
    uint64_t action[8] = {0};
    for (int signo = 1; signo <= SIGNALS; signo++)
        syscall(SYS_rt_sigaction, signo, action, NULL, SIGNAL_SET);
}

/* Where it is not in the way of what is placed. False: not possible. */
CHILD_CODE static bool move_away(int *fd)
{
    if (*fd < 0 || *fd > KIN__SPAWN_ERRORS)
        return true;
    *fd = (int)syscall(SYS_fcntl, *fd, F_DUPFD_CLOEXEC, KIN__SPAWN_ERRORS + 1);
    return *fd >= 0;
}

CHILD_CODE static bool place_descriptors(struct plan *plan)
{
    const kin__spawn *spawn = plan->spawn;
    int from[KIN__SPAWN_ERRORS + 1];
    for (int i = 0; i <= KIN__SPAWN_ERRORS; i++) {
        from[i] = i < KIN__SPAWN_ERRORS ? spawn->descriptors[i] : spawn->errors;
        if (!move_away(&from[i]))
            return false;
    }
    if (!move_away(&plan->announce))
        return false;
    for (int i = 0; i <= KIN__SPAWN_ERRORS; i++)
        if (from[i] >= 0 && syscall(SYS_dup3, from[i], i, 0) < 0)
            return false;
    return true;
}

CHILD_CODE static void close_the_others(const struct plan *plan)
{
    unsigned first = KIN__SPAWN_ERRORS + (plan->spawn->errors >= 0);
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (unsigned fd = first; fd < plan->descriptor_limit; fd++)
        syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

/* As execvp: the first that can be executed; EACCES if one was there but may
   not be, else the last reason. Returns when there is none. */
CHILD_CODE static void execute(const struct plan *plan)
{
    bool forbidden = false;
    for (char **path = plan->candidates; *path; path++) {
        syscall(SYS_execve, *path, plan->spawn->argv, plan->environment);
        if (errno == ENOEXEC) {
            plan->shell_words[1] = *path;
            syscall(SYS_execve, "/bin/sh", plan->shell_words,
                    plan->environment);
            errno = ENOEXEC;
        }
        forbidden |= errno == EACCES;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES &&
            errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT)
            return;
    }
    if (forbidden)
        errno = EACCES;
}

CHILD_CODE static int child(void *context)
{
    struct plan *plan = context;
    const kin__spawn *spawn = plan->spawn;
    uint64_t none = 0;
    if (spawn->own_group && syscall(SYS_setpgid, 0, 0) < 0)
        give_up(plan, KIN__SPAWN_GROUP);
    announce(plan, 1);
    if (spawn->dies_with_parent) {
        syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        /* It may have died before. (0: it is in another namespace.) */
        long parent = syscall(SYS_getppid);
        if (parent != 0 && parent != plan->parent)
            give_up(plan, KIN__SPAWN_PREPARE);
    }
    reset_signals();
    if (!place_descriptors(plan))
        give_up(plan, KIN__SPAWN_DESCRIPTORS);
    if (spawn->directory && syscall(SYS_chdir, spawn->directory) < 0)
        give_up(plan, KIN__SPAWN_DIRECTORY);
    close_the_others(plan);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET);
    execute(plan);
    give_up(plan, KIN__SPAWN_EXECUTE);
}

/* --- making ready -------------------------------------------------------- */

static const char *path_of(const char *const *environment)
{
    for (; *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return "/bin:/usr/bin";
}

/* One block: the pointers, then the texts. `name` has no slash. */
static char **candidates_along(const char *path, const char *name)
{
    size_t count = 1, length = strlen(name);
    for (const char *at = path; *at; at++)
        count += *at == ':';
    /* Each is a part of the path (or ".", where it is empty), "/", the name. */
    size_t size =
        (count + 1) * sizeof(char *) + strlen(path) + count * (length + 3);
    char **candidates = kin__alloc(size);
    if (!candidates)
        return NULL;
    char *text = (char *)(candidates + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t part = strcspn(path, ":");
        candidates[i] = text;
        memcpy(text, part ? path : ".", part ? part : 1);
        text += part ? part : 1;
        *text++ = '/';
        memcpy(text, name, length + 1);
        text += length + 1;
        path += part + 1;
    }
    candidates[count] = NULL;
    return candidates;
}

static char **candidates_for(const kin__spawn *spawn)
{
    const char *name = spawn->argv[0];
    if (*name && !strchr(name, '/'))
        return candidates_along(path_of(spawn->environment), name);
    char **candidates = kin__alloc(2 * sizeof *candidates);
    if (candidates) {
        candidates[0] = (char *)name;
        candidates[1] = NULL;
    }
    return candidates;
}

static const char **shell_words_for(const char *const *argv)
{
    size_t count = 0;
    while (argv[count])
        count++;
    const char **words = kin__alloc((count + 2) * sizeof *words);
    if (!words)
        return NULL;
    words[0] = "sh";
    memcpy(words + 2, argv + 1, count * sizeof *words);
    return words;
}

/* Without KIN_ERROR_FD, or with the right one. */
static const char **environment_for(const kin__spawn *spawn)
{
    static const char name[] = "KIN_ERROR_FD=";
    size_t count = 0, kept = 0;
    while (spawn->environment[count])
        count++;
    const char **copy = kin__alloc((count + 2) * sizeof *copy);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(spawn->environment[i], name, sizeof name - 1) != 0)
            copy[kept++] = spawn->environment[i];
    if (spawn->errors >= 0)
        copy[kept++] = "KIN_ERROR_FD=3";
    copy[kept] = NULL;
    return copy;
}

static int open_report(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    if (ends[1] > KIN__SPAWN_ERRORS)
        return 0;
    /* It would be overwritten. */
    int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, KIN__SPAWN_ERRORS + 1);
    int failure = moved < 0 ? errno : 0;
    close(ends[1]);
    if (failure)
        close(ends[0]);
    ends[1] = moved;
    return failure;
}

/* --- starting ------------------------------------------------------------ */

static void reap(pid_t pid)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

/* The process and its pidfd, or an errno. */
static int start(struct plan *plan, char *stack, int *pid, int *pidfd)
{
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    char *top = stack + CHILD_STACK;
    top -= (uintptr_t)top % 16;
    *pid = clone(child, top, flags | CLONE_PIDFD, plan, pidfd);
    if (*pid >= 0)
        return 0;
    if (errno != EINVAL)
        return errno;
    *pid = clone(child, top, flags, plan);
    if (*pid < 0)
        return errno;
    *pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
    if (*pidfd >= 0)
        return 0;
    int failure = errno;
    kill(*pid, SIGKILL);
    reap(*pid);
    return failure;
}

/* The same with every signal blocked, those that libc hides included. */
static int start_quietly(struct plan *plan, int *pid, int *pidfd)
{
    uint64_t all = ~UINT64_C(0), before;
    char *stack = kin__alloc(CHILD_STACK);
    if (!stack)
        return ENOMEM;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNAL_SET);
    int failure = start(plan, stack, pid, pidfd);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNAL_SET);
    kin__free(stack);
    return failure;
}

static int run(struct plan *plan, int *pid, int *pidfd, kin__spawn_stage *stage)
{
    int ends[2];
    struct report report;
    int failure = open_report(ends);
    if (failure)
        return failure;
    plan->report = ends[1];
    failure = start_quietly(plan, pid, pidfd);
    close(ends[1]);
    if (!failure && TEMP_FAILURE_RETRY(read(ends[0], &report, sizeof report)) ==
                        (ssize_t)sizeof report) {
        reap(*pid);
        close(*pidfd);
        *stage = (kin__spawn_stage)report.stage;
        failure = report.errnum;
    }
    close(ends[0]);
    return failure;
}

int kin__spawn_run(const kin__spawn *spawn, int *pid, int *pidfd,
                   kin__spawn_stage *stage)
{
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    struct plan plan = {
        .spawn = spawn,
        .candidates = candidates_for(spawn),
        .shell_words = shell_words_for(spawn->argv),
        .environment = environment_for(spawn),
        .announce = spawn->announce,
        .parent = getpid(),
        .descriptor_limit =
            limit.rlim_cur > INT32_MAX ? INT32_MAX : (unsigned)limit.rlim_cur,
    };
    *stage = KIN__SPAWN_PREPARE;
    int failure = ENOMEM;
    if (plan.candidates && plan.shell_words && plan.environment)
        failure = run(&plan, pid, pidfd, stage);
    kin__free(plan.candidates);
    kin__free(plan.shell_words);
    kin__free(plan.environment);
    return failure;
}
