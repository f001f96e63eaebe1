/* state_threads.c: State Threads. It has no channels: a message is handed over
   under a condition, as its users do it, through a ring where it is buffered. */
#include "peer.h"

#include <st.h>

static void yield_times(void *unused, size_t times)
{
    (void)unused;
    for (size_t i = 0; i < times; i++)
        st_sleep(0);
}

static double yields(size_t count)
{
    return peer_measure(yield_times, NULL, count);
}

static void *child(void *ran)
{
    ++*(size_t *)ran;
    return NULL;
}

static void join_one_by_one(void *ran, size_t times)
{
    for (size_t i = 0; i < times; i++)
        st_thread_join(st_thread_create(child, ran, 1, 0), NULL);
}

static void join_batches(void *ran, size_t times)
{
    static st_thread_t batch[BATCH];
    for (size_t i = 0; i < times; i += BATCH) {
        for (int j = 0; j < BATCH; j++)
            batch[j] = st_thread_create(child, ran, 1, 0);
        for (int j = 0; j < BATCH; j++)
            st_thread_join(batch[j], NULL);
    }
}

static double spawn_join(size_t count)
{
    size_t ran = 0;
    return peer_measure(join_one_by_one, &ran, count);
}

static double spawn_batch(size_t count)
{
    size_t ran = 0;
    return peer_measure(join_batches, &ran, count);
}

/* A bounded queue: one ring, and a condition for each side. */
typedef struct queue {
    uint64_t items[BUFFER];
    size_t first, used, capacity;
    st_cond_t filled, freed;
    int closed;
} queue;

static void queue_open(queue *q, size_t capacity)
{
    memset(q, 0, sizeof *q);
    q->capacity = capacity;
    q->filled = st_cond_new();
    q->freed = st_cond_new();
}

static void queue_close(queue *q)
{
    st_cond_destroy(q->filled);
    st_cond_destroy(q->freed);
}

static void put(queue *q, uint64_t item)
{
    while (q->used == q->capacity && !q->closed)
        st_cond_wait(q->freed);
    q->items[(q->first + q->used++) % BUFFER] = item;
    if (q->used == 1)
        st_cond_signal(q->filled);
}

static int take(queue *q, uint64_t *item)
{
    while (q->used == 0) {
        if (q->closed)
            return 0;
        st_cond_wait(q->filled);
    }
    *item = q->items[q->first];
    q->first = (q->first + 1) % BUFFER;
    if (q->used-- == q->capacity)
        st_cond_signal(q->freed);
    return 1;
}

static void end(queue *q)
{
    q->closed = 1;
    st_cond_broadcast(q->filled);
    st_cond_broadcast(q->freed);
}

typedef struct pair {
    queue there, back;
} pair;

static void *echo(void *arg)
{
    pair *p = (pair *)arg;
    uint64_t item;
    while (take(&p->there, &item))
        put(&p->back, item);
    return NULL;
}

static void there_and_back(void *arg, size_t times)
{
    pair *p = (pair *)arg;
    uint64_t item;
    for (uint64_t i = 0; i < times; i++) {
        put(&p->there, i);
        take(&p->back, &item);
    }
}

static double round_trip(size_t count)
{
    static pair p;
    queue_open(&p.there, 1);
    queue_open(&p.back, 1);
    st_thread_t other = st_thread_create(echo, &p, 1, 0);
    double value = peer_measure(there_and_back, &p, count);
    end(&p.there);
    st_thread_join(other, NULL);
    queue_close(&p.there);
    queue_close(&p.back);
    return value;
}

static void *produce(void *arg)
{
    queue *q = (queue *)arg;
    for (uint64_t i = 0; !q->closed; i++)
        put(q, i);
    return NULL;
}

static void consume(void *arg, size_t times)
{
    uint64_t item;
    for (size_t i = 0; i < times; i++)
        take((queue *)arg, &item);
}

static double buffered(size_t count)
{
    static queue q;
    queue_open(&q, BUFFER);
    st_thread_t other = st_thread_create(produce, &q, 1, 0);
    double value = peer_measure(consume, &q, count);
    q.used = 0;
    end(&q);
    st_thread_join(other, NULL);
    queue_close(&q);
    return value;
}

static void lock_and_unlock(void *mutex, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        st_mutex_lock((st_mutex_t)mutex);
        st_mutex_unlock((st_mutex_t)mutex);
    }
}

static double uncontended(size_t count)
{
    st_mutex_t mutex = st_mutex_new();
    double value = peer_measure(lock_and_unlock, mutex, count);
    st_mutex_destroy(mutex);
    return value;
}

int main(int argc, char **argv)
{
    static const peer_workload workloads[] = {
        {"yield", 2000000, 200000, yields},
        {"spawn_join", 2000000, 200000, spawn_join},
        {"spawn_batch", 3000000, 300000, spawn_batch},
        {"channel_round_trip_1", 4000000, 400000, round_trip},
        {"channel_buffered", 20000000, 2000000, buffered},
        {"mutex", 20000000, 2000000, uncontended},
    };
    if (st_init() != 0)
        return 1;
    return peer_main(argc, argv, "state-threads", workloads,
                     sizeof workloads / sizeof *workloads);
}
