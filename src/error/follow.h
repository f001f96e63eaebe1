/* error/follow.h: which errors are the consequences of which. */
#ifndef KIN__ERROR_FOLLOW_H
#define KIN__ERROR_FOLLOW_H

#include "error/map.h"
#include "error/node.h"

typedef struct kin__follow {
    kin__map origins; /* the nodes that the question is about */
    kin__map answers; /* of nodes asked about before */
    struct kin__follow_step *path;
    size_t depth, room;
    bool failed; /* no memory: every answer is no */
} kin__follow;

void kin__follow_open(kin__follow *);
void kin__follow_close(kin__follow *);
void kin__follow_origin(kin__follow *, const kin_error *); /* and its members */
bool kin__follow_is_origin(const kin__follow *, const kin_error *);
/* Whether a leaf was made under a cancellation that came of an origin. */
bool kin__follow_ask(kin__follow *, const kin_error *leaf);

#endif
