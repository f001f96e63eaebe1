/* i_channels.c: B209 to B218 and C12: channels: four endings, clones, fair
   hand-off, and what a cancellation may not do to them. */
#include "harness.h"

/* Runs it with every seed; its own checks are inside. */
#define RUNS(main_task, outcome) \
    EACH_SEED(seed)              \
    CHECK_OUTCOME(run_virtual(main_task, NULL, seed), outcome)

static void settle(void)
{
    KIN_SCOPE(settled, .shield = true);
    kin_error *err = kin_sleep(KIN_MILLISECONDS(1));
    CHECK_OUTCOME(kin_scope_close(settled, err), "OK");
}

/* A channel of ints, and its first two handles. */
typedef struct pipe {
    kin_sender *tx;
    kin_receiver *rx;
} pipe_of_ints;

static pipe_of_ints of_capacity(size_t capacity)
{
    pipe_of_ints p = {NULL, NULL};
    CHECK_OUTCOME(kin_channel_open(&p.tx, &p.rx, sizeof(int), capacity), "OK");
    return p;
}

static void close_both(pipe_of_ints *p)
{
    kin_sender_close(&p->tx);
    kin_receiver_close(&p->rx);
    CHECK_EQ(p->tx, NULL);
    CHECK_EQ(p->rx, NULL);
}

static kin_error *send_now(kin_sender *tx, int item)
{
    return kin_send_now(tx, &item);
}

static kin_error *send(kin_sender *tx, int item)
{
    return kin_send(tx, &item);
}

/* What comes out at once, or -1 and the error in the log. */
static int receive_now(kin_receiver *rx)
{
    int item = -1;
    kin_error *err = kin_receive_now(rx, &item);
    if (err)
        NOTE("%s", shape(err));
    kin_error_free(err);
    return item;
}

static int receive(kin_receiver *rx)
{
    int item = -1;
    kin_error *err = kin_receive(rx, &item);
    if (err)
        NOTE("%s", shape(err));
    kin_error_free(err);
    return item;
}

/* A task that sends or receives once, in a scope of its own, and notes what came
   of it. */
typedef struct user {
    const char *name;
    kin_sender *tx;
    kin_receiver *rx;
    int item;
    kin_scope *scope;
} user;

static kin_error *sends_once(void *arg)
{
    user *u = arg;
    KIN_SCOPE(scope);
    u->scope = scope;
    kin_error *err = kin_send(u->tx, &u->item);
    NOTE("%s:%s", u->name, shape(err));
    kin_error_free(err);
    return kin_scope_close(scope, NULL);
}

static kin_error *receives_once(void *arg)
{
    user *u = arg;
    KIN_SCOPE(scope);
    u->scope = scope;
    kin_error *err = kin_receive(u->rx, &u->item);
    if (err)
        NOTE("%s:%s", u->name, shape(err));
    else
        NOTE("%s:%d", u->name, u->item);
    kin_error_free(err);
    return kin_scope_close(scope, NULL);
}

/* Starts them in this order, whatever the seed. */
static void start(kin_group *group, kin_fn *fn, user *users, int count)
{
    for (int i = 0; i < count; i++) {
        kin_spawn(group, fn, &users[i], .name = users[i].name);
        settle();
    }
}

/* --- B209 -------------------------------------------------------------- */

static kin_error *b209(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(2);
    CHECK_OUTCOME(send(p.tx, 1), "OK");
    CHECK_OUTCOME(send(p.tx, 2), "OK");
    CHECK_OUTCOME(send_now(p.tx, 3), "WOULD_BLOCK");
    CHECK_EQ(receive(p.rx), 1);
    CHECK_OUTCOME(send_now(p.tx, 4), "OK");
    CHECK_EQ(receive_now(p.rx), 2);
    CHECK_EQ(receive(p.rx), 4);
    CHECK_EQ(receive_now(p.rx), -1);
    CHECK_LOG("WOULD_BLOCK");
    close_both(&p);
    return NULL;
}

/* B209: a buffer of two takes two sends without waiting, refuses the third,
   and gives them out in order. */
TEST(b209_capacity)
{
    RUNS(b209, "OK");
}

static kin_error *b209_impossible(void *arg)
{
    (void)arg;
    kin_sender *tx = NULL;
    kin_receiver *rx = NULL;
    CHECK_OUTCOME(kin_channel_open(&tx, &rx, 4, (size_t)-1), "MISUSE");
    CHECK_OUTCOME(kin_channel_open(&tx, &rx, SIZE_MAX, 1), "MISUSE");
    CHECK_OUTCOME(kin_channel_open(&tx, &rx, SIZE_MAX, 0), "MISUSE");
    CHECK_OUTCOME(kin_channel_open(&tx, &rx, SIZE_MAX / 8, 9), "MISUSE");
    CHECK_OUTCOME(kin_channel_open(NULL, &rx, 4, 1), "MISUSE");
    CHECK_OUTCOME(kin_channel_open(&tx, NULL, 4, 1), "MISUSE");
    CHECK_EQ(tx, NULL);
    CHECK_EQ(rx, NULL);
    return NULL;
}

/* B209: a capacity of -1 is invalid, and so are sizes beyond all memory. */
TEST(b209_impossible_sizes)
{
    CHECK_OUTCOME(run_virtual(b209_impossible, NULL, 0), "OK");
}

static kin_error *b209_unbounded(void *arg)
{
    (void)arg;
    enum { MANY = 1000 };
    pipe_of_ints p = of_capacity(KIN_UNBOUNDED);
    int next = 0;
    for (int i = 0; i < MANY; i++) { /* so that it grows at every offset */
        CHECK_OUTCOME(send_now(p.tx, 3 * i), "OK");
        CHECK_OUTCOME(send_now(p.tx, 3 * i + 1), "OK");
        CHECK_OUTCOME(send_now(p.tx, 3 * i + 2), "OK");
        CHECK_EQ(receive_now(p.rx), next++);
    }
    while (next < 3 * MANY)
        CHECK_EQ(receive_now(p.rx), next++);
    CHECK_EQ(receive_now(p.rx), -1);
    close_both(&p);
    return NULL;
}

/* B209: without a bound a send never waits. */
TEST(b209_unbounded)
{
    CHECK_OUTCOME(run_virtual(b209_unbounded, NULL, 0), "OK");
}

static kin_error *b209_signals(void *arg)
{
    (void)arg;
    size_t capacities[] = {0, 2, KIN_UNBOUNDED};
    for (int i = 0; i < 3; i++) {
        kin_sender *tx;
        kin_receiver *rx;
        KIN_TRY(kin_channel_open(&tx, &rx, 0, capacities[i]));
        if (capacities[i]) {
            CHECK_OUTCOME(kin_send(tx, NULL), "OK");
            CHECK_OUTCOME(kin_send_now(tx, NULL), "OK");
            CHECK_OUTCOME(kin_receive(rx, NULL), "OK");
            CHECK_OUTCOME(kin_receive_now(rx, NULL), "OK");
        }
        CHECK_OUTCOME(kin_receive_now(rx, NULL), "WOULD_BLOCK");
        kin_sender_close(&tx);
        CHECK_OUTCOME(kin_receive(rx, NULL), "END");
        kin_receiver_close(&rx);
    }
    return NULL;
}

/* An item size of 0 is a pure signal, whose items may be NULL. */
TEST(b209_signals)
{
    CHECK_OUTCOME(run_virtual(b209_signals, NULL, 0), "OK");
}

typedef struct big {
    char text[100];
} big;

static kin_error *sends_big(void *arg)
{
    user *u = arg;
    for (int i = 0; i < 50; i++) {
        big b;
        memset(&b, i, sizeof b);
        KIN_TRY(kin_send(u->tx, &b));
    }
    kin_sender_close(&u->tx);
    return NULL;
}

static kin_error *b209_sizes(void *arg)
{
    size_t capacity = *(size_t *)arg;
    user u = {.name = "big"};
    KIN_TRY(kin_channel_open(&u.tx, &u.rx, sizeof(big), capacity));
    KIN_GROUP(group);
    kin_spawn(group, sends_big, &u);
    for (int i = 0; i < 50; i++) {
        big b, expected;
        memset(&expected, i, sizeof expected);
        CHECK_OUTCOME(kin_receive(u.rx, &b), "OK");
        CHECK(memcmp(&b, &expected, sizeof b) == 0);
    }
    CHECK_OUTCOME(kin_receive(u.rx, &(big){{0}}), "END");
    kin_receiver_close(&u.rx);
    return kin_group_close(group, NULL);
}

/* Items of any size are copied whole, by every way. */
TEST(b209_items_of_a_hundred_bytes)
{
    size_t capacities[] = {0, 1, 7, KIN_UNBOUNDED};
    for (int i = 0; i < 4; i++)
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(b209_sizes, &capacities[i], seed), "OK");
        }
}

/* --- B210 -------------------------------------------------------------- */

static kin_error *b210(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(3);
    CHECK_OUTCOME(send(p.tx, 1), "OK");
    CHECK_OUTCOME(send(p.tx, 2), "OK");
    kin_sender *stale = p.tx;
    kin_sender_close(&p.tx);
    CHECK_EQ(p.tx, NULL);
    CHECK_OUTCOME(send(p.tx, 3), "CLOSED");
    CHECK_OUTCOME(send_now(p.tx, 3), "CLOSED");
    CHECK_OUTCOME(send(stale, 3), "CLOSED");
    CHECK_OUTCOME(send_now(stale, 3), "CLOSED");
    CHECK_EQ(kin_sender_clone(p.tx), NULL);
    CHECK_EQ(kin_sender_clone(stale), NULL);
    kin_sender_close(&p.tx);
    kin_sender_close(&stale);
    CHECK_EQ(stale, NULL);
    kin_sender_close(NULL);
    CHECK_EQ(receive(p.rx), 1);
    CHECK_EQ(receive_now(p.rx), 2);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(receive(p.rx), -1);
        CHECK_EQ(receive_now(p.rx), -1);
    }
    CHECK_LOG("END END END END END END");
    kin_receiver_close(&p.rx);
    return NULL;
}

/* B210: after the last sender what was sent is still received, then it ends, for
   good; a closed handle is closed, its clone too, and closing it again is
   fine. */
TEST(b210_last_sender_closed)
{
    RUNS(b210, "OK");
}

static kin_error *b210_waiting(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    user users[] = {{.name = "a", .rx = p.rx}, {.name = "b", .rx = p.rx}};
    KIN_GROUP(group);
    start(group, receives_once, users, 2);
    kin_sender_close(&p.tx);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:END b:END");
    kin_receiver_close(&p.rx);
    return err;
}

/* B210: and whoever waits to receive learns of the end. */
TEST(b210_end_wakes_receivers)
{
    RUNS(b210_waiting, "OK");
}

/* --- B211 -------------------------------------------------------------- */

static void notes_drop(void *item)
{
    NOTE("drop:%d", *(int *)item);
}

static kin_error *b211(void *arg)
{
    (void)arg;
    kin_sender *tx;
    kin_receiver *rx;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof(int), 2, .drop = notes_drop));
    CHECK_OUTCOME(send(tx, 1), "OK");
    CHECK_OUTCOME(send(tx, 2), "OK");
    user u = {.name = "waits", .tx = tx, .item = 3};
    KIN_GROUP(group);
    start(group, sends_once, &u, 1);
    kin_receiver_close(&rx);
    CHECK_LOG("drop:1 drop:2");
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_LOG("drop:1 drop:2 waits:BROKEN");
    CHECK_OUTCOME(send(tx, 4), "BROKEN");
    CHECK_OUTCOME(send_now(tx, 4), "BROKEN");
    CHECK_OUTCOME(kin_receive(rx, &u.item), "CLOSED");
    CHECK_OUTCOME(kin_receive_now(rx, &u.item), "CLOSED");
    CHECK_EQ(kin_receiver_clone(rx), NULL);
    CHECK_EQ(u.item, 3);
    kin_sender_close(&tx);
    CHECK_LOG("drop:1 drop:2 waits:BROKEN");
    return NULL;
}

/* B211: without a receiver sends break, those that wait too, and what is in the
   buffer goes through the destructor; whose send failed keeps its item. */
TEST(b211_last_receiver_closed)
{
    RUNS(b211, "OK");
}

static kin_error *b211_after_the_senders(void *arg)
{
    (void)arg;
    kin_sender *tx;
    kin_receiver *rx;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof(int), 8, .drop = notes_drop));
    for (int i = 0; i < 4; i++)
        CHECK_OUTCOME(send(tx, i), "OK");
    kin_sender_close(&tx);
    CHECK_EQ(receive(rx), 0);
    kin_receiver_close(&rx);
    CHECK_LOG("drop:1 drop:2 drop:3");
    return NULL;
}

/* B211: also when the senders have gone before. */
TEST(b211_dropped_after_the_senders_have_gone)
{
    CHECK_OUTCOME(run_virtual(b211_after_the_senders, NULL, 0), "OK");
}

/* An item that is itself the last sender of its channel. */
static void closes_sender(void *item)
{
    NOTE("drop");
    kin_sender_close((kin_sender **)item);
}

static kin_error *b211_itself(void *arg)
{
    (void)arg;
    kin_sender *tx;
    kin_receiver *rx;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof tx, 4, .drop = closes_sender));
    for (int i = 0; i < 2; i++) {
        kin_sender *clone = kin_sender_clone(tx);
        KIN_TRY(kin_send(tx, &clone));
    }
    kin_sender *last = tx;
    KIN_TRY(kin_send(tx, &last));
    kin_receiver_close(&rx);
    CHECK_LOG("drop drop drop");
    return NULL;
}

/* B211: an item may hold handles of its own channel, the last ones too. */
TEST(b211_items_that_hold_their_channel)
{
    CHECK_OUTCOME(run_virtual(b211_itself, NULL, 0), "OK");
}

/* --- B212 -------------------------------------------------------------- */

static kin_error *b212_senders(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    kin_sender *clone = kin_sender_clone(p.tx);
    user users[] = {{.name = "a", .tx = p.tx, .item = 1},
                    {.name = "b", .tx = clone, .item = 2},
                    {.name = "c", .tx = p.tx, .item = 3}};
    KIN_GROUP(group);
    start(group, sends_once, users, 3);
    kin_sender_close(&p.tx);
    settle();
    CHECK_LOG_SORTED("a:CLOSED c:CLOSED");
    CHECK_EQ(receive(p.rx), 2);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:CLOSED b:OK c:CLOSED");
    CHECK_OUTCOME(send_now(clone, 1), "WOULD_BLOCK");
    kin_sender_close(&clone);
    kin_receiver_close(&p.rx);
    return err;
}

/* B212: closing a handle ends the waits on that handle, and on no other. */
TEST(b212_senders_of_a_closed_handle)
{
    RUNS(b212_senders, "OK");
}

static kin_error *b212_receivers(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    kin_receiver *clone = kin_receiver_clone(p.rx);
    user users[] = {{.name = "a", .rx = p.rx},
                    {.name = "b", .rx = clone},
                    {.name = "c", .rx = p.rx}};
    KIN_GROUP(group);
    start(group, receives_once, users, 3);
    kin_receiver_close(&p.rx);
    settle();
    CHECK_LOG_SORTED("a:CLOSED c:CLOSED");
    CHECK_OUTCOME(send_now(p.tx, 7), "OK");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:CLOSED b:7 c:CLOSED");
    kin_receiver_close(&clone);
    kin_sender_close(&p.tx);
    return err;
}

TEST(b212_receivers_of_a_closed_handle)
{
    RUNS(b212_receivers, "OK");
}

static kin_error *b212_gone(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    user users[] = {{.name = "a", .rx = p.rx}, {.name = "b", .rx = p.rx}};
    KIN_GROUP(group);
    start(group, receives_once, users, 2);
    kin_scope_cancel(users[0].scope, NULL);
    kin_receiver_close(&p.rx); /* before either has run */
    kin_sender_close(&p.tx);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:CANCELLED b:CLOSED");
    return err;
}

/* B212: the channel may be gone before those who waited on it run again. */
TEST(b212_channel_gone_under_its_waiters)
{
    RUNS(b212_gone, "OK");
}

/* --- B213 and C12 ------------------------------------------------------ */

static kin_error *b213(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(1);
    user receiver = {.name = "receiver", .rx = p.rx};
    user sender = {.name = "sender", .tx = p.tx, .item = 2};
    KIN_GROUP(group);
    start(group, receives_once, &receiver, 1);
    CHECK_OUTCOME(send_now(p.tx, 1), "OK");
    CHECK_EQ(receive_now(p.rx), -1); /* it is the receiver's */
    CHECK_EQ(receiver.item, 1);
    settle();
    CHECK_LOG("WOULD_BLOCK receiver:1");
    harness_log_clear();

    CHECK_OUTCOME(send_now(p.tx, 1), "OK");
    start(group, sends_once, &sender, 1);
    CHECK_EQ(receive_now(p.rx), 1);
    CHECK_OUTCOME(send_now(p.tx, 3), "WOULD_BLOCK"); /* the slot is its */
    CHECK_LOG("");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("sender:OK");
    CHECK_EQ(receive_now(p.rx), 2);
    close_both(&p);
    return err;
}

/* B213, C12: a waiting receiver owns the next item, a waiting sender the slot
   that gets free, from the moment of the other's call. */
TEST(b213_ownership_is_handed_over)
{
    RUNS(b213, "OK");
}

static kin_error *b213_order(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(1);
    user users[] = {{.name = "a", .tx = p.tx, .item = 1},
                    {.name = "b", .tx = p.tx, .item = 2},
                    {.name = "c", .tx = p.tx, .item = 3},
                    {.name = "d", .tx = p.tx, .item = 4}};
    KIN_GROUP(group);
    start(group, sends_once, users, 4);
    kin_scope_cancel(users[2].scope, NULL);
    CHECK_EQ(receive(p.rx), 1);
    CHECK_EQ(receive(p.rx), 2);
    CHECK_EQ(receive(p.rx), 4);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:OK b:OK c:CANCELLED d:OK");
    close_both(&p);
    return err;
}

/* B213: first come, first served. */
TEST(b213_order)
{
    RUNS(b213_order, "OK");
}

/* --- B214 -------------------------------------------------------------- */

static kin_error *b214(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    CHECK_OUTCOME(send_now(p.tx, 1), "WOULD_BLOCK");
    CHECK_EQ(receive_now(p.rx), -1);
    user sender = {.name = "sender", .tx = p.tx, .item = 2};
    user receiver = {.name = "receiver", .rx = p.rx};
    KIN_GROUP(group);
    start(group, sends_once, &sender, 1);
    CHECK_EQ(receive_now(p.rx), 2);
    settle();
    start(group, receives_once, &receiver, 1);
    CHECK_OUTCOME(send_now(p.tx, 3), "OK");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG("WOULD_BLOCK sender:OK receiver:3");
    close_both(&p);
    return err;
}

/* B214: without a buffer nothing happens without a partner, and everything with
   one. */
TEST(b214_rendezvous)
{
    RUNS(b214, "OK");
}

/* --- B136, B138 to B141: cancelled ------------------------------------- */

static kin_error *b136(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(2);
    CHECK_OUTCOME(send(p.tx, 1), "OK");
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    CHECK_OUTCOME(send(p.tx, 2), "CANCELLED");
    CHECK_EQ(receive(p.rx), -1);
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_EQ(receive(p.rx), 1);
    CHECK_EQ(receive_now(p.rx), -1);
    CHECK_LOG("CANCELLED WOULD_BLOCK");
    close_both(&p);
    return NULL;
}

/* B136: when cancelled already nothing is sent, and nothing taken, though it
   could be at once. */
TEST(b136_cancelled_before_it_sends_or_receives)
{
    RUNS(b136, "OK");
}

static kin_error *b140(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    user users[] = {{.name = "first", .rx = p.rx},
                    {.name = "second", .rx = p.rx}};
    KIN_GROUP(group);
    start(group, receives_once, users, 2);
    CHECK_OUTCOME(send_now(p.tx, 1), "OK");
    kin_scope_cancel(users[0].scope, NULL); /* has it already */
    kin_scope_cancel(users[1].scope, NULL); /* has not */
    CHECK_OUTCOME(send_now(p.tx, 2), "WOULD_BLOCK");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("first:1 second:CANCELLED");
    close_both(&p);
    return err;
}

/* B138 to B140: a receiver that was handed an item has it, whatever comes then;
   one that was cancelled first gets none. */
TEST(b140_handed_an_item_then_cancelled)
{
    RUNS(b140, "OK");
}

static kin_error *b141(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    user users[] = {{.name = "first", .tx = p.tx, .item = 1},
                    {.name = "second", .tx = p.tx, .item = 2}};
    KIN_GROUP(group);
    start(group, sends_once, users, 2);
    kin_scope_cancel(users[0].scope, NULL);
    CHECK_EQ(receive_now(p.rx), 2);
    CHECK_EQ(receive_now(p.rx), -1);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("WOULD_BLOCK first:CANCELLED second:OK");
    close_both(&p);
    return err;
}

/* B139, B141: the item of a cancelled sender is not delivered; the next sender's
   is. */
TEST(b141_cancelled_sender_keeps_its_item)
{
    RUNS(b141, "OK");
}

/* --- B215 and B216 ----------------------------------------------------- */

static kin_error *produces_three(void *arg)
{
    kin_sender *tx = arg;
    kin_error *err = NULL;
    for (int i = 0; i < 3 && !err; i++)
        err = send(tx, i);
    kin_sender_close(&tx);
    return err;
}

static kin_error *b215(void *arg)
{
    pipe_of_ints p = of_capacity(*(size_t *)arg);
    int items = 0, sum = 0;
    kin_error *err = NULL;
    KIN_GROUP(group);
    for (int i = 0; i < 10; i++)
        kin_spawn(group, produces_three, kin_sender_clone(p.tx));
    kin_sender_close(&p.tx);
    for (int item; !(err = kin_receive(p.rx, &item)); items++)
        sum += item;
    CHECK(kin_error_catch(&err, &KIN_END));
    CHECK_EQ(items, 30);
    CHECK_EQ(sum, 30);
    kin_receiver_close(&p.rx);
    return kin_group_close(group, err);
}

/* B215: ten producers, each of which closes its clone: the consumer's loop ends
   by itself, with thirty items. */
TEST(b215_many_producers)
{
    size_t capacities[] = {0, 1, 5, KIN_UNBOUNDED};
    for (int i = 0; i < 4; i++)
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(b215, &capacities[i], seed), "OK");
        }
}

typedef struct consumer {
    kin_receiver *rx;
    int items;
} consumer;

static kin_error *consumes(void *arg)
{
    consumer *c = arg;
    kin_error *err;
    for (int item; !(err = kin_receive(c->rx, &item)); c->items++)
        KIN_TRY(kin_checkpoint());
    kin_error_catch(&err, &KIN_END);
    kin_receiver_close(&c->rx);
    return err;
}

static kin_error *b216(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    consumer consumers[5];
    int items = 0;
    KIN_GROUP(group);
    for (int i = 0; i < 5; i++) {
        consumers[i] = (consumer){kin_receiver_clone(p.rx), 0};
        kin_spawn(group, consumes, &consumers[i]);
    }
    kin_receiver_close(&p.rx);
    settle();
    for (int i = 0; i < 10; i++)
        KIN_TRY(send(p.tx, i));
    kin_sender_close(&p.tx);
    kin_error *err = kin_group_close(group, NULL);
    for (int i = 0; i < 5; i++) {
        CHECK(consumers[i].items > 0);
        items += consumers[i].items;
    }
    CHECK_EQ(items, 10);
    return err;
}

/* B216: of five consumers and ten items, each gets some. */
TEST(b216_many_consumers)
{
    RUNS(b216, "OK");
}

/* --- B217 and B218 ----------------------------------------------------- */

static const char *statistics(kin_receiver *rx)
{
    static char text[160];
    kin_channel_statistics s;
    kin_receiver_statistics(rx, &s);
    snprintf(text, sizeof text, "%zu/%zu peak %zu, %zu+%zu, %zu:%zu", s.used,
             s.capacity, s.peak, s.senders, s.receivers, s.waiting_senders,
             s.waiting_receivers);
    return text;
}

static kin_error *b217(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(2);
    CHECK_STR(statistics(p.rx), "0/2 peak 0, 1+1, 0:0");
    kin_sender *clone = kin_sender_clone(p.tx);
    user senders[] = {{.name = "a", .tx = p.tx, .item = 1},
                      {.name = "b", .tx = p.tx, .item = 2},
                      {.name = "c", .tx = p.tx, .item = 3},
                      {.name = "d", .tx = clone, .item = 4}};
    KIN_GROUP(group);
    start(group, sends_once, senders, 4);
    CHECK_STR(statistics(p.rx), "2/2 peak 2, 2+1, 2:0");
    kin_scope_cancel(senders[2].scope, NULL);
    CHECK_STR(statistics(p.rx), "2/2 peak 2, 2+1, 1:0");
    kin_sender_close(&clone);
    CHECK_STR(statistics(p.rx), "2/2 peak 2, 1+1, 0:0");
    CHECK_EQ(receive(p.rx), 1);
    CHECK_EQ(receive(p.rx), 2);
    CHECK_STR(statistics(p.rx), "0/2 peak 2, 1+1, 0:0");
    user receivers[] = {{.name = "e", .rx = p.rx}, {.name = "f", .rx = p.rx}};
    start(group, receives_once, receivers, 2);
    CHECK_STR(statistics(p.rx), "0/2 peak 2, 1+1, 0:2");
    kin_scope_cancel(receivers[0].scope, NULL);
    CHECK_STR(statistics(p.rx), "0/2 peak 2, 1+1, 0:1");
    close_both(&p);
    CHECK_STR(statistics(p.rx), "0/0 peak 0, 0+0, 0:0");
    return kin_group_close(group, NULL);
}

/* B217: what is in it, the most there was, the open handles, who waits; who was
   cancelled is not counted, and draining keeps the peak. */
TEST(b217_statistics)
{
    RUNS(b217, "OK");
}

static kin_error *describes(void *arg)
{
    (void)arg;
    kin_sender *tx;
    kin_receiver *rx;
    char text[200];
    KIN_TRY(kin_channel_open(&tx, &rx, 4, 3, .name = "jobs"));
    CHECK_OUTCOME(send(tx, 1), "OK");
    kin_sender_describe(tx, text, sizeof text);
    CHECK_STR(text, "channel \"jobs\": 1 of 3 items, 1 senders, 1 receivers, 0 "
                    "wait to send, 0 to receive");
    kin_sender_close(&tx);
    kin_sender_describe(tx, text, sizeof text);
    CHECK_STR(text, "a sender that is closed");
    CHECK_EQ(receive(rx), 1);
    int item;
    kin_error *err = kin_receive(rx, &item);
    CHECK_STR(kin_error_message(err), "channel \"jobs\" has no sender left");
    kin_error_free(err);
    kin_receiver_close(&rx);
    return NULL;
}

TEST(b217_says_its_state)
{
    CHECK_OUTCOME(run_virtual(describes, NULL, 0), "OK");
}

static kin_error *b218(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(1);
    int item = 0;
    CHECK_OUTCOME(
        KIN_WITHIN(kin_receive(p.rx, &item), .move_on_after = KIN_SECONDS(1)),
        "OK");
    CHECK_EQ(item, 0);
    CHECK_OUTCOME(send(p.tx, 5), "OK");
    CHECK_EQ(receive(p.rx), 5);
    close_both(&p);
    return NULL;
}

/* B218: a receive that timed out leaves nothing behind. */
TEST(b218_timed_out)
{
    RUNS(b218, "OK");
}

/* --- closing with an error --------------------------------------------- */

static kin_error *closes_with(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(2);
    kin_sender *clone = kin_sender_clone(p.tx);
    CHECK_OUTCOME(send(p.tx, 1), "OK");
    CHECK_OUTCOME(kin_sender_close_with(&p.tx, fail_v("1")), "OK");
    CHECK_OUTCOME(send(clone, 2), "OK");
    CHECK_OUTCOME(kin_sender_close_with(&clone, NULL), "OK");
    CHECK_EQ(receive(p.rx), 1);
    CHECK_EQ(receive(p.rx), 2);
    int item;
    for (int i = 0; i < 2; i++) {
        kin_error *err =
            i ? kin_receive(p.rx, &item) : kin_receive_now(p.rx, &item);
        CHECK_SHAPE(kin_error_cause(err), "V1");
        CHECK_OUTCOME(err, "BROKEN");
    }
    kin_receiver_close(&p.rx);
    return NULL;
}

/* E18: a sender may close with an error: what was sent is received, and then not
   the end but the error, each time. */
TEST(e18_sender_closes_with_an_error)
{
    RUNS(closes_with, "OK");
}

static kin_error *receiver_closes_with(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(0);
    user users[] = {{.name = "a", .tx = p.tx}, {.name = "b", .tx = p.tx}};
    KIN_GROUP(group);
    start(group, sends_once, users, 2);
    CHECK_OUTCOME(kin_receiver_close_with(&p.rx, fail_v("1")), "OK");
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:BROKEN b:BROKEN");
    kin_error *broken = send(p.tx, 1);
    CHECK_SHAPE(kin_error_cause(broken), "V1");
    kin_error_free(broken);
    /* nobody is left to see this one */
    CHECK_OUTCOME(kin_sender_close_with(&p.tx, fail_t("2")), "T2");
    CHECK_OUTCOME(kin_sender_close_with(&p.tx, fail_t("3")), "T3");
    return err;
}

TEST(e18_receiver_closes_with_an_error)
{
    RUNS(receiver_closes_with, "OK");
}

static kin_error *closes_unseen(void *arg)
{
    (void)arg;
    kin_sender *tx;
    kin_receiver *rx;
    KIN_TRY(kin_channel_open(&tx, &rx, 4, 1, .name = "jobs"));
    CHECK_OUTCOME(kin_sender_close_with(&tx, fail_v("1")), "OK");
    kin_receiver_close(&rx);
    return NULL;
}

/* E18: what nobody came to see is not lost. */
TEST(e18_error_that_nobody_came_to_see)
{
    EACH_SEED(seed)
    {
        CHECK_OUTCOME(run_virtual(closes_unseen, NULL, seed), "OK");
        CHECK_UNHANDLED("channel \"jobs\":V1");
    }
}

/* --- misuse and faults ------------------------------------------------- */

static kin_error *misuses(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(1);
    CHECK_OUTCOME(kin_send(p.tx, NULL), "MISUSE");
    CHECK_OUTCOME(kin_send_now(p.tx, NULL), "MISUSE");
    CHECK_OUTCOME(kin_receive(p.rx, NULL), "MISUSE");
    CHECK_OUTCOME(kin_receive_now(p.rx, NULL), "MISUSE");
    CHECK_OUTCOME(send_now(p.tx, 1), "OK");
    close_both(&p);
    return NULL;
}

TEST(misuse_no_item)
{
    CHECK_OUTCOME(run_virtual(misuses, NULL, 0), "OK");
}

static kin_error *opens(void *arg)
{
    *(pipe_of_ints *)arg = of_capacity(1);
    return NULL;
}

static kin_error *uses_anothers(void *arg)
{
    pipe_of_ints *p = arg;
    int item;
    CHECK_OUTCOME(send(p->tx, 1), "MISUSE");
    CHECK_OUTCOME(send_now(p->tx, 1), "MISUSE");
    CHECK_OUTCOME(kin_receive(p->rx, &item), "MISUSE");
    CHECK_OUTCOME(kin_receive_now(p->rx, &item), "MISUSE");
    CHECK_EQ(kin_sender_clone(p->tx), NULL);
    return NULL;
}

/* A channel belongs to its run; what is left of it can be closed anywhere. */
TEST(misuse_of_another_runs_channel)
{
    pipe_of_ints p;
    CHECK_OUTCOME(run_virtual(opens, &p, 0), "OK");
    CHECK_OUTCOME(run_virtual(uses_anothers, &p, 0), "OK");
    close_both(&p);
}

static long allocations;
static bool fails_after(void *context)
{
    (void)context;
    return allocations-- == 0;
}

static kin_error *without_memory(void *arg)
{
    (void)arg;
    kin_sender *tx = NULL;
    kin_receiver *rx = NULL;
    for (long after = 0;; after++) {
        allocations = after;
        harness_heap.fail = fails_after;
        kin_error *err = kin_channel_open(&tx, &rx, sizeof(int), 3);
        harness_heap.fail = NULL;
        if (!err)
            break;
        CHECK_OUTCOME(err, "NO_MEMORY");
        CHECK_EQ(tx, NULL);
        CHECK_EQ(rx, NULL);
        CHECK(after < 10);
    }
    kin_sender_close(&tx);
    kin_receiver_close(&rx);

    KIN_TRY(kin_channel_open(&tx, &rx, sizeof(int), KIN_UNBOUNDED));
    int sent = 0;
    for (; sent < 100; sent++) {
        allocations = 0;
        harness_heap.fail = fails_after;
        kin_error *err = send_now(tx, sent);
        harness_heap.fail = NULL;
        if (err) {
            CHECK_OUTCOME(err, "NO_MEMORY");
            CHECK_OUTCOME(send(tx, sent), "OK");
        }
    }
    for (int i = 0; i < sent; i++)
        CHECK_EQ(receive_now(rx), i);
    kin_sender_close(&tx);
    kin_receiver_close(&rx);
    return NULL;
}

/* Opening fails whole; an unbounded send that finds no memory has no effect. */
TEST(no_memory)
{
    CHECK_OUTCOME(run_virtual(without_memory, NULL, 0), "OK");
}

static kin_error *clones_without_memory(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(1);
    allocations = 0;
    harness_heap.fail = fails_after;
    kin_sender *clone = kin_sender_clone(p.tx);
    harness_heap.fail = NULL;
    CHECK_EQ(clone, NULL);
    close_both(&p);
    return NULL;
}

TEST(no_memory_for_a_clone)
{
    kin_error *err = run_virtual(clones_without_memory, NULL, 0);
    CHECK_EQ(leaf_count(err), 1);
    CHECK(leaf_of(err, &KIN_NO_MEMORY) != NULL);
    kin_error_free(err);
}

/* --- from a callback --------------------------------------------------- */

static kin_sender *from_callback;
static bool sends_in_abort(void *context)
{
    int item = 9;
    CHECK_OUTCOME(kin_send_now(from_callback, &item), "OK");
    return *(bool *)context;
}

static kin_error *parks(void *arg)
{
    return kin_park(sends_in_abort, arg, "the test");
}

static kin_error *callbacks(void *arg)
{
    (void)arg;
    pipe_of_ints p = of_capacity(1);
    bool yes = true;
    from_callback = p.tx;
    KIN_GROUP(group);
    kin_task *task = kin_spawn(group, parks, &yes);
    settle();
    kin_task_cancel(task, NULL);
    CHECK_EQ(receive(p.rx), 9);
    close_both(&p);
    return kin_group_close(group, NULL);
}

/* kin_send_now may be called where nothing may wait. */
TEST(send_now_from_a_callback)
{
    RUNS(callbacks, "OK");
}
