/* spawn.c: children that return at once: one by one, each in a group of its
   own, and a thousand at a time, in a group that wants all to succeed and in a
   supervisor, which must cost the same. */
#include "bench.h"

enum { BATCH = 1000 };

static kin_error *child(void *ran)
{
    ++*(size_t *)ran;
    return NULL;
}

static kin_error *one_by_one(void *ran, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        KIN_GROUP(one);
        kin_spawn(one, child, ran);
        KIN_TRY(kin_group_close(one, NULL));
    }
    return NULL;
}

static kin_error *batches(void *ran, size_t times, kin_policy policy)
{
    for (size_t i = 0; i < times; i += BATCH) {
        KIN_GROUP(batch, .policy = policy);
        for (size_t j = i; j < i + BATCH && j < times; j++)
            kin_spawn(batch, child, ran);
        KIN_TRY(kin_group_close(batch, NULL));
    }
    return NULL;
}

static kin_error *in_batches(void *ran, size_t times)
{
    return batches(ran, times, KIN_ALL);
}

static kin_error *supervised(void *ran, size_t times)
{
    return batches(ran, times, KIN_EACH);
}

static kin_error *measure(bench *b, bench_repeat *repeat)
{
    size_t ran = 0;
    KIN_TRY(bench_measure(b, repeat, &ran));
    if (ran != WARM_UP + b->count)
        return kin_fail(&KIN_FAILURE, "only %zu children ran", ran);
    return NULL;
}

kin_error *bench_spawn_join(void *b)
{
    return measure(b, one_by_one);
}

kin_error *bench_spawn_batch(void *b)
{
    return measure(b, in_batches);
}

kin_error *bench_spawn_supervised(void *b)
{
    return measure(b, supervised);
}
