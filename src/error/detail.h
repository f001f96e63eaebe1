/* error/detail.h: what is said of one error below its first line. */
#ifndef KIN__ERROR_DETAIL_H
#define KIN__ERROR_DETAIL_H

#include "error/node.h"
#include "error/page.h"

/* Behind the message: what the code means. */
void kin__detail_code(kin__page *, const kin_error *);
/* Notes, places, and the cancellation it was made under, a line or more each,
   at that margin. `owner`: the error that this is the cause of, or NULL: what
   that has said is not said again. */
void kin__detail_lines(kin__page *, const kin_error *, size_t levels,
                       size_t indent, const kin_error *owner,
                       bool tasks_differ);

#endif
