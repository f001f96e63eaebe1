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
