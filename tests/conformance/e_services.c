/* e_services.c: children that serve the others (.service = true): they are
   cancelled only when the body and every ordinary child have ended, and the
   services spawned after them. */
#include "harness.h"

#include <kin/testing.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static int seconds(kin_time since)
{
    return (int)((kin_now() - since) / KIN_SECONDS(1));
}

/* Serves until it is cancelled, and takes a second to end. */
static kin_error *serves(void *arg)
{
    kin_time began = kin_now();
    kin_error *err = kin_sleep_forever();
    KIN_SCOPE(ending, .shield = true);
    kin_error_free(kin_sleep(KIN_SECONDS(1)));
    err = kin_scope_close(ending, err);
    NOTE("%s:%s@%d", (const char *)arg, shape(err), seconds(began));
    return err;
}

static kin_error *ends_cancelled(void *arg)
{
    kin_error *err = kin_sleep_forever();
    NOTE("%s:%s", (const char *)arg, shape(err));
    return err;
}

/* --- the order ---------------------------------------------------------- */

static kin_error *in_order(void *arg)
{
    kin_time began = kin_now();
    work client = {.after = KIN_SECONDS(3), .note = "client"};
    KIN_GROUP(group, .policy = *(kin_policy *)arg);
    kin_spawn(group, serves, "first", .service = true);
    kin_spawn(group, works, &client);
    kin_spawn(group, serves, "second", .service = true);
    kin_spawn(group, serves, "third", .service = true);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    CHECK_EQ(kin_group_running(group), 4);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("client third:CANCELLED@4 second:CANCELLED@5 first:CANCELLED@6");
    CHECK_EQ(seconds(began), 6);
    CHECK_EQ(kin_group_running(group), 0);
    return err;
}

TEST(services_end_after_the_others_latest_first)
{
    kin_policy policies[] = {KIN_ALL, KIN_ANY, KIN_EACH};
    for (int i = 0; i < 3; i++)
        EACH_SEED(seed)
    CHECK_OUTCOME(run_virtual(in_order, &policies[i], seed), "OK");
}

static kin_error *for_the_body(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group);
    kin_spawn(group, serves, "service", .service = true);
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    CHECK_LOG("");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("service:CANCELLED@3");
    CHECK_EQ(seconds(began), 3);
    return err;
}

TEST(services_serve_the_body_alone_too)
{
    RUNS(for_the_body, "OK");
}

static kin_error *asks_why(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    const kin_cancellation *why = kin_error_during(err);
    REQUIRE_OR(why != NULL, err);
    CHECK_EQ(why->source, KIN_BY_SHUTDOWN);
    CHECK_CONTAINS(why->text, "serve");
    CHECK(!why->behind);
    return err;
}

static kin_error *reason_of_a_service(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, asks_why, NULL, .service = true);
    return kin_group_close(group, NULL);
}

TEST(services_know_why_they_end)
{
    RUNS(reason_of_a_service, "OK");
}

/* --- cancelled from around ---------------------------------------------- */

/* Needs a second to clean up, in which it needs the service. */
static kin_error *needs_it_to_the_end(void *arg)
{
    kin_error *err = kin_sleep_forever();
    KIN_SCOPE(cleanup, .shield = true);
    kin_error_free(kin_sleep(KIN_SECONDS(1)));
    NOTE("client:%d", (int)kin_task_status((kin_task *)arg));
    return kin_scope_close(cleanup, err);
}

static kin_error *group_is_cancelled(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_task *service = kin_spawn(group, serves, "service", .service = true);
    kin_spawn(group, needs_it_to_the_end, service);
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    kin_group_cancel(group, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_EQ(KIN_TASK_RUNNING, 1);
    CHECK_LOG("client:1 service:CANCELLED@4");
    CHECK_STR(scope_state(kin_group_scope(group)), "called=1 caught=1");
    return err;
}

/* "By nothing sooner": the clients' cleanup still has it. */
TEST(services_outlive_a_cancelled_group)
{
    RUNS(group_is_cancelled, "OK");
}

static kin_error *fails_later(void *arg)
{
    KIN_TRY(kin_sleep(*(kin_time *)arg));
    return fail_v("1");
}

static kin_error *a_client_fails(void *arg)
{
    (void)arg;
    kin_time second = KIN_SECONDS(1);
    KIN_GROUP(group);
    kin_task *service = kin_spawn(group, serves, "service", .service = true);
    kin_spawn(group, needs_it_to_the_end, service);
    kin_spawn(group, fails_later, &second);
    kin_error *err = kin_group_close(group, kin_sleep_forever());
    CHECK_LOG("client:1 service:CANCELLED@3");
    return err;
}

TEST(services_outlive_a_failing_group)
{
    RUNS(a_client_fails, "G[V1]");
}

static kin_error *around_is_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(around, .move_on_after = KIN_SECONDS(2));
    KIN_GROUP(group);
    kin_task *service = kin_spawn(group, serves, "service", .service = true);
    kin_spawn(group, needs_it_to_the_end, service);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("client:1 service:CANCELLED@4");
    err = kin_scope_close(around, err);
    CHECK_EQ(seconds(began), 4);
    return err;
}

TEST(services_outlive_a_deadline_around)
{
    RUNS(around_is_cancelled, "OK");
}

static kin_error *alone_when_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_SCOPE(around, .fail_after = KIN_SECONDS(2));
    KIN_GROUP(group);
    kin_spawn(group, serves, "service", .service = true);
    kin_error *err = kin_group_close(group, kin_sleep_forever());
    CHECK_EQ(seconds(began), 3);
    return kin_scope_close(around, err);
}

TEST(services_end_with_a_cancelled_body)
{
    RUNS(alone_when_cancelled, "TIMEOUT");
}

static kin_error *cancelled_by_itself(void *arg)
{
    (void)arg;
    work client = {.after = KIN_SECONDS(5), .note = "client"};
    KIN_GROUP(group);
    kin_task *service =
        kin_spawn(group, ends_cancelled, "service", .service = true);
    kin_spawn(group, ends_cancelled, "other", .service = true);
    kin_spawn(group, works, &client);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_task_cancel(service, "this one");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("service:CANCELLED client other:CANCELLED");
    return err;
}

/* Its own handle is not "around". */
TEST(services_can_be_cancelled_one_by_one)
{
    RUNS(cancelled_by_itself, "OK");
}

/* --- services that end early --------------------------------------------- */

static kin_error *service_fails(void *arg)
{
    kin_time second = KIN_SECONDS(1);
    KIN_GROUP(group, .policy = *(kin_policy *)arg);
    kin_spawn(group, fails_later, &second, .service = true, .name = "s");
    kin_spawn(group, ends_cancelled, "other", .service = true);
    work client = {.after = KIN_SECONDS(2), .note = "client"};
    kin_spawn(group, works, &client);
    return kin_group_close(group, NULL);
}

/* A service's failure is a child's: what it does is the policy's. */
TEST(services_fail_as_other_children_do)
{
    kin_policy all = KIN_ALL, any = KIN_ANY, each = KIN_EACH;
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(service_fails, &all, seed), "G[V1]");
        CHECK_LOG("other:CANCELLED");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(service_fails, &any, seed), "OK");
        CHECK_LOG("client other:CANCELLED");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(service_fails, &each, seed), "OK");
        CHECK_LOG("client other:CANCELLED");
        CHECK_UNHANDLED("s:V1");
    }
}

static kin_error *service_ends(void *arg)
{
    (void)arg;
    work brief = {.after = KIN_SECONDS(1), .note = "service"};
    work client = {.after = KIN_SECONDS(2), .note = "client"};
    KIN_GROUP(group);
    kin_spawn(group, works, &brief, .service = true);
    kin_spawn(group, works, &client);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("service client");
    return err;
}

TEST(services_may_end_by_themselves)
{
    RUNS(service_ends, "OK");
}

static kin_error *swallows(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    return NULL;
}

static kin_error *any_with_services(void *arg)
{
    kin_time second = KIN_SECONDS(1);
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, (kin_fn *)arg, "service", .service = true);
    kin_spawn(group, fails_later, &second);
    return kin_group_close(group, NULL);
}

static kin_error *any_service_is_done(void *arg)
{
    (void)arg;
    work brief = {.after = KIN_SECONDS(1)};
    work client = {.after = KIN_SECONDS(2), .note = "client"};
    KIN_GROUP(group, .policy = KIN_ANY);
    kin_spawn(group, works, &brief, .service = true);
    kin_spawn(group, works, &client);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("client");
    return err;
}

/* Who serves does not compete: however it ends, it is not the one success. */
TEST(services_are_no_candidates_of_any)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(any_with_services, ends_cancelled, seed),
                      "G[V1]");
        CHECK_OUTCOME(run_virtual(any_with_services, swallows, seed), "G[V1]");
        harness_log_clear();
        CHECK_OUTCOME(run_virtual(any_service_is_done, NULL, seed), "OK");
    }
}

/* --- shutdown, limit, next, start, background ----------------------------- */

static kin_error *shut_down(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_task *service = kin_spawn(group, serves, "service", .service = true);
    kin_spawn(group, serves, "other", .service = true);
    kin_spawn(group, needs_it_to_the_end, service);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    KIN_TRY(kin_group_shutdown(group, KIN_SECONDS(1)));
    CHECK_EQ(seconds(began), 5);
    CHECK_LOG("client:1 other:CANCELLED@4 service:CANCELLED@5");
    return kin_group_close(group, NULL);
}

/* Also when the body goes on, and when there are no children but services. */
TEST(services_are_shut_down_last)
{
    RUNS(shut_down, "OK");
}

static kin_error *only_services_shut_down(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, ends_cancelled, "a", .service = true);
    kin_spawn(group, ends_cancelled, "b", .service = true);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    KIN_TRY(kin_group_shutdown(group, KIN_SECONDS(7)));
    CHECK_LOG("b:CANCELLED a:CANCELLED");
    CHECK_EQ(seconds(began), 1);
    return kin_group_close(group, NULL);
}

TEST(services_alone_have_no_grace_to_wait_for)
{
    RUNS(only_services_shut_down, "OK");
}

static kin_error *service_asks(void *arg)
{
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    if (!err)
        err = kin_group_shutdown((kin_group *)arg, KIN_SECONDS(1));
    NOTE("asked:%s", shape(err));
    return err;
}

static kin_error *shut_down_by_a_service(void *arg)
{
    (void)arg;
    KIN_GROUP(group, .policy = KIN_EACH);
    kin_spawn(group, service_asks, group, .service = true);
    kin_spawn(group, ends_cancelled, "client");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("asked:CANCELLED client:CANCELLED");
    return err;
}

TEST(b158_shutdown_by_a_service)
{
    RUNS(shut_down_by_a_service, "OK");
}

static kin_error *beside_the_limit(void *arg)
{
    (void)arg;
    work client = {.after = KIN_SECONDS(1), .note = "client"};
    KIN_GROUP(group, .limit = 1);
    kin_spawn(group, ends_cancelled, "service", .service = true);
    kin_spawn(group, works, &client);
    kin_spawn(group, works, &client);
    kin_time began = kin_now();
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("client client service:CANCELLED");
    CHECK_EQ(seconds(began), 2);
    return err;
}

/* A service that took the only place would never give it back. */
TEST(services_take_no_place_of_the_limit)
{
    RUNS(beside_the_limit, "OK");
}

static kin_error *next_beside_services(void *arg)
{
    (void)arg;
    work client = {.after = KIN_SECONDS(1)}, brief = {.after = KIN_SECONDS(2)};
    kin_task *done = NULL;
    KIN_GROUP(group, .keep = true);
    kin_spawn(group, ends_cancelled, "service", .service = true);
    kin_task *a = kin_spawn(group, works, &client);
    kin_task *b = kin_spawn(group, works, &brief);
    KIN_TRY(kin_group_next(group, &done));
    CHECK_EQ(done, a);
    KIN_TRY(kin_group_next(group, &done));
    CHECK_EQ(done, b);
    KIN_TRY(kin_group_next(group, &done));
    CHECK(!done);
    CHECK_LOG("");
    return kin_group_close(group, NULL);
}

/* "NULL when there is none left but services." */
TEST(services_are_not_waited_for_by_next)
{
    RUNS(next_beside_services, "OK");
}

static kin_error *comes_up(void *arg)
{
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_started(arg);
    return serves(arg);
}

static kin_error *started_service(void *arg)
{
    (void)arg;
    void *value = NULL;
    work client = {.after = KIN_SECONDS(3), .note = "client"};
    KIN_GROUP(group);
    KIN_TRY(kin_start(group, comes_up, "started", &value, .service = true));
    CHECK_STR((const char *)value, "started");
    kin_spawn(group, works, &client);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("client started:CANCELLED@4");
    return err;
}

static kin_error *start_is_cancelled(void *arg)
{
    (void)arg;
    kin_time began = kin_now();
    KIN_GROUP(group);
    CHECK_OUTCOME(
        KIN_WITHIN(kin_start(group, comes_up, "never", NULL, .service = true),
                   .move_on_after = KIN_SECONDS(0.5)),
        "OK");
    CHECK_EQ(seconds(began), 0);
    CHECK_EQ(kin_group_running(group), 0);
    return kin_group_close(group, NULL);
}

/* Until it is up a start can be cancelled like any other. */
TEST(services_may_be_started)
{
    RUNS(started_service, "OK");
    RUNS(start_is_cancelled, "OK");
}

static kin_error *in_the_background(void *arg)
{
    (void)arg;
    kin_spawn_background(serves, "service", .service = true);
    kin_spawn_background(serves, "ordinary");
    return kin_sleep(KIN_SECONDS(1));
}

TEST(services_of_the_background_end_last)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(in_the_background, NULL, seed), "OK");
        CHECK_LOG("ordinary:CANCELLED@2 service:CANCELLED@3");
    }
}

static kin_error *spawns_late(void *arg)
{
    kin_error *err = kin_sleep_forever();

    kin_spawn(kin_task_group(kin_task_self()), works, arg);
    KIN_SCOPE(ending, .shield = true);
    kin_error_free(kin_sleep(KIN_SECONDS(1)));
    NOTE("late service");
    return kin_scope_close(ending, err);
}

static kin_error *spawned_by_a_service(void *arg)
{
    (void)arg;
    work late = {.after = KIN_SECONDS(3), .note = "late client"};
    KIN_GROUP(group);
    kin_spawn(group, ends_cancelled, "first", .service = true);
    kin_spawn(group, spawns_late, &late, .service = true);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("late service late client first:CANCELLED");
    return err;
}

/* A client that comes while services end is served by those that are left. */
TEST(services_wait_for_late_clients)
{
    RUNS(spawned_by_a_service, "OK");
}

/* --- restarted ----------------------------------------------------------- */

static kin_error *fails_twice(void *arg)
{
    int *left = arg;
    if ((*left)-- > 0) {
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
        return fail_v("1");
    }
    return ends_cancelled("service");
}

static kin_error *restarted_service(void *arg)
{
    (void)arg;
    int left = 2;
    work client = {.after = KIN_SECONDS(9), .note = "client"};
    KIN_GROUP(group);
    kin_spawn(group, fails_twice, &left, .name = "s", .service = true,
              .restart = {.budget = 2, .window = KIN_SECONDS(60)});
    kin_spawn(group, works, &client);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_UNHANDLED("s:V1 s:V1");
    CHECK_LOG("client service:CANCELLED");
    return err;
}

TEST(services_may_be_restarted)
{
    RUNS(restarted_service, "OK");
}
