/* sleep.c: ten thousand tasks that sleep again and again, each for a length of
   its own, in the steady state: processor time for each sleep, the waits of the
   runtime included. */
#include "bench.h"

enum { SLEEPERS = 10000, SHORTEST = 50, LONGEST = 150 /* milliseconds */ };

typedef struct crowd {
    size_t slept;
    size_t entered; /* of those who have a length */
} crowd;

/* The lengths are spread evenly, and neighbours' lie far apart. */
static kin_time length_of(size_t i)
{
    kin_time range = KIN_MILLISECONDS(LONGEST - SHORTEST);
    return KIN_MILLISECONDS(SHORTEST) +
           (kin_time)(i * 6181 % SLEEPERS) * range / SLEEPERS;
}

static kin_error *sleeper(void *arg)
{
    crowd *all = arg;
    kin_time length = length_of(all->entered++);
    for (;;) {
        KIN_TRY(kin_sleep(length));
        all->slept++;
    }
}

static kin_error *wait_for(const crowd *all, size_t slept)
{
    while (all->slept < slept)
        KIN_TRY(kin_sleep(KIN_MILLISECONDS(5)));
    return NULL;
}

static kin_error *measure(bench *b, crowd *all)
{
    KIN_TRY(wait_for(all, (size_t)4 * SLEEPERS));
    size_t first = all->slept;
    double start = processor_time();
    KIN_TRY(wait_for(all, first + b->count));
    b->value = (processor_time() - start) / (double)(all->slept - first);
    return NULL;
}

kin_error *bench_sleep_steady(void *b)
{
    crowd all = {0, 0};
    KIN_GROUP(sleepers);
    for (size_t i = 0; i < SLEEPERS; i++)
        kin_spawn(sleepers, sleeper, &all);
    kin_error *err = measure(b, &all);
    kin_group_cancel(sleepers, "that is all");
    return kin_group_close(sleepers, err);
}
