/* g_contexts.c: B185, B186 and B191: contexts: a generator that yields once,
   with its scopes and groups open, which become the caller's while the block
   lasts. */
#include "harness.h"

#include <stdlib.h>

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

/* --- what they do ------------------------------------------------------ */

static kin_error *resource(kin_generator *self, void *arg)
{
    NOTE("set-up");
    kin_error *err = kin_yield(self, arg);
    NOTE("%s", shape(err));
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    NOTE("torn-down");
    return err;
}

static kin_error *uses_it(void *arg)
{
    (void)arg;
    const char *value = NULL;
    KIN_CONTEXT(context, resource, "value");
    KIN_TRY(kin_context_enter(context, &value));
    CHECK_STR(value, "value");
    NOTE("used");
    return kin_context_close(context, NULL);
}

/* Set up, hand out, tear down. */
TEST(a_context_sets_up_and_tears_down)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(uses_it, NULL, seed), "OK");
        CHECK_LOG("set-up used OK torn-down");
    }
}

static kin_error *fails_in_the_block(void *arg)
{
    (void)arg;
    KIN_CONTEXT(context, resource, NULL);
    KIN_TRY(kin_context_enter(context, NULL));
    return kin_context_close(context, fail_v("1"));
}

/* The block's outcome comes out of its kin_yield. */
TEST(the_blocks_outcome_comes_out_of_the_yield)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(fails_in_the_block, NULL, seed), "V1");
        CHECK_LOG("set-up V1 torn-down");
    }
}

static kin_error *deals_with_v(kin_generator *self, void *arg)
{
    kin_error *err = kin_yield(self, arg);
    if (kin_error_catch(&err, &TEST_V))
        return NULL;
    return kin_fail_from(err, &TEST_K, "3");
}

static kin_error *handles(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        KIN_CONTEXT(context, deals_with_v, NULL);
        KIN_TRY(kin_context_enter(context, NULL));
        kin_error *err = i ? fail_t("2") : fail_v("1");
        err = kin_context_close(context, err);
        CHECK_OUTCOME(err, i ? "K3" : "OK");
    }
    return NULL;
}

/* ... and what it makes of that comes out of the close. */
TEST(what_it_returns_comes_out_of_the_close)
{
    RUNS(handles, "OK");
}

static kin_error *enters_while_cancelled(void *arg)
{
    (void)arg;
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    KIN_CONTEXT(context, deals_with_v, NULL);
    CHECK_OUTCOME(kin_context_enter(context, NULL), "OK");
    CHECK_OUTCOME(kin_context_close(context, NULL), "K3");
    return kin_scope_close(scope, NULL);
}

/* "Entering a context is no checkpoint of its own." */
TEST(entering_is_no_checkpoint)
{
    RUNS(enters_while_cancelled, "OK");
}

static kin_error *fails_to_set_up(kin_generator *self, void *arg)
{
    (void)self, (void)arg;
    return fail_v("1");
}

static kin_error *never_yields(kin_generator *self, void *arg)
{
    (void)self, (void)arg;
    return NULL;
}

static kin_error *gives_back(void *arg)
{
    (void)arg;
    void *value = "untouched";
    KIN_CONTEXT(never, resource, NULL);
    CHECK_OUTCOME(kin_context_close(never, fail_t("2")), "T2");
    KIN_CONTEXT(failing, fails_to_set_up, NULL);
    CHECK_OUTCOME(kin_context_enter(failing, &value), "V1");
    CHECK_OUTCOME(kin_context_close(failing, fail_t("2")), "T2");
    KIN_CONTEXT(empty, never_yields, NULL);
    kin_error *err = kin_context_enter(empty, &value);
    CHECK_CONTAINS(kin_error_message(err), "\"empty\"");
    CHECK_OUTCOME(err, "MISUSE");
    CHECK_OUTCOME(kin_context_close(empty, NULL), "OK");
    CHECK_STR(value, "untouched");
    CHECK_LOG("");
    return NULL;
}

/* "Closing a context that was never entered, or whose enter failed, gives back
   the outcome." */
TEST(closing_what_was_not_entered_gives_back_the_outcome)
{
    RUNS(gives_back, "OK");
}

/* --- scopes ------------------------------------------------------------ */

static kin_error *time_limit(kin_generator *self, void *length)
{
    KIN_SCOPE(limit, .fail_after = *(kin_time *)length);
    return kin_scope_close(limit, kin_yield(self, limit));
}

static kin_error *is_limited(void *arg)
{
    (void)arg;
    kin_time length = KIN_SECONDS(2), began = kin_now();
    kin_scope *limit;
    KIN_CONTEXT(context, time_limit, &length);
    KIN_TRY(kin_context_enter(context, &limit));
    CHECK_EQ(kin_effective_deadline(), began + length);
    kin_error *err = kin_sleep(KIN_SECONDS(5));
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_EQ(kin_now() - began, length);
    err = kin_context_close(context, err);
    CHECK(kin_effective_deadline() == KIN_NEVER);
    return err;
}

/* Its open scope is the caller's: it limits the block. */
TEST(b191_a_scope_in_a_context_is_the_callers)
{
    RUNS(is_limited, "TIMEOUT");
}

static kin_error *yields_around_a_context(kin_generator *self, void *arg)
{
    kin_time length = KIN_SECONDS(2);
    KIN_TRY(kin_yield(self, arg));
    KIN_CONTEXT(context, time_limit, &length);
    KIN_TRY(kin_context_enter(context, NULL));
    kin_error *err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "scope \"limit\"");
    CHECK(kin_error_catch(&err, &KIN_YIELD_PREVENTED));
    KIN_TRY(kin_context_close(context, NULL));
    return kin_yield(self, arg);
}

static kin_error *b191(void *arg)
{
    (void)arg;
    int count = 0;
    char *item = "item";
    KIN_GENERATOR(items, yields_around_a_context, item);
    for (;; count++) {
        KIN_TRY(kin_next(items, &item));
        if (!item)
            break;
        CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK");
    }
    CHECK_EQ(count, 2);
    return kin_generator_close(items, NULL);
}

/* B191: a calling generator may not yield until the context is closed. */
TEST(b191_a_generator_cannot_yield_with_a_context_open)
{
    RUNS(b191, "OK");
}

static kin_error *has_nothing_open(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_CONTEXT(context, resource, NULL);
    KIN_TRY(kin_context_enter(context, NULL));
    return kin_context_close(context, kin_yield(self, self));
}

static kin_error *b191_nothing_open(void *arg)
{
    (void)arg;
    void *item;
    KIN_GENERATOR(items, has_nothing_open, NULL);
    KIN_TRY(kin_next(items, &item));
    CHECK_EQ(item, items);
    CHECK_OUTCOME(kin_generator_close(items, NULL), "OK");
    CHECK_LOG("set-up GENERATOR_EXIT torn-down");
    return NULL;
}

/* One that has nothing open prevents nothing. */
TEST(b191_a_context_without_scopes_prevents_nothing)
{
    RUNS(b191_nothing_open, "OK");
}

static kin_error *nests(kin_generator *self, void *length)
{
    KIN_SCOPE(outer);
    KIN_CONTEXT(inner, time_limit, length);
    KIN_TRY(kin_context_enter(inner, NULL));
    kin_error *err = kin_yield(self, length);
    err = kin_context_close(inner, err);
    return kin_scope_close(outer, err);
}

static kin_error *nested(void *arg)
{
    (void)arg;
    kin_time length = KIN_SECONDS(2);
    for (int i = 0; i < 2; i++) {
        KIN_SCOPE(mine);
        KIN_CONTEXT(context, nests, &length);
        KIN_TRY(kin_context_enter(context, NULL));
        KIN_SCOPE(inside);
        kin_error *err = i ? kin_sleep_forever() : NULL;
        err = kin_scope_close(inside, err);
        err = kin_context_close(context, err);
        CHECK_OUTCOME(kin_scope_close(mine, err), i ? "TIMEOUT" : "OK");
    }
    return NULL;
}

/* Contexts in contexts, and scopes around and inside. */
TEST(b191_contexts_nest)
{
    RUNS(nested, "OK");
}

/* --- B185, B186: groups ------------------------------------------------ */

/* Two sensors feed one queue of one place. */
typedef struct queue {
    const char *item;
    kin_wait_list waiting;
} queue;

typedef struct sensor {
    queue *to;
    const char *name;
    kin_time delay;
    bool fails;
} sensor;

static kin_error *moves(void *arg)
{
    sensor *s = arg;
    KIN_TRY(kin_sleep(s->delay));
    for (int i = 0; i < 2; i++) {
        NOTE("%s-%d", s->name, i);
        kin_wait_list_wake_one(&s->to->waiting, NULL);
        if (s->fails)
            return fail_v("sensor");
        kin_error *err = kin_sleep(KIN_SECONDS(1));
        if (err)
            NOTE("%s-left", s->name);
        KIN_TRY(err);
    }
    return kin_sleep_forever();
}

typedef struct sensors {
    queue queue;
    sensor a, b;
} sensors;

static kin_error *combined(kin_generator *self, void *arg)
{
    sensors *both = arg;
    both->a.to = both->b.to = &both->queue;
    KIN_GROUP(movers);
    kin_spawn(movers, moves, &both->a);
    kin_spawn(movers, moves, &both->b);
    return kin_group_close(movers, kin_yield(self, &both->queue));
}

static kin_error *b185(void *arg)
{
    (void)arg;
    kin_error *err = NULL;
    queue *items;
    sensors both = {.a = {.name = "a", .delay = KIN_SECONDS(1)},
                    .b = {.name = "b", .delay = KIN_SECONDS(1.5)}};
    KIN_CONTEXT(context, combined, &both);
    KIN_TRY(kin_context_enter(context, &items));
    for (int i = 0; i < 3; i++) {
        kin_waiter waiter;
        KIN_TRY_TO(done, err, kin_wait_on(&items->waiting, &waiter, "it"));
    }
    NOTE("PRESENT");
    err = fail_t("enough");
done:
    err = kin_context_close(context, err);
    NOTE("after");
    CHECK(kin_error_has(err, &TEST_T) && leaf_count(err) == 1);
    kin_error_free(err);
    return kin_sleep(KIN_SECONDS(1));
}

/* B185: movers in a context's group: leaving the block cancels and joins
   them. */
TEST(b185_combined_iterators_as_a_context)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b185, NULL, seed), "OK");
        CHECK_CONTAINS(harness_log(), "a-0 b-0 a-1 PRESENT");
        CHECK_LOG_SORTED("PRESENT a-0 a-1 a-left after b-0 b-left");
    }
}

static kin_error *b185_fails(void *arg)
{
    (void)arg;
    queue *items;
    sensors both = {.a = {.name = "a", .delay = KIN_SECONDS(1), .fails = true},
                    .b = {.name = "b", .delay = KIN_SECONDS(5)}};
    KIN_CONTEXT(context, combined, &both);
    KIN_TRY(kin_context_enter(context, &items));
    kin_error *err = kin_sleep_forever();
    CHECK_SHAPE(err, "CANCELLED");
    err = kin_context_close(context, err);
    CHECK_OUTCOME(err, "G[Vsensor]");
    return kin_sleep(KIN_SECONDS(1)); /* nothing is cancelled out here */
}

/* B185: a sensor's failure comes out of the block, in the group's group. */
TEST(b185_a_failure_comes_out_of_the_block)
{
    RUNS(b185_fails, "OK");
}

static kin_error *hands_back_in_a_group(void *arg)
{
    (void)arg;
    sensors both = {.a = {.name = "a", .delay = KIN_SECONDS(9)},
                    .b = {.name = "b", .delay = KIN_SECONDS(9)}};
    KIN_CONTEXT(context, combined, &both);
    KIN_TRY(kin_context_enter(context, NULL));
    return kin_context_close(context, fail_v("1"));
}

/* "A context that holds a group hands the block's error back inside that
   group's group." */
TEST(b185_the_blocks_error_comes_back_in_the_groups_group)
{
    RUNS(hands_back_in_a_group, "G[V1]");
}

/* --- left in a wrong way ----------------------------------------------- */

static kin_error *waits_in_its_cleanup(kin_generator *self, void *arg)
{
    KIN_SCOPE(scope);
    kin_error *err = kin_yield(self, arg);
    NOTE("%s", shape(err));
    kin_error *wait = kin_sleep(KIN_SECONDS(1));
    NOTE("%s", shape(wait));
    return kin_scope_close(scope, kin_error_combine(err, wait));
}

static kin_error *returns_past_the_close(void)
{
    KIN_SCOPE(around);
    KIN_CONTEXT(leaky, waits_in_its_cleanup, NULL);
    KIN_TRY(kin_context_enter(leaky, NULL));
    return NULL;
}

static kin_error *leaves(void *arg)
{
    (void)arg;
    KIN_TRY(returns_past_the_close());
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    return NULL;
}

/* One that is left unclosed is torn down as its block ends, cancelled. */
TEST(b198_a_context_left_unclosed_is_torn_down)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(leaves, NULL, seed);
        CHECK_SHAPE(err, "G[MISUSE, MISUSE]"); /* and the scope around it */
        CHECK_CONTAINS(kin_error_message(leaf(err, 0)), "context \"leaky\"");
        kin_error_free(err);
        CHECK_LOG("GENERATOR_EXIT CANCELLED");
    }
}

static kin_error *enters_and_ends(void *arg)
{
    KIN_TRY(kin_context_enter(arg, NULL));
    return NULL;
}

/* One in the heap ends with its task. Its scopes go first. */
TEST(b198_a_context_in_the_heap_ends_with_its_task)
{
    EACH_SEED(seed)
    {
        kin_context context;
        kin_context_init(&context, waits_in_its_cleanup, NULL);
        kin_error *err = run_virtual(enters_and_ends, &context, seed);
        CHECK(kin_error_has(err, &KIN_MISUSE));
        CHECK_CONTAINS(harness_log(), "GENERATOR_EXIT");
        kin_error_free(err);
    }
}

static kin_error *closes_in_the_wrong_order(void *arg)
{
    (void)arg;
    kin_time length = KIN_SECONDS(2);
    KIN_CONTEXT(context, time_limit, &length);
    KIN_TRY(kin_context_enter(context, NULL));
    KIN_SCOPE(inside);
    kin_error *err = kin_context_close(context, NULL);
    CHECK_CONTAINS(kin_error_message(err), "\"limit\"");
    CHECK_CONTAINS(kin_error_message(err), "\"inside\"");
    CHECK_OUTCOME(err, "MISUSE");
    CHECK_OUTCOME(kin_scope_close(inside, NULL), "OK");
    return kin_checkpoint();
}

/* A scope opened in the block must be closed before the context. */
TEST(b123_closing_a_context_before_a_scope_inside_it)
{
    RUNS(closes_in_the_wrong_order, "OK");
}

static kin_error *closes_the_outer_scope_first(void *arg)
{
    (void)arg;
    kin_time length = KIN_SECONDS(2);
    KIN_SCOPE(outer);
    KIN_CONTEXT(context, time_limit, &length);
    KIN_TRY(kin_context_enter(context, NULL));
    CHECK_OUTCOME(kin_scope_close(outer, NULL), "MISUSE");
    KIN_SCOPE(later);
    CHECK_OUTCOME(kin_context_close(context, NULL), "OK");
    return kin_scope_close(later, kin_checkpoint());
}

/* ... and one around it after it: the context's own late close says nothing. */
TEST(b123_closing_a_scope_around_an_open_context)
{
    RUNS(closes_the_outer_scope_first, "OK");
}

static kin_error *closes_its_consumers(kin_generator *self, void *context)
{
    KIN_TRY(kin_context_close(context, NULL));
    return kin_yield(self, context);
}

static kin_error *has_it_closed(void *arg)
{
    (void)arg;
    void *item;
    kin_time length = KIN_SECONDS(2);
    KIN_CONTEXT(context, time_limit, &length);
    KIN_TRY(kin_context_enter(context, NULL));
    KIN_GENERATOR(items, closes_its_consumers, context);
    CHECK_OUTCOME(kin_next(items, &item), "YIELD_PREVENTED");
    CHECK_OUTCOME(kin_generator_close(items, NULL), "OK");
    CHECK_OUTCOME(kin_context_close(context, NULL), "MISUSE");
    return kin_sleep(KIN_SECONDS(5));
}

/* A generator that closes its consumer's context has closed its scopes. */
TEST(a_generator_that_closes_its_consumers_context_cannot_yield)
{
    RUNS(has_it_closed, "OK");
}

static kin_error *enters_in_a_generator(kin_generator *self, void *context)
{
    KIN_TRY(kin_yield(self, context));
    KIN_TRY(kin_context_enter(context, NULL));
    return NULL;
}

static kin_error *is_left_with_one(void *context)
{
    void *item;
    KIN_SCOPE(mine);
    KIN_GENERATOR(items, enters_in_a_generator, context);
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_OUTCOME(kin_next(items, &item), "OK");
    CHECK_EQ(item, NULL);
    return kin_scope_close(mine, kin_generator_close(items, NULL));
}

/* One that a generator has entered and returned with ends with the task. */
TEST(b198_a_context_that_a_generator_left_open_ends_with_the_task)
{
    EACH_SEED(seed)
    {
        kin_context context;
        kin_context_init(&context, waits_in_its_cleanup, NULL);
        kin_error *err = run_virtual(is_left_with_one, &context, seed);
        CHECK_CONTAINS(harness_log(), "GENERATOR_EXIT");
        CHECK(kin_error_has(err, &KIN_MISUSE));
        kin_error_free(err);
    }
}

static kin_error *yields_twice(kin_generator *self, void *arg)
{
    kin_error *err = kin_yield(self, arg);
    kin_error *again = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(again), "a second time");
    return kin_error_combine(err, again);
}

static kin_generator *exposed;

static kin_error *exposes_itself(kin_generator *self, void *arg)
{
    KIN_SCOPE(scope);
    exposed = self;
    return kin_scope_close(scope, kin_yield(self, arg));
}

static kin_error *is_of_another_task(void *arg)
{
    CHECK_OUTCOME(kin_context_close(arg, NULL), "MISUSE");
    return NULL;
}

static kin_error *misuses(void *arg)
{
    (void)arg;
    void *value;
    kin_context nothing = {.generator = {.tag = 0}};
    CHECK_OUTCOME(kin_context_enter(NULL, NULL), "MISUSE");
    CHECK_OUTCOME(kin_context_enter(&nothing, NULL), "MISUSE");
    CHECK_OUTCOME(kin_context_close(NULL, fail_v("1")), "G[V1, MISUSE]");
    CHECK_OUTCOME(kin_context_close(&nothing, NULL), "MISUSE");
    KIN_CONTEXT(twice, yields_twice, NULL);
    KIN_TRY(kin_context_enter(twice, NULL));
    CHECK_OUTCOME(kin_context_enter(twice, NULL), "MISUSE");
    CHECK_OUTCOME(kin_context_close(twice, NULL), "MISUSE");
    CHECK_OUTCOME(kin_context_close(twice, fail_v("1")), "G[V1, MISUSE]");
    CHECK_OUTCOME(kin_context_enter(twice, NULL), "MISUSE");
    KIN_CONTEXT(context, exposes_itself, NULL);
    KIN_TRY(kin_context_enter(context, NULL));
    CHECK_OUTCOME(kin_next(exposed, &value), "MISUSE");
    CHECK_OUTCOME(kin_yield(exposed, NULL), "MISUSE");
    CHECK_OUTCOME(kin_generator_close(exposed, NULL), "MISUSE");
    KIN_GROUP(group);
    kin_spawn(group, is_of_another_task, context);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    return kin_context_close(context, NULL);
}

/* Each detectable mistake is a KIN_MISUSE without effect. */
TEST(misuse_of_contexts_is_told)
{
    RUNS(misuses, "OK");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static kin_error *big_arrays(void *arg)
{
    (void)arg;
    /* enough to use up every stack that is there */
    enum { MANY = 5000 };
    kin_error *err = NULL;
    kin_context *many = calloc(MANY, sizeof *many);
    int entered = 0, count = 0;
    harness_heap.fail = always;
    while (!err && entered < MANY) {
        kin_context_init(&many[entered], deals_with_v, NULL);
        err = kin_context_enter(&many[entered++], NULL);
    }
    harness_heap.fail = NULL;
    CHECK(kin_error_catch(&err, &KIN_NO_MEMORY));
    for (int i = entered; i-- > 0;) {
        err = kin_context_close(&many[i], fail_v("1"));
        count += kin_error_catch(&err, &TEST_V);
        kin_error_free(err);
    }
    CHECK_EQ(count, 1); /* the one that was not entered gave it back */
    free(many);
    return NULL;
}

/* Without a stack entering fails, and the close gives back the outcome. */
TEST(without_a_stack_entering_fails)
{
    RUNS(big_arrays, "OK");
}
