/* park.c: a crowd of tasks that wait for nothing but cancellation: what it
   takes to get there, what one of them keeps, and what it takes to get out.
   Nothing is warm: a crowd comes once. */
#include "bench.h"

static kin_error *wait_for_ever(void *parked)
{
    ++*(size_t *)parked;
    return kin_sleep_forever();
}

/* Returns when all of them wait. */
static kin_error *park(kin_group *crowd, size_t count, size_t *parked)
{
    for (size_t i = 0; i < count; i++)
        kin_spawn(crowd, wait_for_ever, parked);
    while (*parked < count)
        KIN_TRY(kin_checkpoint());
    return NULL;
}

static kin_error *dismiss(kin_group *crowd, kin_error *err)
{
    kin_group_cancel(crowd, "that is all");
    return kin_group_close(crowd, err);
}

kin_error *bench_spawn_park(void *arg)
{
    bench *b = arg;
    size_t parked = 0;
    KIN_GROUP(crowd);
    double start = processor_time();
    kin_error *err = park(crowd, b->count, &parked);
    b->value = (processor_time() - start) / (double)b->count;
    return dismiss(crowd, err);
}

/* In milliseconds, for all. */
kin_error *bench_cancel(void *arg)
{
    bench *b = arg;
    size_t parked = 0;
    KIN_GROUP(crowd);
    kin_error *err = park(crowd, b->count, &parked);
    double start = processor_time();
    err = dismiss(crowd, err);
    b->value = (processor_time() - start) / 1e6;
    return err;
}

/* Bytes of this process that are in memory. */
static kin_error *resident(double *bytes)
{
    FILE *status = fopen("/proc/self/status", "r");
    if (!status)
        return kin_fail(&KIN_FAILURE, "there is no /proc/self/status");
    char line[256];
    unsigned long kilobytes = 0;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %lu kB", &kilobytes) == 1)
            break;
    (void)fclose(status);
    *bytes = (double)kilobytes * 1024;
    return NULL;
}

kin_error *bench_memory_parked(void *arg)
{
    bench *b = arg;
    size_t parked = 0;
    double before, after;
    KIN_TRY(resident(&before)); /* touches what it needs itself */
    KIN_TRY(resident(&before));
    KIN_GROUP(crowd);
    kin_error *err = park(crowd, b->count, &parked);
    if (!err)
        err = resident(&after);
    if (!err)
        b->value = (after - before) / (double)b->count;
    return dismiss(crowd, err);
}
