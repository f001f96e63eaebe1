/* core/runtime.h: the runtime of one thread: everything that changes is in
   here, and belongs to the thread that called kin_run.

   Control is always in one of three places: in a task, on its stack; in the
   loop of run.c, on the thread's own stack; or in a callback that one of the
   two called (a timer, an abort, a completed operation), which must not wait.
   A task that gives way switches straight to the next runnable one; it goes
   through the loop when there is none, when a seed shuffles the queue, or every
   so often, so that timers and I/O get their turn. */
#ifndef KIN__RUNTIME_H
#define KIN__RUNTIME_H

#include "core/reactor.h"
#include "core/task.h"

#include <alloca.h>
#ifdef KIN__ASAN
#include <sanitizer/asan_interface.h>
#endif

#include <kin/run.h>

enum {
    KIN__BUDGET = 64, /* checkpoints that need not wait, until it gives way */
    KIN__ROUND = 64   /* switches until timers and I/O get their turn */
};

/* Policies of the core's own: the hidden group of a kin_start, and the root
   group of a run, hand their one child's outcome over as it is; a gather and a
   race put it into a slot of the caller's array. */
enum { KIN__HAND_OVER = 100, KIN__GATHER, KIN__RACE };

typedef struct kin__clock {
    bool is_virtual;
    kin_time base; /* virtual time at real time `real_base` */
    kin_time real_base;
    double rate;
    kin_time autojump;
} kin__clock;

/* A kin_wait_all_tasks_blocked, on the stack of the task that waits. */
typedef struct kin__idler {
    struct kin__idler *next; /* by cushion, then first come */
    kin_time cushion;
    kin_task *task;
} kin__idler;

/* SIGINT and SIGTERM: see interrupt.c. Some of it is written by a handler, on any
   thread. */
typedef struct kin__interrupts {
    volatile int come, impatient; /* how many; how many SIGINTs */
    volatile int signo;           /* the last one */
    volatile int seen;            /* by the loop, of those that have come */
    volatile kin_time unseen_since;
    int taken;    /* of those that have come */
    int acted;    /* of the SIGINTs, how many have had some effect */
    bool refused; /* one waits until the main task can take it */
    bool are_ours;
} kin__interrupts;

typedef struct kin__runtime kin__runtime;
struct kin__runtime {
    /* scheduling */
    kin_task *current;
    kin_task *ready, **ready_end;
    uint32_t budget;
    uint32_t round; /* switches that are left until the loop's turn */
    uint32_t full_round;
    int *thread_errno;      /* whose value is the running task's */
    volatile int attention; /* somebody outside wants the loop's attention */
    kin__context loop;
    kin__context gone;    /* where a task that has ended would go on */
    uint64_t last_glance; /* at the clock, by the processor's counter */
    uint64_t switches;
    uint64_t random; /* 0: no shuffling */
    uint64_t chance; /* for everything else that is left to it */
    size_t batch;    /* of the shuffled queue, how many are left */
    kin_task *starved, **starved_end; /* wait for a stack */

    /* time */
    kin__timer *timers; /* the heap's root */
    uint64_t timer_order;
    kin__clock clock;
    kin__idler *idlers;

    /* cancellation */
    uint64_t reason_order;
    uint16_t serial;    /* tells this run from another that a scope has seen */
    uint64_t key;       /* the same for good: no other run has it or the next */
    kin__reason *early; /* of scopes that were cancelled before they opened */
    kin_task *deliver, **deliver_end;
    bool delivering;
    kin__reason *aborted; /* while a KIN_CANCELLED is made for it */

    /* the tree */
    kin_group root;       /* of the main task alone */
    kin_group background; /* the run's own supervisor */
    kin_task *main;
    kin_error *outcome;
    size_t tasks;
    uint8_t phase; /* of the run: see run.c */
    kin__timer grace;
    const kin_unhandled *unhandled; /* that the hook is being told of */
    kin_error *deadlock;
    uint8_t deadlock_stage; /* what has been tried against it */

    /* memory */
    kin__stack_pool *stacks;
    kin_time next_trim;
    size_t stack_size;       /* the usual one's usable bytes */
    kin__stack *spare_stack; /* for those who cannot be given one */
    kin_task *free_tasks;
    struct kin__task_chunk *chunks;
    kin_task stillborn; /* the handle of children that never were */
    bool lost;          /* an error, to memory: the run has failed */
    kin_error *dropped; /* kept until the run ends */

    /* the world */
    const kin__reactor_table *io;
    kin__reactor *reactor;
    size_t external; /* other threads and signals that may wake somebody */
    kin__interrupts interrupts;
    kin_run_options options;
};

extern _Thread_local kin__runtime *kin__runtime_here
    __attribute__((tls_model("initial-exec")));

/* As KIN_TRY, without a place of the library's own in the user's trace. */
#define PASS_ON(expression)                        \
    do {                                           \
        kin_error *pass_on_ = (expression);        \
        if (__builtin_expect(pass_on_ != NULL, 0)) \
            return pass_on_;                       \
    } while (0)

/* The runtime and the task of the caller, for calls that only make sense in
   one: without, one line on stderr and abort. */
_Noreturn void kin__outside(const kin_site *, const char *what);
static inline kin__runtime *kin__runtime_of(const kin_site *site,
                                            const char *what)
{
    kin__runtime *rt = kin__runtime_here;
    if (__builtin_expect(!rt, 0))
        kin__outside(site, what);
    return rt;
}
static inline kin_task *kin__task_of(const kin_site *site, const char *what)
{
    kin__runtime *rt = kin__runtime_here;
    if (__builtin_expect(!rt || !rt->current, 0))
        kin__outside(site, what);
    return rt->current;
}

/* schedule.c */
static inline void kin__ready_append(kin__runtime *rt, kin_task *task)
{
    task->next = NULL;
    *rt->ready_end = task;
    rt->ready_end = &task->next;
}
/* It will run when its turn comes. */
static inline void kin__ready(kin__runtime *rt, kin_task *task)
{
    task->phase = KIN__READY;
    if (!task->delivering) /* else cancel.c sends it on */
        kin__ready_append(rt, task);
}
kin_task *kin__ready_take(kin__runtime *);         /* the next; NULL if none */
void kin__suspend(kin__runtime *, kin_task *);     /* the current task waits */
bool kin__resume(kin__runtime *, kin_task *);      /* from the loop */
void kin__put_stack(kin__runtime *, kin__stack *); /* it may be the current */
/* The one place where a task starts to wait. Inline, so that few returns stand
   between a wake and the program: the processor predicts none of them right. */
static inline void kin__wait_here(kin__runtime *rt, kin_task *task,
                                  kin__wait *wait, const kin_site *site)
{
    task->wait = wait;
    task->at = site;
    task->result = NULL;
    task->phase = KIN__PARKED;
    kin__suspend(rt, task);
    task->wait = NULL;
}
void kin__glance_at_clock(kin__runtime *); /* deadlines that have passed */
/* One checkpoint of the budget, after the effect: may give way. A deadline that
   has passed is noticed here too, and not before the effect: what it cancels may
   close, in an abort, the very object that is used. */
static inline void kin__spend(kin__runtime *rt)
{
    if (__builtin_expect(rt->timers != NULL, 0))
        kin__glance_at_clock(rt);
    if (__builtin_expect(--rt->budget == 0, 0))
        kin_give_way();
}
/* What a checkpoint finds when it looks closer: the error to fail with. */
kin_error *kin__checkpoint_failure(kin__runtime *, const kin_site *);
static inline kin_error *kin__cancel_point(kin__runtime *rt,
                                           const kin_site *site)
{
    if (__builtin_expect((rt->current->cancelled != NULL) | rt->attention, 0))
        return kin__checkpoint_failure(rt, site);
    return NULL;
}

/* How an operation begins that need not wait; it ends with kin__spend. So there
   is nothing that others could change between the look at the state of an object
   and the effect, and an object that is gone when it has given way is not looked
   at. */
static inline kin_error *kin__operation_begin(kin__runtime *rt,
                                              const kin_site *site)
{
    return kin__cancel_point(rt, site);
}

/* The same for a fast path, which leaves to a slower one whatever is not as
   usual; and its end. */
static inline bool kin__all_as_usual(const kin__runtime *rt)
{
    return __builtin_expect(rt && rt->current && !rt->timers &&
                                !rt->current->cancelled && !rt->attention,
                            1);
}
kin_error *kin__spent(void); /* gives way; no error */
static inline kin_error *kin__operation_end(kin__runtime *rt)
{
    return __builtin_expect(--rt->budget == 0, 0) ? kin__spent() : NULL;
}

/* park.c */
kin_error *kin__wait_aborted(kin__runtime *, kin__wait *, const kin_site *);
kin_error *kin__wait_list_broken(const kin_wait_list *, const kin_site *);
kin_error *kin__wait_strayed(kin_waiter *, kin_error *, const char *what,
                             const kin_site *);
bool kin__leave_list(void *waiter); /* an abort */
/* Wakes that one; its siblings leave their lists. */
void kin__waiter_wake(kin_waiter *, kin_error *result);
/* The same with an error that is made there and then, in the name of who waits:
   it is that task which fails, with its name, its spawning and what cancels it,
   and not the one that closes something. */
#define KIN__WAITER_FAIL(waiter, expression)                 \
    do {                                                     \
        kin_waiter *failed_ = (waiter);                      \
        kin_task *waker_ = kin__stand_in_for(failed_->task); \
        kin_error *failure_ = (expression);                  \
        kin__stand_in_for(waker_);                           \
        kin__waiter_wake(failed_, failure_);                 \
    } while (0)
/* Errors are made in that task's name from now on; returns in whose they were.
   NULL: in nobody's. */
kin_task *kin__stand_in_for(kin_task *);
/* The same in the common case: it waits there alone, and its task is in no other
   list either. (An aborted task is not PARKED any more.) */
static inline bool kin__waiter_is_plain(const kin_waiter *waiter)
{
    const kin_task *task = waiter->task;
    return __builtin_expect(
        !waiter->sibling && task->phase == KIN__PARKED && !task->delivering, 1);
}
static inline void kin__wake_plain_first(kin__runtime *rt, kin_wait_list *list)
{
    kin_waiter *waiter = list->first, *next = waiter->next;
    list->first = next;
    if (next)
        next->previous = waiter->previous;
    waiter->list = NULL;
    waiter->task->phase = KIN__READY;
    kin__ready_append(rt, waiter->task);
}
/* Waits, with no look at cancellation: that has been done. */
static inline kin_error *kin__park(kin__runtime *rt, kin_task *task,
                                   kin_abort_fn *abort, void *context,
                                   const char *what, const kin_site *site)
{
    kin__wait wait = {abort, context, what, NULL};
    kin__wait_here(rt, task, &wait, site);
    if (__builtin_expect(wait.reason != NULL, 0))
        return kin__wait_aborted(rt, &wait, site);
    kin_error *result = task->result;
    task->result = NULL;
    return result;
}
static inline void kin__wait_list_append(kin_wait_list *list,
                                         kin_waiter *waiter)
{
    kin_waiter *first = list->first;
    waiter->list = list;
    waiter->next = NULL;
    if (first) {
        waiter->previous = first->previous;
        first->previous->next = waiter;
        first->previous = waiter;
    } else {
        list->first = waiter->previous = waiter;
    }
}
/* Likewise, in a list, from which `abort` takes the waiter, its context, when the
   wait ends by anything but the list's waking it. */
static inline kin_error *
kin__wait_in_until(kin__runtime *rt, kin_wait_list *list, kin_waiter *waiter,
                   kin_abort_fn *abort, const char *what, const kin_site *site)
{
    if (__builtin_expect(list->broken != NULL, 0))
        return kin__wait_list_broken(list, site);
    waiter->task = rt->current;
    waiter->sibling = NULL;
    kin__wait_list_append(list, waiter);
    kin_error *err = kin__park(rt, rt->current, abort, waiter, what, site);
    if (__builtin_expect(!waiter->list, 1))
        return err; /* taken out by whoever ended the wait */
    abort(waiter);
    return kin__wait_strayed(waiter, err, what, site);
}
static inline kin_error *kin__wait_in(kin__runtime *rt, kin_wait_list *list,
                                      kin_waiter *waiter, const char *what,
                                      const kin_site *site)
{
    return kin__wait_in_until(rt, list, waiter, kin__leave_list, what, site);
}

/* timer.c */
void kin__timer_set(kin__runtime *, kin__timer *, kin_time when,
                    void (*fire)(kin__timer *));
void kin__timer_clear(kin__runtime *, kin__timer *); /* if it is set */
static inline bool kin__timer_is_set(const kin__timer *timer)
{
    return timer->back != NULL;
}
void kin__timers_fire(kin__runtime *, kin_time now); /* all that are due */

/* clock.c */
void kin__clock_start(kin__clock *, kin_clock kind);
kin_time kin__clock_now(const kin__clock *);
kin_time kin__real_now(void);
kin_time kin__later(kin_time now, kin_time length); /* saturates */
/* Real time until a point of the clock; KIN_NEVER if it never comes. */
kin_time kin__clock_wait(const kin__clock *, kin_time when);
bool kin__idlers_wake(kin__runtime *);

/* cancel.c: the one place that walks scopes */
static inline kin__reason *kin__reason_earlier(kin__reason *a, kin__reason *b)
{
    if (!a || !b)
        return a ? a : b;
    return a->order <= b->order ? a : b;
}
/* What cancels a task as a whole, apart from the scopes that it opened. */
static inline kin__reason *kin__task_base(const kin_task *task)
{
    if (__builtin_expect(task->service, 0))
        return task->own;
    const kin_group *group = task->group;
    kin__reason *base = group->scope.effective;
    if (__builtin_expect(group->shutdown != NULL, 0))
        base = kin__reason_earlier(base, group->shutdown);
    return task->own ? kin__reason_earlier(base, task->own) : base;
}
/* What is around a scope. */
static inline kin__reason *kin__scope_outer_reason(const kin_scope *scope)
{
    if (scope->outer)
        return scope->outer->effective;
    return scope->task ? kin__task_base(scope->task) : NULL;
}
/* What cancels the inside of a scope now or, unless it hides that, from around:
   a cancellation that is in its grace does not reach a graceful scope. */
kin__reason *kin__scope_reason(const kin_scope *);
/* Whether what is around it cancels it. */
bool kin__scope_is_reached(const kin_scope *);
void kin__scope_refresh(kin__runtime *, kin_scope *);
void kin__task_refresh(kin__runtime *, kin_task *);
/* Takes the reason over. */
void kin__scope_cancel(kin__runtime *, kin_scope *, kin__reason *);
/* Its `own`, if it was cancelled before its opening in a run that has ended, and
   its reason with it. */
void kin__scope_forget_other_run(kin__runtime *, kin_scope *);
/* A group opens: what reaches through it into graceful scopes. */
void kin__group_find_firm(kin_group *);
/* What is in a graceful scope inside has that long. */
void kin__scope_cancel_gracefully(kin__runtime *, kin_scope *, kin__reason *,
                                  kin_time grace);
void kin__task_cancel(kin__runtime *, kin_task *, kin__reason *);
void kin__reason_claim(kin__runtime *, kin__reason *); /* its scope opens */
void kin__reasons_release(kin__runtime *);             /* the run ends */
void kin__group_cancel_children(kin__runtime *, kin_group *, kin__reason *);
/* What a program asked for. */
kin__reason *kin__reason_requested(kin__runtime *, const kin_site *,
                                   const char *format, va_list);
KIN_PRINTF(5, 6)
kin__reason *kin__reason_here(kin__runtime *, kin_cancel_source,
                              const kin_site *, const kin_error *behind,
                              const char *format, ...);
KIN_PRINTF(6, 7)
kin__reason *kin__reason_from(kin__runtime *, kin_cancel_source,
                              const kin_site *, const char *task,
                              const kin_error *behind, const char *format, ...);

/* scope.c */
enum { KIN__UNOPENED, KIN__OPEN, KIN__CLOSED, KIN__ABANDONED };
enum { /* a scope's flags */
       KIN__SHIELD = 1,
       KIN__FAILS = 2,    /* a deadline that passes is a KIN_TIMEOUT */
       KIN__IS_GROUP = 4, /* the scope is a kin_group's */
       KIN__CAUGHT = 8,
       KIN__CANCEL_CALLED = 16,
       KIN__RELATIVE = 32,    /* the deadline is a length still */
       KIN__BAD_OPTIONS = 64, /* two deadlines */
       KIN__ORPHANS = 128,    /* a group whose children are being abandoned */
       KIN__GRACEFUL = 256,   /* hides cancellations that are in their grace */
       KIN__IN_GRACE = 512,   /* its own is one, until its deadline */
       KIN__SECTION = 1024,   /* a kin_no_yields */
       KIN__CLOSING = 2048    /* its cleanups run */
};
enum { KIN__SCOPE_TAG = 0x6b696e };
static inline void kin__scope_prepare(kin_scope *scope, const kin_site *site)
{
    scope->tag = KIN__SCOPE_TAG;
    scope->state = KIN__UNOPENED;
    scope->flags = 0;
    scope->outer = NULL;
    scope->task = NULL;
    scope->own = scope->effective = NULL;
    scope->deadline = KIN_NEVER;
    scope->timer.back = NULL;
    scope->cleanups = NULL;
    scope->site = site;
    scope->name = NULL;
}
void kin__scope_enter(kin__runtime *, kin_task *, kin_scope *);
/* Takes the innermost scope off its task; whether it absorbs cancellations. */
bool kin__scope_pop(kin__runtime *, kin_scope *);
/* The checks and the mending before a close. *misuse is what is wrong, if
   anything; true: the scope is now the innermost and can be closed. */
bool kin__scope_may_close(const kin_site *, kin_scope *, kin_error **misuse);
/* The KIN_MISUSE of closing what has that scope open, out of a cleanup of it or
   of one inside it; NULL if it is none. */
kin_error *kin__closed_by_cleanup(const kin_site *, const kin_scope *,
                                  const char *kind, const char *name,
                                  const kin_site *opened);
/* The innermost scope was left without a close. */
void kin__scope_leave(kin__runtime *, kin_scope *, const char *how);
/* The KIN_MISUSE of ending a scope that is not the innermost, and the
   KIN_YIELD_PREVENTED by the innermost one. */
kin_error *kin__scope_still_open(const kin_site *, const kin_scope *,
                                 const char *verb);
kin_error *kin__scope_prevents(const kin_site *, const char *generator);
KIN_PRINTF(2, 3)
void kin__misuse(const kin_site *, const char *format, ...);

/* group.c */
static inline kin_group *kin__group_of(kin_scope *scope)
{
    return (kin_group *)scope; /* its first member */
}
static inline bool kin__group_is_open(const kin_group *group)
{
    return group->scope.tag == KIN__SCOPE_TAG &&
           group->scope.state == KIN__OPEN;
}
void kin__group_setup(kin_group *, const kin_site *, const kin_group_options *);
void kin__group_join(kin__runtime *, kin_group *); /* waits for every child */
/* The child of the group that the task is, or is below; or NULL. */
kin_task *kin__child_above(kin_task *, const kin_group *);
/* Stops accepting; a child that waits to be run again is cancelled. */
void kin__group_shut(kin__runtime *, kin_group *, const kin_site *);
/* Its body has ended, or it is shut down: services follow. */
void kin__group_dismiss_services(kin__runtime *, kin_group *);
/* Children other than services, or some that are to be handed over. */
static inline bool kin__group_works(const kin_group *group)
{
    return group->running > group->services || group->starting;
}
/* Now its child; no longer. */
static inline void kin__group_adopt(kin_group *group, kin_task *task)
{
    task->group = group;
    task->younger = NULL;
    task->older = group->last_child;
    *(group->last_child ? &group->last_child->younger : &group->children) =
        task;
    group->last_child = task;
    group->running++;
    if (__builtin_expect(task->service, 0))
        group->services++;
}
static inline void kin__group_release(kin_group *group, kin_task *task)
{
    *(task->older ? &task->older->younger : &group->children) = task->younger;
    *(task->younger ? &task->younger->older : &group->last_child) = task->older;
    group->running--;
    if (__builtin_expect(task->service, 0))
        group->services--;
}
/* A child's outcome, by the group's policy; its task may wait in here. */
void kin__group_child_ended(kin__runtime *, kin_group *, kin_task *,
                            kin_error *outcome);
void kin__group_child_gone(kin__runtime *, kin_group *, kin_task *);
void kin__group_fail(kin__runtime *, kin_group *, const char *task,
                     kin_error *err);
void kin__group_check_end(kin_group *);
void kin__group_used_up(kin__runtime *, kin_group *, kin_task *);
void kin__group_next_turn(kin__runtime *, kin_group *);
/* Cancelled, joined and forgotten, since an outer scope was closed first. */
void kin__group_abandon(kin__runtime *, kin_group *);
void kin__group_leave(kin__runtime *, kin_group *, const char *how);
const char *kin__scope_name(const kin_scope *);

/* To its on_error or the unhandled hook. */
void kin__group_report(kin__runtime *, kin_group *, kin_task *, kin_error *,
                       kin_phase);
kin_error *kin__group_keep_one_cancelled(kin_group *, kin_error *);
void kin__group_succeed(kin__runtime *, kin_group *, kin_task *);

/* defer.c */
/* Runs what was deferred, and appends what it failed with to *late. */
void kin__cleanups_run(kin_scope *, kin_error **late);
/* The outcome, and what came late behind it, in one group. */
kin_error *kin__cleanups_join(const kin_scope *, kin_error *outcome,
                              kin_error **late);

/* restart.c */
typedef struct kin__restarts kin__restarts;
kin__restarts *kin__restarts_new(const kin_restart *); /* NULL: no memory */
kin_error *kin__restarts_run(kin__runtime *, kin_task *);

/* value.c */
typedef struct kin__values kin__values;
kin__values *kin__values_ref(kin__values *); /* NULL-safe, both */
void kin__values_unref(kin__values *);

/* jobs.c */
void kin__job_ended(kin__runtime *, kin_group *, kin_task *, kin_error *);

/* task.c */
/* Those inside `until` (NULL: all); none if it is not open. */
void kin__scopes_leave(kin_task *, const kin_scope *until, const char *how);
/* Mends what a function that has returned should have let go of, with `mend`.
   The scopes and the objects of duties may lie in frames that have been returned
   from, just below this one: before anything is called it reaches down past
   them, so that nothing overwrites them. */
typedef void kin__mender(kin_task *, const kin_scope *until, const char *how);
static inline __attribute__((always_inline)) char *
kin__lower_in_stack(char *lowest, char *here, const void *object, size_t size)
{
    char *at = (char *)object;
    return at < lowest && here - at < (ptrdiff_t)size ? at : lowest;
}
/* The latest duty that lies, or whose object does, in the frames below `here`;
   or NULL. Calls nothing, since that would overwrite them. */
static inline __attribute__((always_inline)) kin__duty *
kin__duty_below(const kin_task *task, char *here, size_t size)
{
    kin__duty *d = task->duties;
    while (d && kin__lower_in_stack(here, here, d, size) == here &&
           kin__lower_in_stack(here, here, d->object, size) == here)
        d = d->next;
    return d;
}
/* Those are let go of. */
void kin__duties_neglect(kin_task *, char *here, size_t size);
static inline __attribute__((always_inline)) void
kin__mend_returned(kin__mender *mend, kin_task *task, const kin_scope *until,
                   size_t stack_size, const char *how)
{
    char *here = __builtin_frame_address(0), *lowest = here;
    size_t size = stack_size ? stack_size : kin__runtime_here->stack_size;
    for (kin_scope *s = task->scope; s && s != until; s = s->outer)
        lowest = kin__lower_in_stack(lowest, here, s, size);
    for (kin__duty *d = task->duties; d; d = d->next) {
        lowest = kin__lower_in_stack(lowest, here, d, size);
        lowest = kin__lower_in_stack(lowest, here, d->object, size);
    }
    volatile char *reach = alloca((size_t)(here - lowest) + 512);
    reach[0] = 0;
#ifdef KIN__ASAN /* which puts a zone around it that nobody may look at */
    __asan_unpoison_memory_region(lowest, (size_t)(here - lowest));
#endif
    mend(task, until, how);
}

/* spawn.c */
kin_task *kin__task_new(kin__runtime *, const kin_site *, kin_fn *, void *arg,
                        const kin_spawn_options *);
static inline void kin__task_free(kin__runtime *rt, kin_task *task)
{
    task->result = NULL;
    task->next = rt->free_tasks;
    rt->free_tasks = task;
}
void kin__tasks_release(kin__runtime *);
kin_group *kin__task_target(const kin_task *); /* a starting one's too */
void kin__starter_ended(kin__runtime *, kin_group *, kin_task *, kin_error *);

/* run.c */
void kin__deadlock(kin__runtime *); /* nothing can ever run again */
void kin__unhandled(kin__runtime *, kin_error *, const char *task,
                    const kin_group *, kin_phase);
/* The phase of what a group reports. */
kin_phase kin__phase_of(const kin__runtime *, const kin_group *);
uint64_t kin__random(kin__runtime *); /* the seed's, if there is one */
KIN_COLD _Noreturn void kin__die(const char *format, ...) KIN_PRINTF(1, 2);

/* interrupt.c */
static inline bool kin__interrupt_waits(const kin__runtime *rt)
{
    return rt->interrupts.come != rt->interrupts.taken;
}
void kin__interrupt_install(kin__runtime *);
void kin__interrupt_remove(kin__runtime *);
void kin__interrupt_deliver(kin__runtime *);
/* The interrupt that is due to the calling task, taken; or NULL. */
kin_error *kin__interrupt_take(kin__runtime *, const kin_site *);

/* One that came too late for the main task, added to the run's outcome. */
kin_error *kin__interrupt_late(kin__runtime *, kin_error *outcome);

/* dump.c */
/* The next task in the tree, parents first; *depth follows. */
kin_task *kin__task_after(kin_task *, size_t *depth);
void kin__dump_children(const kin_group *, FILE *);
kin_error *kin__deadlock_error(kin__runtime *);

#endif
