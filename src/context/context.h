/* context/context.h: the stack switch, and stacks with guards. Knows nothing of
   tasks. */
#ifndef KIN__CONTEXT_H
#define KIN__CONTEXT_H

#include <kin/base.h>

/* Suspends the caller in *from and goes on in *to, whose own kin__switch
   returns `value`. Made to be a tail call: it ends in a jump, so that the
   processor's return predictor stays right. `from` and `to` differ: `to` is
   read first. mxcsr and the x87 control word belong to the thread and are not
   switched. */
void *kin__switch(kin__context *from, kin__context *to, void *value);

/* An address in the caller's frame. */
static inline uintptr_t kin__stack_here(void)
{
#if defined(__x86_64__)
    uintptr_t here; /* unlike the builtin it needs no frame pointer */
    __asm__ volatile("mov %%rsp, %0" : "=r"(here));
    return here;
#else
    return (uintptr_t)__builtin_frame_address(0);
#endif
}

/* For a function that switches in its middle. The processor predicts a return
   by the calls that came before it, which were on the stack that was left: so it
   is always wrong. Such a function ends in a jump instead, which is predicted by
   where it went before: to what a file defines for itself, once, by
   KIN__RETURN_THUNK. Where the compiler does not know how, it returns. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(KIN_USE_UCONTEXT) && \
    !defined(__CET__) && defined(__has_attribute)
#if __has_attribute(function_return)
#define KIN__RETURNS_BY_JUMP __attribute__((function_return("thunk-extern")))
/* The name is the compiler's. */
#define KIN__RETURN_THUNK                           \
    __asm__(".text\n"                               \
            ".p2align 4\n"                          \
            ".type __x86_return_thunk, @function\n" \
            "__x86_return_thunk:\n"                 \
            "    .cfi_startproc\n"                  \
            "    popq %rcx\n"                       \
            "    .cfi_adjust_cfa_offset -8\n"       \
            "    .cfi_register %rip, %rcx\n"        \
            "    jmp *%rcx\n"                       \
            "    .cfi_endproc\n"                    \
            ".size __x86_return_thunk, . - __x86_return_thunk\n")
#endif
#endif
#ifndef KIN__RETURNS_BY_JUMP
#define KIN__RETURNS_BY_JUMP
#define KIN__RETURN_THUNK _Static_assert(1, "")
#endif

typedef struct kin__stack kin__stack;

/* Makes *context start at entry(arg) on that stack when it is first switched
   to. entry must not return. Backtraces end there. */
void kin__context_start(kin__context *, kin__stack *, void (*entry)(void *arg),
                        void *arg);

/* Stacks of one runtime: cached, committed as they are touched, each with a
   guard below it. */
typedef struct kin__stack_pool kin__stack_pool;

/* Who runs on a stack, for the report of an overflow. Called in a signal
   handler. */
typedef struct kin__stack_owner {
    const char *kind; /* "task", "generator" */
    const char *name;
    const char *verb; /* what was done at the site: "spawned", "opened" */
    const kin_site *site;
} kin__stack_owner;
typedef kin__stack_owner kin__stack_describe(void *owner);

/* `size`: the usual stack's, 0 for the default. NULL when memory is out. Also
   installs the overflow report for this thread (a signal stack and, once for
   the process, handlers that pass on what is not theirs). */
kin__stack_pool *kin__stack_pool_new(size_t size, bool unguarded,
                                     kin__stack_describe *);
void kin__stack_pool_free(kin__stack_pool *);
/* Gives memory of unused stacks back; for when the runtime has nothing to do.
   Cheap when there is nothing to give. What was not needed since the trim
   before goes, save a reserve: call it once in a while (a second), not at every
   wait. Does about a millisecond's work at most; true: there is more to do. */
bool kin__stack_pool_trim(kin__stack_pool *);

/* A stack with at least `size` usable bytes (0: the usual size). NULL when
   memory or guards are out: never an unguarded one unless so allowed. */
kin__stack *kin__stack_get(kin__stack_pool *, size_t size, void *owner);
/* The stack may be the one the caller runs on: it stays intact until the next
   kin__stack_get. */
void kin__stack_put(kin__stack_pool *, kin__stack *);
void kin__stack_set_owner(kin__stack *, void *owner);
/* Usable bytes: the same for all stacks of a kind. */
size_t kin__stack_size(const kin__stack *);
void *kin__stack_top(const kin__stack *);
void *kin__stack_lowest(const kin__stack *); /* there may be more than usable */
bool kin__stack_contains(const kin__stack *, const void *address);
/* How many bytes of it were ever touched (by page), for dumps. */
size_t kin__stack_used(const kin__stack *);

/* What the tools must know of switches; nothing in a plain build. Around each
   kin__switch: `leaving` before it (`for_good`: the old stack is not gone back
   to), `arrived` first thing after it, on the new stack, be that after a
   kin__switch or at the start of an entry. NULL is the thread's own stack. */
#if defined(__SANITIZE_ADDRESS__)
#define KIN__ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define KIN__TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KIN__ASAN 1
#elif __has_feature(thread_sanitizer)
#define KIN__TSAN 1
#endif
#endif

#if defined(KIN__ASAN) || defined(KIN__TSAN)
void kin__context_leaving(kin__stack *from, kin__stack *to, bool for_good);
void kin__context_arrived(kin__stack *now);
#else
static inline void kin__context_leaving(kin__stack *from, kin__stack *to,
                                        bool for_good)
{
    (void)from, (void)to, (void)for_good;
}
static inline void kin__context_arrived(kin__stack *now)
{
    (void)now;
}
#endif

#endif
