/* g_streams.c: B200 to B204: a stream from a task: a producer and its block, in
   lock-step. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

static const char *next_word(kin_producer *words)
{
    const char *word = "untouched";
    kin_error *err = kin_producer_next(words, &word);
    if (err)
        word = shape(err);
    kin_error_free(err);
    return word ? word : "END";
}

/* --- B200: lock-step --------------------------------------------------- */

static const char *abc[] = {"a", "b", "c", NULL};

static kin_error *produces_words(kin_producer *self, void *arg)
{
    for (const char **word = arg; *word; word++) {
        NOTE("%s", *word);
        KIN_TRY(kin_produce(self, (void *)*word));
    }
    NOTE("end");
    return NULL;
}

static kin_error *b200(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, produces_words, abc);
    settle();
    CHECK_LOG("");
    CHECK_STR(next_word(words), "a");
    settle();
    CHECK_LOG("a");
    CHECK_STR(next_word(words), "b");
    settle();
    CHECK_LOG("a b");
    CHECK_STR(next_word(words), "c");
    CHECK_STR(next_word(words), "END");
    CHECK_STR(next_word(words), "END");
    CHECK_LOG("a b c end");
    return kin_producer_close(words, NULL);
}

/* B200: it does not run ahead: the next value is made when it is asked for. */
TEST(b200_a_producer_does_not_run_ahead)
{
    RUNS(b200, "OK");
}

static kin_error *produces_slowly(kin_producer *self, void *arg)
{
    for (const char **word = arg; *word; word++) {
        KIN_TRY(kin_sleep(KIN_SECONDS(2)));
        KIN_TRY(kin_produce(self, (void *)*word));
    }
    return NULL;
}

static kin_error *gives_up_and_asks_again(void *arg)
{
    (void)arg;
    const char *word = NULL;
    KIN_PRODUCER(words, produces_slowly, abc);
    CHECK_OUTCOME(KIN_WITHIN(kin_producer_next(words, &word),
                             .fail_after = KIN_SECONDS(1)),
                  "TIMEOUT");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK");
    CHECK_STR(next_word(words), "a");
    CHECK_STR(next_word(words), "b");
    return kin_producer_close(words, NULL);
}

/* C4: an asker that gives up takes no value along. */
TEST(c4_an_asker_that_gives_up_loses_no_value)
{
    RUNS(gives_up_and_asks_again, "OK");
}

typedef struct helper {
    kin_producer *self;
    const char *word;
} helper;

static kin_error *helps(void *arg)
{
    helper *h = arg;
    for (int i = 0; i < 3; i++) {
        KIN_TRY(kin_sleep(KIN_SECONDS(1)));
        KIN_TRY(kin_produce(h->self, (void *)h->word));
    }
    return NULL;
}

static kin_error *has_helpers(kin_producer *self, void *arg)
{
    (void)arg;
    helper a = {self, "a"}, b = {self, "b"};
    KIN_GROUP(helpers);
    kin_spawn(helpers, helps, &a);
    kin_spawn(helpers, helps, &b);
    return kin_group_close(helpers, NULL);
}

static kin_error *b184_fixed(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, has_helpers, NULL);
    for (const char *word; strcmp(word = next_word(words), "END") != 0;)
        NOTE("%s", word);
    CHECK_LOG_SORTED("a a a b b b");
    return kin_producer_close(words, NULL);
}

/* B184, in its right form: iterators combined by a group in a producer. */
TEST(b184_a_producer_may_produce_from_a_group)
{
    RUNS(b184_fixed, "OK");
}

/* --- B201: failures ---------------------------------------------------- */

static kin_error *fails_after_one(kin_producer *self, void *arg)
{
    KIN_TRY(kin_produce(self, arg));
    return fail_v("1");
}

static kin_error *b201(void *arg)
{
    (void)arg;
    void *word;
    KIN_PRODUCER(words, fails_after_one, "one");
    CHECK_STR(next_word(words), "one");
    kin_error *err = kin_producer_next(words, &word);
    CHECK_SHAPE(err, "CANCELLED");
    return kin_producer_close(words, err);
}

/* B201: a failure after one value: the value arrives, the failure comes out of
   the block, bare. */
TEST(b201_a_failure_comes_out_of_the_block_bare)
{
    RUNS(b201, "V1");
}

static kin_error *fails_in_cleanup(kin_producer *self, void *arg)
{
    kin_error_free(kin_produce(self, arg));
    return fail_v("1");
}

static kin_error *b201_both(void *arg)
{
    kin_error *err = NULL;
    KIN_PRODUCER(words, fails_in_cleanup, "one");
    CHECK_STR(next_word(words), "one");
    if (arg) { /* the producer fails first */
        CHECK_STR(next_word(words), "CANCELLED");
    }
    err = kin_producer_close(words, fail_t("2"));
    CHECK(kin_error_note_count(err) > 0);
    CHECK_CONTAINS(kin_error_note(err, 0), "both");
    return err;
}

/* B201: failures of both come out in a group, with a note. */
TEST(b201_failures_of_both_come_out_together)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(b201_both, NULL, seed), "G[V1, T2]");
        CHECK_OUTCOME(run_virtual(b201_both, "first", seed), "G[V1, T2]");
    }
}

/* --- B202: cancellation ------------------------------------------------ */

static kin_error *notes_its_end(kin_producer *self, void *arg)
{
    kin_error *err = kin_produce(self, arg);
    NOTE("producer:%s", shape(err));
    return err;
}

static kin_error *b202(void *arg)
{
    (void)arg;
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    KIN_PRODUCER(words, notes_its_end, "one");
    CHECK_STR(next_word(words), "one");
    kin_error *err = kin_sleep_forever();
    NOTE("body:%s", shape(err));
    err = kin_producer_close(words, err);
    CHECK_SHAPE(err, "CANCELLED");
    CHECK_LOG_SORTED("body:CANCELLED producer:CANCELLED");
    return kin_scope_close(limit, err);
}

/* B202: a cancelled block: both are cancelled, and CANCELLED comes out. */
TEST(b202_a_cancelled_block_gives_cancelled)
{
    RUNS(b202, "OK");
}

static kin_error *b202_own_group(void *arg)
{
    (void)arg;
    kin_error *member = fail_v("1"), *mine = kin_error_group("foo", &member, 1);
    KIN_PRODUCER(words, notes_its_end, "one");
    CHECK_STR(next_word(words), "one");
    kin_error *err = kin_producer_close(words, mine);
    CHECK_EQ(err, mine);
    return err;
}

/* B202: a group of the block's own is not unwrapped. */
TEST(b202_a_group_of_the_blocks_own_is_kept)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(b202_own_group, NULL, seed);
        CHECK_STR(kin_error_message(err), "foo");
        CHECK_OUTCOME(err, "G[V1]");
    }
}

/* --- B203: closing early ----------------------------------------------- */

static kin_error *b203(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, notes_its_end, "one");
    CHECK_STR(next_word(words), "one");
    kin_producer_stop(words);
    CHECK_STR(next_word(words), "CLOSED");
    settle();
    CHECK_LOG("producer:CANCELLED");
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    CHECK_STR(next_word(words), "CLOSED");
    CHECK_OUTCOME(kin_producer_close(words, NULL), "OK");

    KIN_PRODUCER(left, notes_its_end, "one");
    CHECK_STR(next_word(left), "one");
    CHECK_OUTCOME(kin_producer_close(left, NULL), "OK");
    CHECK_LOG("producer:CANCELLED producer:CANCELLED");
    CHECK_STR(next_word(left), "CLOSED");
    return NULL;
}

/* B203: stopped early: CLOSED to whoever asks, and the block ends well; so it
   does when it is just left. */
TEST(b203_stopping_early)
{
    RUNS(b203, "OK");
}

static kin_error *b203_unstarted(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, produces_words, abc);
    CHECK_OUTCOME(kin_producer_close(words, fail_t("2")), "T2");
    KIN_PRODUCER(stopped, produces_words, abc);
    kin_producer_stop(stopped);
    CHECK_STR(next_word(stopped), "CLOSED");
    CHECK_LOG("");
    return kin_producer_close(stopped, NULL);
}

/* B203: before anybody asked: the producer never runs. */
TEST(b203_before_the_first_asking_it_never_runs)
{
    RUNS(b203_unstarted, "OK");
}

static kin_error *asks(void *arg)
{
    NOTE("%s", next_word(arg));
    return NULL;
}

static kin_error *stops_while_asked(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, produces_slowly, abc);
    KIN_GROUP(group);
    kin_spawn(group, asks, words);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(1)), "OK");
    kin_producer_stop(words);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_LOG("CLOSED");
    return kin_producer_close(words, NULL);
}

static kin_error *stops_before_its_turn(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, produces_words, abc);
    KIN_GROUP(group);
    kin_spawn(group, asks, words);
    CHECK_OUTCOME(kin_checkpoint(), "OK");
    kin_producer_stop(words);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_LOG("CLOSED");
    return kin_producer_close(words, NULL);
}

/* B203: one that is stopped before its turn has come never runs. */
TEST(b203_one_that_is_stopped_before_its_turn_never_runs)
{
    CHECK_OUTCOME(run_virtual(stops_before_its_turn, NULL, 0), "OK");
}

/* B203: who asks already gets CLOSED too. */
TEST(b203_who_asks_while_it_is_stopped_gets_closed)
{
    RUNS(stops_while_asked, "OK");
}

/* --- B204: scopes ------------------------------------------------------ */

static kin_error *produces_in_a_scope(kin_producer *self, void *arg)
{
    KIN_SCOPE(limit, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_produce(self, arg);
    NOTE("%s", shape(err));
    return kin_scope_close(limit, err);
}

static kin_error *b204(void *arg)
{
    (void)arg;
    KIN_PRODUCER(words, produces_in_a_scope, "one");
    CHECK_STR(next_word(words), "one");
    CHECK(kin_effective_deadline() == KIN_NEVER);
    CHECK_OUTCOME(kin_sleep(KIN_SECONDS(5)), "OK");
    CHECK_LOG("CANCELLED");
    CHECK_STR(next_word(words), "END");
    return kin_producer_close(words, NULL);
}

/* B204: a scope in the producer does not leak into the block. */
TEST(b204_a_scope_in_the_producer_does_not_leak)
{
    RUNS(b204, "OK");
}

/* --- around it --------------------------------------------------------- */

static kin_error *yields_in_its_block(kin_generator *self, void *arg)
{
    KIN_PRODUCER(words, produces_words, arg);
    kin_error *err = kin_yield(self, arg);
    CHECK_CONTAINS(kin_error_message(err), "\"words\"");
    return kin_producer_close(words, err);
}

static kin_error *b191(void *arg)
{
    (void)arg;
    void *item;
    KIN_GENERATOR(items, yields_in_its_block, abc);
    CHECK_OUTCOME(kin_next(items, &item), "YIELD_PREVENTED");
    return kin_generator_close(items, NULL);
}

/* Its block is a group: a generator cannot yield inside it. */
TEST(b191_a_producers_block_prevents_yields)
{
    RUNS(b191, "OK");
}

static kin_error *returns_past_the_close(void)
{
    KIN_PRODUCER(words, notes_its_end, "one");
    CHECK_STR(next_word(words), "one");
    return NULL;
}

static kin_error *leaves(void *arg)
{
    (void)arg;
    KIN_TRY(returns_past_the_close());
    CHECK_LOG("producer:CANCELLED");
    return kin_checkpoint();
}

/* Left unclosed, it is cancelled and joined, and that is said. */
TEST(a_producer_left_unclosed_is_joined)
{
    RUNS(leaves, "G[MISUSE]");
}

static kin_error *misuses(void *arg)
{
    (void)arg;
    void *value = "untouched";
    CHECK_OUTCOME(kin_producer_next(NULL, &value), "MISUSE");
    CHECK_OUTCOME(kin_produce(NULL, NULL), "MISUSE");
    CHECK_OUTCOME(kin_producer_close(NULL, fail_v("1")), "G[V1, MISUSE]");
    KIN_PRODUCER(words, produces_words, abc);
    CHECK_OUTCOME(kin_producer_next(words, NULL), "MISUSE");
    CHECK_OUTCOME(kin_produce(words, value), "MISUSE");
    CHECK_OUTCOME(kin_producer_close(words, NULL), "OK");
    CHECK_OUTCOME(kin_producer_close(words, fail_v("1")), "G[V1, MISUSE]");
    return NULL;
}

/* Each detectable mistake is a KIN_MISUSE without effect. */
TEST(misuse_of_producers_is_told)
{
    RUNS(misuses, "OK");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static kin_error *no_stack(void *arg)
{
    (void)arg;
    void *value;
    KIN_PRODUCER(words, produces_words, abc, .name = "big",
                 .stack_size = 3 << 20);
    harness_heap.fail = always;
    kin_error *err = kin_producer_next(words, &value);
    harness_heap.fail = NULL;
    kin_producer_stop(words);
    CHECK_SHAPE(err, "CANCELLED");
    return kin_producer_close(words, err);
}

/* Without a stack the producer fails, as any child. */
TEST(without_a_stack_the_producer_fails)
{
    RUNS(no_stack, "NO_MEMORY");
}
