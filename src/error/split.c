/* error/split.c: taking a tree apart (PEP 654).

   The tree is walked once, and the filter asked once of each node, groups
   first: a yes takes the whole subtree. A group falls apart when both answers
   have been seen below it; only then are two groups like it made, its *halves*,
   and what has been seen below it so far, which had one answer, goes to one of
   them. Whatever had one answer throughout is not copied but shared, the root
   too.

   The groups that have come apart are always the outermost ones of the path,
   without a gap: when one does, so do those above it. Their halves are kept on
   a list through their own links (nobody else has them yet): `next` is the pair
   outside, `prev` of the first half is the second.

   When a half cannot be made, not even from the reserve, the error is given
   back whole, as what did not match, and nothing is lost. */
#include "error/walk.h"

enum { NO, YES, NOTHING };

typedef struct split {
    kin__walk walk;
    kin_error_filter *filter;
    void *context;
    kin_error *halves; /* of the groups that came apart, innermost first */
    size_t apart;      /* how many groups of the path have come apart */
    int answer;        /* to all seen below the outermost that has not */
    kin_error *result[2];
} split;

static kin_error *half(split *s, int answer)
{
    return answer == YES ? s->halves : s->halves->prev;
}

static bool add(kin_error *half, kin_error *owned)
{
    if (kin__group_add(half, owned))
        return true;
    kin__error_disown(owned);
    return false;
}

static bool add_shared(kin_error *half, const kin_error *part)
{
    return add(half, kin__error_share(part));
}

/* A pair of halves for one group, with what was seen of it so far in one. */
static kin_error *break_group(split *s, size_t level)
{
    size_t seen;
    const kin_error *group = kin__walk_above(&s->walk, level, &seen);
    kin_error *yes = kin__group_derive(group);
    kin_error *no = yes ? kin__group_derive(group) : NULL;
    bool all = no != NULL;
    for (size_t i = 0; i < seen && all; i++)
        all = add_shared(s->answer == YES ? yes : no, group->members[i]);
    if (all) {
        yes->prev = no;
        yes->next = NULL;
        return yes;
    }
    kin_error_free(yes);
    kin_error_free(no);
    return NULL;
}

/* Those of the path that have not come apart, down to that level, do. */
static bool come_apart(split *s, size_t level)
{
    kin_error *innermost = NULL, *last = NULL;
    size_t outer = s->apart;
    for (size_t i = level + 1; i-- > outer;) {
        kin_error *pair = break_group(s, i);
        if (!pair)
            break;
        if (last)
            last->next = pair;
        else
            innermost = pair;
        last = pair;
        s->apart++;
    }
    if (last) {
        last->next = s->halves;
        s->halves = innermost;
    }
    return s->apart == level + 1;
}

/* The node that the walk is at, with all below it, has this answer. */
static bool place(split *s, int answer)
{
    size_t depth = s->walk.depth;
    if (depth > s->apart && s->answer != NOTHING && s->answer != answer) {
        size_t level = depth - 1, seen;
        while (kin__walk_above(&s->walk, level, &seen), seen == 0)
            level--;
        if (!come_apart(s, level))
            return false;
        s->answer = NOTHING;
    }
    if (depth == s->apart && depth > 0)
        return add_shared(half(s, answer), s->walk.at);
    s->answer = answer;
    return true;
}

static kin_error *take_halves(split *s)
{
    kin_error *yes = s->halves;
    s->halves = yes->next;
    s->apart--;
    yes->next = NULL;
    return yes;
}

/* The halves of the group that is done go where it stood. */
static bool close_halves(split *s)
{
    kin_error *yes = take_halves(s), *no = yes->prev;
    yes->prev = NULL;
    if (s->apart == 0) {
        s->result[YES] = yes;
        s->result[NO] = no;
        return true;
    }
    kin__error_take(yes);
    kin__error_take(no);
    bool added = add(half(s, YES), yes);
    return add(half(s, NO), no) && added;
}

/* The walk has come back up to a group. */
static bool leave(split *s)
{
    bool done = true;
    if (s->apart == s->walk.depth + 1)
        done = close_halves(s);
    else if (s->apart < s->walk.depth || s->apart == 0)
        return true; /* it belongs to something larger with one answer */
    else
        done = add_shared(half(s, s->answer), s->walk.at);
    s->answer = NOTHING;
    return done;
}

static bool visit(split *s)
{
    const kin_error *at = s->walk.at;
    if (s->filter(at, s->context)) {
        if (!place(s, YES))
            return false;
    } else if (!kin__is_group(at)) {
        if (!place(s, NO))
            return false;
    } else {
        kin__walk_down(&s->walk);
        return true;
    }
    while (!kin__walk_on(&s->walk) && s->walk.at)
        if (!leave(s))
            return false;
    return true;
}

static void abandon(split *s)
{
    while (s->halves) {
        kin_error *yes = take_halves(s), *no = yes->prev;
        yes->prev = NULL;
        kin_error_free(yes);
        kin_error_free(no);
    }
}

/* The error is borrowed. Says whether it came apart; if not, s->answer is the
   one answer there was. */
static bool run(split *s, const kin_error *err)
{
    bool going = true;
    s->halves = NULL;
    s->apart = 0;
    s->answer = NOTHING;
    s->result[YES] = s->result[NO] = NULL;
    kin__walk_open(&s->walk, err, false);
    while (s->walk.at && going)
        going = visit(s);
    kin__walk_close(&s->walk);
    if (going)
        return s->result[YES] != NULL;
    abandon(s);
    s->answer = NO;
    return false;
}

/* The halves are held where the whole was, and the whole is freed. */
static void replace(kin_error *err, kin_error *a, kin_error *b)
{
    if (kin__home(err) == kin__thread_mark()) {
        kin_error **list = err->holder;
        kin__error_hold(list, a);
        if (b)
            kin__error_hold(list, b);
    }
    kin_error_free(err);
}

static void give_rest(kin_error **rest, kin_error *left)
{
    if (rest)
        *rest = left;
    else
        kin_error_free(left);
}

kin_error *kin_error_split_if(kin_error *err, kin_error_filter *filter,
                              void *context, kin_error **rest)
{
    split s = {.filter = filter, .context = context};
    kin_error *match = NULL, *left = NULL;
    if (err && run(&s, err)) {
        match = s.result[YES];
        left = s.result[NO];
        replace(err, match, left);
    } else if (err) {
        match = s.answer == YES ? err : NULL;
        left = s.answer == YES ? NULL : err;
    }
    give_rest(rest, left);
    return match;
}

static bool is_of_kind(const kin_error *err, void *kind)
{
    return kin_error_is(err, kind);
}

/* What the sums of the leaves' kinds say before any walk. */

static bool is_summed(const kin_kind *kind)
{
    return kind == &KIN_FAILURE || kind == &KIN_CANCELLED ||
           kind == &KIN_GENERATOR_EXIT || kind == &KIN_INTERRUPT ||
           kind == &KIN_EXIT;
}

static bool surely_none(const kin_error *err, const kin_kind *kind)
{
    uint8_t of = kin__kind_leaves(kind);
    return of < KIN__OF_BASE && !(err->leaf_kinds & of);
}

static bool surely_all(const kin_error *err, const kin_kind *kind)
{
    return is_summed(kind) && err->leaf_kinds == kin__kind_leaves(kind);
}

kin_error *kin_error_split(kin_error *err, const kin_kind *kind,
                           kin_error **rest)
{
    if (!err || !kind || surely_none(err, kind)) {
        give_rest(rest, err);
        return NULL;
    }
    if (!surely_all(err, kind))
        return kin_error_split_if(err, is_of_kind, (void *)kind, rest);
    give_rest(rest, NULL);
    return err;
}

kin_error *kin_error_suppress(kin_error *err, const kin_kind *kind)
{
    kin_error *rest;
    kin_error_free(kin_error_split(err, kind, &rest));
    return rest;
}

kin_error *kin__error_strip(kin_error *err, const kin_kind *kind, bool *some)
{
    kin_error *rest;
    if (kin__error_only(err, kind)) {
        kin_error_free(err);
        *some = true;
        return NULL;
    }
    kin_error *match = kin_error_split(err, kind, &rest);
    *some = match != NULL;
    kin_error_free(match);
    return rest;
}

/* Whether the leaves of that kind are there, `sought` or not. */
static bool has_leaf(const kin_error *err, const kin_kind *kind, bool sought)
{
    kin__walk walk;
    bool found = false;
    kin__walk_open(&walk, err, false);
    for (bool more = kin__walk_to_leaf(&walk); more && !found;
         more = kin__walk_to_next_leaf(&walk))
        found = kin__kind_descends(walk.at->kind, kind) == sought;
    kin__walk_close(&walk);
    return found;
}

bool kin_error_has(const kin_error *err, const kin_kind *kind)
{
    if (!err || !kind || surely_none(err, kind))
        return false;
    return is_summed(kind) || has_leaf(err, kind, true);
}

bool kin__error_only(const kin_error *err, const kin_kind *kind)
{
    if (!err || !kind || surely_none(err, kind))
        return false;
    return is_summed(kind) ? surely_all(err, kind)
                           : !has_leaf(err, kind, false);
}

bool kin_error_catch(kin_error **err, const kin_kind *kind)
{
    if (!kin__error_only(*err, kind))
        return false;
    kin_error_free(*err);
    *err = NULL;
    return true;
}

kin_error *kin_error_unwrap(kin_error *err, const kin_kind *kind)
{
    if (!err || !kin__is_group(err) || err->leaves != 1)
        return err;
    kin_error *leaf = err;
    while (kin__is_group(leaf))
        leaf = leaf->members[0];
    if (!kin_error_is(leaf, kind))
        return err;
    leaf = kin_error_ref(leaf);
    replace(err, leaf, NULL);
    return leaf;
}
