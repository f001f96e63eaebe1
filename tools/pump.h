/* pump.h: from one stream of a command to one of kin's. */
#ifndef KIN_TOOLS_PUMP_H
#define KIN_TOOLS_PUMP_H

#include "output.h"
#include "tail.h"

enum { PUMP_PIECE = 64 * 1024 }; /* the longest that comes in one piece */

typedef struct pump {
    kin_stream *stream; /* borrowed */
    output *to;         /* borrowed */
    tail *tail;         /* gets a copy; borrowed; or NULL */
    source source;
    kin_scope following; /* cancelled: take what is there, and end */
    kin_line_reader reader;
    char *buffer;
    bool ended; /* the stream has */
} pump;

/* In place, before it runs. KIN_NO_MEMORY. */
KIN_MUST_USE kin_error *pump_init(pump *, kin_stream *, output *, tag as,
                                  tail *copy);
/* What its task does, given the pump: all of the stream, to its end. Is not
   cancelled from outside: whoever writes to it may have last words. */
kin_error *pump_run(void *arg);
/* Nobody is left who could write: it takes what is in the pipe, and ends. */
void pump_finish(pump *);
void pump_deinit(pump *);

#endif
