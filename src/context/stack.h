/* context/stack.h: what the files of this folder share: the pool and its parts.

   A pool has classes, one for each power of two that a slot may have. A class
   has chunks, each one mapping of many slots. A slot is, from below: guard,
   stack, the record of the stack (kin__stack), colour. The colour is a gap of
   some cache lines that differs from slot to slot, so that the tops of many
   stacks do not share the same few sets of the cache.

   A stack is live (got), warm (put: its pages and its record stay), or cold (no
   page of it is touched, and there is no record). A chunk's bits say which are
   cold; warm ones are in a list that runs through their records. Guards are
   made in slot order, when the first cold slot without one is needed. */
#ifndef KIN__STACK_H
#define KIN__STACK_H

#include "context/context.h"

#include <sys/uio.h>

#if defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__)) && \
    !defined(KIN_USE_UCONTEXT)
#define KIN__SWITCH_ASM 1
#else
#define KIN__SWITCH_ASM 0
#endif

typedef struct kin__stack_class kin__stack_class;

typedef struct kin__chunk {
    struct kin__chunk *next; /* of the class, the newest first */
    kin__stack_class *class;
    char *base;
    unsigned slots;
    unsigned guarded; /* slots below this one have their guard */
    unsigned cold;    /* how many bits are set */
    unsigned word;    /* no bit is set in words before this one */
    uint64_t bits[];  /* one a slot: it is cold */
} kin__chunk;

/* At the top of its slot. */
struct kin__stack {
    void *owner;      /* NULL: none */
    kin__stack *next; /* in the warm list */
    kin__chunk *chunk;
    char *low; /* its lowest usable byte */
#ifdef KIN__ASAN
    void *fake; /* AddressSanitizer's frames of a suspended context */
#endif
#ifdef KIN__TSAN
    void *fiber;
#endif
    unsigned valgrind; /* what Valgrind calls it */
} __attribute__((aligned(16)));

struct kin__stack_class {
    kin__stack *warm; /* the last put first */
    unsigned warm_count;
    unsigned warm_low; /* the least that it was since the last trim */
    unsigned surplus_count;
    kin__stack *surplus; /* warm, and chosen by trim to become cold */
    unsigned shift;      /* log2 of the slot; 0: never used */
    size_t slots;        /* of all chunks */
    size_t guard;        /* bytes; 0: unguarded */
    kin__chunk *chunks;
    kin__chunk *current;    /* the last one that had cold slots, or NULL */
    kin__stack_class *next; /* of the pool's used ones */
    kin__stack_pool *pool;
};

enum {
    KIN__SHIFT_LEAST = 14, /* 16 KiB */
    KIN__SHIFT_MOST = 40,
    KIN__COLOURS = 16,
    KIN__LINE = 64,
    KIN__BATCH = 512 /* slots that one system call sees to */
};

typedef enum {
    KIN__GUARD_UNKNOWN, /* to be found out with the first one */
    KIN__GUARD_NONE,
    KIN__GUARD_MARK,   /* MADV_GUARD_INSTALL: no mapping more */
    KIN__GUARD_PROTECT /* mprotect: two mappings more for each */
} kin__guard_kind;

struct kin__stack_pool {
    kin__stack_class *usual;
    kin__stack_class *used;
    kin__guard_kind guards;
    size_t page;
    kin__stack_describe *describe;
    kin__stack_pool *next; /* of this thread */
    kin__stack_class classes[KIN__SHIFT_MOST - KIN__SHIFT_LEAST + 1];
    struct iovec ranges[KIN__BATCH]; /* scratch; too big for a task's stack */
};

static inline size_t kin__slot_size(const kin__stack_class *class)
{
    return (size_t)1 << class->shift;
}

static inline char *kin__slot(const kin__chunk *chunk, unsigned i)
{
    return chunk->base + ((size_t)i << chunk->class->shift);
}

/* Its memory is a record only while the slot is not cold. */
static inline kin__stack *kin__slot_stack(const kin__chunk *chunk, unsigned i)
{
    char *top = kin__slot(chunk, i) + kin__slot_size(chunk->class);
    void *end = top - (size_t)(i % KIN__COLOURS) * KIN__LINE;
    return (kin__stack *)end - 1;
}

static inline bool kin__slot_is_cold(const kin__chunk *chunk, unsigned i)
{
    return chunk->bits[i / 64] >> i % 64 & 1;
}

/* What there really is of it; more than kin__stack_size, by its colour. */
static inline size_t kin__stack_extent(const kin__stack *stack)
{
    return (size_t)((const char *)stack - stack->low);
}

/* pages.c. True: done. */
char *kin__pages_map(size_t size);
bool kin__pages_guard(kin__stack_pool *, kin__chunk *, unsigned first,
                      unsigned count);
/* Gives the first `count` of the pool's ranges back to the system. */
void kin__pages_give_back(kin__stack_pool *, unsigned count);

/* overflow.c. Of the calling thread. False: no memory, nothing done. */
bool kin__overflow_watch(kin__stack_pool *);
void kin__overflow_unwatch(kin__stack_pool *);

#endif
