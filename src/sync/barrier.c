/* sync/barrier.c: barriers. `arrived` is never less than how many wait, and more
   while some were cancelled, whom the list has lost in the same step. So it is
   made exact, by a walk over the list, only when it says that all are there. */
#include "sync/object.h"

#include <kin/barrier.h>

void kin_barrier_init_with(kin_barrier *barrier, size_t parties,
                           const kin_barrier_options *options)
{
    *barrier = (kin_barrier){.parties = parties,
                             .name = options ? options->name : NULL};
}

void kin_barrier_deinit_at(const kin_site *site, kin_barrier *barrier)
{
    kin__object_deinit(site, &barrier->waiting, "kin_barrier", barrier->name);
}

static const char *label(const kin_barrier *barrier, char text[KIN__LABEL])
{
    return kin__object_label(text, "kin_barrier", barrier->name);
}

/* Whether whoever comes now is the last. */
static bool is_complete(kin_barrier *barrier)
{
    if (barrier->arrived + 1 < barrier->parties)
        return false;
    barrier->arrived = kin_wait_list_count(&barrier->waiting);
    return barrier->arrived + 1 == barrier->parties;
}

kin_error *kin_barrier_wait_at(const kin_site *site, kin_barrier *barrier,
                               bool *last)
{
    kin__task_of(site, "kin_barrier_wait");
    kin__runtime *rt = kin__runtime_here;
    char text[KIN__LABEL];
    kin_waiter waiter;
    PASS_ON(kin__operation_begin(rt, site));
    if (!barrier)
        return kin__object_missing(site, "kin_barrier_wait");
    if (barrier->waiting.broken)
        return kin__wait_list_broken(&barrier->waiting, site);
    if (!barrier->parties)
        return kin_fail_at(site, &KIN_MISUSE, "%s is for nobody",
                           label(barrier, text));
    bool complete = is_complete(barrier);
    if (complete) {
        barrier->arrived = 0;
        kin_wait_list_wake(&barrier->waiting, SIZE_MAX);
        kin__spend(rt);
    } else {
        barrier->arrived++;
        PASS_ON(
            kin__wait_in(rt, &barrier->waiting, &waiter, "a barrier", site));
    }
    if (last)
        *last = complete;
    return NULL;
}

int kin_barrier_describe(const kin_barrier *barrier, char *text, size_t size)
{
    char called[KIN__LABEL];
    return snprintf(text, size, "%s: %zu of %zu have come",
                    label(barrier, called),
                    kin_wait_list_count(&barrier->waiting), barrier->parties);
}
