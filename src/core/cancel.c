/* core/cancel.c: cancellation is a state of scopes, and this is the one place
   that walks them.

   What is stored. A scope's `own` reason says why it was cancelled itself, a
   task's likewise; both are references, set once. `effective` says why
   everything inside a scope is cancelled: the earlier of its own reason and,
   unless it is shielded, the effective reason of what is around it. Around the
   outermost scope of a task is the task (its own reason), and around that the
   scope of the group that it is a child of, with the group's `shutdown`, which
   cancels the children and not the body; around a service there is only what
   cancels it alone. A task's `cancelled` is the
   effective reason of its innermost scope. `effective` and `cancelled` are
   borrowed: the scope that owns the reason is around whoever borrows it.

   A cancellation may be in its grace (KIN__IN_GRACE, of the scope that owns the
   reason): then it is not visible inside scopes that are graceful. What is
   visible there is the firm reason. A group knows it (`firm`); for a scope it is
   found by a walk outwards to the next group. The end of the grace is the
   deadline of the scope: no second timer, and whoever asks for the effective
   deadline finds it.

   A change is carried inwards in two phases. First every scope and task that it
   reaches gets its new state; only links that this file owns are used, so that
   a hundred thousand tasks need neither recursion nor memory: a task's scopes,
   linked outwards, are turned round for the walk and back again, and groups
   whose children are still to be visited wait in a list through themselves.
   Tasks that turn out to be parked and cancelled are put in the runtime's
   `deliver` list. Only then, with every link in order, are their aborts called,
   which are other people's code and may cancel in turn: what that adds is
   appended to the same list. A task that is woken while it is in the list keeps
   its place there and goes on to the run queue from it. */
#include "core/runtime.h"

static void deliver_later(kin__runtime *rt, kin_task *task)
{
    if (task->phase != KIN__PARKED || task->delivering)
        return;
    task->delivering = true;
    task->next = NULL;
    *rt->deliver_end = task;
    rt->deliver_end = &task->next;
}

static void abort_wait(kin__runtime *rt, kin_task *task)
{
    kin__wait *wait = task->wait;
    kin_abort_fn *abort = wait->abort;
    wait->abort = NULL; /* at most once */
    if (!abort(wait->context) || task->phase != KIN__PARKED)
        return; /* refused, or it woke the task itself */
    wait->reason = kin__reason_ref(task->cancelled);
    kin__ready(rt, task);
}

static void deliver(kin__runtime *rt)
{
    if (rt->delivering)
        return; /* further out on this stack somebody does */
    kin_task *current = rt->current;
    rt->current = NULL; /* aborts are callbacks: they belong to no task */
    rt->delivering = true;
    while (rt->deliver) {
        kin_task *task = rt->deliver;
        rt->deliver = task->next;
        if (!rt->deliver)
            rt->deliver_end = &rt->deliver;
        task->delivering = false;
        if (task->phase != KIN__PARKED)
            kin__ready(rt, task); /* woken while it stood here */
        else if (task->cancelled && task->wait->abort)
            abort_wait(rt, task);
    }
    rt->delivering = false;
    rt->current = current;
}

/* Turns a chain of scopes round, from `first` outwards to `last` (NULL: all);
   returns the new first. Turning it again puts it back. */
static kin_scope *turn(kin_scope *first, kin_scope *end)
{
    kin_scope *turned = end;
    while (first != end) {
        kin_scope *next = first->outer;
        first->outer = turned;
        turned = first;
        first = next;
    }
    return turned;
}

/* The own reason of a scope, if it reaches into graceful ones. */
static kin__reason *firm_own(const kin_scope *scope)
{
    return scope->flags & KIN__IN_GRACE ? NULL : scope->own;
}

/* What reaches into graceful scopes from around a task, and from around the
   scopes of it inside `outer`. */
static kin__reason *firm_around(const kin_task *task, const kin_scope *outer)
{
    kin__reason *firm = NULL;
    for (; outer; outer = outer->outer) {
        if (outer->flags & KIN__IS_GROUP)
            return kin__reason_earlier(firm, ((kin_group *)outer)->firm);
        firm = kin__reason_earlier(firm, firm_own(outer));
        if (outer->flags & KIN__SHIELD)
            return firm;
    }
    firm = kin__reason_earlier(firm, task->own);
    if (task->service)
        return firm;
    firm = kin__reason_earlier(firm, task->group->shutdown);
    return kin__reason_earlier(firm, task->group->firm);
}

/* What a scope lets in of what is around it. */
static inline kin__reason *let_in(const kin_scope *scope, kin__reason *around,
                                  kin__reason *firm)
{
    return scope->flags & KIN__SHIELD     ? NULL
           : scope->flags & KIN__GRACEFUL ? firm
                                          : around;
}

static kin__reason *visible(const kin_scope *scope)
{
    kin__reason *around = kin__scope_outer_reason(scope), *firm = around;
    if (around && (scope->flags & KIN__GRACEFUL))
        firm = firm_around(scope->task, scope->outer);
    return let_in(scope, around, firm);
}

bool kin__scope_is_reached(const kin_scope *scope)
{
    return visible(scope) != NULL;
}

kin__reason *kin__scope_reason(const kin_scope *scope)
{
    return kin__reason_earlier(scope->own, visible(scope));
}

void kin__group_find_firm(kin_group *group)
{
    const kin_scope *scope = &group->scope;
    kin__reason *around = NULL;
    if (scope->task && !(scope->flags & KIN__SHIELD))
        around = firm_around(scope->task, scope->outer);
    group->firm = kin__reason_earlier(firm_own(scope), around);
}

/* What a group is for its children; true: that has changed. */
static bool group_changes(kin_group *group, kin__reason *now, kin__reason *firm)
{
    bool changes = now != group->scope.effective || firm != group->firm;
    group->firm = firm;
    return changes;
}

/* Recomputes a task's scopes from `from` (NULL: the outermost) inwards, and the
   task; puts the groups that changed in front of `walk`. */
static kin_group *refresh_chain(kin__runtime *rt, kin_task *task,
                                kin_scope *from, kin_group *walk)
{
    kin_scope *end = from ? from->outer : NULL;
    kin__reason *around =
        from ? kin__scope_outer_reason(from) : kin__task_base(task);
    kin__reason *firm = around ? firm_around(task, end) : NULL;
    if (task->scope != end) {
        kin_scope *outermost = turn(task->scope, end);
        for (kin_scope *s = outermost; s != end; s = s->outer) {
            kin__reason *now =
                kin__reason_earlier(s->own, let_in(s, around, firm));
            firm = s->flags & KIN__SHIELD ? NULL : firm;
            firm = kin__reason_earlier(firm_own(s), firm);
            if ((s->flags & KIN__IS_GROUP) &&
                group_changes(kin__group_of(s), now, firm)) {
                kin__group_of(s)->walk = walk;
                walk = kin__group_of(s);
            }
            s->effective = around = now;
        }
        task->scope = turn(outermost, end);
    }
    task->cancelled = around;
    if (around)
        deliver_later(rt, task);
    return walk;
}

static void refresh_groups(kin__runtime *rt, kin_group *walk)
{
    while (walk) {
        kin_group *group = walk;
        walk = group->walk;
        for (kin_task *t = group->children; t; t = t->younger)
            walk = refresh_chain(rt, t, NULL, walk);
    }
    deliver(rt);
}

void kin__scope_refresh(kin__runtime *rt, kin_scope *scope)
{
    if (scope->task) {
        refresh_groups(rt, refresh_chain(rt, scope->task, scope, NULL));
        return;
    }
    /* the run's own groups, which no task has opened */
    scope->effective = kin__group_of(scope)->firm = scope->own;
    kin__group_of(scope)->walk = NULL;
    refresh_groups(rt, kin__group_of(scope));
}

void kin__group_cancel_children(kin__runtime *rt, kin_group *group,
                                kin__reason *reason)
{
    if (group->shutdown) {
        kin__reason_unref(reason);
        return;
    }
    group->shutdown = reason;
    group->walk = NULL;
    refresh_groups(rt, group);
}

void kin__task_refresh(kin__runtime *rt, kin_task *task)
{
    refresh_groups(rt, refresh_chain(rt, task, NULL, NULL));
}

/* A scope that is cancelled before it opens may never open: until it does, the
   run answers for the reason. */
static void keep_early(kin__runtime *rt, kin__reason *reason)
{
    if (!reason->references)
        return; /* a static one */
    reason->previous = NULL;
    reason->next = rt->early;
    if (rt->early)
        rt->early->previous = reason;
    rt->early = reason;
}

void kin__reason_claim(kin__runtime *rt, kin__reason *reason)
{
    if (!reason->references)
        return;
    *(reason->previous ? &reason->previous->next : &rt->early) = reason->next;
    if (reason->next)
        reason->next->previous = reason->previous;
}

void kin__reasons_release(kin__runtime *rt)
{
    while (rt->early) {
        kin__reason *reason = rt->early;
        rt->early = reason->next;
        kin__reason_unref(reason);
    }
}

void kin__scope_forget_other_run(kin__runtime *rt, kin_scope *scope)
{
    if (!scope->own || scope->run == rt->serial)
        return;
    scope->own = NULL;
    scope->flags &= ~KIN__IN_GRACE;
}

static void become(kin__runtime *rt, kin_scope *scope, kin__reason *reason)
{
    scope->flags |= KIN__CANCEL_CALLED;
    if (scope->state != KIN__OPEN && scope->state != KIN__UNOPENED) {
        kin__reason_unref(reason);
        return;
    }
    scope->own = reason;
    scope->run = rt->serial;
    if (scope->state == KIN__UNOPENED)
        keep_early(rt, reason);
    else
        kin__scope_refresh(rt, scope);
}

/* The grace is over. */
static void become_firm(kin__runtime *rt, kin_scope *scope)
{
    scope->flags &= ~KIN__IN_GRACE;
    if (scope->state == KIN__OPEN)
        kin__scope_refresh(rt, scope);
}

void kin__scope_cancel(kin__runtime *rt, kin_scope *scope, kin__reason *reason)
{
    kin__scope_forget_other_run(rt, scope);
    if (!scope->own) {
        become(rt, scope, reason);
        return;
    }
    kin__reason_unref(reason); /* the first one stays */
    if (scope->flags & KIN__IN_GRACE)
        become_firm(rt, scope);
}

/* The end of the grace becomes the scope's deadline, if it is the earlier; where
   that is still a length, before the opening, it waits in the timer, which is not
   set yet. */
static void set_grace(kin__runtime *rt, kin_scope *scope, kin_time grace,
                      bool again)
{
    kin_time end = kin__later(kin__clock_now(&rt->clock), grace);
    if (!(scope->flags & KIN__RELATIVE)) {
        if (end < scope->deadline)
            kin_scope_set_deadline(scope, end);
    } else if (!again || end < scope->timer.when) {
        scope->timer.when = end;
    }
}

void kin__scope_cancel_gracefully(kin__runtime *rt, kin_scope *scope,
                                  kin__reason *reason, kin_time grace)
{
    kin__scope_forget_other_run(rt, scope);
    bool again = scope->own && (scope->flags & KIN__IN_GRACE);
    if (grace <= 0 || scope->state > KIN__OPEN || (scope->own && !again)) {
        kin__scope_cancel(rt, scope, reason);
        return;
    }
    if (again) {
        kin__reason_unref(reason);
    } else {
        scope->flags |= KIN__IN_GRACE;
        become(rt, scope, reason);
    }
    set_grace(rt, scope, grace, again);
}

void kin__task_cancel(kin__runtime *rt, kin_task *task, kin__reason *reason)
{
    if (task->own || task->phase == KIN__ENDED) {
        kin__reason_unref(reason);
        return;
    }
    task->own = reason;
    kin__task_refresh(rt, task);
}

static const char *task_here(const kin__runtime *rt)
{
    return rt->current ? rt->current->name : NULL;
}

kin__reason *kin__reason_requested(kin__runtime *rt, const kin_site *site,
                                   const char *format, va_list arguments)
{
    return kin__reason_new(KIN_BY_REQUEST, rt->reason_order++, site,
                           task_here(rt), NULL, format, arguments);
}

kin__reason *kin__reason_from(kin__runtime *rt, kin_cancel_source source,
                              const kin_site *site, const char *task,
                              const kin_error *behind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason = kin__reason_new(source, rt->reason_order++, site,
                                          task, behind, format, arguments);
    va_end(arguments);
    return reason;
}

kin__reason *kin__reason_here(kin__runtime *rt, kin_cancel_source source,
                              const kin_site *site, const kin_error *behind,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason =
        kin__reason_new(source, rt->reason_order++, site, task_here(rt), behind,
                        format, arguments);
    va_end(arguments);
    return reason;
}
