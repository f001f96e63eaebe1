/* core/run.c: a run from its beginning to its end, and the loop in between.

   The loop runs on the thread's own stack. It looks at the world (timers,
   completed operations, what other threads and signals want), and resumes the
   next task, which switches from task to task without it until it is needed
   again. When nobody can run it waits for the world, or, on the virtual clock,
   jumps. When nothing in the world could ever make anybody run again, that is a
   deadlock: the run is cancelled with an error that says who waits for what.

   A run has two groups that no task has opened: `root`, whose only child is the
   main task, and `background`, a supervisor. When the main task has ended the
   background gets its grace, is cancelled and joined. Everything that the run
   owns is in its kin__runtime, which is freed here. */
#include "core/generator.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* When things are beyond reporting to a parent. */

void kin__die(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "kin: %s\n", line);
    abort();
}

void kin__outside(const kin_site *site, const char *what)
{
    const char *where = kin__runtime_here ? "outside a task" : "outside a run";
    if (site)
        kin__die("%s at %s:%d (%s) %s", what, site->file, site->line,
                 site->function, where);
    kin__die("%s %s", what, where);
}

static void print_unhandled(const kin_unhandled *u)
{
    static const char *const what[] = {
        [KIN_PHASE_RUNNING] = "failed, and nobody is there to receive it",
        [KIN_PHASE_RESTART] = "failed, and will be run again",
        [KIN_PHASE_SHUTDOWN] = "failed while it was being shut down"};
    fprintf(stderr, "kin: task \"%s\"", u->task);
    if (u->group)
        fprintf(stderr, " in group \"%s\"", u->group);
    fprintf(stderr, " %s:\n", what[u->phase]);
    kin_error_print(u->error, stderr);
}

void kin__unhandled(kin__runtime *rt, kin_error *err, const char *task,
                    const kin_group *group, kin_phase phase)
{
    kin_task *current = rt->current;
    kin_unhandled now = {err, task, group ? kin_group_name(group) : NULL,
                         phase};
    const kin_unhandled *before = rt->unhandled;
    rt->current = NULL; /* what the hook itself makes is nobody's */
    rt->unhandled = &now;
    kin__error_unhold(err);
    if (rt->options.unhandled && !before) /* else it would be told for ever */
        rt->options.unhandled(err, task, rt->options.context);
    else
        print_unhandled(&now);
    kin_error_free(err);
    rt->unhandled = before;
    rt->current = current;
}

const kin_unhandled *kin_unhandled_now(void)
{
    return kin__runtime_here ? kin__runtime_here->unhandled : NULL;
}

/* What errors are told of the task that makes them. */

static kin_error **held_list(void)
{
    kin__runtime *rt = kin__runtime_here;
    return rt && rt->current ? &rt->current->held : NULL;
}

static void describe_origin(kin__origin *origin)
{
    kin__runtime *rt = kin__runtime_here;
    kin_task *task = rt ? rt->current : NULL;
    origin->held = NULL;
    origin->task = NULL;
    origin->name_is_static = true;
    origin->reason = NULL;
    origin->chain_count = origin->chain_total = 0;
    if (!task)
        return;
    origin->held = &task->held;
    origin->task = task->name;
    origin->name_is_static = !task->keeps_name;
    origin->reason = rt->aborted ? rt->aborted : task->cancelled;
    for (; task; task = task->group->scope.task) {
        if (origin->chain_count < KIN__CHAIN_MAX)
            origin->chain[origin->chain_count++] = task->site;
        if (++origin->chain_total == 64)
            break; /* deep enough to say "and more" */
    }
}

static void note_lost(void)
{
    kin__runtime_here->lost = true;
}

static const struct kin__error_host host = {describe_origin, held_list,
                                            note_lost};

static kin__stack_owner describe_owner(void *owner)
{
    const kin_generator *generator = kin__generator_of_owner(owner);
    if (generator)
        return (kin__stack_owner){"generator", kin__generator_name(generator),
                                  "opened", generator->site};
    const kin_task *task = owner;
    return (kin__stack_owner){"task", task->name, "spawned", task->site};
}

/* The loop. */

static kin_time until_next_timer(const kin__runtime *rt)
{
    return rt->timers ? kin__clock_wait(&rt->clock, rt->timers->when)
                      : KIN_NEVER;
}

static void look_at_world(kin__runtime *rt)
{
    rt->switches += rt->full_round - rt->round;
    rt->attention = 0; /* before the look: a signal after it sets it again */
    if (kin__interrupt_waits(rt))
        rt->attention = 1;
    rt->round = rt->full_round = rt->random || rt->attention ? 1 : KIN__ROUND;
    if (kin__interrupt_waits(rt))
        kin__interrupt_deliver(rt);
    if (rt->timers)
        kin__timers_fire(rt, kin__clock_now(&rt->clock));
    if (rt->io->pending(rt->reactor))
        rt->io->wait(rt->reactor, 0);
}

static bool world_may_call(const kin__runtime *rt)
{
    return rt->io->pending(rt->reactor) || rt->external;
}

/* Nobody has run for as long as the first of them asked for. */
static bool idle_for(kin__runtime *rt, kin_time length)
{
    if (length > 0) {
        kin_time next = until_next_timer(rt), start = kin__real_now();
        rt->io->wait(rt->reactor, next < length ? next : length);
        if (next < length || kin__real_now() - start < length)
            return false; /* something happened */
    }
    return !rt->ready;
}

/* Once a second, when there is nothing to do; true: there is more to give. */
static bool give_memory_back(kin__runtime *rt)
{
    kin_time now = kin__real_now();
    if (now < rt->next_trim)
        return false;
    bool more = kin__stack_pool_trim(rt->stacks);
    if (!more)
        rt->next_trim = now + KIN_SECONDS(1);
    return more;
}

static void wait_for_world(kin__runtime *rt)
{
    kin_time next = until_next_timer(rt);
    if (rt->idlers) {
        if (idle_for(rt, rt->idlers->cushion))
            kin__idlers_wake(rt);
        return;
    }
    bool jumps =
        rt->clock.is_virtual && rt->timers && rt->clock.autojump < next;
    if (jumps) {
        if (idle_for(rt, rt->clock.autojump)) {
            if (rt->clock.base < rt->timers->when)
                rt->clock.base = rt->timers->when;
            rt->clock.real_base = kin__real_now();
        }
    } else if (next == KIN_NEVER && !world_may_call(rt)) {
        kin__deadlock(rt);
    } else {
        rt->io->wait(rt->reactor, give_memory_back(rt) ? 0 : next);
    }
}

/* The main task has ended: the background follows. */
enum { RUNNING, IN_GRACE, CANCELLED };

/* How long those who were cancelled may take before somebody is told. */
static kin_time patience(const kin__runtime *rt)
{
    return rt->options.shutdown_grace > 0 ? rt->options.shutdown_grace
                                          : KIN_SECONDS(1);
}

kin_phase kin__phase_of(const kin__runtime *rt, const kin_group *group)
{
    bool ending = rt->phase != RUNNING || group->scope.effective || group->shut;
    return ending ? KIN_PHASE_SHUTDOWN : KIN_PHASE_RUNNING;
}

/* They were cancelled a while ago, and are still there. */
static void list_unended(kin__timer *timer)
{
    kin__runtime *rt = kin__runtime_here;
    (void)timer;
    fprintf(stderr,
            "kin: the run cannot end: %zu background task%s cancelled %g s ago "
            "and did not end:\n",
            rt->background.running,
            rt->background.running == 1 ? " was" : "s were",
            (double)patience(rt) / 1e9);
    kin__dump_children(&rt->background, stderr);
}

static void grace_passed(kin__timer *timer)
{
    kin__runtime *rt = kin__runtime_here;
    (void)timer;
    rt->phase = CANCELLED;
    kin__scope_cancel(rt, &rt->background.scope,
                      kin__reason_from(rt, KIN_BY_SHUTDOWN, NULL, NULL, NULL,
                                       "the run ends"));
    kin__group_dismiss_services(rt, &rt->background);
    if (rt->background.running)
        kin__timer_set(rt, &rt->grace,
                       kin__later(kin__clock_now(&rt->clock), patience(rt)),
                       list_unended);
}

static void begin_shutdown(kin__runtime *rt)
{
    rt->phase = IN_GRACE;
    kin__group_shut(rt, &rt->background, NULL);
    if (rt->options.shutdown_grace > 0 && kin__group_works(&rt->background))
        kin__timer_set(
            rt, &rt->grace,
            kin__later(kin__clock_now(&rt->clock), rt->options.shutdown_grace),
            grace_passed);
    else
        grace_passed(NULL);
}

static void loop(kin__runtime *rt)
{
    for (;;) {
        look_at_world(rt);
        if (!rt->root.running && rt->phase == RUNNING)
            begin_shutdown(rt);
        kin_task *task = kin__ready_take(rt);
        if (task)
            kin__resume(rt, task);
        else if (rt->tasks == 0)
            break;
        else
            wait_for_world(rt);
    }
}

/* Deadlock. */

static void break_shields(kin__runtime *rt, kin_task *first)
{
    size_t depth = 0;
    for (kin_task *t = first; t; t = kin__task_after(t, &depth))
        for (kin_scope *s = t->scope; s; s = s->outer)
            s->flags &= ~KIN__SHIELD;
    for (kin_task *t = first; t; t = kin__task_after(t, &depth))
        kin__task_refresh(rt, t);
}

/* First the run is cancelled; then, if that was not enough, shields are broken;
   then there is nothing left that could end it. */
void kin__deadlock(kin__runtime *rt)
{
    if (rt->deadlock_stage == 0) {
        rt->deadlock = kin__deadlock_error(rt);
        kin__reason *why =
            kin__reason_from(rt, KIN_BY_SHUTDOWN, NULL, NULL, rt->deadlock,
                             "deadlock: nothing can ever run again");
        kin__scope_cancel(rt, &rt->background.scope, kin__reason_ref(why));
        kin__scope_cancel(rt, &rt->root.scope, why);
    } else if (rt->deadlock_stage == 1) {
        break_shields(rt, rt->root.children);
        break_shields(rt, rt->background.children);
    } else {
        kin_error_print(rt->deadlock, stderr);
        kin__die("deadlock: the tasks above cannot be cancelled");
    }
    rt->deadlock_stage++;
}

/* What comes out of the run: the main task's outcome; if the run itself was
   cancelled, less the KIN_CANCELLED that this made, with what it was cancelled
   for (a deadlock, an exit of a background task). */
static kin_error *outcome_of(kin__runtime *rt)
{
    const kin_site *site = rt->root.scope.site;
    kin_error *outcome = kin__error_list_take(&rt->outcome), *err;
    bool some;
    if (outcome && rt->root.scope.own)
        outcome = kin__error_strip(outcome, &KIN_CANCELLED, &some);
    if (rt->deadlock)
        outcome = kin_error_combine_at(site, rt->deadlock, outcome);
    while ((err = kin__error_list_take(&rt->background.errors))) {
        if (kin__error_only(err, &KIN_CANCELLED))
            kin_error_free(err);
        else
            outcome = kin_error_combine_at(site, outcome, err);
    }
    outcome = kin__interrupt_late(rt, outcome);
    return !outcome && rt->lost ? kin__error_lost() : outcome;
}

/* Beginning and end. */

/* What kin__random begins with. On a virtual clock a run goes the same way each
   time, whether it has a seed or not. */
static uint64_t chance_of(const kin_run_options *options)
{
    if (options->seed || options->clock == KIN_CLOCK_VIRTUAL)
        return options->seed + 1;
    return (uint64_t)kin__real_now();
}

static kin_error *set_up(kin__runtime *rt, const kin_site *site,
                         const kin_run_options *options)
{
    if (options)
        rt->options = *options;
    rt->thread_errno = &errno;
    rt->ready_end = &rt->ready;
    rt->starved_end = &rt->starved;
    rt->deliver_end = &rt->deliver;
    rt->round = rt->full_round = 1;
    rt->random = rt->options.seed;
    rt->chance = chance_of(&rt->options);
    rt->serial = (uint16_t)(kin__real_now() >> 8);
    static uint64_t keys; /* two a run, from many threads */
    rt->key = __atomic_add_fetch(&keys, 2, __ATOMIC_RELAXED);
    kin__clock_start(&rt->clock, rt->options.clock);
    kin__group_setup(&rt->root, site, NULL);
    rt->root.policy = KIN__HAND_OVER;
    rt->root.scope.name = "run";
    rt->root.scope.state = KIN__OPEN;
    rt->root.run = rt->background.run = rt;
    kin__group_setup(&rt->background, site, NULL);
    rt->background.policy = KIN_EACH;
    rt->background.scope.name = "background";
    rt->background.scope.state = KIN__OPEN;
    rt->io = &kin__reactor_epoll;
    PASS_ON(rt->io->open(&rt->reactor));
    rt->stacks = kin__stack_pool_new(rt->options.stack_size,
                                     rt->options.unguarded, describe_owner);
    if (rt->stacks)
        rt->spare_stack = kin__stack_get(rt->stacks, 0, NULL);
    if (!rt->spare_stack)
        return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for stacks");
    rt->stack_size = kin__stack_size(rt->spare_stack);
    return NULL;
}

static kin_error *spawn_main(kin__runtime *rt, const kin_site *site, kin_fn *fn,
                             void *arg)
{
    rt->main = kin__task_new(rt, site, fn, arg, NULL);
    if (!rt->main)
        return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for the main task");
    kin__group_adopt(&rt->root, rt->main);
    rt->main->cancelled = NULL;
    kin__ready(rt, rt->main);
    rt->main->phase = KIN__PENDING;
    return NULL;
}

static void tear_down(kin__runtime *rt)
{
    if (rt->spare_stack)
        kin__stack_put(rt->stacks, rt->spare_stack);
    if (rt->stacks)
        kin__stack_pool_free(rt->stacks);
    if (rt->reactor)
        rt->io->close(rt->reactor);
    kin__reason_unref(rt->root.scope.own);
    kin__reason_unref(rt->background.scope.own);
    kin__reason_unref(rt->root.shutdown);
    kin__reason_unref(rt->background.shutdown);
    kin__reasons_release(rt);
    kin__error_release_kept(&rt->dropped);
    kin__tasks_release(rt);
}

static kin_error *run(kin__runtime *rt, const kin_site *site, kin_fn *fn,
                      void *arg)
{
    PASS_ON(spawn_main(rt, site, fn, arg));
    kin__interrupt_install(rt);
    kin__runtime_here = rt;
    kin__error_host = &host;
    loop(rt);
    kin_error *outcome = outcome_of(rt);
    kin__error_host = NULL;
    kin__runtime_here = NULL;
    kin__interrupt_remove(rt);
    return outcome;
}

kin_error *kin_run_at(const kin_site *site, kin_fn *fn, void *arg,
                      const kin_run_options *options)
{
    if (kin__runtime_here)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_run inside a run: open a group instead");
    if (!fn)
        return kin_fail_at(site, &KIN_MISUSE, "kin_run of NULL");
    kin__runtime *rt = kin__alloc(sizeof *rt);
    if (!rt)
        return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for a run");
    memset(rt, 0, sizeof *rt);
    kin_error *outcome = set_up(rt, site, options);
    if (!outcome)
        outcome = run(rt, site, fn, arg);
    tear_down(rt);
    kin__free(rt);
    return outcome;
}

int kin_main_at(const kin_site *site, kin_fn *fn, void *arg,
                const kin_run_options *options)
{
    bool show;
    int above = kin_hand_up_open();
    kin_error *err = kin_run_at(site, fn, arg, options);
    int status = kin_error_exit_status(err, &show);
    if (show)
        kin_error_print(err, stderr);
    kin_hand_up_close(above, show ? err : NULL);
    kin_error_free(err);
    return status;
}

kin_task *kin_spawn_background_at(const kin_site *site, kin_fn *fn, void *arg,
                                  const kin_spawn_options *options)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_spawn_background");
    return kin_spawn_at(site, &rt->background, fn, arg, options);
}

kin_group *kin_background(void)
{
    return &kin__runtime_of(NULL, "kin_background")->background;
}

kin_run_statistics kin_run_stats(void)
{
    kin__runtime *rt = kin__runtime_of(NULL, "kin_run_stats");
    kin_run_statistics stats = {
        .tasks = rt->tasks,
        .next_timer = rt->timers ? kin_left(rt->timers->when) : KIN_NEVER,
        .switches = rt->switches,
    };
    for (const kin_task *t = rt->ready; t; t = t->next)
        stats.runnable++;
    return stats;
}
