/* kin/generator.h: generators: a function on a stack of its own that hands out
   one value after the other, to whoever asks for the next. It runs as a part of
   the task that asks: in its scopes, cancelled with it, and what it fails with
   comes out of the asking. All from the runtime's thread.

   A generator must not be suspended with a scope or a group open that it opened
   itself: a timeout would then go off in its consumer, and children would have
   no parent to report to. So kin_yield fails there. (PEP 789) */
#ifndef KIN_GENERATOR_H
#define KIN_GENERATOR_H

#include <kin/scope.h>
#include <kin/task.h>

KIN__C_BEGIN

typedef struct kin_generator kin_generator;

/* What a generator runs: yields with kin_yield(self, ...), and returns NULL
   when there is no more, or why it failed. */
typedef kin_error *kin_generator_fn(kin_generator *self, void *arg);

typedef struct kin_generator_options {
    const char *name KIN__UNSET;
    size_t stack_size KIN__UNSET; /* bytes; at least so many are usable */
} kin_generator_options;

/* Lives in the caller's memory. The fields are private. */
struct kin_generator {
    kin__context here; /* where it goes on, while it is suspended */
    kin__context asker;
    void *ready;       /* the task that may ask, while it is suspended */
    void *value;       /* where the asker wants it */
    kin_scope *around; /* the innermost open one when it was resumed */
    kin_task *task;    /* the first to ask: no other may */
    uintptr_t lowest;  /* of its stack; and how far up it may yield */
    size_t yields_in;
    uint32_t tag;      /* tells an initialised one from any other memory */
    uint8_t state;     /* new, started, done, shut */
    bool is_context;   /* a kin_context's */
    bool entered;      /* a context that is suspended at its yield */
    bool exiting;      /* it has been told to end */
    kin_scope *merged; /* a context's own outermost, open at its yield */
    struct kin__stack *stack, *asked_on;
    kin_generator_fn *fn;
    void *arg;
    const kin_site *site;
    const char *name;
    size_t stack_size;
    kin__duty duty;
};

/* Declares `name` as a kin_generator * that runs fn(name, arg) when it is first
   asked. The C block must be left through kin_generator_close. One that is left
   suspended is closed as the block ends, cancelled, and a KIN_MISUSE that names
   it joins the task's outcome. `arg` is borrowed. */
#define KIN_GENERATOR(name, fn, arg, ...)                                 \
    KIN__GENERATOR(KIN__PASTE(kin__generator_of_, name), name, fn, (arg), \
                   KIN__OPTIONS(kin_generator_options, __VA_ARGS__))
#define KIN__GENERATOR(storage, name_, fn_, arg_, options)                  \
    __attribute__((cleanup(kin__generator_cleanup))) kin_generator storage; \
    kin_generator *const name_ __attribute__((unused)) = &storage;          \
    kin_generator_init_at(KIN__SITE(#name_), &storage, fn_, arg_, options)

/* For a generator held in a struct: the task that first asks answers for it
   until it has ended or is closed, so it outlives that task or is closed. */
#define kin_generator_init(generator, fn, arg, ...)           \
    kin_generator_init_at(KIN__SITE(#fn), generator, fn, arg, \
                          KIN__OPTIONS(kin_generator_options, __VA_ARGS__))
KIN_API void kin_generator_init_at(const kin_site *, kin_generator *,
                                   kin_generator_fn *, void *arg,
                                   const kin_generator_options *);

/* Runs it until it yields, and sets *value, a pointer of any type, to what it
   yielded; to NULL when it has ended. What it fails with comes out here once,
   and the next call gives the end. KIN_NO_MEMORY when there is no stack for it,
   which may be tried again. Asking one that runs, or that another task has
   asked first, is a KIN_MISUSE, without effect. Checkpoint. (Python: anext) */
#define kin_next(generator, value) kin_next_at(KIN_HERE, generator, value)
KIN_API KIN_MUST_USE kin_error *kin_next_at(const kin_site *, kin_generator *,
                                            void *value);

/* Hands a value to whoever asked, and returns when the next is asked for. A
   NULL looks like the end. Fails at once, before the value is handed out,
   - with KIN_YIELD_PREVENTED while a scope, a group or a KIN_NO_YIELDS section
     is open that was opened since it was last resumed (PEP 789);
   - with KIN_MISUSE, from anywhere but the generator itself.
   Fails when it is resumed, with KIN_GENERATOR_EXIT, when it is closed: clean
   up and return that; each further yield is a KIN_MISUSE. No checkpoint. */
#define kin_yield(self, value) kin_yield_at(KIN_HERE, self, value)
KIN_API KIN_MUST_USE kin_error *kin_yield_at(const kin_site *,
                                             kin_generator *self, void *value);

/* Ends it: a suspended one gets KIN_GENERATOR_EXIT out of its kin_yield and
   runs to its end. Takes the block's outcome and gives it back, together with
   what the generator failed with, less the KIN_GENERATOR_EXIT. One that never
   started never runs; one that has ended is fine. From the generator itself or
   another task: a KIN_MISUSE, and it stays open. No checkpoint of its own.
   (Python: aclose) */
#define kin_generator_close(generator, outcome) \
    kin_generator_close_at(KIN_HERE, generator, outcome)
KIN_API KIN_MUST_USE kin_error *
kin_generator_close_at(const kin_site *, kin_generator *, kin_error *outcome);

/* A section that a generator must not be suspended in, for what is no scope but
   must be left in order all the same. Lives in the caller's memory; private. */
typedef struct kin_no_yields {
    kin_scope scope;
} kin_no_yields;

/* Declares `name` as a kin_no_yields * and begins the section; it ends with
   kin_no_yields_end or the C block. `reason` is borrowed; errors show it. */
#define KIN_NO_YIELDS(name, reason) \
    KIN__NO_YIELDS(KIN__PASTE(kin__no_yields_, name), name, reason)
#define KIN__NO_YIELDS(storage, name_, reason)                              \
    __attribute__((cleanup(kin__no_yields_cleanup))) kin_no_yields storage; \
    kin_no_yields *const name_ __attribute__((unused)) =                    \
        kin_no_yields_begin_at(KIN_HERE, &storage, reason)
/* The same for one that is held in a struct. Returns it. */
#define kin_no_yields_begin(section, reason) \
    kin_no_yields_begin_at(KIN_HERE, section, reason)
KIN_API kin_no_yields *kin_no_yields_begin_at(const kin_site *, kin_no_yields *,
                                              const char *reason);
/* Ending one that has not begun or is not the innermost is a KIN_MISUSE that
   the calling task holds; the latter ends all the same. (PEP 789) */
#define kin_no_yields_end(section) kin_no_yields_end_at(KIN_HERE, section)
KIN_API void kin_no_yields_end_at(const kin_site *, kin_no_yields *);

/* The C block that holds it was left: private to the macros. */
KIN_API void kin_generator_leave(kin_generator *);
static inline void kin__generator_cleanup(kin_generator *generator)
{
    if (__builtin_expect(generator->state == 1 /* started */, 0))
        kin_generator_leave(generator);
}
static inline void kin__no_yields_cleanup(kin_no_yields *section)
{
    if (section->scope.state == 1 /* open */)
        kin_no_yields_end(section);
}

KIN__C_END
#endif
