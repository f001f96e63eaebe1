/* pump.c: see pump.h.

   What can be read at once is passed on in one turn at the output, up to a
   buffer's worth, so that a flood costs two calls for each 64 KiB and the lines
   of others still come between. The buffer is the pump's, and the longest piece
   of a line that is kept whole.

   A process that has ended may have handed the pipe to somebody who is out of
   reach and keeps it open, so the end of the stream is not waited for then
   (pump_finish). */
#include "pump.h"

#include <stdlib.h>

kin_error *pump_init(pump *it, kin_stream *stream, output *to, tag as,
                     tail *copy)
{
    *it = (pump){.stream = stream, .to = to, .tail = copy, .source.tag = as};
    it->buffer = malloc(PUMP_PIECE);
    if (!it->buffer)
        return kin_fail(&KIN_NO_MEMORY, "no memory for the output of \"%s\"",
                        as.name);
    kin_line_reader_init(&it->reader, stream, it->buffer, PUMP_PIECE);
    kin_scope_init(&it->following, .shield = true, .name = "output");
    return NULL;
}

void pump_deinit(pump *it)
{
    free(it->buffer);
    it->buffer = NULL;
}

void pump_finish(pump *it)
{
    kin_scope_cancel(&it->following, "the process has ended");
}

static void pass_one(pump *it, const kin_line *line)
{
    if (it->tail)
        tail_add(it->tail, line->text, line->length, line->ended);
    output_line(it->to, &it->source, line->text, line->length, line->ended);
}

/* The line, and what else is there. The end needs no turn at the output: a
   command that has nothing to say does not wait for others to be read. */
static kin_error *pass_on(pump *it, kin_line line)
{
    kin_error *err = NULL;
    size_t passed = 0;
    it->ended = !line.text;
    if (it->ended)
        return NULL;
    output_take(it->to);
    while (!err && line.text) {
        pass_one(it, &line);
        passed += line.length + 1;
        if (passed >= PUMP_PIECE)
            break;
        err = kin_line_reader_next_now(&it->reader, &line);
    }
    output_give(it->to);
    it->ended = !err && !line.text;
    kin_error_catch(&err, &KIN_WOULD_BLOCK);
    return err;
}

static kin_error *follow(pump *it)
{
    kin_error *err = NULL;
    while (!err && !it->ended) {
        kin_line line;
        err = kin_line_reader_next(&it->reader, &line);
        if (!err)
            err = pass_on(it, line);
    }
    return err;
}

/* What is in the pipe, and the line that was begun. */
static kin_error *take_rest(pump *it)
{
    kin_error *err = NULL;
    kin_line line;
    while (!err && !it->ended) {
        err = kin_line_reader_next_now(&it->reader, &line);
        if (!err)
            err = pass_on(it, line);
    }
    kin_error_catch(&err, &KIN_WOULD_BLOCK);
    kin_line_reader_rest(&it->reader, &line);
    if (!err && line.text)
        err = pass_on(it, line);
    return err;
}

kin_error *pump_run(void *arg)
{
    pump *it = arg;
    kin_scope_open(&it->following);
    kin_error *err = follow(it);
    err = kin_scope_close(&it->following, err);
    if (!err && !it->ended) {
        KIN_SCOPE(rest, .shield = true);
        err = kin_scope_close(rest, take_rest(it));
    }
    output_end(it->to, &it->source);
    return err;
}
