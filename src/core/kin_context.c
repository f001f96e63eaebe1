/* core/kin_context.c: contexts: a generator that yields once, with its scopes
   and groups open if it likes.

   Those stay in the task's chain, innermost, and so count for a caller that is
   a generator: it cannot yield until the context is closed. At the close they
   are the context's own again, with whatever the caller has opened since and
   not closed: the context's own closes then find that out. */
#include "core/generator.h"

#include <string.h>

void kin_context_init_at(const kin_site *site, kin_context *context,
                         kin_generator_fn *fn, void *arg)
{
    kin__generator_prepare(&context->generator, site, fn, arg);
    context->generator.is_context = true;
}

kin_scope *kin__context_own(const kin_task *task, const kin_generator *gen)
{
    kin_scope *s = gen->merged ? task->scope : NULL;
    while (s && s != gen->merged)
        s = s->outer;
    return s;
}

/* NULL if it has none open. What was around it may be closed: then nothing tells
   which are its own. */
static kin_scope *outermost_own(const kin_task *task, const kin_generator *gen)
{
    kin_scope *s = task->scope, *own = NULL;
    for (; s && s != gen->around; s = s->outer)
        own = s;
    return s == gen->around ? own : NULL;
}

kin_error *kin__context_yield(kin_task *task, kin_generator *gen, void *value)
{
    memcpy(gen->value, &value, sizeof value);
    gen->entered = true;
    gen->merged = outermost_own(task, gen);
    return kin__generator_suspend(task, gen);
}

static kin_error *no_yield(const kin_site *site, const kin_generator *gen)
{
    return kin_fail_at(site, &KIN_MISUSE,
                       "context \"%s\" (opened at %s:%d) ended without a "
                       "kin_yield",
                       kin__generator_name(gen), gen->site->file,
                       gen->site->line);
}

kin_error *kin_context_enter_at(const kin_site *site, kin_context *context,
                                void *value)
{
    kin_task *task = kin__task_of(site, "kin_context_enter");
    kin_generator *gen = context ? &context->generator : NULL;
    void *handed_out = NULL;
    if (!kin__is_generator(gen, true))
        return kin__not_a_generator(site, "kin_context_enter", gen);
    if (gen->state != KIN__NEW)
        return kin_fail_at(site, &KIN_MISUSE,
                           "context \"%s\" (opened at %s:%d) is entered a "
                           "second time: a context is for a single block",
                           kin__generator_name(gen), gen->site->file,
                           gen->site->line);
    PASS_ON(kin__generator_start(site, task, gen));
    kin_error *err =
        kin__generator_resume(task, gen, &handed_out, task->scope, NULL);
    if (gen->state == KIN__DONE)
        return err ? err : no_yield(site, gen);
    if (value)
        memcpy(value, &handed_out, sizeof handed_out);
    return NULL;
}

/* What is wrong with a close, or NULL. */
static kin_error *unclosable(const kin_site *site, const kin_task *task,
                             const kin_generator *gen)
{
    if (gen->state == KIN__SHUT)
        return kin_fail_at(site, &KIN_MISUSE,
                           "context \"%s\" (opened at %s:%d) is already closed",
                           kin__generator_name(gen), gen->site->file,
                           gen->site->line);
    if (gen->state != KIN__STARTED)
        return NULL;
    PASS_ON(kin__generator_unready(site, task, gen, "closed"));
    const kin_scope *own = kin__context_own(task, gen);
    return !own ? NULL
                : kin__closed_by_cleanup(site, own, "context",
                                         kin__generator_name(gen), gen->site);
}

kin_error *kin_context_close_at(const kin_site *site, kin_context *context,
                                kin_error *outcome)
{
    kin_task *task = kin__task_of(site, "kin_context_close");
    kin_generator *gen = context ? &context->generator : NULL;
    if (!kin__is_generator(gen, true))
        return kin_error_combine_at(
            site, outcome,
            kin__not_a_generator(site, "kin_context_close", gen));
    kin_error *misuse = unclosable(site, task, gen);
    if (misuse)
        return kin_error_combine_at(site, outcome, misuse);
    if (gen->state == KIN__STARTED)
        outcome = kin__generator_finish(task, gen, outcome);
    gen->state = KIN__SHUT;
    return outcome;
}
