/* main.c: measures one workload, once.

     micro                   lists them: name, subject, unit
     micro NAME [COUNT]      does it COUNT times and prints the result

   One workload a process, so that each starts from the same state; bench/run
   goes round and takes the medians. QUICK in the environment makes COUNT
   smaller where that does not change what is measured. */
#include "bench.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const struct workload {
    const char *name;
    const char *subject;
    const char *unit;
    size_t count, quick;
    kin_fn *measure;
} workloads[] = {
    {"switch", "floor", "ns", 40000000, 4000000, bench_switch},
    {"yield", "kin", "ns", 20000000, 2000000, bench_yield},
    {"yield_deadline", "kin", "ns", 5000000, 500000, bench_yield_deadline},
    {"spawn_join", "kin", "ns", 4000000, 400000, bench_spawn_join},
    {"spawn_batch", "kin", "ns", 6000000, 600000, bench_spawn_batch},
    {"spawn_supervised", "kin", "ns", 6000000, 600000, bench_spawn_supervised},
    {"scope", "kin", "ns", 20000000, 2000000, bench_scope},
    {"scope_deadline", "kin", "ns", 4000000, 400000, bench_scope_deadline},
    {"generator_next", "kin", "ns", 20000000, 2000000, bench_generator_next},
    {"error", "kin", "ns", 500000, 50000, bench_error},
    {"channel_round_trip", "kin", "ns", 10000000, 1000000,
     bench_channel_round_trip},
    {"channel_round_trip_1", "kin", "ns", 10000000, 1000000,
     bench_channel_round_trip_1},
    {"channel_buffered", "kin", "ns", 20000000, 2000000,
     bench_channel_buffered},
    {"select", "kin", "ns", 5000000, 500000, bench_select},
    {"mutex", "kin", "ns", 20000000, 2000000, bench_mutex},
    {"mutex_contended", "kin", "ns", 10000000, 1000000, bench_mutex_contended},
    {"sleep_steady", "kin", "ns", 100000, 50000, bench_sleep_steady},
    {"spawn_park", "kin", "ns", 100000, 100000, bench_spawn_park},
    {"cancel_100k", "kin", "ms", 100000, 100000, bench_cancel},
    {"memory_parked_10000", "kin", "bytes", 10000, 10000, bench_memory_parked},
    {"memory_parked_100000", "kin", "bytes", 100000, 100000,
     bench_memory_parked},
    {"memory_parked_1000000", "kin", "bytes", 1000000, 1000000,
     bench_memory_parked},
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static int list(void)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        printf("%s %s %s\n", workloads[i].name, workloads[i].subject,
               workloads[i].unit);
    return 0;
}

static const struct workload *find(const char *name)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        if (strcmp(name, workloads[i].name) == 0)
            return &workloads[i];
    return NULL;
}

/* To the last processor that we may use: the first ones see most of the
   interrupts. */
static void pin(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    int last = CPU_SETSIZE - 1;
    while (last > 0 && !CPU_ISSET(last, &set))
        last--;
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        perror("sched_setaffinity");
}

static size_t count_of(const struct workload *w, const char *given)
{
    const char *quick = getenv("QUICK");
    if (given)
        return strtoul(given, NULL, 10);
    return quick && *quick && strcmp(quick, "0") != 0 ? w->quick : w->count;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return list();
    const struct workload *w = find(argv[1]);
    bench b = {.count = w ? count_of(w, argv[2]) : 0};
    if (b.count == 0) {
        fprintf(stderr, "usage: micro [WORKLOAD [COUNT]]\n");
        return 2;
    }
    pin();
    int status = kin_main(w->measure, &b);
    if (status == 0)
        printf("%.4f\n", b.value);
    return status;
}
