/* Generators, contexts, producers and what a task answers for, where they end in
   the wrong order or in somebody else's hands: each of these was once a wild
   access, a wait for ever, or an error that nobody was told of. */
#include "../harness.h"

#include <string.h>

#define RUNS(fn, text)                                \
    EACH_SEED(seed)                                   \
    {                                                 \
        kin_error *out = run_virtual(fn, NULL, seed); \
        CHECK_OUTCOME(out, text);                     \
    }

/* --- what a return left in its frame ----------------------------------- */

static kin_error *leaves_mutex(void *arg)
{
    (void)arg;
    kin_mutex mutex;
    kin_mutex_init(&mutex, .name = "local");
    KIN_TRY(kin_mutex_lock(&mutex));
    KIN_TRY(fail_v("early"));
    kin_mutex_unlock(&mutex);
    return NULL;
}

static kin_error *leaves_token(void *arg)
{
    (void)arg;
    kin_limiter limiter;
    kin_limiter_init(&limiter, 3, .name = "local");
    KIN_TRY(kin_limiter_acquire(&limiter));
    KIN_TRY(fail_v("early"));
    kin_limiter_release(&limiter);
    return NULL;
}

static kin_error *yields_once(kin_generator *self, void *arg)
{
    return kin_yield(self, arg);
}

static kin_error *leaves_generator(void *arg)
{
    (void)arg;
    struct {
        kin_generator generator;
    } pipe;
    int number, *value;
    kin_generator_init(&pipe.generator, yields_once, &number);
    KIN_TRY(kin_next(&pipe.generator, &value));
    KIN_TRY(fail_v("early"));
    return kin_generator_close(&pipe.generator, NULL);
}

/* B222, B198: what it locked, borrowed or asked lay in the frame that an early
   return has left, and the task still answers for it. */
TEST(b222_what_a_return_left_in_its_frame_is_let_go_of)
{
    RUNS(leaves_mutex, "G[Vearly, MISUSE]");
    RUNS(leaves_token, "G[Vearly, MISUSE]");
    RUNS(leaves_generator, "G[Vearly, MISUSE]");
}

/* --- a producer's askers ----------------------------------------------- */

static kin_error *produces_one_and_fails(kin_producer *self, void *arg)
{
    KIN_TRY(kin_produce(self, arg));
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return fail_v("producer");
}

static kin_error *asks_shielded(void *arg)
{
    (void)arg;
    int number, *value;
    KIN_PRODUCER(numbers, produces_one_and_fails, &number);
    kin_error *err = kin_producer_next(numbers, &value);
    if (!err) {
        KIN_SCOPE(shield, .shield = true);
        err = kin_producer_next(numbers, &value);
        NOTE("%s", err ? kin_error_kind(err)->name : "none");
        err = kin_scope_close(shield, err);
    }
    return kin_producer_close(numbers, err);
}

static kin_error *asks(void *producer)
{
    int *value = NULL;
    kin_error *err = NULL;
    do
        err = kin_producer_next((kin_producer *)producer, &value);
    while (!err && value);
    NOTE("%s", err ? kin_error_kind(err)->name : "end");
    kin_error_free(err);
    return NULL;
}

static kin_error *asked_by_another(kin_producer_fn *fn, kin_time leave_after)
{
    int number;
    KIN_GROUP(group);
    kin_error *err;
    {
        KIN_PRODUCER(numbers, fn, &number);
        kin_spawn(group, asks, numbers);
        err = kin_producer_close(numbers, kin_sleep(leave_after));
    }
    return kin_group_close(group, err);
}

static kin_error *fails_before_another(void *arg)
{
    (void)arg;
    return asked_by_another(produces_one_and_fails, KIN_SECONDS(5));
}

static kin_error *is_left_before_another(void *arg)
{
    (void)arg;
    return asked_by_another(produces_one_and_fails, KIN_MILLISECONDS(500));
}

/* B201: an asker that the failure's cancellation does not reach waits for ever
   no more, or in the memory of a producer that is gone. */
TEST(b201_every_asker_hears_of_the_end)
{
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(asks_shielded, NULL, seed);
        CHECK(kin_error_has(out, &TEST_V));
        CHECK_LOG("broken");
        kin_error_free(out);
    }
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(fails_before_another, NULL, seed);
        CHECK_OUTCOME(out, "G[Vproducer]");
        CHECK_LOG("broken");
    }
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(is_left_before_another, NULL, seed);
        CHECK_OUTCOME(out, "OK");
        CHECK_LOG("closed");
    }
}

/* --- scopes that are closed out of turn -------------------------------- */

static kin_scope *consumers;

static kin_error *closes_consumers(kin_generator *self, void *arg)
{
    (void)self, (void)arg;
    return kin_scope_close(consumers, NULL);
}

static kin_error *consumes(void)
{
    int *value;
    KIN_SCOPE(scope);
    consumers = scope;
    KIN_GENERATOR(closer, closes_consumers, NULL);
    kin_error *err = kin_next(closer, &value);
    err = kin_generator_close(closer, err);
    return kin_scope_close(scope, err);
}

static kin_error *beside(void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, sleeps_forever, NULL);
    CHECK_OUTCOME(consumes(), "MISUSE");
    CHECK(kin_group_running(group) == 1);
    kin_group_cancel(group, "enough");
    return kin_group_close(group, NULL);
}

static kin_error *holds_two(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_SCOPE(inner);
    kin_error *err = kin_scope_close(inner, kin_yield(self, inner));
    return kin_scope_close(outer, err);
}

static kin_error *closes_inner(void *arg)
{
    (void)arg;
    kin_scope *inner;
    KIN_GROUP(group);
    kin_spawn(group, sleeps_forever, NULL);
    KIN_CONTEXT(context, holds_two, NULL);
    kin_error *err = kin_context_enter(context, &inner);
    if (!err)
        err = kin_scope_close(inner, NULL);
    CHECK_OUTCOME(kin_context_close(context, err), "MISUSE");
    CHECK(kin_group_running(group) == 1);
    kin_group_cancel(group, "enough");
    return kin_group_close(group, NULL);
}

static kin_error *holds_one(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_SCOPE(own);
    return kin_scope_close(own, kin_yield(self, NULL));
}

static kin_error *ends_section_around(void *arg)
{
    (void)arg;
    KIN_SCOPE(outer);
    KIN_NO_YIELDS(section, "around");
    KIN_CONTEXT(context, holds_one, NULL);
    kin_error *err = kin_context_enter(context, NULL);
    kin_no_yields_end(section);
    err = kin_context_close(context, err);
    return kin_scope_close(outer, err);
}

/* B189, B193: what was around a generator or context is gone when it ends: its
   asker's other scopes stay open. */
TEST(b193_ending_where_the_surroundings_are_gone)
{
    RUNS(beside, "OK");
    RUNS(closes_inner, "OK");
    RUNS(ends_section_around, "G[MISUSE]");
}

static kin_error *closes_context(void *context)
{
    return kin_context_close(context, NULL);
}

static kin_error *defers_a_close(kin_generator *self, void *context)
{
    KIN_SCOPE(own);
    KIN_TRY(kin_defer(own, closes_context, context));
    return kin_scope_close(own, kin_yield(self, NULL));
}

static kin_error *abandons_it(void *arg)
{
    (void)arg;
    kin_context context;
    kin_context_init(&context, defers_a_close, &context);
    KIN_SCOPE(outer);
    KIN_TRY(kin_context_enter(&context, NULL));
    kin_error *err = kin_scope_close(outer, NULL);
    NOTE("%d", kin_error_has(err, &KIN_MISUSE));
    kin_error_free(err);
    return kin_context_close(&context, NULL);
}

/* B205: nor the context that has opened it. */
TEST(b205_a_cleanup_cannot_close_the_context_of_its_scope)
{
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(abandons_it, NULL, seed);
        CHECK_STR(shape(out), "G[MISUSE]");
        CHECK_LOG("1");
        kin_error_free(out);
    }
}

/* --- generators that are left in another task's hands ------------------ */

static kin_mutex shared;

static kin_error *yields_locked(kin_generator *self, void *arg)
{
    KIN_TRY(kin_mutex_lock(&shared));
    kin_error *err = kin_yield(self, arg);
    kin_mutex_unlock(&shared);
    return err;
}

static kin_error *asks_and_sleeps(void *generator)
{
    int *value;
    KIN_TRY(kin_next((kin_generator *)generator, &value));
    return kin_sleep(KIN_SECONDS(9));
}

static kin_error *leaves_to_another(kin_generator_fn *fn)
{
    int number;
    KIN_GROUP(group);
    kin_error *err;
    {
        KIN_GENERATOR(numbers, fn, &number);
        kin_spawn(group, asks_and_sleeps, numbers);
        err = kin_sleep(KIN_SECONDS(1));
    }
    kin_group_cancel(group, "enough");
    return kin_group_close(group, err);
}

static kin_error *leaves_locked(void *arg)
{
    (void)arg;
    return leaves_to_another(yields_locked);
}

static kin_error *leaves_free(void *arg)
{
    (void)arg;
    kin_error *err = kin_mutex_lock(&shared);
    if (!err)
        err = leaves_to_another(yields_once);
    kin_mutex_unlock(&shared);
    return err;
}

static void run_leaves_locked(void *arg)
{
    (void)arg;
    kin_mutex_init(&shared, .name = "shared");
    kin_error_free(kin_run(leaves_locked, NULL, .clock = KIN_CLOCK_VIRTUAL));
}

/* B195: what it has locked is the asker's, and no other task can unlock it: so
   it ends there, and says why. One that holds nothing is closed (B198). */
TEST(b195_a_generator_with_a_lock_is_left_by_its_asker_only)
{
    int status;
    const char *said = in_child_process(run_leaves_locked, NULL, &status);
    CHECK_CONTAINS(said, "while it holds a lock");
    kin_mutex_init(&shared, .name = "shared");
    RUNS(leaves_free, "G[MISUSE]");
}

static kin_error *counts(kin_generator *self, void *arg)
{
    for (;;)
        KIN_TRY(kin_yield(self, arg));
}

static bool gone;

static kin_error *is_used_again(kin_generator *self, void *arg)
{
    (void)self, (void)arg;
    return fail_v("asked of another");
}

static kin_error *asks_on(void *generator)
{
    int *value = NULL;
    kin_error *err = NULL;
    while (!err && !gone)
        err = kin_next((kin_generator *)generator, &value);
    CHECK(value != NULL);
    return err;
}

static kin_error *leaves_one_that_gives_way(void *arg)
{
    (void)arg;
    static kin_generator numbers;
    int number;
    kin_error *err = NULL;
    KIN_GROUP(group);
    gone = false;
    kin_generator_init(&numbers, counts, &number);
    kin_spawn(group, asks_on, &numbers);
    while (!err && numbers.state != 1) /* started */
        err = kin_checkpoint();
    if (!err)
        kin_generator_leave(&numbers);
    gone = true; /* and its memory with it */
    kin_generator_init(&numbers, is_used_again, NULL);
    return kin_group_close(group, err);
}

/* B195: leaving it never meets its asker in the middle of asking. */
TEST(b195_asking_gives_way_when_it_is_done)
{
    RUNS(leaves_one_that_gives_way, "G[MISUSE]");
}

/* --- the order at a task's end ----------------------------------------- */

static kin_context kept;

static kin_error *holds_lock(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_TRY(kin_mutex_lock(&shared));
    kin_error *err = kin_yield(self, NULL);
    kin_mutex_unlock(&shared);
    return err;
}

static kin_error *says_how_it_ends(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep(KIN_SECONDS(9));
    NOTE("child:%s", shape(err));
    return err;
}

static kin_error *holds_group(kin_generator *self, void *arg)
{
    (void)arg;
    KIN_GROUP(group);
    kin_spawn(group, says_how_it_ends, NULL);
    kin_error *err = kin_yield(self, NULL);
    NOTE("yield:%s", shape(err));
    NOTE("running:%zu", kin_group_running(group));
    return kin_group_close(group, err);
}

static kin_error *enters(void *fn)
{
    kin_generator_fn *const *entered = fn;
    kin_context_init(&kept, *entered, NULL);
    KIN_TRY(kin_context_enter(&kept, NULL));
    return kin_sleep(1);
}

static kin_error *locks_after(void *arg)
{
    kin_generator_fn *fn = holds_lock;
    KIN_GROUP(group, .policy = KIN_EACH);
    (void)arg;
    kin_mutex_init(&shared, .name = "shared");
    kin_spawn(group, enters, &fn);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_OUTCOME(kin_mutex_lock(&shared), "OK");
    kin_mutex_unlock(&shared);
    return NULL;
}

static kin_error *enters_a_group(void *arg)
{
    (void)arg;
    kin_generator_fn *fn = holds_group;
    return enters(&fn);
}

/* B198: what a task leaves suspended ends first, and so lets go of its own. */
TEST(b198_contexts_end_before_what_they_hold)
{
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(locks_after, NULL, seed);
        CHECK_OUTCOME(out, "OK");
        CHECK_UNHANDLED("enters:G[MISUSE]");
    }
    EACH_SEED(seed)
    {
        kin_error *out = run_virtual(enters_a_group, NULL, seed);
        CHECK_OUTCOME(out, "G[MISUSE]");
        CHECK_LOG("yield:GENERATOR_EXIT running:1 child:CANCELLED");
    }
}

/* --- a lock in a generator's own frame --------------------------------- */

static kin_error *locks_and_returns(kin_generator *self, void *arg)
{
    (void)arg;
    kin_mutex mutex;
    kin_mutex_init(&mutex, .name = "inner");
    KIN_TRY(kin_yield(self, "one"));
    KIN_TRY(kin_mutex_lock(&mutex));
    KIN_TRY(fail_v("early"));
    kin_mutex_unlock(&mutex);
    return NULL;
}

static kin_error *asks_twice(void *arg)
{
    (void)arg;
    char *value;
    KIN_GENERATOR(generator, locks_and_returns, NULL);
    KIN_TRY(kin_next(generator, &value));
    CHECK_STR(value, "one");
    CHECK_OUTCOME(kin_next(generator, &value), "Vearly");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    return kin_generator_close(generator, NULL);
}

/* B222: a lock that a generator's function leaves in its frame is broken as the
   function returns, before its stack goes. */
TEST(b222_a_lock_left_in_a_generators_frame)
{
    RUNS(asks_twice, "G[MISUSE]");
}
