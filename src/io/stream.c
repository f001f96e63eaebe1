/* io/stream.c: what all streams have in common; see stream.h.

   A call marks its side as used for as long as it lasts, so a second user gets
   KIN_BUSY and disturbs nobody. A close may come while others are inside a
   call: they are woken with KIN_CLOSED, and the last of them to leave frees the
   memory. The stream itself belongs to whoever opened it. */
#include "io/stream.h"
#include "base/alloc.h"

#include <kin/park.h>

#include <stdio.h>

void kin__stream_init(kin_stream *stream, const kin__stream_table *table,
                      const char *name)
{
    *stream = (kin_stream){.table = table};
    (void)snprintf(stream->name, sizeof stream->name, "%s", name);
}

static kin_error *enter(const kin_site *site, kin_stream *stream, bool *side,
                        const char *verb)
{
    if (*side)
        return kin_fail_at(site, &KIN_BUSY,
                           "another task %s \"%s\" at the moment", verb,
                           stream->name);
    *side = true;
    stream->users++;
    return NULL;
}

static void leave(kin_stream *stream, bool *side)
{
    *side = false;
    if (--stream->users == 0 && stream->closed)
        kin__free(stream);
}

static kin_error *closed(const kin_site *site)
{
    return kin_fail_at(site, &KIN_CLOSED, "the stream is closed");
}

typedef kin_error *receive_fn(const kin_site *, kin_stream *, void *buffer,
                              size_t size, size_t *got);

static kin_error *receive(const kin_site *site, kin_stream *stream,
                          void *buffer, size_t size, size_t *got,
                          receive_fn *some)
{
    if (!stream || stream->closed)
        return closed(site);
    if (!buffer || !got || size == 0)
        return kin_fail_at(site, &KIN_MISUSE,
                           "receiving from \"%s\" without room for a byte",
                           stream->name);
    kin_error *err = enter(site, stream, &stream->receiving, "receives from");
    if (err)
        return err;
    err = some(site, stream, buffer, size, got);
    leave(stream, &stream->receiving);
    return err;
}

kin_error *kin_stream_receive_at(const kin_site *site, kin_stream *stream,
                                 void *buffer, size_t size, size_t *got)
{
    return receive(site, stream, buffer, size, got,
                   stream ? stream->table->receive : NULL);
}

kin_error *kin_stream_receive_now_at(const kin_site *site, kin_stream *stream,
                                     void *buffer, size_t size, size_t *got)
{
    return receive(site, stream, buffer, size, got,
                   stream ? stream->table->receive_now : NULL);
}

static kin_error *send_pieces(const kin_site *site, kin_stream *stream,
                              const char *data, size_t size)
{
    stream->sent = 0;
    if (size == 0)
        return kin_pass_at(site);
    while (stream->sent < size) {
        size_t sent = 0;
        kin_error *err = stream->table->send(site, stream, data + stream->sent,
                                             size - stream->sent, &sent);
        if (err)
            return err;
        stream->sent += sent;
    }
    return NULL;
}

kin_error *kin_stream_send_at(const kin_site *site, kin_stream *stream,
                              const void *data, size_t size)
{
    if (!stream || stream->closed)
        return closed(site);
    if (stream->send_ended)
        return kin_fail_at(site, &KIN_CLOSED,
                           "\"%s\" was told that nothing more will be sent",
                           stream->name);
    if (!data && size > 0)
        return kin_fail_at(site, &KIN_MISUSE, "sending nothing to \"%s\"",
                           stream->name);
    kin_error *err = enter(site, stream, &stream->sending, "sends to");
    if (err)
        return err;
    err = send_pieces(site, stream, data, size);
    leave(stream, &stream->sending);
    return err;
}

size_t kin_stream_sent(const kin_stream *stream)
{
    return stream ? stream->sent : 0;
}

kin_error *kin_stream_send_end_at(const kin_site *site, kin_stream *stream)
{
    if (!stream || stream->closed)
        return closed(site);
    if (stream->send_ended)
        return NULL;
    kin_error *err = enter(site, stream, &stream->sending, "sends to");
    if (err)
        return err;
    err = stream->table->send_end(site, stream);
    stream->send_ended = !err;
    leave(stream, &stream->sending);
    return err;
}

void kin_stream_close(kin_stream **stream)
{
    kin_stream *it = *stream;
    *stream = NULL;
    if (!it || it->closed)
        return;
    it->closed = true;
    it->table->shut(it);
    if (it->users == 0)
        kin__free(it);
}

int kin_stream_descriptor(const kin_stream *stream)
{
    return stream ? stream->table->descriptor(stream) : -1;
}

const char *kin_stream_name(const kin_stream *stream)
{
    return stream ? stream->name : "";
}
