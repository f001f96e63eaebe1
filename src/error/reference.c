/* error/reference.c: references, loose and owned, and the end of errors.

   Freeing neither recurses nor allocates: what is to be freed is a list through
   the nodes' own links, which are free since what nobody refers to stands in no
   list. A node that only one reference leads to is changed without atomic
   operations: whoever has that reference is alone with it. */
#include "error/node.h"

/* One owned reference less; a node without references goes on the list. */
static void release(kin_error *err, kin_error **dead)
{
    if (err->flags & KIN__IS_IMMORTAL)
        return;
    if (kin__counts(err) != KIN__OWNED &&
        (uint32_t)__atomic_sub_fetch(&err->counts, KIN__OWNED,
                                     __ATOMIC_ACQ_REL) != 0)
        return;
    err->next = *dead;
    *dead = err;
}

static void release_below(kin_error *err, kin_error **dead)
{
    size_t count = kin__member_count(err);
    for (size_t i = 0; i < count; i++)
        release(err->members[i], dead);
    if (err->cause)
        release(err->cause, dead);
    kin__reason *reason = kin__reason_of(err);
    kin_error *behind = reason ? kin__reason_drop(reason) : NULL;
    if (behind)
        release(behind, dead);
}

static void destroy(kin_error *dead)
{
    while (dead) {
        kin_error *err = dead;
        dead = err->next;
        release_below(err, &dead);
        kin__node_free(err);
    }
}

void kin__error_disown(kin_error *err)
{
    kin_error *dead = NULL;
    if (err)
        release(err, &dead);
    destroy(dead);
}

kin_error *kin__error_share(const kin_error *shared)
{
    kin_error *err = (kin_error *)shared;
    if (!(err->flags & KIN__IS_IMMORTAL))
        __atomic_fetch_add(&err->counts, KIN__OWNED, __ATOMIC_RELAXED);
    return err;
}

bool kin__error_take(kin_error *err)
{
    if (err->flags & KIN__IS_IMMORTAL)
        return true;
    uint64_t counts = kin__counts(err);
    const void *home = kin__home(err);
    if (home && home != kin__thread_mark() && kin__loose(counts) == 1)
        kin__held_elsewhere(err, "an error is taken over");
    if (counts == KIN__ONE) {
        __atomic_store_n(&err->counts, KIN__OWNED, __ATOMIC_RELAXED);
        kin__let_go(err);
        return true;
    }
    do
        if (kin__loose(counts) == 0)
            return false;
    while (!__atomic_compare_exchange_n(&err->counts, &counts,
                                        counts + (KIN__OWNED - KIN__ONE), true,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    kin__let_go(err);
    return true;
}

kin_error *kin_error_ref(const kin_error *shared)
{
    kin_error *err = (kin_error *)shared;
    if (!err || err->flags & KIN__IS_IMMORTAL)
        return err;
    __atomic_fetch_add(&err->counts, KIN__ONE, __ATOMIC_RELAXED);
    if (kin__home(err) == kin__thread_mark() && err->holder == kin__held_here())
        err->held++;
    return err;
}

static void free_borrowed(const kin_error *err)
{
    const kin_site *site = err->site;
    if (err->flags & KIN__IS_KEPT)
        return;
    kin__error_misuse("kin_error_free: the error \"%s\", made at %s:%d, is "
                      "part of another error, and is freed with it",
                      err->message, site ? site->file : "?",
                      site ? site->line : 0);
}

/* Of an error that others refer to as well. */
static void free_shared(kin_error *err, uint64_t counts)
{
    if (err->flags & KIN__IS_IMMORTAL)
        return;
    if (kin__loose(counts) == 0) {
        free_borrowed(err);
        return;
    }
    kin__let_go(err);
    if ((uint32_t)__atomic_sub_fetch(&err->counts, KIN__ONE,
                                     __ATOMIC_ACQ_REL) != 0)
        return;
    err->next = NULL;
    destroy(err);
}

void kin_error_free(kin_error *err)
{
    if (!err)
        return;
    uint64_t counts = kin__counts(err);
    const void *home = kin__home(err);
    if (__builtin_expect(
            home && home != kin__thread_mark() && kin__loose(counts) == 1, 0))
        kin__held_elsewhere(err, "kin_error_free");
    if (__builtin_expect(counts != KIN__ONE, 0)) {
        free_shared(err, counts);
        return;
    }
    if (home)
        kin__unlink(err);
    err->next = NULL;
    destroy(err);
}
