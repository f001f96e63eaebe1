/* core/generator.h: what generators and contexts share: the switches.

   A generator is a second stack of the task that asks it, and not a task:
   whatever suspends the task suspends it where it is. Who calls kin_yield is
   known by the stack that it is called on. The scopes that it opens are links
   of its task's chain, and a kin_yield is allowed when the innermost is the one
   that was so when the generator was resumed.

   The states; `ready` is the task while the generator is suspended, else NULL:

        NEW --first asked--> STARTED --its function returned--> DONE
         |                                                       |
         +---------------------- closed ----------------------> SHUT

   Its stack is taken at the first and given back at the second; in between it
   is a duty of its task. */
#ifndef KIN__GENERATOR_H
#define KIN__GENERATOR_H

#include "core/runtime.h"

#include <kin/context.h>

enum { KIN__NEW, KIN__STARTED, KIN__DONE, KIN__SHUT };

enum { KIN__GENERATOR_TAG = 0x6b696e47 };
static inline bool kin__is_generator(const kin_generator *gen, bool context)
{
    return gen && gen->tag == KIN__GENERATOR_TAG && gen->is_context == context;
}
static inline const char *kin__generator_name(const kin_generator *gen)
{
    return gen->name ? gen->name : gen->site->name;
}
static inline const char *kin__generator_kind(const kin_generator *gen)
{
    return gen->is_context ? "context" : "generator";
}

/* The tools want to know on which of its stacks the task is; nobody else
   does. */
#if defined(KIN__ASAN) || defined(KIN__TSAN)
#define TASK_IS_ON(task, stack_) ((task)->stack = (stack_))
#else
#define TASK_IS_ON(task, stack_) ((void)(task))
#endif

/* Goes on in it, with what its kin_yield is to return. Returns when it yields
   or has ended: then what its function returned. The open scopes inside
   `around` are its own. A tail call, where no tool looks on. */
static inline __attribute__((always_inline)) kin_error *
kin__generator_resume(kin_task *task, kin_generator *gen, void *value,
                      kin_scope *around, kin_error *given)
{
    kin__stack *from = task->stack;
    gen->value = value;
    gen->ready = gen; /* no task */
    gen->around = around;
#if defined(KIN__ASAN) || defined(KIN__TSAN)
    gen->asked_on = from;
#endif
    TASK_IS_ON(task, gen->stack);
    kin__context_leaving(from, gen->stack, false);
    given = kin__switch(&gen->asker, &gen->here, given);
    kin__context_arrived(from);
    return given;
}

/* Goes back to the asker; returns what the next to resume it gives. */
static inline __attribute__((always_inline)) kin_error *
kin__generator_suspend(kin_task *task, kin_generator *gen)
{
    TASK_IS_ON(task, gen->asked_on);
    kin__context_leaving(gen->stack, gen->asked_on, false);
    kin_error *given = kin__switch(&gen->here, &gen->asker, NULL);
    kin__context_arrived(gen->stack);
    return given;
}

void kin__generator_prepare(kin_generator *, const kin_site *,
                            kin_generator_fn *, void *arg);
/* Gives it a stack; it becomes a duty of the task. */
kin_error *kin__generator_start(const kin_site *, kin_task *, kin_generator *);
/* Lets it run to its end with that out of its kin_yield: what it ends with. */
kin_error *kin__generator_finish(kin_task *, kin_generator *, kin_error *given);
/* The one that a stack belongs to, if it is not a task's. */
const kin_generator *kin__generator_of_owner(const void *owner);
/* What keeps this task from resuming a started one, or NULL. */
kin_error *kin__generator_unready(const kin_site *, const kin_task *,
                                  const kin_generator *, const char *verb);
kin_error *kin__not_a_generator(const kin_site *, const char *what,
                                const kin_generator *);

/* kin_context.c: the yield of a context */
kin_error *kin__context_yield(kin_task *, kin_generator *, void *value);
/* The outermost of the scopes that a suspended context has open, or NULL. */
kin_scope *kin__context_own(const kin_task *, const kin_generator *);

#endif
