/* error/follow.c: see follow.h.

   The question is one of reach. From an error the search goes to its causes,
   and from each to what is behind the cancellation that it was made under; from
   there on to everything below and behind. It asks whether the search, having
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

/* Along the next edge; NULL: there are no more. */
static const kin_error *next_edge(step *at, bool *passed)
{
    size_t below = kin__member_count(at->err) + 1;
    while (at->next <= below) {
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

/* Everything on the path leads there. */
static bool found(kin__follow *f)
{
    while (f->depth > 0)
        answer(f, &f->path[--f->depth], YES);
    return true;
}

bool kin__follow_ask(kin__follow *f, const kin_error *leaf)
{
    const kin_error *first = behind(leaf);
    if (first && kin__follow_is_origin(f, first))
        return true;
    if ((!first && !leaf->cause) || f->failed || !push(f, leaf, false))
        return false;
    while (f->depth > 0 && !f->failed) {
        step *at = &f->path[f->depth - 1];
        bool passed;
        const kin_error *err = next_edge(at, &passed);
        uint64_t what = err ? known(f, err, passed) : 0;
        if (what == YES)
            return found(f);
        if (!err) {
            answer(f, at, NO);
            f->depth--;
        } else if (!what) {
            push(f, err, passed);
        }
    }
    f->depth = 0;
    return false;
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
