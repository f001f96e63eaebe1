/* interrupts.c: B250 beyond the first SIGINT: a second one, and SIGTERM. Each
   program is a child process. The virtual clock does not help here: signals
   come in real time. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a program that a shell starts in the foreground has them; one in the
   background ignores SIGINT. */
static void usual_signals(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigaction(SIGINT, &usual, NULL);
    (void)sigaction(SIGTERM, &usual, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void runs(void *arg)
{
    usual_signals();
    _exit(kin_main((kin_fn *)arg, NULL));
}

/* --- SIGTERM --------------------------------------------------------------------- */

static kin_error *is_terminated(void *arg)
{
    (void)arg;
    (void)raise(SIGTERM);
    kin_error *err = kin_sleep_forever();
    CHECK_EQ(kin_error_code(err), SIGTERM);
    return err;
}

TEST(b250_sigterm_is_an_interrupt)
{
    int status = 0;
    (void)in_child_process(runs, is_terminated, &status);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}

/* --- a second SIGINT -------------------------------------------------------------- */

static kin_error *does_not_stop(void *arg)
{
    (void)arg;
    KIN_SCOPE(shield, .shield = true);
    kin_error *err = kin_sleep(KIN_SECONDS(15));
    return kin_scope_close(shield, err);
}

static kin_error *interrupts_twice(void *arg)
{
    (void)arg;
    (void)raise(SIGINT);
    kin_error_free(kin_sleep(KIN_MILLISECONDS(50)));
    KIN_SCOPE(shield, .shield = true);
    kin_error_free(kin_sleep(KIN_MILLISECONDS(50)));
    fputs("again\n", stderr);
    (void)raise(SIGINT);
    return kin_scope_close(shield, kin_sleep(KIN_SECONDS(15)));
}

static kin_error *waits_for_stubborn_ones(void *arg)
{
    (void)arg;
    KIN_GROUP(office, .name = "office");
    for (int i = 0; i < 3; i++)
        kin_spawn(office, does_not_stop, NULL, .name = "stubborn");
    kin_spawn(office, interrupts_twice, NULL, .name = "user");
    return kin_group_close(office, NULL);
}

static kin_error *shielded_main(void *arg)
{
    (void)arg;
    KIN_GROUP(office, .name = "office");
    kin_spawn(office, interrupts_twice, NULL, .name = "user");
    KIN_SCOPE(shield, .shield = true, .name = "patient");
    kin_error *err = kin_scope_close(shield, kin_sleep(KIN_SECONDS(15)));
    return kin_group_close(office, err);
}

static kin_error *stubborn_in_the_background(void *arg)
{
    (void)arg;
    kin_spawn_background(does_not_stop, NULL, .name = "stubborn");
    kin_spawn_background(interrupts_twice, NULL, .name = "user");
    return kin_checkpoint();
}

static void check_killed(kin_fn *fn, const char *who)
{
    int status = 0;
    const char *text = in_child_process(runs, fn, &status);
    CHECK_CONTAINS(text, "again\n");
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGINT);
    CHECK_CONTAINS(text, "interrupted again");
    CHECK_CONTAINS(text, who);
    CHECK_CONTAINS(text, "interrupts.c:");
}

/* The program dies of it, and says what it was waiting for: children that go
   on, a main task that is shielded, tasks in the background. */
TEST(b250_a_second_sigint_ends_a_program_that_does_not_stop)
{
    check_killed(waits_for_stubborn_ones, "stubborn");
    check_killed(shielded_main, "user");
    check_killed(stubborn_in_the_background, "stubborn");
}

static kin_error *computes(void *arg)
{
    (void)arg;
    (void)raise(SIGINT);
    for (kin_time began = kin_now(); kin_now() - began < KIN_SECONDS(0.3);)
        ;
    (void)raise(SIGINT);
    for (volatile int i = 0; i < 2; i = !i)
        ;
    return NULL;
}

/* A task that computes reaches no loop at all: the handler sees to it. */
TEST(b250_a_second_sigint_ends_a_program_that_computes)
{
    int status = 0;
    const char *text = in_child_process(runs, computes, &status);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGINT);
    CHECK_CONTAINS(text, "checkpoint");
}

static kin_error *stops_when_asked(void *arg)
{
    (void)arg;
    (void)raise(SIGINT);
    kin_error *err = kin_sleep_forever();
    KIN_SCOPE(cleanup, .shield = true);
    kin_error_free(kin_sleep(KIN_MILLISECONDS(100)));
    fputs("cleaned\n", stderr);
    return kin_scope_close(cleanup, err);
}

/* One is enough for a program that stops, which may clean up. */
TEST(b250_one_sigint_lets_a_program_clean_up)
{
    int status = 0;
    const char *text = in_child_process(runs, stops_when_asked, &status);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 130);
    CHECK_STR(text, "cleaned\n");
}

static kin_error *takes_both(void *arg)
{
    (void)arg;
    (void)raise(SIGINT);
    kin_error *err = kin_sleep_forever();
    CHECK(kin_error_is(err, &KIN_INTERRUPT));
    kin_error_free(err); /* dealt with: it goes on */
    (void)raise(SIGINT);
    err = kin_sleep_forever();
    CHECK(kin_error_is(err, &KIN_INTERRUPT));
    kin_error_free(err);
    return kin_exit(7);
}

/* A program that deals with the first gets the second like the first. */
TEST(b250_a_second_sigint_may_be_delivered_too)
{
    int status = 0;
    CHECK_STR(in_child_process(runs, takes_both, &status), "");
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 7);
}

static kin_error *terminated_twice(void *arg)
{
    (void)arg;
    (void)raise(SIGTERM);
    kin_error *err = kin_sleep_forever();
    KIN_SCOPE(cleanup, .shield = true);
    kin_error_free(kin_sleep(KIN_MILLISECONDS(50)));
    (void)raise(SIGTERM);
    kin_error_free(kin_sleep(KIN_MILLISECONDS(50)));
    fputs("cleaned\n", stderr);
    return kin_scope_close(cleanup, err);
}

/* SIGTERM comes from supervisors, which have SIGKILL for the impatient. */
TEST(b250_a_second_sigterm_ends_nothing)
{
    int status = 0;
    const char *text = in_child_process(runs, terminated_twice, &status);
    CHECK_CONTAINS(text, "cleaned\n");
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}
