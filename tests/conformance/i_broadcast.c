/* i_broadcast.c: channels of which every listener sees every item. */
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

static kin_error *send_now(kin_broadcast *b, int item)
{
    return kin_broadcast_send_now(b, &item);
}

static int receive_now(kin_listener *l)
{
    int item = -1;
    kin_error *err = kin_listener_receive_now(l, &item);
    if (err)
        NOTE("%s", shape(err));
    kin_error_free(err);
    return item;
}

typedef struct user {
    const char *name;
    kin_broadcast *b;
    kin_listener *l;
    int item;
    kin_scope *scope;
} user;

static kin_error *sends_once(void *arg)
{
    user *u = arg;
    KIN_SCOPE(scope);
    u->scope = scope;
    kin_error *err = kin_broadcast_send(u->b, &u->item);
    NOTE("%s:%s", u->name, shape(err));
    kin_error_free(err);
    return kin_scope_close(scope, NULL);
}

static kin_error *receives_once(void *arg)
{
    user *u = arg;
    KIN_SCOPE(scope);
    u->scope = scope;
    kin_error *err = kin_listener_receive(u->l, &u->item);
    if (err)
        NOTE("%s:%s", u->name, shape(err));
    else
        NOTE("%s:%d", u->name, u->item);
    kin_error_free(err);
    return kin_scope_close(scope, NULL);
}

static void start(kin_group *group, kin_fn *fn, user *users, int count)
{
    for (int i = 0; i < count; i++) {
        kin_spawn(group, fn, &users[i], .name = users[i].name);
        settle();
    }
}

static kin_error *everybody(void *arg)
{
    (void)arg;
    kin_broadcast *b;
    kin_listener *early, *late;
    char text[200];
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 4, .name = "ticks"));
    CHECK_OUTCOME(send_now(b, 0), "OK"); /* nobody listens */
    KIN_TRY(kin_broadcast_listen(b, &early));
    CHECK_OUTCOME(send_now(b, 1), "OK");
    KIN_TRY(kin_broadcast_listen(b, &late));
    CHECK_OUTCOME(send_now(b, 2), "OK");
    kin_broadcast_describe(b, text, sizeof text);
    CHECK_STR(text, "broadcast \"ticks\": 2 of 4 items, 2 listeners, 0 wait to "
                    "send, 0 to receive");
    CHECK_EQ(receive_now(early), 1);
    CHECK_EQ(receive_now(early), 2);
    CHECK_EQ(receive_now(early), -1);
    kin_broadcast_close(&b);
    CHECK_OUTCOME(send_now(b, 3), "CLOSED");
    CHECK_EQ(receive_now(early), -1);
    CHECK_EQ(receive_now(late), 2);
    CHECK_EQ(receive_now(late), -1);
    CHECK_LOG("WOULD_BLOCK END END");
    kin_listener_close(&early);
    kin_listener_close(&late);
    CHECK_EQ(receive_now(late), -1);
    CHECK_LOG("WOULD_BLOCK END END CLOSED");
    return NULL;
}

/* Each sees what is sent while it listens, then the end. */
TEST(e18_everybody_sees_everything)
{
    RUNS(everybody, "OK");
}

static kin_error *waits(void *arg)
{
    (void)arg;
    kin_broadcast *b;
    kin_listener *l[3];
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 1));
    for (int i = 0; i < 3; i++)
        KIN_TRY(kin_broadcast_listen(b, &l[i]));
    user users[] = {{.name = "a", .l = l[0]},
                    {.name = "b", .l = l[1]},
                    {.name = "c", .l = l[2]},
                    {.name = "d", .l = l[0]}};
    KIN_GROUP(group);
    start(group, receives_once, users, 4);
    CHECK_LOG("d:BUSY");
    kin_scope_cancel(users[1].scope, NULL);
    CHECK_OUTCOME(send_now(b, 5), "OK");
    kin_scope_cancel(users[0].scope, NULL); /* has it already */
    settle();
    CHECK_LOG_SORTED("a:5 b:CANCELLED c:5 d:BUSY");
    CHECK_EQ(receive_now(l[0]), -1);
    CHECK_EQ(receive_now(l[1]), 5); /* it was not lost with the wait */
    harness_log_clear();
    start(group, receives_once, users, 3);
    kin_listener_close(&l[0]);
    kin_broadcast_close(&b);
    kin_listener_close(&l[1]);
    kin_listener_close(&l[2]);
    kin_error *err = kin_group_close(group, NULL);
    CHECK_LOG_SORTED("a:CLOSED b:END c:END");
    return err;
}

/* B226: two tasks on one listener: the second gets BUSY. B138 to B140: who was
   handed an item has it, who was cancelled can have it later. */
TEST(b226_waiting_listeners)
{
    RUNS(waits, "OK");
}

static kin_error *holds_back(void *arg)
{
    (void)arg;
    kin_broadcast *b;
    kin_listener *fast, *slow;
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 2));
    KIN_TRY(kin_broadcast_listen(b, &fast));
    KIN_TRY(kin_broadcast_listen(b, &slow));
    CHECK_OUTCOME(send_now(b, 1), "OK");
    CHECK_OUTCOME(send_now(b, 2), "OK");
    CHECK_EQ(receive_now(fast), 1);
    CHECK_EQ(receive_now(fast), 2);
    CHECK_OUTCOME(send_now(b, 3), "WOULD_BLOCK");
    user users[] = {{.name = "x", .b = b, .item = 8},
                    {.name = "a", .b = b, .item = 3},
                    {.name = "b", .b = b, .item = 4},
                    {.name = "c", .b = b, .item = 5}};
    KIN_GROUP(group);
    start(group, sends_once, users, 4);
    kin_scope_cancel(users[0].scope, NULL);
    CHECK_EQ(receive_now(slow), 1);
    CHECK_EQ(receive_now(fast), 3); /* the place was a's at once */
    settle();
    CHECK_LOG_SORTED("a:OK x:CANCELLED");
    kin_listener_close(&slow); /* nobody is slow any more */
    CHECK_EQ(receive_now(fast), 4);
    CHECK_EQ(receive_now(fast), 5);
    CHECK_EQ(kin_listener_lost(fast), 0);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    kin_listener_close(&fast);
    kin_broadcast_close(&b);
    return NULL;
}

/* A slow listener holds the senders back, first come, first served. */
TEST(e18_slow_listener_holds_back)
{
    RUNS(holds_back, "OK");
}

static kin_error *loses(void *arg)
{
    (void)arg;
    kin_broadcast *b;
    kin_listener *fast, *slow;
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 3, .lossy = true));
    KIN_TRY(kin_broadcast_listen(b, &fast));
    KIN_TRY(kin_broadcast_listen(b, &slow));
    for (int i = 1; i <= 10; i++) {
        CHECK_OUTCOME(kin_broadcast_send(b, &i), "OK");
        CHECK_EQ(receive_now(fast), i);
    }
    CHECK_EQ(kin_listener_lost(fast), 0);
    CHECK_EQ(kin_listener_lost(slow), 7);
    CHECK_EQ(kin_listener_lost(slow), 0);
    CHECK_EQ(receive_now(slow), 8);
    CHECK_OUTCOME(send_now(b, 11), "OK");
    CHECK_OUTCOME(send_now(b, 12), "OK");
    CHECK_EQ(receive_now(slow), 10);
    CHECK_EQ(kin_listener_lost(slow), 1);
    CHECK_EQ(receive_now(slow), 11);
    CHECK_EQ(receive_now(slow), 12);
    CHECK_EQ(receive_now(slow), -1);
    CHECK_EQ(receive_now(fast), 11);
    kin_listener_close(&slow);
    kin_broadcast_close(&b);
    CHECK_EQ(receive_now(fast), 12);
    kin_listener_close(&fast);
    return NULL;
}

/* Or loses the oldest, and learns how many. */
TEST(e18_slow_listener_loses_the_oldest)
{
    RUNS(loses, "OK");
}

static kin_error *closes(void *arg)
{
    (void)arg;
    kin_broadcast *b;
    kin_listener *l;
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 1));
    KIN_TRY(kin_broadcast_listen(b, &l));
    CHECK_OUTCOME(send_now(b, 1), "OK");
    user users[] = {{.name = "a", .b = b, .item = 2}};
    KIN_GROUP(group);
    start(group, sends_once, users, 1);
    kin_broadcast_close(&b);
    CHECK_OUTCOME(kin_group_close(group, NULL), "OK");
    CHECK_LOG("a:CLOSED");
    CHECK_EQ(receive_now(l), 1);
    CHECK_EQ(receive_now(l), -1);
    kin_listener_close(&l);
    kin_listener_close(&l);
    return NULL;
}

TEST(e18_closed_under_its_senders)
{
    RUNS(closes, "OK");
}

static kin_error *closes_later(void *arg)
{
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_listener_close((kin_listener **)arg);
    return NULL;
}

static kin_error *takes_over(void *arg)
{
    (void)arg;
    kin_broadcast *b;
    kin_listener *l;
    int item;
    KIN_TRY(kin_broadcast_open(&b, sizeof(int), 1));
    KIN_TRY(kin_broadcast_listen(b, &l));
    user u = {.name = "a", .l = l};
    KIN_GROUP(group);
    start(group, receives_once, &u, 1);
    kin_spawn(group, closes_later, &l);
    kin_scope_cancel(u.scope, NULL); /* and before it has run: */
    CHECK_OUTCOME(kin_listener_receive(l, &item), "CLOSED");
    CHECK_LOG("a:CANCELLED");
    kin_broadcast_close(&b);
    return kin_group_close(group, NULL);
}

/* A listener is free for the next at the moment of the cancellation. */
TEST(b226_after_a_cancelled_wait)
{
    RUNS(takes_over, "OK");
}

static bool refuses(void *context)
{
    return --*(int *)context < 0;
}

static kin_error *misuses(void *arg)
{
    (void)arg;
    kin_broadcast *b = NULL;
    kin_listener *l = NULL;
    CHECK_OUTCOME(kin_broadcast_open(&b, 4, 0), "MISUSE");
    CHECK_OUTCOME(kin_broadcast_open(&b, SIZE_MAX, 3), "MISUSE");
    CHECK_OUTCOME(kin_broadcast_open(&b, 4, SIZE_MAX / 4), "MISUSE");
    for (int allowed = 0; allowed < 3; allowed++) {
        int left = allowed;
        harness_heap.fail = refuses;
        harness_heap.context = &left;
        kin_error *err = kin_broadcast_open(&b, 4, 2);
        harness_heap.fail = NULL;
        CHECK_OUTCOME(err, "NO_MEMORY");
        CHECK_EQ(b, NULL);
    }
    CHECK_OUTCOME(kin_broadcast_listen(b, &l), "CLOSED");
    KIN_TRY(kin_broadcast_open(&b, 4, 2));
    int none = 0;
    harness_heap.fail = refuses;
    harness_heap.context = &none;
    kin_error *err = kin_broadcast_listen(b, &l);
    harness_heap.fail = NULL;
    CHECK_OUTCOME(err, "NO_MEMORY");
    KIN_TRY(kin_broadcast_listen(b, &l));
    CHECK_OUTCOME(kin_broadcast_send(b, NULL), "MISUSE");
    CHECK_OUTCOME(kin_listener_receive(l, NULL), "MISUSE");
    kin_broadcast_close(&b);
    kin_listener_close(&l);
    return NULL;
}

TEST(misuse_and_no_memory)
{
    CHECK_OUTCOME(run_virtual(misuses, NULL, 0), "OK");
}
