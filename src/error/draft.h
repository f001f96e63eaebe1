/* error/draft.h: an error that is being read from JSON, and what it becomes. */
#ifndef KIN__ERROR_DRAFT_H
#define KIN__ERROR_DRAFT_H

#include "error/json.h"
#include "error/map.h"
#include "error/node.h"

/* What a draft is to the one around it. */
typedef enum {
    KIN__AS_ROOT,
    KIN__AS_MEMBER,
    KIN__AS_CAUSE,
    KIN__AS_BEHIND
} kin__draft_role;

/* A place is a record on the stack of strings: where its texts begin there, its
   line, and where the place before it in its list is. */
typedef struct kin__draft_place {
    size_t file, function, line, before;
} kin__draft_place;
typedef struct kin__draft_places {
    size_t last, count;
} kin__draft_places;

typedef struct kin__draft {
    kin__draft_role role;
    uint8_t state;
    bool begun, begun_inside; /* for commas: in the error, in a part of it */
    uint32_t seen;            /* its keys, a bit for each */
    size_t began;             /* the byte */
    size_t strings, nodes;    /* where its part of the stacks begins */
    size_t kind, message, task, text, by_task, notes; /* in the strings */
    kin__draft_places site, trace, spawned, why_site;
    size_t note_count;
    int code, source;
    long long id, ref, behind_ref, spawned_more; /* 0: none */
    bool is_group, is_lost, has_why;
    kin_error *cause, *behind; /* owned */
} kin__draft;

/* What is behind a reason is known when all has been read. */
typedef struct kin__draft_fixup {
    kin__reason *reason; /* its error's */
    long long ref;
    size_t at; /* the byte */
} kin__draft_fixup;

typedef struct kin__reader {
    kin__json json;
    kin__draft *drafts;
    size_t depth, drafts_room;
    kin_error **nodes; /* members of what is not closed yet: owned */
    size_t count, nodes_room;
    kin__draft_fixup *fixups;
    size_t fixup_count, fixups_room;
    kin__map ids;
    kin_error *root;
} kin__reader;

/* Room for one more in an array that doubles. */
bool kin__draft_room(kin__reader *, void *array, size_t count, size_t *room,
                     size_t size);
/* Makes the innermost draft, which is closed, into an error and takes it off
   the stack. No: something is wrong with it, or there is no memory. */
bool kin__draft_finish(kin__reader *);
/* Puts the references in. No: one leads nowhere, or in a circle. */
bool kin__draft_resolve(kin__reader *);

#endif
