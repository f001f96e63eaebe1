/* core/interrupt.c: SIGINT and SIGTERM become a KIN_INTERRUPT, delivered once, at
   the main task's next checkpoint that no shield hides (B250).

   The handler is the run's only where nobody else has one: it counts, and wakes
   the loop. The count that was taken trails the count that has come; while the
   two differ the loop is visited at every switch and tries to deliver.

   A further SIGINT means that somebody has no more patience. If the loop cannot
   deliver it either, since the main task is shielded, waits for children that do
   not end, or has ended, the program dies of it, and says first what it was
   waiting for. When the loop itself is not reached, because a task computes, the
   handler sees that and does the same, as far as a handler can. */
#include "core/runtime.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A loop that has not looked for so long will not. */
#define STUCK KIN_MILLISECONDS(100)

enum { SIGNALS = 2 };
static const int signals[SIGNALS] = {SIGINT, SIGTERM};

/* The run that they belong to: a handler is the process's. */
static kin__runtime *interrupted;

static bool set_handler(int signo, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART | SA_ONSTACK; /* tasks' stacks are small */
    return sigaction(signo, &action, NULL) == 0;
}

static void (*handler_of(int signo))(int)
{
    struct sigaction now;
    if (sigaction(signo, NULL, &now) != 0 || (now.sa_flags & SA_SIGINFO))
        return SIG_ERR;
    return now.sa_handler;
}

/* The end that a program without a handler would have had, at once or when the
   handler returns. */
static void die_of_interrupt(void)
{
    set_handler(SIGINT, SIG_DFL);
    (void)raise(SIGINT);
}

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* there is nobody to tell */
}

/* In the handler: what is running is all that can be said. */
static void die_stuck(const kin__runtime *rt)
{
    const kin_task *task = rt->current;
    say("kin: interrupted again, and the program has not looked since: task \"");
    say(task ? task->name : "(none)");
    say("\" does not come to a checkpoint\n");
    die_of_interrupt();
}

static void handle(int signo)
{
    kin__runtime *rt = __atomic_load_n(&interrupted, __ATOMIC_ACQUIRE);
    if (!rt)
        return;
    int saved = errno;
    kin__interrupts *in = &rt->interrupts;
    if (signo == SIGINT && in->come != in->seen &&
        kin__real_now() - in->unseen_since > STUCK)
        die_stuck(rt);
    if (in->come == in->seen)
        in->unseen_since = kin__real_now();
    in->signo = signo;
    if (signo == SIGINT)
        __atomic_add_fetch(&in->impatient, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&in->come, 1, __ATOMIC_RELAXED);
    rt->attention = 1;
    rt->io->wake(rt->reactor);
    errno = saved;
}

void kin__interrupt_install(kin__runtime *rt)
{
    kin__runtime *none = NULL;
    if (!__atomic_compare_exchange_n(&interrupted, &none, rt, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return; /* another thread's run has them */
    rt->interrupts.are_ours = true;
    for (int i = 0; i < SIGNALS; i++)
        if (handler_of(signals[i]) == SIG_DFL)
            set_handler(signals[i], handle);
}

void kin__interrupt_remove(kin__runtime *rt)
{
    if (!rt->interrupts.are_ours)
        return;
    for (int i = 0; i < SIGNALS; i++)
        if (handler_of(signals[i]) == handle)
            set_handler(signals[i], SIG_DFL);
    __atomic_store_n(&interrupted, NULL, __ATOMIC_RELEASE);
}

static bool is_shielded(const kin_task *task)
{
    for (const kin_scope *s = task->scope; s; s = s->outer)
        if (s->flags & KIN__SHIELD)
            return true;
    return false;
}

static const char *signal_name(const kin__runtime *rt)
{
    return rt->interrupts.signo == SIGTERM ? "SIGTERM" : "SIGINT";
}

static kin_error *interrupt(const kin__runtime *rt, const kin_site *site)
{
    return kin_fail_code_at(site, &KIN_INTERRUPT, rt->interrupts.signo,
                            "interrupted (%s)", signal_name(rt));
}

static void taken(kin__runtime *rt)
{
    rt->interrupts.seen = rt->interrupts.taken = rt->interrupts.come;
    rt->interrupts.acted = rt->interrupts.impatient;
    rt->interrupts.refused = false;
}

kin_error *kin__interrupt_take(kin__runtime *rt, const kin_site *site)
{
    if (rt->current != rt->main || is_shielded(rt->main))
        return NULL;
    taken(rt);
    return interrupt(rt, site);
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
    kin_error *err = interrupt(rt, rt->main->at);
    taken(rt);
    kin__group_fail(rt, group, rt->main->name, err);
    kin__error_hold(&group->errors, err);
}

/* Somebody waits, and cannot be interrupted at its wait. */
static bool abort_wait(kin_task *main)
{
    kin_abort_fn *abort = main->wait->abort;
    main->wait->abort = NULL;
    return abort && abort(main->wait->context) && main->phase == KIN__PARKED;
}

static bool some_interrupt(const kin_error *list)
{
    for (; list; list = kin__error_list_next(list))
        if (kin_error_has(list, &KIN_INTERRUPT))
            return true;
    return false;
}

/* Whether it fails because of an earlier one. */
static bool is_interrupted(const kin_scope *scope)
{
    return (scope->own &&
            scope->own->cancellation.source == KIN_BY_INTERRUPT) ||
           ((scope->flags & KIN__IS_GROUP) &&
            some_interrupt(((const kin_group *)scope)->errors));
}

/* Interrupts the wait of the main task; false: it cannot be. */
static bool interrupt_wait(kin__runtime *rt, kin_task *main)
{
    kin_group *group = closing_group(main);
    kin_scope *scope = main->scope;
    bool joins = scope && (scope->flags & KIN__IS_GROUP) &&
                 kin__group_of(scope)->waiting;
    if (joins && is_interrupted(scope))
        return false; /* it has done all that it can */
    if (group) {
        fail_group(rt, group);
        return true;
    }
    if (joins) {
        /* a kin_start: it ends with its child, and takes the interrupt then */
        kin__scope_cancel(rt, scope,
                          kin__reason_from(rt, KIN_BY_INTERRUPT, main->at, NULL,
                                           NULL, "interrupted (%s)",
                                           signal_name(rt)));
        return true;
    }
    if (!abort_wait(main))
        return false;
    taken(rt);
    kin_wake(main, interrupt(rt, main->at));
    return true;
}

/* Whether the main task is on its way out because of an earlier one. */
static bool is_stopping(const kin__runtime *rt)
{
    if (!rt->root.running)
        return some_interrupt(rt->outcome);
    const kin_scope *s = rt->main->scope;
    while (s && !is_interrupted(s))
        s = s->outer;
    return s || some_interrupt(rt->main->held);
}

static void die_waiting(void)
{
    (void)fprintf(stderr, "kin: interrupted again while the program was "
                          "stopping; it waited for:\n");
    kin_dump_tasks(stderr);
    die_of_interrupt();
    _exit(128 + SIGINT); /* it is blocked */
}

/* Nobody can take what has come. The first waits until somebody can; one more, or
   one that comes while the program is stopping already, ends it. */
static void refuse(kin__runtime *rt)
{
    kin__interrupts *in = &rt->interrupts;
    if (in->impatient == in->acted)
        return;
    if (in->refused || is_stopping(rt))
        die_waiting();
    in->acted = in->impatient;
    in->refused = true;
}

void kin__interrupt_deliver(kin__runtime *rt)
{
    kin_task *main = rt->main;
    bool may = rt->root.running && !is_shielded(main);
    rt->interrupts.seen = rt->interrupts.come;
    if (may && main->phase != KIN__PARKED)
        return; /* at its next checkpoint */
    if (may && interrupt_wait(rt, main))
        rt->interrupts.acted = rt->interrupts.impatient;
    else
        refuse(rt);
}

KIN_PRINTF(4, 5)
static kin_error *interrupt_after(const kin__runtime *rt, const kin_site *site,
                                  kin_error *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err = kin_fail_va(site, outcome, &KIN_INTERRUPT,
                                 rt->interrupts.signo, format, arguments);
    va_end(arguments);
    return err;
}

/* One that came when the main task took none any more. */
kin_error *kin__interrupt_late(kin__runtime *rt, kin_error *outcome)
{
    const kin_site *site = rt->root.scope.site;
    if (!kin__interrupt_waits(rt))
        return outcome;
    if (!outcome)
        return interrupt(rt, site);
    return interrupt_after(rt, site, outcome,
                           "interrupted (%s) while the run ended",
                           signal_name(rt));
}
