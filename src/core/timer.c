/* core/timer.c: what is to happen at a point of time: a pairing heap of entries
   that live in their owners' memory, so that setting one can never fail.

   Invariants: a set entry has `back` (its elder sibling, or its parent if it is
   the first child; the root has itself); no entry is due before its parent.
   Entries due at the same time fire in the order in which they were set. An
   entry belongs to its owner, who clears it before it goes. */
#include "core/runtime.h"

static bool earlier(const kin__timer *a, const kin__timer *b)
{
    return a->when < b->when || (a->when == b->when && a->order < b->order);
}

static kin__timer *meld(kin__timer *a, kin__timer *b)
{
    if (earlier(b, a)) {
        kin__timer *t = a;
        a = b;
        b = t;
    }
    b->back = a;
    b->sibling = a->child;
    if (a->child)
        a->child->back = b;
    a->child = b;
    return a;
}

/* Melds a list of siblings: in pairs from the left, then the pairs from the
   right, which keeps the amortised cost logarithmic. */
static kin__timer *meld_siblings(kin__timer *first)
{
    kin__timer *pairs = NULL;
    while (first) {
        kin__timer *a = first, *b = a->sibling;
        first = b ? b->sibling : NULL;
        a->sibling = NULL;
        if (b) {
            b->sibling = NULL;
            a = meld(a, b);
        }
        a->sibling = pairs;
        pairs = a;
    }
    kin__timer *root = pairs;
    if (root) {
        pairs = root->sibling;
        root->sibling = NULL;
    }
    while (pairs) {
        kin__timer *next = pairs->sibling;
        pairs->sibling = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void set_root(kin__runtime *rt, kin__timer *root)
{
    rt->timers = root;
    if (root)
        root->back = root;
}

void kin__timer_set(kin__runtime *rt, kin__timer *timer, kin_time when,
                    void (*fire)(kin__timer *))
{
    timer->when = when;
    timer->order = rt->timer_order++;
    timer->child = timer->sibling = NULL;
    timer->fire = fire;
    set_root(rt, rt->timers ? meld(rt->timers, timer) : timer);
}

void kin__timer_clear(kin__runtime *rt, kin__timer *timer)
{
    if (!timer->back)
        return;
    kin__timer *orphans = meld_siblings(timer->child);
    if (timer == rt->timers) {
        set_root(rt, orphans);
    } else {
        if (timer->back->child == timer)
            timer->back->child = timer->sibling;
        else
            timer->back->sibling = timer->sibling;
        if (timer->sibling)
            timer->sibling->back = timer->back;
        if (orphans)
            set_root(rt, meld(rt->timers, orphans));
    }
    timer->back = NULL;
}

void kin__timers_fire(kin__runtime *rt, kin_time now)
{
    while (rt->timers && rt->timers->when <= now) {
        kin__timer *due = rt->timers;
        kin__timer_clear(rt, due);
        due->fire(due);
    }
}
