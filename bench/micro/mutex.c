/* mutex.c: a mutex locked and unlocked: by one task that never waits, and by two
   that hand it to each other. */
#include "bench.h"

static kin_error *lock_and_unlock(void *arg, size_t times)
{
    kin_mutex *mutex = arg;
    for (size_t i = 0; i < times; i++) {
        KIN_TRY(kin_mutex_lock(mutex));
        kin_mutex_unlock(mutex);
    }
    return NULL;
}

kin_error *bench_mutex(void *b)
{
    kin_mutex mutex = {0};
    return bench_measure(b, lock_and_unlock, &mutex);
}

typedef struct contest {
    kin_mutex mutex;
    bool stop;
} contest;

/* Gives way while it holds it, so that the other comes and waits. */
static kin_error *hold_for_a_while(contest *c)
{
    KIN_TRY(kin_mutex_lock(&c->mutex));
    kin_error *err = kin_checkpoint();
    kin_mutex_unlock(&c->mutex);
    return err;
}

static kin_error *contend(void *arg, size_t times)
{
    for (size_t i = 0; i < times; i += 2) /* the rival makes the others */
        KIN_TRY(hold_for_a_while(arg));
    return NULL;
}

static kin_error *rival(void *arg)
{
    contest *c = arg;
    while (!c->stop)
        KIN_TRY(hold_for_a_while(c));
    return NULL;
}

kin_error *bench_mutex_contended(void *b)
{
    contest c = {.stop = false};
    KIN_GROUP(pair);
    kin_spawn(pair, rival, &c);
    kin_error *err = bench_measure(b, contend, &c);
    c.stop = true;
    return kin_group_close(pair, err);
}
