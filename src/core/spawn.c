/* core/spawn.c: new tasks, and kin_start, which hands a child over once it is
   up.

   Tasks come in chunks from the heap and are reused, last freed first; their
   memory is the runtime's until the run ends, so that a look at the handle of
   an ended task is wrong but never wild.

   kin_start opens a hidden group in its caller, around which are the caller's
   scopes, and runs the child in it. kin_started moves the child to the target,
   unless the start is already cancelled: moving it then would carry a
   cancellation to where nobody absorbs it (C9). Until the child is moved or has
   ended, the target counts it in `starting` and does not close; when the caller
   is below one of the target's children, that child does it. */
#include "core/runtime.h"

#include "base/alloc.h"

#include <string.h>

enum { CHUNK = 64 };

typedef struct kin__task_chunk {
    struct kin__task_chunk *next;
    kin_task *tasks;
    char memory[];
} task_chunk;

static bool add_chunk(kin__runtime *rt)
{
    task_chunk *chunk =
        kin__alloc(sizeof *chunk + (CHUNK + 1) * sizeof(kin_task));
    if (!chunk)
        return false;
    uintptr_t start = (uintptr_t)chunk->memory;
    start = (start + 63) & ~(uintptr_t)63; /* whole cache lines */
    chunk->tasks = (kin_task *)start;
    chunk->next = rt->chunks;
    rt->chunks = chunk;
    memset(chunk->tasks, 0, CHUNK * sizeof(kin_task));
    for (int i = CHUNK - 1; i >= 0; i--) {
        chunk->tasks[i].next = rt->free_tasks;
        rt->free_tasks = &chunk->tasks[i];
    }
    return true;
}

void kin__tasks_release(kin__runtime *rt)
{
    while (rt->chunks) {
        task_chunk *chunk = rt->chunks;
        rt->chunks = chunk->next;
        kin__free(chunk);
    }
}

/* The copy waits in the heap until the task has a stack, which is made so much
   larger. */
static bool copy_argument(kin__runtime *rt, kin_task *task, const void *arg,
                          size_t size)
{
    size_t usual = task->stack_size ? task->stack_size : rt->stack_size;
    task->arg = arg && size < UINT32_MAX / 4 ? kin__alloc(size) : NULL;
    if (!task->arg)
        return false;
    if (size > 4096)
        task->stack_size = (uint32_t)(usual + size);
    memcpy(task->arg, arg, size);
    task->copied = true;
    task->copy = (uint32_t)size;
    return true;
}

/* A task in the free list is clean: it has no stack, scope, reason, errors,
   duties, values or joiners. The rest is set here. */
static inline void clear(kin_task *task)
{
    task->phase = KIN__PENDING;
    task->flags = 0;
    task->saved_errno = 0;
    task->stack_size = 0;
    task->at = NULL;
}

static bool set_options(kin__runtime *rt, kin_task *task,
                        const kin_spawn_options *options)
{
    if (options->name) {
        task->name = options->name;
        task->keeps_name = true;
    }
    task->service = options->service;
    size_t usual = rt->options.stack_size;
    if (options->stack_size && options->stack_size != usual)
        task->stack_size = options->stack_size > UINT32_MAX
                               ? UINT32_MAX
                               : (uint32_t)options->stack_size;
    if (options->restart.budget) {
        task->plan = kin__restarts_new(&options->restart);
        if (!task->plan)
            return false;
        task->restarts = true;
    }
    if (!options->copy || copy_argument(rt, task, task->arg, options->copy))
        return true;
    kin__free(task->plan);
    task->plan = NULL;
    return false;
}

kin_task *kin__task_new(kin__runtime *rt, const kin_site *site, kin_fn *fn,
                        void *arg, const kin_spawn_options *options)
{
    if (__builtin_expect(!rt->free_tasks, 0) && !add_chunk(rt))
        return NULL;
    kin_task *task = rt->free_tasks;
    clear(task);
    task->fn = fn;
    task->arg = arg;
    task->site = site;
    task->name = site->name;
    if (options && !set_options(rt, task, options))
        return NULL;
    rt->free_tasks = task->next;
    rt->tasks++;
    return task;
}

/* Whoever waits behind the limit starts when its turn comes; services do not
   count, since they would never make room. */
static inline __attribute__((always_inline)) void
start_or_wait(kin__runtime *rt, kin_group *group, kin_task *task, bool service)
{
    if (group->limit && !service) {
        task->limited = true;
        if (group->active >= group->limit) {
            task->next = NULL;
            *(group->last_pending ? &group->last_pending->next
                                  : &group->pending) = task;
            group->last_pending = task;
            return;
        }
        group->active++;
    }
    kin__ready(rt, task);
    task->phase = KIN__PENDING;
}

/* The child that never was: a handle that is safe to look at. */
static kin_task *stillborn(kin__runtime *rt, const kin_site *site,
                           const kin_spawn_options *options)
{
    kin_task *task = &rt->stillborn;
    clear(task);
    task->phase = KIN__ENDED;
    task->outcome = KIN_TASK_FAILED;
    task->site = site;
    task->name = options && options->name ? options->name : site->name;
    task->group = &rt->root;
    return task;
}

static void refuse(kin__runtime *rt, kin_group *group, kin_task *task,
                   kin_error *err)
{
    kin__error_unhold(err);
    kin__group_child_ended(rt, group, task, err);
    task->result = NULL;
}

/* NULL if children may be spawned; else what stands against it. */
static const char *closed_because(const kin__runtime *rt,
                                  const kin_group *group)
{
    if (!group)
        return "is NULL";
    if (group->scope.tag != KIN__SCOPE_TAG)
        return "was never initialised";
    if (group->scope.state == KIN__UNOPENED)
        return "is not open yet";
    if (group->scope.state != KIN__OPEN)
        return "is already closed";
    if (group->policy == KIN__HAND_OVER)
        return "is the run's own"; /* the main task's, or a hidden one */
    return group->run == rt ? NULL : "belongs to another thread's run";
}

static const char *describe(const kin_group *group, char *text, size_t size)
{
    if (!group || group->scope.tag != KIN__SCOPE_TAG)
        return "a group";
    const kin_site *site = group->scope.site;
    snprintf(text, size, "group \"%s\" (%s:%d)", kin_group_name(group),
             site->file, site->line);
    return text;
}

static __attribute__((noinline)) kin_task *
spawn_nobody(kin__runtime *rt, const kin_site *site, kin_group *group,
             kin_fn *fn, const void *arg, const kin_spawn_options *options)
{
    char which[256];
    const char *closed = closed_because(rt, group);
    kin_task *task = stillborn(rt, site, options);
    if (closed)
        kin__misuse(site, "kin_spawn of %s into %s, which %s", site->name,
                    describe(group, which, sizeof which), closed);
    else if (!fn || (options && options->copy && !arg))
        kin__misuse(site, "kin_spawn into %s: %s is NULL",
                    describe(group, which, sizeof which),
                    fn ? "what to .copy" : "the function");
    else if (group->shut)
        refuse(rt, group, task,
               kin_fail_at(site, &KIN_CLOSED,
                           "group \"%s\" is shutting down: %s was not started",
                           kin_group_name(group), site->name));
    else
        refuse(rt, group, task,
               kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory for a task to run %s", site->name));
    return task;
}

/* The values that it sees. */
static inline __attribute__((always_inline)) void
inherit(const kin__runtime *rt, const kin_group *group, kin_task *task)
{
    const kin_task *spawner = rt->current;
    if (__builtin_expect(group->values_at_opening, 0))
        task->values = kin__values_ref(group->values);
    else if (__builtin_expect(spawner && spawner->values, 0))
        task->values = kin__values_ref(spawner->values);
}

kin_task *kin_spawn_at(const kin_site *site, kin_group *group, kin_fn *fn,
                       void *arg, const kin_spawn_options *options)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_spawn");
    if (__builtin_expect(!group || !fn || group->scope.state != KIN__OPEN ||
                             group->shut || group->run != rt ||
                             group->policy == KIN__HAND_OVER ||
                             group->scope.tag != KIN__SCOPE_TAG,
                         0))
        return spawn_nobody(rt, site, group, fn, arg, options);
    kin_task *task = kin__task_new(rt, site, fn, arg, options);
    if (__builtin_expect(!task, 0))
        return spawn_nobody(rt, site, group, fn, arg, options);
    group->had_child = true;
    inherit(rt, group, task);
    kin__group_adopt(group, task);
    task->cancelled = kin__task_base(task);
    start_or_wait(rt, group, task, task->service);
    return task;
}

/* Starting. */

typedef struct starter {
    kin_group group; /* hidden: its one child is the one that starts */
    kin_group *target;
    bool counted; /* in its `starting` */
    void *value;
    kin_error *outcome; /* what the child ended with before it was up */
    bool called;        /* kin_started was */
    bool moved;
    bool service; /* what it becomes when it is up; until then the start can be
                     cancelled */
} starter;

static starter *starter_of(kin_group *group)
{
    return (starter *)group;
}

/* A task that has not called kin_started yet counts as its target's. */
kin_group *kin__task_target(const kin_task *task)
{
    kin_group *group = task->group;
    return group->policy == KIN__HAND_OVER && group->scope.task
               ? starter_of(group)->target
               : group;
}

/* The child has been moved or has ended. */
static void target_let_go(const starter *s)
{
    s->target->starting -= s->counted;
    kin__group_check_end(s->target);
}

void kin__starter_ended(kin__runtime *rt, kin_group *group, kin_task *task,
                        kin_error *outcome)
{
    if (group == &rt->root) {
        if (outcome)
            kin__error_hold(&rt->outcome, outcome);
        return;
    }
    starter *s = starter_of(group);
    if (outcome)
        kin__error_hold(&s->outcome, outcome);
    if (task->limited) {
        task->limited = false;
        s->target->active--;
        kin__group_next_turn(rt, s->target);
    }
}

static void move_to_target(kin__runtime *rt, starter *s, kin_task *task)
{
    kin_group *target = s->target;
    kin__group_release(&s->group, task);
    task->service = s->service;
    kin__group_adopt(target, task);
    target->had_child = true;
    s->moved = true;
    kin__task_refresh(rt, task);
    target_let_go(s);
    kin__group_check_end(&s->group);
}

void kin_started_at(const kin_site *site, void *value)
{
    kin_task *task = kin__task_of(site, "kin_started");
    kin__runtime *rt = kin__runtime_here;
    if (task->started) {
        kin__misuse(site, "task \"%s\" calls kin_started a second time",
                    task->name);
        return;
    }
    if (task->group->policy != KIN__HAND_OVER || task->group == &rt->root)
        return; /* it was spawned plainly */
    starter *s = starter_of(task->group);
    task->started = s->called = true;
    s->value = value;
    if (!s->group.scope.effective)
        move_to_target(rt, s, task);
}

static kin_error *refused(const kin_site *site, const kin_group *target,
                          kin_fn *fn)
{
    char which[256];
    const char *closed = closed_because(kin__runtime_here, target);
    if (closed)
        return kin_fail_at(site, &KIN_MISUSE, "kin_start of %s in %s, which %s",
                           site->name, describe(target, which, sizeof which),
                           closed);
    if (!fn)
        return kin_fail_at(site, &KIN_MISUSE, "kin_start of NULL");
    if (target->shut)
        return kin_fail_at(site, &KIN_CLOSED,
                           "group \"%s\" is shutting down: %s was not started",
                           kin_group_name(target), site->name);
    return NULL;
}

static kin_error *outcome_of_start(const kin_site *site, starter *s,
                                   void **value)
{
    if (s->outcome)
        return kin__error_list_take(&s->outcome);
    if (!s->called)
        return kin_fail_at(site, &KIN_MISUSE,
                           "%s ended without calling kin_started", site->name);
    if (value)
        *value = s->value;
    return NULL;
}

kin_error *kin_start_at(const kin_site *site, kin_group *target, kin_fn *fn,
                        void *arg, void **value,
                        const kin_spawn_options *options)
{
    kin_task *caller = kin__task_of(site, "kin_start");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(refused(site, target, fn));
    kin_task *task = kin__task_new(rt, site, fn, arg, options);
    if (!task)
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory for a task to run %s", site->name);
    starter s = {.target = target, .service = task->service};
    task->service = false;
    kin__group_setup(&s.group, site, NULL);
    s.group.policy = KIN__HAND_OVER;
    s.group.run = rt;
    kin__scope_enter(rt, caller, &s.group.scope);
    kin__group_find_firm(&s.group);
    inherit(rt, target, task);
    kin__group_adopt(&s.group, task);
    task->cancelled = kin__task_base(task);
    s.counted = !kin__child_above(caller, target);
    target->starting += s.counted;
    start_or_wait(rt, target, task, s.service);
    kin__group_join(rt, &s.group);
    bool absorbs = kin__scope_pop(rt, &s.group.scope), some;
    if (!s.moved)
        target_let_go(&s);
    kin_error *outcome = outcome_of_start(site, &s, value);
    if (absorbs && kin__interrupt_waits(rt)) {
        /* the interrupt has cancelled the hidden group */
        outcome = kin__error_strip(outcome, &KIN_CANCELLED, &some);
        if (some && !outcome)
            outcome = kin__interrupt_take(rt, site);
    }
    kin__timer_clear(rt, &s.group.grace);
    kin__reason_unref(s.group.scope.own);
    kin__reason_unref(s.group.shutdown);
    if (outcome)
        kin__error_hold(&caller->held, outcome);
    return outcome;
}
