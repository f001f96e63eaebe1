/* error/walk.c: see walk.h.

   The numbering that a lost path is found again by: a node has the number of
   nodes before it in a walk that goes down to everything. Each node knows how
   many there are in its tree, so a look from the root downwards finds the one
   that a number falls into. A walk without causes skips numbers. */
#include "error/walk.h"

#include <string.h>

#include "base/alloc.h"

static void make_room(kin__walk *walk, size_t height)
{
    enum { FRAME = sizeof(kin_error *) + sizeof(size_t) };
    walk->room = KIN__WALK_ROOM;
    walk->above = walk->small_above;
    walk->index = walk->small_index;
    walk->block = NULL;
    if (height <= KIN__WALK_ROOM)
        return;
    walk->block = kin__alloc(height * FRAME);
    if (!walk->block)
        return;
    walk->room = height;
    walk->above = walk->block;
    walk->index = (size_t *)(void *)(walk->above + height);
}

void kin__walk_open(kin__walk *walk, const kin_error *root, bool causes)
{
    walk->at = walk->root = root;
    walk->causes = causes;
    walk->depth = walk->passed = walk->base = walk->known = 0;
    make_room(walk, root->height);
}

void kin__walk_close(kin__walk *walk)
{
    kin__free(walk->block);
    walk->block = NULL;
}

static size_t count_below(const kin__walk *walk, const kin_error *err)
{
    return kin__member_count(err) + (walk->causes && err->cause ? 1 : 0);
}

/* Fills in the path down to that level, or as much above it as there is room
   for. */
static void find_again(kin__walk *walk, size_t level)
{
    const kin_error *at = walk->root;
    size_t first = 0; /* the number of `at` */
    walk->base = level < walk->room ? 0 : level + 1 - walk->room;
    walk->known = level + 1 - walk->base;
    for (size_t i = 0; i <= level; i++) {
        size_t index = 0, below = first + 1;
        while (walk->passed >= below + kin__below(at, index)->nodes)
            below += kin__below(at, index++)->nodes;
        if (i >= walk->base) {
            walk->above[i - walk->base] = at;
            walk->index[i - walk->base] = index;
        }
        at = kin__below(at, index);
        first = below;
    }
}

/* Where in the path's arrays that level is. */
static size_t place(kin__walk *walk, size_t level)
{
    if (__builtin_expect(level - walk->base >= walk->known, 0))
        find_again(walk, level);
    return level - walk->base;
}

/* Without room for one more level, the outer half of what is known is
   forgotten. */
static void forget_outer(kin__walk *walk)
{
    size_t half = walk->room / 2;
    walk->base += half;
    walk->known -= half;
    memmove(walk->above, walk->above + half, walk->known * sizeof *walk->above);
    memmove(walk->index, walk->index + half, walk->known * sizeof *walk->index);
}

static void push(kin__walk *walk, const kin_error *err)
{
    if (walk->depth > 0)
        place(walk, walk->depth - 1); /* so that this is the level after */
    if (walk->known == walk->room)
        forget_outer(walk);
    walk->above[walk->known] = err;
    walk->index[walk->known] = 0;
    walk->known++;
}

bool kin__walk_down(kin__walk *walk)
{
    if (count_below(walk, walk->at) == 0)
        return false;
    /* Forgotten levels below are of another branch. */
    walk->known = walk->depth > walk->base ? walk->depth - walk->base : 0;
    if (walk->known == 0)
        walk->base = walk->depth;
    push(walk, walk->at);
    walk->at = kin__below(walk->at, 0);
    walk->depth++;
    walk->passed++;
    return true;
}

static void go_up(kin__walk *walk, const kin_error *above, size_t next)
{
    if (!walk->causes && above->cause)
        next += above->cause->nodes;
    walk->at = above;
    walk->passed = next - above->nodes;
    walk->depth--;
}

bool kin__walk_on(kin__walk *walk)
{
    if (walk->depth == 0) {
        walk->at = NULL;
        return false;
    }
    size_t at = place(walk, walk->depth - 1);
    size_t next = walk->passed + walk->at->nodes;
    const kin_error *above = walk->above[at];
    if (walk->index[at] + 1 >= count_below(walk, above)) {
        go_up(walk, above, next);
        return false;
    }
    walk->at = kin__below(above, ++walk->index[at]);
    walk->passed = next;
    return true;
}

const kin_error *kin__walk_above(kin__walk *walk, size_t level, size_t *index)
{
    size_t at = place(walk, level);
    if (index)
        *index = walk->index[at];
    return walk->above[at];
}

bool kin__walk_is_cause(kin__walk *walk)
{
    size_t index;
    if (walk->depth == 0)
        return false;
    const kin_error *above = kin__walk_above(walk, walk->depth - 1, &index);
    return index == kin__member_count(above);
}

bool kin__walk_to_leaf(kin__walk *walk)
{
    while (walk->at && kin__is_group(walk->at))
        kin__walk_down(walk);
    return walk->at != NULL;
}

bool kin__walk_to_next_leaf(kin__walk *walk)
{
    while (!kin__walk_on(walk))
        if (!walk->at)
            return false;
    return kin__walk_to_leaf(walk);
}

/* The path that a visitor sees is whole unless there was no memory for it; then
   it is what is innermost. */
bool kin_error_each_leaf(const kin_error *err, kin_error_visit *visit,
                         void *context)
{
    kin__walk walk;
    bool all = true;
    if (!err)
        return true;
    kin__walk_open(&walk, err, false);
    for (bool more = kin__walk_to_leaf(&walk); more && all;
         more = kin__walk_to_next_leaf(&walk)) {
        if (walk.depth > 0)
            place(&walk, walk.depth - 1);
        size_t known = walk.depth - walk.base;
        all = visit(walk.at, walk.above, known, context);
    }
    kin__walk_close(&walk);
    return all;
}
