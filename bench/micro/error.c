/* error.c: the way of a failure: made, handed up through five calls, put into a
   group, freed. */
#include "bench.h"

enum { CALLS = 5 };

static __attribute__((noinline)) kin_error *fail_below(int calls, int number)
{
    if (calls == 0)
        return kin_fail(&KIN_FAILURE, "no room for block %d", number);
    KIN_TRY(fail_below(calls - 1, number));
    return NULL;
}

static kin_error *fail(void *unused, size_t times)
{
    (void)unused;
    for (size_t i = 0; i < times; i++) {
        kin_error *err = fail_below(CALLS, (int)(i % 1000));
        if (kin_error_trace_count(err) != CALLS)
            return err;
        err = kin_error_group("the store is full", &err, 1);
        kin_error_free(err);
    }
    return NULL;
}

kin_error *bench_error(void *b)
{
    return bench_measure(b, fail, NULL);
}
