/* hard.c: C1 to C15: the fifteen places where an implementation most easily
   goes wrong, each with what follows from it. Where a place belongs to a part
   that is not there yet, its test says so. */
#include "harness.h"

#include "error/error.h"

#include <stdlib.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* Lets every other task run until it waits, whatever is cancelled. */
static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

/* A CANCELLED whose own scope is long gone. */
static kin_error *stray_cancelled(void)
{
    KIN_SCOPE(gone);
    kin_scope_cancel(gone, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_OUTCOME(kin_scope_close(gone, NULL), "OK");
    return err;
}

static kin_error *fails_v(void *arg)
{
    (void)arg;
    return fail_v("1");
}

/* --- C1: who absorbs is decided at the close --------------------------- */

enum { DEPTH = 3, ALL_OF_THEM = 1 << DEPTH };
enum { BY_CANCEL, BY_CANCEL_INNER_FIRST, BY_DEADLINE, WAYS };

typedef struct nest {
    unsigned cancelled, shielded; /* a bit each, the outermost is the lowest */
    int way;
} nest;

static bool effectively_cancelled(const nest *all, int i)
{
    if (i < 0)
        return false;
    return (all->cancelled >> i & 1) ||
           (!(all->shielded >> i & 1) && effectively_cancelled(all, i - 1));
}

static bool absorbs(const nest *all, int i)
{
    bool shield = all->shielded >> i & 1;
    return effectively_cancelled(all, i) &&
           !(!shield && effectively_cancelled(all, i - 1));
}

static void cancel_them(const nest *all, kin_scope scopes[])
{
    for (int i = 0; i < DEPTH; i++) {
        int which = all->way == BY_CANCEL_INNER_FIRST ? DEPTH - 1 - i : i;
        if (!(all->cancelled >> which & 1))
            continue;
        if (all->way == BY_DEADLINE)
            kin_scope_set_deadline(&scopes[which],
                                   kin_now() + KIN_MICROSECONDS(1));
        else
            kin_scope_cancel(&scopes[which], NULL);
    }
    settle();
}

static void close_and_compare(const nest *all)
{
    kin_scope scopes[DEPTH];
    kin_error *err = stray_cancelled();
    for (int i = 0; i < DEPTH; i++) {
        kin_scope_init(&scopes[i]);
        kin_scope_open(&scopes[i]);
    }
    cancel_them(all, scopes);
    for (int i = 0; i < DEPTH; i++)
        kin_scope_set_shield(&scopes[i], all->shielded >> i & 1);
    for (int i = DEPTH; i-- > 0;) {
        bool caught = err && absorbs(all, i);
        err = kin_scope_close(&scopes[i], err);
        if (kin_scope_cancelled_caught(&scopes[i]) != caught)
            FAIL("cancelled %u, shielded %u, way %d: scope %d, caught is %d",
                 all->cancelled, all->shielded, all->way, i, !caught);
    }
    kin_error_free(err);
}

static kin_error *c1(void *arg)
{
    (void)arg;
    for (int way = 0; way < WAYS; way++)
        for (unsigned cancelled = 0; cancelled < ALL_OF_THEM; cancelled++)
            for (unsigned shielded = 0; shielded < ALL_OF_THEM; shielded++)
                close_and_compare(&(nest){cancelled, shielded, way});
    return kin_checkpoint();
}

/* C1: a CANCELLED belongs to no scope; a scope absorbs it when, as it closes,
   it is effectively cancelled and its parent is not, as far as its shield lets
   it see: for every nest of three (B86 to B89, B104). */
TEST(c1_who_absorbs_is_decided_at_the_close)
{
    RUNS(c1, "OK");
}

/* --- C2: a level ------------------------------------------------------- */

static kin_error *will_not_die(void *arg)
{
    int *failures = arg;
    for (int i = 0; i < 100; i++) {
        kin_error *err = i % 2 ? kin_checkpoint() : kin_sleep(KIN_SECONDS(1));
        *failures += kin_error_catch(&err, &KIN_CANCELLED);
        kin_error_free(err);
    }
    return kin_sleep_forever();
}

static kin_error *c2(void *arg)
{
    (void)arg;
    int failures = 0;
    kin_time began = kin_now();
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    KIN_GROUP(group);
    kin_spawn(group, will_not_die, &failures);
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    kin_scope_set_deadline(limit, KIN_NEVER);
    kin_error *err = kin_group_close(group, kin_sleep(KIN_SECONDS(1)));
    CHECK_SHAPE(err, "CANCELLED");
    /* the first two sleeps of the child took its second */
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_EQ(failures, 100);
    return kin_scope_close(limit, err);
}

/* C2: every checkpoint fails until the scope is closed, however often that is
   swallowed and wherever the deadline is moved (B103, B133 to B135). */
TEST(c2_cancellation_is_a_level)
{
    RUNS(c2, "OK");
}

/* --- C1, C2 and C8 together: any tree ---------------------------------- */

/* A scope or a group that is open somewhere, and what is true of it. */
typedef struct place {
    struct place *around;
    kin_scope *scope;
    bool cancelled, shield;
} place;

enum { PLACES = 500, DEEPEST = 4 };

typedef struct wood {
    place *open[PLACES];
    size_t count;
    uint32_t random;
} wood;

typedef struct wanderer {
    wood *in;
    place *at;
    int depth;
} wanderer;

static uint32_t toss(wood *in, uint32_t sides)
{
    in->random = in->random * 1664525 + 1013904223;
    return (in->random >> 8) % sides;
}

static bool is_cancelled(const place *at)
{
    for (; at; at = at->around) {
        if (at->cancelled)
            return true;
        if (at->shield)
            return false;
    }
    return false;
}

static void enter(wood *in, place *at)
{
    if (in->count < PLACES)
        in->open[in->count++] = at;
}

static void leave(wood *in, place *at)
{
    for (size_t i = 0; i < in->count; i++)
        if (in->open[i] == at)
            in->open[i] = in->open[--in->count];
}

/* Does something to a place that may be anybody's. */
static void meddle(wood *in, bool cancel)
{
    if (in->count == 0)
        return;
    place *at = in->open[toss(in, (uint32_t)in->count)];
    if (cancel) {
        at->cancelled = true;
        kin_scope_cancel(at->scope, NULL);
    } else {
        at->shield = !at->shield;
        kin_scope_set_shield(at->scope, at->shield);
    }
}

static void wander(wood *in, place *around, int depth);

static kin_error *wanders_as_a_child(void *arg)
{
    wanderer *self = arg;
    wander(self->in, self->at, self->depth);
    return NULL;
}

static void wander_in_a_scope(wood *in, place *around, int depth)
{
    KIN_SCOPE(scope);
    place here = {.around = around, .scope = scope};
    enter(in, &here);
    wander(in, &here, depth);
    leave(in, &here);
    bool cancelled = is_cancelled(&here);
    bool absorbs = cancelled && (here.shield || !is_cancelled(around));
    kin_error *err = kin_checkpoint_if_cancelled();
    CHECK_EQ(err != NULL, cancelled);
    err = kin_scope_close(scope, err);
    CHECK_EQ(err != NULL, cancelled && !absorbs);
    CHECK_EQ(kin_scope_cancelled_caught(scope), absorbs);
    kin_error_free(err);
}

static void wander_in_a_group(wood *in, place *around, int depth)
{
    KIN_GROUP(group);
    place here = {.around = around, .scope = kin_group_scope(group)};
    wanderer child = {in, &here, depth};
    enter(in, &here);
    kin_spawn(group, wanders_as_a_child, &child);
    kin_spawn(group, wanders_as_a_child, &child);
    wander(in, &here, depth);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    leave(in, &here);
}

static void wander(wood *in, place *around, int depth)
{
    for (int i = 0; i < 12; i++) {
        kin_error *err = NULL;
        uint32_t dice = toss(in, depth < DEEPEST ? 12 : 9);
        if (dice < 2)
            meddle(in, true);
        else if (dice < 5)
            meddle(in, false);
        else if (dice < 7)
            err = kin_checkpoint();
        else if (dice < 9)
            err = kin_sleep(KIN_MILLISECONDS(1));
        else if (dice < 11)
            wander_in_a_scope(in, around, depth + 1);
        else
            wander_in_a_group(in, around, depth + 1);
        kin_error_free(err);
        CHECK_EQ(kin_effective_deadline() == INT64_MIN, is_cancelled(around));
    }
}

static kin_error *any_tree(void *arg)
{
    wood in = {.random = *(uint32_t *)arg};
    wander(&in, NULL, 0);
    CHECK_EQ(in.count, 0);
    return kin_checkpoint();
}

/* C1, C2, C8: whatever is cancelled, shielded and opened by whomever, a task is
   cancelled exactly when a scope around it is that no shield hides, and a scope
   absorbs exactly what nothing further out will. */
TEST(c2_cancellation_is_what_it_is_defined_to_be)
{
    EACH_SEED(seed)
    {
        for (uint32_t dice = 1; dice <= 12; dice++)
            CHECK_OUTCOME(run_virtual(any_tree, &dice, seed), "OK");
    }
}

/* --- C3: cancelled before the start ------------------------------------ */

static int started;

/* Owns its argument, which only its own code frees. */
static kin_error *owns_its_argument(void *arg)
{
    started++;
    free(arg);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    return err;
}

static kin_error *c3_group(void *arg)
{
    (void)arg;
    started = 0;
    KIN_GROUP(group);
    kin_spawn(group, owns_its_argument, malloc(8));
    kin_group_cancel(group, NULL);
    kin_spawn(group, owns_its_argument, malloc(8));
    CHECK_EQ(started, 0);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(started, 2);
    return err;
}

static kin_error *c3_task(void *arg)
{
    (void)arg;
    started = 0;
    KIN_GROUP(group);
    kin_task *task = kin_spawn(group, owns_its_argument, malloc(8));
    kin_task_cancel(task, NULL);
    CHECK_EQ(kin_task_status(task), KIN_TASK_PENDING);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(started, 1);
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return err;
}

static kin_error *c3_limit(void *arg)
{
    (void)arg;
    started = 0;
    KIN_GROUP(group, .limit = 2);
    for (int i = 0; i < 7; i++)
        kin_spawn(group, owns_its_argument, malloc(8));
    kin_group_cancel(group, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(started, 7);
    return err;
}

static kin_error *c3_outer(void *arg)
{
    (void)arg;
    started = 0;
    KIN_SCOPE(scope);
    KIN_GROUP(group);
    kin_scope_cancel(scope, NULL);
    kin_spawn(group, owns_its_argument, malloc(8));
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(started, 1);
    return kin_scope_close(scope, err);
}

/* C3: what was cancelled before it started starts all the same, and sees it at
   its first checkpoint, since it owns its argument (B56). */
TEST(c3_cancelled_before_start_still_starts)
{
    RUNS(c3_group, "OK");
    RUNS(c3_task, "OK");
    RUNS(c3_limit, "OK");
    RUNS(c3_outer, "OK");
}

/* --- C4: completion against cancel ------------------------------------- */

/* A rendezvous of numbers, made of two wait lists. */
typedef struct counter {
    kin_wait_list sellers, buyers;
} counter;

static kin_error *sell(counter *at, int item)
{
    KIN_TRY(kin_pass());
    kin_waiter *buyer = at->buyers.first;
    if (buyer) {
        *(int *)buyer->data = item;
        kin_wait_list_wake_one(&at->buyers, NULL);
        return NULL;
    }
    kin_waiter self = {.data = &item};
    return kin_wait_on(&at->sellers, &self, "a buyer");
}

static kin_error *buy(counter *at, int *item)
{
    KIN_TRY(kin_pass());
    kin_waiter *seller = at->sellers.first;
    if (seller) {
        *item = *(int *)seller->data;
        kin_wait_list_wake_one(&at->sellers, NULL);
        return NULL;
    }
    kin_waiter self = {.data = item};
    return kin_wait_on(&at->buyers, &self, "a seller");
}

enum { TRADERS = 6, ITEMS = 40 };

typedef struct market {
    counter at;
    kin_scope *open[2 * TRADERS]; /* who is at the counter */
    int sold[TRADERS * ITEMS], bought[TRADERS * ITEMS];
    int sellers, haste;
    uint32_t random;
} market;

typedef struct trader {
    market *in;
    int number;
} trader;

static kin_error *sells(void *arg)
{
    trader *self = arg;
    market *in = self->in;
    kin_error *err = NULL;
    for (int i = 0; i < ITEMS && !err; i++) {
        int item = self->number * ITEMS + i;
        KIN_SCOPE(one);
        in->open[self->number] = one;
        err = sell(&in->at, item);
        in->sold[item] = !err;
        in->open[self->number] = NULL;
        err = kin_scope_close(one, err);
        if (!err)
            err = kin_checkpoint();
    }
    in->sellers--;
    return err;
}

static kin_error *buys(void *arg)
{
    trader *self = arg;
    market *in = self->in;
    kin_error *err = NULL;
    while (!err) {
        int item = -1;
        KIN_SCOPE(one);
        in->open[self->number] = one;
        err = buy(&in->at, &item);
        if (!err)
            in->bought[item]++;
        else
            CHECK_EQ(item, -1);
        in->open[self->number] = NULL;
        err = kin_scope_close(one, err);
        /* now the buyers are slower, now the sellers */
        for (int i = 0; i < in->haste / 8 && !err; i++)
            err = kin_checkpoint();
        in->haste = (in->haste + 1) % 32;
    }
    return err;
}

/* Cancels this one and that, now before and now after they were served. */
static kin_error *disturbs(void *arg)
{
    market *in = arg;
    while (in->sellers > 0) {
        for (int i = 0; i < 3; i++) {
            in->random = in->random * 1664525 + 1013904223;
            kin_scope *scope = in->open[(in->random >> 8) % (2 * TRADERS)];
            if (scope)
                kin_scope_cancel(scope, NULL);
        }
        KIN_TRY(kin_checkpoint());
    }
    return NULL;
}

static kin_error *c4(void *arg)
{
    market in = {.sellers = TRADERS, .random = (uint32_t)(uintptr_t)arg};
    trader all[2 * TRADERS];
    KIN_GROUP(group);
    KIN_GROUP(selling);
    for (int i = 0; i < 2 * TRADERS; i++) {
        all[i] = (trader){&in, i};
        kin_spawn(i < TRADERS ? selling : group, i < TRADERS ? sells : buys,
                  &all[i]);
    }
    kin_spawn(selling, disturbs, &in);
    kin_error *err = kin_group_close(selling, NULL);
    kin_group_cancel(group, NULL);
    err = kin_group_close(group, err);

    int sold = 0;
    for (int i = 0; i < TRADERS * ITEMS; i++) {
        if (in.sold[i] != in.bought[i])
            FAIL("item %d: sold %d, bought %d", i, in.sold[i], in.bought[i]);
        sold += in.sold[i];
    }
    CHECK(sold > TRADERS && sold < TRADERS * (ITEMS - 1));
    CHECK(!in.at.buyers.first && !in.at.sellers.first);
    return err;
}

/* C4: a waiter that was woken has its result, one that was cancelled has left
   the list: whatever happens in the same tick, nothing is lost and nothing is
   there twice (B138 to B141, B143). */
TEST(c4_completion_and_cancel_in_the_same_tick)
{
    EACH_SEED(seed)
    {
        for (uintptr_t dice = 0; dice < 20; dice++)
            CHECK_OUTCOME(run_virtual(c4, (void *)dice, seed), "OK");
    }
}

/* --- C5: a group's close ----------------------------------------------- */

static kin_error *notes_it_ran(void *arg)
{
    NOTE("%s", (const char *)arg);
    return NULL;
}

static kin_error *swallows(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return NULL;
}

static kin_error *takes_its_time(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    KIN_SCOPE(cleaning, .shield = true);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(3)), "OK");
    NOTE("cleaned");
    kin_error *closed = kin_scope_close(cleaning, NULL);
    return kin_error_combine(err, closed);
}

static kin_error *c5(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(scope);
    KIN_GROUP(around);
    kin_spawn(around, notes_it_ran, "another");
    kin_scope_cancel(scope, NULL);

    /* empty: gives way, and ends well */
    KIN_GROUP(empty);
    CHECK_OUTCOME(kin_group_close(empty, NULL), "OK");
    CHECK_LOG("another");

    /* a child without a checkpoint */
    KIN_GROUP(busy);
    kin_spawn(busy, notes_it_ran, "busy");
    CHECK_OUTCOME(kin_group_close(busy, NULL), "OK");
    CHECK_LOG("another busy");

    /* children that swallow it: the code after the group runs */
    KIN_GROUP(stubborn);
    kin_spawn(stubborn, swallows, NULL);
    kin_spawn(stubborn, swallows, NULL);
    CHECK_OUTCOME(kin_group_close(stubborn, NULL), "OK");
    CHECK_STR(scope_state(kin_group_scope(stubborn)), "called=0 caught=0");

    /* and it never returns while a child lives */
    KIN_GROUP(slow);
    kin_spawn(slow, takes_its_time, NULL);
    CHECK_OUTCOME(kin_group_close(slow, NULL), "CANCELLED");
    CHECK_LOG("another busy cleaned");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(3));

    kin_error *err = kin_group_close(around, NULL);
    err = kin_scope_close(scope, err);
    CHECK_STR(scope_state(scope), "called=1 caught=0");
    return err;
}

/* C5: a group's close is no cancel point and makes no CANCELLED of its own:
   what its children make of it decides (B50 to B52). */
TEST(c5_group_close_originates_nothing)
{
    CHECK_OUTCOME(run_virtual(c5, NULL, 0), "OK");
}

/* --- C6: groups wrap once ---------------------------------------------- */

static kin_error *group_with_a_failing_child(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, fails_v, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *group_with_a_failing_group(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, group_with_a_failing_child, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *group_in_the_body(void *arg)
{
    KIN_GROUP(group);
    return kin_group_close(group, group_with_a_failing_child(arg));
}

static kin_error *starts_a_failing_child(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err = kin_start(group, fails_v, NULL, NULL);
    CHECK_OUTCOME(err, "V1");
    err = kin_start(group, group_with_a_failing_child, NULL, NULL);
    CHECK_OUTCOME(err, "G[V1]");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return kin_group_close(group, NULL);
}

static kin_error *outer_child_fails(void *arg)
{
    (void)arg;
    KIN_GROUP(outer);
    kin_spawn(outer, fails_v, NULL);
    KIN_GROUP(inner);
    kin_spawn(inner, sleeps_forever, NULL);
    kin_error *err = kin_group_close(inner, kin_sleep_forever());
    return kin_group_close(outer, err);
}

/* C6: one error is wrapped once for each group that it leaves, and by nothing
   else (B39, B41, B48, B49, B68 to B70, B92). */
TEST(c6_groups_wrap_once)
{
    RUNS(fails_v, "V1");
    RUNS(group_with_a_failing_child, "G[V1]");
    RUNS(group_with_a_failing_group, "G[G[V1]]");
    RUNS(group_in_the_body, "G[G[V1]]");
    RUNS(starts_a_failing_child, "OK");
    RUNS(outer_child_fails, "G[V1]");
}

/* --- C7: absorbed, and an error all the same --------------------------- */

static kin_error *c7(void *arg)
{
    (void)arg;
    /* a group whose child failed is cancelled; caught only with a sibling */
    KIN_GROUP(alone);
    kin_spawn(alone, fails_v, NULL);
    CHECK_OUTCOME(kin_group_close(alone, NULL), "G[V1]");
    CHECK_STR(scope_state(kin_group_scope(alone)), "called=1 caught=0");
    KIN_GROUP(together);
    kin_spawn(together, fails_v, NULL);
    kin_spawn(together, sleeps_forever, NULL);
    CHECK_OUTCOME(kin_group_close(together, NULL), "G[V1]");
    CHECK_STR(scope_state(kin_group_scope(together)), "called=1 caught=1");

    /* absorbed beside an error: that comes out, and no TIMEOUT */
    KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
    kin_error *both[2] = {kin_sleep_forever(), fail_v("2")};
    kin_error *err = kin_error_group("both", both, 2);
    CHECK_OUTCOME(kin_scope_close(limit, err), "G[V2]");
    CHECK_STR(scope_state(limit), "called=1 caught=1");

    /* swallowed though the deadline passed: no TIMEOUT */
    KIN_SCOPE(swallowed, .fail_after = KIN_SECONDS(1));
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(swallowed, NULL), "OK");
    CHECK_STR(scope_state(swallowed), "called=1 caught=0");

    /* cancelled by hand: no TIMEOUT */
    KIN_SCOPE(cancelled, .fail_after = KIN_SECONDS(1));
    kin_scope_cancel(cancelled, NULL);
    CHECK_OUTCOME(kin_scope_close(cancelled, kin_sleep_forever()), "OK");
    CHECK_STR(scope_state(cancelled), "called=1 caught=1");
    return NULL;
}

/* C7: a scope can absorb a cancellation and let an error out; there is a
   TIMEOUT only when nothing else comes out (B55, B91, B108, B109). */
TEST(c7_absorbed_and_an_error_all_the_same)
{
    RUNS(c7, "OK");
}

/* --- C8: what a child inherits ----------------------------------------- */

static kin_error *lives_on(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    NOTE("lived");
    return kin_sleep_forever();
}

/* The scope's frame is gone while the child still runs. */
static void spawns_from_a_cancelled_scope(kin_group *group)
{
    KIN_SCOPE(later);
    kin_scope_cancel(later, NULL);
    kin_spawn(group, lives_on, NULL);
    CHECK_OUTCOME(kin_scope_close(later, NULL), "OK");
}

static kin_error *spawns_shielded(void *arg)
{
    KIN_SCOPE(shield, .shield = true);
    kin_spawn((kin_group *)arg, lives_on, NULL);
    kin_error *err = kin_sleep(KIN_SECONDS(20));
    return kin_scope_close(shield, err);
}

static kin_error *c8(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(elsewhere);
    KIN_SCOPE(around, .move_on_after = KIN_SECONDS(10));
    KIN_GROUP(group);
    spawns_from_a_cancelled_scope(group);
    kin_spawn(elsewhere, spawns_shielded, group);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG("lived lived");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(10));
    err = kin_scope_close(around, err);
    err = kin_group_close(elsewhere, err);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(20));
    return err;
}

/* C8: a child is under the scopes around its group, whoever spawned it and
   wherever: neither a later cancellation nor a later shield applies (B118,
   B119). */
TEST(c8_inherited_where_the_group_opened)
{
    RUNS(c8, "OK");
}

/* --- C9: starting ------------------------------------------------------ */

static kin_error *starts_after_its_cancellation(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    int value = 5;
    kin_started(&value);
    KIN_SCOPE(cleaning, .shield = true);
    kin_error *err = kin_sleep(KIN_SECONDS(2));
    err = kin_scope_close(cleaning, err);
    NOTE("ended");
    return kin_error_combine(err, kin_checkpoint());
}

static kin_error *c9_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    void *value = &began;
    KIN_GROUP(group);
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    kin_error *err =
        kin_start(group, starts_after_its_cancellation, NULL, &value);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG("ended");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(3));
    CHECK_EQ(value, &began);
    CHECK_EQ(kin_group_running(group), 0);
    CHECK_OUTCOME(kin_scope_close(limit, err), "OK");
    return kin_group_close(group, NULL);
}

static kin_error *forgets_to_say_so(void *arg)
{
    (void)arg;
    return kin_checkpoint();
}

static kin_error *c9_forgotten(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    CHECK_OUTCOME(kin_start(group, forgets_to_say_so, NULL, NULL), "MISUSE");
    return kin_group_close(group, NULL);
}

static kin_error *starts_at_two(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    kin_started(NULL);
    return kin_sleep(KIN_SECONDS(3));
}

static kin_error *starts_another(void *arg)
{
    return kin_start((kin_group *)arg, starts_at_two, NULL, NULL);
}

static kin_error *c9_keeps_open(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(elsewhere);
    KIN_GROUP(group);
    kin_spawn(elsewhere, starts_another, group);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(5));
    return kin_group_close(elsewhere, err);
}

static kin_error *starts_with_a_grandchild(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, sleeps_forever, NULL);
    settle();
    kin_started(NULL);
    return kin_group_close(group, NULL);
}

static kin_error *c9_into_a_cancelled_group(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_group_cancel(group, NULL);
    KIN_SCOPE(here, .shield = true);
    kin_time began = kin_now();
    kin_error *err = kin_start(group, starts_with_a_grandchild, NULL, NULL);
    CHECK_SHAPE(err, "OK");
    err = kin_scope_close(here, err);
    err = kin_group_close(group, err);
    CHECK_EQ(kin_now() - began, KIN_MILLISECONDS(1));
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

/* C9: a child that is started moves into its group, with all that it has opened
   and at once under its cancellation, but not when the start is cancelled
   already; starts that are on their way keep the group open (B71 to B79). */
TEST(c9_starting_moves_live_tasks)
{
    RUNS(c9_cancelled, "OK");
    RUNS(c9_forgotten, "OK");
    RUNS(c9_keeps_open, "OK");
    RUNS(c9_into_a_cancelled_group, "OK");
}

/* --- C10: nesting is checked at run time ------------------------------- */

static kin_error *ends_with_a_note(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    NOTE("child");
    return err;
}

static kin_error *leaves_its_group(void)
{
    KIN_GROUP(leaked);
    kin_spawn(leaked, ends_with_a_note, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return NULL;
}

static kin_error *c10_return(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(leaves_its_group(), "OK");
    /* its child has ended by now */
    CHECK_LOG("child");
    return kin_checkpoint();
}

static kin_error *c10_goto(void *arg)
{
    (void)arg;
    kin_scope *outside = NULL;
    {
        KIN_SCOPE(inside, .move_on_after = KIN_SECONDS(1));
        outside = inside;
        if (outside)
            goto out;
        CHECK_OUTCOME(kin_scope_close(inside, NULL), "OK");
    }
out:
    return kin_sleep(KIN_SECONDS(5));
}

static kin_error *c10_order(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_GROUP(inner);
    kin_error *err = kin_scope_close(outer, NULL);
    const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
    CHECK(misuse != NULL);
    const char *message = misuse ? kin_error_message(misuse) : "";
    CHECK_CONTAINS(message, "outer");
    CHECK_CONTAINS(message, "inner");
    kin_error_free(err);
    CHECK_OUTCOME(kin_group_close(inner, NULL), "OK");
    return kin_checkpoint();
}

static kin_error *c10_group_order(void *arg)
{
    (void)arg;
    work brief = {.after = KIN_SECONDS(1)};
    KIN_GROUP(outer);
    kin_spawn(outer, works, &brief);
    KIN_SCOPE(inner);
    kin_error *err = kin_group_close(outer, NULL);
    CHECK(leaf_of(err, &KIN_MISUSE) != NULL);
    CHECK_EQ(kin_group_running(outer), 0);
    kin_error_free(err);
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    return kin_checkpoint();
}

static kin_error *closes_anothers_group(void *arg)
{
    CHECK_OUTCOME(kin_group_close((kin_group *)arg, NULL), "MISUSE");
    return NULL;
}

static kin_error *c10_wrong_task(void *arg)
{
    (void)arg;
    KIN_GROUP(elsewhere);
    KIN_GROUP(group);
    kin_spawn(elsewhere, closes_anothers_group, group);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    kin_spawn(group, fails_v, NULL);
    CHECK_OUTCOME(kin_group_close(group, NULL), "G[V1]");
    return kin_group_close(elsewhere, NULL);
}

static kin_error *c10_twice(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    kin_error *err = kin_group_close(group, fail_v("1"));
    CHECK_STR(shape_sorted(err), "G[MISUSE, V1]");
    kin_error_free(err);
    return kin_checkpoint();
}

/* What lies in the memory of a frame that was left is no scope. */
static kin_error *c10_dead_frame(void *arg)
{
    (void)arg;
    const int fills[] = {0x00, 0x55, 0xA5, 0xFF};
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        kin_group group;
        memset(&group, fills[i], sizeof group);
        CHECK_OUTCOME(kin_group_close(&group, NULL), "MISUSE");
        CHECK_OUTCOME(kin_scope_close(&group.scope, NULL), "MISUSE");
    }
    return kin_checkpoint();
}

/* C10: leaving a block without its close, closing in the wrong order, from
   another task, or twice: each has a result that names what is wrong, and the
   task goes on (B61 to B64, B123 to B126). */
TEST(c10_nesting_is_checked_at_run_time)
{
    RUNS(c10_return, "G[MISUSE]");
    RUNS(c10_goto, "G[MISUSE]");
    RUNS(c10_order, "OK");
    RUNS(c10_group_order, "OK");
    RUNS(c10_wrong_task, "OK");
    RUNS(c10_twice, "OK");
    RUNS(c10_dead_frame, "OK");
}

/* --- C11: generators --------------------------------------------------- */

static void opens_and_leaves_open(kin_scope *scope)
{
    kin_scope_init(scope, .move_on_after = KIN_SECONDS(1), .name = "helper's");
    kin_scope_open(scope);
}

static kin_error *a_limit(kin_generator *self, void *arg)
{
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    return kin_scope_close(limit, kin_yield(self, arg));
}

/* Three times prevented, three times not. */
static kin_error *c11_yields(kin_generator *self, void *arg)
{
    kin_scope scope;
    KIN_TRY(kin_yield(self, arg));
    opens_and_leaves_open(&scope);
    NOTE("%s", shape(kin_yield(self, arg)));
    KIN_TRY(kin_scope_close(&scope, NULL));
    KIN_TRY(kin_yield(self, arg));

    KIN_CONTEXT(context, a_limit, NULL);
    KIN_TRY(kin_context_enter(context, NULL));
    NOTE("%s", shape(kin_yield(self, arg)));
    KIN_TRY(kin_context_close(context, NULL));
    KIN_TRY(kin_yield(self, arg));

    KIN_GROUP(group);
    kin_spawn(group, sleeps_forever, NULL);
    kin_error *err = kin_group_close(group, kin_yield(self, arg));
    NOTE("%s", shape(err));
    return err;
}

static kin_error *c11(void *arg)
{
    int *item;
    size_t count = 0;
    kin_error *err = NULL;
    kin_time began = kin_now();
    KIN_SCOPE(around, .fail_after = KIN_SECONDS(100));
    KIN_GENERATOR(items, c11_yields, arg);
    while (!(err = kin_next(items, &item)) && item) {
        count++;
        CHECK_EQ(item, arg);
        KIN_TRY_TO(done, err, kin_sleep(KIN_SECONDS(5))); /* nobody's timer */
    }
    CHECK_SHAPE(err, "G[YIELD_PREVENTED]");
    kin_error_free(err);
    CHECK_EQ(count, 3);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(15));
    CHECK_LOG("YIELD_PREVENTED YIELD_PREVENTED G[YIELD_PREVENTED]");
    err = NULL;
done:
    return kin_scope_close(around, kin_generator_close(items, err));
}

/* C11: a yield is forbidden while something that the generator opened since it
   was resumed is still open, be it by a helper or a context: not the
   consumer's. It fails inside, before any switch, and the generator can still
   unwind. */
TEST(c11_yields_are_counted_for_each_activation)
{
    EACH_SEED(seed)
    {
        int item = 1;
        kin_error *err = run_virtual(c11, &item, seed);
        CHECK_SHAPE(err, "G[YIELD_PREVENTED, YIELD_PREVENTED]");
        kin_error_free(err); /* those that were only looked at */
    }
}

/* --- C12: handing over ------------------------------------------------- */

static kin_error *buys_one(void *arg)
{
    market *in = arg;
    int item = -1;
    KIN_TRY(buy(&in->at, &item));
    NOTE("bought %d", item);
    return NULL;
}

static kin_error *c12(void *arg)
{
    (void)arg;
    market in = {.sellers = 1};
    KIN_GROUP(group);
    kin_spawn(group, buys_one, &in);
    settle();
    CHECK_OUTCOME(sell(&in.at, 7), "OK");
    /* it is the waiting buyer's, though that has not run: nobody else's */
    int item = -1;
    CHECK_OUTCOME(KIN_WITHIN(buy(&in.at, &item), .fail_after = KIN_SECONDS(1)),
                  "TIMEOUT");
    CHECK_EQ(item, -1);
    CHECK_LOG("bought 7");
    return kin_group_close(group, NULL);
}

/* C12: what is handed to a waiter is the waiter's from then on. (The endings of
   channels have tests of their own, where there are channels.) */
TEST(c12_handed_over_is_owned)
{
    RUNS(c12, "OK");
}

/* --- C13: supervisors -------------------------------------------------- */

static kin_error *notes_the_error(kin_error *error, kin_task *task,
                                  void *context)
{
    kin_time began = *(kin_time *)context;
    NOTE("%s:%s@%d", kin_task_name(task), shape(error),
         (int)((kin_now() - began) / KIN_MILLISECONDS(100)));
    kin_error_free(error);
    return NULL;
}

static kin_error *c13_now(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work failing = {.after = KIN_SECONDS(0.2), .kind = &TEST_V, .text = "1"};
    work lasting = {.after = KIN_SECONDS(0.5), .note = "sibling"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_the_error,
              .context = &began);
    kin_spawn(group, works, &failing, .name = "child");
    kin_spawn(group, works, &lasting);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(0.3)), "OK");
    CHECK_LOG("child:V1@2");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("child:V1@2 sibling");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(0.5));
    return err;
}

static kin_error *c13_loud(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, fails_v, NULL, .name = "child");
    settle();
    CHECK_UNHANDLED("child:V1");
    return kin_group_close(group, NULL);
}

static kin_error *fails_on(kin_error *error, kin_task *task, void *context)
{
    (void)task;
    (void)context;
    kin_error_free(error);
    return fail_t("2");
}

static kin_error *c13_handler_fails(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = fails_on);
    kin_spawn(group, fails_v, NULL, .name = "child");
    settle();
    CHECK_UNHANDLED("child:T2");
    return kin_group_close(group, NULL);
}

static kin_error *forgets(kin_error *error, kin_task *task, void *context)
{
    (void)task;
    (void)context;
    kin_error_free(error);
    return NULL;
}

static kin_error *c13_flat(void *arg)
{
    (void)arg;
    long blocks = 0;
    size_t errors = 0;
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = forgets);
    for (int i = 0; i < 2000; i++) {
        if (i == 100) {
            blocks = harness_heap.live;
            errors = kin__error_live();
        }
        kin_spawn(group, fails_v, NULL);
        settle();
    }
    CHECK_EQ(harness_heap.live, blocks);
    CHECK_EQ(kin__error_live(), errors);
    CHECK_EQ(kin_group_running(group), 0);
    return kin_group_close(group, NULL);
}

static kin_error *exits(void *arg)
{
    (void)arg;
    return kin_exit(3);
}

static kin_error *c13_exit(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, ends_with_a_note, NULL);
    kin_spawn(group, exits, NULL);
    kin_error *err = kin_group_close(group, kin_sleep_forever());
    CHECK_LOG("child");
    return err;
}

static kin_error *c13_body(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, ends_with_a_note, NULL);
    settle();
    kin_error *err = kin_group_close(group, fail_v("1"));
    CHECK_LOG("child");
    return err;
}

static kin_error *shuts_down(void *arg)
{
    kin_error *err = kin_group_shutdown((kin_group *)arg, 0);
    CHECK_SHAPE(err, "CANCELLED");
    NOTE("asked");
    return err;
}

static kin_error *c13_shutdown(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, ends_with_a_note, NULL);
    kin_spawn(group, shuts_down, group);
    /* the opener is not cancelled */
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_LOG_SORTED("asked child");
    return kin_group_close(group, err);
}

/* C13: a supervisor tells of an error at once, keeps nothing, is loud where
   nobody handles it, and ends for an exit or its body's error, which come out
   bare; it can be shut down from inside (B150 to B166). */
TEST(c13_supervisors)
{
    RUNS(c13_now, "OK");
    RUNS(c13_loud, "OK");
    RUNS(c13_handler_fails, "OK");
    CHECK_OUTCOME(run_virtual(c13_flat, NULL, 0), "OK");
    RUNS(c13_exit, "EXIT(3)");
    RUNS(c13_body, "V1");
    RUNS(c13_shutdown, "OK");
}

/* --- C14: causality is data -------------------------------------------- */

/* Notices that its peer is gone, because it was cancelled. */
static kin_error *loses_its_connection(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return kin_fail(&KIN_CLOSED, "the connection is closed");
}

/* Has noticed it before, though it tells only now. */
static kin_error *has_lost_it_before(void *arg)
{
    (void)arg;
    kin_error *err = kin_fail(&KIN_CLOSED, "the connection is closed");
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return err;
}

static kin_error *c14_because(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, loses_its_connection, NULL);
    settle();
    kin_spawn(group, exits, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *c14_unrelated(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, has_lost_it_before, NULL);
    settle();
    kin_spawn(group, exits, NULL);
    return kin_group_close(group, NULL);
}

static int exit_status_of(kin_error *err, bool *show)
{
    int status = kin_error_exit_status(err, show);
    kin_error_free(err);
    return status;
}

/* C14: of an exit and a closed connection it is known which came of which: the
   exit wins over its consequences alone, and nothing is lost (B129 to B131,
   B259). */
TEST(c14_causality_is_data)
{
    EACH_SEED(seed)
    {
        bool show = true;
        kin_error *err = run_virtual(c14_because, NULL, seed);
        CHECK_SHAPE(err, "G[EXIT(3), CLOSED]");
        CHECK(kin_error_follows_from(leaf_of(err, &KIN_CLOSED),
                                     leaf_of(err, &KIN_EXIT)));
        CHECK_EQ(exit_status_of(err, &show), 3);
        CHECK(!show);

        err = run_virtual(c14_unrelated, NULL, seed);
        CHECK_SHAPE(err, "G[EXIT(3), CLOSED]");
        CHECK(!kin_error_follows_from(leaf_of(err, &KIN_CLOSED),
                                      leaf_of(err, &KIN_EXIT)));
        CHECK_EQ(exit_status_of(err, &show), 1);
        CHECK(show);
    }
}

/* --- C15: what is left is joined --------------------------------------- */

static kin_error *ends_after(void *arg)
{
    KIN_TRY(kin_sleep(*(kin_time *)arg));
    return NULL;
}

static kin_error *c15(void *arg)
{
    (void)arg;
    kin_time lengths[] = {KIN_SECONDS(1), KIN_SECONDS(2)};
    kin_time began = kin_now();
    KIN_GROUP(group, .keep = true);
    kin_spawn(group, ends_after, &lengths[1]);
    kin_spawn(group, takes_its_time, NULL);
    kin_task *first = kin_spawn(group, ends_after, &lengths[0]);
    kin_task *done = NULL;
    kin_error *err = kin_group_next(group, &done);
    CHECK_SHAPE(err, "OK");
    CHECK_EQ(done, first);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));

    /* leaves the loop early: the rest is cancelled, and waited for */
    kin_group_cancel(group, NULL);
    err = kin_group_close(group, NULL);
    CHECK_LOG("cleaned");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(4));
    return err;
}

typedef struct cleanup {
    bool fails;
} cleanup;

/* Its cleanup is a group that takes its time, and fails if it is told to. */
static kin_error *cleans_up_in_a_group(kin_generator *self, void *arg)
{
    cleanup *how = arg;
    kin_error *err = kin_yield(self, arg);
    kin_time length = KIN_SECONDS(2);
    if (how->fails)
        err = kin_error_combine(err, fail_v("1"));
    KIN_GROUP(group);
    KIN_SCOPE(section, .shield = true);
    kin_error *wait = ends_after(&length);
    err = kin_error_combine(err, kin_scope_close(section, wait));
    err = kin_group_close(group, err);
    NOTE("unwound");
    return err;
}

static kin_error *c15_generator(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        cleanup how = {i == 1}, *value;
        kin_time began = kin_now();
        KIN_GENERATOR(items, cleans_up_in_a_group, &how);
        KIN_TRY(kin_next(items, &value));
        kin_error *err = kin_generator_close(items, NULL);
        CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
        CHECK_OUTCOME(err, i ? "G[G[V1]]" : "OK");
    }
    CHECK_LOG("unwound unwound");
    return NULL;
}

/* C15: leaving a loop over results early cancels the rest and joins them before
   control goes on (B173 to B175); closing a generator runs it to its end, takes
   its KIN_GENERATOR_EXIT out of groups and gives any other leaf (B197).
   (Threads: where they are.) */
TEST(c15_what_is_left_is_joined)
{
    RUNS(c15, "OK");
    RUNS(c15_generator, "OK");
}
