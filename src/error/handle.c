/* error/handle.c: except* for C (PEP 654).

   The handlers' groups are split off one after the other. What none of them
   matched, and what those handlers matched that raised it again, is then taken
   out of the original error in one more split, so that it keeps the shape and
   the order it had: which handler had a leaf depends on the leaf's kind and the
   table alone. What the handlers raised of their own stands before it. */
#include "error/node.h"

enum { MOST_HANDLERS = 64 };

typedef struct handling {
    const kin_handler *table;
    size_t count;
    void *context;
    kin_error *original; /* a naked error is wrapped in a group */
    uint64_t again;      /* the handlers that raised their group again */
    kin_error *raised[MOST_HANDLERS + 1];
    size_t raised_count;
} handling;

static bool is_forbidden(const kin_handler *handler)
{
    return !handler->handle || !handler->kind || handler->kind == &KIN_BASE ||
           kin__kind_leaves(handler->kind) == KIN__OF_GROUP;
}

/* NULL, or what is wrong with the table. */
static kin_error *check(const kin_handler table[], size_t count)
{
    if (count > MOST_HANDLERS)
        return kin_fail_at(
            NULL, &KIN_MISUSE,
            "kin_error_handle: %zu handlers, and at most %d can be", count,
            MOST_HANDLERS);
    for (size_t i = 0; i < count; i++)
        if (is_forbidden(&table[i]))
            return kin_fail_at(
                NULL, &KIN_MISUSE,
                "kin_error_handle: handler %zu is for \"%s\"; a "
                "handler has a function, and is for a kind of leaf",
                i, table[i].kind ? table[i].kind->name : "NULL");
    return NULL;
}

/* The index of the handler that a leaf goes to. */
static size_t handler_of(const kin_error *leaf, const handling *h)
{
    size_t i = 0;
    while (i < h->count && !kin_error_is(leaf, h->table[i].kind))
        i++;
    return i;
}

static bool stays(const kin_error *err, void *context)
{
    const handling *h = context;
    if (kin__is_group(err))
        return false;
    size_t index = handler_of(err, h);
    return index == h->count || h->again >> index & 1;
}

static bool any_handler_for(const kin_error *err, const handling *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (kin_error_has(err, h->table[i].kind))
            return true;
    return false;
}

/* An error that nobody else has, made by a handler, is explained by what that
   handled, unless it says itself what it is explained by. */
static void explain(kin_error *err, kin_error *matched)
{
    if (!kin__is_group(err) && !err->cause && kin__counts(err) == KIN__ONE &&
        !(err->flags & KIN__IS_IMMORTAL))
        kin__node_set_cause(err, matched);
    else
        kin__error_disown(matched);
}

static void call(handling *h, size_t index, kin_error *matched)
{
    size_t notes = kin_error_note_count(matched);
    kin_error *kept = kin__error_share(matched);
    kin_error *err = h->table[index].handle(matched, h->context);
    if (!err) {
        kin__error_disown(kept);
    } else if (err != matched) {
        explain(err, kept);
        h->raised[h->raised_count++] = err;
    } else {
        h->again |= (uint64_t)1 << index;
        if (err != h->original)
            kin__notes_copy(h->original, err, notes);
        kin__error_disown(kept);
        kin_error_free(err);
    }
}

static void call_all(handling *h)
{
    kin_error *rest = kin_error_ref(h->original);
    for (size_t i = 0; i < h->count && rest; i++) {
        kin_error *matched = kin_error_split(rest, h->table[i].kind, &rest);
        if (matched)
            call(h, i, matched);
    }
    kin_error_free(rest);
}

kin_error *kin_error_handle(kin_error *err, const kin_handler table[],
                            size_t count, void *context)
{
    handling h = {.table = table, .count = count, .context = context};
    kin_error *misuse = check(table, count);
    if (misuse)
        return kin_error_combine_at(NULL, err, misuse);
    if (!err || !any_handler_for(err, &h))
        return err;
    bool naked = !kin__is_group(err);
    const kin_site *site = err->places ? NULL : err->site;
    h.original = naked ? kin_error_group_at(site, "", &err, 1) : err;
    call_all(&h);
    kin_error *left = kin_error_split_if(h.original, stays, &h, NULL);
    if (h.raised_count == 0)
        return left;
    if (naked) /* only one handler can have run */
        return h.raised[0];
    if (left)
        h.raised[h.raised_count++] = left;
    return kin_error_group_at(site, "", h.raised, h.raised_count);
}
