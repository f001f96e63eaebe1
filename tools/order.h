/* order.h: --keep-order: the output of each command together, in the order of
   the jobs. All of it inside a run. */
#ifndef KIN_TOOLS_ORDER_H
#define KIN_TOOLS_ORDER_H

#include "output.h"

typedef struct place place;

/* All zero is ready. */
typedef struct order {
    place *first, *last; /* in order; the first one's turn it is */
    bool advancing;      /* somebody is at it */
    size_t held;         /* memory for what waits for its turn */
} order;

/* One job's. */
struct place {
    order *order;
    place *next;
    outputs here; /* where its output goes: to kin's own when its turn is */
    bool open;    /* it is */
    bool ended;   /* nothing more comes */
    kin_scope *before; /* of what goes on until then */
    size_t held;
    kin_wait_list opening;
};

/* A place behind the others, for output that goes to `to` in the end; NULL: no
   memory. */
place *order_add(order *, outputs *to);
/* Runs fn(arg), and cancels it when the turn comes: nothing, if it has come. */
KIN_MUST_USE kin_error *order_until_turn(place *, kin_fn *fn, void *arg);
/* Its job has ended, and the place is the order's to free: whoever is next may
   write, and what ended behind it is written. Waits for that, and cannot be
   cancelled. */
void order_end(place *);

#endif
