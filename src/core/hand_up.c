/* core/hand_up.c: an error tree handed up to whoever started this program.

   KIN_ERROR_FD names a descriptor that is ours to write one tree to. It is taken
   at the very beginning: before this program opens a file that would get its
   number, were it closed, and before a child of ours reads the name and finds
   something else behind the number. Whoever should read may not: nothing here
   waits for longer than a moment, and nobody dies of a SIGPIPE. */
#include <kin/run.h>

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME "KIN_ERROR_FD"

enum { PATIENCE = 1000 /* ms, without a byte that goes */ };

/* A number and nothing else; -1: it is none. */
static int parse(const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    bool is_number = *text >= '0' && *text <= '9' && !*end && !errno;
    return is_number && number > STDERR_FILENO && number < 1 << 20 ? (int)number
                                                                   : -1;
}

int kin_hand_up_open(void)
{
    const char *text = getenv(NAME);
    if (!text)
        return -1;
    int fd = parse(text);
    (void)unsetenv(NAME);
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return -1;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* A SIGPIPE that writing raised is taken back. */
static void write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        ssize_t got = write(fd, text, length);
        if (got > 0) {
            text += got;
            length -= (size_t)got;
        } else if (got < 0 && errno == EAGAIN) {
            if (poll(&ready, 1, PATIENCE) == 0)
                return;
        } else if (got == 0 || errno != EINTR) {
            return;
        }
    }
}

static void write_quietly(int fd, const char *text, size_t length)
{
    static const struct timespec at_once;
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    write_all(fd, text, length);
    if (!sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void kin_hand_up_close(int fd, const kin_error *err)
{
    char *text = NULL;
    size_t length = 0;
    if (fd < 0)
        return;
    FILE *stream = err ? open_memstream(&text, &length) : NULL;
    if (stream) {
        kin_error_write_json(err, stream);
        bool whole = !ferror(stream);
        if (fclose(stream) == 0 && whole) {
            (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            write_quietly(fd, text, length);
        }
        free(text);
    }
    close(fd);
}
