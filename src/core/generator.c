/* core/generator.c: generators: asking, yielding, closing. How the switches
   work is said in core/generator.h.

   A generator is its owner's memory; its stack is the pool's. The task that
   asks first is the only one that may, and answers for it: one that is still
   suspended when its block or its task ends is closed then, inside a cancelled
   scope, so that nothing in it can wait, and a KIN_MISUSE says so.

   The ways that are taken over and over, kin_next and kin_yield, are one test
   for each thing that may be out of order and a switch as a tail call; whatever
   is out of order is found out elsewhere. */
#include "core/generator.h"

#include <string.h>

/* Stacks belong to tasks, unless the lowest bit says that it is a generator. */
static void *as_owner(kin_generator *gen)
{
    return (char *)gen + 1;
}

const kin_generator *kin__generator_of_owner(const void *owner)
{
    bool is_one = (uintptr_t)owner & 1;
    return is_one ? (const void *)((const char *)owner - 1) : NULL;
}

/* Beginning. */

void kin__generator_prepare(kin_generator *gen, const kin_site *site,
                            kin_generator_fn *fn, void *arg)
{
    gen->tag = KIN__GENERATOR_TAG;
    gen->state = KIN__NEW;
    gen->is_context = gen->exiting = gen->entered = false;
    gen->merged = NULL;
    gen->ready = gen;
    gen->task = NULL;
    gen->stack = NULL;
    gen->lowest = gen->yields_in = 0;
    gen->fn = fn;
    gen->arg = arg;
    gen->site = site;
    gen->name = NULL;
    gen->stack_size = 0;
    gen->duty.back = NULL;
}

void kin_generator_init_at(const kin_site *site, kin_generator *gen,
                           kin_generator_fn *fn, void *arg,
                           const kin_generator_options *options)
{
    kin__generator_prepare(gen, site, fn, arg);
    if (!options)
        return;
    gen->name = options->name;
    gen->stack_size = options->stack_size;
}

/* Lets go of all but the stack, which goes back when it is left. */
static kin__stack *end(kin_task *task, kin_generator *gen)
{
    kin__stack *stack = gen->stack;
    TASK_IS_ON(task, gen->asked_on);
    gen->state = KIN__DONE;
    gen->stack = NULL;
    gen->yields_in = 0;
    gen->task = NULL;
    if (gen->duty.back) /* else it is being neglected */
        kin__duty_end(&gen->duty);
    return stack;
}

/* The entry of a generator's stack. */
static void run(void *argument)
{
    kin_generator *gen = argument;
    kin__context_arrived(gen->stack);
    kin_error *outcome = gen->fn(gen, gen->arg);
    kin__runtime *rt = kin__runtime_here;
    kin_task *task = rt->current;
    char *here = __builtin_frame_address(0);
    size_t size = gen->stack_size ? gen->stack_size : rt->stack_size;
    if (__builtin_expect(task->scope != gen->around ||
                             kin__duty_below(task, here, size),
                         0)) {
        kin__mend_returned(kin__scopes_leave, task, gen->around, size,
                           "as its generator's function returned");
        kin__duties_neglect(task, here, size);
    }
    if (!outcome)
        memset(gen->value, 0, sizeof(void *));
    kin__stack *stack = end(task, gen);
    kin__put_stack(rt, stack);
    kin__context_leaving(stack, task->stack, true);
    kin__switch(&rt->gone, &gen->asker, outcome);
}

static void neglected(kin__duty *duty, kin_task *task)
{
    (void)task;
    kin_generator_leave(
        (kin_generator *)((char *)duty - offsetof(kin_generator, duty)));
}

kin_error *kin__generator_start(const kin_site *site, kin_task *task,
                                kin_generator *gen)
{
    kin__runtime *rt = kin__runtime_here;
    gen->stack = kin__stack_get(rt->stacks, gen->stack_size, as_owner(gen));
    if (!gen->stack)
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory for a stack of %s \"%s\"",
                           kin__generator_kind(gen), kin__generator_name(gen));
    kin__context_start(&gen->here, gen->stack, run, gen);
    gen->state = KIN__STARTED;
    gen->task = task;
    gen->lowest = (uintptr_t)kin__stack_lowest(gen->stack);
    if (!gen->is_context)
        gen->yields_in = (uintptr_t)kin__stack_top(gen->stack) - gen->lowest;
    gen->duty.neglected = neglected;
    gen->duty.object = gen;
    gen->duty.suspended = true;
    kin__duty_begin(task, &gen->duty, (void *)kin__stack_here());
    return NULL;
}

/* What can be wrong. */

kin_error *kin__not_a_generator(const kin_site *site, const char *what,
                                const kin_generator *gen)
{
    bool is_other = gen && gen->tag == KIN__GENERATOR_TAG;
    return kin_fail_at(site, &KIN_MISUSE, "%s of %s%s", what,
                       !gen       ? "NULL"
                       : is_other ? "a "
                                  : "what was never initialised",
                       is_other ? kin__generator_kind(gen) : "");
}

kin_error *kin__generator_unready(const kin_site *site, const kin_task *task,
                                  const kin_generator *gen, const char *verb)
{
    const char *kind = kin__generator_kind(gen), *name;
    name = kin__generator_name(gen);
    if (gen->task != task)
        return kin_fail_at(site, &KIN_MISUSE,
                           "%s \"%s\" (opened at %s:%d) belongs to task \"%s\" "
                           "and cannot be %s by task \"%s\"",
                           kind, name, gen->site->file, gen->site->line,
                           gen->task->name, verb, task->name);
    if (gen->ready == task || gen->entered)
        return NULL;
    return kin_fail_at(site, &KIN_MISUSE,
                       "%s \"%s\" (opened at %s:%d) cannot be %s while it runs",
                       kind, name, gen->site->file, gen->site->line, verb);
}

/* Asking. */

static __attribute__((noinline)) kin_error *
next_slowly(const kin_site *site, kin_generator *gen, void *value)
{
    kin_task *task = kin__task_of(site, "kin_next");
    kin__runtime *rt = kin__runtime_here;
    rt->budget += rt->budget == 0; /* it was counted, and counts again here */
    if (!kin__is_generator(gen, false))
        return kin__not_a_generator(site, "kin_next", gen);
    if (!value)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_next of generator \"%s\" without a place for "
                           "the value",
                           kin__generator_name(gen));
    PASS_ON(kin__operation_begin(rt, site));
    kin_error *err = NULL;
    if (gen->state >= KIN__DONE)
        memset(value, 0, sizeof(void *));
    else if (gen->state == KIN__NEW)
        PASS_ON(kin__generator_start(site, task, gen));
    else
        PASS_ON(kin__generator_unready(site, task, gen, "asked"));
    if (gen->state == KIN__STARTED)
        err = kin__generator_resume(task, gen, value, task->scope, NULL);
    kin__spend(rt); /* and no look at it any more: it may be gone */
    return err;
}

kin_error *kin_next_at(const kin_site *site, kin_generator *gen, void *value)
{
    kin__runtime *rt = kin__runtime_here;
    if (__builtin_expect(!rt, 0) || __builtin_expect(!gen, 0) ||
        __builtin_expect(!value, 0) ||
        __builtin_expect(gen->ready != rt->current, 0))
        return next_slowly(site, gen, value);
    kin_task *task = rt->current;
    uintptr_t odd = (uintptr_t)task->cancelled | (uintptr_t)rt->timers |
                    (uintptr_t)rt->attention;
    if (__builtin_expect(odd || --rt->budget == 0, 0))
        return next_slowly(site, gen, value);
    return kin__generator_resume(task, gen, value, task->scope, NULL);
}

/* Yielding. */

static kin_error *prevented(const kin_site *site, const kin_task *task,
                            const kin_generator *gen)
{
    const char *name = kin__generator_name(gen);
    const kin_scope *s = task->scope;
    while (s && s != gen->around)
        s = s->outer;
    if (s == gen->around)
        return kin__scope_prevents(site, name);
    return kin_fail_at(site, &KIN_YIELD_PREVENTED,
                       "generator \"%s\" cannot yield here: it has closed a "
                       "scope of its consumer's",
                       name);
}

static __attribute__((noinline)) kin_error *
yield_slowly(const kin_site *site, kin_generator *gen, void *value)
{
    kin_task *task = kin__task_of(site, "kin_yield");
    if (!gen || gen->tag != KIN__GENERATOR_TAG)
        return kin__not_a_generator(site, "kin_yield", NULL);
    if (!gen->stack ||
        !kin__stack_contains(gen->stack, (void *)kin__stack_here()))
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_yield of %s \"%s\" (opened at %s:%d) from "
                           "outside of it",
                           kin__generator_kind(gen), kin__generator_name(gen),
                           gen->site->file, gen->site->line);
    if (gen->is_context && !gen->exiting)
        return kin__context_yield(task, gen, value);
    if (gen->exiting)
        return kin_fail_at(site, &KIN_MISUSE, "%s \"%s\" (opened at %s:%d) %s",
                           kin__generator_kind(gen), kin__generator_name(gen),
                           gen->site->file, gen->site->line,
                           gen->is_context
                               ? "yields a second time"
                               : "ignored KIN_GENERATOR_EXIT: it yields "
                                 "while it is closed");
    return prevented(site, task, gen);
}

/* Called on its stack, it is called by the generator, which is the innermost. */
kin_error *kin_yield_at(const kin_site *site, kin_generator *gen, void *value)
{
    if (__builtin_expect(
            !gen || kin__stack_here() - gen->lowest >= gen->yields_in, 0))
        return yield_slowly(site, gen, value);
    kin_task *task = gen->task;
    if (__builtin_expect(task->scope != gen->around, 0))
        return yield_slowly(site, gen, value);
    memcpy(gen->value, &value, sizeof value);
    gen->ready = task;
    return kin__generator_suspend(task, gen);
}

/* Closing. */

static bool count_exit(const kin_error *leaf, const kin_error *const path[],
                       size_t depth, void *count)
{
    (void)path, (void)depth;
    *(size_t *)count += kin_error_is(leaf, &KIN_GENERATOR_EXIT);
    return true;
}

/* The members of the group, if there is one, and that, in one group. */
static kin_error *with_member(const kin_site *site, kin_error *group,
                              kin_error *last)
{
    char message[128];
    kin_error *list = NULL;
    snprintf(message, sizeof message, "%s",
             group ? kin_error_message(group) : "a generator was closed");
    for (size_t i = 0; i < kin_error_count(group); i++)
        kin__error_hold(&list, kin_error_ref(kin_error_member(group, i)));
    kin__error_hold(&list, last);
    kin_error_free(group);
    return kin_error_adopt(kin__error_group_of_list(site, message, &list));
}

/* What is left without the KIN_GENERATOR_EXIT that closed it. There was one:
   with more, somebody made them (B197). */
static kin_error *without_exit(const kin_generator *gen, kin_error *outcome)
{
    size_t exits = 0;
    bool some;
    if (!outcome)
        return NULL;
    kin_error_each_leaf(outcome, count_exit, &exits);
    outcome = kin__error_strip(outcome, &KIN_GENERATOR_EXIT, &some);
    if (exits <= 1)
        return outcome;
    kin_error *misuse =
        kin_fail_at(gen->site, &KIN_MISUSE,
                    "%zu KIN_GENERATOR_EXIT came out of %s \"%s\", and it was "
                    "given one",
                    exits, kin__generator_kind(gen), kin__generator_name(gen));
    return with_member(gen->site, outcome, misuse);
}

kin_error *kin__generator_finish(kin_task *task, kin_generator *gen,
                                 kin_error *given)
{
    void *nothing;
    kin_scope *own = kin__context_own(task, gen);
    gen->exiting = true;
    gen->entered = false;
    gen->yields_in = 0;
    return kin__generator_resume(task, gen, &nothing,
                                 own ? own->outer : task->scope, given);
}

static kin_error *exit_of(const kin_site *site, kin_task *task,
                          kin_generator *gen)
{
    kin_error *exit =
        kin_fail_at(site, &KIN_GENERATOR_EXIT, "%s \"%s\" is closed",
                    kin__generator_kind(gen), kin__generator_name(gen));
    return without_exit(gen, kin__generator_finish(task, gen, exit));
}

static kin_error *close_it(const kin_site *site, kin_task *task,
                           kin_generator *gen)
{
    kin_error *err = NULL;
    if (!kin__is_generator(gen, false))
        return kin__not_a_generator(site, "kin_generator_close", gen);
    if (gen->state == KIN__STARTED) {
        PASS_ON(kin__generator_unready(site, task, gen, "closed"));
        err = exit_of(site, task, gen);
    }
    gen->state = KIN__SHUT;
    return err;
}

kin_error *kin_generator_close_at(const kin_site *site, kin_generator *gen,
                                  kin_error *outcome)
{
    kin_task *task = kin__task_of(site, "kin_generator_close");
    kin_error *err = close_it(site, task, gen);
    return err ? kin_error_combine_at(site, outcome, err) : outcome;
}

/* Leaving without a close. */

static kin__reason *left(kin__runtime *rt, const kin_generator *gen)
{
    return kin__reason_here(rt, KIN_BY_MISNESTING, gen->site, NULL,
                            "misnesting: %s \"%s\" was left without "
                            "kin_%s_close",
                            kin__generator_kind(gen), kin__generator_name(gen),
                            kin__generator_kind(gen));
}

/* In a cancelled scope around it; or, if it has scopes open, with the outermost
   of them cancelled, since they must be innermost when it closes them. */
static kin_error *close_cancelled(kin__runtime *rt, kin_generator *gen)
{
    kin_task *task = rt->current;
    kin_scope *own = kin__context_own(task, gen);
    if (own) {
        kin__scope_cancel(rt, own, left(rt, gen));
        return exit_of(gen->site, task, gen);
    }
    kin_scope around;
    kin__scope_prepare(&around, gen->site);
    around.name = kin__generator_name(gen);
    kin__scope_enter(rt, task, &around);
    kin__scope_cancel(rt, &around, left(rt, gen));
    kin_error *err = exit_of(gen->site, task, gen);
    return kin_scope_close_at(gen->site, &around, err);
}

/* Whether its task answers for something that was begun in it. */
static bool holds_something(const kin_generator *gen)
{
    const kin__duty *d = gen->task->duties;
    while (d && !kin__stack_contains(gen->stack, d->begun_on))
        d = d->next;
    return d != NULL;
}

/* It has no scope open, so any task may run it to its end, unless the one that
   has asked it answers for what it holds. */
static void move(kin_task *task, kin_generator *gen)
{
    if (gen->task == task)
        return;
    if (holds_something(gen))
        kin__die("generator \"%s\" (opened at %s:%d) was left by task \"%s\" "
                 "while it holds a lock or the like for task \"%s\", which has "
                 "asked it",
                 kin__generator_name(gen), gen->site->file, gen->site->line,
                 task->name, gen->task->name);
    kin__duty_end(&gen->duty);
    kin__duty_begin(task, &gen->duty, (void *)kin__stack_here());
    gen->ready = gen->task = task;
}

void kin_generator_leave(kin_generator *gen)
{
    kin__runtime *rt = kin__runtime_here;
    const char *kind = kin__generator_kind(gen);
    const kin_site *site = gen->site;
    if (rt && rt->current && gen->ready == gen->task)
        move(rt->current, gen);
    if (!rt || !rt->current || rt->current != gen->task)
        kin__die("%s \"%s\" (opened at %s:%d) was left by somebody else than "
                 "the task that runs it",
                 kind, kin__generator_name(gen), site->file, site->line);
    kin__misuse(site,
                "%s \"%s\" (opened at %s:%d in %s) was left without "
                "kin_%s_close: it was closed then",
                kind, kin__generator_name(gen), site->file, site->line,
                site->function, kind);
    kin_error *held = close_cancelled(rt, gen);
    (void)held; /* by the task, with whose outcome it comes out */
    gen->state = KIN__SHUT;
}

/* Sections. */

kin_no_yields *kin_no_yields_begin_at(const kin_site *site,
                                      kin_no_yields *section,
                                      const char *reason)
{
    kin_task *task = kin__task_of(site, "kin_no_yields_begin");
    kin__scope_prepare(&section->scope, site);
    section->scope.flags = KIN__SECTION;
    section->scope.name = reason;
    kin__scope_enter(kin__runtime_here, task, &section->scope);
    return section;
}

/* The link to it in the task's chain; NULL if it is not there. */
static kin_scope **find_link(kin_task *task, const kin_scope *scope)
{
    kin_scope **link = &task->scope;
    while (*link && *link != scope)
        link = &(*link)->outer;
    return *link ? link : NULL;
}

void kin_no_yields_end_at(const kin_site *site, kin_no_yields *section)
{
    kin_task *task = kin__task_of(site, "kin_no_yields_end");
    kin_scope **link = find_link(task, &section->scope);
    if (!link) {
        kin__misuse(site, "kin_no_yields_end of a section that is not open");
        return;
    }
    if (link != &task->scope) {
        kin_error *held = kin__scope_still_open(site, &section->scope, "ended");
        (void)held; /* by the task */
    }
    *link = section->scope.outer; /* it cancels nothing and hides nothing */
    section->scope.state = KIN__CLOSED;
}
