/* k_clock.c: B227 to B233, and B101 and B106 as the API changes them: lengths
   and points, the virtual clock, and schedules that a seed decides. */
#include "harness.h"

#include <kin/testing.h>

#include <math.h>
#include <time.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* The real clock, whatever the run's. */
static kin_time real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return KIN_SECONDS(now.tv_sec) + now.tv_nsec;
}

/* --- B101 and B106: lengths -------------------------------------------- */

static kin_error *b101(void *arg)
{
    (void)arg;
    kin_time now = kin_now();
    CHECK_EQ(kin_left(now + 5), 5);
    CHECK_EQ(kin_left(now + 1), 1);
    CHECK_EQ(kin_left(now), KIN_AT_ONCE);
    CHECK_EQ(kin_left(now - 1), KIN_AT_ONCE);
    CHECK_EQ(kin_left(0), KIN_AT_ONCE);
    CHECK_EQ(kin_left(INT64_MIN), KIN_AT_ONCE);
    CHECK_EQ(kin_left(KIN_NEVER), KIN_NEVER);

    /* what is left is a length, and fits where a length is asked for */
    KIN_SCOPE(until, .move_on_after = kin_left(now + KIN_SECONDS(3)));
    CHECK_EQ(kin_scope_deadline(until), now + KIN_SECONDS(3));
    kin_error *err = kin_scope_close(until, kin_sleep_forever());
    CHECK_SHAPE(err, "OK");
    KIN_SCOPE(over, .move_on_after = kin_left(now + KIN_SECONDS(3)));
    err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - now, KIN_SECONDS(3));
    return kin_scope_close(over, err);
}

/* B101: zero in an option is "not set"; what is left until a point that has
   come is KIN_AT_ONCE, with which the first checkpoint fails. */
TEST(b101_what_is_left)
{
    RUNS(b101, "OK");
}

static kin_error *b106(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    kin_time computed = began - kin_now() - KIN_SECONDS(2);
    CHECK_OUTCOME(KIN_WITHIN(kin_sleep(KIN_SECONDS(1)), .fail_after = computed),
                  "TIMEOUT");
    CHECK_OUTCOME(
        KIN_WITHIN(kin_sleep(KIN_SECONDS(1)), .move_on_after = computed), "OK");
    CHECK_OUTCOME(kin_sleep(computed), "OK");
    CHECK_EQ(kin_now(), began);
    CHECK_OUTCOME(KIN_WITHIN(kin_sleep(KIN_SECONDS(1)), .fail_after = 0), "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    return NULL;
}

/* B106: a length that was computed and has run out is over already, and no
   mistake. */
TEST(b106_negative_lengths_are_over)
{
    int64_t most = INT64_MAX, least = INT64_MIN;
    uint8_t small = 3;
    RUNS(b106, "OK");
    CHECK(KIN_AT_ONCE < 0);
    CHECK_EQ(KIN_SECONDS(2), 2000000000);
    CHECK_EQ(KIN_MILLISECONDS(2), 2000000);
    CHECK_EQ(KIN_MICROSECONDS(2), 2000);
    CHECK_EQ(KIN_SECONDS(0.1), 100000000);
    CHECK_EQ(KIN_SECONDS(-0.1), -100000000);
    CHECK_EQ(KIN_MILLISECONDS(2.5f), 2500000);
    CHECK_EQ(KIN_SECONDS(-3), -3000000000);
    CHECK_EQ(KIN_SECONDS(1e300), KIN_NEVER);
    CHECK_EQ(KIN_SECONDS(-1e300), -KIN_NEVER);
    CHECK_EQ(KIN_SECONDS(INFINITY), KIN_NEVER);
    CHECK_EQ(KIN_SECONDS(NAN), KIN_AT_ONCE);
    CHECK_EQ(KIN_MICROSECONDS(most), KIN_NEVER);
    CHECK_EQ(KIN_SECONDS(least), -KIN_NEVER);
    CHECK_EQ(KIN_SECONDS(small), 3000000000);
}

/* --- B227: moving it --------------------------------------------------- */

static kin_error *b227(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    CHECK(began != 0);
    for (int i = 0; i < 200; i++)
        CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_EQ(kin_now(), began);

    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(1.2)), "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1.2));
    CHECK_OUTCOME(kin_clock_jump(0), "OK");
    kin_error *err = kin_clock_jump(-1);
    CHECK_OUTCOME(err, "MISUSE");
    CHECK_OUTCOME(kin_clock_jump(INT64_MIN), "MISUSE");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1.2));
    return NULL;
}

/* B227: the virtual clock starts at a point that is not 0 and stands still; it
   can be moved forward, and not back. */
TEST(b227_virtual_clock)
{
    RUNS(b227, "OK");
}

static kin_error *b227_rate(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_clock_set_rate(2), "OK");
    /* real, virtual, real: the virtual reading lies between the two */
    kin_time before = real_now(), began = kin_now(), after = real_now();
    while (real_now() - after < KIN_MILLISECONDS(20))
        ;
    kin_time until = real_now(), now = kin_now(), since = real_now();
    CHECK(now - began >= 2 * (until - after) - 10);
    CHECK(now - began <= 2 * (since - before) + 10);

    CHECK_OUTCOME(kin_clock_set_rate(0), "OK");
    now = kin_now();
    until = real_now() + KIN_MILLISECONDS(2);
    while (real_now() < until)
        ;
    CHECK_EQ(kin_now(), now);
    CHECK(now - began < KIN_SECONDS(1000));
    return NULL;
}

static kin_error *b227_rate_of_sleeps(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_clock_set_autojump(KIN_NEVER), "OK");
    CHECK_OUTCOME(kin_clock_set_rate(10), "OK");
    kin_time really = real_now(), began = kin_now();
    CHECK_OUTCOME(kin_sleep(KIN_MILLISECONDS(50)), "OK");
    CHECK(kin_now() - began >= KIN_MILLISECONDS(50));
    CHECK(real_now() - really >= KIN_MILLISECONDS(5) - 10);
    return NULL;
}

/* B227: at a rate of 2 two virtual seconds pass in a real one; at 0 none. Who
   sleeps wakes when it is time. */
TEST(b227_rate_of_the_virtual_clock)
{
    CHECK_OUTCOME(run_virtual(b227_rate, NULL, 0), "OK");
    CHECK_OUTCOME(run_virtual(b227_rate_of_sleeps, NULL, 0), "OK");
}

static kin_error *sleeps_to_be_jumped_over(void *arg)
{
    kin_time length = *(kin_time *)arg;
    kin_time began = kin_now();
    KIN_TRY(kin_sleep(length));
    NOTE("%d@%d", (int)(length / KIN_SECONDS(1)),
         (int)((kin_now() - began) / KIN_SECONDS(1)));
    return NULL;
}

static kin_error *b227_timers(void *arg)
{
    (void)arg;
    kin_time lengths[] = {KIN_SECONDS(3), KIN_SECONDS(1), KIN_SECONDS(2),
                          KIN_SECONDS(9)};
    KIN_GROUP(group);
    for (int i = 0; i < 4; i++)
        kin_spawn(group, sleeps_to_be_jumped_over, &lengths[i]);
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(5)), "OK");
    CHECK_LOG("");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    CHECK_LOG("1@5 2@5 3@5");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("1@5 2@5 3@5 9@9");
    return err;
}

/* B227: timers that a jump passes over fire in their order. */
TEST(b227_jumping_over_timers)
{
    CHECK_OUTCOME(run_virtual(b227_timers, NULL, 0), "OK");
}

static kin_error *without_a_virtual_clock(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(1)), "MISUSE");
    CHECK_OUTCOME(kin_clock_set_rate(2), "MISUSE");
    CHECK_OUTCOME(kin_clock_set_autojump(KIN_SECONDS(1)), "MISUSE");
    return NULL;
}

/* B227, B230: a run that has no virtual clock has none to set. */
TEST(b230_clock_that_is_not_there)
{
    CHECK_OUTCOME(kin_run(without_a_virtual_clock, NULL), "OK");
    CHECK_OUTCOME(
        kin_run(without_a_virtual_clock, NULL, .clock = KIN_CLOCK_SYSTEM),
        "OK");
}

/* --- B228: autojump ---------------------------------------------------- */

static kin_error *sleeps_long_and_longer(void *arg)
{
    (void)arg;
    kin_time expected = kin_now();
    for (int i = 0; i < 10; i++) {
        KIN_TRY(kin_sleep(KIN_SECONDS(10 * i)));
        expected += KIN_SECONDS(10 * i);
        CHECK_EQ(kin_now(), expected);
    }
    return NULL;
}

static kin_error *b228(void *arg)
{
    (void)arg;
    kin_time began = kin_now(), really = real_now();
    KIN_GROUP(group);
    kin_spawn(group, sleeps_long_and_longer, NULL);
    kin_spawn(group, sleeps_long_and_longer, NULL);
    kin_error *err = kin_group_close(group, sleeps_long_and_longer(NULL));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(450));
    CHECK(real_now() - really < KIN_SECONDS(1));
    return err;
}

/* B228: when everybody waits the clock jumps to the next timer, exactly: 450
   seconds of sleeps take less than one. */
TEST(b228_autojump)
{
    RUNS(b228, "OK");
}

/* --- B229 to B232: waiting for the others ------------------------------ */

static kin_error *sleeps_100(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(100)));
    NOTE("sleep");
    return NULL;
}

static kin_error *waits_for_the_others(void *arg)
{
    KIN_TRY(kin_wait_all_tasks_blocked(*(kin_time *)arg));
    NOTE("blocked");
    return NULL;
}

static kin_error *b229(void *arg)
{
    kin_time began = kin_now();
    KIN_GROUP(group);
    kin_spawn(group, sleeps_100, NULL);
    kin_spawn(group, waits_for_the_others, arg);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("blocked sleep");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(100));
    return err;
}

/* B229: a wait for all others to be blocked ends before the clock jumps, even
   with a cushion of real time. */
TEST(b229_all_blocked_before_the_clock_jumps)
{
    kin_time cushions[] = {0, KIN_MILLISECONDS(5)};
    for (int i = 0; i < 2; i++) {
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(b229, &cushions[i], seed), "OK");
        }
    }
}

static kin_error *b230(void *arg)
{
    (void)arg;
    kin_time cushion = KIN_MILLISECONDS(15), began = kin_now();
    CHECK_OUTCOME(kin_clock_set_autojump(KIN_MILLISECONDS(20)), "OK");
    kin_time really = real_now();
    KIN_GROUP(group);
    kin_spawn(group, sleeps_100, NULL);
    kin_spawn(group, waits_for_the_others, &cushion);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("blocked sleep");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(100));
    CHECK(real_now() - really >= KIN_MILLISECONDS(20));
    return err;
}

/* B230: with a threshold the clock jumps when everybody has waited for so long
   in real time; a smaller cushion ends before that. */
TEST(b230_threshold_and_cushion)
{
    RUNS(b230, "OK");
}

static kin_error *b231(void *arg)
{
    (void)arg;
    kin_time began = kin_now(), length = KIN_SECONDS(9);
    CHECK_OUTCOME(kin_clock_set_autojump(KIN_NEVER), "OK");
    KIN_GROUP(group);
    kin_spawn(group, sleeps_to_be_jumped_over, &length);
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(0), "OK");
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(KIN_MILLISECONDS(1)), "OK");
    CHECK_EQ(kin_now(), began);
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(8)), "OK");
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(0), "OK");
    CHECK_LOG("");
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(1)), "OK");
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(0), "OK");
    CHECK_LOG("9@9");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(9));
    return kin_group_close(group, NULL);
}

/* B231: the clock can be told not to jump over anybody by itself. */
TEST(b231_no_jump_by_itself)
{
    RUNS(b231, "OK");
}

static kin_error *busy_bee(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        KIN_TRY(kin_checkpoint());
    NOTE("bee");
    return NULL;
}

static kin_error *b232_busy(void *arg)
{
    (void)arg;
    kin_time none = 0;
    KIN_GROUP(group);
    kin_spawn(group, waits_for_the_others, &none);
    kin_spawn(group, busy_bee, NULL);
    kin_spawn(group, waits_for_the_others, &none);
    kin_spawn(group, sleeps_100, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("bee blocked blocked sleep");
    return err;
}

static kin_error *b232_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now(), long_one = KIN_SECONDS(1000);
    KIN_GROUP(group);
    kin_spawn(group, waits_for_the_others, &long_one);
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(0), "OK");
    kin_group_cancel(group, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    CHECK_EQ(kin_now(), began);

    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_wait_all_tasks_blocked(0), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    return err;
}

typedef struct cushion_test {
    kin_time cushion;
    const char *name;
} cushion_test;

static kin_error *waits_with_a_cushion(void *arg)
{
    cushion_test *job = arg;
    KIN_TRY(kin_wait_all_tasks_blocked(job->cushion));
    NOTE("%s", job->name);
    return NULL;
}

static kin_error *b232_cushions(void *arg)
{
    (void)arg;
    cushion_test jobs[] = {
        {KIN_MILLISECONDS(6), "6"}, {0, "0"}, {KIN_MILLISECONDS(3), "3"}};
    KIN_GROUP(group);
    for (int i = 0; i < 3; i++)
        kin_spawn(group, waits_with_a_cushion, &jobs[i]);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("0 3 6");
    return err;
}

/* B232: it waits for a busy task; several can wait, the smaller cushions first;
   and it can be cancelled. */
TEST(b232_wait_for_all_to_be_blocked)
{
    RUNS(b232_busy, "OK");
    RUNS(b232_cancelled, "OK");
    RUNS(b232_cushions, "OK");
}

/* --- B233: seeds ------------------------------------------------------- */

enum { TRACED = 5, STEPS = 50 };

typedef struct trace {
    char text[TRACED * STEPS + 1];
    size_t length;
} trace;

typedef struct traced {
    trace *trace;
    char name;
} traced;

static kin_error *leaves_a_trace(void *arg)
{
    traced *self = arg;
    for (int i = 0; i < STEPS; i++) {
        self->trace->text[self->trace->length++] = self->name;
        KIN_TRY(kin_checkpoint());
    }
    return NULL;
}

static kin_error *b233(void *arg)
{
    traced tasks[TRACED];
    KIN_GROUP(group);
    for (int i = 0; i < TRACED; i++) {
        tasks[i] = (traced){arg, (char)('a' + i)};
        kin_spawn(group, leaves_a_trace, &tasks[i]);
    }
    return kin_group_close(group, NULL);
}

static trace trace_with(uint64_t seed)
{
    trace all = {"", 0};
    CHECK_OUTCOME(run_virtual(b233, &all, seed), "OK");
    CHECK_EQ(all.length, TRACED * STEPS);
    return all;
}

/* B233: with the same seed two runs have the same schedule, with others they
   have others; without one it is first come, first served. */
TEST(b233_seeds)
{
    int different = 0;
    trace first = trace_with(1);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        trace once = trace_with(seed), twice = trace_with(seed);
        CHECK_STR(once.text, twice.text);
        different += strcmp(once.text, first.text) != 0;
    }
    CHECK(different >= 8);

    trace plain = trace_with(0);
    for (size_t i = 0; i < plain.length; i++)
        if (plain.text[i] != "abcde"[i % TRACED]) {
            FAIL("not first come, first served: %s", plain.text);
            break;
        }
}
