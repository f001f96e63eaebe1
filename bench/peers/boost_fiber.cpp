// boost_fiber.cpp: Boost.Fiber, on one thread with its usual scheduler.
#include "peer.h"

#include <boost/context/fiber.hpp>
#include <boost/fiber/all.hpp>
#include <vector>

namespace fibers = boost::fibers;

static void yield_times(void *, size_t times)
{
    for (size_t i = 0; i < times; i++)
        boost::this_fiber::yield();
}

static double yields(size_t count)
{
    return peer_measure(yield_times, nullptr, count);
}

/* Stacks come from a pool, as it is advised where fibers come and go. */
static fibers::fiber child(void *ran)
{
    static fibers::pooled_fixedsize_stack stacks;
    return fibers::fiber(std::allocator_arg, stacks,
                         [ran] { ++*static_cast<size_t *>(ran); });
}

static void join_one_by_one(void *ran, size_t times)
{
    for (size_t i = 0; i < times; i++)
        child(ran).join();
}

static void join_batches(void *ran, size_t times)
{
    std::vector<fibers::fiber> batch(BATCH);
    for (size_t i = 0; i < times; i += BATCH) {
        for (auto &f : batch)
            f = child(ran);
        for (auto &f : batch)
            f.join();
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

using rendezvous = fibers::unbuffered_channel<uint64_t>;
using buffer = fibers::buffered_channel<uint64_t>;

template <class Channel> struct ends {
    Channel *to, *from;
};

template <class Channel> static void there_and_back(void *arg, size_t times)
{
    auto *e = static_cast<ends<Channel> *>(arg);
    uint64_t item;
    for (uint64_t i = 0; i < times; i++) {
        e->to->push(i);
        e->from->pop(item);
    }
}

template <class Channel>
static double round_trip(Channel &there, Channel &back, size_t count)
{
    fibers::fiber echo([&there, &back] {
        uint64_t item;
        while (there.pop(item) == fibers::channel_op_status::success)
            back.push(item);
    });
    ends<Channel> e = {&there, &back};
    double value = peer_measure(there_and_back<Channel>, &e, count);
    there.close();
    back.close();
    echo.join();
    return value;
}

static double round_trip_0(size_t count)
{
    rendezvous there, back;
    return round_trip(there, back, count);
}

/* The least that its buffered channel takes is 2, of which it uses 1. */
static double round_trip_1(size_t count)
{
    buffer there(2), back(2);
    return round_trip(there, back, count);
}

static void consume(void *channel, size_t times)
{
    uint64_t item;
    for (size_t i = 0; i < times; i++)
        static_cast<buffer *>(channel)->pop(item);
}

static double buffered(size_t count)
{
    buffer channel(BUFFER);
    fibers::fiber producer([&channel] {
        for (uint64_t i = 0;
             channel.push(i) == fibers::channel_op_status::success; i++)
            ;
    });
    double value = peer_measure(consume, &channel, count);
    channel.close();
    producer.join();
    return value;
}

static void lock_and_unlock(void *mutex, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        static_cast<fibers::mutex *>(mutex)->lock();
        static_cast<fibers::mutex *>(mutex)->unlock();
    }
}

static double uncontended(size_t count)
{
    fibers::mutex mutex;
    return peer_measure(lock_and_unlock, &mutex, count);
}

/* Its generators are Boost.Context's: a switch there and one back. */
static double generator_next(size_t count)
{
    namespace context = boost::context;
    uint64_t value = 0;
    bool stop = false;
    context::fiber generator([&](context::fiber &&consumer) {
        while (!stop) {
            value++;
            consumer = std::move(consumer).resume();
        }
        return std::move(consumer);
    });
    auto next = [](void *g, size_t times) {
        auto *f = static_cast<context::fiber *>(g);
        for (size_t i = 0; i < times; i++)
            *f = std::move(*f).resume();
    };
    double took = peer_measure(next, &generator, count);
    stop = true;
    generator = std::move(generator).resume();
    return took;
}

int main(int argc, char **argv)
{
    static const peer_workload workloads[] = {
        {"yield", 4000000, 400000, yields},
        {"spawn_join", 1000000, 100000, spawn_join},
        {"spawn_batch", 1000000, 100000, spawn_batch},
        {"channel_round_trip", 2000000, 200000, round_trip_0},
        {"channel_round_trip_1", 2000000, 200000, round_trip_1},
        {"channel_buffered", 10000000, 1000000, buffered},
        {"mutex", 10000000, 1000000, uncontended},
        {"generator_next", 10000000, 1000000, generator_next},
    };
    return peer_main(argc, argv, "boost-fiber", workloads,
                     sizeof workloads / sizeof *workloads);
}
