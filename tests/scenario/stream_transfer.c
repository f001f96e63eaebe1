/* stream_transfer.c: bytes through streams: all of them, in order, and what the
   one learns when the other goes. */
#include "harness.h"

#include <kin/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 3000 };

/* Bytes to transfer. Valgrind looks at all that a send is given each time. */
static size_t much(void)
{
    const char *preload = getenv("LD_PRELOAD");
    bool is_slow = preload && strstr(preload, "vgpreload");
    return is_slow ? 1000 * 1000 : 10 * 1000 * 1000;
}

typedef struct transfer {
    kin_stream *from, *to;
    size_t received, sent;
    bool in_order;
} transfer;

/* The byte at each place is the place's own, so that a shift shows. */
static unsigned char pattern[256 + PIECE];

static kin_error *receive_all(void *arg)
{
    transfer *t = arg;
    unsigned char bytes[PIECE];
    size_t got;
    t->in_order = true;
    do {
        KIN_TRY(kin_stream_receive(t->from, bytes, sizeof bytes, &got));
        t->in_order &= memcmp(bytes, pattern + t->received % 256, got) == 0;
        t->received += got;
    } while (got > 0);
    return NULL;
}

static kin_error *send_much(void *arg)
{
    transfer *t = arg;
    size_t size = much();
    unsigned char *data = malloc(size);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)i;
    for (size_t at = 0; at < size; at += 256)
        memcpy(data + at, pattern, size - at < 256 ? size - at : 256);
    kin_error *err = kin_stream_send(t->to, data, size);
    t->sent = kin_stream_sent(t->to);
    free(data);
    if (!err)
        err = kin_stream_send_end(t->to);
    return err;
}

static kin_error *transfers(void *arg)
{
    KIN_GROUP(both);
    kin_spawn(both, receive_all, arg);
    kin_spawn(both, send_much, arg);
    return kin_group_close(both, NULL);
}

static void check_transfer(transfer *t)
{
    CHECK_OUTCOME(kin_run(transfers, t), "OK");
    CHECK_EQ(t->received, much());
    CHECK_EQ(t->sent, much());
    CHECK(t->in_order);
    kin_stream_close(&t->from);
    kin_stream_close(&t->to);
    CHECK(t->from == NULL && t->to == NULL);
}

TEST(b253_ten_million_bytes_through_a_pipe)
{
    transfer t = {0};
    CHECK_OUTCOME(kin_pipe_open(&t.from, &t.to), "OK");
    check_transfer(&t);
}

TEST(b253_ten_million_bytes_through_a_small_socket)
{
    transfer t = {0};
    int ends[2], small = 4096;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    CHECK_OUTCOME(kin_stream_open(&t.from, ends[0], .name = "left"), "OK");
    CHECK_OUTCOME(kin_stream_open(&t.to, ends[1]), "OK");
    CHECK_STR(kin_stream_name(t.from), "left");
    CHECK_EQ(kin_stream_descriptor(t.to), ends[1]);
    check_transfer(&t);
}

TEST(b253_ten_million_bytes_through_a_pipe_in_blocking_mode)
{
    transfer t = {0};
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_OUTCOME(kin_stream_open(&t.from, ends[0]), "OK");
    CHECK_OUTCOME(kin_stream_open(&t.to, ends[1]), "OK");
    check_transfer(&t);
}

/* --- one that is cancelled ----------------------------------------------- */

static kin_error *sends_into_a_full_pipe(void *arg)
{
    transfer *t = arg;
    static char data[1 << 20];
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_stream_send(t->to, data, sizeof data);
    CHECK_SHAPE(err, "CANCELLED");
    t->sent = kin_stream_sent(t->to);
    /* And again, cancelled from the start: nothing goes out. */
    kin_error *again = kin_stream_send(t->to, data, sizeof data);
    CHECK_SHAPE(again, "CANCELLED");
    CHECK_EQ(kin_stream_sent(t->to), 0);
    kin_error_free(again);
    CHECK_OUTCOME(kin_scope_close(limit, err), "OK");

    /* What it says was sent, and no more, is there. */
    size_t there = 0, got;
    kin_error *end;
    while (!(end = kin_stream_receive_now(t->from, data, sizeof data, &got)))
        there += got;
    CHECK_OUTCOME(end, "WOULD_BLOCK");
    CHECK_EQ(there, t->sent);
    CHECK(there > 0);
    return NULL;
}

TEST(b253_a_cancelled_send_says_how_much_went_out)
{
    transfer t = {0};
    CHECK_OUTCOME(kin_pipe_open(&t.from, &t.to), "OK");
    CHECK_OUTCOME(run_virtual(sends_into_a_full_pipe, &t, 0), "OK");
    kin_stream_close(&t.from);
    kin_stream_close(&t.to);
}

static kin_error *receives_cancelled(void *arg)
{
    transfer *t = arg;
    char byte = 0;
    size_t got = 77;
    KIN_TRY(kin_stream_send(t->to, "x", 1));
    KIN_SCOPE(gone);
    kin_scope_cancel(gone, NULL);
    kin_error *err = kin_stream_receive(t->from, &byte, 1, &got);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(got, 77);
    CHECK_EQ(byte, 0);
    CHECK_OUTCOME(kin_scope_close(gone, err), "OK");
    KIN_TRY(kin_stream_receive(t->from, &byte, 1, &got));
    CHECK_EQ(byte, 'x');
    return NULL;
}

TEST(b136_a_cancelled_receive_takes_nothing)
{
    transfer t = {0};
    CHECK_OUTCOME(kin_pipe_open(&t.from, &t.to), "OK");
    CHECK_OUTCOME(run_virtual(receives_cancelled, &t, 0), "OK");
    kin_stream_close(&t.from);
    kin_stream_close(&t.to);
}

/* --- ends ---------------------------------------------------------------- */

static kin_error *meets_the_end(void *arg)
{
    transfer *t = arg;
    char bytes[8];
    size_t got = 1;
    KIN_TRY(kin_stream_send(t->to, "ab", 2));
    KIN_TRY(kin_stream_send(t->to, NULL, 0));
    KIN_TRY(kin_stream_send_end(t->to));
    KIN_TRY(kin_stream_send_end(t->to));
    CHECK_OUTCOME(kin_stream_send(t->to, "c", 1), "CLOSED");
    KIN_TRY(kin_stream_receive(t->from, bytes, sizeof bytes, &got));
    CHECK_EQ(got, 2);
    for (int i = 0; i < 2; i++) {
        KIN_TRY(kin_stream_receive(t->from, bytes, sizeof bytes, &got));
        CHECK_EQ(got, 0);
    }
    return NULL;
}

TEST(the_end_comes_after_all_that_was_sent)
{
    transfer t = {0};
    CHECK_OUTCOME(kin_pipe_open(&t.from, &t.to), "OK");
    CHECK_OUTCOME(kin_run(meets_the_end, &t), "OK");
    kin_stream_close(&t.from);
    kin_stream_close(&t.to);
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK_OUTCOME(kin_stream_open(&t.from, ends[0]), "OK");
    CHECK_OUTCOME(kin_stream_open(&t.to, ends[1]), "OK");
    CHECK_OUTCOME(kin_run(meets_the_end, &t), "OK");
    kin_stream_close(&t.from);
    kin_stream_close(&t.to);
}

static kin_error *sends_to_nobody(void *arg)
{
    transfer *t = arg;
    kin_stream_close(&t->from);
    kin_error *err = kin_stream_send(t->to, "x", 1);
    CHECK_SHAPE(err, "BROKEN");
    CHECK_EQ(kin_error_code(err), EPIPE);
    kin_error_free(err);
    return NULL;
}

/* SIGPIPE's default action would end the test. */
TEST(a_peer_that_is_gone_is_broken_and_no_signal)
{
    transfer t = {0};
    int ends[2];
    CHECK_OUTCOME(kin_pipe_open(&t.from, &t.to), "OK");
    CHECK_OUTCOME(kin_run(sends_to_nobody, &t), "OK");
    kin_stream_close(&t.to);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK_OUTCOME(kin_stream_open(&t.from, ends[0]), "OK");
    CHECK_OUTCOME(kin_stream_open(&t.to, ends[1]), "OK");
    CHECK_OUTCOME(kin_run(sends_to_nobody, &t), "OK");
    kin_stream_close(&t.to);
}

/* --- bad use ------------------------------------------------------------- */

static kin_error *misuses(void *arg)
{
    transfer *t = arg;
    char byte;
    size_t got;
    CHECK_OUTCOME(kin_stream_receive(NULL, &byte, 1, &got), "CLOSED");
    CHECK_OUTCOME(kin_stream_receive_now(NULL, &byte, 1, &got), "CLOSED");
    CHECK_OUTCOME(kin_stream_send(NULL, "x", 1), "CLOSED");
    CHECK_OUTCOME(kin_stream_send_end(NULL), "CLOSED");
    CHECK_OUTCOME(kin_stream_receive(t->from, &byte, 0, &got), "MISUSE");
    CHECK_OUTCOME(kin_stream_send(t->to, NULL, 1), "MISUSE");
    CHECK_EQ(kin_stream_sent(NULL), 0);
    CHECK_EQ(kin_stream_descriptor(NULL), -1);
    /* The wrong way round. */
    CHECK_OUTCOME(kin_stream_receive(t->to, &byte, 1, &got), "OS(9)");
    CHECK_OUTCOME(kin_stream_send(t->from, "x", 1), "OS(9)");
    CHECK_OUTCOME(kin_stream_send_end(t->from), "MISUSE");
    return NULL;
}

TEST(bad_use_of_streams)
{
    transfer t = {0};
    kin_stream *none = NULL;
    CHECK_OUTCOME(kin_pipe_open(&t.from, &t.to), "OK");
    CHECK_OUTCOME(kin_run(misuses, &t), "OK");
    CHECK_OUTCOME(kin_stream_open(&none, 999), "OS(9)");
    CHECK_OUTCOME(kin_stream_open(&none, -1), "OS(9)");
    CHECK(none == NULL);
    kin_stream_close(&none);
    kin_stream_close(&t.from);
    kin_stream_close(&t.to);
}

TEST(a_borrowed_descriptor_stays_open)
{
    kin_stream *null = NULL;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK_OUTCOME(kin_stream_open(&null, fd, .borrow = true), "OK");
    kin_stream_close(&null);
    CHECK(fcntl(fd, F_GETFD) >= 0);
    close(fd);
}

static bool refuse(void *context)
{
    (void)context;
    return true;
}

TEST(without_memory_nothing_is_opened)
{
    kin_stream *from = NULL, *to = NULL;
    harness_heap.fail = refuse;
    kin_error *pipe_failed = kin_pipe_open(&from, &to);
    kin_error *open_failed = kin_stream_open(&from, 0);
    harness_heap.fail = NULL;
    CHECK_OUTCOME(pipe_failed, "NO_MEMORY");
    CHECK_OUTCOME(open_failed, "NO_MEMORY");
    CHECK(from == NULL && to == NULL);
    CHECK(fcntl(0, F_GETFD) >= 0);
}
