/* base/alloc.c: see alloc.h. Without a probe each call is one test and malloc.

   The probe is the only mutable thing that the whole process shares; it is set
   by tests alone. */
#include "base/alloc.h"

#include <stdlib.h>

static kin__alloc_probe *probe;

void kin__alloc_set_probe(kin__alloc_probe *new_probe)
{
    probe = new_probe;
}

bool kin__alloc_should_fail(void)
{
    return __builtin_expect(probe != NULL, 0) && probe->fail != NULL &&
           probe->fail(probe->context);
}

static void count(long blocks)
{
    if (__builtin_expect(probe != NULL, 0))
        __atomic_fetch_add(&probe->live, blocks, __ATOMIC_RELAXED);
}

void *kin__alloc(size_t size)
{
    if (kin__alloc_should_fail())
        return NULL;
    void *block = malloc(size);
    if (block)
        count(1);
    return block;
}

void *kin__realloc(void *block, size_t size)
{
    if (!block)
        return kin__alloc(size);
    if (kin__alloc_should_fail())
        return NULL;
    return realloc(block, size);
}

void kin__free(void *block)
{
    if (block)
        count(-1);
    free(block);
}
