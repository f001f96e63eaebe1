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

/* Who was asked already: once is polite. */
struct asked {
    int *list;
    size_t count, room;
};

/* Whether it was; from now on it is. */
static bool is_asked(struct asked *all, int pid)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i] == pid)
            return true;
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 16;
        int *list = reallocarray(all->list, room, sizeof *list);
        if (!list)
            return false; /* it is asked again */
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = pid;
    return false;
}

/* SIGTERM to those who were not asked, or SIGKILL to all where nobody is to be
   asked (NULL). How many there are. */
static size_t signal_children(const run *it, struct asked *asked)
{
    char path[64], word[16];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", gettid());
    FILE *list = fopen(path, "re");
    while (list && fscanf(list, "%15s", word) == 1) {
        int pid = (int)strtol(word, NULL, 10);
        if (pid <= 0 || pid == it->guardian.pid)
            continue;
        count++;
        if (!asked)
            (void)kill(pid, SIGKILL);
        else if (!is_asked(asked, pid))
            (void)kill(pid, SIGTERM);
    }
    if (list)
        (void)fclose(list);
    return count;
}

/* Until there are none, or that time. */
static bool are_gone(const run *it, kin_time until, struct asked *asked)
{
    for (;;) {
        reap(it);
        if (signal_children(it, asked) == 0)
            return true;
        if (kin_left(until) <= 0 || (it->impatient && asked))
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
    struct asked asked = {0};
    if (!are_gone(it, later(it->options.grace), &asked))
        (void)are_gone(it, later(AFTER_KILL), NULL);
    free(asked.list);
    kin_error_free(kin_scope_close(shield, NULL));
}
