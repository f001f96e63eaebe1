/* core/interrupt.c: SIGINT becomes a KIN_INTERRUPT, delivered once, at the main
   task's next checkpoint that no shield hides (B250).

   The handler is the run's only where nobody else has one: it counts, and wakes
   the loop. The count that was taken trails the count that has come; while the
   two differ the loop is visited at every switch and tries to deliver. */
#include "core/runtime.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* The run that SIGINT belongs to: there is one handler in a process. */
static kin__runtime *interrupted;

static void handle(int signal_number)
{
    (void)signal_number;
    kin__runtime *rt = __atomic_load_n(&interrupted, __ATOMIC_ACQUIRE);
    if (!rt)
        return;
    int saved = errno;
    rt->interrupts++;
    rt->attention = 1;
    rt->io->wake(rt->reactor);
    errno = saved;
}

void kin__interrupt_install(kin__runtime *rt)
{
    struct sigaction now;
    if (sigaction(SIGINT, NULL, &now) != 0 || (now.sa_flags & SA_SIGINFO) ||
        now.sa_handler != SIG_DFL)
        return;
    kin__runtime *none = NULL;
    if (!__atomic_compare_exchange_n(&interrupted, &none, rt, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return; /* another thread's run has it */
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = handle;
    ours.sa_flags = SA_RESTART | SA_ONSTACK; /* tasks' stacks are small */
    rt->handles_interrupt = sigaction(SIGINT, &ours, NULL) == 0;
    if (!rt->handles_interrupt)
        __atomic_store_n(&interrupted, NULL, __ATOMIC_RELEASE);
}

void kin__interrupt_remove(kin__runtime *rt)
{
    if (!rt->handles_interrupt)
        return;
    struct sigaction now;
    if (sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == handle) {
        now.sa_handler = SIG_DFL;
        sigaction(SIGINT, &now, NULL);
    }
    __atomic_store_n(&interrupted, NULL, __ATOMIC_RELEASE);
}

static bool is_shielded(const kin_task *task)
{
    for (const kin_scope *s = task->scope; s; s = s->outer)
        if (s->flags & KIN__SHIELD)
            return true;
    return false;
}

static kin_error *interrupt(const kin_site *site)
{
    return kin_fail_at(site, &KIN_INTERRUPT, "interrupted (SIGINT)");
}

kin_error *kin__interrupt_take(kin__runtime *rt, const kin_site *site)
{
    if (rt->current != rt->main || is_shielded(rt->main))
        return NULL;
    rt->interrupts_taken = rt->interrupts;
    return interrupt(site);
}

/* The group that the main task waits to close: it fails like its body. */
static kin_group *closing_group(const kin_task *main)
{
    kin_scope *s = main->scope;
    if (!s || !(s->flags & KIN__IS_GROUP))
        return NULL;
    kin_group *group = kin__group_of(s);
    return group->waiting && group->policy != KIN__HAND_OVER ? group : NULL;
}

static void fail_group(kin__runtime *rt, kin_group *group)
{
    kin_error *err = interrupt(rt->main->at);
    rt->interrupts_taken = rt->interrupts;
    kin__group_fail(rt, group, rt->main->name, err);
    kin__error_hold(&group->errors, err);
}

void kin__interrupt_deliver(kin__runtime *rt)
{
    kin_task *main = rt->main;
    if (!rt->root.running || main->phase != KIN__PARKED || is_shielded(main))
        return;
    kin_group *group = closing_group(main);
    if (group) {
        fail_group(rt, group);
        return;
    }
    if (main->scope && (main->scope->flags & KIN__IS_GROUP) &&
        kin__group_of(main->scope)->waiting) {
        /* a kin_start: it ends with its child, and takes the interrupt then */
        kin__scope_cancel(rt, main->scope,
                          kin__reason_from(rt, KIN_BY_INTERRUPT, main->at, NULL,
                                           NULL, "interrupted (SIGINT)"));
        return;
    }
    kin_abort_fn *abort = main->wait->abort;
    main->wait->abort = NULL;
    if (!abort || !abort(main->wait->context) || main->phase != KIN__PARKED)
        return;
    rt->interrupts_taken = rt->interrupts;
    kin_wake(main, interrupt(main->at));
}

/* One that came when the main task took none any more. */
kin_error *kin__interrupt_late(kin__runtime *rt, kin_error *outcome)
{
    if (rt->interrupts == rt->interrupts_taken)
        return outcome;
    if (!outcome)
        return interrupt(rt->root.scope.site);
    return kin_fail_from_at(rt->root.scope.site, outcome, &KIN_INTERRUPT,
                            "interrupted (SIGINT) while the run ended");
}
