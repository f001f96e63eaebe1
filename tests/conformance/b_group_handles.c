/* b_group_handles.c: spawning and its options, the handles of children, groups
   that keep them, and shutting a group down: section 5 of the contract. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

struct starts {
    int begun, cancelled;
};

static kin_error *counts_its_start(void *arg)
{
    struct starts *starts = arg;
    starts->begun++;
    kin_error *err = kin_sleep(KIN_SECONDS(10));
    starts->cancelled += kin_error_is(err, &KIN_CANCELLED);
    return err;
}

static kin_error *swallows(void *arg)
{
    kin_error_free(kin_sleep_forever());
    if (arg)
        NOTE("%s", (const char *)arg);
    return NULL;
}

/* Ends cancelled only after a second of cleaning up, and fails with T then. */
static kin_error *fails_in_cleanup(void *arg)
{
    kin_error_free(kin_sleep_forever());
    KIN_SCOPE(section, .shield = true);
    kin_error *err = kin_sleep(*(kin_time *)arg);
    KIN_TRY(kin_scope_close(section, err));
    return fail_t("%d", (int)(*(kin_time *)arg / KIN_SECONDS(1)));
}

static kin_error *note_error(kin_error *err, kin_task *task, void *context)
{
    NOTE("%s:%s:%s", (const char *)context, kin_task_name(task), shape(err));
    kin_error_free(err);
    return NULL;
}

/* --- spawning ------------------------------------------------------------ */

struct copied {
    int numbers[25];
    max_align_t aligned;
};

static kin_error *reads_its_copy(void *arg)
{
    struct copied *copied = arg;
    CHECK_EQ(kin_task_arg(kin_task_self()), arg);
    CHECK_EQ((uintptr_t)arg % _Alignof(max_align_t), 0);
    int sum = 0;
    for (int i = 0; i < 25; i++)
        sum += copied->numbers[i];
    NOTE("%d", sum);
    copied->numbers[0] = 1000;
    return kin_sleep(KIN_SECONDS(1));
}

static kin_error *spawn_copy(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    struct copied state = {.numbers = {0}};
    for (int child = 1; child <= 3; child++) {
        for (int i = 0; i < 25; i++)
            state.numbers[i] = child;
        kin_spawn(group, reads_its_copy, &state, .copy = sizeof state);
    }
    memset(&state, 0xff, sizeof state);
    return kin_group_close(group, NULL);
}

/* ".copy (bytes of *arg to copy onto the task's own stack)": what was there at
   the spawn. */
TEST(spawn_copies_its_argument)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(spawn_copy, NULL, seed), "OK");
        CHECK_LOG_SORTED("25 50 75");
    }
}

static kin_error *uses_much_stack(void *arg)
{
    volatile char space[900 * 1024];
    for (size_t i = 0; i < sizeof space; i += 512)
        space[i] = (char)i;
    KIN_TRY(kin_checkpoint());
    *(int *)arg += space[512] == 0;
    return NULL;
}

static kin_error *spawn_stack(void *arg)
{
    (void)arg;
    int done = 0;
    KIN_GROUP(group);
    kin_spawn(group, uses_much_stack, &done, .stack_size = 1024 * 1024);
    kin_spawn(group, uses_much_stack, &done, .stack_size = 1024 * 1024);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(done, 2);
    return err;
}

/* ".stack_size": at least so many bytes are usable. */
TEST(spawn_gives_the_stack_that_was_asked_for)
{
    RUNS(spawn_stack, "OK");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static kin_error *spawn_without_memory(void *arg)
{
    kin_policy policy = *(kin_policy *)arg;
    work never = {.note = "ran"};
    KIN_GROUP(group, .policy = policy);
    harness_heap.fail = always;
    kin_task *task =
        kin_spawn(group, works, &never, .name = "big", .stack_size = 3 << 20);
    CHECK(task != NULL);
    kin_error *err = kin_group_close(group, NULL);
    harness_heap.fail = NULL;
    CHECK_LOG("");
    return err;
}

/* "kin_spawn never returns NULL and cannot fail to its caller: what keeps a
   child from starting (no memory ...) is a failure of the group, reported like
   a child's." */
TEST(spawn_without_memory_is_a_failure_of_the_group)
{
    kin_policy all = KIN_ALL, any = KIN_ANY, each = KIN_EACH;
    CHECK_OUTCOME(run_virtual(spawn_without_memory, &all, 0), "G[NO_MEMORY]");
    CHECK_OUTCOME(run_virtual(spawn_without_memory, &any, 0), "G[NO_MEMORY]");
    CHECK_OUTCOME(run_virtual(spawn_without_memory, &each, 0), "OK");
    CHECK_UNHANDLED("big:NO_MEMORY");
}

static kin_error *spawn_without_memory_beside(void *arg)
{
    (void)arg;
    work sibling = {.after = KIN_SECONDS(5), .note = "sibling"};
    work never = {.note = "never"};
    kin_time began = kin_now();
    KIN_GROUP(group);
    kin_spawn(group, works, &sibling);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    harness_heap.fail = always;
    kin_spawn(group, works, &never, .stack_size = 3 << 20);
    kin_error *err = kin_group_close(group, NULL);
    harness_heap.fail = NULL;
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_LOG("");
    return err;
}

static kin_error *start_without_memory(void *arg)
{
    (void)arg;
    work never = {.note = "never"};
    KIN_GROUP(group);
    harness_heap.fail = always;
    kin_error *err =
        kin_start(group, works, &never, NULL, .stack_size = 3 << 20);
    harness_heap.fail = NULL;
    CHECK_SHAPE(err, "NO_MEMORY");
    kin_error_free(err);
    CHECK_LOG("");
    return kin_group_close(group, NULL);
}

/* ... and of a start, of which it comes out. */
TEST(start_without_memory_fails)
{
    CHECK_OUTCOME(run_virtual(start_without_memory, NULL, 0), "OK");
}

/* ... so with KIN_ALL it cancels the siblings. */
TEST(spawn_without_memory_cancels_the_siblings)
{
    CHECK_OUTCOME(run_virtual(spawn_without_memory_beside, NULL, 0),
                  "G[NO_MEMORY]");
}

struct elsewhere {
    kin_group *target;
    work child;
};

static kin_error *spawns_elsewhere(void *arg)
{
    struct elsewhere *state = arg;
    KIN_SCOPE(mine, .move_on_after = KIN_SECONDS(1), .shield = true);
    kin_spawn(state->target, works, &state->child);
    return kin_scope_close(mine, kin_sleep_forever());
}

static kin_error *spawn_from_elsewhere(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(target);
    struct elsewhere state = {target,
                              {.after = KIN_SECONDS(3), .note = "child"}};
    kin_error *err;
    {
        KIN_GROUP(others);
        kin_spawn(others, spawns_elsewhere, &state);
        err = kin_group_close(others, NULL);
        CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    }
    CHECK_EQ(kin_group_running(target), 1);
    err = kin_group_close(target, err);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(3));
    CHECK_LOG("child");
    return err;
}

/* C8: a child inherits what is around its group, and nothing of the place that
   spawned it. */
TEST(spawn_inherits_from_the_group_and_not_from_the_spawner)
{
    RUNS(spawn_from_elsewhere, "OK");
}

static kin_error *cancel_before_opening(void *arg)
{
    (void)arg;
    kin_group group;
    kin_group_init(&group, .name = "held");
    CHECK_STR(kin_group_name(&group), "held");
    kin_group_cancel(&group, "before");
    CHECK_STR(scope_state(kin_group_scope(&group)), "called=1 caught=0");
    KIN_TRY(kin_checkpoint());
    kin_group_open(&group);
    kin_spawn(&group, sleeps_forever, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_group_close(&group, err);
    CHECK_STR(scope_state(kin_group_scope(&group)), "called=1 caught=1");
    return err;
}

/* "For a group held in a struct; cancel before opening is allowed." */
TEST(group_may_be_cancelled_before_it_opens)
{
    RUNS(cancel_before_opening, "OK");
}

static kin_error *started_plainly(void *arg)
{
    kin_started(arg);
    kin_started(arg);
    NOTE("up");
    return NULL;
}

static kin_error *plain_kin_started(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, started_plainly, group);
    return kin_group_close(group, NULL);
}

/* "kin_started in a child that was spawned plainly does nothing." */
TEST(kin_started_in_a_plain_child_does_nothing)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(plain_kin_started, NULL, seed), "OK");
        CHECK_LOG("up");
    }
}

/* --- handles -------------------------------------------------------------- */

static kin_error *handle_states(void *arg)
{
    (void)arg;
    work fine = {.after = KIN_SECONDS(1)};
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_task *good = kin_spawn(group, works, &fine);
    kin_task *bad = kin_spawn(group, works, &failing);
    kin_task *gone = kin_spawn(group, sleeps_forever, NULL);
    CHECK_EQ(kin_task_arg(good), &fine);
    CHECK_EQ(kin_task_status(good), KIN_TASK_PENDING);
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(500)));
    CHECK_EQ(kin_task_status(good), KIN_TASK_RUNNING);
    CHECK_EQ(kin_task_status(bad), KIN_TASK_RUNNING);
    CHECK_EQ(kin_task_status(kin_task_self()), KIN_TASK_RUNNING);
    kin_task_cancel(gone, "enough");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_EQ(kin_task_status(good), KIN_TASK_SUCCEEDED);
    CHECK_EQ(kin_task_status(bad), KIN_TASK_FAILED);
    CHECK_EQ(kin_task_status(gone), KIN_TASK_CANCELLED);

    kin_error *err = kin_task_take_error(bad);
    CHECK_SHAPE(err, "V1");
    CHECK_EQ(err, failing.made);
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* The states of a task, before, while and after it runs; "kin_task_take_error:
   the child's error, now yours". */
TEST(handle_tells_the_state)
{
    RUNS(handle_states, "OK");
}

static kin_error *handle_taken(void *arg)
{
    (void)arg;
    work one = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    work two = {.after = KIN_SECONDS(1), .kind = &TEST_T, .text = "2"};
    KIN_GROUP(group, .keep = true);
    kin_task *first = kin_spawn(group, works, &one);
    kin_spawn(group, works, &two);
    kin_error_free(kin_sleep_forever());
    {
        KIN_SCOPE(section, .shield = true);
        kin_error *join = kin_task_join(first);
        KIN_TRY(kin_scope_close(section, join));
    }
    kin_error *err = kin_task_take_error(first);
    CHECK_SHAPE(err, "V1");
    kin_error_free(err);
    return kin_group_close(group, NULL);
}

/* "kin_task_take_error also takes the error out of the group's outcome." */
TEST(handle_take_error_takes_it_out_of_the_outcome)
{
    RUNS(handle_taken, "G[T2]");
}

static kin_error *handle_take_nothing(void *arg)
{
    (void)arg;
    work fine = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .keep = true);
    kin_task *good = kin_spawn(group, works, &fine);
    kin_error *err = kin_task_take_error(good);
    CHECK_SHAPE(err, "MISUSE");
    kin_error_free(err);
    KIN_TRY(kin_task_join(good));
    err = kin_task_take_error(good);
    CHECK_SHAPE(err, "OK");
    return kin_group_close(group, NULL);
}

/* "... NULL if it has none"; a task that has not ended has no outcome yet. */
TEST(handle_take_error_of_a_success)
{
    RUNS(handle_take_nothing, "OK");
}

static kin_error *handle_join(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(1)};
    work failing = {.after = KIN_SECONDS(2), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_task *good = kin_spawn(group, works, &fine);
    kin_task *bad = kin_spawn(group, works, &failing, .name = "bad");
    kin_task *gone = kin_spawn(group, sleeps_forever, NULL);
    KIN_TRY(kin_task_join(good));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    KIN_TRY(kin_task_join(bad));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    kin_task_cancel(gone, NULL);
    KIN_TRY(kin_task_join(gone));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_UNHANDLED("bad:V1");
    return kin_group_close(group, NULL);
}

/* "kin_task_join: OK whatever the outcome." */
TEST(handle_join_is_fine_whatever_the_outcome)
{
    RUNS(handle_join, "OK");
}

static kin_error *handle_join_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(3), .note = "child"};
    KIN_GROUP(group);
    kin_task *child = kin_spawn(group, works, &fine);
    kin_error *err =
        KIN_WITHIN(kin_task_join(child), .move_on_after = KIN_SECONDS(1));
    CHECK_SHAPE(err, "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    CHECK_EQ(kin_task_status(child), KIN_TASK_RUNNING);
    err = kin_group_close(group, err);
    CHECK_LOG("child");
    return err;
}

/* Joining is a checkpoint; that the wait is cancelled does nothing to the
   child. */
TEST(handle_join_can_be_cancelled)
{
    RUNS(handle_join_cancelled, "OK");
}

static kin_error *handle_join_self(void *arg)
{
    (void)arg;
    return kin_task_join(kin_task_self());
}

static kin_error *handle_join_self_child(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, handle_join_self, NULL);
    return kin_group_close(group, NULL);
}

/* "Joining oneself is a KIN_MISUSE." */
TEST(handle_joining_oneself_is_misuse)
{
    RUNS(handle_join_self, "MISUSE");
    RUNS(handle_join_self_child, "G[MISUSE]");
}

static kin_error *handle_cancel(void *arg)
{
    (void)arg;
    work sibling = {.after = KIN_SECONDS(2), .note = "sibling"};
    struct starts starts = {0};
    KIN_GROUP(group);
    kin_spawn(group, works, &sibling);
    kin_task *child = kin_spawn(group, counts_its_start, &starts);
    kin_task_cancel(child, "not %s", "needed");
    kin_task_cancel(child, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(starts.begun, 1);
    CHECK_EQ(starts.cancelled, 1);
    CHECK_LOG("sibling");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=0 caught=0");
    return err;
}

/* kin_task_cancel: that one task, which still starts; siblings and group go on
   (B179). */
TEST(handle_cancel_is_for_one_child)
{
    RUNS(handle_cancel, "OK");
}

/* --- kept children and shutdown ---------------------------------------------- */

static kin_error *next_in_order(void *arg)
{
    (void)arg;
    work three = {.after = KIN_MILLISECONDS(300)};
    work two = {.after = KIN_MILLISECONDS(200), .kind = &TEST_V, .text = "2"};
    work one = {.after = KIN_MILLISECONDS(100)};
    KIN_GROUP(group, .policy = KIN_EACH, .keep = true);
    kin_spawn(group, works, &three, .name = "three");
    kin_spawn(group, works, &two, .name = "two");
    kin_spawn(group, works, &one, .name = "one");
    for (;;) {
        kin_task *done = NULL;
        KIN_TRY(kin_group_next(group, &done));
        if (!done)
            break;
        kin_error *err = NULL;
        NOTE("%s:%d", kin_task_name(done), (int)kin_task_status(done));
        err = kin_task_take_error(done);
        NOTE("%s", shape(err));
        kin_error_free(err);
    }
    CHECK_LOG("one:2 OK two:3 V2 three:2 OK");
    return kin_group_close(group, NULL);
}

/* "kin_group_next: next child to finish, NULL when there is none left" (B170,
   B171). */
TEST(keep_next_gives_children_as_they_end)
{
    RUNS(next_in_order, "OK");
}

static kin_error *keep_left_over(void *arg)
{
    kin_policy policy = *(kin_policy *)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = policy, .keep = true);
    kin_spawn(group, works, &failing, .name = "failing");
    return kin_group_close(group, NULL);
}

/* "... errors still there at the close are reported as the policy says." */
TEST(keep_errors_that_nobody_took_are_reported)
{
    kin_policy all = KIN_ALL, any = KIN_ANY, each = KIN_EACH;
    CHECK_OUTCOME(run_virtual(keep_left_over, &all, 0), "G[V1]");
    CHECK_OUTCOME(run_virtual(keep_left_over, &any, 0), "G[V1]");
    CHECK_OUTCOME(run_virtual(keep_left_over, &each, 0), "OK");
    CHECK_UNHANDLED("failing:V1");
}

static kin_error *next_left_early(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work one = {.after = KIN_SECONDS(1)};
    KIN_GROUP(group, .keep = true);
    kin_spawn(group, works, &one, .name = "one");
    kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, sleeps_forever, NULL);
    kin_task *done = NULL;
    KIN_TRY(kin_group_next(group, &done));
    CHECK_STR(kin_task_name(done), "one");
    kin_group_cancel(group, "seen enough");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    return err;
}

/* "Leaving it early is safe, since the close cancels and joins what is left
   after kin_group_cancel." */
TEST(keep_next_may_be_left_early)
{
    RUNS(next_left_early, "OK");
}

struct shuts {
    kin_group *group;
    kin_time grace;
};

static kin_error *shuts_down(void *arg)
{
    struct shuts *state = arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(490)));
    kin_error *err = kin_group_shutdown(state->group, state->grace);
    NOTE("shut:%s", shape(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *shutdown_from_elsewhere(void *arg)
{
    (void)arg;
    work jobs[10];
    kin_time began = kin_now();
    KIN_GROUP(others);
    kin_error *err;
    {
        KIN_GROUP(group, .policy = KIN_EACH);
        struct shuts state = {group, KIN_AT_ONCE};
        for (int i = 0; i < 10; i++) {
            jobs[i] =
                (work){.after = (i + 1) * KIN_MILLISECONDS(100), .note = "x"};
            kin_spawn(group, works, &jobs[i]);
        }
        kin_spawn(others, shuts_down, &state);
        err = kin_group_close(group, NULL);
        CHECK_SHAPE(err, "OK");
        CHECK_EQ(kin_now() - began, KIN_MILLISECONDS(490));
    }
    KIN_TRY(kin_checkpoint());
    err = kin_group_close(others, err);
    CHECK_LOG("x x x x shut:OK");
    return err;
}

/* "kin_group_shutdown cancels the children, not the opener" (B156). */
TEST(shutdown_from_another_task)
{
    RUNS(shutdown_from_elsewhere, "OK");
}

static kin_error *shutdown_with_grace(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(2), .note = "fine"};
    work slow = {.after = KIN_SECONDS(9), .note = "slow"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &fine);
    kin_spawn(group, works, &slow);
    KIN_TRY(kin_group_shutdown(group, KIN_SECONDS(5)));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(5));
    CHECK_EQ(kin_group_running(group), 0);
    CHECK_LOG("fine");
    KIN_TRY(kin_checkpoint());
    KIN_TRY(kin_group_shutdown(group, KIN_SECONDS(5)));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(5));
    return kin_group_close(group, NULL);
}

/* "Stop accepting, wait grace, cancel, wait for all"; a second one has nothing
   to do (B159). */
TEST(shutdown_waits_for_its_grace)
{
    RUNS(shutdown_with_grace, "OK");
}

static kin_error *shutdown_before_start(void *arg)
{
    (void)arg;
    struct starts starts = {0};
    KIN_GROUP(group, .policy = KIN_EACH);
    for (int i = 0; i < 5; i++)
        kin_spawn(group, counts_its_start, &starts);
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    CHECK_EQ(starts.begun, 5);
    CHECK_EQ(starts.cancelled, 5);
    return kin_group_close(group, NULL);
}

/* Children that have not run yet start all the same (B155). */
TEST(shutdown_before_the_children_ran)
{
    RUNS(shutdown_before_start, "OK");
}

static kin_error *shutdown_from_within(void *arg)
{
    kin_error *err = kin_group_shutdown((kin_group *)arg, KIN_SECONDS(5));
    NOTE("%s", shape(err));
    return err;
}

static kin_error *shutdown_by_child(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(2), .note = "fine"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &fine);
    kin_spawn(group, shutdown_from_within, group);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("CANCELLED fine");
    return err;
}

/* "Asked for by one of the children it cancels that one at once and returns its
   CANCELLED" (B158). */
TEST(shutdown_asked_for_by_a_child)
{
    RUNS(shutdown_by_child, "OK");
}

static kin_error *shutdown_over_before_grace(void)
{
    work fine = {.after = KIN_SECONDS(2), .note = "fine"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &fine);
    KIN_TRY(kin_group_shutdown(group, KIN_SECONDS(5)));
    return kin_group_close(group, NULL);
}

static void use_the_stack(void)
{
    volatile char space[4096];
    for (size_t i = 0; i < sizeof space; i++)
        space[i] = 0x55;
}

static kin_error *shutdown_early(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_TRY(shutdown_over_before_grace());
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("fine");
    use_the_stack();
    KIN_TRY(kin_sleep(KIN_SECONDS(8)));
    CHECK_EQ(kin_now() - began, KIN_SECONDS(10));
    return NULL;
}

/* Children that end within the grace end the shutdown, and nothing of it is
   left for when the grace would have passed. */
TEST(shutdown_is_over_with_the_last_child)
{
    RUNS(shutdown_early, "OK");
}

static kin_error *shutdown_late_spawn(void *arg)
{
    (void)arg;
    work never = {.note = "ran"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = note_error,
              .context = "told");
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    kin_spawn(group, works, &never, .name = "late");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("told:late:CLOSED");
    return err;
}

/* A spawn after it fails the child with KIN_CLOSED, which is reported like a
   child's error (B161). */
TEST(shutdown_refuses_new_children)
{
    RUNS(shutdown_late_spawn, "OK");
}

static kin_error *shutdown_caller_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    kin_time second = KIN_SECONDS(3);
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, fails_in_cleanup, &second, .name = "child");
    kin_error *err = KIN_WITHIN(kin_group_shutdown(group, KIN_SECONDS(2)),
                                .fail_after = KIN_SECONDS(1));
    CHECK_SHAPE(err, "TIMEOUT");
    kin_error_free(err);
    err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(5));
    CHECK_UNHANDLED("child:T3");
    return err;
}

/* "When its caller is cancelled while it waits, the shutdown goes on" (B160). */
TEST(shutdown_goes_on_when_its_caller_is_cancelled)
{
    RUNS(shutdown_caller_cancelled, "OK");
}

static kin_error *shutdown_by_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, swallows, "child");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    {
        KIN_SCOPE(inner);
        kin_scope_cancel(inner, "already");
        kin_error *err = kin_group_shutdown(group, KIN_SECONDS(1));
        CHECK_SHAPE(err, "CANCELLED");
        KIN_TRY(kin_scope_close(inner, err));
        CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    }
    CHECK_LOG("");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(2));
    CHECK_LOG("child");
    return err;
}

/* "Asked for by a task that is cancelled already it still requests the
   shutdown, then fails." */
TEST(shutdown_asked_for_by_a_cancelled_task)
{
    RUNS(shutdown_by_cancelled, "OK");
}

static kin_error *shutdown_then_spawn(void *arg)
{
    (void)arg;
    work never = {.note = "ran"};
    KIN_GROUP(group);
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    CHECK(kin_spawn(group, works, &never) != NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("");
    return err;
}

/* "What keeps a child from starting (..., group closed to it) is a failure of
   the group, reported like a child's." */
TEST(shutdown_makes_a_late_spawn_a_failure_of_the_group)
{
    RUNS(shutdown_then_spawn, "G[CLOSED]");
}
