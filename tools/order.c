/* order.c: see order.h.

   A job writes into outputs of its place, which make its lines as ever and then
   hold them in memory, until the turn is theirs or they hold more than they may;
   then the job waits, and who writes into its pipes with it. The one whose turn
   it is never waits for another, so that all get there. What a job held when it
   ended is written by the job before it, when that ends. */
#include "order.h"

#include <kin/park.h>

#include <stdlib.h>

enum {
    MOST_HELD = 1 << 20, /* of one place; and more than a buffer */
    MOST_HELD_BY_ALL = 8 << 20,
};

/* For output.c: whether so much more may be held. */
static bool may_hold(void *context, size_t more)
{
    place *it = context;
    if (it->open || it->held + more > MOST_HELD ||
        it->order->held + more > MOST_HELD_BY_ALL)
        return false;
    it->held += more;
    it->order->held += more;
    return true;
}

/* For output.c: until the turn is its own. */
static void await_turn(void *context)
{
    place *it = context;
    kin_waiter waiter;
    KIN_SCOPE(shield, .shield = true);
    kin_error *err = NULL;
    while (!it->open && !err)
        err = kin_wait_on(&it->opening, &waiter, "its turn to be shown");
    kin_error_free(kin_scope_close(shield, err));
}

/* What it holds is written, and what comes goes through. */
static void open_place(place *it)
{
    it->open = true;
    it->order->held -= it->held;
    it->held = 0;
    kin_wait_list_wake(&it->opening, SIZE_MAX);
    if (it->before)
        kin_scope_cancel(it->before, "its turn has come");
    outputs_release(&it->here);
}

place *order_add(order *all, outputs *to)
{
    place *it = calloc(1, sizeof *it);
    if (!it)
        return NULL;
    it->order = all;
    outputs_open_before(&it->here, to, (output_hold){may_hold, await_turn, it});
    if (!all->first)
        open_place(it);
    *(all->last ? &all->last->next : &all->first) = it;
    all->last = it;
    return it;
}

kin_error *order_until_turn(place *it, kin_fn *fn, void *arg)
{
    if (it->open)
        return NULL;
    KIN_SCOPE(before);
    it->before = before;
    kin_error *err = fn(arg);
    it->before = NULL;
    return kin_scope_close(before, err);
}

void order_end(place *it)
{
    order *all = it->order;
    it->ended = true;
    if (all->advancing)
        return; /* and gets to it */
    all->advancing = true;
    while (all->first && all->first->ended && all->first->open) {
        place *done = all->first;
        all->first = done->next;
        if (!all->first)
            all->last = NULL;
        outputs_close(&done->here);
        free(done);
        if (all->first)
            open_place(all->first);
    }
    all->advancing = false;
}
