/* error/draft.c: from drafts to errors.

   What is read is inert: an error whose kind decides how control flows would
   let somebody else's text decide it. All texts and places of an error are in a
   block beside it, which halves of it share (kin__places).

   References to what was behind a cancellation may lead anywhere in the text,
   so they are put in at the end. Circles could never be freed, so a text that has
   one is refused: nobody else has the new nodes yet, and their own fields serve
   to look for one. */
#include "error/draft.h"

#include <string.h>

#include "base/alloc.h"
#include "error/walk.h"

enum { MOST_SPAWNED = 64 };

static bool refuse(kin__reader *r, const char *problem)
{
    return kin__json_fail(&r->json, r->drafts[r->depth - 1].began, problem);
}

/* The block of texts and places. */

static kin__places *make_places(kin__reader *r, const kin__draft *d,
                                size_t count)
{
    size_t length = r->json.used - d->strings;
    kin__places *places =
        kin__alloc(sizeof *places + count * sizeof(kin_site) + length);
    if (!places)
        return NULL;
    places->references = 1;
    memcpy(&places->sites[count], r->json.strings + d->strings, length);
    return places;
}

/* The strings of a draft, as they are in its block. */
typedef struct source {
    const kin__reader *reader;
    const kin__draft *draft;
    const char *texts;
    kin_site *next; /* the next place that is not used */
} source;

static const char *text_of(const source *from, size_t where)
{
    return from->texts + (where - from->draft->strings);
}

/* Copies a list of places; they are linked from the last to the first. */
static const kin_site *copy_places(source *from, const kin__draft_places *list)
{
    kin_site *first = from->next;
    size_t where = list->last;
    from->next += list->count;
    for (size_t i = list->count; i-- > 0;) {
        kin__draft_place place;
        memcpy(&place, from->reader->json.strings + where, sizeof place);
        first[i] = (kin_site){.file = text_of(from, place.file),
                              .function = text_of(from, place.function),
                              .line = (int)place.line};
        where = place.before;
    }
    return list->count ? first : NULL;
}

/* The parts of a node. */

/* With pointers for `count` members or places behind the trace's. */
static kin_error *new_node(size_t trace, size_t count, void **tail)
{
    uint8_t room = trace < UINT8_MAX ? (uint8_t)trace : UINT8_MAX;
    size_t size = sizeof(kin_error) + (room + count) * sizeof(void *);
    size_t wanted = size;
    kin_error *err = kin__node_new(&size);
    if (err && (size < wanted || err->flags & KIN__IS_RESERVED)) {
        kin__node_free(err); /* the reserve is not for reading */
        return NULL;
    }
    if (!err)
        return NULL;
    err->flags |= KIN__IS_READ;
    *tail = kin__node_set_trace(err, (char *)(err + 1), room);
    return err;
}

static void set_common(kin_error *err, source *from)
{
    const kin__draft *d = from->draft;
    err->message = d->message ? text_of(from, d->message) : "";
    err->site = copy_places(from, &d->site);
    const kin_site *trace = copy_places(from, &d->trace);
    for (size_t i = 0; i < d->trace.count; i++)
        kin_error_trace(err, &trace[i]);
    const char *note = d->note_count ? text_of(from, d->notes) : NULL;
    for (size_t i = 0; i < d->note_count; i++, note += strlen(note) + 1)
        kin_error_add_note(err, "%s", note);
    if (d->is_lost)
        err->flags |= KIN__HAS_LOST;
}

static bool add_fixup(kin__reader *r, kin__reason *reason, const kin__draft *d)
{
    if (!kin__draft_room(r, &r->fixups, r->fixup_count, &r->fixups_room,
                         sizeof *r->fixups))
        return false;
    r->fixups[r->fixup_count++] = (kin__draft_fixup){
        .reason = reason, .ref = d->behind_ref, .at = d->began};
    return true;
}

static bool set_reason(kin__reader *r, kin_error *err, source *from,
                       kin__draft *d)
{
    kin_cancellation why = {
        .source = (kin_cancel_source)d->source,
        .text = d->text ? text_of(from, d->text) : "",
        .task = d->by_task ? text_of(from, d->by_task) : NULL,
        .site = copy_places(from, &d->why_site),
    };
    err->reason = kin__reason_copy(&why);
    if (!err->reason)
        return kin__json_out_of_memory(&r->json);
    err->reason->cancellation.behind = d->behind;
    d->behind = NULL;
    return !d->behind_ref || add_fixup(r, err->reason, d);
}

static void set_chain(kin_error *err, source *from, void *tail)
{
    const kin__draft *d = from->draft;
    const kin_site *chain = copy_places(from, &d->spawned);
    err->chain = tail;
    err->chain_count = (uint8_t)d->spawned.count;
    err->chain_total = d->spawned.count + (size_t)d->spawned_more;
    for (size_t i = 0; i < d->spawned.count; i++)
        err->chain[i] = &chain[i];
}

/* Base kinds, and those not known here, are a KIN_REMOTE of their name. */
static void set_kind(kin_error *err, const char *name)
{
    const kin_kind *kind = kin__kind_find(name);
    bool known = kind && kin__kind_leaves(kind) == KIN__OF_FAILURE;
    err->kind = known ? kind : &KIN_REMOTE;
    err->kind_name = known ? NULL : name;
    err->leaf_kinds = KIN__OF_FAILURE;
}

static bool fill_leaf(kin__reader *r, kin_error *err, source *from, void *tail)
{
    kin__draft *d = &r->drafts[r->depth - 1];
    set_kind(err, text_of(from, d->kind));
    set_common(err, from);
    err->code = d->code;
    err->task = d->task ? text_of(from, d->task) : NULL;
    set_chain(err, from, tail);
    return !d->has_why || set_reason(r, err, from, d);
}

static void fill_group(kin__reader *r, kin_error *err, source *from, void *tail)
{
    kin__draft *d = &r->drafts[r->depth - 1];
    err->flags |= KIN__IS_GROUP;
    err->kind = &KIN_ERROR_GROUP;
    err->members = tail;
    err->capacity = r->count - d->nodes;
    err->tail = err;
    set_common(err, from);
    for (size_t i = d->nodes; i < r->count; i++)
        kin__group_add(err, r->nodes[i]);
    r->count = d->nodes;
    err->tail = NULL;
}

static size_t places_in(const kin__draft *d)
{
    return d->site.count + d->trace.count + d->spawned.count +
           d->why_site.count;
}

static bool check(kin__reader *r, const kin__draft *d)
{
    size_t members = r->count - d->nodes;
    if (!d->kind)
        return refuse(r, "an error has a kind");
    if (d->is_group &&
        strcmp(r->json.strings + d->kind, KIN_ERROR_GROUP.name) != 0)
        return refuse(r, "only an error group has members");
    if (d->is_group && members == 0)
        return refuse(r, "a group without members");
    if (d->spawned.count > MOST_SPAWNED)
        return refuse(r, "more places of spawning than there can be");
    return true;
}

static kin_error *make(kin__reader *r)
{
    kin__draft *d = &r->drafts[r->depth - 1];
    size_t places = places_in(d), members = r->count - d->nodes;
    void *tail;
    if (!check(r, d))
        return NULL;
    kin__places *block = make_places(r, d, places);
    kin_error *err =
        block ? new_node(d->trace.count,
                         d->is_group ? members : d->spawned.count, &tail)
              : NULL;
    if (!err) {
        kin__places_unref(block);
        kin__json_out_of_memory(&r->json);
        return NULL;
    }
    source from = {r, d, (const char *)&block->sites[places], block->sites};
    bool good = true;
    err->places = block;
    if (d->is_group)
        fill_group(r, err, &from, tail);
    else
        good = fill_leaf(r, err, &from, tail);
    kin__node_set_cause(err, d->cause);
    d->cause = NULL;
    if (good)
        return err;
    kin_error_free(err);
    return NULL;
}

/* To what is around it. */
static bool deliver(kin__reader *r, kin_error *err, kin__draft_role role)
{
    if (role == KIN__AS_MEMBER &&
        !kin__draft_room(r, &r->nodes, r->count, &r->nodes_room,
                         sizeof(kin_error *))) {
        kin_error_free(err);
        return false;
    }
    if (role == KIN__AS_ROOT) {
        r->root = err;
        return true;
    }
    kin__draft *outer = &r->drafts[r->depth - 1];
    kin__error_take(err);
    if (role == KIN__AS_MEMBER)
        r->nodes[r->count++] = err;
    else
        *(role == KIN__AS_CAUSE ? &outer->cause : &outer->behind) = err;
    return true;
}

static bool remember(kin__reader *r, long long id, kin_error *err)
{
    if (!id)
        return true;
    if (kin__map_find(&r->ids, (uint64_t)id))
        return refuse(r, "its id is another error's already");
    kin__map_entry *entry = kin__map_put(&r->ids, (uint64_t)id);
    if (!entry)
        return kin__json_out_of_memory(&r->json);
    entry->first = kin__map_key(err);
    return true;
}

bool kin__draft_finish(kin__reader *r)
{
    kin__draft *d = &r->drafts[r->depth - 1];
    kin__draft_role role = d->role;
    if (d->ref) {
        r->drafts[r->depth - 2].behind_ref = d->ref;
        r->json.used = d->strings;
        r->depth--;
        return true;
    }
    kin_error *err = make(r);
    if (!err)
        return false;
    bool good = remember(r, d->id, err);
    r->json.used = d->strings;
    r->depth--;
    return deliver(r, err, role) && good;
}

/* References. */

/* The edges of a node: members, cause, and what is behind its reason. */
static kin_error *edge(const kin_error *err, size_t index)
{
    size_t below = kin__member_count(err) + 1;
    if (index < below)
        return kin__below(err, index);
    kin__reason *reason = kin__reason_of(err);
    return reason ? (kin_error *)reason->cancellation.behind : NULL;
}

/* Walks the graph from a node, depth first. `held` is `fresh` in nodes that
   were not met, `done` in those that need not be met again, and else how many
   edges have been taken; `prev` leads back. Says whether it came round to a
   node it was on its way from. */
static bool goes_round(kin_error *at, uint32_t fresh, uint32_t done)
{
    bool round = false;
    at->held = 1;
    at->prev = NULL;
    while (at) {
        size_t index = at->held - 1;
        if (index > kin__member_count(at) + 1) {
            kin_error *back = at->prev;
            at->held = done;
            at->prev = NULL;
            at = back;
            continue;
        }
        kin_error *next = edge(at, index);
        at->held++;
        if (next && next->held == fresh) {
            next->held = 1;
            next->prev = at;
            at = next;
        } else if (next && next->held != done) {
            round = true;
        }
    }
    return round;
}

static bool has_circle(kin__reader *r)
{
    bool round = goes_round(r->root, 0, UINT32_MAX);
    goes_round(r->root, UINT32_MAX, 0);
    return round;
}

static bool look_up(kin__reader *r, const kin__draft_fixup *fixup)
{
    const kin__map_entry *entry = kin__map_find(&r->ids, (uint64_t)fixup->ref);
    if (!entry)
        return kin__json_fail(&r->json, fixup->at,
                              "no error has the id it refers to");
    fixup->reason->cancellation.behind =
        (const kin_error *)(uintptr_t)entry->first;
    return true;
}

bool kin__draft_resolve(kin__reader *r)
{
    bool good = true;
    size_t count = r->fixup_count;
    for (size_t i = 0; i < count && good; i++)
        good = look_up(r, &r->fixups[i]);
    if (good && count > 0 && has_circle(r))
        good = kin__json_fail(&r->json, 0, "its references go in a circle");
    for (size_t i = 0; i < count; i++) {
        kin_cancellation *why = &r->fixups[i].reason->cancellation;
        if (good)
            kin__error_share(why->behind);
        else
            why->behind = NULL;
    }
    return good;
}
