/* process_stop.c: waiting for processes, ending them, and leaving nobody
   behind. */
#include "harness.h"

#include <kin/process.h>
#include <kin/testing.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SH(script) KIN_ARGV("sh", "-c", script)

/* Runs a task on the system clock, within a generous time. */
static kin_fn *the_test;
static kin_error *within_time(void *arg)
{
    return KIN_WITHIN(the_test(arg), .fail_after = KIN_SECONDS(15));
}
static kin_error *run_system(kin_fn *fn, void *arg)
{
    the_test = fn;
    return kin_run(within_time, arg, .unhandled = record_unhandled);
}

/* Starts a script and waits for its first line, which is a number. */
static kin_error *start_script(kin_process **process, const char *script,
                               int *number)
{
    char line[32] = "";
    size_t got;
    KIN_TRY(kin_process_start(process, SH(script), .in = KIN_STDIO_NULL,
                              .out = KIN_STDIO_PIPE, .err = KIN_STDIO_NULL));
    KIN_TRY(kin_stream_receive(kin_process_out(*process), line, sizeof line - 1,
                               &got));
    *number = atoi(line);
    return NULL;
}

/* Whether it runs; a zombie that its new parent does not reap does not. */
static bool is_alive(int pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    const char *state = got > 0 ? strrchr(line, ')') : NULL;
    return state && state[2] != 'Z' && state[2] != 'X';
}

/* A signal that was sent takes a moment to end somebody. */
static bool dies(int pid)
{
    for (int i = 0; i < 10000 && is_alive(pid); i++)
        usleep(1000);
    return !is_alive(pid);
}

/* --- waiting
   --------------------------------------------------------------- */

static kin_error *waits(void *arg)
{
    kin_process_status status;
    KIN_TRY(kin_process_wait(arg, &status));
    NOTE("%d", status.code);
    return NULL;
}

static kin_error *three_wait(void *arg)
{
    kin_process *cat = NULL;
    kin_process_status status;
    (void)arg;
    KIN_TRY(kin_process_start(&cat, SH("cat; exit 5"), .in = KIN_STDIO_PIPE));
    KIN_GROUP(all);
    kin_task *first = kin_spawn(all, waits, cat);
    kin_spawn(all, waits, cat);
    kin_spawn(all, waits, cat);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_task_cancel(first, "not this one"); /* the one that watches */
    err = kin_error_combine(err, kin_wait_all_tasks_blocked(0));
    CHECK_LOG("");
    CHECK_OUTCOME(kin_stream_send_end(kin_process_in(cat)), "OK");
    CHECK_OUTCOME(kin_process_wait(cat, &status), "OK");
    CHECK_EQ(status.code, 5);
    CHECK_OUTCOME(kin_group_close(all, err), "OK");
    CHECK_LOG("5 5");
    CHECK_OUTCOME(kin_process_wait(cat, NULL), "OK"); /* and afterwards */
    CHECK_OUTCOME(kin_process_signal(cat, SIGKILL), "OK");
    CHECK_OUTCOME(kin_process_signal_group(cat, SIGKILL), "OK");
    kin_process_close(&cat);
    return NULL;
}

TEST(b244_three_tasks_wait_for_one_process)
{
    CHECK_OUTCOME(run_system(three_wait, NULL), "OK");
}

static kin_error *waits_to_its_cancellation(void *arg)
{
    kin_process *cat = arg;
    kin_error *err = kin_process_wait(cat, NULL);
    NOTE("%s", shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *is_closed_under_three(void *arg)
{
    kin_process *cat = NULL;
    (void)arg;
    KIN_TRY(kin_process_start(&cat, KIN_ARGV("cat"), .in = KIN_STDIO_PIPE));
    int pid = kin_process_id(cat);
    KIN_GROUP(all);
    for (int i = 0; i < 3; i++)
        kin_spawn(all, waits_to_its_cancellation, cat);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    kin_process_close(&cat);
    CHECK(kill(pid, 0) < 0 && errno == ESRCH);
    CHECK_OUTCOME(kin_process_wait(cat, NULL), "CLOSED");
    CHECK_OUTCOME(kin_process_stop(cat, 0), "CLOSED");
    CHECK_OUTCOME(kin_process_signal(cat, 0), "CLOSED");
    return kin_group_close(all, err);
}

TEST(closing_wakes_who_waits)
{
    CHECK_OUTCOME(run_system(is_closed_under_three, NULL), "OK");
    CHECK_LOG("CLOSED CLOSED CLOSED");
}

static kin_error *ignores_children(void *arg)
{
    kin_process_outcome outcome;
    (void)arg;
    CHECK_OUTCOME(kin_process_run(SH("exit 3"), &outcome), "OK");
    CHECK(!outcome.status.known);
    CHECK_EQ(outcome.status.code, 0);
    return NULL;
}

TEST(b246_with_sigchld_ignored_the_status_is_unknown)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGCHLD, &ignore, &before);
    CHECK_OUTCOME(run_system(ignores_children, NULL), "OK");
    sigaction(SIGCHLD, &before, NULL);
}

static kin_error *signals_it(void *arg)
{
    kin_process *process = NULL;
    kin_process_status status;
    int number;
    (void)arg;
    KIN_TRY(start_script(&process,
                         "trap 'exit 9' USR1; echo 0; "
                         "while :; do sleep 0.01; done",
                         &number));
    CHECK_OUTCOME(kin_process_signal(process, 9999), "OS(22)");
    CHECK_OUTCOME(kin_process_signal(process, SIGUSR1), "OK");
    CHECK_OUTCOME(kin_process_wait(process, &status), "OK");
    CHECK_EQ(status.code, 9);
    kin_process_close(&process);
    return NULL;
}

TEST(a_process_is_signalled)
{
    CHECK_OUTCOME(run_system(signals_it, NULL), "OK");
}

/* --- stopping
   ---------------------------------------------------------------- */

static int code_of(kin_process *process)
{
    kin_process_status status = {-1000, false, false};
    CHECK_OUTCOME(kin_process_wait(process, &status), "OK");
    return status.code;
}

static kin_error *stops_politely(void *arg)
{
    kin_process *process = NULL;
    int number;
    (void)arg;
    KIN_TRY(start_script(&process,
                         "trap 'exit 7' TERM; echo 0;"
                         "while :; do sleep 0.01; done",
                         &number));
    kin_time before = kin_now();
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK(kin_now() - before < KIN_SECONDS(10));
    CHECK_EQ(code_of(process), 7);
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK_OUTCOME(kin_process_signal_group(process, SIGTERM), "OK");
    kin_process_close(&process);
    return NULL;
}

TEST(a_process_that_ends_when_asked)
{
    CHECK_OUTCOME(run_system(stops_politely, NULL), "OK");
}

static kin_error *stops_the_stubborn(void *arg)
{
    static const kin_time graces[] = {KIN_MILLISECONDS(30), 0, KIN_AT_ONCE};
    kin_process *process = NULL;
    int number;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        KIN_TRY(start_script(&process,
                             "trap '' TERM; echo 0; while :; do sleep 1; done",
                             &number));
        CHECK_OUTCOME(kin_process_stop(process, graces[i]), "OK");
        CHECK_EQ(code_of(process), -SIGKILL);
        kin_process_close(&process);
    }
    return NULL;
}

TEST(a_process_that_does_not_is_killed)
{
    CHECK_OUTCOME(run_system(stops_the_stubborn, NULL), "OK");
}

static kin_error *stops_while_cancelled(void *arg)
{
    kin_process *process = NULL;
    int number;
    (void)arg;
    KIN_TRY(start_script(&process,
                         "trap 'sleep 0.05; exit 7' TERM; echo 0;"
                         "while :; do sleep 0.01; done",
                         &number));
    KIN_SCOPE(gone);
    kin_scope_cancel(gone, NULL);
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK_OUTCOME(kin_process_wait(process, NULL), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(gone, NULL), "OK");
    CHECK_EQ(code_of(process), 7);
    kin_process_close(&process);
    return NULL;
}

TEST(a_stop_is_whole_also_when_its_task_is_cancelled)
{
    CHECK_OUTCOME(run_system(stops_while_cancelled, NULL), "OK");
}

static kin_error *stops_grandchildren(void *arg)
{
    kin_process *process = NULL;
    int child = -1;
    (void)arg;
    /* Killed together with the leader. */
    KIN_TRY(start_script(&process, "sleep 1000 & echo $!; wait", &child));
    CHECK(is_alive(child));
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK(dies(child));
    kin_process_close(&process);

    /* Outlives the leader, and does not listen. */
    KIN_TRY(start_script(&process,
                         "sh -c 'trap \"\" TERM; echo $$;"
                         " while :; do sleep 1; done' & wait",
                         &child));
    CHECK_OUTCOME(kin_process_stop(process, KIN_MILLISECONDS(50)), "OK");
    CHECK_EQ(code_of(process), -SIGTERM);
    CHECK(dies(child));
    kin_process_close(&process);

    /* Outlives the leader, and ends well within the grace: it is not killed. */
    char path[] = "/tmp/kin-stop-XXXXXX", script[200], text[8] = "";
    int file = mkostemp(path, O_CLOEXEC);
    snprintf(script, sizeof script,
             "sh -c 'trap \"sleep 0.1; echo done >%s; exit\" TERM; echo $$;"
             " while :; do sleep 0.01; done' & wait",
             path);
    KIN_TRY(start_script(&process, script, &child));
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK_EQ(pread(file, text, 5, 0), 5);
    CHECK_STR(text, "done\n");
    unlink(path);
    close(file);
    kin_process_close(&process);
    return NULL;
}

TEST(a_stop_ends_the_whole_group)
{
    CHECK_OUTCOME(run_system(stops_grandchildren, NULL), "OK");
}

static kin_error *closes_over_grandchildren(void *arg)
{
    kin_process *process = NULL;
    int child = -1;
    (void)arg;
    KIN_TRY(start_script(&process, "sleep 1000 & echo $!; exit 3", &child));
    CHECK_EQ(code_of(process), 3);
    CHECK(is_alive(child));
    kin_process_close(&process);
    CHECK(dies(child));

    KIN_TRY(start_script(&process, "sleep 1000 & echo $!; wait", &child));
    int pid = kin_process_id(process);
    kin_process_close(&process);
    CHECK(kill(pid, 0) < 0 && errno == ESRCH); /* reaped */
    CHECK(dies(child));
    return NULL;
}

TEST(a_close_leaves_nobody_running)
{
    CHECK_OUTCOME(run_system(closes_over_grandchildren, NULL), "OK");
}

/* A program that inherits orphans reaps those of the group; the harness counts
   the children that are left. */
static kin_error *inherits_orphans(void *arg)
{
    kin_process *process = NULL;
    int child = -1;
    (void)arg;
    KIN_TRY(start_script(&process, "sleep 1000 & echo $!; wait", &child));
    kin_process_close(&process);
    CHECK(kill(child, 0) < 0 && errno == ESRCH);
    KIN_TRY(start_script(&process, "sleep 1000 & echo $!; wait", &child));
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK(kill(child, 0) < 0 && errno == ESRCH);
    kin_process_close(&process);
    KIN_TRY(start_script(&process, "sleep 0 & sleep 1000 & echo $!", &child));
    CHECK_EQ(code_of(process), 0);
    kin_process_close(&process);
    CHECK(kill(child, 0) < 0 && errno == ESRCH);
    return NULL;
}

TEST(orphans_of_the_group_are_reaped_by_who_inherits_them)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    CHECK_OUTCOME(run_system(inherits_orphans, NULL), "OK");
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static kin_error *stops_a_stopped_one(void *arg)
{
    kin_process *process = NULL;
    int number;
    (void)arg;
    KIN_TRY(start_script(&process,
                         "trap 'exit 7' TERM; echo 0;"
                         "while :; do sleep 0.01; done",
                         &number));
    CHECK_OUTCOME(kin_process_signal_group(process, SIGSTOP), "OK");
    CHECK_OUTCOME(kin_process_stop(process, KIN_SECONDS(10)), "OK");
    CHECK_EQ(code_of(process), 7);
    kin_process_close(&process);
    return NULL;
}

TEST(a_process_that_stands_still_is_woken_to_end)
{
    CHECK_OUTCOME(run_system(stops_a_stopped_one, NULL), "OK");
}

static kin_error *closes_while_cancelled(void *arg)
{
    kin_process *process = NULL;
    (void)arg;
    KIN_TRY(kin_process_start(&process, KIN_ARGV("sleep", "1000")));
    int pid = kin_process_id(process);
    KIN_SCOPE(gone);
    kin_scope_cancel(gone, NULL);
    kin_process_close(&process);
    CHECK(kill(pid, 0) < 0 && errno == ESRCH);
    return kin_scope_close(gone, NULL);
}

TEST(a_close_is_whole_also_when_its_task_is_cancelled)
{
    CHECK_OUTCOME(run_system(closes_while_cancelled, NULL), "OK");
}

static kin_error *keeps_it(void *arg)
{
    return kin_process_start((kin_process **)arg, KIN_ARGV("sleep", "1000"));
}

TEST(a_close_outside_a_run)
{
    kin_process *process = NULL;
    CHECK_OUTCOME(run_system(keeps_it, &process), "OK");
    int pid = kin_process_id(process);
    kin_process_close(&process);
    CHECK(kill(pid, 0) < 0 && errno == ESRCH);
}

static kin_error *stops(void *arg)
{
    CHECK_OUTCOME(kin_process_stop(arg, KIN_MILLISECONDS(20)), "OK");
    NOTE("stopped");
    return NULL;
}

static kin_error *stops_twice(void *arg)
{
    kin_process *process = NULL;
    int number;
    (void)arg;
    KIN_TRY(start_script(
        &process, "trap '' TERM; echo 0; while :; do sleep 1; done", &number));
    KIN_GROUP(both);
    kin_spawn(both, stops, process);
    kin_spawn(both, stops, process);
    kin_error *err = kin_group_close(both, NULL);
    CHECK_EQ(code_of(process), -SIGKILL);
    kin_process_close(&process);
    return err;
}

TEST(two_may_stop_one_process)
{
    CHECK_OUTCOME(run_system(stops_twice, NULL), "OK");
    CHECK_LOG("stopped stopped");
}

/* --- whole lines
   ------------------------------------------------------------- */

typedef struct talker {
    const char *tag;
    kin_process *process;
    int lines;
} talker;

static char heard[1 << 16];
static size_t heard_size;

static kin_error *pumps_lines(void *arg)
{
    talker *t = arg;
    kin_line_reader reader;
    kin_line line;
    char buffer[512];
    kin_line_reader_init(&reader, kin_process_out(t->process), buffer,
                         sizeof buffer);
    for (;;) {
        KIN_TRY(kin_line_reader_next(&reader, &line));
        if (!line.text)
            return NULL;
        heard_size +=
            (size_t)snprintf(heard + heard_size, sizeof heard - heard_size,
                             "%s:%.*s\n", t->tag, (int)line.length, line.text);
        t->lines++;
    }
}

static kin_error *two_talk(void *arg)
{
    static talker talkers[2] = {{.tag = "a"}, {.tag = "b"}};
    (void)arg;
    KIN_GROUP(both);
    for (int i = 0; i < 2; i++) {
        CHECK_OUTCOME(
            kin_process_start(&talkers[i].process,
                              SH("i=0; while [ $i -lt 1000 ]; do"
                                 " echo \"line $i of many\"; i=$((i+1));"
                                 " done; printf last"),
                              .out = KIN_STDIO_PIPE),
            "OK");
        kin_spawn(both, pumps_lines, &talkers[i]);
    }
    kin_error *err = kin_group_close(both, NULL);
    int next[2] = {0, 0};
    for (char *line = strtok(heard, "\n"); line; line = strtok(NULL, "\n")) {
        char expected[64];
        int who = line[0] == 'b';
        snprintf(expected, sizeof expected, "%c:line %d of many", line[0],
                 next[who]);
        if (next[who]++ == 1000)
            snprintf(expected, sizeof expected, "%c:last", line[0]);
        if (!CHECK_STR(line, expected))
            break;
    }
    CHECK_EQ(next[0], 1001);
    CHECK_EQ(next[1], 1001);
    for (int i = 0; i < 2; i++)
        kin_process_close(&talkers[i].process);
    return err;
}

TEST(b248_two_children_print_whole_lines_and_none_is_lost)
{
    heard_size = 0;
    CHECK_OUTCOME(run_system(two_talk, NULL), "OK");
}
