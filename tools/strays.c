/* strays.c: see strays.h.

   Nobody tells of a child that was handed over, so they are looked for: when a
   run ends, and then every few milliseconds until there are none. One whose
   parent lives is its parent's, and kin's when that has ended; so new ones may
   turn up, and are asked to end like the others. */
#include "strays.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define BETWEEN KIN_MILLISECONDS(5)
#define AFTER_KILL KIN_SECONDS(1)

/* Those that have ended. The guardian is for others to reap. */
static void reap(const run *it)
{
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0 && info.si_pid != it->guardian.pid) {
        (void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
        info.si_pid = 0;
    }
}

/* Sends it to all of them (0: nothing); how many there are. */
static size_t signal_children(const run *it, int signo)
{
    char path[64];
    size_t count = 0;
    int pid;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", gettid());
    FILE *list = fopen(path, "re");
    while (list && fscanf(list, "%d", &pid) == 1)
        if (pid != it->guardian.pid) {
            count++;
            (void)kill(pid, signo);
        }
    if (list)
        (void)fclose(list);
    return count;
}

/* Until there are none, or that time. */
static bool are_gone(const run *it, kin_time until, int signo)
{
    size_t known = 0;
    for (;;) {
        reap(it);
        size_t count = signal_children(it, 0);
        if (count == 0)
            return true;
        /* Those of them that came only now. */
        if (count != known)
            (void)signal_children(it, signo);
        known = count;
        if (kin_left(until) <= 0 || (it->impatient && signo != SIGKILL))
            return false;
        kin_error_free(kin_sleep(BETWEEN));
    }
}

static kin_time later(kin_time length)
{
    kin_time now = kin_now();
    if (length <= 0)
        return now;
    return length > KIN_NEVER - now ? KIN_NEVER : now + length;
}

void strays_end(run *it)
{
    KIN_SCOPE(shield, .shield = true);
    if (!are_gone(it, later(it->options.grace), SIGTERM))
        (void)are_gone(it, later(AFTER_KILL), SIGKILL);
    kin_error_free(kin_scope_close(shield, NULL));
}
