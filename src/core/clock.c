/* core/clock.c: the run's clock: the monotonic one, or a virtual one that
   stands still while anybody can run and jumps when everybody waits.

   A virtual clock shows base + (real time since real_base) * rate; the rate is
   0 unless a test sets one. It starts at 1,000 s, so that no point of time is
   mistaken for "not set". */
#include "core/runtime.h"

#include <kin/testing.h>
#include <math.h>
#include <time.h>

kin_time kin__real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (kin_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

void kin__clock_start(kin__clock *clock, kin_clock kind)
{
    *clock = (kin__clock){
        .is_virtual = kind == KIN_CLOCK_VIRTUAL,
        .base = KIN_SECONDS(1000),
        .real_base = kin__real_now(),
    };
}

kin_time kin__later(kin_time now, kin_time length)
{
    kin_time sum;
    if (length == KIN_NEVER || __builtin_add_overflow(now, length, &sum))
        return length < 0 ? INT64_MIN + 1 : KIN_NEVER;
    return sum;
}

kin_time kin__clock_now(const kin__clock *clock)
{
    if (!clock->is_virtual)
        return kin__real_now();
    if (clock->rate == 0)
        return clock->base;
    double passed = (double)(kin__real_now() - clock->real_base) * clock->rate;
    return passed >= 9e18 ? KIN_NEVER
                          : kin__later(clock->base, (kin_time)passed);
}

kin_time kin__clock_wait(const kin__clock *clock, kin_time when)
{
    if (when == KIN_NEVER)
        return KIN_NEVER;
    kin_time left = when - kin__clock_now(clock);
    if (left <= 0)
        return 0;
    if (!clock->is_virtual)
        return left;
    double real = clock->rate > 0 ? (double)left / clock->rate : 1e30;
    return real >= 9e18 ? KIN_NEVER : (kin_time)real + 1;
}

kin_time kin_now(void)
{
    kin__runtime *rt = kin__runtime_here;
    return rt ? kin__clock_now(&rt->clock) : kin__real_now();
}

kin_time kin_left(kin_time until)
{
    if (until == KIN_NEVER)
        return KIN_NEVER;
    kin_time now = kin_now();
    if (until <= now)
        return KIN_AT_ONCE;
    kin_time left;
    return __builtin_sub_overflow(until, now, &left) ? KIN_NEVER : left;
}

/* The virtual clock, for tests. */

static kin_error *virtual_clock(const kin_site *site, kin__runtime **rt)
{
    *rt = kin__runtime_of(site, "the virtual clock");
    if (!(*rt)->clock.is_virtual)
        return kin_fail_at(site, &KIN_MISUSE,
                           "this run has the system clock: open it with "
                           ".clock = KIN_CLOCK_VIRTUAL");
    return NULL;
}

static void rebase(kin__clock *clock)
{
    clock->base = kin__clock_now(clock);
    clock->real_base = kin__real_now();
}

kin_error *kin_clock_jump_at(const kin_site *site, kin_time length)
{
    kin__runtime *rt;
    PASS_ON(virtual_clock(site, &rt));
    if (length < 0)
        return kin_fail_at(site, &KIN_MISUSE,
                           "time does not go backwards: kin_clock_jump of "
                           "%lld ns",
                           (long long)length);
    rebase(&rt->clock);
    rt->clock.base = kin__later(rt->clock.base, length);
    kin__timers_fire(rt, kin__clock_now(&rt->clock));
    return NULL;
}

kin_error *kin_clock_set_rate_at(const kin_site *site, double rate)
{
    kin__runtime *rt;
    PASS_ON(virtual_clock(site, &rt));
    if (!(rate >= 0) || isinf(rate))
        return kin_fail_at(site, &KIN_MISUSE,
                           "a clock cannot run at the rate %g", rate);
    rebase(&rt->clock);
    rt->clock.rate = rate;
    return NULL;
}

kin_error *kin_clock_set_autojump_at(const kin_site *site, kin_time threshold)
{
    kin__runtime *rt;
    PASS_ON(virtual_clock(site, &rt));
    rt->clock.autojump = threshold < 0 ? 0 : threshold;
    return NULL;
}

/* Waiting until everybody else waits. */

static bool forget_idler(void *context)
{
    kin__idler *idler = context;
    kin__idler **at = &kin__runtime_here->idlers;
    while (*at && *at != idler)
        at = &(*at)->next;
    if (*at)
        *at = idler->next;
    return true;
}

kin_error *kin_wait_all_tasks_blocked_at(const kin_site *site, kin_time cushion)
{
    kin__idler idler = {
        .cushion = cushion,
        .task = kin__task_of(site, "kin_wait_all_tasks_blocked"),
    };
    kin__idler **at = &kin__runtime_here->idlers;
    PASS_ON(kin__cancel_point(kin__runtime_here, site));
    while (*at && (*at)->cushion <= cushion)
        at = &(*at)->next;
    idler.next = *at;
    *at = &idler;
    kin_error *err =
        kin_park_at(site, forget_idler, &idler, "all tasks to wait");
    forget_idler(&idler); /* it failed early, or somebody else woke it */
    return err;
}

/* Ends the waits with the smallest cushion. */
bool kin__idlers_wake(kin__runtime *rt)
{
    kin__idler *first = rt->idlers;
    if (!first)
        return false;
    kin_time cushion = first->cushion;
    while (rt->idlers && rt->idlers->cushion == cushion) {
        kin__idler *idler = rt->idlers;
        rt->idlers = idler->next;
        kin_wake(idler->task, NULL);
    }
    return true;
}
