/* output.h: where the commands' output goes: kin's own standard output and
   standard error, to which many tasks write lines, and a line comes whole. All
   of it inside a run but for init and deinit. */
#ifndef KIN_TOOLS_OUTPUT_H
#define KIN_TOOLS_OUTPUT_H

#include "tag.h"

#include <kin/scope.h>
#include <kin/stream.h>
#include <kin/task.h>

/* Somebody whose lines come one after the other. */
typedef struct source {
    tag tag;
    bool within_line; /* its latest piece did not end its line */
} source;

/* What keeps an output from being written yet. */
typedef struct output_hold {
    /* Whether it may hold so many more bytes. */
    bool (*may)(void *context, size_t more);
    /* Waits until it may be written, if it may not hold what it has to. */
    void (*await)(void *context);
    void *context;
} output_hold;

enum { OUTPUT_STATUS = 512 };

typedef struct output output;
struct output {
    const char *name;
    bool coloured; /* it is a terminal that shows colours */
    kin_stream *stream;

    /* one that stands before another: there is no stream, but */
    output *behind;
    output_hold hold;
    bool held;    /* it is kept in the buffer */
    bool through; /* in this turn it goes to who is behind */

    /* Told why, once, when nothing can be written any more. */
    void (*on_failure)(void *context, const char *why);
    void *context;
    char why[128];
    bool given_up; /* what comes is dropped */

    /* the turn: one source writes at a time, in the order of their asking */
    bool taken;
    kin_wait_list waiting;
    kin_scope *sending;       /* of the one who sends */
    const source *unfinished; /* whose line is not ended */

    char *buffer;
    size_t used, room;

    /* of a terminal: a line that stands below all others, or "" */
    char status[OUTPUT_STATUS];
    bool shown; /* it stands there */
};

/* The two; `err` is `out` where both lead to the same file. */
typedef struct outputs {
    output *out, *err;
    output storage[2];
} outputs;

/* Fails with KIN_OS or KIN_NO_MEMORY. No checkpoint. What on_failure is given
   is good as long as the outputs. */
KIN_MUST_USE kin_error *
outputs_open(outputs *, void (*on_failure)(void *context, const char *why),
             void *context);
/* Two that hold what comes, and hand it on to `behind` when they are released.
   They fail with nothing, then or later. */
void outputs_open_before(outputs *, outputs *behind, output_hold);
/* What they hold is written, and what comes goes to who is behind: somebody who
   waits for that goes on by himself. Waits as output_take does. */
void outputs_release(outputs *);
/* Both of them drop what they have and what comes, so that nobody waits for
   whoever does not read. */
void outputs_give_up(outputs *);
/* Whether what stands last on standard error is a line without an end. */
bool outputs_within_line(const outputs *);
void outputs_close(outputs *);

/* Lines are written between a take and a give, which hands all of them on. These
   wait, and cannot be cancelled. */
void output_take(output *);
void output_give(output *);
/* A line, or, where `ended` is false, a piece of one. */
void output_line(output *, source *, const char *text, size_t length,
                 bool ended);
/* There is nothing more to come of it. A line that it has not ended is ended
   for it where there are tags; without them it ends when another one comes. */
void output_end(output *, source *);
/* What stands below all other lines of a terminal, which is no wider; "" is
   nothing. Takes and gives. */
void output_set_status(output *, const char *text);
/* A line of kin's own. Takes and gives. */
void output_say(output *, const char *format, ...) KIN_PRINTF(2, 3);

#endif
