/* core/schedule.c: who runs next, and the switch.

   The run queue is first in, first out: a list through the tasks. With a seed,
   a batch of it at a time is shuffled, as Trio does, so that no task waits for
   more than one batch. A task that gives way switches straight to the next one;
   every KIN__ROUND switches, at each one when there is a seed, and when something
   is odd it goes to the loop in run.c instead, on the thread's own stack.

   Invariants: while a task runs, rt->current is it and rt->budget is what it
   has left of its checkpoints. Whoever switches to a task sets both, and passes
   as the value of the switch what a checkpoint of that task returns: so giving
   way is a tail call, with nothing to be done on coming back. */
#include "core/runtime.h"

_Thread_local kin__runtime *kin__runtime_here;

/* The next number of a sequence, whose state is any number (splitmix64). */
static uint64_t next_of(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

uint64_t kin__random(kin__runtime *rt)
{
    return next_of(&rt->chance);
}

static kin_task *take_first(kin__runtime *rt)
{
    kin_task *task = rt->ready;
    rt->ready = task->next;
    if (!rt->ready)
        rt->ready_end = &rt->ready;
    else /* with many stacks it is memory that one waits for */
        __builtin_prefetch(rt->ready->suspended.sp);
    return task;
}

/* Deals the queue out on two piles by the toss of a coin and puts them on top of
   each other, again and again: a radix sort by random keys, which is a fair
   shuffle and needs no memory. */
static void shuffle(kin__runtime *rt)
{
    size_t count = 0;
    for (kin_task *t = rt->ready; t; t = t->next)
        count++;
    rt->batch = count;
    for (size_t keys = 1; keys / 2 < count * count; keys *= 2) {
        kin_task *piles[2] = {NULL, NULL}, **ends[2] = {&piles[0], &piles[1]};
        for (kin_task *t = rt->ready; t; t = t->next) {
            int side = next_of(&rt->random) >> 63;
            *ends[side] = t;
            ends[side] = &t->next;
        }
        *ends[1] = NULL;
        rt->ready_end = ends[1] == &piles[1] ? ends[0] : ends[1];
        *ends[0] = piles[1];
        rt->ready = piles[0];
    }
}

kin_task *kin__ready_take(kin__runtime *rt)
{
    if (rt->random && rt->batch == 0)
        shuffle(rt);
    if (!rt->ready)
        return NULL;
    if (rt->random)
        rt->batch--;
    return take_first(rt);
}

/* What the checkpoint of that task returns when it is resumed now. */
static inline void *arrive(kin__runtime *rt, kin_task *task)
{
    bool looks = task->cancelled && task->phase == KIN__YIELDED;
    task->phase = KIN__RUNNING;
    rt->current = task;
    rt->budget = KIN__BUDGET;
    *rt->thread_errno = task->saved_errno;
    return looks ? kin__checkpoint_failure(rt, task->at) : NULL;
}

static void run_tasks(void *);

/* Gives a new task its stack; false: there is none to be had. */
static bool attach(kin__runtime *rt, kin_task *task)
{
    task->stack = kin__stack_get(rt->stacks, task->stack_size, task);
    if (__builtin_expect(!task->stack, 0))
        return false;
    kin__context_start(&task->suspended, task->stack, run_tasks, rt);
    return true;
}

/* Whether the first in the queue may be switched to without a look at the rest
   of the world. */
static inline bool may_go_straight(kin__runtime *rt)
{
    return __builtin_expect(--rt->round != 0, 1) && rt->ready;
}

/* A tail call, where no tool wants to be told of the arrival. */
static inline void *switch_to(kin_task *from, kin__stack *stack,
                              kin__context *to, void *value)
{
    kin__context_leaving(from->stack, stack, false);
    value = kin__switch(&from->suspended, to, value);
    kin__context_arrived(from->stack);
    return value;
}

static inline void *switch_to_next(kin__runtime *rt, kin_task *from)
{
    kin_task *next = take_first(rt);
    void *value = arrive(rt, next);
    if (next == from)
        return value;
    return switch_to(from, next->stack, &next->suspended, value);
}

/* To one that is new, or that arrives with a failure, or to the loop. */
static __attribute__((noinline)) void *switch_slowly(kin__runtime *rt,
                                                     kin_task *from)
{
    if (rt->round != 0 && rt->ready &&
        (rt->ready->stack || attach(rt, rt->ready)))
        return switch_to_next(rt, from);
    rt->current = NULL;
    return switch_to(from, NULL, &rt->loop, NULL);
}

/* Switches from the current task, which is parked or in the queue, to the next
   one. Returns when somebody has switched back. All that is out of the ordinary
   is elsewhere, so that the ordinary way needs no frame. */
static inline void *switch_away(kin__runtime *rt, kin_task *from)
{
    from->saved_errno = *rt->thread_errno;
    if (may_go_straight(rt) && rt->ready->stack && !rt->ready->cancelled)
        return switch_to_next(rt, from);
    return switch_slowly(rt, from);
}

void kin__suspend(kin__runtime *rt, kin_task *task)
{
    switch_away(rt, task);
}

static inline void *give_way(kin__runtime *rt, kin_task *task)
{
    kin__ready_append(rt, task);
    return switch_away(rt, task);
}

/* No stack to be had: the child fails on the last reserve, one after the other,
   so that its failure takes the way of all failures. */
static bool attach_spare(kin__runtime *rt, kin_task *task)
{
    if (!rt->spare_stack) {
        task->next = NULL;
        *rt->starved_end = task;
        rt->starved_end = &task->next;
        return false;
    }
    task->unborn = true;
    task->stack = rt->spare_stack;
    rt->spare_stack = NULL;
    kin__stack_set_owner(task->stack, task);
    kin__context_start(&task->suspended, task->stack, run_tasks, rt);
    return true;
}

bool kin__resume(kin__runtime *rt, kin_task *task)
{
    if (!task->stack && !attach(rt, task) && !attach_spare(rt, task))
        return false;
    void *value = arrive(rt, task);
    kin__context_leaving(NULL, task->stack, false);
    kin__switch(&rt->loop, &task->suspended, value);
    kin__context_arrived(NULL);
    return true;
}

/* With the stack that goes back may start a task that found none. The reserve is
   one of the usual size, since a program's .on_error may run on it. */
void kin__put_stack(kin__runtime *rt, kin__stack *stack)
{
    if (!rt->spare_stack && kin__stack_size(stack) >= rt->stack_size)
        rt->spare_stack = stack;
    else
        kin__stack_put(rt->stacks, stack);
    if (__builtin_expect(rt->starved != NULL, 0)) {
        kin_task *task = rt->starved;
        rt->starved = task->next;
        if (!rt->starved)
            rt->starved_end = &rt->starved;
        kin__ready(rt, task);
    }
}

/* A task has ended on this stack. If the next one is new it runs here, in
   place: true. Else the stack goes back, and this does not return. */
static bool go_on_with_next(kin__runtime *rt, kin__stack *stack, bool usual)
{
    bool straight = may_go_straight(rt);
    kin_task *next = straight ? rt->ready : NULL;
    if (next && usual && !next->stack && !next->stack_size) {
        take_first(rt)->stack = stack;
        kin__stack_set_owner(stack, next);
        arrive(rt, next);
        return true;
    }
    kin__put_stack(rt, stack);
    if (next && next->stack) {
        void *value = arrive(rt, take_first(rt));
        kin__context_leaving(stack, next->stack, true);
        kin__switch(&rt->gone, &next->suspended, value);
    }
    rt->current = NULL;
    kin__context_leaving(stack, NULL, true);
    kin__switch(&rt->gone, &rt->loop, NULL);
    return false; /* not reached */
}

/* The entry of every stack. */
static void run_tasks(void *argument)
{
    kin__runtime *rt = argument;
    kin__stack *stack = rt->current->stack;
    bool usual = !rt->current->stack_size;
    kin__context_arrived(stack);
    do
        kin__task_run(rt->current);
    while (go_on_with_next(rt, stack, usual));
}

/* The checkpoints. */

kin_error *kin__checkpoint_failure(kin__runtime *rt, const kin_site *site)
{
    rt->round = 1; /* the loop is wanted, or soon will be */
    if (kin__interrupt_waits(rt)) {
        kin_error *interrupt = kin__interrupt_take(rt, site);
        if (interrupt)
            return interrupt;
    }
    return rt->current->cancelled ? kin__error_cancelled(site) : NULL;
}

/* A running task notices deadlines too: only where there are any is the clock
   read. */
static __attribute__((noinline)) void look_at_clock(kin__runtime *rt)
{
    if (rt->timers && !rt->clock.is_virtual)
        kin__timers_fire(rt, kin__clock_now(&rt->clock));
}

/* At a checkpoint: the clock is read when a part of a millisecond has passed
   since it was last, for which the processor's counter is enough. */
void kin__glance_at_clock(kin__runtime *rt)
{
#ifdef __x86_64__
    uint64_t ticks = __builtin_ia32_rdtsc();
    if (ticks - rt->last_glance < 1000000) /* at 1 GHz or more */
        return;
    rt->last_glance = ticks;
#endif
    look_at_clock(rt);
}

static __attribute__((noinline)) kin_error *
checkpoint_slowly(const kin_site *site)
{
    kin_task *task = kin__task_of(site, "kin_checkpoint");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__cancel_point(rt, site));
    kin__glance_at_clock(rt);
    task->at = site;
    task->phase = KIN__YIELDED;
    return give_way(rt, task);
}

kin_error *kin_checkpoint_at(const kin_site *site)
{
    kin__runtime *rt = kin__runtime_here;
    kin_task *task = rt ? rt->current : NULL;
    if (__builtin_expect(
            !task || task->cancelled || rt->attention || rt->timers, 0))
        return checkpoint_slowly(site);
    task->at = site;
    task->phase = KIN__YIELDED;
    return give_way(rt, task);
}

void kin_give_way(void)
{
    kin_task *task = kin__task_of(NULL, "kin_give_way");
    task->at = NULL;
    task->phase = KIN__READY;
    give_way(kin__runtime_here, task);
}

kin_error *kin__spent(void)
{
    kin_give_way();
    return NULL;
}

kin_error *kin_checkpoint_if_cancelled_at(const kin_site *site)
{
    kin__task_of(site, "kin_checkpoint_if_cancelled");
    look_at_clock(kin__runtime_here);
    return kin__cancel_point(kin__runtime_here, site);
}

kin_error *kin_pass_at(const kin_site *site)
{
    kin_task *task = kin__task_of(site, "kin_pass");
    kin__runtime *rt = kin__runtime_here;
    if (__builtin_expect(rt->timers != NULL, 0))
        kin__glance_at_clock(rt);
    kin_error *err = kin__cancel_point(rt, site);
    if (__builtin_expect(err != NULL, 0))
        return err;
    if (__builtin_expect(--rt->budget != 0, 1))
        return NULL;
    look_at_clock(rt);
    task->at = site;
    task->phase = KIN__YIELDED;
    return give_way(rt, task);
}
