/* e_supervisors.c: B150 to B168: groups that live long and whose children fail
   each on its own. What the contract's section 5 says of KIN_EACH is in
   b_policies.c and b_group_handles.c (B150, B154 to B156, B158 to B161), the
   restarts of B169 in e_restarts.c. */
#include "harness.h"

#include "context/tools.h"
#include "error/error.h"

#include <kin/park.h>
#include <kin/signal.h>
#include <kin/testing.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static int tenths(kin_time since)
{
    return (int)((kin_now() - since) / KIN_MILLISECONDS(100));
}

/* The context is the time that is counted from. */
static kin_error *notes_when(kin_error *error, kin_task *task, void *context)
{
    NOTE("%s:%s@%d", kin_task_name(task), shape(error),
         tenths(*(kin_time *)context));
    kin_error_free(error);
    return NULL;
}

/* --- B150: told at once ------------------------------------------------- */

static kin_error *b150(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work failing = {.after = KIN_SECONDS(0.2), .kind = &TEST_V, .text = "1"};
    work fine = {.after = KIN_SECONDS(0.4), .note = "sibling"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_when,
              .context = &began);
    kin_spawn(group, works, &failing, .name = "child");
    kin_spawn(group, works, &fine);
    KIN_TRY(kin_sleep(KIN_SECONDS(0.5)));
    CHECK_LOG("child:V1@2 sibling");
    return kin_group_close(group, NULL);
}

TEST(b150_an_error_is_told_when_it_happens)
{
    RUNS(b150, "OK");
}

/* --- B152: nothing is kept ---------------------------------------------- */

static long resident_pages(void)
{
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    (void)fclose(file);
    return resident;
}

static int descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static size_t told;

static void counts(const kin_error *error, const char *task, void *context)
{
    (void)error;
    (void)task;
    (void)context;
    told++;
}

static kin_error *fails_at_once(void *arg)
{
    return fail_v("%p", arg);
}

/* Fails in rounds, under one supervisor that never closes in between. */
static kin_error *b152(void *arg)
{
    enum { ROUND = 1000 };
    size_t rounds = *(size_t *)arg;
    long blocks = 0, pages = 0;
    int open = 0;
    size_t errors = 0;
    KIN_GROUP(group, .policy = KIN_EACH);
    for (size_t round = 0; round < rounds; round++) {
        for (int i = 0; i < ROUND; i++)
            kin_spawn(group, fails_at_once, NULL);
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
        if (round != rounds / 10)
            continue;
        blocks = harness_heap.live;
        errors = kin__error_live();
        pages = resident_pages();
        open = descriptors();
    }
    CHECK_EQ(told, rounds * ROUND);
    CHECK_EQ(harness_heap.live, blocks);
    CHECK_EQ(kin__error_live(), errors);
    CHECK_EQ(descriptors(), open);
    if (!SANITIZED && !kin__tools_on_valgrind()) {
        if (resident_pages() - pages > 64)
            FAIL("%ld pages more", resident_pages() - pages);
    }
    return kin_group_close(group, NULL);
}

TEST(b152_a_million_failures_leave_nothing)
{
    size_t rounds = SANITIZED || kin__tools_on_valgrind() ? 20 : 1000;
    told = 0;
    CHECK_OUTCOME(
        kin_run(b152, &rounds, .clock = KIN_CLOCK_VIRTUAL, .unhandled = counts),
        "OK");
}

/* --- B153: the handler fails itself ------------------------------------- */

static kin_error *fails_itself(kin_error *error, kin_task *task, void *context)
{
    (void)task;
    (void)context;
    kin_error_free(error);
    return fail_k("handler");
}

static kin_error *b153(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = fails_itself);
    for (int i = 0; i < 10; i++)
        kin_spawn(group, works, &failing, .name = "c");
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    CHECK_UNHANDLED("c:Khandler c:Khandler c:Khandler c:Khandler c:Khandler "
                    "c:Khandler c:Khandler c:Khandler c:Khandler c:Khandler");
    return kin_group_close(group, NULL);
}

TEST(b153_an_error_of_the_handler_goes_to_the_hook)
{
    RUNS(b153, "OK");
}

/* --- B154 to B157: shutting down ---------------------------------------- */

static kin_error *b154(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(1), .note = "sibling"};
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_when,
              .context = &began);
    kin_task *one = kin_spawn(group, sleeps_forever, NULL);
    kin_spawn(group, works, &fine);
    KIN_TRY(kin_sleep(KIN_SECONDS(0.5)));
    kin_task_cancel(one, "not this one");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("sibling");
    return err;
}

TEST(b154_a_child_that_was_cancelled_is_no_error)
{
    RUNS(b154, "OK");
}

static int cleaned;

static kin_error *cleans_up(void *arg)
{
    kin_error *err = kin_sleep_forever();
    KIN_SCOPE(cleanup, .shield = true);
    for (int i = 0; i < 10; i++) {
        kin_error_free(kin_sleep((kin_time)(intptr_t)arg));
        cleaned++;
    }
    return kin_scope_close(cleanup, err);
}

static kin_error *b157(void *arg)
{
    (void)arg;
    cleaned = 0;
    KIN_GROUP(group, .policy = KIN_EACH);
    for (intptr_t i = 1; i <= 10; i++)
        kin_spawn(group, cleans_up, (void *)(i * KIN_MILLISECONDS(10)));
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_time began = kin_now();
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    CHECK_EQ(cleaned, 100);
    CHECK_EQ(kin_now() - began, KIN_SECONDS(1));
    return kin_group_close(group, NULL);
}

TEST(b157_a_shutdown_waits_for_the_cleanup_of_all)
{
    RUNS(b157, "OK");
}

/* --- B158, B160: who asks for it ---------------------------------------- */

static kin_error *asks_deep_inside(void *arg)
{
    kin_error *err = kin_group_shutdown((kin_group *)arg, KIN_SECONDS(5));
    NOTE("%s", shape(err));
    return err;
}

static kin_error *has_a_group(void *arg)
{
    KIN_GROUP(inner);
    kin_spawn(inner, asks_deep_inside, arg);
    return kin_group_close(inner, NULL);
}

static kin_error *b158_below(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(1), .note = "fine"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &fine);
    kin_spawn(group, has_a_group, group);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("CANCELLED fine");
    CHECK_EQ(tenths(began), 10);
    return err;
}

/* A grandchild would wait for itself just as well. */
TEST(b158_shutdown_by_a_grandchild)
{
    RUNS(b158_below, "OK");
}

static bool shuts_down_in_a_callback(void *context)
{
    CHECK(!kin_task_self());
    CHECK_OUTCOME(kin_group_shutdown((kin_group *)context, KIN_SECONDS(1)),
                  "OK");
    return true;
}

static kin_error *b156_callback(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    work fine = {.after = KIN_SECONDS(2.5), .note = "fine"};
    work slow = {.after = KIN_SECONDS(9), .note = "slow"};
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, works, &fine);
    kin_spawn(group, works, &slow);
    CHECK_OUTCOME(KIN_WITHIN(kin_park(shuts_down_in_a_callback, group, "it"),
                             .move_on_after = KIN_SECONDS(2)),
                  "OK");
    CHECK_EQ(tenths(began), 20);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(tenths(began), 30);
    CHECK_LOG("fine");
    return err;
}

/* A timer's callback cannot wait: it asks, and the grace begins. */
TEST(b156_shutdown_from_a_callback)
{
    RUNS(b156_callback, "OK");
}

static kin_error *shuts_down_at_sigusr1(void *arg)
{
    kin_signals *signals = NULL;
    int signo = 0;
    KIN_TRY(kin_signals_open(&signals, SIGUSR1));
    kin_started(NULL);
    kin_error *err = kin_signals_next(signals, &signo);
    if (!err)
        err = kin_group_shutdown((kin_group *)arg, KIN_AT_ONCE);
    NOTE("%d:%s", signo == SIGUSR1, shape(err));
    kin_signals_close(&signals);
    return err;
}

static kin_error *b156_signal(void *arg)
{
    (void)arg;
    KIN_GROUP(outer);
    kin_error *err;
    {
        KIN_GROUP(group, .policy = KIN_EACH);
        kin_spawn(group, sleeps_forever, NULL);
        err = kin_start(outer, shuts_down_at_sigusr1, group, NULL);
        (void)raise(SIGUSR1);
        err = kin_group_close(group, err);
    }
    err = kin_group_close(outer, err);
    CHECK_LOG("1:OK");
    return err;
}

TEST(b156_shutdown_at_a_signal)
{
    CHECK_OUTCOME(kin_run(b156_signal, NULL), "OK");
}

static kin_error *b160(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    cleaned = 0;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, cleans_up, (void *)KIN_SECONDS(1));
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_OUTCOME(KIN_WITHIN(kin_group_shutdown(group, KIN_AT_ONCE),
                             .fail_after = KIN_SECONDS(2)),
                  "TIMEOUT");
    CHECK_EQ(tenths(began), 30);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(cleaned, 10);
    CHECK_EQ(tenths(began), 110);
    return err;
}

TEST(b160_a_shutdown_goes_on_without_its_caller)
{
    RUNS(b160, "OK");
}

static kin_error *b161(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_when,
              .context = &began);
    work never = {.note = "never"};
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    kin_spawn(group, works, &never, .name = "late");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_LOG("late:CLOSED@0");
    return kin_group_close(group, NULL);
}

TEST(b161_a_child_that_comes_too_late_fails)
{
    RUNS(b161, "OK");
}

/* --- B162 to B164: the opener's own cancellation ------------------------- */

static kin_error *three_children(const kin_time lengths[3], bool shield)
{
    work jobs[3] = {{.after = lengths[0], .note = "a"},
                    {.after = lengths[1], .note = "b"},
                    {.after = lengths[2], .note = "c"}};
    kin_error *err;
    KIN_SCOPE(around, .shield = shield);
    {
        KIN_GROUP(group, .policy = KIN_EACH);
        for (int i = 0; i < 3; i++)
            kin_spawn(group, works, &jobs[i]);
        err = kin_group_close(group, NULL);
        NOTE("%s", shape(err));
    }
    return kin_scope_close(around, err);
}

static kin_error *b162(void *arg)
{
    (void)arg;
    const kin_time lengths[] = {KIN_SECONDS(0.08), KIN_SECONDS(0.12),
                                KIN_SECONDS(0.2)};
    CHECK_OUTCOME(KIN_WITHIN(three_children(lengths, false),
                             .move_on_after = KIN_SECONDS(0.1)),
                  "OK");
    CHECK_LOG("a CANCELLED");
    return kin_checkpoint();
}

TEST(b162_the_openers_cancellation_goes_upward)
{
    RUNS(b162, "OK");
}

static kin_error *then_waits(const kin_time lengths[3])
{
    KIN_TRY(three_children(lengths, true));
    return kin_checkpoint();
}

static kin_error *b163(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    const kin_time lengths[] = {KIN_SECONDS(0.1), KIN_SECONDS(0.2),
                                KIN_SECONDS(0.3)};
    CHECK_OUTCOME(
        KIN_WITHIN(then_waits(lengths), .fail_after = KIN_SECONDS(0.25)),
        "TIMEOUT");
    CHECK_EQ(tenths(began), 3);
    CHECK_LOG("a b c OK");
    return NULL;
}

TEST(b163_a_shield_holds_off_a_timeout)
{
    RUNS(b163, "OK");
}

static kin_error *b164(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    const kin_time lengths[] = {KIN_SECONDS(0.1), KIN_SECONDS(0.2),
                                KIN_SECONDS(0.3)};
    CHECK_OUTCOME(KIN_WITHIN(three_children(lengths, false),
                             .fail_after = KIN_SECONDS(0.25)),
                  "TIMEOUT");
    CHECK_EQ(tenths(began), 2);
    CHECK_LOG("a b CANCELLED");
    return NULL;
}

TEST(b164_a_timeout_of_its_own)
{
    RUNS(b164, "OK");
}

/* --- B165, B166: what ends it ------------------------------------------- */

static kin_error *exits(void *arg)
{
    (void)arg;
    return kin_exit(3);
}

static kin_error *fails_when_cancelled(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return fail_t("2");
}

static kin_error *b165(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_when,
              .context = &began);
    kin_spawn(group, fails_when_cancelled, NULL, .name = "other");
    KIN_TRY(kin_checkpoint());
    kin_spawn(group, exits, NULL);
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_group_close(group, err);
    CHECK_LOG("other:T2@0");
    return err;
}

TEST(b165_an_exit_comes_out_bare_and_the_others_are_told)
{
    RUNS(b165, "EXIT(3)");
}

static kin_error *b166(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = KIN_EACH, .on_error = notes_when,
              .context = &began);
    kin_spawn(group, fails_when_cancelled, NULL, .name = "child");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_error *err = kin_group_close(group, fail_v("1"));
    CHECK_LOG("child:T2@10");
    return err;
}

TEST(b166_the_bodys_error_comes_out_bare)
{
    RUNS(b166, "V1");
}

/* --- B167: the groups there are ----------------------------------------- */

static bool notes_group(kin_group *group, void *context)
{
    int *left = context;
    NOTE("%s", kin_group_name(group));
    return --*left > 0;
}

static void note_groups(int most)
{
    NOTE("[");
    kin_each_group(notes_group, &most);
    NOTE("]");
}

struct inner {
    const char *name;
    kin_group *seen;
};

static kin_error *supervises(void *arg)
{
    struct inner *inner = arg;
    KIN_GROUP(group, .policy = KIN_EACH, .name = inner->name);
    inner->seen = group;
    kin_spawn(group, sleeps_forever, NULL);
    return kin_group_close(group, kin_sleep(KIN_SECONDS(1)));
}

static kin_error *b167(void *arg)
{
    (void)arg;
    struct inner inner[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    note_groups(99);
    KIN_GROUP(group, .policy = KIN_EACH, .name = "outer");
    for (int i = 0; i < 3; i++)
        kin_spawn(group, supervises, &inner[i]);
    KIN_TRY(kin_sleep(KIN_SECONDS(0.5)));
    note_groups(99);
    note_groups(2);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(kin_group_find(inner[i].name), inner[i].seen);
    CHECK_EQ(kin_group_find("outer"), group);
    CHECK(!kin_group_find("nobody"));

    /* one ends sooner than the others */
    CHECK_OUTCOME(kin_group_shutdown(inner[1].seen, KIN_AT_ONCE), "OK");
    KIN_TRY(kin_sleep(KIN_SECONDS(0.4)));
    CHECK_EQ(kin_group_find("b"), inner[1].seen);
    KIN_TRY(kin_sleep(KIN_SECONDS(0.2)));
    kin_group_cancel(inner[0].seen, NULL);
    kin_group_cancel(inner[2].seen, NULL);
    kin_error *err = kin_group_close(group, NULL);
    note_groups(99);
    CHECK(!kin_group_find("outer"));
    CHECK_EQ(kin_group_find(kin_group_name(kin_background())),
             kin_background());
    return err;
}

TEST(b167_living_groups_are_found_by_name)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b167, NULL, seed), "OK");
        if (seed == 0)
            CHECK_LOG("[ background ] [ outer a b c background ] "
                      "[ outer a ] [ background ]");
    }
}

/* --- B168: where it is told, and of what --------------------------------- */

static const char *const phases[] = {"running", "restart", "shutdown"};

static void tells_all(const kin_error *error, const char *task, void *context)
{
    const kin_unhandled *now = kin_unhandled_now();
    CHECK(now != NULL);
    CHECK_EQ(now->error, error);
    CHECK_STR(now->task, task);
    NOTE("%s:%s:%s:%s@%d", task, shape(error), now->group, phases[now->phase],
         tenths(*(kin_time *)context));
}

static kin_error *b168(void *arg)
{
    *(kin_time *)arg = kin_now();
    work ends = {.after = KIN_SECONDS(1), .note = "task1"};
    work fails = {.after = KIN_SECONDS(2), .kind = &TEST_V, .text = "1"};
    CHECK(!kin_unhandled_now());
    kin_spawn_background(works, &ends, .name = "task1");
    kin_spawn_background(works, &fails, .name = "task2");
    kin_spawn_background(fails_when_cancelled, NULL, .name = "task3");
    KIN_TRY(kin_sleep(KIN_SECONDS(3)));
    CHECK_EQ(kin_group_running(kin_background()), 1);
    NOTE("end");
    return NULL;
}

TEST(b168_background_errors_are_told_when_they_happen)
{
    EACH_SEED(seed)
    {
        kin_time began = 0;
        CHECK_OUTCOME(kin_run(b168, &began, .clock = KIN_CLOCK_VIRTUAL,
                              .seed = seed, .unhandled = tells_all,
                              .context = &began),
                      "OK");
        CHECK_LOG("task1 task2:V1:background:running@20 end "
                  "task3:T2:background:shutdown@30");
    }
}

static kin_error *hook_phases(void *arg)
{
    *(kin_time *)arg = kin_now();
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    KIN_GROUP(group, .policy = KIN_EACH, .name = "office");
    kin_spawn(group, works, &failing, .name = "again",
              .restart = {.budget = 1, .backoff = KIN_SECONDS(9)});
    kin_spawn(group, fails_when_cancelled, NULL, .name = "last");
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    KIN_TRY(kin_group_shutdown(group, KIN_AT_ONCE));
    return kin_group_close(group, NULL);
}

/* The hook can ask which group it was, and in what phase. */
TEST(b168_the_hook_knows_group_and_phase)
{
    EACH_SEED(seed)
    {
        kin_time began = 0;
        CHECK_OUTCOME(kin_run(hook_phases, &began, .clock = KIN_CLOCK_VIRTUAL,
                              .seed = seed, .unhandled = tells_all,
                              .context = &began),
                      "OK");
        CHECK_LOG("again:V1:office:restart@10 last:T2:office:shutdown@20");
        CHECK(!kin_unhandled_now());
    }
}

static bool spawns_in_a_callback(void *context)
{
    CHECK(!kin_task_self());
    kin_spawn_background(works, context, .name = "called");
    return true;
}

static kin_error *background_from_a_callback(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "1"};
    CHECK_OUTCOME(KIN_WITHIN(kin_park(spawns_in_a_callback, &failing, "it"),
                             .move_on_after = KIN_SECONDS(2)),
                  "OK");
    CHECK_EQ(kin_group_running(kin_background()), 1);
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    CHECK_UNHANDLED("called:V1");
    return NULL;
}

TEST(b168_a_callback_spawns_into_the_background)
{
    RUNS(background_from_a_callback, "OK");
}

static kin_error *sulks(void *arg)
{
    (void)arg;
    KIN_SCOPE(sulking, .shield = true);
    return kin_scope_close(sulking, kin_sleep(KIN_SECONDS(60)));
}

static kin_error *leaves_a_sulker(void *arg)
{
    (void)arg;
    kin_spawn_background(sulks, NULL, .name = "sulker");
    kin_spawn_background(sleeps_forever, NULL, .name = "obedient");
    return kin_checkpoint();
}

static void runs_a_sulker(void *arg)
{
    kin_error *err = kin_run(leaves_a_sulker, NULL, .clock = KIN_CLOCK_VIRTUAL,
                             .shutdown_grace = *(kin_time *)arg);
    _exit(err ? 1 : 0);
}

/* What will not end is listed at the end, by name and place; it is joined all
   the same. */
TEST(b168_what_does_not_end_is_listed)
{
    kin_time graces[] = {0, KIN_SECONDS(2)};
    for (int i = 0; i < 2; i++) {
        int status = 0;
        const char *text = in_child_process(runs_a_sulker, &graces[i], &status);
        CHECK_EQ(status, 0);
        CHECK_CONTAINS(text, "sulker");
        CHECK_CONTAINS(text, "e_supervisors.c:");
        CHECK(!strstr(text, "obedient"));
    }
    kin_time long_enough = KIN_SECONDS(61);
    int status = 0;
    CHECK_STR(in_child_process(runs_a_sulker, &long_enough, &status), "");
    CHECK_EQ(status, 0);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static bool spawns_without_memory(void *context)
{
    harness_heap.fail = always;
    kin_spawn(context, sleeps_forever, NULL, .name = "big",
              .stack_size = 3 << 20);
    kin_spawn_background(sleeps_forever, NULL, .name = "big too",
                         .stack_size = 3 << 20);
    return true;
}

static kin_error *no_memory_in_a_callback(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_error *err = KIN_WITHIN(kin_park(spawns_without_memory, group, "it"),
                                .move_on_after = KIN_SECONDS(2));
    KIN_TRY(kin_wait_all_tasks_blocked(0));
    harness_heap.fail = NULL;
    err = kin_group_close(group, err);
    CHECK_CONTAINS(unhandled(), "big:NO_MEMORY");
    CHECK_CONTAINS(unhandled(), "big too:NO_MEMORY");
    return err;
}

/* What keeps a child from starting is told like a failure of its own. */
TEST(b151_without_memory_in_a_callback)
{
    RUNS(no_memory_in_a_callback, "OK");
}
