/* kin/context.h: contexts: a generator that yields once: it sets up, hands out,
   waits for its block to end, and tears down. The scopes and groups that it has
   open at its yield are the caller's while the block lasts. All from the
   runtime's thread. */
#ifndef KIN_CONTEXT_H
#define KIN_CONTEXT_H

#include <kin/generator.h>

KIN__C_BEGIN

/* Lives in the caller's memory; private. */
typedef struct kin_context {
    kin_generator generator;
} kin_context;

/* Declares `name` as a kin_context * that is to be entered. The C block must be
   left through kin_context_close. One that was entered and is left unclosed
   ends as the block does: its kin_yield fails with KIN_GENERATOR_EXIT,
   cancelled, and a KIN_MISUSE that names it joins the task's outcome. `arg` is
   borrowed. */
#define KIN_CONTEXT(name, fn, arg) \
    KIN__CONTEXT(KIN__PASTE(kin__context_of_, name), name, fn, (arg))
#define KIN__CONTEXT(storage, name_, fn_, arg_)                         \
    __attribute__((cleanup(kin__context_cleanup))) kin_context storage; \
    kin_context *const name_ __attribute__((unused)) = &storage;        \
    kin_context_init_at(KIN__SITE(#name_), &storage, fn_, arg_)

/* For a context held in a struct; as kin_generator_init. */
#define kin_context_init(context, fn, arg) \
    kin_context_init_at(KIN__SITE(#fn), context, fn, arg)
KIN_API void kin_context_init_at(const kin_site *, kin_context *,
                                 kin_generator_fn *, void *arg);

/* Runs it to its kin_yield, and sets *value, a pointer of any type, to what
   that hands out; `value` may be NULL. What is open in it becomes the caller's:
   a calling generator cannot yield until the close. Fails with what it fails
   with, KIN_NO_MEMORY without a stack, a KIN_MISUSE when it ends without a
   yield or is entered twice. No checkpoint of its own. (Python: __aenter__) */
#define kin_context_enter(context, value) \
    kin_context_enter_at(KIN_HERE, context, value)
KIN_API KIN_MUST_USE kin_error *
kin_context_enter_at(const kin_site *, kin_context *, void *value);

/* The block's outcome comes out of its kin_yield; what it returns comes out
   here. (A group in it hands the block's error back inside that group's group.)
   When it was never entered, or its enter failed, gives back the outcome. From
   elsewhere than it was entered from, or a second time: the outcome together
   with a KIN_MISUSE. No checkpoint of its own. (Python: __aexit__) */
#define kin_context_close(context, outcome) \
    kin_context_close_at(KIN_HERE, context, outcome)
KIN_API KIN_MUST_USE kin_error *
kin_context_close_at(const kin_site *, kin_context *, kin_error *outcome);

static inline void kin__context_cleanup(kin_context *context)
{
    kin__generator_cleanup(&context->generator);
}

KIN__C_END
#endif
