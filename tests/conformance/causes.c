/* causes.c: which error came of which, and what kin_main makes of it: the
   corners of B259 and C14, in running programs, in the printed tree and in
   JSON. The search itself is in unit/error_causality.c. */
#include "harness.h"

#include <kin/process.h>
#include <kin/testing.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- what is looked at in every corner ----------------------------------------- */

static char *text_of(const kin_error *err,
                     void (*write_it)(const kin_error *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        abort();
    write_it(err, stream);
    (void)fclose(stream);
    return text;
}

/* Whoever reads the JSON can ask the same questions. */
static void check_json(const kin_error *err)
{
    char *text = text_of(err, kin_error_write_json);
    kin_error *read = NULL;
    kin_error *wrong = kin_error_read_json(text, strlen(text), &read);
    CHECK_OUTCOME(wrong, "OK");
    size_t count = leaf_count(err);
    CHECK_EQ(leaf_count(read), count);
    for (size_t i = 0; read && i < count; i++) {
        const kin_cancellation *a = kin_error_during(leaf(err, i)),
                               *b = kin_error_during(leaf(read, i));
        CHECK_EQ(a != NULL, b != NULL);
        if (a && b) {
            CHECK_EQ(a->source, b->source);
            CHECK_STR(a->text, b->text);
            CHECK_STR(a->task, b->task);
            CHECK_EQ(a->site->line, b->site->line);
        }
        for (size_t j = 0; j < count; j++)
            CHECK_EQ(kin_error_follows_from(leaf(err, i), leaf(err, j)),
                     kin_error_follows_from(leaf(read, i), leaf(read, j)));
    }
    kin_error_free(read);
    free(text);
}

/* The tree says of each leaf, once, whether it was made under a cancellation. */
static void check_print(const kin_error *err)
{
    static const char saying[] = "made while being";
    char *text = text_of(err, kin_error_print);
    int said = 0, wanted = 0;
    for (const char *at = text; (at = strstr(at, saying)); at++)
        said++;
    for (size_t i = 0; i < leaf_count(err); i++)
        wanted += kin_error_during(leaf(err, i)) &&
                  !kin_error_is(leaf(err, i), &KIN_CANCELLED);
    CHECK_EQ(said, wanted);
    free(text);
}

static void check_program(kin_error *err, const char *wanted, int status)
{
    bool show = false;
    CHECK_STR(shape(err), wanted);
    check_json(err);
    check_print(err);
    CHECK_EQ(kin_error_exit_status(err, &show), status);
    CHECK_EQ(show, status == 1);
    kin_error_free(err);
}

#define PROGRAM(fn, shape, status) \
    EACH_SEED(seed) check_program(run_virtual(fn, NULL, seed), shape, status)

/* --- people in these programs ---------------------------------------------------- */

static kin_error *exits(void *arg)
{
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return kin_exit(arg ? *(int *)arg : 3);
}

static kin_error *fails_when_cancelled(void *arg)
{
    kin_error *err = kin_sleep_forever();
    kin_error_free(err);
    return kin_fail(&TEST_V, "%s", arg ? (const char *)arg : "late");
}

/* --- an exit, and one thing more --------------------------------------------------- */

static kin_error *with_a_consequence(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, fails_when_cancelled, NULL);
    return kin_group_close(group, NULL);
}

TEST(b259_an_exit_with_a_consequence)
{
    PROGRAM(with_a_consequence, "G[EXIT(3), Vlate]", 3);
}

static kin_error *had_failed_before(void *arg)
{
    (void)arg;
    kin_error *mine = fail_v("early");
    kin_error_free(kin_sleep_forever());
    return mine;
}

static kin_error *with_an_unrelated_error(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, had_failed_before, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *with_both(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, fails_when_cancelled, NULL);
    kin_error *err = kin_group_close(group, NULL);
    return kin_error_combine(err, fail_k("beside"));
}

static kin_error *exit_comes_of_the_failure(void *arg)
{
    (void)arg;
    work failing = {.after = KIN_SECONDS(1), .kind = &TEST_V, .text = "first"};
    KIN_GROUP(group);
    kin_spawn(group, works, &failing);
    kin_error_free(kin_sleep_forever());
    return kin_group_close(group, kin_exit(0));
}

/* One that was made before; one beside it; and a failure that the exit itself
   is a consequence of. */
TEST(b259_an_exit_with_an_unrelated_error)
{
    PROGRAM(with_an_unrelated_error, "G[EXIT(3), Vearly]", 1);
    PROGRAM(with_both, "G[G[EXIT(3), Vlate], Kbeside]", 1);
    PROGRAM(exit_comes_of_the_failure, "G[Vfirst, EXIT(0)]", 1);
}

static kin_error *exits_when_cancelled(void *arg)
{
    kin_error_free(kin_sleep_forever());
    return kin_exit(*(int *)arg);
}

static kin_error *meant_to_exit_before(void *arg)
{
    kin_error *mine = kin_exit(*(int *)arg);
    kin_error_free(kin_sleep_forever());
    return mine;
}

static int four = 4;

static kin_error *two_exits(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, meant_to_exit_before, &four);
    return kin_group_close(group, NULL);
}

static kin_error *an_exit_of_an_exit(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, exits_when_cancelled, &four);
    return kin_group_close(group, NULL);
}

/* Two different ones are a failure, unless one is a consequence of the other. */
TEST(b259_two_exits)
{
    PROGRAM(two_exits, "G[EXIT(3), EXIT(4)]", 1);
    PROGRAM(an_exit_of_an_exit, "G[EXIT(3), EXIT(4)]", 3);
}

/* --- consequences of consequences -------------------------------------------------- */

/* Works on, shielded, until its own child fails; that one's sibling fails of
   it. */
static kin_error *fails_in_turn(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    CHECK_STR(kin_error_during(err)->task, "exits");
    kin_error_free(err);
    KIN_GROUP(inner);
    kin_scope_set_shield(kin_group_scope(inner), true);
    kin_spawn(inner, fails_when_cancelled, "third");
    kin_error_free(kin_checkpoint());
    kin_scope_set_shield(kin_group_scope(inner), false);
    err = fail_k("second");
    kin_scope_set_shield(kin_group_scope(inner), true);
    return kin_group_close(inner, err);
}

static kin_error *in_turn(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, fails_in_turn, NULL);
    return kin_group_close(group, NULL);
}

TEST(b259_a_consequence_of_a_consequence)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(in_turn, NULL, seed);
        const kin_error *exit = leaf(err, 0), *second = leaf(err, 1),
                        *third = leaf(err, 2);
        REQUIRE(second && third);
        CHECK_EQ(kin_error_during(second)->behind, exit);
        CHECK_EQ(kin_error_during(third)->behind, second);
        CHECK(kin_error_follows_from(third, exit));
        CHECK(kin_error_follows_from(third, second));
        CHECK(!kin_error_follows_from(second, third));
        CHECK(!kin_error_follows_from(exit, second));
        check_program(err, "G[EXIT(3), G[Ksecond, Vthird]]", 3);
    }
}

static kin_error *supervises(void *arg)
{
    (void)arg;
    kin_error *seen = NULL;
    KIN_GROUP(group, .keep = true, .policy = KIN_EACH);
    kin_task *task = kin_spawn(group, fails_when_cancelled, NULL);
    kin_error *err = kin_sleep_forever();
    kin_group_cancel(group, NULL); /* is cancelled already: its reason stays */
    kin_error_free(KIN_WITHIN(kin_task_join(task), .shield = true));
    seen = kin_task_take_error(task);
    err = kin_group_close(group, err);
    return kin_error_combine(err, seen);
}

static kin_error *through_a_supervisor(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, supervises, NULL);
    kin_spawn(group, exits, NULL);
    return kin_group_close(group, NULL);
}

/* A supervisor's child that dies of it is a consequence too. */
TEST(b259_through_supervisors)
{
    PROGRAM(through_a_supervisor, "G[EXIT(3), G[Vlate]]", 3);
}

static void checks_the_cause(const kin_error *err, const char *task,
                             void *context)
{
    const kin_cancellation *why = kin_error_during(err);
    NOTE("%s:%s", task, shape(err));
    REQUIRE(why != NULL);
    CHECK_EQ(why->source, KIN_BY_SHUTDOWN);
    ++*(int *)context;
}

static kin_error *leaves_one_behind(void *arg)
{
    (void)arg;
    kin_spawn_background(fails_when_cancelled, NULL, .name = "behind");
    return kin_checkpoint();
}

TEST(b259_the_shutdown_is_a_cause)
{
    int told = 0;
    CHECK_OUTCOME(kin_run(leaves_one_behind, NULL, .clock = KIN_CLOCK_VIRTUAL,
                          .unhandled = checks_the_cause, .context = &told),
                  "OK");
    CHECK_EQ(told, 1);
    CHECK_LOG("behind:Vlate");
}

/* --- an interrupt during the shutdown ------------------------------------------------ */

static kin_error *interrupts_at_the_end(void *arg)
{
    kin_error *err = kin_sleep_forever();
    (void)raise(SIGINT);
    (void)arg;
    return err;
}

static kin_error *exits_with_one_behind(void *arg)
{
    (void)arg;
    kin_spawn_background(interrupts_at_the_end, NULL);
    KIN_TRY(kin_checkpoint());
    return kin_exit(3);
}

/* It wins, and what the program had ended with is its cause. */
TEST(b259_an_interrupt_during_the_shutdown)
{
    struct sigaction before;
    (void)sigaction(SIGINT, &(struct sigaction){.sa_handler = SIG_DFL},
                    &before);
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(exits_with_one_behind, NULL, seed);
        CHECK_SHAPE(err ? kin_error_cause(err) : NULL, "EXIT(3)");
        check_program(err, "INTERRUPT", 130);
    }
    (void)sigaction(SIGINT, &before, NULL);
}

/* --- wrapped ---------------------------------------------------------------------------- */

static kin_error *wraps_shielded(void *arg)
{
    (void)arg;
    kin_error_free(kin_sleep_forever());
    kin_error *err = fail_v("inner");
    KIN_SCOPE(shield, .shield = true);
    err = kin_fail_from(err, &TEST_T, "outer");
    CHECK(!kin_error_during(err));
    return kin_scope_close(shield, err);
}

static kin_error *wraps_an_unrelated_one(void *arg)
{
    (void)arg;
    kin_error *err = fail_v("inner");
    kin_error_free(kin_sleep_forever());
    KIN_SCOPE(shield, .shield = true);
    err = kin_fail_from(err, &TEST_T, "outer");
    return kin_scope_close(shield, err);
}

static kin_error *with_a_wrapped_one(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, wraps_shielded, NULL);
    return kin_group_close(group, NULL);
}

static kin_error *with_a_wrapped_unrelated_one(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, exits, NULL);
    kin_spawn(group, wraps_an_unrelated_one, NULL);
    return kin_group_close(group, NULL);
}

/* What explains it says whether it follows. */
TEST(b259_an_error_wrapped_with_kin_fail_from)
{
    EACH_SEED(seed)
    {
        bool show = true;
        kin_error *err = run_virtual(with_a_wrapped_one, NULL, seed);
        CHECK_SHAPE(err, "G[EXIT(3), Touter]");
        check_json(err);
        CHECK_EQ(kin_error_exit_status(err, &show), 3);
        CHECK(!show);
        kin_error_free(err);
        err = run_virtual(with_a_wrapped_unrelated_one, NULL, seed);
        CHECK_SHAPE(err, "G[EXIT(3), Touter]");
        check_json(err);
        CHECK_EQ(kin_error_exit_status(err, &show), 1);
        kin_error_free(err);
    }
}

static kin_error *wraps_the_exit(void *arg)
{
    kin_error *err = with_a_consequence(arg);
    return kin_fail_from(err, &TEST_T, "the program ended");
}

/* An exit that somebody has made the cause of a failure is a failure. */
TEST(b259_a_wrapped_exit_is_a_failure)
{
    EACH_SEED(seed)
    {
        bool show = false;
        kin_error *err = run_virtual(wraps_the_exit, NULL, seed);
        CHECK_SHAPE(err, "Tthe program ended");
        CHECK_EQ(kin_error_exit_status(err, &show), 1);
        CHECK(show);
        kin_error_free(err);
    }
}

/* --- split off and joined again ------------------------------------------------------------ */

static kin_error *splits_and_joins(void *arg)
{
    kin_error *rest, *err = with_a_consequence(arg);
    kin_error *late = kin_error_split(err, &TEST_V, &rest);
    CHECK_SHAPE(late, "G[Vlate]");
    CHECK_SHAPE(rest, "G[EXIT(3)]");
    CHECK(kin_error_follows_from(late, rest));
    CHECK(!kin_error_follows_from(rest, late));
    return kin_error_combine(late, rest);
}

static kin_error *keeps_one_half(void *arg)
{
    kin_error *rest, *err = with_a_consequence(arg);
    kin_error *late = kin_error_split(err, &TEST_V, &rest);
    const kin_cancellation *why = kin_error_during(leaf(late, 0));
    kin_error_free(rest);
    CHECK_SHAPE(why->behind, "EXIT(3)"); /* it lives on behind the other */
    CHECK_STR(why->task, "exits");
    return late;
}

TEST(b259_leaves_split_off_and_joined_again)
{
    PROGRAM(splits_and_joins, "G[G[Vlate], G[EXIT(3)]]", 3);
    PROGRAM(keeps_one_half, "G[Vlate]", 1);
}

/* --- the same reason, everywhere -------------------------------------------------------------- */

static kin_error *by_request(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope, .name = "s");
    kin_scope_cancel(scope, "enough");
    kin_error_free(kin_checkpoint());
    return kin_scope_close(scope, fail_v("late"));
}

TEST(causes_are_printed_and_written)
{
    kin_error *err = run_virtual(by_request, NULL, 0);
    char *tree = text_of(err, kin_error_print);
    char *json = text_of(err, kin_error_write_json);
    CHECK_CONTAINS(tree, "enough");
    CHECK_CONTAINS(tree, "by_request");
    CHECK_CONTAINS(json, "\"during\":{\"source\":\"request\"");
    CHECK_CONTAINS(json, "\"text\":\"enough\"");
    free(tree);
    free(json);
    check_program(err, "Vlate", 1);
}

/* --- child processes ------------------------------------------------------------------------------ */

static kin_error *runs_a_process(void *arg)
{
    static const char *const sleeps[] = {"sleep", "60", NULL};
    (void)arg;
    kin_error *err = kin_process_run(sleeps, NULL);
    const kin_cancellation *why = kin_error_during(err);
    CHECK_SHAPE(err, "CANCELLED");
    REQUIRE_OR(why != NULL, err);
    CHECK_EQ(why->source, KIN_BY_GROUP);
    CHECK_STR(why->task, "exits_soon");
    CHECK_SHAPE(why->behind, "EXIT(3)");
    kin_error_free(err);
    return kin_fail(&TEST_V, "the process has ended");
}

static kin_error *exits_soon(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(50)));
    return kin_exit(3);
}

static kin_error *with_a_process(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, runs_a_process, NULL);
    kin_spawn(group, exits_soon, NULL);
    return kin_group_close(group, NULL);
}

/* What becomes of a process that had to end is a consequence as well. */
TEST(b259_through_child_processes)
{
    check_program(kin_run(with_a_process, NULL),
                  "G[EXIT(3), Vthe process has ended]", 3);
}

static void reports_in_json(void *arg)
{
    (void)arg;
    kin_error *err =
        kin_run(with_a_consequence, NULL, .clock = KIN_CLOCK_VIRTUAL);
    kin_error_write_json(err, stderr);
    kin_error_free(err);
}

/* A process that says in JSON what became of it says the causes too. */
TEST(b259_from_one_process_to_another)
{
    int status = 0;
    const char *text = in_child_process(reports_in_json, NULL, &status);
    kin_error *read = NULL;
    CHECK_OUTCOME(kin_error_read_json(text, strlen(text), &read), "OK");
    REQUIRE(leaf_count(read) == 2);
    const kin_cancellation *why = kin_error_during(leaf(read, 1));
    CHECK(kin_error_follows_from(leaf(read, 1), leaf(read, 0)));
    CHECK(!kin_error_follows_from(leaf(read, 0), leaf(read, 1)));
    CHECK(why != NULL);
    if (why)
        CHECK_STR(why->task, "exits");
    kin_error_free(read);
}
