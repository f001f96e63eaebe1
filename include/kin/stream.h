/* kin/stream.h: bytes in order, one way or both: pipes, terminals, sockets,
   whatever has a descriptor. A stream has two sides, and one task at a time may
   use each; the sides know nothing of each other. All from the runtime's
   thread. No call here raises SIGPIPE. */
#ifndef KIN_STREAM_H
#define KIN_STREAM_H

#include <kin/error.h>

KIN__C_BEGIN

typedef struct kin_stream kin_stream;

typedef struct kin_stream_options {
    const char *name KIN__UNSET; /* for errors and dumps; copied */
    bool borrow KIN__UNSET; /* the descriptor stays the caller's: the close of
                               the stream leaves it open */
} kin_stream_options;

/* A stream over a descriptor, which the stream takes over and closes. Whether
   it is O_NONBLOCK makes no difference, and is left as it is. Fails with KIN_OS
   (EBADF) or KIN_NO_MEMORY, and then the descriptor is the caller's still. No
   checkpoint. */
#define kin_stream_open(stream, fd, ...)     \
    kin_stream_open_at(KIN_HERE, stream, fd, \
                       KIN__OPTIONS(kin_stream_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *kin_stream_open_at(const kin_site *,
                                                   kin_stream **stream, int fd,
                                                   const kin_stream_options *);

/* A pipe: what is sent to *writer is received from *reader. Fails with KIN_OS
   or KIN_NO_MEMORY. No checkpoint. */
#define kin_pipe_open(reader, writer) kin_pipe_open_at(KIN_HERE, reader, writer)
KIN_API KIN_MUST_USE kin_error *
kin_pipe_open_at(const kin_site *, kin_stream **reader, kin_stream **writer);

/* Waits until some bytes are there and puts up to `size` of them (at least 1)
   into the buffer; *got says how many, 0 that the end has come. Fails with
   KIN_CANCELLED, and then nothing was taken; with KIN_CLOSED when the stream is
   closed, be it meanwhile; with KIN_BUSY when another task receives from it;
   with KIN_BROKEN when the peer broke off; with KIN_OS. Checkpoint.
   (Trio: ReceiveStream.receive_some) */
#define kin_stream_receive(stream, buffer, size, got) \
    kin_stream_receive_at(KIN_HERE, stream, buffer, size, got)
KIN_API KIN_MUST_USE kin_error *kin_stream_receive_at(const kin_site *,
                                                      kin_stream *,
                                                      void *buffer, size_t size,
                                                      size_t *got);

/* The same of what is there already; KIN_WOULD_BLOCK when nothing is. Never
   waits, no checkpoint. */
#define kin_stream_receive_now(stream, buffer, size, got) \
    kin_stream_receive_now_at(KIN_HERE, stream, buffer, size, got)
KIN_API KIN_MUST_USE kin_error *
kin_stream_receive_now_at(const kin_site *, kin_stream *, void *buffer,
                          size_t size, size_t *got);

/* Sends all of it: returns when the last byte is with the kernel. When it fails
   some may be on its way; kin_stream_sent says how much. Fails with
   KIN_CANCELLED; KIN_CLOSED; KIN_BUSY when another task sends on it; KIN_BROKEN
   when nobody will read it any more; KIN_OS. Checkpoint.
   (Trio: SendStream.send_all) */
#define kin_stream_send(stream, data, size) \
    kin_stream_send_at(KIN_HERE, stream, data, size)
KIN_API KIN_MUST_USE kin_error *kin_stream_send_at(const kin_site *,
                                                   kin_stream *,
                                                   const void *data,
                                                   size_t size);

/* How many bytes of the latest send (the one under way, if there is one) went
   out. A send that failed before it began, cancelled or not, sent 0. */
KIN_API size_t kin_stream_sent(const kin_stream *);

/* Says that nothing more will be sent, so that the peer sees the end; a pipe's
   writing end is closed. Receiving goes on, sending fails with KIN_CLOSED. The
   second time nothing happens. Fails with KIN_BUSY while a task sends;
   KIN_MISUSE where there is no such thing as half a close (a terminal). No
   checkpoint. */
#define kin_stream_send_end(stream) kin_stream_send_end_at(KIN_HERE, stream)
KIN_API KIN_MUST_USE kin_error *kin_stream_send_end_at(const kin_site *,
                                                       kin_stream *);

/* Closes it and sets *stream to NULL. Tasks that wait in it fail with
   KIN_CLOSED. A stream that is NULL is closed already. No checkpoint. */
KIN_API void kin_stream_close(kin_stream **stream);

/* Borrowed; -1 when there is none, or none any more. */
KIN_API int kin_stream_descriptor(const kin_stream *);
KIN_API const char *kin_stream_name(const kin_stream *);

/* --- lines -------------------------------------------------------------- */

/* Cuts what a stream gives into lines, in a buffer of the caller's, whose size
   is the longest line that comes in one piece. Bytes are bytes: NUL and what is
   no UTF-8 pass. The fields are private. */
typedef struct kin_line_reader {
    kin_stream *stream;
    char *buffer;
    size_t size;
    size_t start, searched, end; /* of what has not been handed out */
    bool ended;
} kin_line_reader;

typedef struct kin_line {
    const char *text; /* NULL: the end. In the buffer; good until the next */
    size_t length;    /* without the newline */
    bool ended;       /* its newline came; false: it goes on in the next one,
                         or the stream ended before */
} kin_line;

/* The stream and the buffer are borrowed, and are the reader's alone while it
   is used. The size is at least 1. */
KIN_API void kin_line_reader_init(kin_line_reader *, kin_stream *, void *buffer,
                                  size_t size);

/* The next line. One longer than the buffer comes in pieces, of which only the
   last (it may be empty) is `ended`; a last line without a newline comes too.
   Fails as kin_stream_receive does, and then nothing is lost: the next call
   goes on where this one was. Checkpoint. */
#define kin_line_reader_next(reader, line) \
    kin_line_reader_next_at(KIN_HERE, reader, line)
KIN_API KIN_MUST_USE kin_error *
kin_line_reader_next_at(const kin_site *, kin_line_reader *, kin_line *line);

/* The same of what is there already; KIN_WOULD_BLOCK when that is no line.
   Never waits, no checkpoint. */
#define kin_line_reader_next_now(reader, line) \
    kin_line_reader_next_now_at(KIN_HERE, reader, line)
KIN_API KIN_MUST_USE kin_error *kin_line_reader_next_now_at(const kin_site *,
                                                            kin_line_reader *,
                                                            kin_line *line);

/* What has been read but makes no line yet, handed out as a piece that is not
   `ended`; its text is NULL when there is nothing. For who stops before the
   end. */
KIN_API void kin_line_reader_rest(kin_line_reader *, kin_line *line);

/* --- plain descriptors -------------------------------------------------- */

/* Wait until a read, or a write, on a descriptor of the program's own would not
   wait; an end or an error to be read counts. Fail with KIN_CANCELLED; KIN_BUSY
   when another task waits for the same; KIN_CLOSED when kin_descriptor_closing
   was called for it; KIN_OS (EBADF). Checkpoints. (Trio: wait_readable) */
#define kin_wait_readable(fd) kin_wait_readable_at(KIN_HERE, fd)
#define kin_wait_writable(fd) kin_wait_writable_at(KIN_HERE, fd)
KIN_API KIN_MUST_USE kin_error *kin_wait_readable_at(const kin_site *, int fd);
KIN_API KIN_MUST_USE kin_error *kin_wait_writable_at(const kin_site *, int fd);

/* To be called before a descriptor is closed that somebody waits, or waited,
   for: the waits end with KIN_CLOSED, and the number is free to be another
   file's. No checkpoint. (Trio: notify_closing) */
KIN_API void kin_descriptor_closing(int fd);

KIN__C_END
#endif
