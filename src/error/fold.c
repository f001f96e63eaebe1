/* error/fold.c: see fold.h.

   The members of one group that are leaves and say the same (kind, message,
   code, places, notes, cause, cancellation) are shown as the first of them with
   a count. They are found by a hash of what they say and the group they are in;
   what has the same hash is compared. The table has a limit, so that a tree of
   millions of different leaves costs no more than its printing; leaves beyond
   it, and all of them without memory, are shown one by one. */
#include "error/fold.h"

#include <string.h>

#include "error/walk.h"

enum { MOST_LEAVES = 1 << 15, DEEPEST_CAUSE = 16 };

/* In an entry of a leaf, `first` is its index + 1 and `second` the count of its
   equals, with this bit; in an entry of a group they count its showings. */
#define TASKS_DIFFER ((uint64_t)1 << 63)

static uint64_t add_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t key_of(const kin_error *group, const kin_error *leaf)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ kin__map_key(group);
    hash = add_text(hash, kin_error_kind_name(leaf)) + (unsigned)leaf->code;
    hash = add_text(hash, leaf->message);
    if (leaf->site)
        hash = add_text(hash, leaf->site->file) + (unsigned)leaf->site->line;
    return hash | 1; /* addresses, as keys of groups, are even */
}

bool kin__same_site(const kin_site *a, const kin_site *b)
{
    return a == b ||
           (a && b && a->line == b->line && strcmp(a->file, b->file) == 0 &&
            strcmp(a->function, b->function) == 0);
}

bool kin__same_sites(const kin_site *const *a, size_t count,
                     const kin_site *const *b, size_t b_count)
{
    if (count != b_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!kin__same_site(a[i], b[i]))
            return false;
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_notes(const kin_error *a, const kin_error *b)
{
    size_t count = kin_error_note_count(a);
    if (count != kin_error_note_count(b))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!same_text(kin_error_note(a, i), kin_error_note(b, i)))
            return false;
    return true;
}

bool kin__same_reason(const kin__reason *a, const kin__reason *b)
{
    if (a == b || !a || !b)
        return a == b;
    const kin_cancellation *x = &a->cancellation, *y = &b->cancellation;
    return x->source == y->source && same_text(x->text, y->text) &&
           same_text(x->task, y->task) && kin__same_site(x->site, y->site);
}

static bool same_leaf(const kin_error *a, const kin_error *b)
{
    return a->code == b->code && !((a->flags ^ b->flags) & KIN__HAS_LOST) &&
           same_text(kin_error_kind_name(a), kin_error_kind_name(b)) &&
           same_text(a->message, b->message) &&
           kin__same_site(a->site, b->site) &&
           kin__same_sites(a->trace, a->trace_count, b->trace,
                           b->trace_count) &&
           kin__same_sites(a->chain, a->chain_count, b->chain,
                           b->chain_count) &&
           same_notes(a, b) && kin__same_reason(a->reason, b->reason);
}

/* With what explains them. Causes that are groups, or very long, are compared
   by no more than who they are. */
static bool is_same(const kin_error *a, const kin_error *b)
{
    for (int i = 0; i < DEEPEST_CAUSE; i++) {
        if (a == b)
            return true;
        if (!a || !b || kin__is_group(a) || kin__is_group(b) ||
            !same_leaf(a, b))
            return false;
        a = a->cause;
        b = b->cause;
    }
    return false;
}

static void count_leaf(kin__fold *fold, const kin_error *group, size_t index)
{
    const kin_error *leaf = group->members[index];
    kin__map_entry *entry = kin__map_put(&fold->map, key_of(group, leaf));
    if (!entry)
        return;
    if (!entry->first)
        entry->first = index + 1;
    const kin_error *first = group->members[entry->first - 1];
    if (!is_same(first, leaf))
        return;
    entry->second++;
    if (!same_text(first->task, leaf->task))
        entry->second |= TASKS_DIFFER;
}

static void count_leaves(kin__fold *fold, const kin_error *group)
{
    if (kin__member_count(group) < 2)
        return;
    for (size_t i = 0; i < group->count; i++)
        if (!kin__is_group(group->members[i]))
            count_leaf(fold, group, i);
}

/* Whether it has been here, of what may come up again. */
static bool was_here(kin__fold *fold, const kin_error *err, bool shown)
{
    if (!kin__is_group(err) || kin__counts(err) >> 32 < 2)
        return false;
    kin__map_entry *entry = kin__map_put(&fold->map, kin__map_key(err));
    if (!entry)
        return false;
    return (shown ? entry->second++ : entry->first++) != 0;
}

void kin__fold_open(kin__fold *fold, const kin_error *root)
{
    kin__walk walk;
    *fold = (kin__fold){.map.limit = MOST_LEAVES};
    if (root->nodes < 3)
        return;
    kin__walk_open(&walk, root, true);
    do {
        if (!was_here(fold, walk.at, false)) {
            count_leaves(fold, walk.at);
            if (kin__walk_down(&walk))
                continue;
        }
        while (!kin__walk_on(&walk) && walk.at)
            ;
    } while (walk.at);
    kin__walk_close(&walk);
}

void kin__fold_close(kin__fold *fold)
{
    kin__map_free(&fold->map);
}

size_t kin__fold_count(const kin__fold *fold, const kin_error *group,
                       size_t index, bool *tasks_differ)
{
    const kin_error *leaf = group->members[index];
    *tasks_differ = false;
    if (kin__is_group(leaf))
        return 1;
    const kin__map_entry *entry =
        kin__map_find(&fold->map, key_of(group, leaf));
    if (!entry || !is_same(group->members[entry->first - 1], leaf))
        return 1;
    if (entry->first != index + 1)
        return 0;
    *tasks_differ = entry->second & TASKS_DIFFER;
    return (size_t)(entry->second & ~TASKS_DIFFER);
}

bool kin__fold_was_shown(kin__fold *fold, const kin_error *group)
{
    return was_here(fold, group, true);
}
