/* core/park.c: the one way to wait, and the one list to wait in.

   A wait has exactly one end: a wake, with the result that the waker gave; or
   an abort that succeeded, and then KIN_CANCELLED. Which of the two it is, is
   decided when it happens and not when the task runs again: a task that was
   woken is READY and is not aborted any more, and one that was aborted is out
   of whatever it waited in. (C4 of the semantics)

   A task may wait in several lists at once, with a ring of waiters: the wake of
   one of them takes the others out in the same step. */
#include "core/runtime.h"

kin_error *kin__wait_aborted(kin__runtime *rt, kin__wait *wait,
                             const kin_site *site)
{
    rt->aborted = wait->reason;
    kin_error *err = kin__error_cancelled(site);
    rt->aborted = NULL;
    kin__reason_unref(wait->reason);
    return err;
}

kin_error *kin_park_at(const kin_site *site, kin_abort_fn *abort, void *context,
                       const char *what)
{
    kin_task *task = kin__task_of(site, "kin_park");
    kin__runtime *rt = kin__runtime_here;
    if (abort)
        PASS_ON(kin__cancel_point(rt, site));
    return kin__park(rt, task, abort, context, what, site);
}

void kin_wake_at(const kin_site *site, kin_task *task, kin_error *result)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_wake");
    if (task->phase != KIN__PARKED || task->wait->reason) {
        kin__misuse(site, "kin_wake: task \"%s\" does not wait", task->name);
        if (result && rt->current)
            kin_error_adopt(result);
        else if (result)
            kin__unhandled(rt, result, "a callback", NULL, KIN_PHASE_RUNNING);
        return;
    }
    task->result = result;
    if (result)
        kin__error_hold(&task->held, result);
    kin__ready(rt, task);
}

kin_error *kin__wait_list_broken(const kin_wait_list *list,
                                 const kin_site *site)
{
    return kin_fail_at(site, &KIN_BROKEN, "%s", list->broken);
}

void kin_wait_list_remove(kin_waiter *waiter)
{
    kin_wait_list *list = waiter->list;
    if (!list)
        return;
    kin_waiter *next = waiter->next, *previous = waiter->previous;
    if (waiter == list->first)
        list->first = next;
    else
        previous->next = next;
    if (next)
        next->previous = previous;
    else if (list->first)
        list->first->previous = previous;
    waiter->list = NULL;
}

size_t kin_wait_list_count(const kin_wait_list *list)
{
    size_t count = 0;
    for (const kin_waiter *w = list->first; w; w = w->next)
        count++;
    return count;
}

bool kin__leave_list(void *context)
{
    kin_wait_list_remove(context);
    return true;
}

kin_error *kin__wait_strayed(kin_waiter *waiter, kin_error *err,
                             const char *what, const kin_site *site)
{
    kin_wait_list_remove(waiter);
    return err ? err
               : kin_fail_at(site, &KIN_MISUSE,
                             "the wait for %s was ended by a kin_wake that is "
                             "not its list's",
                             what);
}

kin_error *kin_wait_on_at(const kin_site *site, kin_wait_list *list,
                          kin_waiter *waiter, const char *what)
{
    kin__task_of(site, "kin_wait_on");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__cancel_point(rt, site));
    return kin__wait_in(rt, list, waiter, what, site);
}

/* One of a ring is chosen, which is the end of the wait in the others: they are
   alone then, and it is its own sibling. */
static void choose(kin_waiter *chosen)
{
    for (kin_waiter *w = chosen->sibling; w != chosen;) {
        kin_waiter *next = w->sibling;
        kin_wait_list_remove(w);
        w->sibling = NULL;
        w = next;
    }
    chosen->sibling = chosen;
}

void kin__waiter_wake(kin_waiter *waiter, kin_error *result)
{
    kin_wait_list_remove(waiter);
    if (__builtin_expect(waiter->sibling != NULL, 0))
        choose(waiter);
    kin_wake(waiter->task, result);
}

kin_task *kin__stand_in_for(kin_task *task)
{
    kin__runtime *rt = kin__runtime_of(NULL, "a wake");
    kin_task *before = rt->current;
    rt->current = task;
    return before;
}

kin_waiter *kin_wait_list_wake_one(kin_wait_list *list, kin_error *result)
{
    kin_waiter *waiter = list->first;
    if (waiter)
        kin__waiter_wake(waiter, result);
    return waiter;
}

size_t kin_wait_list_wake(kin_wait_list *list, size_t count)
{
    size_t woken = 0;
    while (woken < count && kin_wait_list_wake_one(list, NULL))
        woken++;
    return woken;
}

size_t kin_wait_list_move(kin_wait_list *from, kin_wait_list *to, size_t count)
{
    size_t moved = 0;
    for (; moved < count && from->first; moved++) {
        kin_waiter *waiter = from->first;
        kin_wait_list_remove(waiter);
        if (to->broken)
            KIN__WAITER_FAIL(waiter,
                             kin__wait_list_broken(to, waiter->task->at));
        else
            kin__wait_list_append(to, waiter);
    }
    return moved;
}

void kin_wait_list_break(kin_wait_list *list, const char *why)
{
    list->broken = why;
    while (list->first)
        KIN__WAITER_FAIL(list->first,
                         kin__wait_list_broken(list, list->first->task->at));
}

/* The sleeps: a timer on the sleeper's stack. */

typedef struct sleeper {
    kin__timer timer;
    kin_task *task;
} sleeper;

static void wake_sleeper(kin__timer *timer)
{
    sleeper *s = (sleeper *)timer;
    kin_wake(s->task, NULL);
}

static bool forget_sleeper(void *context)
{
    kin__timer_clear(kin__runtime_here, context);
    return true;
}

static inline kin_error *sleep_until(const kin_site *site, kin_time when)
{
    kin__runtime *rt = kin__runtime_here;
    if (when == KIN_NEVER)
        return kin_sleep_forever_at(site);
    PASS_ON(kin__cancel_point(rt, site));
    sleeper s = {.task = rt->current};
    kin__timer_set(rt, &s.timer, when, wake_sleeper);
    kin_error *err = kin_park_at(site, forget_sleeper, &s.timer, "a time");
    kin__timer_clear(rt, &s.timer); /* if somebody else woke it */
    return err;
}

kin_error *kin_sleep_at(const kin_site *site, kin_time length)
{
    kin__task_of(site, "kin_sleep");
    if (length <= 0)
        return kin_checkpoint_at(site);
    return sleep_until(site, kin__later(kin_now(), length));
}

kin_error *kin_sleep_until_at(const kin_site *site, kin_time when)
{
    kin__task_of(site, "kin_sleep_until");
    if (when <= kin_now())
        return kin_checkpoint_at(site);
    return sleep_until(site, when);
}

static bool forget_nothing(void *context)
{
    (void)context;
    return true;
}

kin_error *kin_sleep_forever_at(const kin_site *site)
{
    kin__task_of(site, "kin_sleep_forever");
    kin_error *err = kin_park_at(site, forget_nothing, NULL,
                                 "cancellation (kin_sleep_forever)");
    return err ? err
               : kin_fail_at(site, &KIN_MISUSE,
                             "kin_sleep_forever was woken: somebody called "
                             "kin_wake for a task that does not wait for it");
}
