/* error/out.c: see out.h. The buffer doubles up to MOST and is then written out
   and begun again; without memory for a larger one that happens earlier. What
   the stream makes of it is the stream's matter (ferror). */
#include "error/out.h"

#include <string.h>

#include "base/alloc.h"

enum { MOST = 1 << 16 };

void kin__out_open(kin__out *out, FILE *stream)
{
    out->stream = stream;
    out->buffer = out->small;
    out->room = sizeof out->small;
    out->length = 0;
    flockfile(stream);
}

static void flush(kin__out *out)
{
    if (out->length)
        fwrite(out->buffer, 1, out->length, out->stream);
    out->length = 0;
}

void kin__out_close(kin__out *out)
{
    flush(out);
    funlockfile(out->stream);
    if (out->buffer != out->small)
        kin__free(out->buffer);
}

static void make_room(kin__out *out)
{
    size_t room = out->room * 4 < MOST ? out->room * 4 : MOST;
    char *old = out->buffer == out->small ? NULL : out->buffer;
    char *buffer = out->room < MOST ? kin__realloc(old, room) : NULL;
    if (!buffer) {
        flush(out);
        return;
    }
    if (!old)
        memcpy(buffer, out->small, out->length);
    out->buffer = buffer;
    out->room = room;
}

void kin__out_bytes(kin__out *out, const char *bytes, size_t length)
{
    while (length > 0) {
        if (out->length == out->room)
            make_room(out);
        size_t left = out->room - out->length;
        size_t part = length < left ? length : left;
        memcpy(out->buffer + out->length, bytes, part);
        out->length += part;
        bytes += part;
        length -= part;
    }
}

void kin__out_text(kin__out *out, const char *text)
{
    kin__out_bytes(out, text, strlen(text));
}

void kin__out_number(kin__out *out, long long number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%lld", number);
    kin__out_bytes(out, text, (size_t)length);
}
