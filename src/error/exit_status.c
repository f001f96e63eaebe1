/* error/exit_status.c: what a process says of an outcome when it ends.

   An exit or an interrupt decides the status when everything else in the tree
   is a consequence of it. Two different ones at once do not, unless one follows
   from the other; then nobody knows what the process came to, and it is a
   failure. */
#include "error/follow.h"
#include "error/walk.h"

enum { FAILED = 1, SIGNALLED = 128, INTERRUPTED = 130, MOST_CANDIDATES = 8 };

/* The exits with one code, or the interrupts. */
typedef struct candidate {
    bool interrupt;
    int code;
} candidate;

static bool decides(const kin_error *leaf)
{
    return leaf->leaf_kinds & (KIN__OF_EXIT | KIN__OF_INTERRUPT);
}

static bool is_one(const kin_error *leaf, const candidate *of)
{
    if (of->interrupt)
        return leaf->leaf_kinds & KIN__OF_INTERRUPT;
    return (leaf->leaf_kinds & KIN__OF_EXIT) && leaf->code == of->code;
}

static candidate candidate_of(const kin_error *leaf)
{
    if (!(leaf->leaf_kinds & KIN__OF_INTERRUPT))
        return (candidate){false, leaf->code};
    bool by_signal = leaf->code > 0 && leaf->code < 64;
    return (candidate){true, by_signal ? SIGNALLED + leaf->code : INTERRUPTED};
}

static bool is_known(const candidate all[], size_t count, const kin_error *leaf)
{
    for (size_t i = 0; i < count; i++)
        if (is_one(leaf, &all[i]))
            return true;
    return false;
}

/* The different ones; a tree with more than a few has no one answer. */
static size_t candidates(const kin_error *err, candidate all[])
{
    kin__walk walk;
    size_t count = 0;
    kin__walk_open(&walk, err, false);
    for (bool more = kin__walk_to_leaf(&walk); more && count < MOST_CANDIDATES;
         more = kin__walk_to_next_leaf(&walk))
        if (decides(walk.at) && !is_known(all, count, walk.at))
            all[count++] = candidate_of(walk.at);
    kin__walk_close(&walk);
    return count;
}

static bool each_leaf(const kin_error *err, const candidate *of,
                      bool (*holds)(kin__follow *, const kin_error *,
                                    const candidate *),
                      kin__follow *f)
{
    kin__walk walk;
    bool all = true;
    kin__walk_open(&walk, err, false);
    for (bool more = kin__walk_to_leaf(&walk); more && all;
         more = kin__walk_to_next_leaf(&walk))
        all = holds(f, walk.at, of);
    kin__walk_close(&walk);
    return all;
}

static bool add_origin(kin__follow *f, const kin_error *leaf,
                       const candidate *of)
{
    if (is_one(leaf, of))
        kin__follow_origin(f, leaf);
    return true;
}

static bool belongs(kin__follow *f, const kin_error *leaf, const candidate *of)
{
    return is_one(leaf, of) || kin__follow_ask(f, leaf);
}

static bool explains_all(const kin_error *err, const candidate *of)
{
    kin__follow f;
    kin__follow_open(&f);
    each_leaf(err, of, add_origin, &f);
    bool all = each_leaf(err, of, belongs, &f);
    kin__follow_close(&f);
    return all;
}

int kin_error_exit_status(const kin_error *err, bool *show)
{
    candidate all[MOST_CANDIDATES];
    bool unused = false;
    show = show ? show : &unused;
    *show = false;
    if (!err)
        return 0;
    size_t count = decides(err) ? candidates(err, all) : 0;
    for (size_t i = 0; i < count; i++)
        if (explains_all(err, &all[i]))
            return all[i].code;
    *show = true;
    return FAILED;
}
