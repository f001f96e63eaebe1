/* process_run.c: kin_process_run: what goes in, what comes out, and how it
   ends. */
#include "harness.h"

#include <kin/process.h>
#include <kin/testing.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* --- input, output, status ------------------------------------------------ */

static kin_error *cats_much(void *arg)
{
    enum { SIZE = 256 * 1024 };
    unsigned char *bytes = malloc(SIZE);
    kin_process_outcome outcome = {0};
    (void)arg;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 7 / 3);
    CHECK_OUTCOME(kin_process_run(KIN_ARGV("cat"), &outcome, .input = bytes,
                                  .input_size = SIZE, .out = KIN_STDIO_PIPE,
                                  .err = KIN_STDIO_PIPE),
                  "OK");
    CHECK_EQ(outcome.status.code, 0);
    CHECK_EQ(outcome.out_size, SIZE);
    CHECK(outcome.out && memcmp(outcome.out, bytes, SIZE) == 0);
    CHECK_EQ(outcome.err_size, 0);
    CHECK_STR(outcome.err, "");
    kin_process_outcome_free(&outcome);
    CHECK(outcome.out == NULL);
    kin_process_outcome_free(&outcome);
    kin_process_outcome_free(NULL);
    free(bytes);
    return NULL;
}

TEST(b242_cat_gives_back_what_it_was_given)
{
    CHECK_OUTCOME(run_system(cats_much, NULL), "OK");
}

static kin_error *fails(void *arg)
{
    kin_process_outcome outcome = {.out = arg};
    kin_error *err =
        kin_process_run(SH("echo progress; echo one >&2; echo two >&2; exit 1"),
                        &outcome, .out = KIN_STDIO_PIPE, .err = KIN_STDIO_PIPE);
    CHECK(kin_error_is(err, &KIN_PROCESS_FAILED));
    CHECK_EQ(kin_error_code(err), 1);
    CHECK_CONTAINS(kin_error_message(err), "sh -c ");
    CHECK_CONTAINS(kin_error_message(err), "exit status 1");
    CHECK_EQ(kin_error_note_count(err), 2);
    CHECK_STR(kin_error_note(err, 0), "stderr: one");
    CHECK_STR(kin_error_note(err, 1), "stderr: two");
    CHECK(outcome.out == arg); /* untouched */
    kin_error_free(err);

    CHECK_OUTCOME(kin_process_run(SH("echo x; exit 3"), &outcome,
                                  .out = KIN_STDIO_PIPE, .unchecked = true),
                  "OK");
    CHECK_EQ(outcome.status.code, 3);
    CHECK_STR(outcome.out, "x\n");
    CHECK(outcome.err == NULL);
    kin_process_outcome_free(&outcome);
    return NULL;
}

TEST(b242_an_exit_status_is_a_failure_unless_unchecked)
{
    char untouched;
    CHECK_OUTCOME(run_system(fails, &untouched), "OK");
}

static kin_error *fails_with_many_lines(void *arg)
{
    (void)arg;
    kin_error *err = kin_process_run(
        SH("i=0; while [ $i -lt 50 ]; do echo $i; i=$((i+1)); done >&2;"
           " printf last >&2; exit 1"),
        NULL, .err = KIN_STDIO_PIPE);
    CHECK_EQ(kin_error_note_count(err), 10);
    CHECK_STR(kin_error_note(err, 0), "stderr: 41");
    CHECK_STR(kin_error_note(err, 8), "stderr: 49");
    CHECK_STR(kin_error_note(err, 9), "stderr: last");
    kin_error_free(err);

    err = kin_process_run(SH("echo >&2; echo >&2; exit 1"), NULL,
                          .err = KIN_STDIO_PIPE);
    CHECK(kin_error_is(err, &KIN_PROCESS_FAILED));
    kin_error_free(err);
    err = kin_process_run(SH("exit 1"), NULL, .err = KIN_STDIO_PIPE);
    CHECK_EQ(kin_error_note_count(err), 0);
    kin_error_free(err);
    return NULL;
}

TEST(b242_the_last_lines_of_its_errors_are_in_the_notes)
{
    CHECK_OUTCOME(run_system(fails_with_many_lines, NULL), "OK");
}

static kin_error *does_not_read(void *arg)
{
    enum { SIZE = 128 * 1024 };
    static char bytes[SIZE];
    kin_process_outcome outcome;
    (void)arg;
    CHECK_OUTCOME(kin_process_run(SH("exec <&-; exit 0"), &outcome,
                                  .input = bytes, .input_size = SIZE),
                  "OK");
    CHECK_EQ(outcome.status.code, 0);
    /* Somebody else holds its input open, and does not read it either. */
    CHECK_OUTCOME(kin_process_run(SH("sleep 1000 & exit 0"), NULL,
                                  .input = bytes, .input_size = SIZE,
                                  .grace = KIN_MILLISECONDS(100)),
                  "OK");
    return NULL;
}

TEST(b243_a_child_that_does_not_read_its_input_is_fine)
{
    CHECK_OUTCOME(run_system(does_not_read, NULL), "OK");
}

static kin_error *is_killed(void *arg)
{
    char text[64];
    kin_process_outcome outcome;
    (void)arg;
    CHECK_OUTCOME(
        kin_process_run(SH("kill -9 $$"), &outcome, .unchecked = true), "OK");
    CHECK_EQ(outcome.status.code, -SIGKILL);
    kin_process_status_text(outcome.status, text, sizeof text);
    CHECK_STR(text, "killed by SIGKILL");
    kin_error *err = kin_process_run(SH("ulimit -c 0; kill -SEGV $$"), NULL);
    CHECK(kin_error_is(err, &KIN_PROCESS_FAILED));
    CHECK_EQ(kin_error_code(err), -SIGSEGV);
    CHECK_CONTAINS(kin_error_message(err), "killed by SIGSEGV");
    kin_error_free(err);
    return NULL;
}

TEST(b246_killed_by_a_signal_is_minus_its_number)
{
    CHECK_OUTCOME(run_system(is_killed, NULL), "OK");
}

TEST(statuses_in_words)
{
    static const struct {
        kin_process_status status;
        const char *words;
    } cases[] = {
        {{0, false, true}, "exit status 0"},
        {{3, false, true}, "exit status 3"},
        {{-SIGKILL, true, true}, "killed by SIGKILL (core dumped)"},
        {{-40, false, true}, "killed by signal 40"},
        {{0, false, false}, "ended (how, is not known)"},
    };
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_process_status_text(cases[i].status, text, sizeof text);
        CHECK_STR(text, cases[i].words);
    }
    CHECK(kin_process_check(NULL, cases[0].status) == NULL);
    CHECK_OUTCOME(kin_process_check(NULL, cases[1].status), "PROCESS_FAILED");
}

static kin_error *writes_too_much(void *arg)
{
    kin_process_outcome outcome = {0};
    (void)arg;
    kin_error *err = kin_process_run(
        SH("while :; do echo more; done"), NULL, .out = KIN_STDIO_PIPE,
        .capture_max = 10000, .grace = KIN_SECONDS(1));
    CHECK_SHAPE(err, "FAILURE");
    CHECK_CONTAINS(kin_error_message(err), "10000 bytes");
    kin_error_free(err);
    CHECK_OUTCOME(kin_process_run(SH("printf 12345"), &outcome,
                                  .out = KIN_STDIO_PIPE, .capture_max = 5),
                  "OK");
    CHECK_STR(outcome.out, "12345");
    kin_process_outcome_free(&outcome);
    CHECK_OUTCOME(kin_process_run(SH("printf 123456"), &outcome,
                                  .out = KIN_STDIO_PIPE, .capture_max = 5),
                  "FAILURE");
    return NULL;
}

TEST(what_is_captured_has_a_maximum)
{
    CHECK_OUTCOME(run_system(writes_too_much, NULL), "OK");
}

/* --- who stays behind
   ------------------------------------------------------ */

static kin_error *leaves_somebody(void *arg)
{
    kin_process_outcome outcome = {0};
    (void)arg;
    /* One who holds the output open, and would for long. */
    CHECK_OUTCOME(kin_process_run(SH("sleep 1000 & echo $!"), &outcome,
                                  .out = KIN_STDIO_PIPE,
                                  .grace = KIN_MILLISECONDS(50)),
                  "OK");
    int sleeper = outcome.out ? atoi(outcome.out) : -1;
    CHECK(sleeper > 1);
    CHECK(kill(sleeper, 0) < 0 || kin_process_id(NULL) == -1);
    kin_process_outcome_free(&outcome);

    /* One who still has something to say, and says it. */
    CHECK_OUTCOME(kin_process_run(SH("(sleep 0.1; echo late) &"), &outcome,
                                  .out = KIN_STDIO_PIPE),
                  "OK");
    CHECK_STR(outcome.out, "late\n");
    kin_process_outcome_free(&outcome);

    /* One who left the group with the pipe in its hand. */
    CHECK_OUTCOME(kin_process_run(SH("setsid sleep 3 & echo said"), &outcome,
                                  .out = KIN_STDIO_PIPE,
                                  .grace = KIN_MILLISECONDS(100)),
                  "OK");
    CHECK_STR(outcome.out, "said\n");
    kin_process_outcome_free(&outcome);
    return NULL;
}

TEST(what_a_process_leaves_in_its_group_ends_with_it)
{
    CHECK_OUTCOME(run_system(leaves_somebody, NULL), "OK");
}

/* --- being cancelled
   -------------------------------------------------------- */

/* Starts a run of that script, waits for a byte of its output in *said, and
   cancels. */
typedef struct cancelled {
    const char *script;
    kin_process_options with;
    kin_time grace;
    int said[2];
    kin_error *err;
    kin_time took;
} cancelled;

static kin_error *runs_script(void *arg)
{
    cancelled *c = arg;
    kin_time before = kin_now();
    kin_process_options with = c->with;
    with.grace = c->grace;
    with.out = KIN_STDIO_FD(c->said[1]);
    if (!with.err)
        with.err = KIN_STDIO_NULL; /* sh says what its children die of */
    c->err = kin_process_run_at(KIN_HERE, SH(c->script), NULL, &with);
    c->took = kin_now() - before;
    c->err = kin_error_ref(c->err);
    kin_error_give(c->err);
    return c->err;
}

static kin_error *cancels_it(void *arg)
{
    cancelled *c = arg;
    KIN_GROUP(group);
    kin_spawn(group, runs_script, c);
    kin_error *err = kin_wait_readable(c->said[0]);
    kin_group_cancel(group, "enough");
    return kin_group_close(group, err);
}

static void check_cancelled(cancelled *c, bool virtual_clock)
{
    CHECK(pipe2(c->said, O_CLOEXEC) == 0);
    CHECK_OUTCOME(virtual_clock ? run_virtual(cancels_it, c, 0)
                                : run_system(cancels_it, c),
                  "OK");
    kin_descriptor_closing(c->said[0]);
    close(c->said[0]);
    close(c->said[1]);
}

TEST(b245_cancelled_it_is_asked_to_end_and_may)
{
    cancelled c = {
        .script =
            "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done",
    };
    check_cancelled(&c, false);
    CHECK_SHAPE(c.err, "CANCELLED");
    CHECK_EQ(kin_error_note_count(c.err), 0);
    CHECK(c.took < KIN_SECONDS(5));
    kin_error_free(c.err);
}

TEST(b245_who_does_not_end_in_the_grace_is_killed)
{
    cancelled c = {
        .script = "trap '' TERM; echo ready; while :; do sleep 1; done",
    };
    check_cancelled(&c, true);
    CHECK_SHAPE(c.err, "CANCELLED");
    CHECK_EQ(kin_error_note_count(c.err), 1);
    CHECK_CONTAINS(kin_error_note(c.err, 0), "5 s");
    CHECK(c.took >= KIN_SECONDS(5));
    CHECK(c.took < KIN_SECONDS(6));
    kin_error_free(c.err);
}

static kin_error *interrupts(kin_process *process, void *context)
{
    (void)context;
    NOTE("asked");
    return kin_process_signal(process, SIGINT);
}

TEST(b245_a_way_of_asking_of_ones_own)
{
    cancelled c = {
        .script = "trap 'exit 0' INT; trap '' TERM; echo ready;"
                  " while :; do sleep 0.01; done",
        .with = {.on_cancel = interrupts},
    };
    check_cancelled(&c, false);
    CHECK_LOG("asked");
    CHECK_SHAPE(c.err, "CANCELLED");
    CHECK_EQ(kin_error_note_count(c.err), 0);
    kin_error_free(c.err);
}

static kin_error *cannot_ask(kin_process *process, void *context)
{
    (void)process;
    (void)context;
    return fail_v("1");
}

TEST(b245_who_cannot_be_asked_is_killed_all_the_same)
{
    cancelled c = {
        .script = "trap '' TERM; echo ready; while :; do sleep 1; done",
        .with = {.on_cancel = cannot_ask},
    };
    CHECK(pipe2(c.said, O_CLOEXEC) == 0);
    CHECK_OUTCOME(run_virtual(cancels_it, &c, 0), "G[G[V1]]");
    CHECK(c.took < KIN_SECONDS(1));
    close(c.said[0]);
    close(c.said[1]);
    kin_error_free(c.err);
}

/* A full pipe must not keep it from ending politely. */
TEST(b245_while_it_ends_its_output_is_gathered_still)
{
    cancelled c = {
        .script = "trap 'head -c 300000 /dev/zero >&2; exit 7' TERM;"
                  " echo ready; while :; do sleep 0.01; done",
        .with = {.err = KIN_STDIO_PIPE},
    };
    check_cancelled(&c, false);
    CHECK_SHAPE(c.err, "CANCELLED");
    CHECK_EQ(kin_error_note_count(c.err), 0);
    kin_error_free(c.err);
}

/* --- faults
   ------------------------------------------------------------------ */

typedef struct countdown {
    long left;
} countdown;

static bool fails_once(void *context)
{
    countdown *c = context;
    return c->left-- == 0;
}

static kin_error *cats_without_memory(void *arg)
{
    kin_process_outcome outcome = {0};
    harness_heap.context = arg;
    harness_heap.fail = fails_once;
    kin_error *err = kin_process_run(
        KIN_ARGV("cat"), &outcome, .input = "hello", .input_size = 5,
        .out = KIN_STDIO_PIPE, .err = KIN_STDIO_PIPE,
        .environment = KIN_ARGV("PATH=/bin:/usr/bin"));
    harness_heap.fail = NULL;
    if (err && !CHECK(kin_error_has(err, &KIN_NO_MEMORY)))
        FAIL("%s: %s", shape(err), kin_error_message(leaf(err, 0)));
    else if (!err)
        CHECK_STR(outcome.out, "hello");
    kin_error_free(err);
    kin_process_outcome_free(&outcome);
    return NULL;
}

TEST(every_allocation_may_fail)
{
    long at = 0;
    for (countdown c = {0}; at < 100; at++) {
        c.left = at;
        CHECK_OUTCOME(run_system(cats_without_memory, &c), "OK");
        if (c.left >= 0)
            break;
    }
    CHECK(at > 8 && at < 100);
}
