/* error/walk.h: the one place that walks trees.

   A walk visits every node of a tree in preorder, and passes every node that
   has something below it a second time when all of that is done:

       kin__walk_open(&walk, root, causes);
       do {
           ... walk.at is new ...
           if (kin__walk_down(&walk))
               continue;
           while (!kin__walk_on(&walk) && walk.at)
               ... walk.at is done ...
       } while (walk.at);
       kin__walk_close(&walk);

   Nothing in the nodes is changed, so many walks may go on at once, on any
   threads. A walk cannot fail. The path is kept in the walk; for a deep tree in
   a block of the heap, whose size the tree knows, and when there is no memory
   for that, the walk keeps the innermost part of the path and finds the rest
   again from the root, by the number of nodes it has passed, when it comes back
   up: slower, but to the end. */
#ifndef KIN__ERROR_WALK_H
#define KIN__ERROR_WALK_H

#include "error/node.h"

enum { KIN__WALK_ROOM = 32 };

typedef struct kin__walk {
    const kin_error *at; /* NULL at the end */
    size_t depth;        /* how many nodes are above it */
    const kin_error *root;
    bool causes;   /* whether it goes down to causes too */
    size_t passed; /* nodes before `at`, in a walk of everything */
    /* the path: levels base to base + known - 1 */
    size_t base, known, room;
    const kin_error **above;
    size_t *index; /* of what is below it that the path goes on with */
    void *block;
    const kin_error *small_above[KIN__WALK_ROOM];
    size_t small_index[KIN__WALK_ROOM];
} kin__walk;

void kin__walk_open(kin__walk *, const kin_error *root, bool causes);
void kin__walk_close(kin__walk *);
bool kin__walk_down(kin__walk *); /* no: there is nothing below */
/* To what is next to it; no: to what is above it, or to the end. */
bool kin__walk_on(kin__walk *);
/* The node of the path at that level, and where it goes on. */
const kin_error *kin__walk_above(kin__walk *, size_t level, size_t *index);
/* Whether it is the cause of what is above it. */
bool kin__walk_is_cause(kin__walk *);

/* The leaves of a tree, without causes: the next one after `at`, or at it. */
bool kin__walk_to_leaf(kin__walk *);
bool kin__walk_to_next_leaf(kin__walk *);

#endif
