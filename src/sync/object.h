/* sync/object.h: what the objects in their users' memory have in common: a name,
   a list of those who wait, an end. */
#ifndef KIN__OBJECT_H
#define KIN__OBJECT_H

#include "core/runtime.h"

enum { KIN__LABEL = 96 };
/* `kin_event "ready"`, written into `text` and returned. */
const char *kin__object_label(char text[KIN__LABEL], const char *noun,
                              const char *name);
/* A NULL object. */
KIN_COLD kin_error *kin__object_missing(const kin_site *, const char *what);
/* A KIN_WOULD_BLOCK that says of what. */
KIN_COLD kin_error *kin__object_would_block(const kin_site *, const char *noun,
                                            const char *name);
/* Whoever waits, or comes to wait, gets KIN_BROKEN; that somebody waited is a
   KIN_MISUSE of the caller's. */
void kin__object_deinit(const kin_site *, kin_wait_list *, const char *noun,
                        const char *name);

#endif
