/* reactor_epoll.c: the epoll reactor by itself, without a run above it. */
#include "harness.h"

#include "core/reactor.h"
#include "reactor/attempt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const kin__reactor_table *const io = &kin__reactor_epoll;

static kin__reactor *opened(void)
{
    kin__reactor *reactor = NULL;
    CHECK(io->open(&reactor) == NULL);
    return reactor;
}

static void count_done(kin__io_op *op)
{
    (*(int *)op->context)++;
}

static kin__io_op operation(kin__io_kind kind, int fd, const void *buffer,
                            size_t length, int *done)
{
    return (kin__io_op){
        .kind = kind,
        .fd = fd,
        .buffer = (void *)buffer,
        .length = length,
        .offset = -1,
        .done = count_done,
        .context = done,
    };
}

static void nonblocking_pipe(int ends[2])
{
    CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

/* Fills what is behind a descriptor until it takes no more. */
static void fill(int fd)
{
    static char bytes[4096];
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    while (write(fd, bytes, 1) > 0)
        ;
    fcntl(fd, F_SETFL, flags);
}

static kin_time real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (kin_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- completing ---------------------------------------------------------- */

TEST(what_need_not_wait_completes_in_submit)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char buffer[8] = "";
    nonblocking_pipe(ends);

    kin__io_op put = operation(KIN__IO_WRITE, ends[1], "hello", 5, &done);
    CHECK(io->submit(reactor, &put));
    CHECK_EQ(put.result, 5);
    kin__io_op get = operation(KIN__IO_READ, ends[0], buffer, 8, &done);
    CHECK(io->submit(reactor, &get));
    CHECK_EQ(get.result, 5);
    CHECK_STR(buffer, "hello");
    close(ends[1]);
    CHECK(io->submit(reactor, &get));
    CHECK_EQ(get.result, 0);

    CHECK_EQ(done, 0);
    CHECK_EQ(io->pending(reactor), 0);
    close(ends[0]);
    io->close(reactor);
}

TEST(what_has_to_wait_completes_in_wait)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char buffer[8] = "";
    nonblocking_pipe(ends);
    kin__io_op get = operation(KIN__IO_READ, ends[0], buffer, 8, &done);

    for (int round = 1; round <= 3; round++) {
        CHECK(!io->submit(reactor, &get));
        CHECK(get.pending);
        CHECK_EQ(io->pending(reactor), 1);
        io->wait(reactor, 0);
        CHECK_EQ(done, round - 1);
        CHECK_EQ(write(ends[1], "x", 1), 1);
        io->wait(reactor, KIN_SECONDS(5));
        CHECK_EQ(done, round);
        CHECK_EQ(get.result, 1);
        CHECK(!get.pending);
        CHECK_EQ(io->pending(reactor), 0);
    }
    close_both(ends);
    io->close(reactor);
}

TEST(readiness_takes_nothing)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte;
    nonblocking_pipe(ends);
    kin__io_op ready = operation(KIN__IO_READABLE, ends[0], NULL, 0, &done);
    kin__io_op room = operation(KIN__IO_WRITABLE, ends[1], NULL, 0, &done);

    CHECK(io->submit(reactor, &room));
    CHECK_EQ(room.result, 0);
    fill(ends[1]);
    CHECK(io->submit(reactor, &ready));
    CHECK_EQ(ready.result, 0);
    CHECK(!io->submit(reactor, &room));
    while (read(ends[0], &byte, 1) == 1)
        ;
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 1);
    CHECK_EQ(room.result, 0);

    CHECK(!io->submit(reactor, &ready));
    close(ends[1]); /* an end is something to read */
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 2);
    CHECK_EQ(ready.result, 0);
    close(ends[0]);
    io->close(reactor);
}

static kin__reactor *resubmit_in;
static void submit_again(kin__io_op *op)
{
    ++*(int *)op->context;
    CHECK(!io->submit(resubmit_in, op));
}

TEST(done_may_submit)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte;
    nonblocking_pipe(ends);
    kin__io_op get = operation(KIN__IO_READ, ends[0], &byte, 1, &done);
    get.done = submit_again;
    resubmit_in = reactor;
    CHECK(!io->submit(reactor, &get));
    for (int round = 1; round <= 3; round++) {
        CHECK_EQ(write(ends[1], "x", 1), 1);
        io->wait(reactor, KIN_SECONDS(5));
        CHECK_EQ(done, round);
    }
    CHECK_EQ(io->pending(reactor), 1);
    CHECK(io->cancel(reactor, &get));
    close_both(ends);
    io->close(reactor);
}

TEST(a_wait_takes_a_bounded_batch)
{
    enum { PIPES = 300 };
    static int ends[PIPES][2];
    static kin__io_op get[PIPES];
    static char bytes[PIPES];
    kin__reactor *reactor = opened();
    int done = 0;
    for (int i = 0; i < PIPES; i++) {
        nonblocking_pipe(ends[i]);
        get[i] = operation(KIN__IO_READ, ends[i][0], &bytes[i], 1, &done);
        CHECK(!io->submit(reactor, &get[i]));
    }
    for (int i = 0; i < PIPES; i++)
        CHECK_EQ(write(ends[i][1], "x", 1), 1);
    io->wait(reactor, 0);
    CHECK(done > 0 && done < PIPES);
    for (int i = 0; i < 3; i++)
        io->wait(reactor, 0);
    CHECK_EQ(done, PIPES);
    for (int i = 0; i < PIPES; i++)
        close_both(ends[i]);
    io->close(reactor);
}

/* --- one user a side ----------------------------------------------------- */

TEST(b226_second_operation_on_a_side_is_busy)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char first, second;
    nonblocking_pipe(ends);
    kin__io_op get = operation(KIN__IO_READ, ends[0], &first, 1, &done);
    kin__io_op also = operation(KIN__IO_READ, ends[0], &second, 1, &done);
    kin__io_op ready = operation(KIN__IO_READABLE, ends[0], NULL, 0, &done);

    CHECK(!io->submit(reactor, &get));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK(io->submit(reactor, &also)); /* even with something to read */
    CHECK_EQ(also.result, -EBUSY);
    CHECK(io->submit(reactor, &ready));
    CHECK_EQ(ready.result, -EBUSY);
    io->wait(reactor, 0);
    CHECK_EQ(done, 1);
    CHECK_EQ(get.result, 1);
    close_both(ends);
    io->close(reactor);
}

TEST(b252_the_sides_are_independent)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte = 0, drained[4096];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    fill(ends[0]);
    kin__io_op put = operation(KIN__IO_WRITE, ends[0], "x", 1, &done);
    kin__io_op get = operation(KIN__IO_READ, ends[0], &byte, 1, &done);
    CHECK(!io->submit(reactor, &get));
    CHECK(!io->submit(reactor, &put));

    CHECK_EQ(write(ends[1], "y", 1), 1);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(get.result, 1);
    CHECK_EQ(byte, 'y');
    CHECK(put.pending);

    while (read(ends[1], drained, sizeof drained) > 0)
        ;
    io->wait(reactor, KIN_SECONDS(5));
    CHECK(!put.pending);
    CHECK_EQ(put.result, 1);
    CHECK_EQ(done, 2);
    close_both(ends);
    io->close(reactor);
}

/* --- cancelling and forgetting ------------------------------------------- */

TEST(b136_cancelled_has_no_effect)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte = 0;
    nonblocking_pipe(ends);
    kin__io_op get = operation(KIN__IO_READ, ends[0], &byte, 1, &done);
    CHECK(!io->submit(reactor, &get));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK(io->cancel(reactor, &get));
    CHECK_EQ(io->pending(reactor), 0);
    io->wait(reactor, 0);
    CHECK_EQ(done, 0);
    CHECK_EQ(byte, 0);
    CHECK(io->submit(reactor, &get)); /* the byte is there still */
    CHECK_EQ(get.result, 1);
    close_both(ends);
    io->close(reactor);
}

TEST(b251_forget_completes_the_waiters_of_both_sides)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    fill(ends[0]);
    kin__io_op put = operation(KIN__IO_WRITE, ends[0], "x", 1, &done);
    kin__io_op get = operation(KIN__IO_READ, ends[0], &byte, 1, &done);
    CHECK(!io->submit(reactor, &get));
    CHECK(!io->submit(reactor, &put));
    io->forget(reactor, ends[0]);
    CHECK_EQ(done, 2);
    CHECK_EQ(get.result, -ECANCELED);
    CHECK_EQ(put.result, -ECANCELED);
    CHECK_EQ(io->pending(reactor), 0);
    io->forget(reactor, ends[0]); /* again, and what it never saw */
    io->forget(reactor, 100000);
    io->forget(reactor, -1);
    close_both(ends);
    io->close(reactor);
}

TEST(b251_a_reused_number_wakes_nobody)
{
    kin__reactor *reactor = opened();
    int old[2], fresh[2], done = 0;
    char byte = 0;
    nonblocking_pipe(old);
    kin__io_op get = operation(KIN__IO_READ, old[0], &byte, 1, &done);
    CHECK(!io->submit(reactor, &get));
    int other = dup(old[0]); /* the old file lives on */
    CHECK_EQ(write(old[1], "x", 1), 1);
    io->forget(reactor, old[0]);
    CHECK_EQ(done, 1);
    close(old[0]);

    nonblocking_pipe(fresh);
    CHECK_EQ(fresh[0], old[0]);
    kin__io_op anew = operation(KIN__IO_READ, fresh[0], &byte, 1, &done);
    CHECK(!io->submit(reactor, &anew));
    CHECK_EQ(write(old[1], "x", 1), 1);
    io->wait(reactor, 0);
    CHECK_EQ(done, 1);
    CHECK(anew.pending);
    CHECK_EQ(write(fresh[1], "y", 1), 1);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 2);
    CHECK_EQ(byte, 'y');
    close(other);
    close(old[1]);
    close_both(fresh);
    io->close(reactor);
}

TEST(b252_closed_behind_our_back)
{
    kin__reactor *reactor = opened();
    int old[2], fresh[2], done = 0;
    char byte;
    nonblocking_pipe(old);
    kin__io_op lost = operation(KIN__IO_READ, old[0], &byte, 1, &done);
    CHECK(!io->submit(reactor, &lost));
    int other = dup(old[0]);
    close(old[0]);
    CHECK_EQ(write(old[1], "x", 1), 1);
    kin_time before = real_now();
    io->wait(reactor, KIN_MILLISECONDS(5)); /* the old file reports */
    io->wait(reactor, KIN_MILLISECONDS(5)); /* and not for ever */
    CHECK(real_now() - before >= KIN_MILLISECONDS(5));
    CHECK(io->cancel(reactor, &lost));

    nonblocking_pipe(fresh);
    CHECK_EQ(fresh[0], old[0]);
    done = 0;
    kin__io_op ready = operation(KIN__IO_READABLE, fresh[0], NULL, 0, &done);
    CHECK(!io->submit(reactor, &ready));
    CHECK_EQ(write(old[1], "x", 1), 1);
    io->wait(reactor, 0);
    CHECK_EQ(done, 0);
    CHECK_EQ(write(fresh[1], "y", 1), 1);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 1);
    close(other);
    close(old[1]);
    close_both(fresh);
    io->close(reactor);
}

/* --- descriptors of all sorts -------------------------------------------- */

TEST(descriptors_in_blocking_mode_are_not_waited_for_and_stay_so)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    static char big[1 << 20], drained[1 << 16];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    kin__io_op get =
        operation(KIN__IO_READ, ends[0], drained, sizeof drained, &done);
    CHECK(!io->submit(reactor, &get));
    kin__io_op put = operation(KIN__IO_WRITE, ends[1], big, sizeof big, &done);
    CHECK(io->submit(reactor, &put));
    CHECK(put.result > 0 && put.result < (int64_t)sizeof big);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 1);
    fill(ends[1]);
    CHECK(!io->submit(reactor, &put));
    CHECK(read(ends[0], drained, sizeof drained) > 0);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 2);
    CHECK(put.result > 0);
    CHECK_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close_both(ends);
    io->close(reactor);
}

/* A terminal knows neither of the flags that ask for not waiting. */
TEST(terminals_are_not_waited_for)
{
    kin__reactor *reactor = opened();
    int done = 0;
    char line[16] = "";
    int theirs = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(theirs >= 0 && grantpt(theirs) == 0 && unlockpt(theirs) == 0);
    int ours = open(ptsname(theirs), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(ours >= 0);
    kin__io_op get = operation(KIN__IO_READ, ours, line, sizeof line, &done);
    kin__io_op put = operation(KIN__IO_WRITE, ours, "hi\n", 3, &done);
    CHECK(!io->submit(reactor, &get));
    CHECK(io->submit(reactor, &put));
    CHECK_EQ(put.result, 3);
    CHECK_EQ(write(theirs, "line\n", 5), 5);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 1);
    CHECK_STR(line, "line\n");
    close(theirs);
    CHECK(io->submit(reactor, &get));
    CHECK(get.result <= 0);
    io->forget(reactor, ours);
    close(ours);
    io->close(reactor);
}

TEST(regular_files_complete_at_once)
{
    kin__reactor *reactor = opened();
    int done = 0;
    static char big[100000], back[100000];
    memset(big, 'x', sizeof big);
    char path[] = "/tmp/kin-reactor-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    unlink(path);

    kin__io_op op = operation(KIN__IO_WRITE, fd, big, sizeof big, &done);
    size_t put = 0;
    while (put < sizeof big && io->submit(reactor, &op) && op.result > 0) {
        put += (size_t)op.result;
        op.buffer = big + put;
        op.length = sizeof big - put;
    }
    CHECK_EQ(put, sizeof big);
    op = operation(KIN__IO_READ, fd, back, 10, &done);
    CHECK(io->submit(reactor, &op));
    CHECK_EQ(op.result, 0); /* the position is at the end */
    op.offset = 99995;
    CHECK(io->submit(reactor, &op));
    CHECK_EQ(op.result, 5);
    op = operation(KIN__IO_WRITE, fd, "y", 1, &done);
    op.offset = 7;
    CHECK(io->submit(reactor, &op));
    CHECK_EQ(op.result, 1);
    op = operation(KIN__IO_READ, fd, back, 2, &done);
    op.offset = 6;
    CHECK(io->submit(reactor, &op));
    CHECK_EQ(op.result, 2);
    CHECK_EQ(memcmp(back, "xy", 2), 0);
    op = operation(KIN__IO_READABLE, fd, NULL, 0, &done);
    CHECK(io->submit(reactor, &op));
    CHECK_EQ(op.result, 0);
    CHECK_EQ(done, 0);
    close(fd);
    io->close(reactor);
}

TEST(bad_descriptors)
{
    kin__reactor *reactor = opened();
    int done = 0;
    char byte = 0;
    static const kin__io_kind kinds[] = {KIN__IO_READABLE, KIN__IO_WRITABLE,
                                         KIN__IO_READ, KIN__IO_WRITE,
                                         KIN__IO_ACCEPT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        kin__io_op op = operation(kinds[i], -1, &byte, 1, &done);
        CHECK(io->submit(reactor, &op));
        CHECK_EQ(op.result, -EBADF);
        op.fd = 1000;
        CHECK(io->submit(reactor, &op));
        CHECK_EQ(op.result, -EBADF);
    }
    io->close(reactor);
}

TEST(high_numbers)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    nonblocking_pipe(ends);
    int high = fcntl(ends[0], F_DUPFD_CLOEXEC, (int)limit.rlim_cur - 1);
    REQUIRE(high >= 0);
    kin__io_op get = operation(KIN__IO_READ, high, &byte, 1, &done);
    CHECK(!io->submit(reactor, &get));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, 1);
    io->forget(reactor, high);
    close(high);
    close_both(ends);
    io->close(reactor);
}

/* --- connections --------------------------------------------------------- */

TEST(accept_and_connect)
{
    kin__reactor *reactor = opened();
    int done = 0, kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, kind, 0);
    int caller = socket(AF_INET, kind, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, length) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);

    /* Nobody listens yet. */
    kin__io_op call =
        operation(KIN__IO_CONNECT, caller, &address, length, &done);
    if (!io->submit(reactor, &call))
        io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(call.result, -ECONNREFUSED);
    io->forget(reactor, caller);
    close(caller);

    CHECK(listen(listener, 5) == 0);
    done = 0;
    kin__io_op take = operation(KIN__IO_ACCEPT, listener, NULL, 0, &done);
    CHECK(!io->submit(reactor, &take));
    call.fd = caller = socket(AF_INET, kind, 0);
    int expected = 1 + !io->submit(reactor, &call);
    for (int i = 0; i < 5 && done < expected; i++)
        io->wait(reactor, KIN_SECONDS(5));
    CHECK_EQ(done, expected);
    CHECK_EQ(call.result, 0);
    CHECK(take.result >= 0);
    CHECK(fcntl((int)take.result, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl((int)take.result, F_GETFD) & FD_CLOEXEC);
    close((int)take.result);
    close(caller);
    close(listener);
    io->close(reactor);
}

/* A Unix socket whose listener has no room says so; there is nothing to wait
   for. */
TEST(connect_to_a_full_unix_listener_fails)
{
    kin__reactor *reactor = opened();
    int done = 0, kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof(sa_family_t); /* an abstract name, picked */
    int listener = socket(AF_UNIX, kind, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, length) == 0);
    length = sizeof address;
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    CHECK(listen(listener, 0) == 0);
    int callers[3];
    int64_t last = 0;
    for (int i = 0; i < 3; i++) {
        callers[i] = socket(AF_UNIX, kind, 0);
        kin__io_op call =
            operation(KIN__IO_CONNECT, callers[i], &address, length, &done);
        CHECK(io->submit(reactor, &call));
        last = call.result;
    }
    CHECK_EQ(last, -EAGAIN);
    for (int i = 0; i < 3; i++)
        close(callers[i]);
    close(listener);
    io->close(reactor);
}

/* --- SIGPIPE ------------------------------------------------------------- */

TEST(sigpipe_is_never_raised)
{
    static const uint8_t ways[] = {0, KIN__NOT_A_SOCKET | KIN__RAISES_SIGPIPE};
    for (size_t way = 0; way < sizeof ways; way++) {
        int ends[2], done = 0;
        uint8_t hints = ways[way];
        sigset_t pending;
        nonblocking_pipe(ends);
        close(ends[0]);
        kin__io_op put = operation(KIN__IO_WRITE, ends[1], "x", 1, &done);
        CHECK(kin__io_attempt(&put, &hints));
        CHECK_EQ(put.result, -EPIPE);
        sigpending(&pending);
        CHECK(!sigismember(&pending, SIGPIPE));
        close(ends[1]);

        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        close(ends[0]);
        put.fd = ends[1];
        hints = ways[way];
        CHECK(kin__io_attempt(&put, &hints));
        CHECK_EQ(put.result, -EPIPE);
        close(ends[1]);
    }
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), done = 0;
    kin__io_op put = operation(KIN__IO_WRITE, null, "x", 1, &done);
    kin__io_force(&put);
    CHECK_EQ(put.result, 1);
    close(null);
}

TEST(a_sigpipe_that_was_pending_stays)
{
    int ends[2], done = 0;
    uint8_t hints = KIN__NOT_A_SOCKET | KIN__RAISES_SIGPIPE;
    sigset_t set, before, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    raise(SIGPIPE);
    nonblocking_pipe(ends);
    close(ends[0]);
    kin__io_op put = operation(KIN__IO_WRITE, ends[1], "x", 1, &done);
    CHECK(kin__io_attempt(&put, &hints));
    CHECK_EQ(put.result, -EPIPE);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE));
    struct timespec at_once = {0, 0};
    CHECK_EQ(sigtimedwait(&set, NULL, &at_once), SIGPIPE);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
}

/* --- waiting and waking -------------------------------------------------- */

TEST(waits_are_as_long_as_asked)
{
    kin__reactor *reactor = opened();
    static const kin_time lengths[] = {KIN_AT_ONCE, 0, 1,
                                       KIN_MICROSECONDS(1500)};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        kin_time before = real_now();
        io->wait(reactor, lengths[i]);
        kin_time waited = real_now() - before;
        CHECK(waited >= lengths[i]);
        CHECK(waited < lengths[i] + KIN_SECONDS(5));
    }
    io->close(reactor);
}

static void *wake_thrice(void *reactor)
{
    for (int i = 0; i < 3; i++)
        io->wake(reactor);
    return NULL;
}

TEST(wake_ends_a_wait)
{
    kin__reactor *reactor = opened();
    pthread_t thread;
    for (int round = 0; round < 100; round++) {
        CHECK(pthread_create(&thread, NULL, wake_thrice, reactor) == 0);
        io->wait(reactor, KIN_NEVER);
        pthread_join(thread, NULL);
        io->wait(reactor, 0); /* what of the three came late */
    }
    io->wake(reactor); /* before the wait */
    io->wait(reactor, KIN_NEVER);
    io->close(reactor);
}

static kin__reactor *woken_by_signal;
static void wake_from_handler(int signo)
{
    (void)signo;
    io->wake(woken_by_signal);
}

TEST(wake_from_a_signal_handler)
{
    kin__reactor *reactor = opened();
    struct sigaction ours = {.sa_handler = wake_from_handler,
                             .sa_flags = SA_RESTART},
                     before;
    woken_by_signal = reactor;
    sigaction(SIGALRM, &ours, &before);
    struct itimerval soon = {.it_value.tv_usec = 1000};
    setitimer(ITIMER_REAL, &soon, NULL);
    io->wait(reactor, KIN_NEVER);
    sigaction(SIGALRM, &before, NULL);
    io->close(reactor);
}

TEST(a_wake_does_not_disturb_errno)
{
    kin__reactor *reactor = opened();
    errno = E2BIG;
    io->wake(reactor);
    CHECK_EQ(errno, E2BIG);
    io->wait(reactor, KIN_NEVER);
    io->close(reactor);
}

/* --- faults -------------------------------------------------------------- */

static bool refuse(void *context)
{
    (void)context;
    return true;
}

TEST(without_memory_submit_says_so)
{
    kin__reactor *reactor = opened();
    int ends[2], done = 0;
    char byte;
    nonblocking_pipe(ends);
    kin__io_op get = operation(KIN__IO_READ, ends[0], &byte, 1, &done);
    harness_heap.fail = refuse;
    CHECK(io->submit(reactor, &get));
    CHECK_EQ(get.result, -ENOMEM);
    harness_heap.fail = NULL;
    CHECK(!io->submit(reactor, &get));
    CHECK(io->cancel(reactor, &get));
    close_both(ends);
    io->close(reactor);
}

TEST(without_memory_open_fails)
{
    kin__reactor *reactor = NULL;
    harness_heap.fail = refuse;
    kin_error *err = io->open(&reactor);
    harness_heap.fail = NULL;
    CHECK(kin_error_is(err, &KIN_NO_MEMORY));
    CHECK(reactor == NULL);
    kin_error_free(err);
}

TEST(without_descriptors_open_fails_and_leaks_nothing)
{
    kin__reactor *reactor = NULL;
    struct rlimit before, none;
    getrlimit(RLIMIT_NOFILE, &before);
    int free_number = dup(0);
    close(free_number);
    for (rlim_t room = 0; room < 2; room++) {
        none = (struct rlimit){(rlim_t)free_number + room, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
        kin_error *err = io->open(&reactor);
        CHECK(kin_error_is(err, &KIN_OS));
        CHECK_EQ(kin_error_code(err), EMFILE);
        kin_error_free(err);
    }
    setrlimit(RLIMIT_NOFILE, &before);
}
