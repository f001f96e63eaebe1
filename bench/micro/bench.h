/* bench.h: what the workloads share. Each is the main task of a run in a
   process of its own: it warms up, does its work `count` times between two
   looks at the clock, and says what one time took. */
#ifndef BENCH_H
#define BENCH_H

#include <kin.h>

#include <time.h>

typedef struct bench {
    size_t count; /* how often, or how many */
    double value; /* the result, in the workload's unit */
} bench;

/* How often each workload that is repeated is done before it is measured. */
enum { WARM_UP = 100000 };

/* Processor time of this thread in nanoseconds: what others on the machine do
   in the meantime does not count. */
static inline double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A function that does something so many times. `what` is its own. */
typedef kin_error *bench_repeat(void *what, size_t times);

/* Warms up, then measures: nanoseconds for each. */
static inline kin_error *bench_measure(bench *b, bench_repeat *repeat,
                                       void *what)
{
    KIN_TRY(repeat(what, WARM_UP));
    double start = processor_time();
    KIN_TRY(repeat(what, b->count));
    b->value = (processor_time() - start) / (double)b->count;
    return NULL;
}

/* The workloads; each takes a bench. */
kin_fn bench_switch;
kin_fn bench_yield;
kin_fn bench_yield_deadline;
kin_fn bench_spawn_join;
kin_fn bench_spawn_batch;
kin_fn bench_spawn_supervised;
kin_fn bench_spawn_park;
kin_fn bench_memory_parked;
kin_fn bench_cancel;
kin_fn bench_sleep_steady;
kin_fn bench_scope;
kin_fn bench_scope_deadline;
kin_fn bench_error;
kin_fn bench_generator_next;
kin_fn bench_channel_round_trip;
kin_fn bench_channel_round_trip_1;
kin_fn bench_channel_buffered;
kin_fn bench_select;
kin_fn bench_mutex;
kin_fn bench_mutex_contended;

#endif
