/* error/node.h: what an error is made of. For the files of this folder.

   Every edge leads from a newer node to an older one: members and a cause are
   there before what takes them over, and so is what a reason has behind it. So
   the graph has no circles, and counting references is enough to free it.

   A node is one block: the struct, then the pointers (places, members), then
   the texts. Of its references some are *owned*: by a group that it is a member
   of, by what it is the cause of, by a reason that it is behind, or by a run
   that keeps it since a task dropped it. The others are loose: somebody's to
   answer for, and a task holds some of those in its list. */
#ifndef KIN__ERROR_NODE_H
#define KIN__ERROR_NODE_H

#include "error/error.h"

/* What leaves there are in a tree, in one byte, so that the questions which are
   asked at every close cost nothing. */
enum {
    KIN__OF_FAILURE = 1,
    KIN__OF_CANCELLED = 2,
    KIN__OF_GENERATOR_EXIT = 4,
    KIN__OF_INTERRUPT = 8,
    KIN__OF_EXIT = 16,
    KIN__OF_BASE = 32, /* a base kind of the program's own */
    KIN__OF_GROUP = 64 /* of kinds, never of nodes */
};

enum {
    KIN__IS_GROUP = 1,
    KIN__IS_RESERVED = 2, /* its block is one of the reserve's */
    KIN__IS_IMMORTAL = 4, /* the one that stands for all that are lost */
    KIN__IS_KEPT = 8,     /* a run keeps it until it ends */
    KIN__HAS_LOST = 16,   /* memory ran out for a note or a place */
    KIN__HAS_TRACE_BLOCK = 32,
    KIN__IS_READ = 64 /* from JSON: its causes are those of another program */
};

/* Places and texts that are no part of any program here, since they were read
   from somewhere else: shared by the nodes that point into them. */
typedef struct kin__places {
    uint32_t references;
    kin_site sites[];
} kin__places;

typedef struct kin__notes {
    uint32_t count, capacity;
    char *text[];
} kin__notes;

/* The order is that of heat: a hundred thousand of these may be made, put into
   a group and freed at once, and then the first two cache lines are all that is
   touched after the making. */
struct kin_error {
    /* Any thread, atomically: how many refer to it, in the upper half how many
       of those are owned; the mark of the thread that holds it, or NULL. */
    uint64_t counts;
    const void *home;

    /* That thread: the list it stands in. */
    kin_error **holder;
    kin_error *next; /* also: what else there is to free */
    kin_error *prev; /* of the first: the last */
    uint32_t held;   /* how many of its references the list stands for */
    uint32_t listed; /* of the first: how many there are in the list */

    /* Fixed when it is made. */
    size_t nodes;    /* in the tree: itself, members, causes */
    uint32_t height; /* how deep the tree is below it */
    uint8_t flags;
    uint8_t leaf_kinds; /* KIN__OF_... of all its leaves */
    uint8_t chain_count;
    uint8_t trace_inline; /* room for so many places in the block */
    kin_error *cause;     /* owned */
    union {
        struct {                 /* a leaf */
            kin__reason *reason; /* referred to */
            const char *task;
            const kin_site **chain;
            const char *kind_name; /* of a KIN_REMOTE */
            size_t chain_total;
        };
        struct { /* a group */
            kin_error **members;
            size_t count, capacity, leaves;
            kin_error *tail; /* while it is made: see group.c */
        };
    };
    kin__places *places; /* NULL: all is of this program, or in the block */

    /* Whoever has it may add to these. */
    kin__notes *notes;
    const kin_site **trace; /* in the block, or a block of its own */
    uint32_t trace_count, trace_capacity;

    /* Fixed. */
    const kin_kind *kind;
    const char *message;
    const kin_site *site;
    int code;

    kin_error *kept_next; /* in the list of what a run keeps */
};

#define KIN__ONE ((uint64_t)1)
#define KIN__OWNED ((uint64_t)1 << 32 | 1) /* one reference, and it is owned */

static inline uint64_t kin__counts(const kin_error *err)
{
    return __atomic_load_n(&err->counts, __ATOMIC_ACQUIRE);
}
static inline uint32_t kin__loose(uint64_t counts)
{
    return (uint32_t)counts - (uint32_t)(counts >> 32);
}
static inline bool kin__is_group(const kin_error *err)
{
    return err->flags & KIN__IS_GROUP;
}
/* What stands below a node: its members, and last its cause. */
static inline size_t kin__member_count(const kin_error *err)
{
    return kin__is_group(err) ? err->count : 0;
}
static inline kin_error *kin__below(const kin_error *err, size_t index)
{
    return index < kin__member_count(err) ? err->members[index] : err->cause;
}
static inline kin__reason *kin__reason_of(const kin_error *err)
{
    return kin__is_group(err) ? NULL : err->reason;
}

/* kind.c */
uint8_t kin__kind_leaves(const kin_kind *); /* KIN__OF_... */
bool kin__kind_descends(const kin_kind *, const kin_kind *from);
const kin_kind *kin__kind_find(const char *name); /* the library's own */

/* node.c: blocks. `size` bytes, from the reserve when memory is out, where
   *size becomes smaller if need be; NULL when even that is used up. The node in
   it is all zero but for its first loose reference; what follows is not set. */
kin_error *kin__node_new(size_t *size);
void kin__node_free(kin_error *);
/* Takes the cause, which is owned already, into a node being made. */
void kin__node_set_cause(kin_error *, kin_error *cause);
/* Room for places in the block, at `tail`; returns what follows. */
char *kin__node_set_trace(kin_error *, char *tail, uint8_t room);
kin__places *kin__places_ref(kin__places *); /* NULL-safe, as is */
void kin__places_unref(kin__places *);       /* this */
void kin__count_live(int change);

/* leaf.c: ends a text that fills its room, and was longer, with "...", between
   two characters. */
void kin__text_cut(char *text, size_t room);

/* reference.c: references that a tree, a reason or a run owns; see also
   error.h. */
bool kin__error_take(kin_error *); /* a loose one becomes owned; no: none */

/* hold.c */
static inline const void *kin__thread_mark(void)
{
    return &kin__error_host;
}
static inline const void *kin__home(const kin_error *err)
{
    return __atomic_load_n(&err->home, __ATOMIC_ACQUIRE);
}
/* The list of the calling task, or NULL. */
static inline kin_error **kin__held_here(void)
{
    return kin__error_host ? kin__error_host->held() : NULL;
}
void kin__hold_new(kin_error **list, kin_error *); /* nobody else has it yet */
void kin__let_go(kin_error *); /* of one held reference, on its thread */
/* The lists' own: takes it out, with all references that it was held by. */
void kin__unlink(kin_error *);
size_t kin__list_count(kin_error *const *list);
/* All of a list at once, which is then empty: the first, and from each the
   next, which is then in no list and held by nobody, with one reference. */
kin_error *kin__list_take_all(kin_error **list);
kin_error *kin__list_leave(kin_error *);
_Noreturn void kin__held_elsewhere(const kin_error *, const char *call);
/* A mistake in a call that returns nothing: held by the calling task, or, where
   there is none, one line on stderr and abort. */
KIN_PRINTF(1, 2) void kin__error_misuse(const char *format, ...);

/* group.c: a group that is being made, empty and loose. NULL, or false, when
   even the reserve is used up. */
kin_error *kin__group_new(const kin_site *, const char *message, size_t room);
bool kin__group_add(kin_error *group, kin_error *owned);
/* Another group like it: site, message, notes, trace and cause. */
kin_error *kin__group_derive(const kin_error *);

/* trace.c, note.c */
void kin__trace_copy(kin_error *to, const kin_error *from);
void kin__notes_copy(kin_error *to, const kin_error *from, size_t first);
void kin__notes_free(kin_error *);

/* reason.c: gives back what the reason had behind it, to be disowned, when this
   was the last reference to it; else NULL. */
kin_error *kin__reason_drop(kin__reason *);
/* A copy of all texts, the site's too; `behind` is not set. NULL without
   memory. */
kin__reason *kin__reason_copy(const kin_cancellation *);

/* reserve.c */
enum { KIN__RESERVE_BLOCK = 512, KIN__RESERVE_BLOCKS = 64 };
void *kin__reserve_take(void); /* a block; NULL: all are in use */
void kin__reserve_give(void *);
kin_error *kin__reserve_last(void); /* the immortal one */
/* Said at once, since it cannot be kept. */
void kin__reserve_report(const kin_error *);
void kin__reserve_report_text(const char *kind, const char *message);

#endif
