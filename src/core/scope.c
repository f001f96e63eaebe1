/* core/scope.c: cancel scopes: opening, closing, deadlines, and what happens
   when they are not left the way they were entered.

   A scope is its owner's memory, mostly a stack frame's. While it is open it is
   linked into its task (task->scope, scope->outer) and perhaps into the heap of
   timers, and must be taken out of both before the memory goes: by the close,
   by the cleanup attribute when the C block is left without one, by the close
   of a scope further out, or by the end of the task.

   Who absorbs a KIN_CANCELLED is decided at the close: the scope that is
   cancelled while what is around it is not (C1). The error does not know whose
   it is. */
#include "core/runtime.h"

#include <string.h>

const char *kin__scope_name(const kin_scope *scope)
{
    if (scope->name)
        return scope->name;
    if (scope->site && scope->site->name)
        return scope->site->name;
    return scope->flags & KIN__IS_GROUP ? "group" : "scope";
}

static const char *kind_of(const kin_scope *scope)
{
    if (scope->flags & KIN__IS_GROUP)
        return "group";
    return scope->flags & KIN__SECTION ? "section" : "scope";
}

void kin__misuse(const kin_site *site, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err = kin_fail_va(site, NULL, &KIN_MISUSE, 0, format, arguments);
    va_end(arguments);
    kin__runtime *rt = kin__runtime_here;
    if (rt && rt->current)
        return; /* the task that made it holds it */
    if (rt)
        kin__unhandled(rt, err, "a callback", NULL, KIN_PHASE_RUNNING);
    else
        kin__die("%s", kin_error_message(err));
}

/* Opening. */

static void deadline_passed(kin__timer *timer)
{
    kin_scope *scope =
        (kin_scope *)((char *)timer - offsetof(kin_scope, timer));
    kin__runtime *rt = kin__runtime_here;
    kin__reason *reason =
        kin__reason_from(rt, KIN_BY_DEADLINE, scope->site, NULL, NULL,
                         "the deadline of %s \"%s\" passed", kind_of(scope),
                         kin__scope_name(scope));
    kin__scope_cancel(rt, scope, reason);
}

/* Whether a deadline would still change something: it cancels, or it is the end
   of a cancellation's grace. */
static bool can_pass(const kin_scope *scope)
{
    return !scope->own || (scope->flags & KIN__IN_GRACE);
}

static void arm(kin__runtime *rt, kin_scope *scope, kin_time now)
{
    if (scope->deadline == KIN_NEVER || !can_pass(scope))
        return;
    if (scope->deadline <= now)
        deadline_passed(&scope->timer);
    else
        kin__timer_set(rt, &scope->timer, scope->deadline, deadline_passed);
}

static void set_options(kin_scope *scope, const kin_scope_options *options)
{
    kin_time lengths[] = {options->fail_after, options->move_on_after};
    int given =
        (lengths[0] != 0) + (lengths[1] != 0) + (options->deadline != 0);
    scope->name = options->name;
    if (options->shield)
        scope->flags |= KIN__SHIELD;
    if (options->graceful)
        scope->flags |= KIN__GRACEFUL;
    if (given > 1) /* which one was meant? one must hold */
        scope->flags |= KIN__BAD_OPTIONS;
    if (lengths[0] || lengths[1]) {
        scope->deadline = lengths[0] ? lengths[0] : lengths[1];
        scope->flags |= KIN__RELATIVE | (lengths[0] ? KIN__FAILS : 0);
    } else if (options->deadline) {
        scope->deadline = options->deadline;
    }
}

void kin_scope_init_at(const kin_site *site, kin_scope *scope,
                       const kin_scope_options *options)
{
    kin__scope_prepare(scope, site);
    if (options)
        set_options(scope, options);
}

static void set_deadline_at_opening(kin__runtime *rt, kin_scope *scope)
{
    kin_time now = kin__clock_now(&rt->clock);
    if (scope->flags & KIN__RELATIVE) {
        scope->flags &= ~KIN__RELATIVE;
        scope->deadline = kin__later(now, scope->deadline);
        if ((scope->flags & KIN__IN_GRACE) &&
            scope->timer.when < scope->deadline)
            scope->deadline = scope->timer.when;
    }
    arm(rt, scope, now);
}

static __attribute__((noinline)) void
apply_options(kin__runtime *rt, kin_task *task, kin_scope *scope)
{
    kin__scope_forget_other_run(rt, scope);
    if (scope->own)
        kin__reason_claim(rt, scope->own);
    scope->effective = task->cancelled = kin__scope_reason(scope);
    if (scope->deadline != KIN_NEVER)
        set_deadline_at_opening(rt, scope);
    if (scope->flags & KIN__BAD_OPTIONS)
        kin__misuse(scope->site, "%s \"%s\" was given two deadlines",
                    kind_of(scope), kin__scope_name(scope));
}

void kin__scope_enter(kin__runtime *rt, kin_task *task, kin_scope *scope)
{
    scope->task = task;
    scope->outer = task->scope;
    scope->state = KIN__OPEN;
    task->scope = scope;
    if (__builtin_expect(scope->own || scope->deadline != KIN_NEVER ||
                             (scope->flags & (KIN__SHIELD | KIN__GRACEFUL)),
                         0))
        apply_options(rt, task, scope);
    else
        scope->effective = task->cancelled;
}

kin_scope *kin_scope_begin_at(const kin_site *site, kin_scope *scope,
                              const kin_scope_options *options)
{
    kin_task *task = kin__task_of(site, "opening a scope");
    kin__scope_prepare(scope, site);
    if (options)
        set_options(scope, options);
    kin__scope_enter(kin__runtime_here, task, scope);
    return scope;
}

void kin_scope_open_at(const kin_site *site, kin_scope *scope)
{
    kin_task *task = kin__task_of(site, "kin_scope_open");
    if (!scope || scope->tag != KIN__SCOPE_TAG)
        kin__misuse(site, "opening a scope or group that was never "
                          "initialised: call its init first");
    else if ((scope->flags & KIN__IS_GROUP) && scope->state == KIN__UNOPENED)
        kin__misuse(site,
                    "kin_scope_open of the scope of group \"%s\": open "
                    "the group",
                    kin__scope_name(scope));
    else if (scope->state != KIN__UNOPENED)
        kin__misuse(site,
                    "scope \"%s\" (%s:%d) is opened a second time: a scope "
                    "is for a single block",
                    kin__scope_name(scope), scope->site->file,
                    scope->site->line);
    else
        kin__scope_enter(kin__runtime_here, task, scope);
}

/* Closing. */

bool kin__scope_pop(kin__runtime *rt, kin_scope *scope)
{
    kin_task *task = scope->task;
    kin__reason *around = kin__scope_outer_reason(scope);
    bool absorbs =
        scope->effective && !(around && kin__scope_is_reached(scope));
    if (kin__timer_is_set(&scope->timer))
        kin__timer_clear(rt, &scope->timer);
    task->scope = scope->outer;
    task->cancelled = around;
    scope->state = KIN__CLOSED;
    scope->effective = NULL;
    if (scope->own)
        scope->flags |= KIN__CANCEL_CALLED;
    return absorbs;
}

/* Frees what the scope owns once nothing of it is needed any more. */
static void forget_reason(kin_scope *scope)
{
    kin__reason_unref(scope->own);
    scope->own = NULL;
}

static kin_error *timed_out(const kin_scope *scope)
{
    return kin_fail_at(scope->site, &KIN_TIMEOUT, "%s \"%s\" timed out",
                       kind_of(scope), kin__scope_name(scope));
}

static inline kin_error *pop_and_absorb(kin__runtime *rt, kin_scope *scope,
                                        kin_error *outcome)
{
    bool absorbs = kin__scope_pop(rt, scope);
    bool late =
        scope->own && scope->own->cancellation.source == KIN_BY_DEADLINE;
    if (outcome && absorbs) {
        bool caught;
        outcome = kin__error_strip(outcome, &KIN_CANCELLED, &caught);
        if (caught) {
            scope->flags |= KIN__CAUGHT;
            if (!outcome && late && (scope->flags & KIN__FAILS))
                outcome = timed_out(scope);
        }
    }
    if (scope->own)
        forget_reason(scope);
    return outcome;
}

static kin_error *close_innermost(kin__runtime *rt, kin_scope *scope,
                                  kin_error *outcome)
{
    if (__builtin_expect(!scope->cleanups, 1))
        return pop_and_absorb(rt, scope, outcome);
    kin_error *late = NULL;
    kin__cleanups_run(scope, &late);
    outcome = pop_and_absorb(rt, scope, outcome);
    if (!late)
        return outcome;
    outcome = kin__cleanups_join(scope, outcome, &late);
    kin__error_hold(&rt->current->held, outcome);
    return outcome;
}

kin_error *kin_scope_close_at(const kin_site *site, kin_scope *scope,
                              kin_error *outcome)
{
    kin_task *task = kin__task_of(site, "kin_scope_close");
    kin__runtime *rt = kin__runtime_here;
    if (__builtin_expect(!scope, 0))
        return kin_error_combine_at(
            site, outcome,
            kin_fail_at(site, &KIN_MISUSE, "kin_scope_close of NULL"));
    if (__builtin_expect(
            scope == task->scope && !(scope->flags & KIN__IS_GROUP), 1))
        return close_innermost(rt, scope, outcome);
    kin_error *misuse = NULL;
    if (scope->tag == KIN__SCOPE_TAG && (scope->flags & KIN__IS_GROUP))
        return kin_error_combine_at(
            site, outcome,
            kin_fail_at(site, &KIN_MISUSE,
                        "kin_scope_close of the scope of group "
                        "\"%s\": close the group",
                        kin__scope_name(scope)));
    if (kin__scope_may_close(site, scope, &misuse))
        outcome = close_innermost(rt, scope, outcome);
    return kin_error_combine_at(site, outcome, misuse);
}

/* What can be wrong with a close. */

/* The scope, or one inside it, whose close this close comes out of. */
static const kin_scope *being_closed(const kin_scope *scope,
                                     const kin_task *task)
{
    const kin_scope *s = task->scope, *found = NULL;
    for (; s && s != scope; s = s->outer)
        if (s->flags & KIN__CLOSING)
            found = s;
    return s && (s->flags & KIN__CLOSING) ? s : found;
}

kin_error *kin__closed_by_cleanup(const kin_site *site, const kin_scope *scope,
                                  const char *kind, const char *name,
                                  const kin_site *opened)
{
    const kin_scope *closing = being_closed(scope, kin__runtime_here->current);
    return !closing ? NULL
                    : kin_fail_at(site, &KIN_MISUSE,
                                  "%s \"%s\" (opened at %s:%d) is closed by a "
                                  "cleanup of %s \"%s\", which is being closed",
                                  kind, name, opened->file, opened->line,
                                  kind_of(closing), kin__scope_name(closing));
}

static kin_error *not_closable(const kin_site *site, const kin_scope *scope,
                               const kin_task *task)
{
    if (scope->tag != KIN__SCOPE_TAG)
        return kin_fail_at(site, &KIN_MISUSE,
                           "close of a scope that was never opened");
    const char *kind = kind_of(scope), *name = kin__scope_name(scope);
    const char *file = scope->site->file;
    int line = scope->site->line;
    if (scope->state == KIN__UNOPENED)
        return kin_fail_at(site, &KIN_MISUSE,
                           "%s \"%s\" (%s:%d) is closed but was never opened",
                           kind, name, file, line);
    if (scope->state == KIN__CLOSED)
        return kin_fail_at(site, &KIN_MISUSE,
                           "%s \"%s\" (opened at %s:%d) is already closed",
                           kind, name, file, line);
    if (scope->task != task)
        return kin_fail_at(site, &KIN_MISUSE,
                           "%s \"%s\" (opened at %s:%d by task \"%s\") cannot "
                           "be closed by task \"%s\"",
                           kind, name, file, line,
                           scope->task ? scope->task->name : "(the run)",
                           task->name);
    return kin__closed_by_cleanup(site, scope, kind, name, scope->site);
}

/* What its cleanups fail with, the task holds: it comes out with its outcome. */
static void pop_unclosed(kin__runtime *rt, kin_scope *scope)
{
    kin_error *late = NULL;
    if (scope->cleanups)
        kin__cleanups_run(scope, &late);
    kin__scope_pop(rt, scope);
    forget_reason(scope);
    while (late)
        kin__error_hold(&rt->current->held, kin__error_list_take(&late));
}

kin_error *kin__scope_still_open(const kin_site *site, const kin_scope *scope,
                                 const char *verb)
{
    const kin_scope *inner = kin__runtime_here->current->scope;
    return kin_fail_at(
        site, &KIN_MISUSE,
        "%s \"%s\" (opened at %s:%d) is %s while %s \"%s\" (opened at %s:%d) "
        "is still open inside it",
        kind_of(scope), kin__scope_name(scope), scope->site->file,
        scope->site->line, verb, kind_of(inner), kin__scope_name(inner),
        inner->site->file, inner->site->line);
}

kin_error *kin__scope_prevents(const kin_site *site, const char *generator)
{
    const kin_scope *open = kin__runtime_here->current->scope;
    return kin_fail_at(site, &KIN_YIELD_PREVENTED,
                       "generator \"%s\" cannot yield here: %s \"%s\" (opened "
                       "at %s:%d) is still open",
                       generator, kind_of(open), kin__scope_name(open),
                       open->site->file, open->site->line);
}

/* Takes the scopes inside `outer` off the task: what runs in them is cancelled
   and joined. */
static void abandon_inner(kin__runtime *rt, kin_scope *outer)
{
    kin_task *task = outer->task;
    while (task->scope != outer) {
        kin_scope *inner = task->scope;
        if (inner->tag != KIN__SCOPE_TAG)
            kin__die("a scope inside %s \"%s\" (opened at %s:%d) was never "
                     "closed, and its memory is gone",
                     kind_of(outer), kin__scope_name(outer), outer->site->file,
                     outer->site->line);
        if (inner->flags & KIN__IS_GROUP)
            kin__group_abandon(rt, kin__group_of(inner));
        else
            pop_unclosed(rt, inner);
        inner->state = KIN__ABANDONED;
    }
}

bool kin__scope_may_close(const kin_site *site, kin_scope *scope,
                          kin_error **misuse)
{
    kin_task *task = kin__runtime_here->current;
    if (scope->tag == KIN__SCOPE_TAG && scope->state == KIN__ABANDONED)
        return false; /* it has been dealt with, loudly */
    *misuse = not_closable(site, scope, task);
    if (*misuse)
        return false;
    if (scope == task->scope)
        return true;
    *misuse = kin__scope_still_open(site, scope, "closed");
    abandon_inner(kin__runtime_here, scope);
    return true;
}

/* Leaving without a close. */

static const char *close_of(const kin_scope *scope)
{
    if (scope->flags & KIN__IS_GROUP)
        return "kin_group_close";
    return scope->flags & KIN__SECTION ? "kin_no_yields_end"
                                       : "kin_scope_close";
}

static void report_left(kin_scope *scope, const char *how)
{
    const kin_site *site = scope->site;
    kin__misuse(site,
                "%s \"%s\" (opened at %s:%d in %s) was left without "
                "%s, %s: leave the block through the close (with KIN_TRY_TO)",
                kind_of(scope), kin__scope_name(scope), site->file, site->line,
                site->function, close_of(scope), how);
}

void kin__scope_leave(kin__runtime *rt, kin_scope *scope, const char *how)
{
    if (scope->flags & KIN__IS_GROUP) {
        report_left(scope, how);
        kin__group_leave(rt, kin__group_of(scope), how);
    } else {
        pop_unclosed(rt, scope);
        report_left(scope, how);
    }
}

/* The task holds the error that it is returning with, and its trace has the
   place, if it was a KIN_TRY that left. */
static const kin_site *leaving_try(const kin_task *task, const char *function)
{
    for (kin_error *e = task->held; e; e = kin__error_list_next(e)) {
        size_t count = kin_error_trace_count(e);
        const kin_site *site =
            count ? kin_error_trace_site(e, count - 1) : NULL;
        if (site && strcmp(site->function, function) == 0)
            return site;
    }
    return NULL;
}

static void leave_by(kin__runtime *rt, kin_scope *scope)
{
    char how[256];
    const kin_site *try = leaving_try(rt->current, scope->site->function);
    if (try)
        snprintf(how, sizeof how, "by the KIN_TRY at %s:%d", try->file,
                 try->line);
    kin__scope_leave(rt, scope, try ? how : "by a return or a jump");
}

void kin_scope_leave(kin_scope *scope)
{
    kin__runtime *rt = kin__runtime_here;
    if (!rt || rt->current != scope->task)
        kin__die("%s \"%s\" (opened at %s:%d) was left by somebody else than "
                 "the task that opened it",
                 kind_of(scope), kin__scope_name(scope), scope->site->file,
                 scope->site->line);
    while (rt->current->scope != scope)
        kin__scope_leave(rt, rt->current->scope, "as the block around it was");
    leave_by(rt, scope);
}

/* Asking and telling. */

void kin_scope_cancel_at(const kin_site *site, kin_scope *scope,
                         const char *format, ...)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_scope_cancel");
    if (!scope || scope->tag != KIN__SCOPE_TAG) {
        kin__misuse(site, "kin_scope_cancel of a scope that was never "
                          "initialised");
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason = kin__reason_requested(rt, site, format, arguments);
    va_end(arguments);
    kin__scope_cancel(rt, scope, reason);
}

void kin_scope_cancel_gracefully_at(const kin_site *site, kin_scope *scope,
                                    kin_time grace, const char *format, ...)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_scope_cancel_gracefully");
    if (!scope || scope->tag != KIN__SCOPE_TAG) {
        kin__misuse(site, "kin_scope_cancel_gracefully of a scope that was "
                          "never initialised");
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason = kin__reason_requested(rt, site, format, arguments);
    va_end(arguments);
    kin__scope_cancel_gracefully(rt, scope, reason, grace);
}

/* A deadline that has passed while nobody looked. */
static void notice_deadline(kin_scope *scope)
{
    kin__runtime *rt = kin__runtime_here;
    if (!rt || !can_pass(scope) || scope->deadline == KIN_NEVER ||
        (scope->flags & KIN__RELATIVE) || scope->state > KIN__OPEN)
        return;
    if (scope->deadline > kin__clock_now(&rt->clock))
        return;
    kin__timer_clear(rt, &scope->timer);
    deadline_passed(&scope->timer);
}

static bool is_scope(const kin_scope *scope, const char *what)
{
    if (scope && scope->tag == KIN__SCOPE_TAG)
        return true;
    kin__misuse(NULL, "%s of a scope that was never initialised", what);
    return false;
}

bool kin_scope_cancel_called(const kin_scope *scope)
{
    if (!is_scope(scope, "kin_scope_cancel_called"))
        return false;
    notice_deadline((kin_scope *)scope);
    return scope->flags & KIN__CANCEL_CALLED;
}

bool kin_scope_cancelled_caught(const kin_scope *scope)
{
    return scope->flags & KIN__CAUGHT;
}

kin_time kin_scope_deadline(const kin_scope *scope)
{
    return scope->flags & KIN__RELATIVE ? KIN_NEVER : scope->deadline;
}

void kin_scope_set_deadline(kin_scope *scope, kin_time when)
{
    kin__runtime *rt = kin__runtime_of(NULL, "kin_scope_set_deadline");
    if (!is_scope(scope, "kin_scope_set_deadline"))
        return;
    notice_deadline(scope);
    scope->flags &= ~KIN__RELATIVE;
    scope->deadline = when;
    if (scope->state != KIN__OPEN)
        return;
    kin__timer_clear(rt, &scope->timer);
    arm(rt, scope, kin__clock_now(&rt->clock));
}

void kin_scope_set_shield(kin_scope *scope, bool shield)
{
    kin__runtime *rt = kin__runtime_of(NULL, "kin_scope_set_shield");
    if (!is_scope(scope, "kin_scope_set_shield"))
        return;
    scope->flags =
        shield ? scope->flags | KIN__SHIELD : scope->flags & ~KIN__SHIELD;
    if (scope->state == KIN__OPEN)
        kin__scope_refresh(rt, scope);
}

/* Out of a task's scopes comes the group that it is a child of. */
static const kin_scope *next_outwards(const kin_scope *scope)
{
    if (scope->outer)
        return scope->outer;
    return scope->task && !scope->task->service ? &scope->task->group->scope
                                                : NULL;
}

kin_time kin_effective_deadline(void)
{
    kin_task *task = kin__task_of(NULL, "kin_effective_deadline");
    if (task->cancelled)
        return INT64_MIN;
    kin_time earliest = KIN_NEVER;
    const kin_scope *s = task->scope;
    if (!s && !task->service)
        s = &task->group->scope;
    for (; s; s = next_outwards(s)) {
        if (s->deadline < earliest)
            earliest = s->deadline;
        if (s->flags & KIN__SHIELD)
            break;
    }
    return earliest;
}

static const char *state_word(const kin_scope *scope)
{
    static const char *const words[] = {"not open yet", "open", "closed",
                                        "abandoned"};
    return words[scope->state];
}

int kin_scope_describe(const kin_scope *scope, char *text, size_t size)
{
    if (scope->tag != KIN__SCOPE_TAG)
        return snprintf(text, size, "a scope that was never initialised");
    const char *name = kin__scope_name(scope), *state = state_word(scope);
    if (kin_scope_cancel_called(scope))
        return snprintf(text, size, "%s \"%s\": %s, cancelled", kind_of(scope),
                        name, state);
    if (scope->deadline == KIN_NEVER || (scope->flags & KIN__RELATIVE))
        return snprintf(text, size, "%s \"%s\": %s", kind_of(scope), name,
                        state);
    double left = ((double)scope->deadline - (double)kin_now()) / 1e9;
    return snprintf(text, size, "%s \"%s\": %s, deadline is %.2f seconds %s",
                    kind_of(scope), name, state, left < 0 ? -left : left,
                    left < 0 ? "ago" : "from now");
}
