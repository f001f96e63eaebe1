/* p_values.c: B267: values that a task inherits from the task that spawns it. */
#include "harness.h"

#include <kin/park.h>
#include <kin/testing.h>
#include <kin/value.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

typedef struct user {
    const char *name;
    int level;
} user;

static void dropped(void *value)
{
    NOTE("drop:%d", *(int *)value);
}

KIN_DECLARE_KEY(request_id, int);
KIN_DEFINE_KEY(request_id);
KIN_DECLARE_KEY(asking, user);
KIN_DEFINE_KEY(asking);
KIN_DECLARE_KEY(resource, int);
KIN_DEFINE_KEY(resource, dropped);

/* --- one task ----------------------------------------------------------------- */

static kin_error *set_and_get(void *arg)
{
    (void)arg;
    CHECK_EQ(kin_value_get(&request_id, -1), -1);
    CHECK(!kin_value_find(&request_id.key));
    KIN_TRY(kin_value_set(&request_id, 7));
    CHECK_EQ(kin_value_get(&request_id, -1), 7);
    KIN_TRY(kin_value_set(&request_id, 8));
    CHECK_EQ(kin_value_get(&request_id, -1), 8);

    user eve = {"eve", 3}, nobody = {"nobody", 0};
    CHECK_STR(kin_value_get(&asking, nobody).name, "nobody");
    KIN_TRY(kin_value_set(&asking, eve));
    eve.level = 9; /* it was copied */
    CHECK_EQ(kin_value_get(&asking, nobody).level, 3);
    CHECK_EQ(kin_value_get(&request_id, -1), 8);
    CHECK_STR(request_id.key.name, "request_id");
    return NULL;
}

TEST(b267_a_value_of_ones_own)
{
    RUNS(set_and_get, "OK");
    CHECK(!kin_value_find(&request_id.key)); /* outside of a run */
}

/* --- inherited ------------------------------------------------------------------ */

static kin_error *changes_its_own(void *arg)
{
    kin_error *err = kin_sleep(*(kin_time *)arg);
    CHECK_EQ(kin_value_get(&request_id, -1), 1);
    KIN_TRY(kin_value_set(&request_id, 100));
    KIN_TRY(kin_checkpoint());
    CHECK_EQ(kin_value_get(&request_id, -1), 100);
    return err;
}

static kin_error *inherits(void *arg)
{
    (void)arg;
    kin_time soon = KIN_SECONDS(1), later = KIN_SECONDS(2);
    KIN_TRY(kin_value_set(&request_id, 1));
    KIN_GROUP(group);
    kin_spawn(group, changes_its_own, &soon);
    kin_spawn(group, changes_its_own, &later);
    KIN_TRY(kin_value_set(&request_id, 2)); /* they have been spawned already */
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_value_get(&request_id, -1), 2);
    return err;
}

/* A child sees what its spawner had at the spawn; what it sets is its own. */
TEST(b267_a_child_sees_its_spawners_values)
{
    RUNS(inherits, "OK");
}

static kin_error *notes_it(void *arg)
{
    NOTE("%s:%d", (const char *)arg, kin_value_get(&request_id, -1));
    return NULL;
}

static kin_error *passes_on(void *arg)
{
    KIN_TRY(kin_value_set(&request_id, kin_value_get(&request_id, 0) + 1));
    kin_spawn((kin_group *)arg, notes_it, "into");
    KIN_GROUP(inner);
    kin_spawn(inner, notes_it, "inner");
    return kin_group_close(inner, NULL);
}

static kin_error *grandchildren(void *arg)
{
    (void)arg;
    KIN_TRY(kin_value_set(&request_id, 1));
    KIN_GROUP(group);
    kin_spawn(group, passes_on, group);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("inner:2 into:2");
    return err;
}

/* It goes by who spawns, and not by whose the group is. */
TEST(b267_a_grandchild_sees_what_its_spawner_set)
{
    RUNS(grandchildren, "OK");
}

static kin_error *comes_up(void *arg)
{
    NOTE("started:%d", kin_value_get(&request_id, -1));
    kin_started(arg);
    return NULL;
}

static kin_error *every_way_to_spawn(void *arg)
{
    (void)arg;
    KIN_TRY(kin_value_set(&request_id, 5));
    kin_job jobs[] = {{.fn = notes_it, .arg = "job"}};
    KIN_TRY(kin_gather(jobs, 1));
    KIN_TRY(kin_race(jobs, 1, NULL));
    kin_spawn_background(notes_it, "background");
    KIN_GROUP(group, .limit = 1);
    KIN_TRY(kin_start(group, comes_up, NULL, NULL));
    kin_spawn(group, notes_it, "first");
    kin_spawn(group, notes_it, "pending");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("background:5 first:5 job:5 job:5 pending:5 started:5");
    return err;
}

TEST(b267_every_way_to_spawn)
{
    RUNS(every_way_to_spawn, "OK");
}

static kin_error *fails_once(void *arg)
{
    int *runs = arg;
    NOTE("%d", kin_value_get(&request_id, -1));
    KIN_TRY(kin_value_set(&request_id, 9));
    return (*runs)++ ? NULL : kin_fail(&TEST_V, "1");
}

static kin_error *run_again(void *arg)
{
    (void)arg;
    int runs = 0;
    KIN_TRY(kin_value_set(&request_id, 5));
    KIN_GROUP(group);
    kin_spawn(group, fails_once, &runs, .name = "p", .restart = {.budget = 1});
    kin_error *err = kin_group_close(group, NULL);
    CHECK_UNHANDLED("p:V1");
    CHECK_LOG("5 5");
    return err;
}

/* What a run has set is that run's own. */
TEST(b267_each_run_of_a_child_sees_the_values_of_its_spawn)
{
    RUNS(run_again, "OK");
}

/* --- those of the group's opening -------------------------------------------------- */

static kin_error *spawns_into(void *arg)
{
    KIN_TRY(kin_value_set(&request_id, 77));
    kin_spawn((kin_group *)arg, notes_it, "foreign");
    return NULL;
}

static kin_error *at_the_opening(void *arg)
{
    (void)arg;
    KIN_TRY(kin_value_set(&request_id, 1));
    KIN_GROUP(group, .values_at_opening = true);
    KIN_TRY(kin_value_set(&request_id, 2));
    kin_spawn(group, notes_it, "own");
    KIN_GROUP(other);
    kin_spawn(other, spawns_into, group);
    kin_error *err = kin_group_close(other, NULL);
    err = kin_group_close(group, err);
    CHECK_EQ(kin_value_get(&request_id, -1), 2);
    CHECK_LOG_SORTED("foreign:1 own:1");
    return err;
}

/* "...whoever spawns it" (trio #1523) */
TEST(b267_values_of_the_groups_opening)
{
    RUNS(at_the_opening, "OK");
}

static bool spawns_in_a_callback(void *context)
{
    CHECK(!kin_value_find(&request_id.key));
    kin_spawn((kin_group *)context, notes_it, "called");
    kin_spawn_background(notes_it, "background");
    return true;
}

static kin_error *from_a_callback(void *arg)
{
    KIN_TRY(kin_value_set(&request_id, 5));
    KIN_GROUP(group, .values_at_opening = *(bool *)arg);
    kin_error *err = KIN_WITHIN(kin_park(spawns_in_a_callback, group, "it"),
                                .move_on_after = KIN_SECONDS(1));
    err = kin_group_close(group, err);
    CHECK_LOG_SORTED(*(bool *)arg ? "background:-1 called:5"
                                  : "background:-1 called:-1");
    return err;
}

/* "What a plain callback spawns sees nothing." */
TEST(b267_a_callback_has_no_values)
{
    bool yes = true, no = false;
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(from_a_callback, &no, seed), "OK");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(from_a_callback, &yes, seed), "OK");
    }
}

/* --- dropped once -------------------------------------------------------------------- */

static kin_error *holds_it(void *arg)
{
    KIN_TRY(kin_sleep(*(kin_time *)arg));
    NOTE("seen:%d", kin_value_get(&resource, -1));
    return NULL;
}

static kin_error *drops(void *arg)
{
    (void)arg;
    kin_time second = KIN_SECONDS(1);
    KIN_TRY(kin_value_set(&resource, 1));
    KIN_TRY(kin_value_set(&resource, 2)); /* in place */
    CHECK_LOG("drop:1");
    KIN_GROUP(group);
    kin_spawn(group, holds_it, &second);
    KIN_TRY(kin_value_set(&resource, 3)); /* the child still sees 2 */
    CHECK_LOG("drop:1");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("drop:1 seen:2 drop:2");
    return err;
}

/* "Told of a value that no task can see any more": once. */
TEST(b267_a_value_is_dropped_once)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(drops, NULL, seed), "OK");
        CHECK_LOG("drop:1 seen:2 drop:2 drop:3");
    }
}

static kin_error *shares_with_many(void *arg)
{
    (void)arg;
    kin_time lengths[10];
    KIN_TRY(kin_value_set(&resource, 4));
    KIN_GROUP(group);
    for (int i = 0; i < 10; i++) {
        lengths[i] = (i + 1) * KIN_SECONDS(1);
        kin_spawn(group, holds_it, &lengths[i]);
        /* a changed set shares the other values */
        KIN_TRY(kin_value_set(&request_id, i));
    }
    return kin_group_close(group, NULL);
}

TEST(b267_a_shared_value_is_dropped_with_the_last)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(shares_with_many, NULL, seed), "OK");
        CHECK_LOG("seen:4 seen:4 seen:4 seen:4 seen:4 seen:4 seen:4 seen:4 "
                  "seen:4 seen:4 drop:4");
    }
}

static kin_error *opens_with_values(void *arg)
{
    (void)arg;
    KIN_TRY(kin_value_set(&resource, 6));
    KIN_GROUP(group, .values_at_opening = true);
    KIN_TRY(kin_value_set(&resource, 7));
    CHECK_LOG("");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("drop:6");
    return err;
}

static kin_error *leaves_it_open(void *arg)
{
    (void)arg;
    KIN_TRY(kin_value_set(&resource, 6));
    KIN_GROUP(group, .values_at_opening = true);
    kin_spawn(group, notes_it, "child");
    return NULL;
}

TEST(b267_a_groups_values_go_with_its_close)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(opens_with_values, NULL, seed), "OK");
        CHECK_LOG("drop:6 drop:7");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(leaves_it_open, NULL, seed), "G[MISUSE]");
        CHECK_CONTAINS(harness_log(), "drop:6");
    }
}

/* --- memory --------------------------------------------------------------------------- */

static bool counts(void *context)
{
    ++*(int *)context;
    return false;
}

static kin_error *does_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static int spawn_many(kin_group *group)
{
    int asked = 0;
    harness_heap.context = &asked;
    harness_heap.fail = counts;
    for (int i = 0; i < 20; i++)
        kin_spawn(group, does_nothing, NULL);
    harness_heap.fail = NULL;
    return asked;
}

static kin_error *allocates_nothing(void *arg)
{
    (void)arg;
    KIN_GROUP(warm);
    spawn_many(warm);
    kin_error *err = kin_group_close(warm, NULL);
    KIN_GROUP(group);
    CHECK_EQ(spawn_many(group), 0);
    err = kin_group_close(group, err);
    KIN_TRY(kin_value_set(&request_id, 1));
    KIN_GROUP(other); /* nor for values that are only handed on */
    CHECK_EQ(spawn_many(other), 0);
    return kin_group_close(other, err);
}

TEST(b267_a_spawn_allocates_nothing)
{
    RUNS(allocates_nothing, "OK");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static bool all_but_the_first(void *context)
{
    return (*(int *)context)++ > 0;
}

static kin_error *without_memory(void *arg)
{
    (void)arg;
    int asked = 0;
    harness_heap.fail = always;
    kin_error *err = kin_value_set(&resource, 1);
    harness_heap.fail = NULL;
    CHECK_OUTCOME(err, "NO_MEMORY");
    CHECK_EQ(kin_value_get(&resource, -1), -1);
    KIN_TRY(kin_value_set(&resource, 1));
    harness_heap.context = &asked;
    harness_heap.fail = all_but_the_first;
    err = kin_value_set(&request_id, 2);
    harness_heap.fail = NULL;
    CHECK_OUTCOME(err, "NO_MEMORY");
    CHECK_EQ(kin_value_get(&resource, -1), 1);
    CHECK_EQ(kin_value_get(&request_id, -1), -1);
    CHECK_LOG("");
    return NULL;
}

/* "Nothing has changed." */
TEST(b267_without_memory_nothing_is_set)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(without_memory, NULL, seed), "OK");
        CHECK_LOG("drop:1");
    }
}
