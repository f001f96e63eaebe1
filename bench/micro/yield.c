/* yield.c: giving way: two tasks that do nothing else; and the same where time
   matters, since somewhere in the run there is a deadline. */
#include "bench.h"

static kin_error *give_way(void *unused, size_t times)
{
    (void)unused;
    for (size_t i = 0; i < times; i += 2) /* the partner makes the others */
        KIN_TRY(kin_checkpoint());
    return NULL;
}

static kin_error *partner(void *stop)
{
    while (!*(bool *)stop)
        KIN_TRY(kin_checkpoint());
    return NULL;
}

kin_error *bench_yield(void *b)
{
    bool stop = false;
    KIN_GROUP(pair);
    kin_spawn(pair, partner, &stop);
    kin_error *err = bench_measure(b, give_way, NULL);
    stop = true;
    return kin_group_close(pair, err);
}

kin_error *bench_yield_deadline(void *b)
{
    KIN_SCOPE(day, .move_on_after = KIN_SECONDS(86400));
    return kin_scope_close(day, bench_yield(b));
}
