/* c_deadlines.c: B101 to B113 and B128: deadlines of scopes, given as a point
   or as a length, and the KIN_TIMEOUT that .fail_after makes of one. */
#include "harness.h"

#include <kin/testing.h>

#include <math.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* --- B101 to B106: points and lengths ---------------------------------- */

static kin_error *b101(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(over, .move_on_after = KIN_AT_ONCE);
    NOTE("started");
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(over, err), "OK");
    CHECK_STR(scope_state(over), "called=1 caught=1");

    KIN_SCOPE(failing, .fail_after = KIN_AT_ONCE);
    err = kin_sleep(KIN_SECONDS(1));
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(failing, err), "TIMEOUT");

    KIN_SCOPE(unseen, .fail_after = KIN_AT_ONCE);
    CHECK_OUTCOME(kin_scope_close(unseen, NULL), "OK");
    CHECK_STR(scope_state(unseen), "called=1 caught=0");
    CHECK_EQ(kin_now(), began);
    CHECK_LOG("started");
    return kin_checkpoint();
}

/* B101: a scope whose time is over at once lets its body start, and the first
   checkpoint fails. */
TEST(b101_length_that_is_over_at_once)
{
    RUNS(b101, "OK");
}

static kin_error *b102(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .deadline = kin_now() + KIN_SECONDS(1));
    CHECK_EQ(kin_scope_deadline(scope), kin_now() + KIN_SECONDS(1));
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_scope_set_deadline(scope, kin_now() - KIN_SECONDS(1));
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

static kin_error *b102_now(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_set_deadline(scope, kin_now());
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

/* B102: a deadline that is moved to before now, or to now, makes the next
   checkpoint fail, and the one after it. */
TEST(b102_deadline_moved_into_the_past)
{
    RUNS(b102, "OK");
    RUNS(b102_now, "OK");
}

static kin_error *b103_before(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(0.5)), "OK");
    kin_scope_set_deadline(scope, began + KIN_SECONDS(4));
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(2)), "OK");
    CHECK_STR(scope_state(scope), "called=0 caught=0");
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(4));
    return kin_scope_close(scope, err);
}

static kin_error *b103_after(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    kin_scope_set_deadline(scope, KIN_NEVER);
    CHECK_EQ(kin_scope_deadline(scope), KIN_NEVER);
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

/* B103: a deadline that is moved before it passes does not fire where it was;
   one that has passed has cancelled for good. */
TEST(b103_deadline_moved_later)
{
    RUNS(b103_before, "OK");
    RUNS(b103_after, "OK");
}

enum { INNER_SET_FIRST = 1, OUTER_SET_FIRST, BOTH_AT_OPENING };

static kin_error *b104(void *arg)
{
    int way = *(int *)arg;
    kin_time began = kin_now(), when = began + KIN_SECONDS(5);
    kin_time at_opening = way == BOTH_AT_OPENING ? when : KIN_NEVER;
    KIN_SCOPE(outer, .deadline = at_opening);
    KIN_SCOPE(inner, .deadline = at_opening);
    if (way == OUTER_SET_FIRST)
        kin_scope_set_deadline(outer, when);
    if (way != BOTH_AT_OPENING)
        kin_scope_set_deadline(inner, when);
    if (way == INNER_SET_FIRST)
        kin_scope_set_deadline(outer, when);

    kin_error *err = kin_sleep_forever();
    CHECK_EQ(kin_now(), when);
    err = kin_scope_close(inner, err);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(scope_state(inner), "called=1 caught=0");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B104: of two deadlines at the same instant the outer scope absorbs, and what
   follows the inner one does not run. */
TEST(b104_deadlines_at_the_same_instant)
{
    for (int way = INNER_SET_FIRST; way <= BOTH_AT_OPENING; way++) {
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(b104, &way, seed), "OK");
        }
    }
}

static kin_error *b105(void *arg)
{
    (void)arg;
    kin_scope scope;
    kin_scope_init(&scope, .move_on_after = KIN_SECONDS(2));
    CHECK_EQ(kin_scope_deadline(&scope), KIN_NEVER);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK");
    CHECK(!kin_scope_cancel_called(&scope));

    kin_time opened = kin_now();
    kin_scope_open(&scope);
    CHECK_EQ(kin_scope_deadline(&scope), opened + KIN_SECONDS(2));
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(0.5)), "OK");
    CHECK_EQ(kin_left(kin_scope_deadline(&scope)), KIN_SECONDS(1.5));
    kin_error *err = kin_sleep(KIN_SECONDS(10));
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now(), opened + KIN_SECONDS(2));
    return kin_scope_close(&scope, err);
}

/* B105: a length counts from the opening, not from the initialising; before
   that it is not a point yet. */
TEST(b105_lengths_count_from_the_opening)
{
    RUNS(b105, "OK");
}

static kin_error *b106_two_deadlines(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(1),
              .move_on_after = KIN_SECONDS(2));
    return kin_scope_close(scope, NULL);
}

static kin_error *b106_length_and_point(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(1),
              .deadline = kin_now() + KIN_SECONDS(2));
    return kin_scope_close(scope, fail_v("1"));
}

static kin_error *b106_negative_point(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .deadline = -5);
    CHECK_EQ(kin_scope_deadline(scope), -5);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

static kin_error *b106_negative_lengths(void *arg)
{
    const kin_time lengths[] = {
        -1,         KIN_SECONDS(-3), KIN_SECONDS(-0.5), KIN_SECONDS(NAN),
        -KIN_NEVER, INT64_MIN};
    (void)arg;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        KIN_SCOPE(scope, .fail_after = lengths[i]);
        kin_error *err = kin_checkpoint();
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_OUTCOME(kin_scope_close(scope, err), "TIMEOUT");
        CHECK_STR(scope_state(scope), "called=1 caught=1");
    }
    return kin_checkpoint();
}

/* B106, as the API changes it: two deadlines in one scope's options are a
   KIN_MISUSE; a negative length and not-a-number are over already; a negative
   point is a point like any other. */
TEST(b106_options_that_do_not_go_together)
{
    RUNS(b106_two_deadlines, "G[MISUSE]");
    RUNS(b106_length_and_point, "G[V1, MISUSE]");
    RUNS(b106_negative_point, "OK");
    RUNS(b106_negative_lengths, "OK");
}

/* --- B107 to B113: .fail_after ----------------------------------------- */

static kin_error *b107(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(late, .fail_after = KIN_SECONDS(1));
    kin_error *err = kin_scope_close(late, kin_sleep(KIN_SECONDS(5)));
    CHECK_SHAPE(err, "TIMEOUT");
    CHECK(kin_error_is(err, &KIN_FAILURE));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_STR(scope_state(late), "called=1 caught=1");
    kin_error_free(err);

    began = kin_now();
    KIN_SCOPE(early, .fail_after = KIN_SECONDS(1));
    err = kin_scope_close(early, kin_sleep(KIN_SECONDS(0.5)));
    CHECK_SHAPE(err, "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(0.5));
    CHECK_STR(scope_state(early), "called=0 caught=0");

    CHECK_OUTCOME(
        KIN_WITHIN(kin_sleep(KIN_SECONDS(5)), .fail_after = KIN_SECONDS(1)),
        "TIMEOUT");
    CHECK_OUTCOME(
        KIN_WITHIN(kin_sleep(KIN_SECONDS(5)), .move_on_after = KIN_SECONDS(1)),
        "OK");
    CHECK_OUTCOME(KIN_WITHIN(kin_sleep(KIN_SECONDS(5))), "OK");
    return err;
}

/* B107: .fail_after(1) around a sleep of 5 gives a KIN_TIMEOUT after 1, and
   around a sleep of 0.5 nothing. */
TEST(b107_fail_after)
{
    RUNS(b107, "OK");
}

static kin_error *b108_other_error(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    kin_error *err = kin_scope_close(scope, fail_v("1"));
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    return err;
}

static kin_error *b108_swallowed(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    kin_error *err = kin_scope_close(scope, NULL);
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    return err;
}

static kin_error *fails_in_cleanup(void *arg)
{
    CHECK_OUTCOME(sleeps_forever(arg), "CANCELLED");
    return fail_v("1");
}

static kin_error *b108_mixed_group(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .fail_after = KIN_SECONDS(1));
    KIN_GROUP(group);
    kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, fails_in_cleanup, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_STR(shape_sorted(err), "G[CANCELLED, V1]");
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    return err;
}

/* B108: there is a KIN_TIMEOUT only when the scope absorbed a cancellation and
   nothing else comes out: not beside another error, not when the CANCELLED was
   swallowed. */
TEST(b108_no_timeout_beside_another_outcome)
{
    RUNS(b108_other_error, "V1");
    RUNS(b108_swallowed, "OK");
    RUNS(b108_mixed_group, "G[V1]");
}

static kin_error *b109(void *arg)
{
    (void)arg;
    KIN_SCOPE(before, .fail_after = KIN_SECONDS(1));
    kin_scope_cancel(before, NULL);
    kin_error *err = kin_scope_close(before, kin_sleep(KIN_SECONDS(5)));
    CHECK_OUTCOME(err, "OK");
    CHECK_STR(scope_state(before), "called=1 caught=1");

    KIN_SCOPE(after, .fail_after = KIN_SECONDS(1));
    err = kin_sleep(KIN_SECONDS(5));
    kin_scope_cancel(after, NULL);
    CHECK_OUTCOME(kin_scope_close(after, err), "TIMEOUT");
    return NULL;
}

/* B109: to cancel a .fail_after scope before its deadline is no timeout. */
TEST(b109_cancelled_before_its_deadline)
{
    RUNS(b109, "OK");
}

static kin_error *b110(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer, .fail_after = KIN_SECONDS(1));
    KIN_SCOPE(inner, .fail_after = KIN_SECONDS(1));
    CHECK_EQ(kin_scope_deadline(outer), kin_scope_deadline(inner));
    kin_error *err = kin_scope_close(inner, kin_sleep_forever());
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(scope_state(inner), "called=1 caught=0");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B110: of two timeouts at the same instant only the outer one is told of. */
TEST(b110_nested_timeouts_at_the_same_instant)
{
    RUNS(b110, "TIMEOUT");
}

static kin_error *two_timeouts(void)
{
    KIN_SCOPE(inner, .fail_after = KIN_SECONDS(0.01));
    CHECK_OUTCOME(kin_clock_jump(KIN_SECONDS(1)), "OK");
    return kin_scope_close(inner, kin_checkpoint());
}

static kin_error *b111(void *arg)
{
    (void)arg;
    kin_error *err = NULL;
    KIN_SCOPE(outer, .fail_after = KIN_SECONDS(0.1));
    KIN_TRY_TO(done, err, two_timeouts());
    NOTE("between");
done:
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG("");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B111: when a busy task runs past two nested timeouts, only the outer one is
   told of, and what stands between the two does not run. */
TEST(b111_busy_past_two_timeouts)
{
    RUNS(b111, "TIMEOUT");
}

static kin_error *b112(void *arg)
{
    (void)arg;
    KIN_SCOPE(first);
    kin_scope_cancel(first, NULL);
    CHECK_OUTCOME(kin_scope_close(first, kin_checkpoint()), "OK");

    KIN_SCOPE(second, .fail_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(0.5)), "OK");
    CHECK_OUTCOME(kin_scope_close(second, NULL), "OK");
    CHECK_STR(scope_state(second), "called=0 caught=0");

    KIN_SCOPE(third, .fail_after = KIN_SECONDS(1));
    return kin_scope_close(third, kin_sleep_forever());
}

/* B112: a timeout after a cancellation that was absorbed is like any other. */
TEST(b112_timeout_after_an_absorbed_cancellation)
{
    RUNS(b112, "TIMEOUT");
}

static kin_error *b113(void *arg)
{
    (void)arg;
    KIN_SCOPE(never, .fail_after = KIN_NEVER);
    KIN_SCOPE(unset, .deadline = KIN_NEVER);
    KIN_SCOPE(endless, .move_on_after = KIN_SECONDS(1e300));
    CHECK_EQ(kin_scope_deadline(never), KIN_NEVER);
    CHECK_EQ(kin_scope_deadline(unset), KIN_NEVER);
    CHECK_EQ(kin_scope_deadline(endless), KIN_NEVER);
    CHECK_EQ(kin_effective_deadline(), KIN_NEVER);
    CHECK_EQ(kin_run_stats().next_timer, KIN_NEVER);
    kin_error *err = kin_sleep(KIN_SECONDS(1000000));
    err = kin_scope_close(endless, err);
    err = kin_scope_close(unset, err);
    err = kin_scope_close(never, err);
    CHECK_STR(scope_state(never), "called=0 caught=0");
    return err;
}

/* A length so long that the point it leads to is past the end of time. */
static kin_error *b113_far(void *arg)
{
    (void)arg;
    KIN_SCOPE(far, .fail_after = KIN_NEVER - 1);
    CHECK(kin_scope_deadline(far) > kin_now());
    return kin_scope_close(far, kin_sleep(KIN_SECONDS(1000)));
}

/* B113: a timeout of KIN_NEVER is none, and has no timer. */
TEST(b113_timeout_of_never)
{
    RUNS(b113, "OK");
    RUNS(b113_far, "OK");
}

/* --- B128: many changes ------------------------------------------------ */

static kin_error *b128(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(5));
    long blocks = harness_heap.live;
    for (int i = 0; i < 1000; i++) {
        kin_scope_set_deadline(scope, began + KIN_SECONDS(1000 + i));
        kin_scope_set_deadline(scope, i % 2 ? KIN_NEVER : began + 3 + i);
    }
    kin_scope_set_deadline(scope, began + KIN_SECONDS(7));
    CHECK_EQ(harness_heap.live, blocks);
    CHECK_EQ(kin_run_stats().next_timer, KIN_SECONDS(7));

    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(7));
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=1");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(3000)), "OK");
    return err;
}

/* B128: a deadline that is changed 2000 times takes no more room than one, and
   fires once, where it was put last. */
TEST(b128_many_changes_of_one_deadline)
{
    RUNS(b128, "OK");
}
