/* io/descriptor.c: descriptors: streams over them, pipes, and plain waits.

   The stream holds the descriptor. A number that comes into our hands may have
   been another file's that was closed behind the reactor's back, so it is told
   to forget it before the first use as well as before the close. */
#include "base/alloc.h"
#include "core/reactor.h"
#include "io/stream.h"
#include "reactor/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct descriptor {
    kin_stream stream;
    int fd;
    bool borrowed;
} descriptor;

/* --- the stream --------------------------------------------------------- */

static kin_error *failure(const kin_site *site, const kin_stream *stream,
                          int errnum, const char *verb)
{
    switch (errnum) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
        return kin_fail_code_at(site, &KIN_BROKEN, errnum,
                                "%s \"%s\": the other side is gone", verb,
                                stream->name);
    case EBUSY:
        return kin_fail_at(site, &KIN_BUSY,
                           "%s \"%s\": another task waits for its descriptor",
                           verb, stream->name);
    case ENOMEM:
        return kin_fail_at(site, &KIN_NO_MEMORY, "%s \"%s\": out of memory",
                           verb, stream->name);
    default:
        return kin_fail_errno_at(site, errnum, "%s \"%s\"", verb, stream->name);
    }
}

static kin__io_op operation(const kin_stream *stream, kin__io_kind kind,
                            const void *buffer, size_t size)
{
    return (kin__io_op){
        .kind = kind,
        .fd = ((const descriptor *)stream)->fd,
        .buffer = (void *)buffer,
        .length = size,
        .offset = -1,
    };
}

static kin_error *descriptor_receive(const kin_site *site, kin_stream *stream,
                                     void *buffer, size_t size, size_t *got)
{
    kin__io_op op = operation(stream, KIN__IO_READ, buffer, size);
    kin_error *err = kin__io_run(site, &op, "something to receive");
    if (err)
        return err;
    if (op.result < 0)
        return failure(site, stream, (int)-op.result, "receiving from");
    *got = (size_t)op.result;
    return NULL;
}

static kin_error *descriptor_receive_now(const kin_site *site,
                                         kin_stream *stream, void *buffer,
                                         size_t size, size_t *got)
{
    kin__io_op op = operation(stream, KIN__IO_READ, buffer, size);
    uint8_t hints = 0;
    if (!kin__io_attempt(&op, &hints))
        return kin_fail_at(site, &KIN_WOULD_BLOCK,
                           "nothing to receive from \"%s\"", stream->name);
    if (op.result < 0)
        return failure(site, stream, (int)-op.result, "receiving from");
    *got = (size_t)op.result;
    return NULL;
}

static kin_error *descriptor_send(const kin_site *site, kin_stream *stream,
                                  const void *data, size_t size, size_t *sent)
{
    kin__io_op op = operation(stream, KIN__IO_WRITE, data, size);
    kin_error *err = kin__io_run(site, &op, "room to send");
    if (err)
        return err;
    if (op.result < 0)
        return failure(site, stream, (int)-op.result, "sending to");
    *sent = (size_t)op.result;
    return NULL;
}

static void descriptor_shut(kin_stream *stream)
{
    descriptor *it = (descriptor *)stream;
    if (it->fd < 0)
        return;
    kin__io_forget(it->fd);
    if (!it->borrowed)
        close(it->fd);
    it->fd = -1;
}

static kin_error *descriptor_send_end(const kin_site *site, kin_stream *stream)
{
    descriptor *it = (descriptor *)stream;
    if (shutdown(it->fd, SHUT_WR) == 0 || errno == ENOTCONN)
        return NULL;
    if (errno != ENOTSOCK)
        return failure(site, stream, errno, "ending what is sent to");
    if ((fcntl(it->fd, F_GETFL) & O_ACCMODE) != O_WRONLY || it->borrowed)
        return kin_fail_at(site, &KIN_MISUSE,
                           "\"%s\" cannot be closed for sending alone",
                           stream->name);
    descriptor_shut(stream);
    return NULL;
}

static int descriptor_number(const kin_stream *stream)
{
    return ((const descriptor *)stream)->fd;
}

static const kin__stream_table table = {
    .receive = descriptor_receive,
    .receive_now = descriptor_receive_now,
    .send = descriptor_send,
    .send_end = descriptor_send_end,
    .shut = descriptor_shut,
    .descriptor = descriptor_number,
};

/* --- opening ------------------------------------------------------------ */

kin_stream *kin__stream_over(int fd, const char *name, bool borrow)
{
    descriptor *it = kin__alloc(sizeof *it);
    if (!it)
        return NULL;
    kin__stream_init(&it->stream, &table, name);
    it->fd = fd;
    it->borrowed = borrow;
    kin__io_forget(fd);
    return &it->stream;
}

kin_error *kin_stream_open_at(const kin_site *site, kin_stream **stream, int fd,
                              const kin_stream_options *options)
{
    static const kin_stream_options none = {0};
    const kin_stream_options *with = options ? options : &none;
    char name[KIN__STREAM_NAME];
    if (fcntl(fd, F_GETFD) < 0)
        return kin_fail_errno_at(site, errno,
                                 "opening a stream over descriptor %d", fd);
    (void)snprintf(name, sizeof name, "descriptor %d", fd);
    kin_stream *opened =
        kin__stream_over(fd, with->name ? with->name : name, with->borrow);
    if (!opened)
        return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for a stream");
    *stream = opened;
    return NULL;
}

kin_error *kin_pipe_open_at(const kin_site *site, kin_stream **reader,
                            kin_stream **writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return kin_fail_errno_at(site, errno, "opening a pipe");
    kin_stream *from = kin__stream_over(ends[0], "pipe", false);
    kin_stream *to = kin__stream_over(ends[1], "pipe", false);
    if (from && to) {
        *reader = from;
        *writer = to;
        return NULL;
    }
    from ? kin_stream_close(&from) : (void)close(ends[0]);
    to ? kin_stream_close(&to) : (void)close(ends[1]);
    return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for a pipe");
}

/* --- plain waits -------------------------------------------------------- */

static kin_error *wait_for(const kin_site *site, int fd, kin__io_kind kind)
{
    bool reads = kind == KIN__IO_READABLE;
    const char *what = reads ? "readable" : "writable";
    kin__io_op op = {.kind = kind, .fd = fd, .offset = -1};
    kin_error *err = kin__io_run(site, &op,
                                 reads ? "a descriptor to be readable"
                                       : "a descriptor to be writable");
    if (err || op.result == 0)
        return err;
    if (op.result == -EBUSY)
        return kin_fail_at(
            site, &KIN_BUSY,
            "another task waits for descriptor %d to be %s already", fd, what);
    if (op.result == -ENOMEM)
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "waiting for descriptor %d: out of memory", fd);
    return kin_fail_errno_at(site, (int)-op.result,
                             "waiting for descriptor %d to be %s", fd, what);
}

kin_error *kin_wait_readable_at(const kin_site *site, int fd)
{
    return wait_for(site, fd, KIN__IO_READABLE);
}

kin_error *kin_wait_writable_at(const kin_site *site, int fd)
{
    return wait_for(site, fd, KIN__IO_WRITABLE);
}

void kin_descriptor_closing(int fd)
{
    kin__io_forget(fd);
}
