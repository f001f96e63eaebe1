/* core/task.c: a task from the first call of its function to its end, and what
   others may ask of it.

   At its end a task answers for five things, in this order: the generators and
   contexts that are suspended in it, the scopes it has left open, its other
   duties (locks and the like that it did not let go of; the C frames of all
   these are gone, but nothing has overwritten them yet), the errors it holds and
   did not return, and its outcome. Only then is it gone: its group may free
   it. */
#include "core/runtime.h"

#include <string.h>

#include "base/alloc.h"

/* The end. */

/* Adds what the task forgot to what it returned. */
kin_error *kin__task_sweep(kin__runtime *rt, kin_task *task, kin_error *outcome)
{
    kin_error *all = NULL, *err;
    if (outcome)
        kin__error_hold(&all, outcome);
    while ((err = kin__error_list_take(&task->held))) {
        kin__error_keep_dropped(&rt->dropped, err, task->name);
        kin__error_hold(&all, err);
    }
    char message[128];
    snprintf(message, sizeof message, "task \"%s\" ended while it held errors",
             task->name);
    return kin__error_group_of_list(task->site, message, &all);
}

static bool is_orphan(const kin_task *task)
{
    const kin__reason *why = task->cancelled;
    return why && why->cancellation.source == KIN_BY_MISNESTING &&
           (task->group->scope.flags & KIN__ORPHANS);
}

/* A task that was abandoned ends with a KIN_MISUSE, caused by its
   KIN_CANCELLED (B124). */
static kin_error *blame(kin_task *task, kin_error *outcome)
{
    return kin_fail_from_at(
        task->site, outcome, &KIN_MISUSE,
        "task \"%s\" was cancelled because a scope around its group \"%s\" was "
        "closed while the group was open",
        task->name, kin_group_name(task->group));
}

/* Whether the task itself is the outermost thing that is cancelled, and so what
   absorbs. */
static bool absorbs(const kin_task *task)
{
    if (task->service)
        return task->own != NULL;
    return (task->own || task->group->shutdown) &&
           !task->group->scope.effective;
}

static kin_error *settle(kin__runtime *rt, kin_task *task, kin_error *outcome)
{
    if (outcome)
        kin__error_unhold(outcome);
    if (__builtin_expect(task->held != NULL, 0))
        outcome = kin__task_sweep(rt, task, outcome);
    if (!outcome) {
        task->outcome = KIN_TASK_SUCCEEDED;
        return NULL;
    }
    bool cancelled = kin__error_only(outcome, &KIN_CANCELLED);
    task->outcome = cancelled ? KIN_TASK_CANCELLED : KIN_TASK_FAILED;
    if (absorbs(task)) {
        bool caught;
        return kin__error_strip(outcome, &KIN_CANCELLED, &caught);
    }
    return cancelled && is_orphan(task) ? blame(task, outcome) : outcome;
}

/* What was made on its behalf since the sweep. */
static __attribute__((noinline)) void
report_late(kin__runtime *rt, kin_task *task, const kin_group *group)
{
    while (task->held)
        kin__unhandled(rt, kin__error_list_take(&task->held), task->name, group,
                       kin__phase_of(rt, group));
}

static __attribute__((noinline)) void forget_values(kin_task *task)
{
    kin__values *values = task->values;
    task->values = NULL;
    kin__values_unref(values);
}

/* How it ended, since they will not look at it any more. */
static __attribute__((noinline)) void tell_joiners(kin_task *task)
{
    while (task->joiners.first) {
        task->joiners.first->data = (void *)(uintptr_t)task->outcome;
        kin_wait_list_wake_one(&task->joiners, NULL);
    }
}

void kin__task_end(kin_task *task, kin_error *outcome)
{
    kin__runtime *rt = kin__runtime_here;
    kin_group *group = task->group;
    outcome = settle(rt, task, outcome);
    task->result = NULL;
    if (group->policy == KIN__HAND_OVER)
        kin__starter_ended(rt, group, task, outcome);
    else if (group->policy >= KIN__GATHER)
        kin__job_ended(rt, group, task, outcome);
    else if (outcome || group->policy == KIN_ANY)
        kin__group_child_ended(rt, group, task, outcome);
    if (__builtin_expect(task->held != NULL, 0))
        report_late(rt, task, group);
    task->phase = KIN__ENDED;
    if (__builtin_expect(task->copied, 0))
        task->arg = NULL; /* it was on the stack that goes now */
    if (task->joiners.first)
        tell_joiners(task);
    if (__builtin_expect(task->values != NULL, 0))
        forget_values(task);
    task->cancelled = NULL;
    if (task->own)
        kin__reason_unref(task->own);
    task->own = NULL;
    task->stack = NULL;
    rt->tasks--;
    kin__group_child_gone(rt, task->group, task);
}

__attribute__((noinline)) void
kin__scopes_leave(kin_task *task, const kin_scope *until, const char *how)
{
    const kin_scope *s = task->scope;
    while (s && s != until)
        s = s->outer;
    if (s != until)
        return; /* it is closed: nothing tells which would be inside */
    while (task->scope != until)
        kin__scope_leave(kin__runtime_here, task->scope, how);
}

/* The latest of its duties, or of those that are suspended. */
static kin__duty *latest(const kin_task *task, bool suspended)
{
    kin__duty *duty = task->duties;
    while (duty && suspended && !duty->suspended)
        duty = duty->next;
    return duty;
}

/* The handler may wait, and errors that it makes are the task's. */
static void neglect(kin_task *task, bool suspended)
{
    kin__duty *duty;
    while ((duty = latest(task, suspended))) {
        kin__duty_end(duty);
        duty->neglected(duty, task);
    }
}

void kin__duties_neglect(kin_task *task, char *here, size_t size)
{
    kin__duty *duty;
    while ((duty = kin__duty_below(task, here, size))) {
        kin__duty_end(duty);
        duty->neglected(duty, task);
    }
}

/* What it left open and did not let go of. First what still has code to run,
   such as a generator, and lets go of its own scopes and locks. */
static __attribute__((noinline)) void
let_go(kin_task *task, const kin_scope *until, const char *how)
{
    neglect(task, true);
    kin__scopes_leave(task, until, how);
    neglect(task, true); /* which a cleanup may have left */
    neglect(task, false);
}

/* The beginning. */

static void move_copy(kin_task *task, void *here)
{
    memcpy(here, task->arg, task->copy);
    kin__free(task->arg);
    task->arg = here;
}

static kin_error *unborn(kin_task *task)
{
    if (task->copied)
        kin__free(task->arg);
    if (task->restarts)
        kin__free(task->plan);
    return kin_fail_at(task->site, &KIN_NO_MEMORY,
                       "no memory for a stack of task \"%s\"", task->name);
}

static inline __attribute__((always_inline)) void mend(kin_task *task)
{
    if (__builtin_expect(task->scope || task->duties, 0))
        kin__mend_returned(let_go, task, NULL, task->stack_size,
                           "as its task's function returned");
}

kin_error *kin__task_attempt(kin_task *task)
{
    kin_error *outcome = task->fn(task->arg);
    mend(task);
    return outcome;
}

void kin__task_run(kin_task *task)
{
    kin_error *outcome;
    if (__builtin_expect(task->copied && !task->unborn, 0))
        move_copy(task, __builtin_alloca_with_align(task->copy, 256));
    if (__builtin_expect(task->unborn, 0))
        outcome = unborn(task);
    else if (__builtin_expect(task->restarts, 0))
        outcome = kin__restarts_run(kin__runtime_here, task);
    else
        outcome = task->fn(task->arg);
    mend(task);
    kin__task_end(task, outcome);
}

/* What others may ask. */

kin_task *kin_task_self(void)
{
    return kin__runtime_here ? kin__runtime_here->current : NULL;
}

/* kin_group_next says with NULL that there is no task left: asking about that one
   is held against who asks, and answered. */
static bool is_task(const kin_task *task, const char *what)
{
    if (!task)
        kin__misuse(NULL, "%s of NULL: there is no such task", what);
    return task;
}

const char *kin_task_name(const kin_task *task)
{
    return is_task(task, "kin_task_name") ? task->name : "(no task)";
}

kin_task_state kin_task_status(const kin_task *task)
{
    if (!is_task(task, "kin_task_status"))
        return KIN_TASK_PENDING;
    if (task->phase == KIN__ENDED)
        return task->outcome;
    return task->stack ? KIN_TASK_RUNNING : KIN_TASK_PENDING;
}

void *kin_task_arg(const kin_task *task)
{
    return is_task(task, "kin_task_arg") ? task->arg : NULL;
}

const kin_site *kin_task_site(const kin_task *task)
{
    return task->site;
}

kin_group *kin_task_group(const kin_task *task)
{
    return task->group;
}

void kin_task_each_group(const kin_task *task, kin_group_visit *visit,
                         void *context)
{
    kin_scope *end = NULL; /* outermost first: each time one further in */
    while (task->scope != end) {
        kin_scope *s = task->scope, *outermost = NULL;
        for (; s != end; s = s->outer)
            outermost = s;
        if ((outermost->flags & KIN__IS_GROUP) &&
            !visit(kin__group_of(outermost), context))
            return;
        end = outermost;
    }
}

kin_error *kin_task_join_at(const kin_site *site, kin_task *task)
{
    kin_task *self = kin__task_of(site, "kin_task_join");
    if (!task)
        return kin_fail_at(site, &KIN_MISUSE, "kin_task_join of NULL");
    if (task == self)
        return kin_fail_at(site, &KIN_MISUSE,
                           "task \"%s\" joins itself and would wait for ever",
                           task->name);
    if (task->phase == KIN__ENDED)
        return kin_pass_at(site);
    kin_waiter waiter; /* and once woken, no look at the task: it is gone */
    return kin_wait_on_at(site, &task->joiners, &waiter, "a task to end");
}

kin_error *kin_task_cancel_and_wait_at(const kin_site *site, kin_task *task,
                                       kin_task_state *state,
                                       const char *format, ...)
{
    kin_task *self = kin__task_of(site, "kin_task_cancel_and_wait");
    if (!task || task == self)
        return kin_fail_at(site, &KIN_MISUSE, "kin_task_cancel_and_wait of %s",
                           task ? "the calling task: it would wait for ever"
                                : "NULL");
    if (task->phase == KIN__ENDED) {
        PASS_ON(kin_pass_at(site));
        if (state)
            *state = task->outcome;
        return NULL;
    }
    va_list arguments;
    va_start(arguments, format);
    kin__task_cancel(
        kin__runtime_here, task,
        kin__reason_requested(kin__runtime_here, site, format, arguments));
    va_end(arguments);
    kin_waiter waiter;
    PASS_ON(kin_wait_on_at(site, &task->joiners, &waiter,
                           "a cancelled task to end"));
    if (state)
        *state = (kin_task_state)(uintptr_t)waiter.data;
    return NULL;
}

kin_error *kin_task_take_error_at(const kin_site *site, kin_task *task)
{
    kin_task *self = kin__task_of(site, "kin_task_take_error");
    if (!task)
        return kin_fail_at(site, &KIN_MISUSE, "kin_task_take_error of NULL");
    if (task->phase != KIN__ENDED)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_task_take_error: task \"%s\" has not ended",
                           task->name);
    kin_error *err = task->result;
    if (!err || task->group->scope.state != KIN__OPEN)
        return NULL; /* in the close it is on_error's */
    task->result = NULL;
    kin__error_hold(&self->held, err);
    kin__group_used_up(kin__runtime_here, task->group, task);
    return err;
}

void kin_task_cancel_at(const kin_site *site, kin_task *task,
                        const char *format, ...)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_task_cancel");
    if (!task) {
        kin__misuse(site, "kin_task_cancel of NULL");
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason = kin__reason_requested(rt, site, format, arguments);
    va_end(arguments);
    kin__task_cancel(rt, task, reason);
}
