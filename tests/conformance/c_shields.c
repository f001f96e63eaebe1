/* c_shields.c: B114 to B118: a shield hides outer cancellations from what is
   inside its scope, for as long as it is up, and never its scope's own. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static kin_error *b114(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_scope_cancel(outer, NULL);
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");

    /* the shield hides the outer scope, now and when cancelled again, */
    kin_scope_set_shield(inner, true);
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_scope_cancel(outer, NULL);
    CHECK_OUTCOME(kin_checkpoint(), "OK");

    /* but not a scope inside it */
    KIN_SCOPE(innermost);
    kin_scope_cancel(innermost, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_OUTCOME(kin_scope_close(innermost, err), "OK");
    CHECK_STR(scope_state(innermost), "called=1 caught=1");
    CHECK_OUTCOME(kin_checkpoint(), "OK");

    /* it can be lowered and raised */
    kin_scope_set_shield(inner, false);
    CHECK_OUTCOME(kin_checkpoint(), "CANCELLED");
    kin_scope_set_shield(inner, true);
    CHECK_OUTCOME(kin_checkpoint(), "OK");

    /* and does not hide its own scope */
    kin_scope_cancel(inner, NULL);
    err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_scope_close(inner, err);
    CHECK_SHAPE(err, "OK");
    CHECK_STR(scope_state(inner), "called=1 caught=1");
    err = kin_scope_close(outer, err);
    CHECK_STR(scope_state(outer), "called=1 caught=0");
    return err;
}

/* B114: a shield hides what is cancelled outside of it, can be lowered and
   raised, and does not protect from its own scope. */
TEST(b114_shield)
{
    RUNS(b114, "OK");
}

typedef struct shielded {
    kin_scope *scope;
    kin_time woken;
} shielded;

static kin_error *waits_shielded(void *arg)
{
    shielded *job = arg;
    KIN_SCOPE(scope, .shield = true);
    job->scope = scope;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    job->woken = kin_now();
    CHECK_STR(scope_state(scope), "called=0 caught=0");
    return kin_scope_close(scope, err);
}

static kin_error *b115(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    shielded job = {NULL, 0};
    KIN_GROUP(group);
    kin_spawn(group, waits_shielded, &job);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    kin_group_cancel(group, NULL);
    KIN_SCOPE(here, .shield = true);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_EQ(job.woken, 0);
    kin_scope_set_shield(job.scope, false);
    err = kin_scope_close(here, err);
    err = kin_group_close(group, err);
    CHECK_EQ(job.woken - began, KIN_SECONDS(2));
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

/* B115: to lower a shield wakes who is blocked inside, when something outside
   was cancelled. */
TEST(b115_unshielding_wakes)
{
    RUNS(b115, "OK");
}

/* The same, done from a task that waits in a group inside the shield. */
static kin_error *waits_in_a_shielded_group(void *arg)
{
    shielded *job = arg;
    KIN_SCOPE(scope, .shield = true);
    KIN_GROUP(group);
    shielded inside = {NULL, 0};
    job->scope = scope;
    kin_spawn(group, waits_shielded, &inside);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    kin_scope_set_shield(inside.scope, false);
    err = kin_group_close(group, err);
    job->woken = inside.woken;
    return kin_scope_close(scope, err);
}

static kin_error *b115_group(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    shielded job = {NULL, 0};
    KIN_GROUP(group);
    kin_spawn(group, waits_in_a_shielded_group, &job);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(2)), "OK");
    kin_group_cancel(group, NULL);
    KIN_SCOPE(here, .shield = true);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_EQ(job.woken, 0);
    kin_scope_set_shield(job.scope, false);
    err = kin_scope_close(here, err);
    err = kin_group_close(group, err);
    CHECK_EQ(job.woken - began, KIN_SECONDS(3));
    return err;
}

/* B115, B119: it wakes those, too, who wait in a group inside. */
TEST(b115_unshielding_wakes_the_tasks_of_a_group_inside)
{
    RUNS(b115_group, "OK");
}

static kin_error *b116(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(outer);
    KIN_SCOPE(moving, .move_on_after = KIN_SECONDS(1), .shield = true);
    kin_scope_cancel(outer, NULL);
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_OUTCOME(kin_scope_close(moving, err), "OK");
    CHECK_STR(scope_state(moving), "called=1 caught=1");

    KIN_SCOPE(failing, .fail_after = KIN_SECONDS(2), .shield = true);
    err = kin_sleep_forever();
    CHECK_EQ(kin_now() - began, KIN_SECONDS(3));
    CHECK_OUTCOME(kin_scope_close(failing, err), "TIMEOUT");

    err = kin_scope_close(outer, kin_checkpoint());
    CHECK_STR(scope_state(outer), "called=1 caught=1");
    return err;
}

/* B116: a shielded scope's own deadline holds, though something outside was
   cancelled. */
TEST(b116_shielded_deadline_holds)
{
    RUNS(b116, "OK");
}

static kin_error *b117(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    CHECK_EQ(kin_effective_deadline(), KIN_NEVER);
    KIN_SCOPE(outer, .deadline = began + KIN_SECONDS(5));
    KIN_SCOPE(inner, .deadline = began + KIN_SECONDS(10));
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    kin_scope_set_deadline(inner, began + KIN_SECONDS(3));
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(3));
    kin_scope_set_deadline(inner, began + KIN_SECONDS(10));
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    kin_scope_set_shield(inner, true);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(10));
    kin_scope_set_shield(inner, false);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(5));
    kin_scope_cancel(outer, NULL);
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    kin_scope_set_shield(inner, true);
    CHECK_EQ(kin_effective_deadline(), began + KIN_SECONDS(10));
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    CHECK_EQ(kin_effective_deadline(), INT64_MIN);
    CHECK_OUTCOME(kin_scope_close(outer, NULL), "OK");
    CHECK_EQ(kin_effective_deadline(), KIN_NEVER);
    return NULL;
}

/* B117: the effective deadline is the earliest of the visible scopes around; a
   shield cuts; cancelled is before everything. */
TEST(b117_effective_deadline)
{
    RUNS(b117, "OK");
}

static kin_error *notes_its_end(void *arg)
{
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    *(kin_time *)arg = kin_now();
    return err;
}

static kin_error *b118(void *arg)
{
    (void)arg;
    kin_time began = kin_now(), ended = 0;
    KIN_SCOPE(around, .move_on_after = KIN_SECONDS(1));
    KIN_GROUP(group);
    kin_spawn(group, notes_its_end, &ended);
    KIN_SCOPE(here, .shield = true);
    kin_error *err = kin_sleep(KIN_SECONDS(2));
    CHECK_SHAPE(err, "OK");
    CHECK_EQ(ended - began, KIN_SECONDS(1));
    err = kin_scope_close(here, err);
    err = kin_group_close(group, err);
    CHECK_SHAPE(err, "CANCELLED");
    return kin_scope_close(around, err);
}

/* B118: a shield in a group's body does not protect its children. */
TEST(b118_shield_in_the_body_does_not_protect_children)
{
    RUNS(b118, "OK");
}
