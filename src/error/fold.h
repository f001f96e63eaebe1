/* error/fold.h: which leaves of a tree are shown as one. */
#ifndef KIN__ERROR_FOLD_H
#define KIN__ERROR_FOLD_H

#include "error/map.h"
#include "error/node.h"

typedef struct kin__fold {
    kin__map map;
} kin__fold;

void kin__fold_open(kin__fold *, const kin_error *root);
void kin__fold_close(kin__fold *);
/* How many equal leaves that member of the group stands for: 1 for a group or
   a leaf like no other, 0 when it is shown with an earlier one. */
size_t kin__fold_count(const kin__fold *, const kin_error *group, size_t index,
                       bool *tasks_differ);
/* Whether a group that has several parents was asked about before. */
bool kin__fold_was_shown(kin__fold *, const kin_error *group);
/* Whether two places, or two lists of them, are the same. */
bool kin__same_site(const kin_site *, const kin_site *);
bool kin__same_sites(const kin_site *const *, size_t, const kin_site *const *,
                     size_t);

bool kin__same_reason(const kin__reason *, const kin__reason *);

#endif
