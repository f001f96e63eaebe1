/* core/restart.c: a child that is run again when it fails.

   All of it happens in the child's own task: the function is called, what it
   left open is mended, and its failure is either made good (reported, and after
   a pause the function is called again) or is the child's outcome. Whether one
   can be made good is a question of how many there were within the window: their
   times stand in a ring with a place for each that the budget allows.

   Between the spawn and the first run the options wait in the heap, as a copied
   argument does; then they are in the frame of kin__restarts_run. The last
   errors are kept by a share each, so that who is told of one may do with it
   what he likes. */
#include "core/runtime.h"

#include "base/alloc.h"

enum {
    KEPT = 8,          /* of the last errors; the others have been reported */
    COUNTABLE = 999999 /* failures within a window */
};

struct kin__restarts {
    kin_restart options;
    kin_time *times; /* a ring of the budget's size; NULL at first */
    size_t failures; /* that the ring has seen */
    size_t streak;   /* without a run that lasted for a window */
    kin_error *last[KEPT];
    size_t kept;         /* in all: the latest KEPT of them are there */
    kin__values *values; /* that it saw at the spawn */
};

kin__restarts *kin__restarts_new(const kin_restart *options)
{
    kin__restarts *plan = kin__alloc(sizeof *plan);
    if (!plan)
        return NULL;
    *plan = (kin__restarts){.options = *options};
    kin_restart *o = &plan->options;
    o->window = o->window ? o->window : KIN_SECONDS(60);
    o->backoff = o->backoff ? o->backoff : KIN_MILLISECONDS(100);
    o->longest = o->longest ? o->longest : KIN_SECONDS(30);
    return plan;
}

static void keep(kin__restarts *r, const kin_error *err)
{
    kin_error **place = &r->last[r->kept++ % KEPT];
    kin__error_disown(*place);
    *place = kin__error_share(err);
}

static void forget(kin__restarts *r)
{
    for (size_t i = 0; i < KEPT; i++)
        kin__error_disown(r->last[i]);
    kin__values_unref(r->values);
    kin__free(r->times);
}

/* As it was at the spawn, but that it is up already (kin_started). */
static void begin_again(kin_task *task, const kin__restarts *r)
{
    kin__values *before = task->values;
    task->values = kin__values_ref(r->values);
    task->started = false;
    kin__values_unref(before);
}

/* Whether the failure happened to a child that is to go on. */
static bool is_to_go_on(const kin_task *task, const kin_error *err)
{
    const kin_group *group = task->group;
    return !task->cancelled && !group->shut &&
           group->policy != KIN__HAND_OVER && /* kin_start: its caller's */
           !kin__error_only(err, &KIN_CANCELLED) &&
           !kin_error_has(err, &KIN_EXIT) &&
           !kin_error_has(err, &KIN_INTERRUPT) && err != kin__error_lost();
}

/* Counts the failure; whether there were more within the window than the budget
   allows. */
static bool is_too_many(kin__restarts *r, kin_time now)
{
    size_t budget = r->options.budget;
    if (budget > COUNTABLE)
        return false;
    if (!r->times)
        r->times = kin__alloc(budget * sizeof *r->times);
    if (!r->times)
        return true;
    kin_time *oldest = &r->times[r->failures % budget];
    bool too_many = r->failures >= budget && now - *oldest < r->options.window;
    *oldest = now;
    r->failures++;
    return too_many;
}

/* Doubled for each failure before; a random part of up to one half is left out,
   so that many that failed together do not come back together. */
static kin_time pause_length(kin__runtime *rt, const kin__restarts *r)
{
    kin_time length = r->options.backoff;
    for (size_t i = 1; i < r->streak && length < r->options.longest; i++)
        length = kin__later(length, length);
    if (length > r->options.longest)
        length = r->options.longest;
    if (length <= 0)
        return 0;
    return length - (kin_time)(kin__random(rt) % ((uint64_t)length / 2 + 1));
}

/* More than the group can bear: the last errors, in the order of failure. */
static kin_error *spent(kin__restarts *r, const kin_task *task)
{
    size_t count = r->kept < KEPT ? r->kept : KEPT;
    char message[160];
    if (r->times)
        snprintf(message, sizeof message,
                 "task \"%.60s\" failed %zu times within %g s: its budget of "
                 "restarts is spent",
                 task->name, r->options.budget + 1,
                 (double)r->options.window / 1e9);
    else
        snprintf(message, sizeof message,
                 "task \"%.60s\" failed, and there is no memory to count its "
                 "restarts",
                 task->name);
    kin_error *inside[KEPT];
    for (size_t i = 0; i < count; i++)
        inside[i] = kin__error_share(r->last[(r->kept - count + i) % KEPT]);
    return kin__error_group_of_shares(task->site, message, inside, count);
}

/* Reports the failure and waits until the next run is due: fails when it will
   not come. */
static kin_error *report_and_pause(kin__runtime *rt, kin_task *task,
                                   const kin__restarts *r, kin_error *err)
{
    kin__group_report(rt, task->group, task, err, KIN_PHASE_RESTART);
    task->pausing = true;
    if (task->group->shut) /* in the meantime */
        kin__group_shut(rt, task->group, task->site);
    err = kin_sleep_at(task->site, pause_length(rt, r));
    task->pausing = false;
    return err;
}

/* Runs once; true: and is to run again. */
static bool run_once(kin__runtime *rt, kin_task *task, kin__restarts *r,
                     kin_error **outcome)
{
    kin_time began = kin__clock_now(&rt->clock);
    kin_error *err = kin__task_attempt(task);
    kin__error_unhold(err);
    if (task->held)
        err = kin__task_sweep(rt, task, err);
    *outcome = err;
    if (!err || !is_to_go_on(task, err))
        return false;
    kin_time now = kin__clock_now(&rt->clock);
    r->streak = now - began >= r->options.window ? 1 : r->streak + 1;
    keep(r, err);
    if (is_too_many(r, now)) {
        kin_error_free(err);
        *outcome = spent(r, task);
        task->fatal = true;
        return false;
    }
    *outcome = report_and_pause(rt, task, r, err);
    return !*outcome;
}

kin_error *kin__restarts_run(kin__runtime *rt, kin_task *task)
{
    kin__restarts restarts = *task->plan;
    kin_error *outcome;
    kin__free(task->plan);
    task->plan = NULL;
    restarts.values = kin__values_ref(task->values);
    while (run_once(rt, task, &restarts, &outcome))
        begin_again(task, &restarts);
    forget(&restarts);
    return outcome;
}
