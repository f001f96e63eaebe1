/* c_graceful.c: cancelling in two stages: everything at once, save what is in a
   scope opened .graceful = true; that when the grace has passed. */
#include "harness.h"

#include <kin/park.h>
#include <kin/testing.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static int tenths(kin_time since)
{
    return (int)((kin_now() - since) / KIN_MILLISECONDS(100));
}

/* --- one task --------------------------------------------------------------- */

static kin_error *two_stages(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), "stop, please");
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    {
        KIN_SCOPE(soft, .graceful = true);
        CHECK_OUTCOME(kin_sleep(KIN_SECONDS(2)), "OK");
        CHECK_EQ(tenths(began), 20);
        CHECK_OUTCOME(kin_sleep(KIN_SECONDS(9)), "CANCELLED");
        CHECK_EQ(tenths(began), 50);
        CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
        kin_error *err = kin_checkpoint();
        CHECK_STR(kin_error_during(err)->text, "stop, please");
        CHECK_EQ(kin_error_during(err)->source, KIN_BY_REQUEST);
        err = kin_scope_close(soft, err);
        CHECK_SHAPE(err, "CANCELLED");
        CHECK_STR(scope_state(soft), "called=0 caught=0");
        kin_error_free(err);
    }
    kin_error *err = kin_scope_close(outer, kin_checkpoint());
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

TEST(graceful_two_stages)
{
    RUNS(two_stages, "OK");
}

static kin_error *no_grace(void *arg)
{
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    if (arg)
        kin_scope_cancel_gracefully(outer, *(kin_time *)arg, NULL);
    else
        kin_scope_cancel(outer, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(soft, err);
    return kin_scope_close(outer, err);
}

/* A plain cancellation and one without grace are for everything. */
TEST(graceful_without_grace_is_at_once)
{
    kin_time at_once = KIN_AT_ONCE;
    RUNS(no_grace, "OK");
    EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(no_grace, &at_once, seed), "OK");
}

static kin_error *itself(void *arg)
{
    (void)arg;
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(soft, KIN_SECONDS(5), NULL);
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    kin_error *err = kin_scope_close(soft, kin_checkpoint());
    CHECK_STR(scope_state(soft), "called=1 caught=1");
    return err;
}

/* A scope hides what comes from around it, and not what is its own. */
TEST(graceful_scope_cancelled_itself)
{
    RUNS(itself, "OK");
}

static kin_error *nested(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(first);
    KIN_SCOPE(outer_soft, .graceful = true);
    KIN_SCOPE(second);
    KIN_SCOPE(inner_soft, .graceful = true);
    kin_scope_cancel_gracefully(first, KIN_SECONDS(5), "first");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    kin_scope_cancel_gracefully(second, KIN_SECONDS(2), "second");
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(3));
    kin_error *err = kin_sleep_forever();
    CHECK_EQ(tenths(began), 30);
    CHECK_STR(kin_error_during(err)->text, "second");
    err = kin_scope_close(inner_soft, err);
    CHECK_SHAPE(err, "CANCELLED");
    /* what is around `second` is not cancelled, for somebody inside the outer
       graceful scope: it absorbs its own */
    err = kin_scope_close(second, err);
    CHECK_SHAPE(err, "OK");
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    CHECK_EQ(tenths(began), 50);
    err = kin_scope_close(outer_soft, kin_checkpoint());
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(first, err);
}

TEST(graceful_scopes_nest)
{
    RUNS(nested, "OK");
}

static kin_error *absorbed(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), "outer");
    kin_scope_cancel(soft, "inner");
    kin_error *err = kin_scope_close(soft, kin_checkpoint());
    CHECK_SHAPE(err, "OK");
    CHECK_STR(scope_state(soft), "called=1 caught=1");
    NOTE("between");
    err = kin_scope_close(outer, kin_checkpoint());
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    CHECK_LOG("between");
    return err;
}

static kin_error *not_absorbed(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), "outer");
    kin_scope_cancel(soft, "inner");
    kin_error *err = kin_checkpoint();
    kin_scope_cancel(outer, NULL); /* the grace is over */
    err = kin_scope_close(soft, err);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(scope_state(soft), "called=1 caught=0");
    return kin_scope_close(outer, err);
}

/* Who absorbs is decided at the close, as with a shield (C1): during the grace
   nothing reaches through, and afterwards it does. */
TEST(graceful_scope_absorbs_its_own_during_the_grace)
{
    RUNS(absorbed, "OK");
    RUNS(not_absorbed, "OK");
}

/* --- deadlines ---------------------------------------------------------------- */

static kin_error *deadlines(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(9));
    KIN_SCOPE(soft, .graceful = true);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(9));
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), NULL);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    CHECK_EQ(kin_scope_deadline(outer), began + KIN_SECONDS(5));
    {
        KIN_SCOPE(inner, .move_on_after = KIN_SECONDS(1));
        CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(1));
        CHECK_OUTCOME(kin_scope_close(inner, kin_sleep_forever()), "OK");
    }
    {
        KIN_SCOPE(inner, .shield = true);
        CHECK_EQ(kin_effective_deadline(), KIN_NEVER);
        CHECK_OUTCOME(kin_scope_close(inner, kin_sleep(KIN_SECONDS(1))), "OK");
    }
    kin_scope_set_deadline(outer, began + KIN_SECONDS(7));
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(7));
    kin_error *err = kin_sleep_forever();
    CHECK_EQ(tenths(began), 70);
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    err = kin_scope_close(soft, err);
    return kin_scope_close(outer, err);
}

static kin_error *an_earlier_one(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(2));
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), NULL);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(2));
    kin_error *err = kin_scope_close(soft, kin_sleep_forever());
    CHECK_EQ(tenths(began), 20);
    return kin_scope_close(outer, err);
}

/* The end of the grace is the scope's deadline, unless an earlier one was. */
TEST(graceful_deadlines_compose)
{
    RUNS(deadlines, "OK");
    RUNS(an_earlier_one, "OK");
}

static kin_error *fail_after(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer, .fail_after = KIN_SECONDS(60));
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(1), "request");
    KIN_SCOPE(soft, .graceful = true);
    kin_error *err = kin_scope_close(soft, kin_sleep_forever());
    CHECK_EQ(kin_error_during(err)->source, KIN_BY_REQUEST);
    return kin_scope_close(outer, err);
}

/* B109, B131: a request stays one when its grace has passed: no timeout. */
TEST(graceful_request_is_no_timeout)
{
    RUNS(fail_after, "OK");
}

static kin_error *around_times_out(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(around, .fail_after = KIN_SECONDS(2));
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), NULL);
    kin_error *err = kin_scope_close(soft, kin_sleep_forever());
    CHECK_EQ(tenths(began), 20);
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    return kin_scope_close(around, err);
}

/* A deadline further out is for everything, whatever graces there are. */
TEST(graceful_a_deadline_around_ends_the_grace)
{
    RUNS(around_times_out, "TIMEOUT");
}

/* --- asked for again ------------------------------------------------------------- */

static kin_error *again(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), "first");
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(50), "longer");
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(3), "shorter");
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(3));
    kin_error *err = kin_scope_close(soft, kin_sleep_forever());
    CHECK_EQ(tenths(began), 30);
    CHECK_STR(kin_error_during(err)->text, "first");
    return kin_scope_close(outer, err);
}

static kin_error *at_last_hard(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), "first");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_scope_cancel(outer, "now");
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    kin_error *err = kin_scope_close(soft, kin_checkpoint());
    CHECK_STR(kin_error_during(err)->text, "first");
    return kin_scope_close(outer, err);
}

static kin_error *hard_first(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    kin_scope_cancel(outer, "now");
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), "too late");
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    kin_error *err = kin_scope_close(soft, kin_checkpoint());
    return kin_scope_close(outer, err);
}

/* Shorter and not longer; the first reason stays; a plain one ends the grace,
   and nothing brings it back. */
TEST(graceful_asked_for_again)
{
    RUNS(again, "OK");
    RUNS(at_last_hard, "OK");
    RUNS(hard_first, "OK");
}

static kin_error *before_opening(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    kin_scope early;
    kin_scope_init(&early);
    kin_scope_cancel_gracefully(&early, KIN_SECONDS(5), "early");
    CHECK(kin_scope_cancel_called(&early));
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    kin_scope_open(&early);
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    KIN_SCOPE(soft, .graceful = true);
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_error *err = kin_scope_close(soft, kin_sleep_forever());
    CHECK_EQ(tenths(began), 50);
    return kin_scope_close(&early, err);
}

static kin_error *long_before_opening(void *arg)
{
    (void)arg;
    kin_scope early;
    kin_scope_init(&early);
    kin_scope_cancel_gracefully(&early, KIN_SECONDS(5), "early");
    KIN_TRY(kin_sleep(KIN_SECONDS(9)));
    kin_scope_open(&early);
    KIN_SCOPE(soft, .graceful = true);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(soft, err);
    return kin_scope_close(&early, err);
}

TEST(graceful_before_opening)
{
    RUNS(before_opening, "OK");
    RUNS(long_before_opening, "OK");
}

static kin_error *opened_in_the_grace(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer);
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(5), NULL);
    KIN_TRY(kin_effective_deadline() == INT64_MIN ? NULL : fail_v("?"));
    for (int i = 0; i < 2; i++) {
        KIN_SCOPE(soft, .graceful = true);
        kin_error *err = kin_scope_close(soft, kin_sleep(KIN_SECONDS(1)));
        CHECK_SHAPE(err, "OK");
    }
    CHECK_EQ(tenths(began), 20);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(outer, err);
}

/* Cleanup that opens one while it is cancelled has the grace still. */
TEST(graceful_scope_opened_in_the_grace)
{
    RUNS(opened_in_the_grace, "OK");
}

/* --- tasks ---------------------------------------------------------------------- */

static kin_error *works_softly(void *arg)
{
    kin_time began = kin_now();
    KIN_SCOPE(soft, .graceful = true);
    kin_error *err = kin_sleep(*(kin_time *)arg);
    err = kin_scope_close(soft, err);
    NOTE("soft:%s@%d", shape(err), tenths(began));
    return err;
}

static kin_error *works_plainly(void *arg)
{
    kin_time began = kin_now();
    kin_error *err = kin_sleep(*(kin_time *)arg);
    NOTE("plain:%s@%d", shape(err), tenths(began));
    return err;
}

static kin_error *cancels_a_group(void *arg)
{
    (void)arg;
    kin_time three = KIN_SECONDS(3), nine = KIN_SECONDS(9);
    KIN_GROUP(group);
    kin_spawn(group, works_plainly, &three);
    kin_spawn(group, works_softly, &three);
    kin_spawn(group, works_softly, &nine);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_scope_cancel_gracefully(kin_group_scope(group), KIN_SECONDS(4), NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("plain:CANCELLED@10 soft:OK@30 soft:CANCELLED@50");
    return err;
}

TEST(graceful_in_the_children_of_a_group)
{
    RUNS(cancels_a_group, "OK");
}

static kin_error *cancels_around_a_group(void *arg)
{
    kin_time three = KIN_SECONDS(3), nine = KIN_SECONDS(9);
    KIN_SCOPE(outer);
    KIN_GROUP(group, .policy = *(kin_policy *)arg);
    kin_spawn(group, works_plainly, &three);
    kin_spawn(group, works_plainly, &nine);
    kin_spawn(group, works_softly, &three);
    kin_spawn(group, works_softly, &nine);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(4), NULL);
    kin_error *err = kin_group_close(group, kin_checkpoint());
    if (kin_error_has(err, &KIN_CANCELLED))
        CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=0");
    return kin_scope_close(outer, err);
}

/* That some end cancelled at once, the body too, takes nothing from those that
   have a grace. */
TEST(graceful_in_a_group_inside)
{
    kin_policy all = KIN_ALL, each = KIN_EACH, any = KIN_ANY;
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(cancels_around_a_group, &all, seed), "OK");
        CHECK_LOG("plain:CANCELLED@10 plain:CANCELLED@10 soft:OK@30 "
                  "soft:CANCELLED@50");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(cancels_around_a_group, &each, seed), "OK");
        CHECK_LOG("plain:CANCELLED@10 plain:CANCELLED@10 soft:OK@30 "
                  "soft:CANCELLED@50");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(cancels_around_a_group, &any, seed), "OK");
        CHECK_LOG("plain:CANCELLED@10 plain:CANCELLED@10 soft:OK@30 "
                  "soft:CANCELLED@30");
    }
}

static kin_error *group_inside(void *arg)
{
    (void)arg;
    kin_time three = KIN_SECONDS(3), nine = KIN_SECONDS(9);
    KIN_SCOPE(outer, .move_on_after = KIN_SECONDS(60));
    kin_scope_cancel_gracefully(outer, KIN_SECONDS(4), NULL);
    KIN_SCOPE(soft, .graceful = true);
    KIN_GROUP(group);
    kin_spawn(group, works_plainly, &three);
    kin_spawn(group, works_plainly, &nine);
    kin_error *err = kin_group_close(group, kin_sleep(KIN_SECONDS(2)));
    CHECK_LOG("plain:OK@30 plain:CANCELLED@40");
    err = kin_scope_close(soft, err);
    return kin_scope_close(outer, err);
}

TEST(graceful_around_a_group)
{
    RUNS(group_inside, "OK");
}

static kin_error *fails_at_2(void *arg)
{
    (void)arg;
    KIN_SCOPE(soft, .graceful = true);
    kin_error *err = kin_sleep(KIN_SECONDS(2));
    if (!err)
        err = fail_v("1");
    return kin_scope_close(soft, err);
}

static kin_error *fails_in_the_grace(void *arg)
{
    (void)arg;
    kin_time nine = KIN_SECONDS(9);
    KIN_GROUP(group);
    kin_spawn(group, works_softly, &nine);
    kin_spawn(group, fails_at_2, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_scope_cancel_gracefully(kin_group_scope(group), KIN_SECONDS(4), NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("soft:CANCELLED@20");
    return err;
}

/* A group that fails cancels for good: there is nothing left to wait for. */
TEST(graceful_ends_when_the_group_fails)
{
    RUNS(fails_in_the_grace, "G[V1]");
}

static kin_error *blocked_when_asked(void *arg)
{
    KIN_SCOPE(soft, .graceful = true);
    kin_error *err = kin_sleep((kin_time)(intptr_t)arg);
    NOTE("%s", shape(err));
    return kin_scope_close(soft, err);
}

static kin_error *shields_and_services(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, blocked_when_asked, (void *)KIN_SECONDS(20),
              .service = true);
    kin_spawn(group, blocked_when_asked, (void *)KIN_SECONDS(3));
    kin_task *one =
        kin_spawn(group, blocked_when_asked, (void *)KIN_SECONDS(9));
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_group_cancel(group, NULL);
    kin_task_cancel(one, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("CANCELLED CANCELLED CANCELLED");
    return err;
}

/* Plain cancellations, of tasks, and the end of services have no grace. */
TEST(graceful_scopes_are_no_shields)
{
    RUNS(shields_and_services, "OK");
}

static bool cancels_in_a_callback(void *context)
{
    kin_scope_cancel_gracefully(context, KIN_SECONDS(1), "from a callback");
    return true;
}

static kin_error *from_a_callback(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer);
    KIN_SCOPE(soft, .graceful = true);
    CHECK_OUTCOME(KIN_WITHIN(kin_park(cancels_in_a_callback, outer, "it"),
                             .move_on_after = KIN_SECONDS(2)),
                  "OK");
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_error *err = kin_scope_close(soft, kin_sleep_forever());
    CHECK_EQ(tenths(began), 30);
    return kin_scope_close(outer, err);
}

TEST(graceful_from_a_callback)
{
    RUNS(from_a_callback, "OK");
}

/* --- against a model ------------------------------------------------------------- */

/* A random tree of scopes, groups and tasks; somebody outside cancels, cancels
   gracefully, shields, moves deadlines and lets time pass. After each step
   every task says what it sees, and that is what walking outwards gives. */
enum { NODES = 200, STEPS = 60 };

typedef struct node {
    struct node *outer; /* the scope, group or task around it */
    kin_scope *scope;   /* NULL: a task */
    kin_task *task;
    bool shield, graceful, cancelled, in_grace;
    kin_time deadline;
} node;

/* Somebody who says what he sees. */
typedef struct probe {
    kin_task *task;
    const node *at;
} probe;

typedef struct world {
    uint32_t dice;
    node nodes[NODES];
    probe probes[NODES];
    int node_count, probe_count;
    bool over;
} world;

static world *here; /* one at a time */

static uint32_t roll(uint32_t sides)
{
    here->dice = here->dice * 1664525 + 1013904223;
    return (here->dice >> 8) % sides;
}

static node *new_node(node *outer, kin_scope *scope)
{
    node *n = &here->nodes[here->node_count++];
    *n = (node){.outer = outer,
                .scope = scope,
                .task = kin_task_self(),
                .deadline = KIN_NEVER};
    return n;
}

/* Whether what is at `n`, or what comes through it, is cancelled. */
static bool model_reached(const node *n, bool graceful)
{
    for (; n; n = n->outer) {
        if (n->cancelled && !(n->in_grace && graceful))
            return true;
        if (n->shield)
            return false;
        graceful |= n->graceful;
    }
    return false;
}

static bool model_absorbs(const node *n)
{
    return model_reached(n, false) &&
           (n->shield || !model_reached(n->outer, n->graceful));
}

static kin_time model_deadline(const node *n)
{
    kin_time least = KIN_NEVER;
    if (model_reached(n, false))
        return INT64_MIN;
    for (; n; n = n->shield ? NULL : n->outer)
        if (n->deadline < least)
            least = n->deadline;
    return least;
}

/* Looks whenever it is woken; at last it has what a checkpoint gives. */
static kin_error *look_around(const node *at)
{
    here->probes[here->probe_count++] = (probe){kin_task_self(), at};
    while (!here->over) {
        CHECK_OUTCOME(kin_park(NULL, NULL, "the next look"), "OK");
        CHECK_EQ(kin_effective_deadline(), model_deadline(at));
    }
    return kin_checkpoint();
}

static kin_error *grow(void *arg);

static kin_error *grow_group(node *outer)
{
    KIN_GROUP(group);
    node *n = new_node(outer, kin_group_scope(group));
    for (uint32_t i = 1 + roll(3); i > 0 && here->node_count < NODES - 30; i--)
        kin_spawn(group, grow, n);
    kin_error_free(look_around(n));
    return kin_group_close(group, NULL);
}

static kin_error *grow_scopes(node *outer, int depth)
{
    if (depth == 0)
        return roll(2) && here->node_count < NODES - 30 ? grow_group(outer)
                                                        : look_around(outer);
    bool shield = roll(5) == 0, graceful = roll(2) == 0;
    KIN_SCOPE(scope, .shield = shield, .graceful = graceful);
    node *n = new_node(outer, scope);
    n->shield = shield;
    n->graceful = graceful;
    kin_error *err = grow_scopes(n, depth - 1);
    kin_error_free(err);
    err = kin_checkpoint();
    CHECK_EQ(err != NULL, model_reached(n, false));
    bool absorbs = model_absorbs(n);
    bool went_in = err != NULL;
    err = kin_scope_close(scope, err);
    CHECK_EQ(err != NULL, went_in && !absorbs);
    return err;
}

static kin_error *grow(void *arg)
{
    node *n = new_node(arg, NULL);
    kin_error_free(grow_scopes(n, (int)roll(4)));
    return NULL;
}

static void model_time_passes(void)
{
    for (int i = 0; i < here->node_count; i++) {
        node *n = &here->nodes[i];
        if (n->deadline > kin_now())
            continue;
        n->cancelled = true;
        n->in_grace = false;
    }
}

/* Half a millisecond beside every time at which somebody looks. */
static kin_time some_length(void)
{
    return (kin_time)roll(20) * KIN_MILLISECONDS(1) + KIN_MICROSECONDS(500);
}

static void do_to_scope(node *n)
{
    kin_time length = some_length();
    switch (roll(5)) {
    case 0:
        n->cancelled = true;
        n->in_grace = false;
        kin_scope_cancel(n->scope, NULL);
        return;
    case 1:
        n->shield = !n->shield;
        kin_scope_set_shield(n->scope, n->shield);
        return;
    case 2:
        n->deadline = kin_now() + length;
        kin_scope_set_deadline(n->scope, n->deadline);
        return;
    default:
        kin_scope_cancel_gracefully(n->scope, length, NULL);
        if (n->cancelled && !n->in_grace)
            return;
        n->cancelled = n->in_grace = true;
        if (kin_now() + length < n->deadline)
            n->deadline = kin_now() + length;
    }
}

static kin_error *look_at_all(void)
{
    for (int i = 0; i < here->probe_count; i++)
        kin_wake(here->probes[i].task, NULL);
    return kin_wait_all_tasks_blocked(0);
}

static kin_error *step(void)
{
    node *n = &here->nodes[roll((uint32_t)here->node_count)];
    if (roll(3) == 0)
        KIN_TRY(kin_sleep((kin_time)roll(8) * KIN_MILLISECONDS(1)));
    model_time_passes();
    if (n->scope) {
        do_to_scope(n);
    } else if (roll(8) == 0) {
        n->cancelled = true;
        kin_task_cancel(n->task, NULL);
    }
    return look_at_all();
}

static kin_error *against_the_model(void *arg)
{
    here = arg;
    KIN_GROUP(group);
    kin_spawn(group, grow, NULL);
    kin_error *err = kin_wait_all_tasks_blocked(0);
    for (int i = 0; i < STEPS && !err; i++)
        err = step();
    here->over = true;
    kin_error_free(kin_error_combine(err, look_at_all()));
    return kin_group_close(group, NULL);
}

TEST(graceful_is_what_it_is_defined_to_be)
{
    static world w;
    EACH_SEED(seed)
    {
        for (uint32_t dice = 1; dice <= 40; dice++) {
            w = (world){.dice = dice * 7919 + (uint32_t)seed};
            CHECK_OUTCOME(run_virtual(against_the_model, &w, seed), "OK");
        }
    }
}
