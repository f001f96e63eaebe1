/* g_generators.c: B182 to B199: generators: what they hand out, what they must
   not be suspended with, and how they end. The three programs of PEP 789 are
   here in their broken and in their right form. */
#include "harness.h"

#include <stdlib.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* The next value of generators that yield words. */
static const char *next_word(kin_generator *words)
{
    const char *word = "untouched";
    kin_error *err = kin_next(words, &word);
    if (err)
        word = shape(err);
    kin_error_free(err);
    return word ? word : "END";
}

/* --- what they do ------------------------------------------------------ */

static kin_error *yields_abc(kin_generator *self, void *arg)
{
    const char **words = arg;
    for (; *words; words++)
        KIN_TRY(kin_yield(self, (void *)*words));
    NOTE("end");
    return NULL;
}

static const char *abc[] = {"a", "b", "c", NULL};

static kin_error *asks_for_all(void *arg)
{
    (void)arg;
    kin_error *err = NULL;
    KIN_GENERATOR(words, yields_abc, abc);
    for (const char *word;;) {
        KIN_TRY_TO(done, err, kin_next(words, &word));
        if (!word)
            break;
        NOTE("%s", word);
    }
    CHECK_STR(next_word(words), "END");
    CHECK_STR(next_word(words), "END");
    CHECK_LOG("a b c end");
done:
    return kin_generator_close(words, err);
}

/* "*value = what was yielded, NULL at the end" */
TEST(a_generator_gives_one_value_after_the_other)
{
    RUNS(asks_for_all, "OK");
}

static kin_error *fails_after_one(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_TRY(kin_yield(self, "one"));
    return fail_v("1");
}

static kin_error *asks_after_a_failure(void *arg)
{
    (void)arg;
    const char *untouched = "untouched";
    KIN_GENERATOR(words, fails_after_one, NULL);
    CHECK_STR(next_word(words), "one");
    CHECK_OUTCOME(kin_next(words, &untouched), "V1");
    CHECK_STR(untouched, "untouched");
    CHECK_STR(next_word(words), "END");
    return kin_generator_close(words, NULL);
}

/* "After a failure came out of kin_next the next call gives the end." */
TEST(a_failure_comes_out_once_and_then_the_end)
{
    RUNS(asks_after_a_failure, "OK");
}

static kin_error *fails_at_once(kin_generator *self, void *arg)
{
    (void)self, (void)arg;
    return fail_v("1");
}

static kin_error *forgets_a_failure(void *arg)
{
    (void)arg;
    const char *word;
    KIN_GENERATOR(words, fails_at_once, NULL);
    kin_error *forgotten = kin_next(words, &word);
    (void)forgotten;
    return kin_generator_close(words, NULL);
}

/* What came out of a kin_next is the task's to answer for. */
TEST(a_failure_that_is_forgotten_comes_out_of_the_task)
{
    RUNS(forgets_a_failure, "G[V1]");
}

static kin_error *sleeps_between(kin_generator *self, void *length)
{
    for (;;) {
        KIN_TRY(kin_sleep(*(kin_time *)length));
        NOTE("made");
        KIN_TRY(kin_yield(self, length));
    }
}

static kin_error *works_beside(void *arg)
{
    (void)arg;
    void *item;
    kin_time length = KIN_SECONDS(2), began = kin_now();
    work child = {.after = KIN_SECONDS(3), .note = "child"};
    KIN_GENERATOR(items, sleeps_between, &length);
    KIN_GROUP(group);
    kin_spawn(group, works, &child);
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_EQ(item, &length);
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_EQ(kin_now() - began, KIN_SECONDS(4));
    CHECK_LOG("made child made");
    kin_error *err = kin_group_close(group, NULL);
    return kin_generator_close(items, err);
}

/* A generator waits as a part of its task; others go on. */
TEST(a_wait_in_a_generator_lets_others_run)
{
    RUNS(works_beside, "OK");
}

static kin_error *asks_while_cancelled(void *arg)
{
    (void)arg;
    void *word = "untouched";
    KIN_GENERATOR(words, yields_abc, abc);
    CHECK_STR(next_word(words), "a");
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(kin_next(words, &word), "CANCELLED");
    CHECK_STR(word, "untouched");
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_STR(next_word(words), "b");
    return kin_generator_close(words, NULL);
}

/* B136: kin_next is a checkpoint: called while cancelled it has no effect. */
TEST(b136_asking_while_cancelled_has_no_effect)
{
    RUNS(asks_while_cancelled, "OK");
}

static kin_error *counts_up(kin_generator *self, void *arg)
{
    for (size_t *count = arg;; ++*count)
        KIN_TRY(kin_yield(self, count));
}

static kin_error *starver(void *arg)
{
    size_t count = 0, *seen;
    kin_error *err = NULL;
    KIN_GENERATOR(counts, counts_up, &count);
    while (!*(bool *)arg && count < 100000)
        KIN_TRY_TO(done, err, kin_next(counts, &seen));
    CHECK(count < 200);
done:
    return kin_generator_close(counts, err);
}

static kin_error *sets(void *arg)
{
    *(bool *)arg = true;
    return NULL;
}

static kin_error *budget(void *arg)
{
    (void)arg;
    bool ran = false;
    KIN_GROUP(group);
    kin_spawn(group, starver, &ran);
    kin_spawn(group, sets, &ran);
    return kin_group_close(group, NULL);
}

/* "gives way all the same once the task has used its budget of 64
   checkpoints" */
TEST(a_consumer_that_never_waits_gives_way)
{
    RUNS(budget, "OK");
}

static kin_error *asks_past_a_deadline(void *arg)
{
    (void)arg;
    size_t count = 0, *seen;
    kin_error *err = NULL;
    KIN_GENERATOR(counts, counts_up, &count);
    KIN_SCOPE(limit, .fail_after = KIN_MILLISECONDS(20));
    while (!err)
        err = kin_next(counts, &seen);
    err = kin_scope_close(limit, err);
    return kin_generator_close(counts, err);
}

/* A deadline reaches a consumer that only ever asks, on the real clock. */
TEST(a_deadline_reaches_a_consumer_that_never_waits)
{
    CHECK_OUTCOME(kin_run(asks_past_a_deadline, NULL), "TIMEOUT");
}

static kin_error *works_between_askings(void *arg)
{
    (void)arg;
    size_t count = 0, *seen;
    kin_error *err = NULL;
    KIN_GENERATOR(counts, counts_up, &count);
    KIN_SCOPE(limit, .move_on_after = KIN_MILLISECONDS(5));
    while (!err) {
        kin_time until = kin_now() + KIN_MILLISECONDS(1);
        while (kin_now() < until)
            ;
        err = kin_next(counts, &seen);
    }
    CHECK(count < 30);
    err = kin_scope_close(limit, err);
    return kin_generator_close(counts, err);
}

/* "within 64 checkpoints or a millisecond, whichever comes first" */
TEST(a_deadline_reaches_a_consumer_that_works_between_askings)
{
    CHECK_OUTCOME(kin_run(works_between_askings, NULL), "OK");
}

/* --- B182, B183: the leaking timeout ----------------------------------- */

static kin_error *yields_in_a_timeout(kin_generator *self, void *arg)
{
    kin_error *err = NULL;
    for (int i = 0; i < 3 && !err; i++) {
        KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
        KIN_TRY_TO(done, err, kin_sleep(KIN_SECONDS(0.1)));
        err = kin_yield(self, arg);
        CHECK(kin_error_is(err, &KIN_YIELD_PREVENTED));
        CHECK(kin_error_is(err, &KIN_MISUSE));
        CHECK_CONTAINS(kin_error_message(err), "scope \"limit\"");
        CHECK_CONTAINS(kin_error_message(err), "g_generators.c:");
        CHECK_CONTAINS(kin_error_message(err), "\"items\"");
done:
        err = kin_scope_close(limit, err);
    }
    return err;
}

static kin_error *b182(void *arg)
{
    (void)arg;
    void *item = NULL;
    KIN_GENERATOR(items, yields_in_a_timeout, NULL);
    CHECK_OUTCOME(kin_next(items, &item), "YIELD_PREVENTED");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(10)), "OK"); /* nobody's timer */
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_EQ(item, NULL);
    return kin_generator_close(items, NULL);
}

/* B182: a kin_yield inside a timeout fails inside the generator, naming the
   scope and its place; the consumer is never cancelled by that timer. */
TEST(b182_a_yield_in_a_timeout_fails)
{
    RUNS(b182, "OK");
}

static kin_error *fetch_yield_outside(kin_generator *self, void *arg)
{
    kin_time *lengths = arg;
    for (; *lengths; lengths++) {
        KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
        kin_error *err = kin_sleep(*lengths);
        KIN_TRY(kin_scope_close(limit, err));
        KIN_TRY(kin_yield(self, lengths));
    }
    return NULL;
}

static kin_error *b183(void *arg)
{
    (void)arg;
    kin_time *item,
        lengths[] = {KIN_SECONDS(0.5), KIN_SECONDS(0.5), KIN_SECONDS(3), 0};
    KIN_GENERATOR(items, fetch_yield_outside, lengths);
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK"); /* a slow consumer */
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_EQ(item, &lengths[1]);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK");
    CHECK_OUTCOME(kin_next(items, &item), "TIMEOUT"); /* a slow element */
    return kin_generator_close(items, NULL);
}

/* B183: with the fetch inside and the yield outside a slow element times out,
   and a slow consumer never does. */
TEST(b183_a_yield_outside_the_timeout_works)
{
    RUNS(b183, "OK");
}

/* --- B184: the combined iterators -------------------------------------- */

static kin_error *moves(void *arg)
{
    kin_error *err = kin_sleep_forever();
    NOTE("%s", (char *)arg);
    return err;
}

static kin_error *yields_in_a_group(kin_generator *self, void *arg)
{
    kin_error *err = NULL;
    KIN_GROUP(movers);
    kin_spawn(movers, moves, "left-1");
    kin_spawn(movers, moves, "left-2");
    KIN_TRY_TO(done, err, kin_sleep(KIN_SECONDS(1)));
    err = kin_yield(self, arg);
    CHECK(kin_error_is(err, &KIN_YIELD_PREVENTED));
    CHECK_CONTAINS(kin_error_message(err), "group \"movers\"");
done:
    err = kin_group_close(movers, err);
    NOTE("unwound");
    return err;
}

static kin_error *b184(void *arg)
{
    (void)arg;
    void *item;
    KIN_GENERATOR(items, yields_in_a_group, NULL);
    CHECK_OUTCOME(kin_next(items, &item), "G[YIELD_PREVENTED]");
    CHECK_LOG_SORTED("left-1 left-2 unwound");
    return kin_generator_close(items, NULL);
}

/* B184: a kin_yield inside a group fails at the first; the children are
   cancelled and joined as the generator unwinds. */
TEST(b184_a_yield_in_a_group_fails)
{
    RUNS(b184, "OK");
}

/* --- B186: a helper that leaves something open ------------------------- */

typedef struct socket_of {
    kin_group group;
} socket_of;

static void open_socket(socket_of *s)
{
    kin_group_init(&s->group, .name = "websocket");
    kin_group_open(&s->group);
    kin_spawn(&s->group, moves, "closed");
}

static kin_error *yields_messages(kin_generator *self, void *arg)
{
    socket_of s;
    open_socket(&s);
    kin_error *err = kin_sleep(KIN_SECONDS(1));
    if (!err)
        err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "group \"websocket\"");
    return kin_group_close(&s.group, err);
}

static kin_error *b186(void *arg)
{
    (void)arg;
    void *item;
    KIN_GENERATOR(items, yields_messages, NULL);
    CHECK_OUTCOME(kin_next(items, &item), "G[YIELD_PREVENTED]");
    CHECK_LOG("closed");
    return kin_generator_close(items, NULL);
}

/* B186: what a helper has opened and left open counts too. */
TEST(b186_a_group_that_a_helper_has_opened_prevents_the_yield)
{
    RUNS(b186, "OK");
}

/* --- B187 to B190 ------------------------------------------------------ */

static kin_error *never_waits(kin_generator *self, void *arg)
{
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    return kin_scope_close(limit, kin_yield(self, arg));
}

static kin_error *b187(void *arg)
{
    (void)arg;
    void *item;
    KIN_GENERATOR(items, never_waits, NULL);
    CHECK_OUTCOME(kin_next(items, &item), "YIELD_PREVENTED");
    return kin_generator_close(items, NULL);
}

/* B187: so it is with a generator that never waits. */
TEST(b187_a_generator_that_never_waits_is_no_exception)
{
    RUNS(b187, "OK");
}

static kin_error *notes_its_end(kin_generator *self, void *length)
{
    kin_error *err = NULL;
    while (!err) {
        err = kin_sleep(*(kin_time *)length);
        if (!err)
            err = kin_yield(self, length);
    }
    NOTE("%s", shape(err));
    return err;
}

static kin_error *b188(void *arg)
{
    (void)arg;
    void *item;
    kin_time length = KIN_SECONDS(2);
    KIN_GENERATOR(items, notes_its_end, &length);
    KIN_SCOPE(limit, .fail_after = KIN_SECONDS(5));
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    kin_error *err = kin_next(items, &item);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG("CANCELLED");
    err = kin_scope_close(limit, err);
    CHECK_SHAPE(err, "TIMEOUT");
    err = kin_generator_close(items, err);
    CHECK_OUTCOME(err, "TIMEOUT");
    return NULL;
}

/* B188: a scope of the consumer's around the loop forbids nothing; its timeout
   cancels what the generator waits for, and ends at the consumer's scope. */
TEST(b188_a_scope_of_the_consumers_forbids_nothing)
{
    RUNS(b188, "OK");
}

static kin_error *balanced(kin_generator *self, void *arg)
{
    for (int i = 0; i < 3; i++) {
        KIN_TRY(KIN_WITHIN(kin_sleep(KIN_SECONDS(1)),
                           .fail_after = KIN_SECONDS(2)));
        KIN_GROUP(group);
        KIN_TRY(kin_group_close(group, NULL));
        KIN_TRY(kin_yield(self, arg));
    }
    kin_scope unbalanced;
    kin_scope_init(&unbalanced, .name = "unbalanced");
    kin_scope_open(&unbalanced);
    kin_error *err = kin_yield(self, arg);
    CHECK_SHAPE(err, "YIELD_PREVENTED");
    return kin_scope_close(&unbalanced, err);
}

static kin_error *b189(void *arg)
{
    (void)arg;
    void *item;
    KIN_GENERATOR(items, balanced, "item");
    KIN_SCOPE(outer);
    for (int i = 0; i < 3; i++)
        CHECK_STR(next_word(items), "item");
    KIN_SCOPE(inner); /* more open than when it was asked last */
    CHECK_OUTCOME(kin_next(items, &item), "YIELD_PREVENTED");
    CHECK_OUTCOME(kin_scope_close(inner, NULL), "OK");
    CHECK_OUTCOME(kin_scope_close(outer, NULL), "OK");
    return kin_generator_close(items, NULL);
}

/* B189: what is opened and closed between two yields is fine; what is opened
   before a yield and closed after it is not. */
TEST(b189_between_two_yields_all_is_allowed)
{
    RUNS(b189, "OK");
}

static kin_error *recovers(kin_generator *self, void *arg)
{
    KIN_SCOPE(section);
    kin_error *err = kin_yield(self, arg);
    CHECK(kin_error_catch(&err, &KIN_YIELD_PREVENTED));
    KIN_TRY(kin_scope_close(section, NULL));
    KIN_TRY(kin_yield(self, arg));
    KIN_TRY(kin_yield(self, arg));
    return NULL;
}

static kin_error *b190(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, recovers, "item");
    CHECK_STR(next_word(items), "item");
    CHECK_STR(next_word(items), "item");
    CHECK_STR(next_word(items), "END");
    return kin_generator_close(items, NULL);
}

/* B190: after the failed yield it may close its scope and go on. */
TEST(b190_after_the_failed_yield_it_may_go_on)
{
    RUNS(b190, "OK");
}

/* --- B192, B193: sections of one's own --------------------------------- */

static kin_error *holds_a_pen(kin_generator *self, void *arg)
{
    KIN_NO_YIELDS(pen, "the pen is out");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    kin_error *err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "section \"the pen is out\"");
    CHECK_CONTAINS(kin_error_message(err), "g_generators.c:");
    CHECK(kin_error_catch(&err, &KIN_YIELD_PREVENTED));
    kin_no_yields_end(pen);
    KIN_TRY(kin_yield(self, arg));
    {
        KIN_NO_YIELDS(again, "until the end of the block");
    }
    KIN_TRY(kin_yield(self, arg));
    return NULL;
}

static kin_error *b192(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, holds_a_pen, "item");
    CHECK_STR(next_word(items), "item");
    CHECK_STR(next_word(items), "item");
    CHECK_STR(next_word(items), "END");
    return kin_generator_close(items, NULL);
}

/* B192: a section prevents yields with its reason, and nothing else; it ends
   with kin_no_yields_end or with its C block. */
TEST(b192_a_section_prevents_yields)
{
    RUNS(b192, "OK");
}

static kin_error *ends_without_beginning(void *arg)
{
    (void)arg;
    kin_no_yields never = {.scope = {.tag = 0}}, section;
    kin_no_yields_end(&never);
    kin_no_yields_begin(&section, "once");
    kin_no_yields_end(&section);
    kin_no_yields_end(&section);
    KIN_SCOPE(scope);
    return kin_scope_close(scope, NULL);
}

static kin_error *ends_the_outer_first(kin_generator *self, void *arg)
{
    KIN_NO_YIELDS(outer, "outer");
    KIN_SCOPE(scope, .move_on_after = KIN_SECONDS(1));
    KIN_NO_YIELDS(inner, "inner");
    kin_no_yields_end(outer);
    kin_error *err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "\"inner\"");
    kin_error_free(err);
    kin_no_yields_end(inner);
    err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "\"scope\"");
    kin_error_free(err);
    KIN_TRY(kin_scope_close(scope, kin_sleep_forever()));
    return kin_yield(self, arg);
}

static kin_error *b193(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, ends_the_outer_first, "item");
    CHECK_STR(next_word(items), "item");
    CHECK_STR(next_word(items), "END");
    return kin_generator_close(items, NULL);
}

/* B193: ending what has not begun is a KIN_MISUSE and changes nothing. */
TEST(b193_ending_what_has_not_begun_is_a_misuse)
{
    RUNS(ends_without_beginning, "G[MISUSE, MISUSE]");
}

/* B193: ending one that is not the innermost ends it, and is a KIN_MISUSE. */
TEST(b193_ending_in_the_wrong_order_is_a_misuse)
{
    RUNS(b193, "G[MISUSE]");
}

/* --- B194: generators in generators ------------------------------------ */

static kin_error *doubles(kin_generator *self, void *arg)
{
    const char *word;
    kin_error *err = NULL;
    KIN_GENERATOR(inner, yields_abc, arg);
    for (;;) {
        KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
        err = kin_scope_close(limit, kin_next(inner, &word));
        if (err || !word)
            break;
        KIN_TRY_TO(done, err, kin_yield(self, (void *)word));
        KIN_TRY_TO(done, err, kin_yield(self, (void *)word));
    }
done:
    return kin_generator_close(inner, err);
}

static kin_error *b194(void *arg)
{
    (void)arg;
    KIN_GENERATOR(words, doubles, abc);
    for (const char *word; strcmp(word = next_word(words), "END") != 0;)
        NOTE("%s", word);
    CHECK_LOG("a a b b c c end");
    return kin_generator_close(words, NULL);
}

/* B194: scopes of an inner generator do not count for the outer one. */
TEST(b194_a_generator_may_ask_another)
{
    RUNS(b194, "OK");
}

static kin_error *inner_is_prevented(kin_generator *self, void *arg)
{
    void *item;
    KIN_GENERATOR(inner, never_waits, arg);
    CHECK_OUTCOME(kin_next(inner, &item), "YIELD_PREVENTED");
    KIN_TRY(kin_yield(self, "outer"));
    return kin_generator_close(inner, NULL);
}

static kin_error *b194_prevented(void *arg)
{
    (void)arg;
    KIN_GENERATOR(words, inner_is_prevented, NULL);
    CHECK_STR(next_word(words), "outer");
    CHECK_STR(next_word(words), "END");
    return kin_generator_close(words, NULL);
}

/* B194: nor do those that prevented the inner one's yield. */
TEST(b194_what_prevents_the_inner_does_not_prevent_the_outer)
{
    RUNS(b194_prevented, "OK");
}

/* --- B195: whose it is ------------------------------------------------- */

static kin_error *asks_a_foreign_one(void *arg)
{
    kin_generator *words = arg;
    void *word = "untouched";
    kin_error *err = kin_next(words, &word);
    CHECK_STR(word, "untouched");
    CHECK_CONTAINS(kin_error_message(err), "\"words\"");
    CHECK_OUTCOME(kin_generator_close(words, err), "G[MISUSE, MISUSE]");
    return NULL;
}

static kin_error *b195(void *arg)
{
    (void)arg;
    KIN_GENERATOR(words, yields_abc, abc);
    CHECK_STR(next_word(words), "a");
    KIN_GROUP(group);
    kin_spawn(group, asks_a_foreign_one, words);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_STR(next_word(words), "b");
    return kin_generator_close(words, NULL);
}

/* B195: only the task that asked first may go on with it. */
TEST(b195_another_task_may_not_ask)
{
    RUNS(b195, "OK");
}

static kin_error *asks_slowly(void *arg)
{
    void *item;
    return kin_next(arg, &item);
}

static kin_error *b195_running(void *arg)
{
    (void)arg;
    kin_time length = KIN_SECONDS(2);
    kin_generator *items = malloc(sizeof *items);
    kin_generator_init(items, sleeps_between, &length);
    KIN_GROUP(group);
    kin_spawn(group, asks_slowly, items, .name = "first");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    void *item;
    kin_error *err = kin_next(items, &item);
    CHECK_CONTAINS(kin_error_message(err), "task \"first\"");
    CHECK_OUTCOME(err, "MISUSE");
    CHECK_OUTCOME(kin_generator_close(items, NULL), "MISUSE");
    err = kin_group_close(group, NULL);
    free(items);
    return err;
}

/* "asking a generator that another task is running is a KIN_MISUSE". And the
   task that did not close it is told so. */
TEST(b195_a_generator_that_another_task_runs_cannot_be_asked)
{
    RUNS(b195_running, "G[G[MISUSE]]");
}

/* --- B196, B197: closing ----------------------------------------------- */

static kin_error *cleans_up(kin_generator *self, void *arg)
{
    kin_error *err = kin_yield(self, arg);
    NOTE("%s", shape(err));
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    return err;
}

static kin_error *cleans_up_and_returns_well(kin_generator *self, void *arg)
{
    kin_error *err = kin_yield(self, arg);
    CHECK(kin_error_catch(&err, &KIN_GENERATOR_EXIT));
    return NULL;
}

static kin_error *fails_in_cleanup(kin_generator *self, void *arg)
{
    kin_error_free(kin_yield(self, arg));
    return fail_v("1");
}

static kin_error *ignores_the_exit(kin_generator *self, void *arg)
{
    kin_error_free(kin_yield(self, arg));
    kin_error *err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "ignored KIN_GENERATOR_EXIT");
    CHECK(!kin_error_is(err, &KIN_YIELD_PREVENTED));
    CHECK_OUTCOME(kin_yield(self, arg), "MISUSE");
    return err;
}

typedef struct closing {
    kin_generator_fn *fn;
    const char *outcome;
} closing;

static kin_error *closes_each(const closing cases[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        KIN_GENERATOR(items, cases[i].fn, "item");
        CHECK_STR(next_word(items), "item");
        kin_error *err = kin_generator_close(items, NULL);
        CHECK_STR(shape(err), cases[i].outcome);
        kin_error_free(err);
        CHECK_STR(next_word(items), "END");
        CHECK_OUTCOME(kin_generator_close(items, NULL), "OK");
    }
    return NULL;
}

static kin_error *b196(void *arg)
{
    (void)arg;
    static const closing cases[] = {
        {cleans_up, "OK"},
        {cleans_up_and_returns_well, "OK"},
        {fails_in_cleanup, "V1"},
        {ignores_the_exit, "MISUSE"},
    };
    KIN_TRY(closes_each(cases, sizeof cases / sizeof *cases));
    CHECK_LOG("GENERATOR_EXIT");
    return NULL;
}

/* B196: closing: KIN_GENERATOR_EXIT out of the yield; a clean end is well, an
   error in cleanup comes out, a further yield is a KIN_MISUSE. */
TEST(b196_closing_a_suspended_generator)
{
    RUNS(b196, "OK");
}

static kin_error *takes_the_outcome_along(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, fails_in_cleanup, "item");
    CHECK_STR(next_word(items), "item");
    return kin_generator_close(items, fail_t("2"));
}

/* The block's outcome comes first, then what the cleanup failed with. */
TEST(b196_the_blocks_outcome_comes_out_of_the_close)
{
    RUNS(takes_the_outcome_along, "G[T2, V1]");
}

static kin_error *never_runs(kin_generator *self, void *arg)
{
    (void)self, (void)arg;
    NOTE("ran");
    return NULL;
}

static kin_error *closes_unstarted(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, never_runs, NULL);
    CHECK_OUTCOME(kin_generator_close(items, fail_v("1")), "V1");
    CHECK_STR(next_word(items), "END");
    CHECK_LOG("");
    KIN_GENERATOR(unused, never_runs, NULL);
    return NULL;
}

/* One that never started never runs, and need not be closed. */
TEST(b196_one_that_never_started_never_runs)
{
    RUNS(closes_unstarted, "OK");
}

static kin_error *exit_through_a_group(kin_generator *self, void *arg)
{
    kin_error *err = kin_yield(self, arg);
    KIN_GROUP(inner, .name = "inner");
    return kin_group_close(inner, err);
}

static kin_error *exit_beside_an_error(kin_generator *self, void *arg)
{
    kin_error *members[] = {kin_yield(self, arg), fail_v("1")};
    return kin_error_group("both", members, 2);
}

static kin_error *forges_exits(kin_generator *self, void *arg)
{
    kin_error *members[] = {kin_yield(self, arg),
                            kin_fail(&KIN_GENERATOR_EXIT, "forged")};
    return kin_error_group("both", members, 2);
}

static kin_error *forges_beside_an_error(kin_generator *self, void *arg)
{
    kin_error *members[] = {kin_fail(&KIN_GENERATOR_EXIT, "forged"),
                            fail_v("1"), kin_yield(self, arg)};
    return kin_error_group("three", members, 3);
}

static kin_error *b197(void *arg)
{
    (void)arg;
    static const closing cases[] = {
        {exit_through_a_group, "OK"},
        {exit_beside_an_error, "G[V1]"},
        {forges_exits, "G[MISUSE]"},
        {forges_beside_an_error, "G[V1, MISUSE]"},
    };
    return closes_each(cases, sizeof cases / sizeof *cases);
}

/* B197: the KIN_GENERATOR_EXIT is taken out of groups, other leaves come out;
   of more than one somebody made some. */
TEST(b197_the_exit_is_taken_out_of_groups)
{
    RUNS(b197, "OK");
}

/* --- B198: left unclosed ----------------------------------------------- */

static kin_error *cannot_wait(kin_generator *self, void *arg)
{
    kin_error *err = kin_yield(self, arg);
    NOTE("%s", shape(err));
    kin_error *wait = kin_sleep(KIN_SECONDS(1));
    NOTE("%s", shape(wait));
    return kin_error_combine(err, wait);
}

static kin_error *returns_past_the_close(void)
{
    KIN_GENERATOR(leaky, cannot_wait, "item");
    CHECK_STR(next_word(leaky), "item");
    return NULL;
}

static kin_error *b198_block(void *arg)
{
    kin_time began = kin_now();
    KIN_TRY(returns_past_the_close());
    CHECK_LOG("GENERATOR_EXIT CANCELLED");
    CHECK_EQ(kin_now(), began);
    NOTE("%s", arg ? "" : "on");
    return NULL;
}

/* B198: left unclosed it is closed as its block ends, cancelled, and that is
   said with its name and place. */
TEST(b198_one_left_unclosed_is_closed_with_its_block)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b198_block, NULL, seed);
        CHECK_SHAPE(err, "G[MISUSE]");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "generator \"leaky\"");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "g_generators.c:");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)),
                       "returns_past_the_close");
        kin_error_free(err);
        CHECK_LOG("GENERATOR_EXIT CANCELLED on");
    }
}

static kin_error *b198_heap(void *arg)
{
    kin_generator **two = arg;
    for (int i = 0; i < 2; i++) {
        kin_generator_init(two[i], cannot_wait, i ? "second" : "first");
        CHECK_STR(next_word(two[i]), i ? "second" : "first");
    }
    return NULL;
}

/* B198: one in the heap is closed when its task ends. */
TEST(b198_one_in_the_heap_is_closed_with_its_task)
{
    EACH_SEED(seed)
    {
        kin_generator a, b, *two[] = {&a, &b};
        kin_error *err = run_virtual(b198_heap, two, seed);
        CHECK_SHAPE(err, "G[MISUSE, MISUSE]");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "\"cannot_wait\"");
        kin_error_free(err);
        CHECK_LOG("GENERATOR_EXIT CANCELLED GENERATOR_EXIT CANCELLED");
    }
}

static kin_error *fails_when_left(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, fails_in_cleanup, "item");
    CHECK_STR(next_word(items), "item");
    return fail_t("2");
}

/* Nothing is lost: neither the outcome nor what the cleanup fails with. */
TEST(b198_what_its_cleanup_fails_with_is_not_lost)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(fails_when_left, NULL, seed);
        CHECK_STR(shape_sorted(err), "G[MISUSE, T2, V1]");
        kin_error_free(err);
    }
}

static kin_error *first_asked_by_a_child(void *arg)
{
    const char *word;
    KIN_TRY(kin_next(arg, &word));
    CHECK_STR(word, "item");
    return kin_sleep_forever();
}

static kin_error *leaves_a_childs(void *arg)
{
    kin_group *group = arg;
    KIN_GENERATOR(items, cleans_up_and_returns_well, "item");
    kin_spawn(group, first_asked_by_a_child, items);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    return NULL;
}

static kin_error *b198_childs(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_error *err = leaves_a_childs(group);
    kin_group_cancel(group, NULL);
    return kin_group_close(group, err);
}

/* One that a child has asked first is closed with its block all the same. */
TEST(b198_one_that_a_child_asked_is_closed_with_its_block)
{
    RUNS(b198_childs, "G[MISUSE]");
}

/* --- B199: chains ------------------------------------------------------ */

enum { CHAIN = 101 };

typedef struct link_of {
    struct link_of *inner;
    int label;
} link_of;

static kin_error *chained(kin_generator *self, void *arg)
{
    link_of *at = arg;
    kin_error *err = NULL;
    void *value = at;
    KIN_GENERATOR(inner, chained, at->inner);
    if (at->inner)
        KIN_TRY_TO(done, err, kin_next(inner, &value));
    err = kin_yield(self, value);
done:
    err = kin_generator_close(inner, err);
    NOTE("%d", at->label);
    return err;
}

static kin_error *b199(void *arg)
{
    (void)arg;
    link_of links[CHAIN], *innermost;
    for (int i = 0; i < CHAIN; i++)
        links[i] = (link_of){i ? &links[i - 1] : NULL, i};
    KIN_GENERATOR(outermost, chained, &links[CHAIN - 1]);
    CHECK_OUTCOME(kin_next(outermost, &innermost), "OK");
    CHECK_EQ(innermost, &links[0]);
    CHECK_OUTCOME(kin_generator_close(outermost, NULL), "OK");
    char expected[CHAIN * 4] = "0";
    for (int i = 1; i < CHAIN; i++)
        sprintf(expected + strlen(expected), " %d", i);
    CHECK_STR(harness_log(), expected);
    return NULL;
}

/* B199: a chain of 101 generators cleans up innermost first. */
TEST(b199_a_chain_cleans_up_innermost_first)
{
    RUNS(b199, "OK");
}

/* --- misuse ------------------------------------------------------------ */

static kin_generator *outside;

static kin_error *shows_itself(kin_generator *self, void *arg)
{
    void *value;
    outside = self;
    CHECK_OUTCOME(kin_next(self, &value), "MISUSE");
    CHECK_OUTCOME(kin_generator_close(self, NULL), "MISUSE");
    KIN_TRY(kin_yield(self, arg));
    return NULL;
}

static kin_error *yields_for_another(kin_generator *self, void *arg)
{
    (void)self;
    kin_error *err = kin_yield(outside, arg);
    CHECK_CONTAINS(kin_error_message(err), "from outside of it");
    return err;
}

static kin_error *misuses(void *arg)
{
    (void)arg;
    void *value = "untouched";
    kin_generator nothing = {.tag = 0};
    CHECK_OUTCOME(kin_next(NULL, &value), "MISUSE");
    CHECK_OUTCOME(kin_next(&nothing, &value), "MISUSE");
    CHECK_OUTCOME(kin_generator_close(NULL, fail_v("1")), "G[V1, MISUSE]");
    CHECK_OUTCOME(kin_generator_close(&nothing, NULL), "MISUSE");
    CHECK_OUTCOME(kin_yield(NULL, NULL), "MISUSE");
    CHECK_OUTCOME(kin_yield(&nothing, NULL), "MISUSE");
    KIN_GENERATOR(items, shows_itself, "item");
    CHECK_OUTCOME(kin_yield(items, NULL), "MISUSE");
    CHECK_OUTCOME(kin_next(items, NULL), "MISUSE");
    CHECK_STR(value, "untouched");
    CHECK_STR(next_word(items), "item");
    CHECK_OUTCOME(kin_next(items, NULL), "MISUSE");
    CHECK_OUTCOME(kin_yield(items, NULL), "MISUSE");
    KIN_GENERATOR(others, yields_for_another, NULL);
    CHECK_OUTCOME(kin_next(others, &value), "MISUSE");
    CHECK_STR(next_word(items), "END");
    CHECK_OUTCOME(kin_yield(items, NULL), "MISUSE");
    CHECK_OUTCOME(kin_generator_close(others, NULL), "OK");
    return kin_generator_close(items, NULL);
}

/* Each detectable mistake is a KIN_MISUSE without effect. */
TEST(misuse_of_generators_is_told)
{
    RUNS(misuses, "OK");
}

static kin_error *asks_its_asker(kin_generator *self, void *arg)
{
    void *value;
    CHECK_OUTCOME(kin_next(arg, &value), "MISUSE");
    CHECK_OUTCOME(kin_generator_close(arg, NULL), "MISUSE");
    return kin_yield(self, "inner");
}

static kin_error *is_asked_by_its_own(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_GENERATOR(inner, asks_its_asker, self);
    CHECK_STR(next_word(inner), "inner");
    KIN_TRY(kin_yield(self, "outer"));
    return kin_generator_close(inner, NULL);
}

static kin_error *asks_in_a_circle(void *arg)
{
    (void)arg;
    KIN_GENERATOR(items, is_asked_by_its_own, NULL);
    CHECK_STR(next_word(items), "outer");
    CHECK_STR(next_word(items), "END");
    return kin_generator_close(items, NULL);
}

/* One that runs, if further out, cannot be asked or closed. */
TEST(a_generator_that_waits_for_another_cannot_be_asked_by_it)
{
    RUNS(asks_in_a_circle, "OK");
}

static kin_error *leaves_scopes_open(kin_generator *self, void *arg)
{
    static kin_scope scope; /* so that the tools do not see a dead frame */
    KIN_TRY(kin_yield(self, arg));
    kin_scope_init(&scope, .name = "forgotten");
    kin_scope_open(&scope);
    return NULL;
}

static kin_error *finds_them_closed(void *arg)
{
    (void)arg;
    KIN_SCOPE(mine);
    KIN_GENERATOR(items, leaves_scopes_open, "item");
    CHECK_STR(next_word(items), "item");
    CHECK_STR(next_word(items), "END");
    CHECK_OUTCOME(kin_generator_close(items, NULL), "OK");
    return kin_scope_close(mine, NULL);
}

/* What it returns with open is closed behind it, and said. */
TEST(scopes_that_a_generator_returns_with_are_closed)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(finds_them_closed, NULL, seed);
        CHECK_SHAPE(err, "G[MISUSE]");
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "\"forgotten\"");
        kin_error_free(err);
    }
}

static kin_error *closes_its_consumers(kin_generator *self, void *arg)
{
    KIN_TRY(kin_scope_close(arg, NULL));
    return kin_yield(self, arg);
}

static kin_error *has_its_scope_closed(void *arg)
{
    (void)arg;
    void *item;
    KIN_SCOPE(mine);
    KIN_GENERATOR(items, closes_its_consumers, mine);
    kin_error *err = kin_next(items, &item);
    CHECK_CONTAINS(kin_error_message(err), "its consumer's");
    err = kin_generator_close(items, err);
    return kin_scope_close(mine, err);
}

/* Closing a scope of the consumer's is noticed at the next yield. */
TEST(a_generator_that_closes_its_consumers_scope_cannot_yield)
{
    RUNS(has_its_scope_closed, "G[YIELD_PREVENTED, MISUSE]");
}

/* --- memory ------------------------------------------------------------ */

static bool always(void *context)
{
    (void)context;
    return true;
}

static kin_error *no_stack(void *arg)
{
    (void)arg;
    void *word = "untouched";
    KIN_GENERATOR(words, yields_abc, abc, .name = "big", .stack_size = 3 << 20);
    harness_heap.fail = always;
    kin_error *err = kin_next(words, &word);
    harness_heap.fail = NULL;
    CHECK_CONTAINS(kin_error_message(err), "generator \"big\"");
    CHECK_OUTCOME(err, "NO_MEMORY");
    CHECK_STR(word, "untouched");
    CHECK_STR(next_word(words), "a");
    return kin_generator_close(words, NULL);
}

/* Without a stack kin_next fails, and may be tried again. */
TEST(without_a_stack_asking_fails)
{
    RUNS(no_stack, "OK");
}

static kin_error *no_memory_at_all(void *arg)
{
    (void)arg;
    KIN_GENERATOR(words, yields_abc, abc);
    CHECK_STR(next_word(words), "a");
    harness_heap.fail = always;
    CHECK_STR(next_word(words), "b");
    CHECK_OUTCOME(kin_generator_close(words, NULL), "OK");
    harness_heap.fail = NULL;
    return NULL;
}

/* Going on with one, and closing it, needs no memory. */
TEST(without_memory_a_started_one_goes_on_and_closes)
{
    RUNS(no_memory_at_all, "OK");
}

static kin_error *many_in_turn(void *arg)
{
    (void)arg;
    kin_error *err = NULL;
    for (int i = 0; i < 5000 && !err; i++) {
        const char *word;
        KIN_GENERATOR(words, doubles, abc);
        err = kin_generator_close(words, kin_next(words, &word));
        if (i == 1)
            harness_heap.fail = always; /* no more stacks than there are */
    }
    harness_heap.fail = NULL;
    return err;
}

/* Stacks go back: thousands in turn need no more of them than two. */
TEST(stacks_go_back)
{
    CHECK_OUTCOME(run_virtual(many_in_turn, NULL, 0), "OK");
}

/* Never ends, but no compiler can know. */
static size_t goes_deeper(size_t depth, volatile const bool *on)
{
    volatile char page[4096];
    page[depth % sizeof page] = 1;
    return *on ? goes_deeper(depth + 1, on) + (size_t)page[0] : depth;
}

static kin_error *recurses(kin_generator *self, void *arg)
{
    volatile bool on = true;
    *(size_t *)arg = goes_deeper(0, &on);
    return kin_yield(self, arg);
}

static kin_error *asks_a_deep_one(void *arg)
{
    size_t depth;
    KIN_GENERATOR(deep, recurses, &depth);
    return kin_next(deep, &arg);
}

static void overflow_in_a_generator(void *arg)
{
    kin_error_free(run_virtual(asks_a_deep_one, arg, 0));
}

/* An overflow names the generator and where it was opened. */
TEST(an_overflow_names_the_generator)
{
    const char *sanitize = getenv("KIN_SANITIZE");
    if (sanitize && strcmp(sanitize, "none") != 0)
        SKIP("the sanitizer reports it in its own way");
    int status;
    const char *text = in_child_process(overflow_in_a_generator, NULL, &status);
    CHECK_CONTAINS(text, "generator \"deep\" overflowed its stack");
    CHECK_CONTAINS(text, "opened at");
}

/* Goes down until hardly anything of the stack is left. */
static kin_error *yields_deep(kin_generator *self, const char *lowest)
{
    volatile char here[128];
    here[0] = 1;
    kin_error *err = (char *)here - lowest > 2048 ? yields_deep(self, lowest)
                                                  : kin_yield(self, "deep");
    here[1] = here[0];
    return err;
}

static kin_error *uses_all_of_it(kin_generator *self, void *arg)
{
    volatile char here = 0;
    return yields_deep(self, (char *)&here - *(size_t *)arg);
}

static kin_error *deep(void *arg)
{
    (void)arg;
    size_t size = 60 << 10;
    KIN_GENERATOR(words, uses_all_of_it, &size, .stack_size = size);
    CHECK_STR(next_word(words), "deep");
    CHECK_STR(next_word(words), "END");
    return kin_generator_close(words, NULL);
}

/* Who yields is known by its stack: all of it, to the last byte that it was
   promised. */
TEST(a_yield_deep_down_is_the_generators_own)
{
    RUNS(deep, "OK");
}

/* --- any nesting ------------------------------------------------------- */

enum { DEEPEST = 3, STEPS = 14 };

typedef struct wood {
    uint32_t random;
    int yields, prevented;
} wood;

static uint32_t toss(wood *in, uint32_t sides)
{
    in->random = in->random * 1664525 + 1013904223;
    return (in->random >> 8) % sides;
}

/* Where a function is: in a generator or not, how many things it has opened
   since that was resumed, and whether it has been told to end: the model. */
typedef struct place {
    wood *in;
    kin_generator *self;
    int depth, open;
    bool exits;
} place;

static void wander(place *at);

static void wander_yields(place *at)
{
    if (!at->self)
        return;
    const kin_kind *expected = at->exits      ? &KIN_MISUSE
                               : at->open > 0 ? &KIN_YIELD_PREVENTED
                                              : NULL;
    kin_error *err = kin_yield(at->self, at->in);
    at->in->yields++;
    at->in->prevented += expected == &KIN_YIELD_PREVENTED;
    if (!expected && err) {
        at->exits = true;
        expected = &KIN_GENERATOR_EXIT;
    }
    CHECK_EQ(kin_error_kind(err), expected);
    kin_error_free(err);
}

static kin_error *wanders(kin_generator *self, void *arg)
{
    place *outer = arg;
    place here = {outer->in, self, outer->depth + 1, 0, false};
    for (int i = 0; i < 4; i++) {
        wander(&here);
        wander_yields(&here);
    }
    return NULL;
}

static void wander_in_a_scope(place *at)
{
    KIN_SCOPE(scope, .shield = toss(at->in, 2));
    at->open++;
    wander(at);
    at->open--;
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
}

static void wander_in_a_group(place *at)
{
    work child = {.after = KIN_MILLISECONDS(1)};
    KIN_GROUP(group);
    kin_spawn(group, works, &child);
    at->open++;
    wander(at);
    at->open--;
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
}

static void wander_in_a_section(place *at)
{
    KIN_NO_YIELDS(section, "wandering");
    at->open++;
    wander(at);
    at->open--;
}

static kin_error *perhaps_with_a_scope(kin_generator *self, void *arg)
{
    if (!*(bool *)arg)
        return kin_yield(self, NULL);
    KIN_SCOPE(scope);
    return kin_scope_close(scope, kin_yield(self, NULL));
}

static void wander_in_a_context(place *at)
{
    bool scoped = toss(at->in, 2);
    KIN_CONTEXT(context, perhaps_with_a_scope, &scoped);
    CHECK_OUTCOME(kin_context_enter(context, NULL), "OK");
    at->open += scoped;
    wander(at);
    at->open -= scoped;
    CHECK_OUTCOME(kin_context_close(context, NULL), "OK");
}

static void wander_in_a_generator(place *at)
{
    wood *value = at->in;
    KIN_GENERATOR(items, wanders, at);
    for (uint32_t left = toss(at->in, 8); left && value; left--)
        CHECK_OUTCOME(kin_next(items, &value), "OK");
    CHECK_OUTCOME(kin_generator_close(items, NULL), "OK");
}

static void wander(place *at)
{
    static void (*const ways[])(place *) = {
        wander_yields,         wander_yields,       wander_in_a_scope,
        wander_in_a_group,     wander_in_a_section, wander_in_a_context,
        wander_in_a_generator,
    };
    if (at->depth >= DEEPEST) {
        wander_yields(at);
        return;
    }
    at->depth++;
    for (int i = 0; i < 3; i++)
        ways[toss(at->in, 7)](at);
    at->depth--;
}

static kin_error *wanders_for_long(void *arg)
{
    wood *in = arg;
    for (int i = 0; i < 200; i++)
        wander_in_a_generator(&(place){in, NULL, 0, 0, false});
    return kin_checkpoint();
}

/* B182 to B194 together: a yield fails if and only if something is open that
   was opened since the generator was resumed, however things nest. */
TEST(b189_any_nesting_prevents_what_it_must)
{
    EACH_SEED(seed)
    {
        wood in = {.random = 17 + (uint32_t)seed};
        CHECK_OUTCOME(run_virtual(wanders_for_long, &in, seed), "OK");
        CHECK(in.yields > 500);
        CHECK(in.prevented > 100);
    }
}
