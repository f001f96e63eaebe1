/* c_reasons.c: B129 to B131: every cancellation says where it came from, and
   errors that are made under it remember that. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* Under which cancellation the error was made; never NULL. */
static const kin_cancellation *why(const kin_error *err)
{
    static const kin_cancellation none = {.source = (kin_cancel_source)-1,
                                          .text = "(none)"};
    const kin_cancellation *during = err ? kin_error_during(err) : NULL;
    CHECK(during != NULL);
    return during ? during : &none;
}

static int line_of(const kin_site *site)
{
    return site ? site->line : -1;
}

/* Waits until it is cancelled, and hands the CANCELLED to its check. */
typedef struct waiting {
    void (*check)(const kin_error *cancelled);
    bool checked;
} waiting;

static kin_error *waits_and_checks(void *arg)
{
    waiting *job = arg;
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    job->check(err);
    job->checked = true;
    return err;
}

static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

/* --- B129: the sources ------------------------------------------------- */

static int cancel_line;

static void says_hello(const kin_error *cancelled)
{
    CHECK_EQ(why(cancelled)->source, KIN_BY_REQUEST);
    CHECK_STR(why(cancelled)->text, "hello, 7");
    CHECK_STR(why(cancelled)->task, "asks");
    CHECK_EQ(line_of(why(cancelled)->site), cancel_line);
    CHECK_EQ(why(cancelled)->behind, NULL);
}

static kin_error *asks(void *arg)
{
    (void)arg;
    waiting job = {says_hello, false};
    KIN_GROUP(group);
    kin_spawn(group, waits_and_checks, &job);
    settle();
    char word[] = "hello";
    cancel_line = __LINE__ + 1;
    kin_scope_cancel(kin_group_scope(group), "%s, %d", word, 7);
    memset(word, 'x', 5);
    kin_error *err = kin_group_close(group, NULL);
    CHECK(job.checked);
    return err;
}

static kin_error *asks_a_group(void *arg)
{
    (void)arg;
    waiting job = {says_hello, false};
    KIN_GROUP(group);
    kin_spawn(group, waits_and_checks, &job);
    settle();
    cancel_line = __LINE__ + 1;
    kin_group_cancel(group, "hello, %d", 7);
    kin_error *err = kin_group_close(group, NULL);
    CHECK(job.checked);
    return err;
}

static kin_error *asks_a_task(void *arg)
{
    (void)arg;
    waiting job = {says_hello, false};
    KIN_GROUP(group);
    kin_task *task = kin_spawn(group, waits_and_checks, &job);
    settle();
    cancel_line = __LINE__ + 1;
    kin_task_cancel(task, "hello, %d", 7);
    kin_error *err = kin_group_close(group, NULL);
    CHECK(job.checked);
    return err;
}

static kin_error *named_asks(void *arg)
{
    (void)arg;
    kin_fn *const ways[] = {asks, asks_a_group, asks_a_task};
    KIN_GROUP(group);
    for (size_t i = 0; i < 3; i++) {
        kin_task *task = kin_spawn(group, ways[i], NULL, .name = "asks");
        CHECK_OUTCOME(kin_task_join(task), "OK");
    }
    return kin_group_close(group, NULL);
}

/* B129: an explicit cancel carries its text, formatted and copied, the task
   that asked, and the place. */
TEST(b129_reason_of_a_request)
{
    RUNS(named_asks, "OK");
}

static kin_error *b129_no_text(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_error *err = kin_checkpoint();
    CHECK_EQ(why(err)->source, KIN_BY_REQUEST);
    CHECK(why(err)->text != NULL);
    CHECK_STR(why(err)->task, kin_task_name(kin_task_self()));
    return kin_scope_close(scope, err);
}

static kin_error *b129_long_text(void *arg)
{
    (void)arg;
    char text[201], cut[96];
    memset(text, 'x', 200);
    memset(cut, 'x', 95);
    text[200] = cut[95] = '\0';
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, "%s", text);
    kin_error *err = kin_checkpoint();
    CHECK_STR(why(err)->text, cut);
    CHECK_OUTCOME(kin_scope_close(scope, err), "OK");

    KIN_SCOPE(just);
    kin_scope_cancel(just, "%s", cut);
    err = kin_checkpoint();
    CHECK_STR(why(err)->text, cut);
    return kin_scope_close(just, err);
}

/* B129: the text is optional, and cut at 95 bytes. */
TEST(b129_text_of_a_reason)
{
    RUNS(b129_no_text, "OK");
    RUNS(b129_long_text, "OK");
}

static kin_error *b129_deadline(void *arg)
{
    (void)arg;
    int opened = __LINE__ + 1;
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_sleep_forever();
    CHECK_EQ(why(err)->source, KIN_BY_DEADLINE);
    CHECK_EQ(why(err)->task, NULL);
    CHECK_EQ(line_of(why(err)->site), opened);
    CHECK_EQ(why(err)->behind, NULL);
    CHECK(why(err)->text != NULL);
    return kin_scope_close(scope, err);
}

/* B129: a deadline is no task's doing; the place is where the scope opened. */
TEST(b129_reason_of_a_deadline)
{
    RUNS(b129_deadline, "OK");
}

static void is_shutdown(const kin_error *cancelled)
{
    CHECK_EQ(why(cancelled)->source, KIN_BY_SHUTDOWN);
    CHECK_EQ(why(cancelled)->behind, NULL);
}

static kin_error *b129_shutdown(void *arg)
{
    kin_spawn_background(waits_and_checks, arg);
    return kin_checkpoint();
}

/* B129: a background task is cancelled by the shutdown of its run. */
TEST(b129_reason_of_a_shutdown)
{
    EACH_SEED(seed)
    {
        waiting job = {is_shutdown, false};
        CHECK_OUTCOME(run_virtual(b129_shutdown, &job, seed), "OK");
        CHECK(job.checked);
    }
}

static kin_error *b129_during(void *arg)
{
    (void)arg;
    kin_error *before = fail_v("1");
    CHECK_EQ(kin_error_during(before), NULL);
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, "enough");
    kin_error *under = fail_v("2");
    CHECK_STR(why(under)->text, "enough");
    kin_error *cancelled = kin_checkpoint();
    CHECK_STR(why(cancelled)->text, "enough");

    KIN_SCOPE(cleaning, .shield = true);
    kin_error *shielded = fail_v("3");
    CHECK_EQ(kin_error_during(shielded), NULL);
    CHECK_OUTCOME(kin_scope_close(cleaning, NULL), "OK");
    kin_error_free(shielded);

    CHECK_OUTCOME(kin_scope_close(scope, cancelled), "OK");
    /* it stays with the error, and a later one is none of its business */
    CHECK_STR(why(under)->text, "enough");
    kin_error *after = fail_v("4");
    CHECK_EQ(kin_error_during(after), NULL);
    kin_error_free(before);
    kin_error_free(under);
    kin_error_free(after);
    return NULL;
}

/* B129, C14: errors made under a cancellation remember it; those made before,
   after, or behind a shield were not made under it. */
TEST(b129_errors_remember_what_they_were_made_under)
{
    RUNS(b129_during, "OK");
}

/* --- B130: failures in a group ----------------------------------------- */

static const kin_error *lantern;

static kin_error *fails_later(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_error *err = fail_v("lantern");
    lantern = err;
    return err;
}

static void names_the_sibling(const kin_error *cancelled)
{
    CHECK_EQ(why(cancelled)->source, KIN_BY_GROUP);
    CHECK_CONTAINS(why(cancelled)->text, "lantern");
    CHECK_STR(why(cancelled)->task, "burning");
    CHECK_EQ(why(cancelled)->behind, lantern);
    CHECK(kin_error_follows_from(cancelled, lantern));
}

static kin_error *b130_sibling(void *arg)
{
    (void)arg;
    waiting job = {names_the_sibling, false};
    KIN_GROUP(group);
    kin_spawn(group, waits_and_checks, &job);
    kin_spawn(group, fails_later, NULL, .name = "burning");
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    names_the_sibling(err);
    err = kin_group_close(group, err);
    CHECK(job.checked);
    return err;
}

/* B130: when a child fails, the others and the body are cancelled by the group;
   the reason names the failed child and its error, and that is behind it. */
TEST(b130_reason_of_a_siblings_failure)
{
    RUNS(b130_sibling, "G[Vlantern]");
}

static void names_the_body(const kin_error *cancelled)
{
    CHECK_EQ(why(cancelled)->source, KIN_BY_GROUP);
    CHECK_CONTAINS(why(cancelled)->text, "lantern");
    CHECK_STR(why(cancelled)->task, "the parent");
    CHECK_EQ(why(cancelled)->behind, lantern);
}

static kin_error *fails_in_its_body(void *arg)
{
    (void)arg;
    waiting job = {names_the_body, false};
    KIN_GROUP(group);
    kin_spawn(group, waits_and_checks, &job);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    CHECK_SHAPE(err, "OK");
    err = fail_v("lantern");
    lantern = err;
    err = kin_group_close(group, err);
    CHECK(job.checked);
    return err;
}

static kin_error *b130_body(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, fails_in_its_body, NULL, .name = "the parent");
    return kin_group_close(group, NULL);
}

/* B130: when the body fails, the reason names the parent. */
TEST(b130_reason_of_the_bodys_failure)
{
    RUNS(b130_body, "G[G[Vlantern]]");
}

static kin_error *parents_a_waiting_child(void *arg)
{
    KIN_GROUP(group);
    kin_spawn(group, waits_and_checks, arg);
    return kin_group_close(group, NULL);
}

static kin_error *b130_nested(void *arg)
{
    (void)arg;
    waiting job = {names_the_sibling, false};
    KIN_GROUP(group);
    kin_spawn(group, parents_a_waiting_child, &job);
    kin_spawn(group, fails_later, NULL, .name = "burning");
    kin_error *err = kin_group_close(group, NULL);
    CHECK(job.checked);
    return err;
}

/* B130: a grandchild is told of the failure that it came of, too. */
TEST(b130_reason_reaches_a_grandchild)
{
    RUNS(b130_nested, "G[Vlantern]");
}

/* --- causality through others ------------------------------------------ */

static kin_error *fails_in_cleanup(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    return fail_t("3");
}

/* Is cancelled, fails in its own cleanup, and that cancels another task. */
static kin_error *passes_it_on(void *arg)
{
    (void)arg;
    CHECK_OUTCOME(kin_sleep_forever(), "CANCELLED");
    kin_error *err = fail_k("2");
    KIN_SCOPE(cleaning, .shield = true);
    KIN_GROUP(group);
    kin_spawn(group, fails_in_cleanup, NULL);
    settle();
    err = kin_group_close(group, err);
    CHECK_SHAPE(err, "G[K2, T3]");
    return kin_scope_close(cleaning, err);
}

static kin_error *fails_at_one(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return fail_v("1");
}

static kin_error *b130_chain(void *arg)
{
    (void)arg;
    kin_error *unrelated = fail_v("9");
    KIN_GROUP(group);
    kin_spawn(group, fails_at_one, NULL);
    kin_spawn(group, passes_it_on, NULL);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_SHAPE(err, "G[V1, G[K2, T3]]");

    const kin_error *v = leaf_of(err, &TEST_V);
    const kin_error *k = leaf_of(err, &TEST_K);
    const kin_error *t = leaf_of(err, &TEST_T);
    CHECK(kin_error_follows_from(k, v));
    CHECK(kin_error_follows_from(t, k));
    CHECK(kin_error_follows_from(t, v));
    CHECK(!kin_error_follows_from(v, k));
    CHECK(!kin_error_follows_from(v, t));
    CHECK(!kin_error_follows_from(k, t));
    CHECK(!kin_error_follows_from(unrelated, v));
    CHECK(!kin_error_follows_from(t, unrelated));
    /* of a tree: every leaf but the origin itself */
    CHECK(kin_error_follows_from(err, v));
    CHECK(!kin_error_follows_from(err, k));
    kin_error_free(unrelated);
    return err;
}

/* B130, C14: an error follows from the one that cancelled its task, directly
   or through others, and from no other. */
TEST(b130_consequences_of_consequences)
{
    RUNS(b130_chain, "G[V1, G[K2, T3]]");
}

/* --- B131: the first reason stays -------------------------------------- */

static kin_error *b131_request_first(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    kin_scope_cancel(scope, "asked");
    settle();
    KIN_SCOPE(here, .shield = true);
    CHECK_OUTCOME(kin_scope_close(here, kin_sleep(KIN_SECONDS(2))), "OK");
    kin_error *err = kin_checkpoint();
    CHECK_EQ(why(err)->source, KIN_BY_REQUEST);
    CHECK_STR(why(err)->text, "asked");
    return kin_scope_close(scope, err);
}

static kin_error *b131_deadline_first(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_sleep_forever();
    CHECK_EQ(why(err)->source, KIN_BY_DEADLINE);
    kin_error_free(err);
    kin_scope_cancel(scope, "asked");
    err = kin_checkpoint();
    CHECK_EQ(why(err)->source, KIN_BY_DEADLINE);
    return kin_scope_close(scope, err);
}

static kin_error *b131_failure_first(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, fails_later, NULL, .name = "burning");
    kin_error *err = kin_sleep_forever();
    names_the_sibling(err);
    kin_error_free(err);
    kin_group_cancel(group, "asked");
    err = kin_checkpoint();
    names_the_sibling(err);
    return kin_group_close(group, err);
}

/* B131: the first reason stays, whatever comes after it. */
TEST(b131_first_reason_stays)
{
    RUNS(b131_request_first, "OK");
    RUNS(b131_deadline_first, "OK");
    RUNS(b131_failure_first, "G[Vlantern]");
}

static kin_error *b131_inner_first(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    kin_scope_cancel(inner, "inner");
    kin_scope_cancel(outer, "outer");
    kin_error *err = kin_checkpoint();
    CHECK_STR(why(err)->text, "inner");
    err = kin_scope_close(inner, err);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_STR(why(err)->text, "inner");
    kin_error_free(err);
    err = kin_checkpoint();
    CHECK_STR(why(err)->text, "outer");
    return kin_scope_close(outer, err);
}

static kin_error *b131_outer_first(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    kin_scope_cancel(outer, "outer");
    kin_scope_cancel(inner, "inner");
    kin_error *err = kin_checkpoint();
    CHECK_STR(why(err)->text, "outer");
    err = kin_scope_close(inner, err);
    return kin_scope_close(outer, err);
}

static void says_first(const kin_error *cancelled)
{
    CHECK_STR(why(cancelled)->text, "first");
}

static kin_error *b131_task_and_group(void *arg)
{
    (void)arg;
    waiting jobs[2] = {{says_first, false}, {says_first, false}};
    KIN_GROUP(before);
    kin_task *task = kin_spawn(before, waits_and_checks, &jobs[0]);
    kin_task_cancel(task, "first");
    kin_group_cancel(before, "second");
    CHECK_OUTCOME(kin_group_close(before, NULL), "OK");
    KIN_GROUP(after);
    task = kin_spawn(after, waits_and_checks, &jobs[1]);
    kin_group_cancel(after, "first");
    kin_task_cancel(task, "second");
    CHECK_OUTCOME(kin_group_close(after, NULL), "OK");
    CHECK(jobs[0].checked && jobs[1].checked);
    return NULL;
}

/* B131: of several scopes around a task it is the cancellation that was first
   to reach it that errors record, whoever absorbs it. */
TEST(b131_first_to_reach_the_task)
{
    RUNS(b131_inner_first, "OK");
    RUNS(b131_outer_first, "OK");
    RUNS(b131_task_and_group, "OK");
}
