/* context/stack.c: a pool of stacks. stack.h has its parts and their words.

   Invariants. The warm list and the surplus list of a class hold exactly its
   warm stacks. A slot that is not cold has its guard. A chunk without a slot in
   use, warm ones included, does not stay after a trim.

   The pool and its chunks' records come from the heap and belong to the pool;
   chunks are mapped. A pool is its thread's alone.

   What a warm stack costs to get is a pop from a list. Only when none is warm
   does anything here look at bits or call the system. */
#include "context/stack.h"

#include "base/alloc.h"
#include "context/tools.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    USUAL_SHIFT = 16,         /* the slot of a usual stack: 64 KiB */
    RESERVE = 256,            /* warm stacks of a class that trim never takes */
    FIRST_CHUNK = 4 << 20,    /* bytes of address space, until the class has */
    LARGEST_CHUNK = 256 << 20 /* that much: each is as large as all before */
};

#define unlikely(condition) __builtin_expect((condition), 0)

/* --- classes ---------------------------------------------------------------*/

static size_t guard_size(const kin__stack_pool *pool, unsigned shift)
{
    if (pool->guards == KIN__GUARD_NONE)
        return 0;
    /* Address space alone: the larger the stack, the larger the frames, and the
       more likely one of them would step over a single page. */
    size_t part = (size_t)1 << shift >> 4;
    return part > pool->page ? part : pool->page;
}

/* The same whatever the colour. */
static size_t usable_size(const kin__stack_pool *pool, unsigned shift)
{
    return ((size_t)1 << shift) - guard_size(pool, shift) - sizeof(kin__stack) -
           (KIN__COLOURS - 1) * KIN__LINE;
}

/* The smallest slot with so many usable bytes; 0: there is none. */
static unsigned shift_for(const kin__stack_pool *pool, size_t size)
{
    unsigned shift = KIN__SHIFT_LEAST;
    while (((size_t)1 << shift) < 4 * pool->page)
        shift++;
    while (shift + KIN__TOOLS_SHIFT <= KIN__SHIFT_MOST &&
           usable_size(pool, shift) < size)
        shift++;
    shift += KIN__TOOLS_SHIFT;
    return shift <= KIN__SHIFT_MOST ? shift : 0;
}

static kin__stack_class *class_of_shift(kin__stack_pool *pool, unsigned shift)
{
    kin__stack_class *class = &pool->classes[shift - KIN__SHIFT_LEAST];
    if (class->shift == 0) {
        class->shift = shift;
        class->guard = guard_size(pool, shift);
        class->pool = pool;
        class->next = pool->used;
        pool->used = class;
    }
    return class;
}

static kin__stack_class *class_for(kin__stack_pool *pool, size_t size)
{
    if (size == 0)
        return pool->usual;
    unsigned shift = shift_for(pool, size);
    return shift ? class_of_shift(pool, shift) : NULL;
}

/* --- chunks ----------------------------------------------------------------*/

static size_t chunk_bytes(const kin__chunk *chunk)
{
    return (size_t)chunk->slots << chunk->class->shift;
}

static unsigned words(size_t slots)
{
    return (unsigned)((slots + 63) / 64);
}

static void set_cold(kin__chunk *chunk, unsigned i)
{
    chunk->bits[i / 64] |= (uint64_t)1 << i % 64;
    chunk->cold++;
    if (i / 64 < chunk->word)
        chunk->word = i / 64;
}

static void clear_cold(kin__chunk *chunk, unsigned i)
{
    chunk->bits[i / 64] &= ~((uint64_t)1 << i % 64);
    chunk->cold--;
}

/* There is one. */
static unsigned first_cold(kin__chunk *chunk)
{
    while (chunk->bits[chunk->word] == 0)
        chunk->word++;
    return chunk->word * 64 +
           (unsigned)__builtin_ctzll(chunk->bits[chunk->word]);
}

static size_t slots_wanted(const kin__stack_class *class)
{
    size_t size = class->slots << class->shift;
    if (size < FIRST_CHUNK)
        size = FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    size_t slots = size >> class->shift;
    return slots ? slots : 1;
}

/* A full address space, or a limit on it, may still have room for less. */
static char *map_most(const kin__stack_class *class, size_t *slots)
{
    for (; *slots; *slots /= 2) {
        char *base = kin__pages_map(*slots << class->shift);
        if (base)
            return base;
    }
    return NULL;
}

static kin__chunk *new_chunk(kin__stack_class *class)
{
    size_t slots = slots_wanted(class);
    kin__chunk *chunk =
        kin__alloc(sizeof *chunk + words(slots) * sizeof *chunk->bits);
    if (!chunk)
        return NULL;
    char *base = map_most(class, &slots);
    if (!base) {
        kin__free(chunk);
        return NULL;
    }
    chunk->class = class;
    chunk->base = base;
    chunk->slots = (unsigned)slots;
    chunk->guarded = 0;
    chunk->cold = 0;
    chunk->word = 0;
    for (unsigned i = 0; i < words(slots); i++)
        chunk->bits[i] = 0;
    for (unsigned i = 0; i < chunk->slots; i++)
        set_cold(chunk, i);
    class->slots += slots;
    chunk->next = class->chunks;
    class->chunks = chunk;
    return chunk;
}

static void free_chunk(kin__chunk *chunk)
{
    kin__stack_class *class = chunk->class;
    kin__chunk **link = &class->chunks;
    while (*link != chunk)
        link = &(*link)->next;
    *link = chunk->next;
    if (class->current == chunk)
        class->current = NULL;
    class->slots -= chunk->slots;
    munmap(chunk->base, chunk_bytes(chunk));
    kin__free(chunk);
}

static kin__chunk *chunk_with_cold(kin__stack_class *class)
{
    if (class->current && class->current->cold)
        return class->current;
    kin__chunk *chunk = class->chunks;
    while (chunk && !chunk->cold)
        chunk = chunk->next;
    class->current = chunk ? chunk : new_chunk(class);
    return class->current;
}

/* --- getting and putting ---------------------------------------------------*/

/* As many at once as there are already, so that few stacks cost little and many
   cost few system calls. Guards that are mappings are made when needed only. */
static unsigned guard_batch(const kin__stack_pool *pool,
                            const kin__chunk *chunk)
{
    unsigned most = chunk->slots - chunk->guarded;
    unsigned batch = chunk->guarded < 16 ? 16 : chunk->guarded;
    if (chunk->class->slots > chunk->slots || batch > KIN__BATCH)
        batch = KIN__BATCH;
    if (pool->guards == KIN__GUARD_PROTECT ||
        pool->guards == KIN__GUARD_UNKNOWN)
        batch = 1;
    return batch < most ? batch : most;
}

static bool guard_slot(kin__stack_pool *pool, kin__chunk *chunk, unsigned i)
{
    if (i < chunk->guarded)
        return true;
    /* Cold slots are used in order, so the first one unguarded is this one. */
    unsigned batch = guard_batch(pool, chunk);
    if (!kin__pages_guard(pool, chunk, i, batch))
        return false;
    chunk->guarded += batch;
    return true;
}

static kin__stack *get_cold(kin__stack_pool *pool, kin__stack_class *class)
{
    if (kin__alloc_should_fail())
        return NULL;
    kin__chunk *chunk = chunk_with_cold(class);
    if (!chunk)
        return NULL;
    unsigned i = first_cold(chunk);
    if (!guard_slot(pool, chunk, i))
        return NULL;
    clear_cold(chunk, i);
    kin__stack *stack = kin__slot_stack(chunk, i);
    stack->chunk = chunk;
    stack->low = kin__slot(chunk, i) + class->guard;
    kin__tools_begin(stack);
    return stack;
}

/* There is one. */
static inline kin__stack *get_warm(kin__stack_class *class)
{
    kin__stack *stack = class->warm;
    class->warm = stack->next;
    if (--class->warm_count < class->warm_low)
        class->warm_low = class->warm_count;
    kin__tools_again(stack);
    return stack;
}

static __attribute__((noinline)) kin__stack *
get_slowly(kin__stack_pool *pool, kin__stack_class *class, void *owner)
{
    kin__stack *stack;
    if (!class)
        return NULL;
    if (class->surplus) {
        class->warm = class->surplus;
        class->warm_count = class->surplus_count;
        class->surplus = NULL;
        stack = get_warm(class);
    } else {
        stack = get_cold(pool, class);
    }
    if (stack)
        stack->owner = owner;
    return stack;
}

kin__stack *kin__stack_get(kin__stack_pool *pool, size_t size, void *owner)
{
    kin__stack_class *class = class_for(pool, size);
    if (unlikely(!class || !class->warm))
        return get_slowly(pool, class, owner);
    kin__stack *stack = get_warm(class);
    stack->owner = owner;
    return stack;
}

void kin__stack_put(kin__stack_pool *pool, kin__stack *stack)
{
    (void)pool;
    kin__stack_class *class = stack->chunk->class;
    stack->owner = NULL;
    stack->next = class->warm;
    class->warm = stack;
    class->warm_count++;
}

void kin__stack_set_owner(kin__stack *stack, void *owner)
{
    stack->owner = owner;
}

size_t kin__stack_size(const kin__stack *stack)
{
    const kin__stack_class *class = stack->chunk->class;
    return usable_size(class->pool, class->shift);
}

void *kin__stack_top(const kin__stack *stack)
{
    return (void *)stack;
}

void *kin__stack_lowest(const kin__stack *stack)
{
    return stack->low;
}

bool kin__stack_contains(const kin__stack *stack, const void *address)
{
    return (uintptr_t)address - (uintptr_t)stack->low <
           kin__stack_extent(stack);
}

/* Stacks are touched from the top down: the lowest page that is resident. */
size_t kin__stack_used(const kin__stack *stack)
{
    enum { PAGES = 256 };
    unsigned char resident[PAGES];
    size_t page = stack->chunk->class->pool->page;
    size_t pages = (kin__stack_extent(stack) + page - 1) / page;
    for (size_t first = 0; first < pages; first += PAGES) {
        size_t count = pages - first < PAGES ? pages - first : PAGES;
        if (mincore(stack->low + first * page, count * page, resident) != 0)
            return 0;
        for (size_t i = 0; i < count; i++)
            if (resident[i] & 1)
                return kin__stack_extent(stack) - (first + i) * page;
    }
    return 0;
}

/* --- giving back -----------------------------------------------------------*/

/* Moves to `surplus` what was not needed since the last trim: the end of the
   warm list, where those lie that were not used for longest. */
static void choose_surplus(kin__stack_class *class)
{
    unsigned keep = class->warm_count - class->warm_low;
    if (keep < RESERVE)
        keep = RESERVE;
    if (class->warm_count > keep) {
        kin__stack *last = class->warm;
        for (unsigned i = 1; i < keep; i++)
            last = last->next;
        class->surplus = last->next;
        class->surplus_count = class->warm_count - keep;
        last->next = NULL;
        class->warm_count = keep;
    }
    class->warm_low = class->warm_count;
}

/* Neighbours in the list are often neighbours in memory, and the guards between
   them stay: one range will do. */
static unsigned add_range(struct iovec *ranges, unsigned count,
                          const kin__chunk *chunk, unsigned slot)
{
    char *low = kin__slot(chunk, slot) + chunk->class->guard;
    char *end = kin__slot(chunk, slot) + kin__slot_size(chunk->class);
    if (count) {
        struct iovec *last = &ranges[count - 1];
        char *last_low = last->iov_base;
        char *last_end = last_low + last->iov_len;
        if (low == last_end + chunk->class->guard) {
            last->iov_len += (size_t)(end - last_end);
            return count;
        }
        if (last_low == end + chunk->class->guard) {
            last->iov_base = low;
            last->iov_len += (size_t)(last_low - low);
            return count;
        }
    }
    ranges[count] = (struct iovec){low, (size_t)(end - low)};
    return count + 1;
}

static void free_cold_chunks(kin__stack_class *class)
{
    kin__chunk *next;
    for (kin__chunk *chunk = class->chunks; chunk; chunk = next) {
        next = chunk->next;
        if (chunk->cold == chunk->slots)
            free_chunk(chunk);
    }
}

static void give_back_some(kin__stack_pool *pool, kin__stack_class *class)
{
    unsigned ranges = 0;
    for (int i = 0; i < KIN__BATCH && class->surplus; i++) {
        kin__stack *stack = class->surplus;
        class->surplus = stack->next;
        class->surplus_count--;
        kin__tools_end(stack);
        kin__chunk *chunk = stack->chunk;
        unsigned slot =
            (unsigned)((size_t)(stack->low - chunk->base) >> class->shift);
        ranges = add_range(pool->ranges, ranges, chunk, slot);
        set_cold(chunk, slot);
    }
    kin__pages_give_back(pool, ranges);
    free_cold_chunks(class);
}

bool kin__stack_pool_trim(kin__stack_pool *pool)
{
    bool more = false;
    for (kin__stack_class *class = pool->used; class; class = class->next) {
        if (!class->surplus)
            choose_surplus(class);
        if (class->surplus)
            give_back_some(pool, class);
        more |= class->surplus != NULL;
    }
    return more;
}

/* --- the pool --------------------------------------------------------------*/

kin__stack_pool *kin__stack_pool_new(size_t size, bool unguarded,
                                     kin__stack_describe *describe)
{
    kin__stack_pool *pool = kin__alloc(sizeof *pool);
    if (!pool)
        return NULL;
    pool->used = NULL;
    pool->guards = unguarded ? KIN__GUARD_NONE : KIN__GUARD_UNKNOWN;
    pool->page = (size_t)sysconf(_SC_PAGESIZE);
    pool->describe = describe;
    memset(pool->classes, 0, sizeof pool->classes);
    if (size == 0)
        size = usable_size(pool, USUAL_SHIFT);
    unsigned shift = shift_for(pool, size);
    if (shift == 0 || !kin__overflow_watch(pool)) {
        kin__free(pool);
        return NULL;
    }
    pool->usual = class_of_shift(pool, shift);
    return pool;
}

static void forget_stacks(const kin__chunk *chunk)
{
    if (!kin__tools_present())
        return;
    for (unsigned i = 0; i < chunk->slots; i++)
        if (!kin__slot_is_cold(chunk, i))
            kin__tools_end(kin__slot_stack(chunk, i));
}

void kin__stack_pool_free(kin__stack_pool *pool)
{
    if (!pool)
        return;
    kin__overflow_unwatch(pool);
    for (kin__stack_class *class = pool->used; class; class = class->next)
        while (class->chunks) {
            forget_stacks(class->chunks);
            free_chunk(class->chunks);
        }
    kin__free(pool);
}
