/* stream_close.c: two users, and closing under somebody who waits. */
#include "harness.h"

#include <kin/stream.h>
#include <kin/testing.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct ends {
    kin_stream *left, *right;
    int fd;
} ends;

static void open_ends(ends *e)
{
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK_OUTCOME(kin_stream_open(&e->left, fds[0], .name = "left"), "OK");
    CHECK_OUTCOME(kin_stream_open(&e->right, fds[1], .name = "right"), "OK");
    e->fd = fds[0];
}

static void close_ends(ends *e)
{
    kin_stream_close(&e->left);
    kin_stream_close(&e->right);
}

static kin_error *receives(void *arg)
{
    ends *e = arg;
    char byte;
    size_t got;
    kin_error *err = kin_stream_receive(e->left, &byte, 1, &got);
    NOTE("receive:%s", shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *sends_much(void *arg)
{
    ends *e = arg;
    static char much[1 << 20];
    kin_error *err = kin_stream_send(e->left, much, sizeof much);
    NOTE("send:%s", shape(err));
    kin_error_free(err);
    return NULL;
}

/* --- closing under a waiter ---------------------------------------------- */

static kin_error *closes_under_both(void *arg)
{
    ends *e = arg;
    int fresh[2];
    KIN_GROUP(both);
    kin_spawn(both, receives, e);
    kin_spawn(both, sends_much, e);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    CHECK_LOG("");
    kin_stream_close(&e->left);
    CHECK(e->left == NULL);
    /* The number is another file's before anybody who waited has run. */
    CHECK(pipe2(fresh, O_CLOEXEC) == 0);
    CHECK_EQ(fresh[0], e->fd);
    CHECK_EQ(write(fresh[1], "x", 1), 1);
    err = kin_group_close(both, err);
    close(fresh[0]);
    close(fresh[1]);
    return err;
}

TEST(b251_closing_wakes_reader_and_writer)
{
    ends e;
    open_ends(&e);
    CHECK_OUTCOME(run_virtual(closes_under_both, &e, 0), "OK");
    CHECK_LOG_SORTED("receive:CLOSED send:CLOSED");
    close_ends(&e);
}

static kin_error *waits_on_a_reused_number(void *arg)
{
    ends *e = arg;
    int fresh[2];
    char byte;
    KIN_GROUP(all);
    kin_spawn(all, receives, e);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_stream_close(&e->left);
    CHECK(pipe2(fresh, O_CLOEXEC) == 0);
    CHECK_EQ(fresh[0], e->fd);
    /* News for the old file; and a wait for the new one. */
    CHECK_OUTCOME(kin_stream_send(e->right, "x", 1), "BROKEN");
    kin_error *early =
        KIN_WITHIN(kin_wait_readable(fresh[0]), .fail_after = KIN_SECONDS(1));
    CHECK_OUTCOME(early, "TIMEOUT");
    CHECK_EQ(write(fresh[1], "y", 1), 1);
    CHECK_OUTCOME(kin_wait_readable(fresh[0]), "OK");
    CHECK_EQ(read(fresh[0], &byte, 1), 1);
    kin_descriptor_closing(fresh[0]);
    close(fresh[0]);
    close(fresh[1]);
    return kin_group_close(all, err);
}

TEST(b251_a_reused_number_wakes_nobody)
{
    ends e;
    open_ends(&e);
    CHECK_OUTCOME(run_virtual(waits_on_a_reused_number, &e, 0), "OK");
    CHECK_LOG("receive:CLOSED");
    close_ends(&e);
}

static kin_error *is_cancelled_and_closed(void *arg)
{
    ends *e = arg;
    KIN_GROUP(all);
    kin_spawn(all, receives, e);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_group_cancel(all, NULL);
    kin_stream_close(&e->left);
    return kin_group_close(all, err);
}

TEST(b139_cancelled_first_and_closed_then)
{
    ends e;
    open_ends(&e);
    CHECK_OUTCOME(run_virtual(is_cancelled_and_closed, &e, 0), "OK");
    CHECK_LOG("receive:CANCELLED");
    close_ends(&e);
}

/* --- two users ----------------------------------------------------------- */

static kin_error *is_the_second(void *arg)
{
    ends *e = arg;
    char byte;
    size_t got;
    KIN_GROUP(all);
    kin_spawn(all, receives, e);
    kin_spawn(all, sends_much, e);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    CHECK_OUTCOME(kin_stream_receive(e->left, &byte, 1, &got), "BUSY");
    CHECK_OUTCOME(kin_stream_receive_now(e->left, &byte, 1, &got), "BUSY");
    size_t sent = kin_stream_sent(e->left);
    CHECK(sent > 0);
    CHECK_OUTCOME(kin_stream_send(e->left, "x", 1), "BUSY");
    CHECK_OUTCOME(kin_stream_send_end(e->left), "BUSY");
    CHECK_EQ(kin_stream_sent(e->left), sent);
    CHECK_OUTCOME(kin_wait_readable(e->fd), "BUSY");
    CHECK_OUTCOME(kin_wait_writable(e->fd), "BUSY");
    CHECK_LOG("");

    /* B252: each of the first goes on by itself. */
    CHECK_OUTCOME(kin_stream_send(e->right, "y", 1), "OK");
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(0), "OK");
    CHECK_LOG("receive:OK");
    static char drained[1 << 20];
    for (size_t total = 0; total < sizeof drained; total += got)
        KIN_TRY_TO(out, err,
                   kin_stream_receive(e->right, drained, sizeof drained, &got));
out:
    return kin_group_close(all, err);
}

TEST(b226_b252_the_second_user_of_a_side_is_busy)
{
    ends e;
    open_ends(&e);
    CHECK_OUTCOME(run_virtual(is_the_second, &e, 0), "OK");
    CHECK_LOG("receive:OK send:OK");
    close_ends(&e);
}

/* --- plain descriptors --------------------------------------------------- */

static kin_error *waits_for(void *arg)
{
    int fd = *(int *)arg;
    kin_error *err = kin_wait_readable(fd);
    NOTE("%s", shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *closes_a_descriptor(void *arg)
{
    int *fds = arg;
    KIN_GROUP(all);
    kin_spawn(all, waits_for, &fds[0]);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    CHECK_OUTCOME(kin_wait_readable(fds[0]), "BUSY");
    CHECK_OUTCOME(kin_wait_writable(fds[1]), "OK");
    CHECK_OUTCOME(kin_wait_readable(-1), "OS(9)");
    CHECK_OUTCOME(kin_wait_readable(999), "OS(9)");
    kin_descriptor_closing(fds[0]);
    close(fds[0]);
    return kin_group_close(all, err);
}

TEST(a_descriptor_that_closes_wakes_who_waits_for_it)
{
    int fds[2];
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    CHECK_OUTCOME(run_virtual(closes_a_descriptor, fds, 0), "OK");
    CHECK_LOG("CLOSED");
    close(fds[1]);
}

static kin_error *is_not_told(void *arg)
{
    int *fds = arg;
    KIN_GROUP(all);
    kin_spawn(all, waits_for, &fds[0]);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    close(fds[0]);
    close(fds[1]);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK"); /* the others go on */
    /* The same numbers anew, for somebody else. */
    kin_stream *reader = NULL, *writer = NULL;
    char byte;
    size_t got;
    KIN_TRY_TO(out, err, kin_pipe_open(&reader, &writer));
    CHECK_EQ(kin_stream_descriptor(reader), fds[0]);
    CHECK_OUTCOME(KIN_WITHIN(kin_stream_receive(reader, &byte, 1, &got),
                             .fail_after = KIN_SECONDS(1)),
                  "TIMEOUT");
    CHECK_OUTCOME(kin_stream_send(writer, "x", 1), "OK");
    CHECK_OUTCOME(kin_stream_receive(reader, &byte, 1, &got), "OK");
out:
    kin_stream_close(&reader);
    kin_stream_close(&writer);
    return kin_group_close(all, err);
}

TEST(b252_a_descriptor_closed_behind_our_back_hangs_nobody_else)
{
    int fds[2];
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    CHECK_OUTCOME(run_virtual(is_not_told, fds, 0), "OK");
    CHECK_LOG("CLOSED"); /* as the number was taken up by a stream */
}
