/* sync/select.c: waiting for the first of several things.

   First a look: which cases could go on now? Of these one is drawn and done, and
   that is all. If none can, the task stands in the list of each case at once,
   with waiters that are a ring of siblings: whoever wakes one of them takes the
   others out of their lists in the same step (core/park.c), so exactly one case
   takes effect; a cancellation takes out all of them, and then none does.

   Points of time are one timer, for the earliest, and a list of the select's own
   with that one case in it: a timer that fires once another case was chosen
   finds the list empty. */
#include "sync/channel.h"
#include "sync/object.h"

#include <kin/select.h>

typedef struct selection {
    kin__timer timer;
    kin_wait_list due;
    kin_select_case *cases;
    size_t count;
    bool aborted;
} selection;

static kin__side side_of(const kin_select_case *c)
{
    return c->kind == KIN__ON_SEND ? KIN__SENDING : KIN__RECEIVING;
}

/* What is wrong with a case that names a task; or NULL. */
static const char *objection(const kin_task *task)
{
    if (!task)
        return "is NULL";
    return task == kin_task_self() ? "waits for itself" : NULL;
}

static bool is_ready(const kin_select_case *c)
{
    switch (c->kind) {
    case KIN__ON_NOTHING: return false;
    case KIN__ON_TIME: return c->when != KIN_NEVER && c->when <= kin_now();
    case KIN__ON_EVENT: {
        const kin_event *event = c->object;
        return !event || event->is_set || event->waiting.broken;
    }
    case KIN__ON_TASK:
        return objection(c->object) ||
               ((kin_task *)c->object)->phase == KIN__ENDED;
    default: return kin__channel_is_ready(c->object, side_of(c));
    }
}

/* Does the one that is ready. */
static kin_error *commit(const kin_site *site, kin_select_case *c)
{
    kin_error *err = NULL;
    if (c->kind == KIN__ON_EVENT) {
        const kin_event *event = c->object;
        if (!event)
            return kin__object_missing(site, "KIN_ON_EVENT");
        return event->is_set ? NULL
                             : kin__wait_list_broken(&event->waiting, site);
    }
    if (c->kind == KIN__ON_TASK) {
        const char *wrong = objection(c->object);
        return wrong ? kin_fail_at(site, &KIN_MISUSE,
                                   "the task of a KIN_ON_TASK %s", wrong)
                     : NULL;
    }
    if (c->kind != KIN__ON_TIME)
        (void)kin__channel_try(site, c->object, side_of(c), c->item, &err);
    return err;
}

/* The index of the one to do, or `count`. */
static size_t choose(kin__runtime *rt, const kin_select_case cases[],
                     size_t count)
{
    size_t ready = 0, last = count, i;
    for (i = 0; i < count; i++)
        if (is_ready(&cases[i])) {
            last = i;
            ready++;
        }
    if (ready <= 1)
        return last;
    size_t skip = kin__random(rt) % ready;
    for (i = 0; !is_ready(&cases[i]) || skip-- > 0; i++)
        ;
    return i;
}

static void time_has_come(kin__timer *timer)
{
    kin_wait_list_wake_one(&((selection *)timer)->due, NULL); /* its first */
}

static void end_timer(selection *s)
{
    if (kin__timer_is_set(&s->timer))
        kin__timer_clear(kin__runtime_here, &s->timer);
}

static bool leave_all(void *context)
{
    selection *s = context;
    for (size_t i = 0; i < s->count; i++)
        kin_wait_list_remove(&s->cases[i].wait.waiter);
    end_timer(s);
    s->aborted = true;
    return true;
}

static void stand_in(kin_select_case *c, kin_select_case **first)
{
    kin_waiter *waiter = &c->wait.waiter;
    switch (c->kind) {
    case KIN__ON_NOTHING: break;
    case KIN__ON_EVENT:
        kin__wait_list_append(&((kin_event *)c->object)->waiting, waiter);
        break;
    case KIN__ON_TASK:
        kin__wait_list_append(&((kin_task *)c->object)->joiners, waiter);
        break;
    case KIN__ON_TIME:
        if (c->when != KIN_NEVER && (!*first || c->when < (*first)->when))
            *first = c;
        break;
    default: kin__channel_queue(c->object, side_of(c), &c->wait, c->item);
    }
}

/* In every list, as a ring. */
static void stand_everywhere(kin__runtime *rt, selection *s)
{
    kin_select_case *first = NULL; /* of the points of time */
    for (size_t i = 0; i < s->count; i++) {
        kin_select_case *c = &s->cases[i];
        size_t next = i + 1 < s->count ? i + 1 : 0;
        c->wait.back = NULL;
        c->wait.waiter.list = NULL;
        c->wait.waiter.task = rt->current;
        c->wait.waiter.sibling = &s->cases[next].wait.waiter;
        stand_in(c, &first);
    }
    if (!first)
        return;
    kin__wait_list_append(&s->due, &first->wait.waiter);
    kin__timer_set(rt, &s->timer, first->when, time_has_come);
}

/* Which one ended the wait: the one that is its own sibling, and out of its
   list. */
static size_t chosen(selection *s)
{
    size_t found = s->count;
    for (size_t i = 0; i < s->count; i++) {
        kin__channel_wait *wait = &s->cases[i].wait;
        if (wait->waiter.sibling == &wait->waiter && !wait->waiter.list)
            found = i;
        kin__channel_unqueue(wait);
    }
    return found;
}

static kin_error *wait_for_one(kin__runtime *rt, const kin_site *site,
                               kin_select_case cases[], size_t count,
                               size_t *fired)
{
    selection s = {.cases = cases, .count = count};
    stand_everywhere(rt, &s);
    kin_error *err =
        kin__park(rt, rt->current, leave_all, &s, "one of several", site);
    size_t which = chosen(&s);
    end_timer(&s);
    *fired = s.aborted ? count : which;
    if (s.aborted || which < count)
        return err;
    leave_all(&s); /* a stray wake */
    return kin__wait_strayed(&cases[0].wait.waiter, err, "one of several",
                             site);
}

static bool is_empty(const kin_select_case cases[], size_t count)
{
    while (count > 0 && cases[count - 1].kind == KIN__ON_NOTHING)
        count--;
    return count == 0;
}

static kin_error *nothing(const kin_site *site)
{
    return kin_fail_at(site, &KIN_MISUSE,
                       "kin_select without a case to wait for");
}

kin_error *kin_select_at(const kin_site *site, kin_select_case cases[],
                         size_t count, size_t *fired)
{
    kin__task_of(site, "kin_select");
    kin__runtime *rt = kin__runtime_here;
    if (!fired)
        return kin__object_missing(site, "kin_select into a place");
    *fired = count;
    PASS_ON(kin__operation_begin(rt, site));
    if (is_empty(cases, count))
        return nothing(site);
    size_t which = choose(rt, cases, count);
    if (which == count)
        return wait_for_one(rt, site, cases, count, fired);
    *fired = which;
    kin_error *err = commit(site, &cases[which]);
    kin__spend(rt);
    return err;
}

kin_error *kin_select_now_at(const kin_site *site, kin_select_case cases[],
                             size_t count, size_t *fired)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_select_now");
    if (!fired)
        return kin__object_missing(site, "kin_select_now into a place");
    *fired = count;
    if (is_empty(cases, count))
        return nothing(site);
    size_t which = choose(rt, cases, count);
    if (which == count)
        return kin_fail_at(site, &KIN_WOULD_BLOCK,
                           "none of %zu cases can go on", count);
    *fired = which;
    return commit(site, &cases[which]);
}
