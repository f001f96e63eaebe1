/* signal_receiver.c: kin_signals (B249). Signals are raised by the test itself,
   so that what has come is known. */
#include "harness.h"

#include <kin/signal.h>
#include <kin/testing.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int handled;

static void count(int signo)
{
    (void)signo;
    handled++;
}

static void handle_with(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(signo, &action, NULL);
}

static kin_error *receives(void *arg)
{
    kin_signals *signals = arg;
    int signo = 0;
    kin_error *err = kin_signals_next(signals, &signo);
    NOTE("%s:%d", shape(err), signo);
    kin_error_free(err);
    return NULL;
}

/* --- receiving
   --------------------------------------------------------------- */

static kin_error *waits_for_one(void *arg)
{
    kin_signals *signals = NULL;
    (void)arg;
    KIN_TRY(kin_signals_open(&signals, SIGUSR1, SIGUSR2));
    KIN_GROUP(all);
    kin_spawn(all, receives, signals);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    CHECK_LOG("");
    raise(SIGUSR2);
    err = kin_group_close(all, err);
    CHECK_EQ(kin_signals_pending(signals), 0);
    kin_signals_close(&signals);
    CHECK(signals == NULL);
    kin_signals_close(&signals);
    return err;
}

TEST(b249_a_task_waits_for_a_signal)
{
    CHECK_OUTCOME(run_virtual(waits_for_one, NULL, 0), "OK");
    char expected[32];
    snprintf(expected, sizeof expected, "OK:%d", SIGUSR2);
    CHECK_LOG(expected);
}

static kin_error *coalesces(void *arg)
{
    kin_signals *signals = NULL;
    int signo = 0;
    (void)arg;
    KIN_TRY(kin_signals_open(&signals, SIGUSR1));
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    CHECK_EQ(kin_signals_pending(signals), 1);
    CHECK_OUTCOME(kin_signals_next(signals, &signo), "OK");
    CHECK_EQ(signo, SIGUSR1);
    CHECK_EQ(kin_signals_pending(signals), 0);
    CHECK_OUTCOME(KIN_WITHIN(kin_signals_next(signals, &signo),
                             .fail_after = KIN_SECONDS(1)),
                  "TIMEOUT");
    raise(SIGUSR1);
    CHECK_OUTCOME(kin_signals_next(signals, &signo), "OK");
    kin_signals_close(&signals);
    return NULL;
}

TEST(b249_what_comes_several_times_is_handed_out_once)
{
    CHECK_OUTCOME(run_virtual(coalesces, NULL, 0), "OK");
}

static kin_error *alternate(void *arg)
{
    kin_signals *signals = NULL;
    int signo = 0, counts[2] = {0, 0};
    (void)arg;
    KIN_TRY(kin_signals_open(&signals, SIGUSR1, SIGUSR2));
    for (int i = 0; i < 20; i++) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        CHECK_OUTCOME(kin_signals_next(signals, &signo), "OK");
        counts[signo == SIGUSR2]++;
    }
    CHECK_EQ(counts[0], 10);
    CHECK_EQ(counts[1], 10);
    while (kin_signals_pending(signals))
        CHECK_OUTCOME(kin_signals_next(signals, &signo), "OK");
    kin_signals_close(&signals);
    return NULL;
}

TEST(b249_two_signals_take_turns)
{
    CHECK_OUTCOME(run_virtual(alternate, NULL, 0), "OK");
}

static kin_error *loses_nothing(void *arg)
{
    kin_signals *signals = NULL;
    int signo = 7;
    (void)arg;
    KIN_TRY(kin_signals_open(&signals, SIGUSR1));
    raise(SIGUSR1);
    KIN_SCOPE(gone);
    kin_scope_cancel(gone, NULL);
    kin_error *err = kin_signals_next(signals, &signo);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(signo, 7);
    CHECK_OUTCOME(kin_scope_close(gone, err), "OK");
    CHECK_EQ(kin_signals_pending(signals), 1);
    CHECK_OUTCOME(kin_signals_next(signals, &signo), "OK");
    CHECK_EQ(signo, SIGUSR1);
    kin_signals_close(&signals);
    return NULL;
}

TEST(b136_a_cancelled_wait_loses_no_signal)
{
    CHECK_OUTCOME(run_virtual(loses_nothing, NULL, 0), "OK");
}

static kin_error *is_the_second(void *arg)
{
    kin_signals *signals = NULL, *other = NULL;
    int signo = 0;
    (void)arg;
    KIN_TRY(kin_signals_open(&signals, SIGUSR1));
    KIN_GROUP(all);
    kin_spawn(all, receives, signals);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    CHECK_OUTCOME(kin_signals_next(signals, &signo), "BUSY");
    CHECK_OUTCOME(kin_signals_open(&other, SIGUSR2, SIGUSR1), "BUSY");
    CHECK(other == NULL);
    kin_signals_close(&signals);
    CHECK_OUTCOME(kin_signals_next(signals, &signo), "CLOSED");
    return kin_group_close(all, err);
}

TEST(b249_the_second_waiter_is_busy_and_a_close_wakes_the_first)
{
    CHECK_OUTCOME(run_virtual(is_the_second, NULL, 0), "OK");
    CHECK_LOG("CLOSED:0");
}

/* --- handlers
   ------------------------------------------------------------------ */

static kin_error *puts_handlers_back(void *arg)
{
    kin_signals *signals = NULL;
    int signo;
    (void)arg;
    handled = 0;
    handle_with(SIGUSR1, count);
    handle_with(SIGUSR2, count);
    raise(SIGUSR1);
    CHECK_EQ(handled, 1);
    KIN_TRY(kin_signals_open(&signals, SIGUSR1, SIGUSR2));
    raise(SIGUSR1);
    raise(SIGUSR2);
    CHECK_EQ(handled, 1);
    CHECK_OUTCOME(kin_signals_next(signals, &signo), "OK");
    kin_signals_close(&signals);
    /* The one that nobody asked for went to its old handler. */
    CHECK_EQ(handled, 2);
    raise(SIGUSR1);
    CHECK_EQ(handled, 3);
    handle_with(SIGUSR1, SIG_DFL);
    handle_with(SIGUSR2, SIG_DFL);
    return NULL;
}

TEST(b249_handlers_are_put_back_and_get_what_was_left)
{
    CHECK_OUTCOME(run_virtual(puts_handlers_back, NULL, 0), "OK");
}

static kin_error *misuses(void *arg)
{
    kin_signals *signals = NULL;
    int signo;
    (void)arg;
    handle_with(SIGUSR1, count);
    CHECK_OUTCOME(kin_signals_open(&signals), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, SIGUSR1, SIGUSR1), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, SIGUSR1, SIGKILL), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, SIGSTOP), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, SIGSEGV), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, -1), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, 65), "MISUSE");
    CHECK_OUTCOME(kin_signals_open(&signals, SIGUSR1, 32), "MISUSE");
    CHECK(signals == NULL);
    CHECK_OUTCOME(kin_signals_next(NULL, &signo), "CLOSED");
    CHECK_EQ(kin_signals_pending(NULL), 0);
    /* Nothing was changed. */
    handled = 0;
    raise(SIGUSR1);
    CHECK_EQ(handled, 1);
    handle_with(SIGUSR1, SIG_DFL);
    CHECK_OUTCOME(kin_signals_open(&signals, SIGUSR1, SIGRTMIN), "OK");
    kin_signals_close(&signals);
    return NULL;
}

TEST(b249_duplicates_an_empty_list_and_others_are_misuse)
{
    CHECK_OUTCOME(run_virtual(misuses, NULL, 0), "OK");
}

static bool refuse(void *context)
{
    (void)context;
    return true;
}

static kin_error *opens_without_memory(void *arg)
{
    kin_signals *signals = NULL;
    (void)arg;
    harness_heap.fail = refuse;
    kin_error *err = kin_signals_open(&signals, SIGUSR1);
    harness_heap.fail = NULL;
    CHECK_OUTCOME(err, "NO_MEMORY");
    CHECK(signals == NULL);
    return NULL;
}

TEST(without_memory_no_handler_is_set)
{
    CHECK_OUTCOME(run_virtual(opens_without_memory, NULL, 0), "OK");
}

/* --- from elsewhere
   -------------------------------------------------------------- */

enum { OPENINGS = 300 };
static atomic_bool stop_raising;

static void *raises(void *arg)
{
    (void)arg;
    while (!stop_raising)
        raise(SIGUSR1);
    return NULL;
}

/* Signals handled by another thread while receivers come and go. */
static kin_error *opens_and_closes(void *arg)
{
    kin_signals *signals;
    int signo, got = 0;
    (void)arg;
    for (int i = 0; i < OPENINGS; i++) {
        KIN_TRY(kin_signals_open(&signals, SIGUSR1));
        if (i % 3 == 0) {
            KIN_TRY(kin_signals_next(signals, &signo));
            got++;
        }
        kin_signals_close(&signals);
    }
    CHECK_EQ(got, OPENINGS / 3);
    return NULL;
}

TEST(handlers_of_other_threads_and_a_close_do_not_meet)
{
    pthread_t thread;
    handled = 0;
    stop_raising = false;
    handle_with(SIGUSR1, count);
    CHECK(pthread_create(&thread, NULL, raises, NULL) == 0);
    CHECK_OUTCOME(kin_run(opens_and_closes, NULL), "OK");
    stop_raising = true;
    pthread_join(thread, NULL);
    handle_with(SIGUSR1, SIG_DFL);
}
