/* channel.c: two tasks and channels between them: there and back, each message
   waited for; and a stream of messages through a buffer. */
#include "bench.h"

typedef struct ends {
    kin_sender *to;
    kin_receiver *from;
} ends;

static kin_error *echo(void *arg)
{
    ends *e = arg;
    uint64_t item;
    for (;;) {
        kin_error *err = kin_receive(e->from, &item);
        if (kin_error_catch(&err, &KIN_END))
            break;
        KIN_TRY(err);
        KIN_TRY(kin_send(e->to, &item));
    }
    kin_sender_close(&e->to);
    kin_receiver_close(&e->from);
    return NULL;
}

static kin_error *there_and_back(void *arg, size_t times)
{
    ends *e = arg;
    for (uint64_t i = 0, item; i < times; i++) {
        KIN_TRY(kin_send(e->to, &i));
        KIN_TRY(kin_receive(e->from, &item));
    }
    return NULL;
}

static kin_error *round_trip(bench *b, size_t capacity)
{
    ends here, there;
    KIN_TRY(
        kin_channel_open(&here.to, &there.from, sizeof(uint64_t), capacity));
    KIN_TRY(
        kin_channel_open(&there.to, &here.from, sizeof(uint64_t), capacity));
    KIN_GROUP(pair);
    kin_spawn(pair, echo, &there);
    kin_error *err = bench_measure(b, there_and_back, &here);
    kin_sender_close(&here.to);
    kin_receiver_close(&here.from);
    return kin_group_close(pair, err);
}

kin_error *bench_channel_round_trip(void *b)
{
    return round_trip(b, 0);
}

kin_error *bench_channel_round_trip_1(void *b)
{
    return round_trip(b, 1);
}

static kin_error *produce(void *arg)
{
    ends *e = arg;
    kin_error *err = NULL;
    for (uint64_t i = 0; !err; i++)
        err = kin_send(e->to, &i);
    (void)kin_error_catch(&err, &KIN_BROKEN);
    kin_sender_close(&e->to);
    return err;
}

static kin_error *consume(void *arg, size_t times)
{
    ends *e = arg;
    for (uint64_t i = 0, item; i < times; i++)
        KIN_TRY(kin_receive(e->from, &item));
    return NULL;
}

kin_error *bench_channel_buffered(void *b)
{
    ends e;
    KIN_TRY(kin_channel_open(&e.to, &e.from, sizeof(uint64_t), 128));
    KIN_GROUP(pair);
    kin_spawn(pair, produce, &e);
    kin_error *err = bench_measure(b, consume, &e);
    kin_receiver_close(&e.from);
    return kin_group_close(pair, err);
}

/* As the round trip, and each message is one of two cases. */
static kin_error *choose(void *arg, size_t times)
{
    ends *e = arg;
    kin_event never = {0};
    for (uint64_t i = 0, item; i < times; i++) {
        size_t fired;
        KIN_TRY(kin_send(e->to, &i));
        kin_select_case cases[] = {KIN_ON_RECEIVE(e->from, &item),
                                   KIN_ON_EVENT(&never)};
        KIN_TRY(kin_select(cases, 2, &fired));
    }
    return NULL;
}

kin_error *bench_select(void *b)
{
    ends here, there;
    KIN_TRY(kin_channel_open(&here.to, &there.from, sizeof(uint64_t), 0));
    KIN_TRY(kin_channel_open(&there.to, &here.from, sizeof(uint64_t), 0));
    KIN_GROUP(pair);
    kin_spawn(pair, echo, &there);
    kin_error *err = bench_measure(b, choose, &here);
    kin_sender_close(&here.to);
    kin_receiver_close(&here.from);
    return kin_group_close(pair, err);
}
