/* core/group.c: groups: opening, waiting for the children, and what comes out.

   A group is its owner's memory and begins with a scope, which is linked into
   the opener's task as any scope is; so whatever cancels that scope reaches the
   children. While children live they stand in `children`, and the group does
   not close. The errors that will come out stand in `errors`, in the order of
   failure, held by the group and by nobody else.

   Who waits for whom: the opener parks in join, uncancellably, with `waiting`
   set, and the child that brings `running` and `starting` to 0 wakes it; it looks
   again, since before its turn comes another child may have been spawned. Those
   in kin_group_next stand in `waiters` and are handed a child that has ended;
   those in kin_group_shutdown stand in `end_waiters` and are woken with the last
   one. Neither looks at the group once it is woken: by then it may be gone.

   With .keep, children that have ended stand in `ended` until kin_group_next
   moves them to `handed_out`, where each belongs to the task that asked for it
   until that asks again. What is still there at the close goes with it.

   Services are children that the others can rely on: no cancellation reaches
   them while one of the others lives. When the body has ended and nobody but
   services is left, they are cancelled one at a time, the latest first, by
   kin__group_dismiss_services, each when the one after it has ended. They count
   in `running`, and in `services` besides.

   What a policy does is in two places: kin__group_child_ended and supervised
   while children end, and outcome_of_any and outcome_of_each at the close. */
#include "core/runtime.h"

static bool ends_all(const kin_error *err)
{
    return kin_error_has(err, &KIN_EXIT) || kin_error_has(err, &KIN_INTERRUPT);
}

/* Opening. */

void kin__group_setup(kin_group *group, const kin_site *site,
                      const kin_group_options *options)
{
    kin__scope_prepare(&group->scope, site);
    group->scope.flags = KIN__IS_GROUP;
    group->policy = KIN_ALL;
    group->keep = group->shut = group->succeeded = group->waiting = false;
    group->values_at_opening = group->fatal = false;
    group->had_child = group->has_cancelled = group->lost = false;
    group->running = group->active = group->limit = group->starting = 0;
    group->cancelled = group->services = 0;
    group->children = group->last_child = NULL;
    group->pending = group->last_pending = NULL;
    group->ended = group->last_ended = group->handed_out = NULL;
    group->errors = NULL;
    group->on_error = NULL;
    group->context = NULL;
    group->waiters = group->end_waiters = (kin_wait_list){NULL, NULL};
    group->shutdown = group->firm = NULL;
    group->grace.back = NULL;
    group->values = NULL;
    if (!options)
        return;
    group->policy = options->policy;
    group->scope.name = options->name;
    group->limit = options->limit;
    group->keep = options->keep;
    group->on_error = options->on_error;
    group->context = options->context;
    group->values_at_opening = options->values_at_opening;
}

static void enter(kin__runtime *rt, kin_task *task, kin_group *group)
{
    group->run = rt;
    if (group->values_at_opening)
        group->values = kin__values_ref(task->values);
    kin__scope_enter(rt, task, &group->scope);
    if (__builtin_expect(group->scope.effective != NULL, 0))
        kin__group_find_firm(group);
}

kin_group *kin_group_begin_at(const kin_site *site, kin_group *group,
                              const kin_group_options *options)
{
    kin_task *task = kin__task_of(site, "opening a group");
    kin__group_setup(group, site, options);
    enter(kin__runtime_here, task, group);
    return group;
}

void kin_group_init_at(const kin_site *site, kin_group *group,
                       const kin_group_options *options)
{
    if (!group) {
        kin__misuse(site, "kin_group_init of NULL");
        return;
    }
    kin__group_setup(group, site, options);
}

void kin_group_open_at(const kin_site *site, kin_group *group)
{
    kin_task *task = kin__task_of(site, "kin_group_open");
    if (group && group->scope.tag == KIN__SCOPE_TAG &&
        group->scope.state == KIN__UNOPENED)
        enter(kin__runtime_here, task, group);
    else
        kin_scope_open_at(site, (kin_scope *)group); /* says what is wrong */
}

/* Children. */

/* A place of the limit is free: whoever has waited longest takes it. */
void kin__group_next_turn(kin__runtime *rt, kin_group *group)
{
    while (group->pending && group->active < group->limit) {
        kin_task *task = group->pending;
        group->pending = task->next;
        if (!group->pending)
            group->last_pending = NULL;
        group->active++;
        kin__ready(rt, task);
        task->phase = KIN__PENDING;
    }
}

static kin__reason *failure(kin__runtime *rt, const char *task, kin_error *err)
{
    bool interrupt = kin_error_has(err, &KIN_INTERRUPT);
    return kin__reason_from(
        rt, interrupt ? KIN_BY_INTERRUPT : KIN_BY_GROUP, kin_error_site(err),
        task, err, "task \"%s\" failed: %s", task, kin_error_message(err));
}

/* The first failure, or with KIN_ANY the first success, cancels the rest. One
   that only says that it was cancelled from around the group tells the others
   nothing new: those that have a grace keep it. */
void kin__group_fail(kin__runtime *rt, kin_group *group, const char *task,
                     kin_error *err)
{
    kin_scope *scope = &group->scope;
    if (scope->own && !(scope->flags & KIN__IN_GRACE))
        return;
    if (scope->effective && !group->firm &&
        kin__error_only(err, &KIN_CANCELLED))
        kin__scope_cancel_gracefully(rt, scope, failure(rt, task, err),
                                     KIN_NEVER);
    else
        kin__scope_cancel(rt, scope, failure(rt, task, err));
}

void kin__group_succeed(kin__runtime *rt, kin_group *group, kin_task *task)
{
    group->succeeded = true;
    kin__scope_cancel(rt, &group->scope,
                      kin__reason_here(rt, KIN_BY_GROUP, task->site, NULL,
                                       "task \"%s\" succeeded", task->name));
}

/* Told now, kept never. The name is read first: on_error may outlive it. */
void kin__group_report(kin__runtime *rt, kin_group *group, kin_task *task,
                       kin_error *err, kin_phase phase)
{
    const char *name = task ? task->name : kin_error_task(err);
    if (group->on_error && task && rt->current) {
        KIN_SCOPE(shield, .shield = true, .name = "on_error");
        err = group->on_error(kin_error_give(err), task, group->context);
        err = kin_scope_close(shield, err);
    }
    if (err)
        kin__unhandled(rt, err, name, group, phase);
    while (task && task == rt->current && task->held) /* forgotten by it */
        kin__unhandled(rt, kin__error_list_take(&task->held), name, group,
                       phase);
}

static void report(kin__runtime *rt, kin_group *group, kin_task *task,
                   kin_error *err)
{
    kin__group_report(rt, group, task, err, kin__phase_of(rt, group));
}

/* One KIN_CANCELLED stands for all in what holds nothing else (B53). */
static kin_error *collapse(kin_error *err)
{
    if (!err || !kin__error_is_group(err) ||
        !kin__error_only(err, &KIN_CANCELLED))
        return err;
    const kin_error *leaf = err;
    while (kin__error_is_group(leaf))
        leaf = kin_error_member(leaf, 0);
    kin_error *one = kin_error_ref(leaf);
    kin_error_free(err);
    return one;
}

/* Takes the KIN_CANCELLED out of it, of which the first is kept. */
kin_error *kin__group_keep_one_cancelled(kin_group *group, kin_error *err)
{
    if (!kin_error_has(err, &KIN_CANCELLED))
        return err;
    kin_error *rest, *part = kin_error_split(err, &KIN_CANCELLED, &rest);
    if (group->has_cancelled)
        kin_error_free(part);
    else
        kin__error_hold(&group->errors, collapse(part));
    group->has_cancelled = true;
    return rest;
}

/* What ends the supervisor and comes out of it. */
static void end_with(kin__runtime *rt, kin_group *group, const char *task,
                     kin_error *final)
{
    kin__group_fail(rt, group, task, final);
    if (group == &rt->background) /* the run's own: it ends the run */
        kin__scope_cancel(rt, &rt->root.scope,
                          kin__reason_ref(group->scope.own));
    kin__error_hold(&group->errors, final);
}

/* Takes that out of it: an exit or an interrupt, or all of it when a child's
   restarts are used up. */
static kin_error *keep_final(kin__runtime *rt, kin_group *group, kin_task *task,
                             kin_error *err)
{
    if (err && task->fatal) {
        end_with(rt, group, task->name, err);
        return NULL;
    }
    if (!err || !ends_all(err))
        return err;
    kin_error *rest, *exit = kin_error_split(err, &KIN_EXIT, &rest);
    kin_error *interrupt = kin_error_split(rest, &KIN_INTERRUPT, &rest);
    end_with(rt, group, task->name, kin_error_combine(exit, interrupt));
    return rest;
}

static void supervised(kin__runtime *rt, kin_group *group, kin_task *task,
                       kin_error *err)
{
    err = kin__group_keep_one_cancelled(group, err);
    err = keep_final(rt, group, task, err);
    if (err && group->keep && task->group == group) {
        task->result = err;
        kin__error_hold(&group->errors, err);
    } else if (err) {
        report(rt, group, task, err);
    }
}

/* The close decides who absorbs the KIN_CANCELLED that the group's own
   cancellation made (C1), so they are kept until then; but not more than anybody
   could want to look at: a hundred thousand would only be memory. */
enum { CANCELLED_KEPT = 1000 };

static bool is_one_more_cancelled(kin_group *group, const kin_error *outcome)
{
    const kin_scope *scope = &group->scope;
    if (!scope->own || group->keep ||
        (!(scope->flags & KIN__SHIELD) && kin__scope_outer_reason(scope)) ||
        !kin__error_only(outcome, &KIN_CANCELLED))
        return false;
    return ++group->cancelled > CANCELLED_KEPT;
}

void kin__group_child_ended(kin__runtime *rt, kin_group *group, kin_task *task,
                            kin_error *outcome)
{
    if (!outcome) {
        if (group->policy == KIN_ANY && !task->service &&
            task->outcome == KIN_TASK_SUCCEEDED)
            kin__group_succeed(rt, group, task);
        return;
    }
    if (group->policy == KIN_EACH) {
        supervised(rt, group, task, outcome);
        return;
    }
    if (is_one_more_cancelled(group, outcome)) {
        kin_error_free(outcome);
        return;
    }
    if (group->policy == KIN_ALL || task->fatal || ends_all(outcome))
        kin__group_fail(rt, group, task->name, outcome);
    group->fatal |= task->fatal;
    kin__error_hold(&group->errors, outcome);
    group->lost |= outcome == kin__error_lost();
    task->result = outcome;
}

/* Whose handles are still needed after the end. */
static bool retains(const kin_group *group)
{
    return group->keep || (group->policy == KIN_ANY && group->on_error);
}

static void take_out_of_ended(kin_group *group, kin_task *task)
{
    *(task->older ? &task->older->younger : &group->ended) = task->younger;
    *(task->younger ? &task->younger->older : &group->last_ended) = task->older;
}

/* Its error was taken, and with that its handle is used up, unless it was handed
   out: then it is good until whoever got it asks for the next. */
void kin__group_used_up(kin__runtime *rt, kin_group *group, kin_task *task)
{
    if (task->consumer)
        return;
    take_out_of_ended(group, task);
    kin__task_free(rt, task);
}

/* The handle that this consumer got last is not good any more; one whose error
   nobody took stays for the close, which reports it. */
static void forget_handed_out(kin__runtime *rt, kin_group *group,
                              const kin_task *consumer)
{
    kin_task **at = &group->handed_out;
    while (*at) {
        kin_task *task = *at;
        if (task->consumer == consumer && !task->result) {
            *at = task->younger;
            kin__task_free(rt, task);
        } else {
            at = &task->younger;
        }
    }
}

/* The handle of the child that ended first. */
static kin_task *take_ended(kin_group *group, kin_task *consumer)
{
    kin_task *task = group->ended;
    take_out_of_ended(group, task);
    task->consumer = consumer;
    task->younger = group->handed_out;
    group->handed_out = task;
    return task;
}

static void keep_ended(kin_group *group, kin_task *task)
{
    task->consumer = NULL;
    task->younger = NULL;
    task->older = group->last_ended;
    *(group->last_ended ? &group->last_ended->younger : &group->ended) = task;
    group->last_ended = task;
}

/* Gives children that have ended to whoever waits in kin_group_next. Those who
   wait never look at the group again once they run: it may be gone. */
static void hand_out(kin_group *group)
{
    while (group->waiters.first && group->ended) {
        kin_waiter *waiter = group->waiters.first;
        waiter->data = take_ended(group, waiter->task);
        kin_wait_list_wake_one(&group->waiters, NULL);
    }
}

/* A child has ended, or moved elsewhere. */
void kin__group_check_end(kin_group *group)
{
    if (kin__group_works(group))
        return;
    if (group->waiters.first)
        kin_wait_list_wake(&group->waiters, SIZE_MAX);
    if (group->services) {
        kin__group_dismiss_services(group->run, group);
        return;
    }
    if (group->end_waiters.first)
        kin_wait_list_wake(&group->end_waiters, SIZE_MAX);
    if (group->waiting && group->scope.task->phase == KIN__PARKED) {
        group->waiting = false;
        kin__ready(group->run, group->scope.task);
    }
}

void kin__group_child_gone(kin__runtime *rt, kin_group *group, kin_task *task)
{
    kin__group_release(group, task);
    if (task->limited) {
        group->active--;
        kin__group_next_turn(rt, group);
    }
    if (retains(group))
        keep_ended(group, task);
    else
        kin__task_free(rt, task);
    if (group->waiters.first)
        hand_out(group);
    kin__group_check_end(group);
}

/* Waiting. */

static inline __attribute__((always_inline)) void join(kin__runtime *rt,
                                                       kin_group *group)
{
    if (!group->running && !group->starting) {
        if (rt->ready)
            kin_give_way();
        else
            kin__spend(rt);
        if (!group->running && !group->starting)
            return;
    }
    /* Again after each wake: between the end of the last child and this task's
       turn somebody may have spawned another, and a wake may be a stray one. */
    do {
        kin__wait wait = {NULL, group, "the children of a group", NULL};
        group->waiting = true;
        if (__builtin_expect(group->services != 0, 0))
            kin__group_dismiss_services(rt, group);
        kin__wait_here(rt, group->scope.task, &wait, group->scope.site);
    } while (group->running || group->starting);
    group->waiting = false;
}

void kin__group_join(kin__runtime *rt, kin_group *group)
{
    join(rt, group);
}

/* Closing. */

/* Frees the handles of children that nobody took. */
static void free_ended(kin__runtime *rt, kin_group *group)
{
    while (group->ended) {
        kin_task *task = group->ended;
        group->ended = task->younger;
        kin__task_free(rt, task);
    }
    while (group->handed_out) {
        kin_task *task = group->handed_out;
        group->handed_out = task->younger;
        kin__task_free(rt, task);
    }
    group->last_ended = NULL;
}

static kin_error *grouped(kin_group *group)
{
    char message[128];
    snprintf(message, sizeof message, "group \"%s\"",
             kin__scope_name(&group->scope));
    return collapse(
        kin__error_group_of_list(group->scope.site, message, &group->errors));
}

/* The child that ended with that error; NULL if its handle is gone. */
static kin_task *ended_with(const kin_group *group, const kin_error *err)
{
    kin_task *task = group->ended;
    while (task && task->result != err)
        task = task->younger;
    if (!task)
        task = group->handed_out;
    while (task && task->result != err)
        task = task->younger;
    return task;
}

/* Without its KIN_CANCELLED, which the child that ended with it is not asked for
   any more; NULL if nothing else was in it. */
static kin_error *strip(const kin_group *group, kin_error *err, bool *some)
{
    kin_task *task = group->on_error ? ended_with(group, err) : NULL;
    err = kin__error_strip(err, &KIN_CANCELLED, some);
    if (task)
        task->result = err;
    return err;
}

/* Strips what the group's own scope absorbs from all that stands to come out;
   returns what is left of the body's outcome. */
static kin_error *absorb(kin_group *group, kin_error *body)
{
    kin_error *left = NULL, *err;
    while ((err = kin__error_list_take(&group->errors))) {
        bool caught, was_body = err == body;
        err = strip(group, err, &caught);
        if (caught)
            group->scope.flags |= KIN__CAUGHT;
        if (was_body)
            body = err;
        if (err)
            kin__error_hold(&left, err);
    }
    while ((err = kin__error_list_take(&left)))
        kin__error_hold(&group->errors, err);
    return body;
}

/* KIN_EACH: what children that nobody took ended with is reported now. */
static void report_kept(kin__runtime *rt, kin_group *group, kin_task *first)
{
    for (kin_task *task = first; task; task = task->younger) {
        kin_error *err = task->result;
        if (!err)
            continue;
        task->result = NULL;
        kin__error_unhold(err);
        report(rt, group, task, err);
    }
}

/* KIN_ANY, when some child succeeded: what failed is dealt with. */
static void set_aside(kin__runtime *rt, kin_group *group)
{
    kin_error *err;
    bool some;
    while ((err = kin__error_list_take(&group->errors))) {
        err = strip(group, err, &some);
        if (err && group->on_error)
            report(rt, group, ended_with(group, err), err);
        else
            kin_error_free(err);
    }
}

/* Whether something is there that no success makes good. */
static bool some_final(const kin_group *group)
{
    if (group->fatal)
        return true;
    for (kin_error *e = group->errors; e; e = kin__error_list_next(e))
        if (ends_all(e))
            return true;
    return false;
}

static kin_error *outcome_of_any(kin__runtime *rt, kin_group *group,
                                 kin_error *body)
{
    bool body_failed = body && !kin__error_only(body, &KIN_CANCELLED);
    if (group->succeeded && !body_failed && !some_final(group)) {
        if (body)
            kin__error_unhold(body);
        set_aside(rt, group);
        return body;
    }
    if (group->errors)
        return grouped(group);
    if (group->succeeded || group->shut ||
        (group->scope.flags & KIN__CANCEL_CALLED))
        return NULL;
    return kin_fail_at(group->scope.site, &KIN_FAILURE,
                       "no child of group \"%s\" succeeded%s",
                       kin__scope_name(&group->scope),
                       group->had_child ? "" : ": it had none");
}

/* The body's error, EXIT, INTERRUPT and what is fatal come out bare; a
   KIN_CANCELLED comes out only alone. */
static kin_error *outcome_of_each(kin__runtime *rt, kin_group *group)
{
    kin_error *result = NULL, *cancelled = NULL, *err;
    report_kept(rt, group, group->ended);
    report_kept(rt, group, group->handed_out);
    while ((err = kin__error_list_take(&group->errors))) {
        if (kin__error_only(err, &KIN_CANCELLED) && !cancelled)
            cancelled = err;
        else if (kin__error_only(err, &KIN_CANCELLED))
            kin_error_free(err);
        else
            result = kin_error_combine_at(group->scope.site, result, err);
    }
    if (!result)
        return cancelled;
    kin_error_free(cancelled);
    return result;
}

static kin_error *outcome_of(kin__runtime *rt, kin_group *group,
                             kin_error *body)
{
    switch (group->policy) {
    case KIN_ANY: return outcome_of_any(rt, group, body);
    case KIN_EACH: return outcome_of_each(rt, group);
    default: return grouped(group);
    }
}

static void forget_reasons(kin_group *group)
{
    kin__reason_unref(group->scope.own);
    kin__reason_unref(group->shutdown);
    group->scope.own = group->shutdown = NULL;
}

/* Joins the children and takes the innermost group off its task. `body` is its
   body's outcome. */
static inline __attribute__((always_inline)) kin_error *
close_innermost(kin__runtime *rt, kin_group *group, kin_error *body)
{
    kin_task *task = rt->current;
    if (body) {
        kin__group_fail(rt, group, task->name, body);
        kin__error_move(&group->errors, body);
        group->lost |= body == kin__error_lost();
    }
    join(rt, group);
    kin_error *late = NULL;
    while (__builtin_expect(group->scope.cleanups != NULL, 0)) {
        kin__cleanups_run(&group->scope, &late);
        join(rt, group); /* they may have spawned */
    }
    bool absorbs = kin__scope_pop(rt, &group->scope);
    if (absorbs && group->errors)
        body = absorb(group, body);
    while (__builtin_expect(late != NULL, 0) && group->policy == KIN_ALL)
        kin__error_move(&group->errors, late);
    kin_error *result = NULL;
    if (group->errors || group->policy == KIN_ANY)
        result = outcome_of(rt, group, body);
    if (__builtin_expect(group->lost, 0) && !result)
        result = kin__error_lost();
    if (__builtin_expect(late != NULL, 0))
        result = kin__cleanups_join(&group->scope, result, &late);
    if (result)
        kin__error_hold(&task->held, result);
    if (group->ended || group->handed_out)
        free_ended(rt, group);
    if (kin__timer_is_set(&group->grace))
        kin__timer_clear(rt, &group->grace);
    if (group->scope.own || group->shutdown)
        forget_reasons(group);
    if (__builtin_expect(group->values != NULL, 0))
        kin__values_unref(group->values);
    group->values = NULL;
    return result;
}

/* What the children of an abandoned group ended with: the opener holds it, so
   that it comes out of the task if nobody closes the group any more. */
static kin_error *late_outcome(const kin_site *site, kin_group *group,
                               kin_error *outcome)
{
    kin_error *late = group->errors;
    group->errors = NULL;
    return kin_error_combine_at(site, outcome, late);
}

static bool was_abandoned(const kin_group *group)
{
    return group->scope.tag == KIN__SCOPE_TAG &&
           group->scope.state == KIN__ABANDONED;
}

kin_error *kin_group_close_at(const kin_site *site, kin_group *group,
                              kin_error *outcome)
{
    kin_task *task = kin__task_of(site, "kin_group_close");
    kin__runtime *rt = kin__runtime_here;
    if (!group)
        return kin_error_combine_at(
            site, outcome,
            kin_fail_at(site, &KIN_MISUSE, "kin_group_close of NULL"));
    if (__builtin_expect(&group->scope == task->scope, 1))
        return close_innermost(rt, group, outcome);
    kin_error *misuse = NULL;
    if (was_abandoned(group))
        return late_outcome(site, group, outcome);
    if (kin__scope_may_close(site, &group->scope, &misuse))
        outcome = close_innermost(rt, group, outcome);
    return kin_error_combine_at(site, outcome, misuse);
}

/* Ends that are not the close. */

void kin__group_abandon(kin__runtime *rt, kin_group *group)
{
    group->scope.flags |= KIN__ORPHANS;
    kin__scope_cancel(rt, &group->scope,
                      kin__reason_here(rt, KIN_BY_MISNESTING, group->scope.site,
                                       NULL,
                                       "misnesting: a scope around group "
                                       "\"%s\" was closed before it",
                                       kin__scope_name(&group->scope)));
    group->errors = close_innermost(rt, group, NULL);
}

void kin__group_leave(kin__runtime *rt, kin_group *group, const char *how)
{
    kin__scope_cancel(rt, &group->scope,
                      kin__reason_here(rt, KIN_BY_MISNESTING, group->scope.site,
                                       NULL,
                                       "misnesting: group \"%s\" was left "
                                       "without kin_group_close, %s",
                                       kin__scope_name(&group->scope), how));
    kin_error *held = close_innermost(rt, group, NULL);
    (void)held; /* by the task, with whose outcome it comes out */
}

void kin_group_leave(kin_group *group)
{
    kin_scope_leave(&group->scope);
}

/* Asking and telling. */

void kin_group_cancel_at(const kin_site *site, kin_group *group,
                         const char *format, ...)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_group_cancel");
    if (!group || group->scope.tag != KIN__SCOPE_TAG) {
        kin__misuse(site, "kin_group_cancel of a group that was never "
                          "initialised");
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason = kin__reason_requested(rt, site, format, arguments);
    va_end(arguments);
    kin__scope_cancel(rt, &group->scope, reason);
}

kin_scope *kin_group_scope(kin_group *group)
{
    return &group->scope;
}

const char *kin_group_name(const kin_group *group)
{
    return kin__scope_name(&group->scope);
}

size_t kin_group_running(const kin_group *group)
{
    return group ? group->running : 0;
}

kin_task *kin_group_task(const kin_group *group)
{
    return group->scope.task;
}

void kin_group_each_child(const kin_group *group, kin_task_visit *visit,
                          void *context)
{
    for (kin_task *t = group->children, *next; t; t = next) {
        next = t->younger;
        if (!visit(t, context))
            return;
    }
}

kin_error *kin_group_next_at(const kin_site *site, kin_group *group,
                             kin_task **done)
{
    kin_task *task = kin__task_of(site, "kin_group_next");
    if (!group || !done)
        return kin_fail_at(site, &KIN_MISUSE, "kin_group_next of NULL");
    if (!kin__group_is_open(group) || !group->keep)
        return kin_fail_at(site, &KIN_MISUSE, "kin_group_next: group \"%s\" %s",
                           kin__scope_name(&group->scope),
                           kin__group_is_open(group)
                               ? "was not opened .keep = true"
                               : "is not open");
    kin_waiter waiter = {.data = NULL};
    PASS_ON(kin_checkpoint_if_cancelled_at(site));
    forget_handed_out(kin__runtime_here, group, task);
    if (group->ended) {
        *done = take_ended(group, task);
        kin__spend(kin__runtime_here);
        return NULL;
    }
    if (kin__group_works(group))
        PASS_ON(kin_wait_on_at(site, &group->waiters, &waiter,
                               "the next child of a group to end"));
    *done = waiter.data;
    return NULL;
}
