/* error/follow.c: see follow.h.

   The question is one of reach. An error that wraps another is a consequence if
   that is: from an error the search goes to the end of its causes, and from there
   to what is behind the cancellation that the last was made under; from there on
   to everything below and behind. A cause that is a group must lead there with
   all its members. It asks whether the search, having
   passed something behind at least once, comes to an origin or to a part of
   one. Every edge leads to something older, so there are no circles, and each
   node is asked once: its answer is kept, apart for before and after that step,
   for all the leaves of a group. Without memory for that the answer is no,
   which is the careful one. */
#include "error/follow.h"

#include "base/alloc.h"
#include "error/walk.h"

enum { NO = 1, YES = 2 };

/* A node on the search's path, and which of its edges is next. */
typedef struct kin__follow_step {
    const kin_error *err;
    size_t next;
    bool behind; /* something behind has been passed */
} step;

void kin__follow_open(kin__follow *f)
{
    *f = (kin__follow){0};
}

void kin__follow_close(kin__follow *f)
{
    kin__map_free(&f->origins);
    kin__map_free(&f->answers);
    kin__free(f->path);
}

void kin__follow_origin(kin__follow *f, const kin_error *origin)
{
    kin__walk walk;
    kin__walk_open(&walk, origin, false);
    while (walk.at) {
        if (!kin__map_put(&f->origins, kin__map_key(walk.at)))
            f->failed = true;
        if (kin__walk_down(&walk))
            continue;
        while (!kin__walk_on(&walk) && walk.at)
            ;
    }
    kin__walk_close(&walk);
}

bool kin__follow_is_origin(const kin__follow *f, const kin_error *err)
{
    return kin__map_find(&f->origins, kin__map_key(err)) != NULL;
}

/* Nodes are aligned, so the lowest bit is free. */
static uint64_t key_of(const kin_error *err, bool behind)
{
    return kin__map_key(err) | behind;
}

static void answer(kin__follow *f, const step *at, uint64_t what)
{
    kin__map_entry *entry =
        kin__map_put(&f->answers, key_of(at->err, at->behind));
    if (entry)
        entry->first = what;
    else
        f->failed = true;
}

static bool push(kin__follow *f, const kin_error *err, bool behind)
{
    if (f->depth == f->room) {
        size_t room = f->room ? f->room * 2 : 32;
        step *path = kin__realloc(f->path, room * sizeof *path);
        if (!path) {
            f->failed = true;
            return false;
        }
        f->path = path;
        f->room = room;
    }
    f->path[f->depth++] = (step){.err = err, .behind = behind};
    return true;
}

static const kin_error *behind(const kin_error *err)
{
    kin__reason *reason = kin__reason_of(err);
    return reason ? reason->cancellation.behind : NULL;
}

/* A group that is wrapped, or that a wrapped one holds: it follows if all of it
   does, for one that does not is a failure of its own. */
static bool wants_all(const step *at)
{
    return kin__is_group(at->err) && !at->behind;
}

/* A cause of this program's: what another one handed up was made under none of
   our cancellations, whatever came of it here. */
static bool has_cause_here(const kin_error *err)
{
    return err->cause &&
           (err->flags & KIN__IS_READ || !(err->cause->flags & KIN__IS_READ));
}

/* Along the next edge; NULL: there are no more. */
static const kin_error *next_edge(step *at, bool *passed)
{
    size_t members = kin__member_count(at->err), below = members + 1;
    bool by_cause = !at->behind && has_cause_here(at->err);
    size_t end = wants_all(at) ? members : by_cause ? below : below + 1;
    while (at->next < end) {
        size_t i = at->next++;
        const kin_error *err =
            i < below ? kin__below(at->err, i) : behind(at->err);
        *passed = at->behind || i == below;
        if (err)
            return err;
    }
    return NULL;
}

/* What is known of a node without going there; 0: nothing. */
static uint64_t known(const kin__follow *f, const kin_error *err, bool passed)
{
    if (passed && kin__follow_is_origin(f, err))
        return YES;
    const kin__map_entry *entry =
        kin__map_find(&f->answers, key_of(err, passed));
    return entry ? entry->first : 0;
}

/* One step of the search. `answered` is what the edge that was followed last came
   to, 0 if none was; returns what the step at the end of the path comes to, which
   is then off it, or 0. */
static uint64_t go_on(kin__follow *f, uint64_t answered)
{
    step *at = &f->path[f->depth - 1];
    uint64_t decides = wants_all(at) ? NO : YES;
    bool passed;
    while (answered != decides) {
        const kin_error *err = next_edge(at, &passed);
        if (!err) {
            answered = decides == NO ? YES : NO;
            break;
        }
        bool is_origin = decides == NO && kin__follow_is_origin(f, err);
        answered = is_origin ? YES : known(f, err, passed);
        if (!answered) {
            push(f, err, passed);
            return 0;
        }
    }
    answer(f, at, answered);
    f->depth--;
    return answered;
}

bool kin__follow_ask(kin__follow *f, const kin_error *leaf)
{
    const kin_error *first = behind(leaf);
    if (!has_cause_here(leaf) && (!first || kin__follow_is_origin(f, first)))
        return first != NULL;
    if (f->failed || !push(f, leaf, false))
        return false;
    uint64_t answered = 0;
    while (f->depth > 0 && !f->failed)
        answered = go_on(f, answered);
    f->depth = 0;
    return !f->failed && answered == YES;
}

static bool all_follow(kin__follow *f, const kin_error *err)
{
    kin__walk walk;
    bool all = true;
    kin__walk_open(&walk, err, false);
    for (bool more = kin__walk_to_leaf(&walk); more && all;
         more = kin__walk_to_next_leaf(&walk))
        all = kin__follow_is_origin(f, walk.at) || kin__follow_ask(f, walk.at);
    kin__walk_close(&walk);
    return all;
}

bool kin_error_follows_from(const kin_error *err, const kin_error *origin)
{
    if (!err || !origin)
        return false;
    kin__follow f;
    kin__follow_open(&f);
    kin__follow_origin(&f, origin);
    bool follows = kin__is_group(err) ? all_follow(&f, err) && !f.failed
                                      : kin__follow_ask(&f, err);
    kin__follow_close(&f);
    return follows;
}
