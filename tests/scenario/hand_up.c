/* hand_up.c: error trees that go from a program to the one that started it. */
#include "harness.h"

#include <kin/process.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SH(script) KIN_ARGV("sh", "-c", script)

/* --- the side that hands up ---------------------------------------------- */

static kin_error *fails_with_a_cause(void *arg)
{
    (void)arg;
    return kin_fail_from(kin_fail_errno(ENOENT, "no such house"), &KIN_FAILURE,
                         "nobody at home");
}

static kin_error *exits(void *arg)
{
    (void)arg;
    return kin_exit(4);
}

static kin_error *names_are_gone(void *arg)
{
    (void)arg;
    CHECK(getenv("KIN_ERROR_FD") == NULL);
    return NULL;
}

/* kin_main with KIN_ERROR_FD as given; its errors are not printed here. */
static int main_with(const char *text, kin_fn *fn)
{
    int quiet = open("/dev/null", O_WRONLY), before = dup(STDERR_FILENO);
    dup2(quiet, STDERR_FILENO);
    setenv("KIN_ERROR_FD", text, 1);
    int status = kin_main(fn, NULL);
    dup2(before, STDERR_FILENO);
    close(quiet);
    close(before);
    return status;
}

/* What kin_main writes to a descriptor of that kind; "" nothing. */
static const char *handed_up_by(kin_fn *fn)
{
    static char text[65536];
    char number[16];
    int fd = memfd_create("test", 0);
    snprintf(number, sizeof number, "%d", fd);
    int keep = dup(fd);
    main_with(number, fn);
    CHECK(getenv("KIN_ERROR_FD") == NULL);
    CHECK(fcntl(fd, F_GETFD) < 0); /* closed */
    ssize_t got = pread(keep, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(keep);
    return text;
}

TEST(kin_main_hands_its_tree_up_with_its_causes)
{
    kin_error *tree = NULL;
    const char *text = handed_up_by(fails_with_a_cause);
    CHECK_OUTCOME(kin_error_read_json(text, strlen(text), &tree), "OK");
    CHECK_STR(kin_error_message(tree), "nobody at home");
    CHECK_STR(kin_error_message(kin_error_cause(tree)), "no such house");
    CHECK_EQ(kin_error_code(kin_error_cause(tree)), ENOENT);
    kin_error_free(tree);
}

TEST(what_is_not_shown_is_not_handed_up)
{
    CHECK_STR(handed_up_by(exits), "");
    CHECK_STR(handed_up_by(names_are_gone), "");
}

TEST(a_name_for_nothing_is_passed_over)
{
    static const char *const texts[] = {
        "", "x", "2", "-1", "3x", "999", "99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_EQ(main_with(texts[i], fails_with_a_cause), 1);
    int fd = open("/dev/null", O_RDONLY);
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    CHECK_EQ(main_with(number, fails_with_a_cause), 1);
    CHECK(fcntl(fd, F_GETFD) >= 0); /* it is somebody else's */
    close(fd);
}

/* A reader that is gone is no reason to die, one that does not read no reason to
   wait for ever. */
TEST(nobody_who_reads_is_no_harm)
{
    int ends[2];
    char number[16], byte = 0;
    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    snprintf(number, sizeof number, "%d", ends[1]);
    CHECK_EQ(main_with(number, fails_with_a_cause), 1);

    CHECK_EQ(pipe(ends), 0);
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], &byte, 1) == 1)
        ;
    (void)fcntl(ends[1], F_SETFL, 0);
    snprintf(number, sizeof number, "%d", ends[1]);
    CHECK_EQ(main_with(number, fails_with_a_cause), 1);
    close(ends[0]);
}

/* --- the side that receives ---------------------------------------------- */

/* The failure of a script that may hand something up. */
static kin_error *failure_of(const char *const argv[])
{
    return kin_process_run(argv, NULL, .hand_up = true);
}

#define TREE "{\"kind\":\"timeout\",\"message\":\"too late\"}"

static kin_error *receives(void *arg)
{
    (void)arg;
    kin_error *err = failure_of(SH("echo '" TREE "' >&$KIN_ERROR_FD; exit 3"));
    CHECK(kin_error_is(err, &KIN_PROCESS_FAILED));
    CHECK_EQ(kin_error_code(err), 3);
    CHECK_STR(kin_error_message(kin_error_cause(err)), "too late");
    CHECK(kin_error_is(kin_error_cause(err), &KIN_TIMEOUT));
    kin_error_free(err);

    err = failure_of(SH("echo '" TREE "' >&3; echo '" TREE "' >&3; exit 3"));
    CHECK_EQ(kin_error_count(kin_error_cause(err)), 2);
    kin_error_free(err);

    err = failure_of(SH("exit 3"));
    CHECK(kin_error_cause(err) == NULL);
    kin_error_free(err);
    CHECK_OUTCOME(failure_of(SH("echo '" TREE "' >&3")), "OK");
    return NULL;
}

TEST(a_tree_explains_the_failure_of_its_process)
{
    CHECK_OUTCOME(kin_run(receives, NULL), "OK");
}

static void is_unreadable(const char *const argv[], const char *why)
{
    kin_error *err = failure_of(argv);
    const kin_error *cause = kin_error_cause(err);
    CHECK(kin_error_is(cause, &KIN_REMOTE));
    CHECK(strstr(kin_error_message(cause), why) != NULL);
    kin_error_free(err);
}

static kin_error *receives_nonsense(void *arg)
{
    (void)arg;
    is_unreadable(SH("echo nonsense >&3; exit 3"), "cannot be read");
    is_unreadable(SH("printf '{\"kind\":' >&3; exit 3"), "cannot be read");
    is_unreadable(SH("head -c 300000 /dev/zero >&3; exit 3"), "too large");
    is_unreadable(SH("yes '[' | tr -d '\\n' | head -c 200000 >&3; exit 3"),
                  "cannot be read");
    return NULL;
}

TEST(nonsense_is_said_to_be_that)
{
    CHECK_OUTCOME(kin_run(receives_nonsense, NULL), "OK");
}

/* Who is not to hand up has neither the descriptor nor the name, wherever this
   program has them from. */
static kin_error *others_have_none(void *arg)
{
    (void)arg;
    int fd = memfd_create("test", 0);
    dup2(fd, 9);
    setenv("KIN_ERROR_FD", "9", 1);
    CHECK_OUTCOME(kin_process_run(
                      SH("test -z \"$KIN_ERROR_FD\" && ! test -e /dev/fd/3 && "
                         "! test -e /dev/fd/9"),
                      NULL),
                  "OK");
    CHECK_OUTCOME(failure_of(SH("test $KIN_ERROR_FD = 3 && test -e /dev/fd/3 "
                                "&& ! test -e /dev/fd/9")),
                  "OK");
    unsetenv("KIN_ERROR_FD");
    close(fd);
    close(9);
    return NULL;
}

TEST(only_who_may_hand_up_has_the_descriptor)
{
    CHECK_OUTCOME(kin_run(others_have_none, NULL), "OK");
}

/* Whatever numbers the others have here. */
static kin_error *is_announced(void *arg)
{
    int *ear = arg, id = 0;
    kin_process *it = NULL;
    CHECK_OUTCOME(kin_process_start(&it, SH("echo '" TREE "' >&3; exit 3"),
                                    .hand_up = true,
                                    .announce = KIN_STDIO_FD(3)),
                  "OK");
    CHECK_EQ(read(*ear, &id, sizeof id), sizeof id);
    CHECK_EQ(id, kin_process_id(it));
    CHECK(kin_process_error(it) == NULL); /* it may be running */
    CHECK_OUTCOME(kin_process_wait(it, NULL), "OK");
    kin_error *tree = kin_process_error(it);
    CHECK_STR(kin_error_message(tree), "too late");
    kin_error_free(tree);
    kin_process_close(&it);
    return NULL;
}

TEST(numbers_do_not_get_in_each_others_way)
{
    int line[2];
    CHECK_EQ(pipe2(line, O_CLOEXEC), 0);
    int ear = fcntl(line[0], F_DUPFD_CLOEXEC, 10);
    CHECK_EQ(dup2(line[1], 3), 3);
    CHECK_OUTCOME(kin_run(is_announced, &ear), "OK");
    close(3);
    close(ear);
    for (int i = 0; i < 2; i++)
        if (line[i] != 3)
            close(line[i]);
}
