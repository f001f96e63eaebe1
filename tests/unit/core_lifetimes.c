/* Groups, handles and waits that end while somebody else is about to use them:
   each of these was once a wild access, a wait for ever or a lost error. */
#include "../harness.h"

#include <kin.h>
#include <kin/testing.h>

#include <signal.h>
#include <string.h>

static kin_error *runs(kin_fn *fn)
{
    return kin_run_at(KIN_HERE, fn, NULL,
                      &(kin_run_options){.clock = KIN_CLOCK_VIRTUAL});
}

static kin_group *shared;
static kin_task *parked;
static int ended;

static bool agree(void *context)
{
    (void)context;
    return true;
}

static kin_error *ends_late(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(5)));
    ended++;
    return NULL;
}

static kin_error *spawns_when_woken(void *arg)
{
    (void)arg;
    KIN_TRY(kin_park(agree, NULL, "the last child"));
    kin_spawn(shared, ends_late, NULL);
    return NULL;
}

static kin_error *wakes_and_ends(void *arg)
{
    (void)arg;
    KIN_TRY(kin_checkpoint());
    kin_wake(parked, NULL);
    return NULL;
}

static __attribute__((noinline)) kin_error *closes(void)
{
    KIN_GROUP(group);
    shared = group;
    kin_spawn(group, wakes_and_ends, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *closes_and_goes_on(void *arg)
{
    (void)arg;
    KIN_TRY(closes());
    CHECK_EQ(ended, 1);
    return NULL;
}

static kin_error *late_spawn(void *arg)
{
    (void)arg;
    ended = 0;
    KIN_GROUP(outer);
    parked = kin_spawn(outer, spawns_when_woken, NULL);
    kin_spawn(outer, closes_and_goes_on, NULL);
    return kin_group_close(outer, NULL);
}

/* B57: a child that is spawned between the end of the last one and the opener's
   turn is waited for. */
TEST(a_spawn_into_a_closing_group_is_waited_for)
{
    CHECK_OUTCOME(runs(late_spawn), "OK");
}

static kin_error *wakes_the_opener(void *arg)
{
    kin_wake(arg, NULL);
    return ends_late(NULL);
}

static kin_error *stray_wake(void *arg)
{
    (void)arg;
    ended = 0;
    KIN_GROUP(group);
    kin_spawn(group, wakes_the_opener, kin_task_self());
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(ended, 1);
    return err;
}

/* B147: a stray wake does not end the wait for the children. */
TEST(a_stray_wake_does_not_close_a_group)
{
    CHECK_OUTCOME(runs(stray_wake), "OK");
}

static kin_error *shuts_down(kin_error *err, kin_task *task, void *context)
{
    (void)task;
    kin_error_free(err);
    return kin_group_shutdown(*(kin_group **)context, KIN_AT_ONCE);
}

static kin_error *fails(void *arg)
{
    return kin_fail(&KIN_FAILURE, "%s", (const char *)arg);
}

static kin_error *sleeps(void *arg)
{
    (void)arg;
    return kin_sleep_forever();
}

static kin_error *shutdown_in_on_error(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = shuts_down,
              .context = &shared);
    shared = group;
    kin_spawn(group, sleeps, NULL);
    kin_spawn(group, fails, (char *)"1");
    return kin_group_close(group, NULL);
}

/* B158: asked for in .on_error, a shutdown does not wait for itself. */
TEST(b158_shutdown_in_on_error)
{
    CHECK_OUTCOME(runs(shutdown_in_on_error), "OK");
}

static kin_error *shuts_down_target(void *arg)
{
    return kin_group_shutdown(arg, KIN_MILLISECONDS(5));
}

static kin_error *shutdown_while_starting(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, shuts_down_target, group, NULL);
    CHECK(err != NULL); /* it was cancelled before it was up */
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* B158: nor does it in a child that is still being started. */
TEST(b158_shutdown_by_a_starting_child)
{
    CHECK_OUTCOME(runs(shutdown_while_starting), "OK");
}

static kin_error *two_handles(void *arg)
{
    (void)arg;
    kin_task *done = NULL;
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_spawn(group, fails, (char *)"1");
    kin_task *other = kin_spawn(group, fails, (char *)"2");
    KIN_TRY(kin_group_next(group, &done));
    KIN_TRY(kin_task_join(other));
    kin_error *err = kin_task_take_error(other);
    CHECK_STR(kin_error_message(err), "2");
    kin_error_free(err);
    err = kin_task_take_error(done);
    CHECK_STR(kin_error_message(err), "1");
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* The handle that kin_group_next gave is good until its next call, whatever is
   taken from others. */
TEST(taking_one_error_leaves_other_handles_alone)
{
    CHECK_OUTCOME(runs(two_handles), "OK");
}

static kin_error *consumes(void *arg)
{
    kin_task *done = NULL;
    (void)arg;
    KIN_TRY(kin_group_next(shared, &done));
    REQUIRE_OR(done, NULL);
    kin_error *err = kin_task_take_error(done);
    CHECK_STR(kin_error_message(err), kin_task_arg(done));
    kin_error_free(err);
    return NULL;
}

static kin_error *fails_later(void *arg)
{
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1)));
    return fails(arg);
}

static kin_error *two_consumers(void *arg)
{
    (void)arg;
    KIN_GROUP(outer);
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    shared = group;
    kin_spawn(group, fails_later, (char *)"1");
    kin_spawn(group, fails_later, (char *)"2");
    kin_spawn(outer, consumes, NULL);
    kin_spawn(outer, consumes, NULL);
    kin_error *err = kin_group_close(group, NULL);
    return kin_group_close(outer, err);
}

/* Two who ask for the next child in one tick each get one of their own. */
TEST(two_consumers_get_a_child_each)
{
    CHECK_OUTCOME(runs(two_consumers), "OK");
}

static kin_error *interrupts(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(5)));
    raise(SIGINT);
    return NULL;
}

static kin_error *starts_slowly(void *arg)
{
    (void)arg;
    return kin_sleep_forever();
}

static kin_error *interrupted_start(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, interrupts, NULL);
    kin_error *err = kin_start(group, starts_slowly, NULL, NULL);
    CHECK(kin_error_is(err, &KIN_INTERRUPT));
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* B250: kin_start is a checkpoint, where the main task is interrupted. */
TEST(b250_interrupt_while_starting)
{
    CHECK_OUTCOME(runs(interrupted_start), "OK");
}

static kin_error *closes_for_ever(void *arg)
{
    (void)arg;
    ended = 0;
    KIN_GROUP(outer);
    kin_spawn(outer, ends_late, NULL);
    kin_error *err = NULL;
    kin_time until = kin_now() + KIN_SECONDS(10);
    while (!ended && !err && kin_now() < until) {
        KIN_GROUP(group);
        err = kin_group_close(group, NULL);
    }
    CHECK_EQ(ended, 1);
    return kin_group_close(outer, err);
}

/* B50: the close of an empty group gives way, to timers too. */
TEST(b50_closing_empty_groups_starves_no_timer)
{
    CHECK_OUTCOME(kin_run(closes_for_ever, NULL), "OK");
}
