/* error/node.c: the blocks that nodes live in, and what can be read of a node.

   A block belongs to its node and is freed with its last reference; so do the
   notes, and the places of its trace that did not fit into the block. */
#include "error/node.h"

#include <string.h>

#include "base/alloc.h"

/* Counting costs two atomic additions an error on a line that all threads
   share, so nothing is counted until somebody asks. */
static bool counting;
static long live;

void kin__count_live(int change)
{
    if (__builtin_expect(__atomic_load_n(&counting, __ATOMIC_RELAXED), 0))
        __atomic_fetch_add(&live, change, __ATOMIC_RELAXED);
}

size_t kin__error_live(void)
{
    __atomic_store_n(&counting, true, __ATOMIC_RELAXED);
    return (size_t)__atomic_load_n(&live, __ATOMIC_RELAXED);
}

/* Field by field, which compilers make wide stores of; for the whole struct at
   once they call a loop that takes as long as the rest of making an error. */
static void clear(kin_error *err, uint8_t flags)
{
    err->counts = KIN__ONE;
    err->home = NULL;
    err->holder = NULL;
    err->next = NULL;
    err->prev = NULL;
    err->held = 0;
    err->listed = 0;
    err->nodes = 1;
    err->height = 0;
    err->flags = flags;
    err->leaf_kinds = 0;
    err->chain_count = 0;
    err->trace_inline = 0;
    err->cause = NULL;
    err->reason = NULL;
    err->task = NULL;
    err->chain = NULL;
    err->kind_name = NULL;
    err->chain_total = 0;
    err->places = NULL;
    err->notes = NULL;
    err->trace = NULL;
    err->trace_count = 0;
    err->trace_capacity = 0;
    err->kind = NULL;
    err->message = NULL;
    err->site = NULL;
    err->code = 0;
    err->kept_next = NULL;
}

kin_error *kin__node_new(size_t *size)
{
    kin_error *err = kin__alloc(*size);
    uint8_t flags = 0;
    if (__builtin_expect(!err, 0)) {
        err = kin__reserve_take();
        if (!err)
            return NULL;
        flags = KIN__IS_RESERVED;
        if (*size > KIN__RESERVE_BLOCK)
            *size = KIN__RESERVE_BLOCK;
    }
    clear(err, flags);
    kin__count_live(+1);
    return err;
}

void kin__node_free(kin_error *err)
{
    if (err->notes)
        kin__notes_free(err);
    if (err->flags & KIN__HAS_TRACE_BLOCK)
        kin__free(err->trace);
    if (err->places)
        kin__places_unref(err->places);
    if (err->flags & KIN__IS_RESERVED)
        kin__reserve_give(err);
    else
        kin__free(err);
    kin__count_live(-1);
}

kin__places *kin__places_ref(kin__places *places)
{
    if (places)
        __atomic_fetch_add(&places->references, 1, __ATOMIC_RELAXED);
    return places;
}

void kin__places_unref(kin__places *places)
{
    if (places &&
        __atomic_sub_fetch(&places->references, 1, __ATOMIC_ACQ_REL) == 0)
        kin__free(places);
}

char *kin__node_set_trace(kin_error *err, char *tail, uint8_t room)
{
    err->trace = (const kin_site **)(void *)tail;
    err->trace_inline = room;
    err->trace_capacity = room;
    return tail + room * sizeof *err->trace;
}

void kin__node_set_cause(kin_error *err, kin_error *cause)
{
    if (!cause)
        return;
    err->cause = cause;
    err->nodes += cause->nodes;
    if (err->height <= cause->height)
        err->height = cause->height + 1;
}

/* Reading. */

const kin_kind *kin_error_kind(const kin_error *err)
{
    return err ? err->kind : NULL;
}

const char *kin_error_kind_name(const kin_error *err)
{
    if (!err)
        return "";
    if (!kin__is_group(err) && err->kind_name)
        return err->kind_name;
    return err->kind->name;
}

const char *kin_error_message(const kin_error *err)
{
    return err ? err->message : "";
}

int kin_error_code(const kin_error *err)
{
    return err ? err->code : 0;
}

const kin_error *kin_error_cause(const kin_error *err)
{
    return err ? err->cause : NULL;
}

size_t kin_error_count(const kin_error *err)
{
    return err ? kin__member_count(err) : 0;
}

const kin_error *kin_error_member(const kin_error *err, size_t index)
{
    return index < kin_error_count(err) ? err->members[index] : NULL;
}

const kin_site *kin_error_site(const kin_error *err)
{
    return err ? err->site : NULL;
}

const char *kin_error_task(const kin_error *err)
{
    return err && !kin__is_group(err) && err->task ? err->task : "";
}

bool kin__error_is_group(const kin_error *err)
{
    return kin__is_group(err);
}

bool kin_error_is(const kin_error *err, const kin_kind *kind)
{
    if (!err || !kind)
        return false;
    if (kin__is_group(err) && kind == &KIN_FAILURE)
        return err->leaf_kinds == KIN__OF_FAILURE;
    return kin__kind_descends(err->kind, kind);
}

const kin_cancellation *kin_error_during(const kin_error *err)
{
    kin__reason *reason = err ? kin__reason_of(err) : NULL;
    return reason ? &reason->cancellation : NULL;
}
