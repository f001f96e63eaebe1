/* peer.h: what the peers in C and C++ share. A peer is a program like the micro
   benches: without arguments it lists its workloads, with the name of one it
   prints what one time took. A workload means the same in every subject. */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 100000, BATCH = 1000, BUFFER = 128 };

/* Processor time of this thread in nanoseconds. */
static inline double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Does something so many times. */
typedef void peer_repeat(void *what, size_t times);

static inline double peer_measure(peer_repeat *repeat, void *what, size_t count)
{
    repeat(what, WARM_UP);
    double start = processor_time();
    repeat(what, count);
    return (processor_time() - start) / (double)count;
}

typedef struct peer_workload {
    const char *name;
    size_t count, quick;
    double (*measure)(size_t count); /* nanoseconds for each */
} peer_workload;

static inline int peer_main(int argc, char **argv, const char *subject,
                            const peer_workload *workloads, size_t count)
{
    const char *quick = getenv("QUICK");
    int is_quick = quick && *quick && strcmp(quick, "0") != 0;
    for (size_t i = 0; i < count; i++) {
        const peer_workload *w = &workloads[i];
        if (argc < 2)
            printf("%s %s ns\n", w->name, subject);
        else if (strcmp(argv[1], w->name) == 0)
            return printf("%.4f\n",
                          w->measure(is_quick ? w->quick : w->count)) < 0;
    }
    return argc < 2 ? 0 : 2;
}

#endif
