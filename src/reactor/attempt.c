/* reactor/attempt.c: see attempt.h.

   Not waiting is asked for with each call and not with O_NONBLOCK: that flag
   belongs to the open file, which we may share with other programs (a terminal,
   a pipe that a shell gave to five commands), so it is not ours to set, and
   what it says now it need not say at the next call. Sockets have MSG_DONTWAIT;
   pipes and many others have RWF_NOWAIT; for the rest it is poll first, and
   then no more than what a writable file must take.

   SIGPIPE is kept from ever being raised (MSG_NOSIGNAL, RWF_NOSIGNAL), or, on
   kernels that cannot do that for pipes, is blocked around the write and taken
   away. Ignoring it for the whole run would be one call instead of two a write,
   but it would change the process for threads and for programs started by
   others, which inherit an ignored signal.

   No state. errno is not promised to survive. */
#include "reactor/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* Linux 6.18 */
#endif

/* What a call returned, as operations say it. */
static int64_t result_of(ssize_t returned)
{
    return returned < 0 ? -errno : returned;
}

/* 0, or -EAGAIN, or what is wrong with the descriptor. */
static int64_t readiness(int fd, short events)
{
    struct pollfd entry = {.fd = fd, .events = events};
    int count = TEMP_FAILURE_RETRY(poll(&entry, 1, 0));
    if (count < 0)
        return -errno;
    if (count == 0)
        return -EAGAIN;
    return entry.revents & POLLNVAL ? -EBADF : 0;
}

static int64_t plain_read(const kin__io_op *op)
{
    if (op->offset >= 0)
        return result_of(TEMP_FAILURE_RETRY(
            pread(op->fd, op->buffer, op->length, (off_t)op->offset)));
    return result_of(TEMP_FAILURE_RETRY(read(op->fd, op->buffer, op->length)));
}

static int64_t read_now(const kin__io_op *op, uint8_t *hints)
{
    struct iovec piece = {op->buffer, op->length};
    if (!(*hints & KIN__NOT_A_SOCKET) && op->offset < 0) {
        ssize_t got = TEMP_FAILURE_RETRY(
            recv(op->fd, op->buffer, op->length, MSG_DONTWAIT));
        if (got >= 0 || errno != ENOTSOCK)
            return result_of(got);
        *hints |= KIN__NOT_A_SOCKET;
    }
    ssize_t got = TEMP_FAILURE_RETRY(
        preadv2(op->fd, &piece, 1, (off_t)op->offset, RWF_NOWAIT));
    if (got >= 0 || errno != EOPNOTSUPP)
        return result_of(got);
    int64_t ready = readiness(op->fd, POLLIN);
    return ready < 0 ? ready : plain_read(op);
}

/* One write, with what RWF_NOSIGNAL does: a SIGPIPE that it raises on this
   thread is taken away again, unless one was pending already. `flags` as
   pwritev2's, or -1 for a plain write. */
static int64_t write_quietly(const kin__io_op *op, size_t length, int flags)
{
    struct iovec piece = {op->buffer, length};
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    bool had = sigismember(&before, SIGPIPE) && sigpending(&pending) == 0 &&
               sigismember(&pending, SIGPIPE);
    ssize_t put;
    if (flags >= 0)
        put = TEMP_FAILURE_RETRY(
            pwritev2(op->fd, &piece, 1, (off_t)op->offset, flags));
    else if (op->offset >= 0)
        put = TEMP_FAILURE_RETRY(
            pwrite(op->fd, op->buffer, length, (off_t)op->offset));
    else
        put = TEMP_FAILURE_RETRY(write(op->fd, op->buffer, length));
    int64_t result = result_of(put);
    if (result == -EPIPE && !had) {
        struct timespec at_once = {0, 0};
        (void)TEMP_FAILURE_RETRY(sigtimedwait(&pipe_only, NULL, &at_once));
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

/* How much a file that poll calls writable takes without waiting. Of a pipe
   or terminal in blocking mode that is one page. */
static size_t takes_at_once(const kin__io_op *op)
{
    struct stat file;
    int flags = fcntl(op->fd, F_GETFL);
    bool waits = flags >= 0 && !(flags & O_NONBLOCK) &&
                 fstat(op->fd, &file) == 0 &&
                 (S_ISFIFO(file.st_mode) || S_ISCHR(file.st_mode));
    return waits && op->length > PIPE_BUF ? PIPE_BUF : op->length;
}

static int64_t write_now(const kin__io_op *op, uint8_t *hints)
{
    struct iovec piece = {op->buffer, op->length};
    if (!(*hints & KIN__NOT_A_SOCKET) && op->offset < 0) {
        ssize_t put = TEMP_FAILURE_RETRY(
            send(op->fd, op->buffer, op->length, MSG_DONTWAIT | MSG_NOSIGNAL));
        if (put >= 0 || errno != ENOTSOCK)
            return result_of(put);
        *hints |= KIN__NOT_A_SOCKET;
    }
    if (!(*hints & KIN__RAISES_SIGPIPE)) {
        ssize_t put = TEMP_FAILURE_RETRY(pwritev2(
            op->fd, &piece, 1, (off_t)op->offset, RWF_NOWAIT | RWF_NOSIGNAL));
        if (put >= 0 || errno != EOPNOTSUPP)
            return result_of(put);
        *hints |= KIN__RAISES_SIGPIPE;
    }
    int64_t result = write_quietly(op, op->length, RWF_NOWAIT);
    if (result != -EOPNOTSUPP)
        return result;
    int64_t ready = readiness(op->fd, POLLOUT);
    return ready < 0 ? ready : write_quietly(op, takes_at_once(op), -1);
}

static int64_t accept_now(const kin__io_op *op)
{
    return result_of(TEMP_FAILURE_RETRY(
        accept4(op->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

/* Asked again while it is under way, connect says how far it is. EAGAIN (a
   Unix socket whose listener has no room) is a failure and not a wait: nothing
   would announce its end. */
static bool connect_now(kin__io_op *op)
{
    if (connect(op->fd, op->buffer, (socklen_t)op->length) == 0 ||
        errno == EISCONN) {
        op->result = 0;
        return true;
    }
    op->result = -errno;
    return errno != EINPROGRESS && errno != EALREADY && errno != EINTR;
}

bool kin__io_attempt(kin__io_op *op, uint8_t *hints)
{
    switch (op->kind) {
    case KIN__IO_READABLE:
        op->result = readiness(op->fd, POLLIN | POLLRDHUP);
        break;
    case KIN__IO_WRITABLE: op->result = readiness(op->fd, POLLOUT); break;
    case KIN__IO_READ: op->result = read_now(op, hints); break;
    case KIN__IO_WRITE: op->result = write_now(op, hints); break;
    case KIN__IO_ACCEPT: op->result = accept_now(op); break;
    case KIN__IO_CONNECT: return connect_now(op);
    default: op->result = -EINVAL; break;
    }
    return op->result != -EAGAIN;
}

void kin__io_force(kin__io_op *op)
{
    if (op->kind == KIN__IO_READ)
        op->result = plain_read(op);
    else if (op->kind == KIN__IO_WRITE)
        op->result = write_quietly(op, op->length, -1);
    else
        op->result = 0; /* such files are always ready */
}
