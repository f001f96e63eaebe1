/* process_start.c: what a process that was started finds, and what keeps one
   from starting. */
#include "harness.h"

#include <kin/process.h>
#include <kin/testing.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* What a command writes on its standard output. Good until the next call. */
static const char *output_of(const char *const argv[],
                             const kin_process_options *options)
{
    static char text[8192];
    kin_process_options with = *options;
    kin_process_outcome outcome = {0};
    with.out = KIN_STDIO_PIPE;
    kin_error *err = kin_process_run_at(KIN_HERE, argv, &outcome, &with);
    if (err)
        snprintf(text, sizeof text, "(%s: %s)", shape(err),
                 kin_error_message(err));
    else
        snprintf(text, sizeof text, "%s", outcome.out);
    kin_error_free(err);
    kin_process_outcome_free(&outcome);
    return text;
}
#define OUTPUT(argv, ...) output_of(argv, &(kin_process_options){__VA_ARGS__})

/* --- the three standard streams ------------------------------------------ */

static kin_error *speaks_with_cat(void *arg)
{
    kin_process *cat = NULL;
    char bytes[16] = "";
    size_t got;
    (void)arg;
    KIN_TRY(kin_process_start(&cat, KIN_ARGV("cat"), .in = KIN_STDIO_PIPE,
                              .out = KIN_STDIO_PIPE));
    CHECK_STR(kin_process_name(cat), "cat");
    CHECK(kin_process_err(cat) == NULL);
    CHECK_OUTCOME(kin_stream_send(kin_process_in(cat), "hello", 5), "OK");
    CHECK_OUTCOME(kin_stream_receive(kin_process_out(cat), bytes, 16, &got),
                  "OK");
    CHECK_EQ(got, 5);
    CHECK_STR(bytes, "hello");
    CHECK_OUTCOME(kin_stream_send_end(kin_process_in(cat)), "OK");
    CHECK_OUTCOME(kin_stream_receive(kin_process_out(cat), bytes, 16, &got),
                  "OK");
    CHECK_EQ(got, 0);
    kin_process_status status = {-1, true, false};
    CHECK_OUTCOME(kin_process_wait(cat, &status), "OK");
    CHECK_EQ(status.code, 0);
    CHECK(status.known && !status.core_dumped);
    kin_process_close(&cat);
    CHECK(cat == NULL);
    kin_process_close(&cat);
    return NULL;
}

TEST(a_process_is_spoken_with_through_pipes)
{
    CHECK_OUTCOME(run_system(speaks_with_cat, NULL), "OK");
}

static kin_error *goes_where_told(void *arg)
{
    char path[] = "/tmp/kin-process-XXXXXX", text[32] = "";
    int file = mkostemp(path, O_CLOEXEC);
    (void)arg;
    REQUIRE_OR(file >= 0, NULL);
    unlink(path);
    CHECK_OUTCOME(kin_process_run(SH("echo out; echo err >&2"), NULL,
                                  .out = KIN_STDIO_FD(file),
                                  .err = KIN_STDIO_OUT),
                  "OK");
    CHECK_EQ(pread(file, text, sizeof text - 1, 0), 8);
    CHECK_STR(text, "out\nerr\n");
    lseek(file, 4, SEEK_SET);
    CHECK_STR(OUTPUT(KIN_ARGV("cat"), .in = KIN_STDIO_FD(file)), "err\n");
    close(file);

    CHECK_STR(OUTPUT(KIN_ARGV("cat"), .in = KIN_STDIO_NULL), "");
    CHECK_STR(OUTPUT(SH("echo a; echo b >&2"), .err = KIN_STDIO_OUT), "a\nb\n");
    CHECK_STR(OUTPUT(SH("echo a; echo b >&2"), .err = KIN_STDIO_NULL), "a\n");
    /* Crossed over: each would overwrite the other. */
    CHECK_OUTCOME(kin_process_run(SH("test -w /proc/self/fd/1"), NULL,
                                  .out = KIN_STDIO_FD(2),
                                  .err = KIN_STDIO_FD(1)),
                  "OK");
    return NULL;
}

TEST(standard_streams_lead_where_told)
{
    CHECK_OUTCOME(run_system(goes_where_told, NULL), "OK");
}

static kin_error *has_no_standard_input(void *arg)
{
    (void)arg;
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 10);
    close(0);
    CHECK_STR(OUTPUT(SH("echo hi; cat"), .in = KIN_STDIO_NULL), "hi\n");
    CHECK_STR(OUTPUT(KIN_ARGV("cat"), .input = "fed", .input_size = 3), "fed");
    CHECK_OUTCOME(kin_process_run(KIN_ARGV("/no/such"), NULL), "OS(2)");
    dup2(saved, 0);
    close(saved);
    return NULL;
}

TEST(a_program_without_standard_descriptors_starts_some)
{
    CHECK_OUTCOME(run_system(has_no_standard_input, NULL), "OK");
}

/* --- what it inherits ---------------------------------------------------- */

static kin_error *inherits_nothing(void *arg)
{
    (void)arg;
    int leaky = fcntl(1, F_DUPFD, 50); /* without FD_CLOEXEC */
    CHECK(leaky >= 50);
    CHECK_STR(OUTPUT(SH("for n in 3 4 5 6 7 8 9 50 51; do"
                        " test -e /proc/$$/fd/$n && echo $n; done; true")),
              "");
    close(leaky);

    struct sigaction ignore = {.sa_handler = SIG_IGN}, pipe, interrupt;
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGRTMIN + 3);
    sigaction(SIGPIPE, &ignore, &pipe);
    sigaction(SIGINT, &ignore, &interrupt);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    CHECK_STR(
        OUTPUT(KIN_ARGV("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")),
        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, &before, &after);
    CHECK(sigismember(&after, SIGTERM) && !sigismember(&after, SIGUSR1));
    sigaction(SIGPIPE, &pipe, NULL);
    sigaction(SIGINT, &interrupt, &ignore);
    CHECK(ignore.sa_handler == SIG_IGN); /* ours is as it was */
    return NULL;
}

TEST(b247_nothing_is_inherited)
{
    CHECK_OUTCOME(run_system(inherits_nothing, NULL), "OK");
}

static kin_error *starts_in_its_surroundings(void *arg)
{
    (void)arg;
    CHECK_STR(OUTPUT(KIN_ARGV("pwd"), .directory = "/proc"), "/proc\n");
    CHECK_STR(OUTPUT(KIN_ARGV("./true"), .directory = "/bin"), "");
    CHECK_STR(OUTPUT(KIN_ARGV("/usr/bin/env"),
                     .environment = KIN_ARGV("A=1", "KIN_TEST=x y")),
              "A=1\nKIN_TEST=x y\n");
    setenv("KIN_TEST", "inherited", 1);
    CHECK_STR(OUTPUT(KIN_ARGV("printenv", "KIN_TEST")), "inherited\n");
    unsetenv("KIN_TEST");
    /* The PATH is the one that it gets. */
    CHECK_OUTCOME(kin_process_run(KIN_ARGV("true"), NULL,
                                  .environment = KIN_ARGV("PATH=/no:/such")),
                  "OS(2)");
    CHECK_OUTCOME(
        kin_process_run(KIN_ARGV("true"), NULL,
                        .environment = KIN_ARGV("PATH=/no::/usr/bin")),
        "OK");
    CHECK_OUTCOME(
        kin_process_run(KIN_ARGV("true"), NULL, .environment = KIN_ARGV("A=")),
        "OK");
    /* An empty part of the PATH is the directory. */
    CHECK_OUTCOME(kin_process_run(KIN_ARGV("true"), NULL,
                                  .directory = "/usr/bin",
                                  .environment = KIN_ARGV("PATH=")),
                  "OK");
    return NULL;
}

TEST(directory_environment_and_path)
{
    CHECK_OUTCOME(run_system(starts_in_its_surroundings, NULL), "OK");
}

static kin_error *leads_its_group(void *arg)
{
    kin_process *own = NULL, *joined = NULL;
    (void)arg;
    KIN_TRY(kin_process_start(&own, KIN_ARGV("cat"), .in = KIN_STDIO_PIPE));
    KIN_TRY(kin_process_start(&joined, KIN_ARGV("cat"), .in = KIN_STDIO_PIPE,
                              .join_group = true));
    CHECK_EQ(getpgid(kin_process_id(own)), kin_process_id(own));
    CHECK_EQ(getpgid(kin_process_id(joined)), getpgid(0));
    kin_process_close(&own);
    kin_process_close(&joined);
    return NULL;
}

TEST(a_process_leads_a_group_of_its_own)
{
    CHECK_OUTCOME(run_system(leads_its_group, NULL), "OK");
}

/* --- dying with the parent ------------------------------------------------ */

typedef struct orphan {
    int report[2];
    bool survives;
} orphan;

static kin_error *starts_and_is_killed(void *arg)
{
    orphan *o = arg;
    kin_process *sleeper = NULL;
    KIN_TRY(kin_process_start(&sleeper, KIN_ARGV("sleep", "1000"),
                              .in = KIN_STDIO_NULL, .out = KIN_STDIO_NULL,
                              .err = KIN_STDIO_NULL, .survive = o->survives));
    int pid = kin_process_id(sleeper);
    CHECK_EQ(write(o->report[1], &pid, sizeof pid), sizeof pid);
    raise(SIGKILL);
    return NULL;
}

static void is_killed(void *arg)
{
    kin_error_free(kin_run(starts_and_is_killed, arg));
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

TEST(a_process_dies_with_its_parent)
{
    for (int survives = 0; survives < 2; survives++) {
        orphan o = {.survives = survives};
        int status, pid = -1;
        CHECK(pipe2(o.report, O_CLOEXEC) == 0);
        (void)in_child_process(is_killed, &o, &status);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ(read(o.report[0], &pid, sizeof pid), sizeof pid);
        REQUIRE(pid > 1);
        if (survives) {
            CHECK(is_alive(pid));
            kill(pid, SIGKILL);
        }
        for (int i = 0; i < 10000 && is_alive(pid); i++)
            usleep(1000);
        CHECK(!is_alive(pid));
        close(o.report[0]);
        close(o.report[1]);
    }
}

/* --- what keeps one from starting ----------------------------------------- */

static kin_error *cannot_start(void *arg)
{
    kin_process *none = NULL;
    (void)arg;
    kin_error *err =
        kin_process_start(&none, KIN_ARGV("no-such-command", "x y"));
    CHECK_SHAPE(err, "OS(2)");
    CHECK_CONTAINS(kin_error_message(err), "no-such-command 'x y'");
    kin_error_free(err);
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("/etc/passwd")), "OS(13)");
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("/etc")), "OS(13)");
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("/etc/passwd/x")),
                  "OS(20)");
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("")), "OS(2)");
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("passwd"),
                                    .environment = KIN_ARGV("PATH=/no:/etc")),
                  "OS(13)");
    err = kin_process_start(&none, KIN_ARGV("true"), .directory = "/no/such");
    CHECK_SHAPE(err, "OS(2)");
    CHECK_CONTAINS(kin_error_message(err), "/no/such");
    kin_error_free(err);
    CHECK_OUTCOME(
        kin_process_start(&none, KIN_ARGV("true"), .in = KIN_STDIO_FD(999)),
        "OS(9)");

    CHECK_OUTCOME(kin_process_start(&none, NULL), "MISUSE");
    CHECK_OUTCOME(kin_process_start(&none, (const char *const[]){NULL}),
                  "MISUSE");
    CHECK_OUTCOME(
        kin_process_start(&none, KIN_ARGV("true"), .in = KIN_STDIO_OUT),
        "MISUSE");
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("true"), .err = -4),
                  "MISUSE");
    CHECK_OUTCOME(kin_process_start(&none, KIN_ARGV("true"), .unchecked = true),
                  "MISUSE");
    CHECK_OUTCOME(kin_process_run(KIN_ARGV("true"), NULL, .in = KIN_STDIO_PIPE),
                  "MISUSE");

    KIN_SCOPE(gone);
    kin_scope_cancel(gone, NULL);
    err = kin_process_start(&none, KIN_ARGV("true"));
    CHECK_SHAPE(err, "CANCELLED");
    CHECK(none == NULL);
    return kin_scope_close(gone, err);
}

TEST(b247_what_cannot_start_says_why_and_leaks_nothing)
{
    CHECK_OUTCOME(run_system(cannot_start, NULL), "OK");
}

static kin_error *runs_a_bare_script(void *arg)
{
    const char *directory = arg;
    char path[64], variable[64];
    snprintf(path, sizeof path, "%s/bare", directory);
    snprintf(variable, sizeof variable, "PATH=/usr/bin:%s", directory);
    CHECK_STR(OUTPUT(KIN_ARGV(path, "a", "b c")), "bare a b c\n");
    CHECK_STR(OUTPUT(KIN_ARGV("bare"), .directory = "/",
                     .environment = KIN_ARGV(variable)),
              "bare  \n");
    return NULL;
}

TEST(a_script_without_an_interpreter_is_given_to_sh)
{
    static const char text[] = "echo \"bare $1 $2\"\n";
    char directory[] = "/tmp/kin-path-XXXXXX", path[64];
    REQUIRE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/bare", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    REQUIRE(fd >= 0);
    CHECK(write(fd, text, sizeof text - 1) > 0);
    close(fd);
    CHECK_OUTCOME(run_system(runs_a_bare_script, directory), "OK");
    unlink(path);
    rmdir(directory);
}

/* --- faults --------------------------------------------------------------- */

typedef struct countdown {
    long left;
} countdown;

static bool fails_once(void *context)
{
    countdown *c = context;
    return c->left-- == 0;
}

static kin_error *cats(void *arg)
{
    kin_process *cat = NULL;
    kin_error *err = kin_process_start(
        &cat, KIN_ARGV("cat"), .in = KIN_STDIO_PIPE, .out = KIN_STDIO_PIPE,
        .err = KIN_STDIO_NULL, .environment = KIN_ARGV("PATH=/bin:/usr/bin"));
    *(bool *)arg = cat != NULL;
    kin_process_close(&cat);
    return err;
}

static kin_error *cats_without_memory(void *arg)
{
    countdown *c = arg;
    harness_heap.fail = fails_once;
    harness_heap.context = c;
    bool started = false;
    kin_error *err = cats(&started);
    harness_heap.fail = NULL;
    CHECK(started != kin_error_has(err, &KIN_NO_MEMORY));
    kin_error_free(err);
    return NULL;
}

TEST(every_allocation_may_fail)
{
    long at = 0;
    for (countdown c = {0}; c.left <= 0 && at < 100; at++) {
        c.left = at;
        CHECK_OUTCOME(run_system(cats_without_memory, &c), "OK");
        if (c.left >= 0)
            break;
    }
    CHECK(at > 4 && at < 100);
}

static kin_error *cats_without_descriptors(void *arg)
{
    struct rlimit before, low;
    getrlimit(RLIMIT_NOFILE, &before);
    int first_free = dup(0);
    close(first_free);
    (void)arg;
    bool started = false;
    for (rlim_t room = 0; room < 20 && !started; room++) {
        low = (struct rlimit){(rlim_t)first_free + room, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &low);
        kin_error *err = cats(&started);
        setrlimit(RLIMIT_NOFILE, &before);
        CHECK_SHAPE(err, started ? "OK" : "OS(24)");
        kin_error_free(err);
        int next_free = dup(0);
        close(next_free);
        CHECK_EQ(next_free, first_free);
    }
    CHECK(started);
    return NULL;
}

TEST(b247_without_descriptors_nothing_is_leaked)
{
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "vgpreload"))
        SKIP("Valgrind does not survive a clone that fails");
    CHECK_OUTCOME(run_system(cats_without_descriptors, NULL), "OK");
}
