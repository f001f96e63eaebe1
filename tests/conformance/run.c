/* run.c: B250, B256, B258, B259, B268, B269, and what the API says of runs:
   their outcome and exit status, nesting, calls outside of one, deadlocks, the
   checkpoint budget, late deadlines, the unhandled hook, background tasks. */
#include "harness.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* The real clock, whatever the run's. */
static kin_time real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return KIN_SECONDS(now.tv_sec) + now.tv_nsec;
}

static void spin(kin_time length)
{
    kin_time until = real_now() + length;
    while (real_now() < until)
        ;
}

static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

static kin_error *succeeds(void *arg)
{
    (void)arg;
    return NULL;
}

static kin_error *fails_v(void *arg)
{
    (void)arg;
    return fail_v("1");
}

/* --- B39, B256: runs --------------------------------------------------- */

static kin_error *b256_inner(void *arg)
{
    *(bool *)arg = true;
    return NULL;
}

static kin_error *b256(void *arg)
{
    (void)arg;
    bool ran = false;
    kin_task *self = kin_task_self();
    CHECK(self != NULL);
    CHECK_OUTCOME(kin_run(b256_inner, &ran), "MISUSE");
    CHECK_OUTCOME(run_virtual(b256_inner, &ran, 1), "MISUSE");
    CHECK(!ran);
    CHECK_EQ(kin_task_self(), self);
    return kin_checkpoint();
}

/* B256: a run inside a run is a KIN_MISUSE, and runs nothing. */
TEST(b256_run_inside_a_run)
{
    RUNS(b256, "OK");
    CHECK_OUTCOME(kin_run(b256, NULL), "OK");
}

/* B256, as the API changes it: outside a run there is no task, and kin_now is
   the real clock; errors can be made there. */
TEST(b256_outside_a_run)
{
    kin_time before = real_now(), now = kin_now(), after = real_now();
    CHECK(before <= now && now <= after);
    CHECK_EQ(kin_task_self(), NULL);
    CHECK_EQ(kin_left(kin_now() - 5), KIN_AT_ONCE);
    kin_error *err = fail_v("1");
    CHECK_STR(kin_error_task(err), "");
    CHECK_EQ(kin_error_during(err), NULL);
    CHECK_OUTCOME(err, "V1");
    /* and after a run it is so again */
    CHECK_OUTCOME(run_virtual(fails_v, NULL, 0), "V1");
    before = real_now(), now = kin_now(), after = real_now();
    CHECK(before <= now && now <= after);
    CHECK_EQ(kin_task_self(), NULL);
}

static void out_sleep(void)
{
    kin_error_free(kin_sleep(1));
}

static void out_sleep_until(void)
{
    kin_error_free(kin_sleep_until(1));
}

static void out_sleep_forever(void)
{
    kin_error_free(kin_sleep_forever());
}

static void out_checkpoint(void)
{
    kin_error_free(kin_checkpoint());
}

static void out_if_cancelled(void)
{
    kin_error_free(kin_checkpoint_if_cancelled());
}

static void out_pass(void)
{
    kin_error_free(kin_pass());
}

static void out_park(void)
{
    kin_error_free(kin_park(NULL, NULL, "nothing"));
}

static void out_wait_on(void)
{
    kin_wait_list list = {0};
    kin_waiter waiter;
    kin_error_free(kin_wait_on(&list, &waiter, "nothing"));
}

static void out_scope(void)
{
    KIN_SCOPE(scope);
    kin_error_free(kin_scope_close(scope, NULL));
}

static void out_group(void)
{
    KIN_GROUP(group);
    kin_error_free(kin_group_close(group, NULL));
}

static void out_background(void)
{
    kin_spawn_background(succeeds, NULL);
}

static void out_give_way(void)
{
    kin_give_way();
}

static void out_effective_deadline(void)
{
    if (kin_effective_deadline() == 0)
        NOTE("never");
}

static void out_started(void)
{
    kin_started(NULL);
}

typedef struct outside_call {
    const char *name;
    void (*call)(void);
    bool has_a_place; /* which the line names, too */
} outside_call;

static void calls_it(void *arg)
{
    ((const outside_call *)arg)->call();
}

/* What is called outside a run ends the program with one line that says what
   was called, and where. */
TEST(outside_a_run_is_one_line_and_abort)
{
    static outside_call calls[] = {
        {"kin_sleep", out_sleep, true},
        {"kin_sleep_until", out_sleep_until, true},
        {"kin_sleep_forever", out_sleep_forever, true},
        {"kin_checkpoint", out_checkpoint, true},
        {"kin_checkpoint_if_cancelled", out_if_cancelled, true},
        {"kin_pass", out_pass, true},
        {"kin_park", out_park, true},
        {"kin_wait_on", out_wait_on, true},
        {"SCOPE", out_scope, true},
        {"GROUP", out_group, true},
        {"kin_spawn_background", out_background, true},
        {"kin_started", out_started, true},
        {"kin_give_way", out_give_way, false},
        {"kin_effective_deadline", out_effective_deadline, false},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int status = 0;
        const char *text = in_child_process(calls_it, &calls[i], &status);
        const char *end = strchr(text, '\n');
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
            FAIL("%s: status %#x, not an abort", calls[i].name, status);
        if (!end || end[1] != '\0')
            FAIL("%s: not one line: \"%s\"", calls[i].name, text);
        if (!strcasestr(text, calls[i].name))
            FAIL("%s is not named: \"%s\"", calls[i].name, text);
        if (calls[i].has_a_place)
            CHECK_CONTAINS(text, "run.c:");
    }
}

static kin_error *not_at_zero(void *arg)
{
    (void)arg;
    CHECK(kin_now() != 0);
    CHECK(kin_now() > 0);
    return NULL;
}

/* The virtual clock starts at a point that is not 0, so that it can be an
   option, and at the same one each time. */
TEST(virtual_clock_does_not_start_at_zero)
{
    RUNS(not_at_zero, "OK");
}

static void *runs_in_a_thread(void *arg)
{
    uint64_t seed = *(uint64_t *)arg;
    for (int i = 0; i < 20; i++)
        CHECK_OUTCOME(run_virtual(b256, NULL, seed), "OK");
    return NULL;
}

/* All of a run belongs to its thread: two threads can each have one. */
TEST(each_thread_can_have_a_run)
{
    pthread_t threads[2];
    uint64_t seeds[2] = {0, 7};
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, runs_in_a_thread,
                               &seeds[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* A schedule with sleeps, cancels and failures in it. */
static kin_error *wanders(void *arg)
{
    const char *name = arg;
    for (int i = 0; i < 6; i++) {
        NOTE("%s%d", name, i);
        KIN_TRY(i % 3 == 2 ? kin_sleep(KIN_SECONDS(1)) : kin_checkpoint());
    }
    return *name == 'c' ? fail_v("1") : kin_sleep_forever();
}

static kin_error *wandering(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, wanders, "a");
    kin_spawn(group, wanders, "b");
    kin_spawn(group, wanders, "c");
    return kin_group_close(group, wanders("d"));
}

/* With the same seed a run takes the same course twice. */
TEST(same_seed_same_course)
{
    static char first[4096];
    for (uint64_t seed = 1; seed < 6; seed++) {
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(wandering, NULL, seed), "G[V1]");
        snprintf(first, sizeof first, "%s", harness_log());
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(wandering, NULL, seed), "G[V1]");
        CHECK_STR(harness_log(), first);
    }
}

/* --- the checkpoint budget --------------------------------------------- */

enum { BUDGET = 64, TURNS = 5 };

typedef struct budget_test {
    int passed; /* checkpoints begun by the busy task */
    int seen[TURNS];
    int turns;
    bool done;
} budget_test;

static kin_error *passes_a_lot(void *arg)
{
    budget_test *in = arg;
    for (int i = 0; i < BUDGET * (TURNS + 2); i++) {
        in->passed++;
        KIN_TRY(kin_pass());
    }
    return NULL;
}

static kin_error *looks_on(void *arg)
{
    budget_test *in = arg;
    for (int i = 0; i < TURNS; i++) {
        in->seen[i] = in->passed;
        KIN_TRY(kin_checkpoint());
    }
    return NULL;
}

static kin_error *budget(void *arg)
{
    (void)arg;
    budget_test in = {0};
    KIN_GROUP(group);
    kin_spawn(group, passes_a_lot, &in);
    kin_spawn(group, looks_on, &in);
    kin_error *err = kin_group_close(group, NULL);
    for (int i = 0; i < TURNS; i++)
        CHECK_EQ(in.seen[i], BUDGET * (i + 1));
    return err;
}

static kin_error *gives_way_in_time(void *arg)
{
    budget_test *in = arg;
    for (int turn = 0; turn < 10; turn++) {
        for (int i = 0; i < BUDGET - 1; i++)
            KIN_TRY(kin_pass());
        CHECK_EQ(in->turns, turn);
        KIN_TRY(kin_checkpoint());
    }
    in->done = true;
    return NULL;
}

static kin_error *counts_its_turns(void *arg)
{
    budget_test *in = arg;
    while (!in->done) {
        in->turns++;
        KIN_TRY(kin_checkpoint());
    }
    return NULL;
}

static kin_error *budget_is_renewed(void *arg)
{
    (void)arg;
    budget_test in = {0};
    KIN_GROUP(group);
    kin_spawn(group, gives_way_in_time, &in);
    kin_spawn(group, counts_its_turns, &in);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(in.turns, 10);
    return err;
}

/* B137, as the API changes it: a task that never waits gives way after 64
   checkpoints; its budget is new each time it was scheduled. */
TEST(budget_of_checkpoints)
{
    CHECK_OUTCOME(run_virtual(budget, NULL, 0), "OK");
    CHECK_OUTCOME(run_virtual(budget_is_renewed, NULL, 0), "OK");
}

/* --- B145: deadlines of running tasks ---------------------------------- */

static kin_error *late_checkpoint(void *arg)
{
    bool passing = *(bool *)arg;
    KIN_SCOPE(limit, .move_on_after = KIN_MILLISECONDS(1));
    spin(KIN_MILLISECONDS(3));
    kin_error *err = passing ? kin_pass() : kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(limit, err);
    CHECK_STR(scope_state(limit), "called=1 caught=1");
    return err;
}

static kin_error *many_late_checkpoints(void *arg)
{
    (void)arg;
    int more = 0;
    KIN_SCOPE(limit, .move_on_after = KIN_MICROSECONDS(50));
    spin(KIN_MICROSECONDS(60));
    kin_error *err = NULL;
    for (; !err && more < 10 * BUDGET; more++)
        err = kin_pass();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK(more <= BUDGET);
    return kin_scope_close(limit, err);
}

static kin_error *busy_until_cancelled(void *arg)
{
    (void)arg;
    KIN_SCOPE(limit, .move_on_after = KIN_MILLISECONDS(5));
    kin_error *err = NULL;
    while (!err)
        err = kin_pass();
    return kin_scope_close(limit, err);
}

/* B145, as the API changes it: a deadline that passes is noticed by a running
   task within 64 checkpoints or a millisecond, whichever comes first. */
TEST(b145_late_deadline_is_noticed)
{
    bool passing = true, giving_way = false;
    CHECK_OUTCOME(kin_run(late_checkpoint, &passing), "OK");
    CHECK_OUTCOME(kin_run(late_checkpoint, &giving_way), "OK");
    CHECK_OUTCOME(kin_run(many_late_checkpoints, NULL), "OK");
    CHECK_OUTCOME(kin_run(busy_until_cancelled, NULL), "OK");
}

/* --- deadlocks --------------------------------------------------------- */

/* What the error says: its message and its notes. */
static const char *all_it_says(const kin_error *err)
{
    static char text[8192];
    size_t used = 0;
    text[0] = '\0';
    if (!err)
        return text;
    used += (size_t)snprintf(text, sizeof text, "%s", kin_error_message(err));
    for (size_t i = 0; i < kin_error_note_count(err); i++)
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "\n%s",
                                     kin_error_note(err, i));
    return text;
}

typedef struct deadlock_test {
    kin_wait_list answers, questions;
} deadlock_test;

static kin_error *waits_for_an_answer(void *arg)
{
    kin_waiter waiter;
    kin_error *err =
        kin_wait_on(&((deadlock_test *)arg)->answers, &waiter, "an answer");
    NOTE("left");
    return err;
}

static kin_error *waits_for_a_question(void *arg)
{
    kin_waiter waiter;
    kin_error *err =
        kin_wait_on(&((deadlock_test *)arg)->questions, &waiter, "a question");
    NOTE("right");
    return err;
}

static kin_error *deadlocks(void *arg)
{
    (void)arg;
    deadlock_test lists = {{0}, {0}};
    KIN_GROUP(group);
    kin_spawn(group, waits_for_an_answer, &lists, .name = "tortoise");
    kin_spawn(group, waits_for_a_question, &lists, .name = "achilles");
    kin_error *err = kin_group_close(group, NULL);
    NOTE("main");
    return err;
}

static kin_error *waits_for_nothing(void *arg)
{
    (void)arg;
    return kin_sleep_forever();
}

static kin_error *waits_behind_a_shield(void *arg)
{
    (void)arg;
    KIN_SCOPE(shield, .shield = true);
    return kin_scope_close(shield, kin_sleep_forever());
}

/* When nothing can ever run again the run fails with a KIN_DEADLOCK that says
   who waits for what; all of them are woken, and clean up. */
TEST(deadlock_says_who_waits_for_what)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(deadlocks, NULL, seed);
        const kin_error *deadlock = leaf_of(err, &KIN_DEADLOCK);
        CHECK(deadlock != NULL);
        CHECK_CONTAINS(all_it_says(deadlock), "tortoise");
        CHECK_CONTAINS(all_it_says(deadlock), "an answer");
        CHECK_CONTAINS(all_it_says(deadlock), "achilles");
        CHECK_CONTAINS(all_it_says(deadlock), "a question");
        CHECK_LOG_SORTED("left main right");
        kin_error_free(err);
    }
    kin_error *err = run_virtual(waits_for_nothing, NULL, 0);
    CHECK(leaf_of(err, &KIN_DEADLOCK) != NULL);
    kin_error_free(err);
    /* behind a shield, and with the system clock, as well */
    err = run_virtual(waits_behind_a_shield, NULL, 0);
    CHECK(leaf_of(err, &KIN_DEADLOCK) != NULL);
    kin_error_free(err);
    err = kin_run(waits_for_nothing, NULL);
    CHECK(leaf_of(err, &KIN_DEADLOCK) != NULL);
    kin_error_free(err);
}

static kin_error *no_deadlock(void *arg)
{
    (void)arg;
    deadlock_test lists = {{0}, {0}};
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1000));
    KIN_GROUP(group);
    kin_spawn(group, waits_for_an_answer, &lists);
    kin_error *err = kin_group_close(group, NULL);
    return kin_scope_close(limit, err);
}

static kin_error *answers_in_the_background(void *arg)
{
    deadlock_test *lists = arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(5)));
    kin_wait_list_wake(&lists->answers, 1);
    return NULL;
}

static kin_error *no_deadlock_either(void *arg)
{
    (void)arg;
    deadlock_test lists = {{0}, {0}};
    kin_spawn_background(answers_in_the_background, &lists);
    return waits_for_an_answer(&lists);
}

/* It is none while a deadline or a sleep will end it. */
TEST(deadlock_needs_that_nothing_can_run)
{
    RUNS(no_deadlock, "OK");
    RUNS(no_deadlock_either, "OK");
}

/* --- the unhandled hook ------------------------------------------------ */

typedef struct heard {
    kin_time began;
    int count;
} heard;

static void hears(const kin_error *error, const char *task, void *context)
{
    heard *on = context;
    on->count++;
    NOTE("%s:%s@%d", task, shape(error),
         (int)((kin_now() - on->began) / KIN_SECONDS(1)));
}

static kin_error *supervises(void *arg)
{
    ((heard *)arg)->began = kin_now();
    work failing = {.after = KIN_SECONDS(2), .kind = &TEST_V, .text = "1"};
    work other = {.after = KIN_SECONDS(3), .kind = &TEST_T, .text = "2"};
    kin_spawn_background(works, &failing, .name = "behind");
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &other, .name = "watched");
    return kin_group_close(group, kin_sleep(KIN_SECONDS(5)));
}

/* B168: what nobody else will receive goes to the hook when it happens, with
   the name of its task and the hook's context; what propagates does not. */
TEST(b168_unhandled_hook)
{
    EACH_SEED(seed)
    {
        heard on = {0, 0};
        kin_error *err =
            kin_run(supervises, &on, .clock = KIN_CLOCK_VIRTUAL, .seed = seed,
                    .unhandled = hears, .context = &on);
        CHECK_OUTCOME(err, "OK");
        CHECK_LOG("behind:V1@2 watched:T2@3");
        err = kin_run(fails_v, NULL, .clock = KIN_CLOCK_VIRTUAL,
                      .unhandled = hears, .context = &on);
        CHECK_OUTCOME(err, "V1");
        CHECK_EQ(on.count, 2);
    }
}

static kin_error *fails_boiled(void *arg)
{
    (void)arg;
    return fail_v("boiled over");
}

static kin_error *fails_unheard(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, fails_boiled, NULL, .name = "kettle");
    return kin_group_close(group, kin_sleep(KIN_SECONDS(1)));
}

static void runs_without_a_hook(void *arg)
{
    (void)arg;
    kin_error *err = kin_run(fails_unheard, NULL, .clock = KIN_CLOCK_VIRTUAL);
    _exit(err ? 1 : 0);
}

/* B151: without a hook it is printed: nothing is silent by default. */
TEST(b151_unhandled_is_printed)
{
    int status = 0;
    const char *text = in_child_process(runs_without_a_hook, NULL, &status);
    CHECK_EQ(status, 0);
    CHECK_CONTAINS(text, "boiled over");
    CHECK_CONTAINS(text, "kettle");
}

/* --- background tasks -------------------------------------------------- */

static kin_error *lasts(void *arg)
{
    kin_time began = kin_now();
    kin_error *err = kin_sleep(*(kin_time *)arg);
    NOTE("%s@%d", shape(err), (int)((kin_now() - began) / KIN_SECONDS(1)));
    return err;
}

static kin_time short_one = KIN_SECONDS(1), long_one = KIN_SECONDS(9);

static kin_error *leaves_two_behind(void *arg)
{
    (void)arg;
    kin_spawn_background(lasts, &short_one);
    kin_spawn_background(lasts, &long_one);
    return kin_checkpoint();
}

/* B258: when the main task has ended, background tasks have the grace of the
   run, are cancelled and joined; that is no failure. */
TEST(b258_background_tasks_at_the_end)
{
    EACH_SEED(seed)
    {
        kin_error *err =
            kin_run(leaves_two_behind, NULL, .clock = KIN_CLOCK_VIRTUAL,
                    .seed = seed, .shutdown_grace = KIN_SECONDS(2));
        CHECK_OUTCOME(err, "OK");
        CHECK_LOG("OK@1 CANCELLED@2");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(leaves_two_behind, NULL, seed), "OK");
        CHECK_LOG("CANCELLED@0 CANCELLED@0");
    }
}

static kin_error *fails_with_one_behind(void *arg)
{
    (void)arg;
    kin_spawn_background(lasts, &long_one);
    return fail_v("1");
}

/* B258: the main task's error is the run's, though others must be joined. */
TEST(b258_main_fails_with_background_tasks)
{
    RUNS(fails_with_one_behind, "V1");
}

static kin_error *exits_a_little_later(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return kin_exit(3);
}

static kin_error *background_exits(void *arg)
{
    (void)arg;
    kin_spawn_background(exits_a_little_later, NULL);
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    return err;
}

/* B165: a background task's exit is no child error: it ends the run, and comes
   out of it. */
TEST(b165_exit_of_a_background_task)
{
    RUNS(background_exits, "EXIT(3)");
}

static kin_error *notes_that_it_ran(void *arg)
{
    (void)arg;
    NOTE("ran");
    return NULL;
}

static kin_error *spawns_too_late(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    kin_spawn_background(notes_that_it_ran, NULL, .name = "late");
    return err;
}

static kin_error *leaves_one_that_spawns(void *arg)
{
    (void)arg;
    kin_spawn_background(spawns_too_late, NULL);
    return kin_checkpoint();
}

/* B161: what is spawned into the background when the run ends fails at once,
   out loud. */
TEST(b161_spawned_into_the_background_too_late)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(leaves_one_that_spawns, NULL, seed), "OK");
        CHECK_LOG("");
        CHECK_UNHANDLED("late:CLOSED");
    }
}

/* --- B250: the interrupt ----------------------------------------------- */

/* As Ctrl-C would; unless that would end this program. */
static void interrupt(void)
{
    struct sigaction now;
    sigset_t blocked;
    sigaction(SIGINT, NULL, &now);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (now.sa_handler == SIG_DFL && !sigismember(&blocked, SIGINT)) {
        FAIL("nobody would notice SIGINT");
        return;
    }
    raise(SIGINT);
}

static kin_error *b250_once(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    interrupt();
    CHECK_OUTCOME(kin_checkpoint(), "INTERRUPT");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_OUTCOME(kin_sleep(KIN_MILLISECONDS(1)), "OK");
    interrupt();
    interrupt();
    CHECK_OUTCOME(kin_pass(), "INTERRUPT");
    CHECK_OUTCOME(kin_pass(), "OK");
    return kin_checkpoint();
}

static kin_error *interrupts(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1)));
    interrupt();
    /* it is the main task's */
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    NOTE("child");
    return NULL;
}

static kin_error *b250_blocked(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, interrupts, NULL);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1000)), "INTERRUPT");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("child");
    return err;
}

/* B250: SIGINT makes the main task's next checkpoint, or the one that it waits
   in, fail with KIN_INTERRUPT, once. */
TEST(b250_interrupt_is_delivered_once)
{
    struct sigaction before, after;
    sigaction(SIGINT, NULL, &before);
    RUNS(b250_once, "OK");
    RUNS(b250_blocked, "OK");
    harness_log_clear();
    CHECK_OUTCOME(kin_run(b250_once, NULL), "OK");
    CHECK_OUTCOME(kin_run(b250_blocked, NULL), "OK");
    sigaction(SIGINT, NULL, &after);
    CHECK(before.sa_handler == after.sa_handler);
}

static kin_error *b250_sibling(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    const kin_cancellation *why = err ? kin_error_during(err) : NULL;
    CHECK(why && why->source == KIN_BY_INTERRUPT);
    return err;
}

static kin_error *b250_group(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, b250_sibling, NULL);
    settle();
    interrupt();
    return kin_group_close(group, kin_checkpoint());
}

/* B250: in a group that gives a group with the interrupt, and its children are
   cancelled because of it. */
TEST(b250_interrupt_in_a_group)
{
    RUNS(b250_group, "G[INTERRUPT]");
}

static kin_error *b250_shielded(void *arg)
{
    (void)arg;
    KIN_SCOPE(shield, .shield = true);
    interrupt();
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    CHECK_OUTCOME(kin_scope_close(shield, NULL), "OK");
    CHECK_OUTCOME(kin_checkpoint(), "INTERRUPT");
    return kin_checkpoint();
}

/* B250: a shielded main task is interrupted when it allows it again. */
TEST(b250_interrupt_waits_for_the_shield)
{
    RUNS(b250_shielded, "OK");
}

static kin_error *interrupts_at_the_end(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    interrupt();
    return err;
}

static kin_error *b250_shutdown(void *arg)
{
    (void)arg;
    kin_spawn_background(interrupts_at_the_end, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return fail_v("1");
}

static kin_error *b250_last_moment(void *arg)
{
    (void)arg;
    interrupt();
    return NULL;
}

/* B250: one that comes when the main task has no checkpoint left is the run's
   outcome, with the main task's error behind it. */
TEST(b250_interrupt_during_the_shutdown)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b250_shutdown, NULL, seed);
        CHECK_SHAPE(err, "INTERRUPT");
        CHECK_SHAPE(err ? kin_error_cause(err) : NULL, "V1");
        kin_error_free(err);
    }
    RUNS(b250_last_moment, "INTERRUPT");
}

/* --- B259: what main() returns ----------------------------------------- */

static kin_error *exits_3(void *arg)
{
    (void)arg;
    return kin_exit(3);
}

static kin_error *exits_0(void *arg)
{
    (void)arg;
    return kin_exit(0);
}

static kin_error *exits_4(void *arg)
{
    (void)arg;
    return kin_exit(4);
}

/* Fails because it is cancelled. */
static kin_error *loses_its_connection(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return kin_fail(&KIN_CLOSED, "the connection is closed");
}

/* Failed before it was cancelled. */
static kin_error *had_lost_it_before(void *arg)
{
    (void)arg;
    kin_error *err = kin_fail(&KIN_CLOSED, "the connection is closed");
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return err;
}

static kin_error *exit_made_before(void *arg)
{
    (void)arg;
    kin_error *err = kin_exit(4);
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return err;
}

/* The first waits, then the second ends it. */
static kin_error *one_after_the_other(kin_fn *first, kin_fn *second)
{
    KIN_GROUP(group);
    kin_spawn(group, first, NULL);
    settle();
    kin_spawn(group, second, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *child_exits(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits_3, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *exit_and_consequence(void *arg)
{
    (void)arg;
    return one_after_the_other(loses_its_connection, exits_0);
}

static kin_error *exit_and_unrelated(void *arg)
{
    (void)arg;
    return one_after_the_other(had_lost_it_before, exits_0);
}

static kin_error *two_exits(void *arg)
{
    (void)arg;
    return one_after_the_other(exit_made_before, exits_3);
}

/* The exit comes out of a group of its own. */
static kin_error *nested_exit(void *arg)
{
    (void)arg;
    return one_after_the_other(loses_its_connection, child_exits);
}

static kin_error *is_interrupted(void *arg)
{
    (void)arg;
    interrupt();
    return kin_checkpoint();
}

static kin_error *interrupt_and_consequence(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, loses_its_connection, NULL);
    settle();
    return kin_group_close(group, is_interrupted(NULL));
}

typedef struct main_case {
    kin_fn *fn;
    const char *shape; /* of the run's outcome */
    int status;
    bool shown;
    const char *says;
} main_case;

static const main_case mains[] = {
    {succeeds, "OK", 0, false, ""},
    {fails_boiled, "Vboiled over", 1, true, "boiled over"},
    {exits_0, "EXIT(0)", 0, false, ""},
    {exits_3, "EXIT(3)", 3, false, ""},
    {exits_4, "EXIT(4)", 4, false, ""},
    {child_exits, "G[EXIT(3)]", 3, false, ""},
    {exit_and_consequence, "G[EXIT(0), CLOSED]", 0, false, ""},
    {nested_exit, "G[G[EXIT(3)], CLOSED]", 3, false, ""},
    {exit_and_unrelated, "G[EXIT(0), CLOSED]", 1, true,
     "the connection is closed"},
    {two_exits, "G[EXIT(3), EXIT(4)]", 1, true, ""},
    {is_interrupted, "INTERRUPT", 130, false, ""},
    {interrupt_and_consequence, "G[INTERRUPT, CLOSED]", 130, false, ""},
};

enum { MAINS = sizeof mains / sizeof *mains };

/* B259: a run gives an exit as it is, from the main task bare and from a child
   in its group; an exit status is made of it when everything else is only its
   consequence, and an interrupt is 130. */
TEST(b259_exit_status_of_an_outcome)
{
    EACH_SEED(seed)
    {
        for (int i = 0; i < MAINS; i++) {
            bool show = !mains[i].shown;
            kin_error *err = run_virtual(mains[i].fn, NULL, seed);
            CHECK_SHAPE(err, mains[i].shape);
            int status = kin_error_exit_status(err, &show);
            if (status != mains[i].status || show != mains[i].shown)
                FAIL("%s gives %d, show %d", mains[i].shape, status, show);
            kin_error_free(err);
        }
    }
}

static void runs_main(void *arg)
{
    const main_case *of = arg;
    _exit(kin_main(of->fn, NULL, .clock = KIN_CLOCK_VIRTUAL));
}

/* B259: kin_main gives that status, and prints the tree when it is a failure,
   and nothing when it is not. */
TEST(b259_kin_main)
{
    for (int i = 0; i < MAINS; i++) {
        int status = 0;
        main_case of = mains[i];
        const char *text = in_child_process(runs_main, &of, &status);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != of.status)
            FAIL("%s: status %#x, not %d", of.shape, status, of.status);
        if (of.shown ? !text[0] : text[0] && of.status != 130)
            FAIL("%s: prints \"%s\"", of.shape, text);
        CHECK_CONTAINS(text, of.says);
    }
}

/* --- B268 and B269: stacks --------------------------------------------- */

static __attribute__((noinline)) int digs(volatile char *above, int depth)
{
    volatile char here[512];
    here[0] = (char)(above ? above[0] + 1 : depth);
    int below = depth > 0 ? digs(here, depth - 1) : 0;
    return below + here[0];
}

static kin_error *overflows(void *arg)
{
    (void)arg;
    return digs(NULL, 1 << 24) == 1 ? fail_v("1") : NULL;
}

static kin_error *parents_the_digger(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, overflows, NULL, .name = "the digger");
    return kin_group_close(group, NULL);
}

static void runs_the_digger(void *arg)
{
    (void)arg;
    kin_error_free(kin_run(parents_the_digger, NULL));
}

/* B268: a task that overflows its stack ends the program with one line that
   names it and the place where it was spawned. */
TEST(b268_stack_overflow_names_the_task)
{
    if (SANITIZED)
        SKIP("the sanitizer reports it in its own way");
    int status = 0;
    const char *text = in_child_process(runs_the_digger, NULL, &status);
    const char *end = strchr(text, '\n');
    CHECK(WIFSIGNALED(status));
    CHECK(end && end[1] == '\0');
    CHECK_CONTAINS(text, "the digger");
    CHECK_CONTAINS(text, "run.c:");
}

enum { MANY = SANITIZED ? 2000 : 100000 };

static int open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static kin_error *is_one_of_many(void *arg)
{
    kin_error *err = kin_sleep_forever();
    *(int *)arg += kin_error_is(err, &KIN_CANCELLED);
    return err;
}

static kin_error *b269(void *arg)
{
    (void)arg;
    int ended = 0, files = open_files();
    kin_time began = kin_now();
    KIN_GROUP(group);
    for (int i = 0; i < MANY; i++)
        kin_spawn(group, is_one_of_many, &ended);
    settle();
    CHECK_EQ(kin_group_running(group), MANY);
    CHECK_EQ(open_files(), files);
    kin_group_cancel(group, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(ended, MANY);
    CHECK_EQ(kin_now() - began, KIN_MILLISECONDS(1));
    return err;
}

/* B269: a hundred thousand blocked tasks have no file descriptors of their own
   and are cancelled and joined. */
TEST(b269_a_hundred_thousand_tasks)
{
    CHECK_OUTCOME(run_virtual(b269, NULL, 0), "OK");
}
