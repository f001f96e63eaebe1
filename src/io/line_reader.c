/* io/line_reader.c: a stream, cut into lines.

   The buffer holds, from `start` to `end`, what was received and not handed
   out; up to `searched` there is no newline in it. Bytes are moved to the front
   only when there is no room behind them, so each moves at most once for every
   buffer's worth that is received. */
#include <kin/park.h>
#include <kin/stream.h>

#include <string.h>

void kin_line_reader_init(kin_line_reader *reader, kin_stream *stream,
                          void *buffer, size_t size)
{
    *reader = (kin_line_reader){
        .stream = stream,
        .buffer = buffer,
        .size = size,
    };
}

/* Hands out up to `until`, and skips the newline there, if it is one. */
static void hand_out(kin_line_reader *reader, kin_line *line, size_t until,
                     bool ended)
{
    *line = (kin_line){
        .text = reader->buffer + reader->start,
        .length = until - reader->start,
        .ended = ended,
    };
    reader->start = reader->searched = until + ended;
}

void kin_line_reader_rest(kin_line_reader *reader, kin_line *line)
{
    if (reader->start == reader->end)
        *line = (kin_line){0};
    else
        hand_out(reader, line, reader->end, false);
}

/* A line from what is in the buffer; false: more is needed. */
static bool line_at_hand(kin_line_reader *reader, kin_line *line)
{
    const char *newline = memchr(reader->buffer + reader->searched, '\n',
                                 reader->end - reader->searched);
    if (newline) {
        hand_out(reader, line, (size_t)(newline - reader->buffer), true);
        return true;
    }
    reader->searched = reader->end;
    if (reader->ended || reader->end - reader->start == reader->size) {
        kin_line_reader_rest(reader, line);
        return true;
    }
    return false;
}

static void make_room(kin_line_reader *reader)
{
    if (reader->start == reader->end) {
        reader->start = reader->end = 0;
    } else if (reader->end == reader->size) {
        reader->end -= reader->start;
        memmove(reader->buffer, reader->buffer + reader->start, reader->end);
        reader->start = 0;
    }
    reader->searched = reader->end;
}

static kin_error *next_line(const kin_site *site, kin_line_reader *reader,
                            kin_line *line, bool now)
{
    if (reader->size == 0)
        return kin_fail_at(site, &KIN_MISUSE, "a line reader without a buffer");
    while (!line_at_hand(reader, line)) {
        size_t got;
        make_room(reader);
        char *room = reader->buffer + reader->end;
        size_t size = reader->size - reader->end;
        kin_error *err =
            now ? kin_stream_receive_now_at(site, reader->stream, room, size,
                                            &got)
                : kin_stream_receive_at(site, reader->stream, room, size, &got);
        if (err)
            return err;
        reader->end += got;
        reader->ended = got == 0;
    }
    return NULL;
}

kin_error *kin_line_reader_next_at(const kin_site *site,
                                   kin_line_reader *reader, kin_line *line)
{
    kin_error *err = kin_pass_at(site);
    return err ? err : next_line(site, reader, line, false);
}

kin_error *kin_line_reader_next_now_at(const kin_site *site,
                                       kin_line_reader *reader, kin_line *line)
{
    return next_line(site, reader, line, true);
}
