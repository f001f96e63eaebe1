/* error/trace.c: the places that an error was handed up through.

   The first few stand in the node's block, the others in a block of their own
   that doubles. Where there is no memory for one more it is left out, and the
   error says that something is missing. */
#include "error/node.h"

#include <string.h>

#include "base/alloc.h"

/* Moves them out of the block, or to a larger one. */
static bool grow(kin_error *err)
{
    bool in_block = !(err->flags & KIN__HAS_TRACE_BLOCK);
    uint32_t capacity = err->trace_capacity < 8 ? 16 : err->trace_capacity * 2;
    size_t size = capacity * sizeof *err->trace;
    if (err->trace_capacity > UINT32_MAX / 4)
        return false;
    const kin_site **places =
        kin__realloc(in_block ? NULL : (void *)err->trace, size);
    if (!places)
        return false;
    if (in_block)
        memcpy(places, err->trace, err->trace_count * sizeof *places);
    err->trace = places;
    err->trace_capacity = capacity;
    err->flags |= KIN__HAS_TRACE_BLOCK;
    return true;
}

kin_error *kin_error_trace(kin_error *err, const kin_site *site)
{
    if (!err || err->flags & KIN__IS_IMMORTAL)
        return err;
    if (err->trace_count < err->trace_capacity || grow(err))
        err->trace[err->trace_count++] = site;
    else
        err->flags |= KIN__HAS_LOST;
    return err;
}

size_t kin_error_trace_count(const kin_error *err)
{
    return err ? err->trace_count : 0;
}

const kin_site *kin_error_trace_site(const kin_error *err, size_t index)
{
    return index < err->trace_count ? err->trace[index] : NULL;
}

void kin__trace_copy(kin_error *to, const kin_error *from)
{
    for (uint32_t i = 0; i < from->trace_count; i++)
        kin_error_trace(to, from->trace[i]);
    to->flags |= from->flags & KIN__HAS_LOST;
}
