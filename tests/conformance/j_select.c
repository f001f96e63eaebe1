/* j_select.c: kin_select: exactly one case takes effect, none when cancelled,
   and none is always the first. */
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

enum { IN, OUT, EVENT, TIME, TASK, CASES };

/* Two channels without a buffer, an event, a point of time and a task. */
typedef struct stage {
    kin_sender *tx, *far_tx; /* far: the other end of the case's channel */
    kin_receiver *rx, *far_rx;
    kin_event event;
    kin_time when;
    kin_task *task;
    kin_event task_may_end;
    int in, out;
    kin_scope *scope;
    size_t fired;
    bool done;
} stage;

static kin_error *selects(stage *s)
{
    kin_select_case cases[CASES];
    cases[IN] = KIN_ON_RECEIVE(s->rx, &s->in);
    cases[OUT] = KIN_ON_SEND(s->tx, &s->out);
    cases[EVENT] = KIN_ON_EVENT(&s->event);
    cases[TIME] = KIN_ON_TIME(s->when);
    cases[TASK] = KIN_ON_TASK(s->task);
    s->fired = 99;
    return kin_select(cases, CASES, &s->fired);
}

static kin_error *selects_in_scope(void *arg)
{
    stage *s = arg;
    KIN_SCOPE(scope);
    s->scope = scope;
    kin_error *err = selects(s);
    NOTE("%zu:%s", s->fired, shape(err));
    kin_error_free(err);
    s->done = true;
    return kin_scope_close(scope, NULL);
}

static kin_error *waits_for_event(void *event)
{
    return kin_event_wait((kin_event *)event);
}

static void set_up(stage *s, kin_group *group)
{
    *s = (stage){.in = -1, .out = 7, .when = KIN_NEVER};
    CHECK_OUTCOME(kin_channel_open(&s->far_tx, &s->rx, sizeof(int), 0), "OK");
    CHECK_OUTCOME(kin_channel_open(&s->tx, &s->far_rx, sizeof(int), 0), "OK");
    s->task = kin_spawn(group, waits_for_event, &s->task_may_end);
    settle();
}

static void tear_down(stage *s)
{
    kin_sender_close(&s->tx);
    kin_sender_close(&s->far_tx);
    kin_receiver_close(&s->rx);
    kin_receiver_close(&s->far_rx);
    kin_event_set(&s->task_may_end);
    kin_event_deinit(&s->event);
}

/* Makes that case come, if it is still waited for; whether it was. */
static bool make_come(stage *s, size_t which)
{
    int item = 5;
    switch (which) {
    case IN: {
        kin_error *err = kin_send_now(s->far_tx, &item);
        return !err || !kin_error_catch(&err, &KIN_WOULD_BLOCK);
    }
    case OUT: {
        kin_error *err = kin_receive_now(s->far_rx, &item);
        CHECK_EQ(item, err ? 5 : 7);
        return !err || !kin_error_catch(&err, &KIN_WOULD_BLOCK);
    }
    case EVENT: kin_event_set(&s->event); return true;
    default: kin_event_set(&s->task_may_end); return true;
    }
}

static kin_error *each_case(void *arg)
{
    size_t which = *(size_t *)arg;
    stage s;
    KIN_GROUP(group);
    set_up(&s, group);
    kin_time began = kin_now();
    if (which == TIME)
        s.when = kin_now() + KIN_SECONDS(2);
    kin_spawn(group, selects_in_scope, &s);
    settle();
    CHECK(!s.done);
    if (which == TIME)
        CHECK_OUTCOME(kin_sleep(KIN_SECONDS(3)), "OK");
    else
        CHECK(make_come(&s, which));
    settle();
    CHECK(s.done);
    CHECK_EQ(s.fired, which);
    CHECK_EQ(s.in, which == IN ? 5 : -1);
    CHECK(which != TIME || kin_now() - began >= KIN_SECONDS(3));
    /* nothing of the select is left in any list */
    kin_channel_statistics in, out;
    kin_receiver_statistics(s.rx, &in);
    kin_sender_statistics(s.tx, &out);
    CHECK_EQ(in.waiting_receivers, 0);
    CHECK_EQ(out.waiting_senders, 0);
    CHECK_EQ(kin_wait_list_count(&s.event.waiting), 0);
    tear_down(&s);
    return kin_group_close(group, NULL);
}

/* Each kind of case can end the wait; the others are left as they were. */
TEST(select_each_kind_of_case)
{
    for (size_t which = 0; which < CASES; which++)
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(each_case, &which, seed), "OK");
        }
}

typedef struct two {
    size_t first, second;
} two;

static kin_error *two_cases(void *arg)
{
    two *which = arg;
    stage s;
    KIN_GROUP(group);
    set_up(&s, group);
    kin_spawn(group, selects_in_scope, &s);
    settle();
    CHECK(make_come(&s, which->first));
    bool second = make_come(&s, which->second);
    /* the channels know at once that nobody waits there any more */
    CHECK_EQ(second, which->second == EVENT || which->second == TASK);
    settle();
    /* a task ends when it runs, which may be after the select was chosen for the
       other: what came first is only known of the rest */
    if (which->first != TASK)
        CHECK_EQ(s.fired, which->first);
    tear_down(&s);
    return kin_group_close(group, NULL);
}

/* Of two that come in the same step the first takes effect, and the second has
   none. */
TEST(select_exactly_one_case)
{
    size_t kinds[] = {IN, OUT, EVENT, TASK};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            two which = {kinds[i], kinds[j]};
            if (i != j)
                EACH_SEED(seed)
                {
                    CHECK_OUTCOME(run_virtual(two_cases, &which, seed), "OK");
                }
        }
}

static kin_error *cancelled(void *arg)
{
    size_t which = *(size_t *)arg;
    stage s;
    KIN_GROUP(group);
    set_up(&s, group);
    kin_spawn(group, selects_in_scope, &s);
    settle();
    kin_scope_cancel(s.scope, NULL);
    bool came = make_come(&s, which);
    CHECK_EQ(came, which == EVENT || which == TASK);
    settle();
    CHECK_EQ(s.fired, CASES);
    CHECK_EQ(s.in, -1);
    CHECK_LOG("5:CANCELLED");
    tear_down(&s);
    return kin_group_close(group, NULL);
}

/* Cancelled, no case takes effect, though one comes in the same step. */
TEST(b139_select_cancelled_then_a_case_comes)
{
    size_t kinds[] = {IN, OUT, EVENT, TASK};
    for (int i = 0; i < 4; i++)
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(cancelled, &kinds[i], seed), "OK");
        }
}

static kin_error *comes_then_cancelled(void *arg)
{
    size_t which = *(size_t *)arg;
    stage s;
    KIN_GROUP(group);
    set_up(&s, group);
    kin_spawn(group, selects_in_scope, &s);
    settle();
    CHECK(make_come(&s, which));
    kin_scope_cancel(s.scope, NULL);
    settle();
    CHECK_EQ(s.fired, which);
    CHECK_EQ(s.in, which == IN ? 5 : -1);
    tear_down(&s);
    return kin_group_close(group, NULL);
}

/* And the other way round that case has taken effect. */
TEST(b138_select_a_case_comes_then_cancelled)
{
    size_t kinds[] = {IN, OUT, EVENT};
    for (int i = 0; i < 3; i++)
        EACH_SEED(seed)
        {
            CHECK_OUTCOME(run_virtual(comes_then_cancelled, &kinds[i], seed),
                          "OK");
        }
}

static kin_error *cancelled_already(void *arg)
{
    (void)arg;
    stage s;
    int item = 3;
    KIN_GROUP(group);
    set_up(&s, group);
    kin_sender *tx;
    kin_receiver *rx;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof(int), 1));
    KIN_TRY(kin_send(tx, &item));
    kin_event_set(&s.event);
    KIN_SCOPE(scope);
    kin_scope_cancel(scope, NULL);
    kin_select_case cases[] = {KIN_ON_RECEIVE(rx, &s.in),
                               KIN_ON_EVENT(&s.event)};
    CHECK_OUTCOME(kin_select(cases, 2, &s.fired), "CANCELLED");
    CHECK_EQ(s.fired, 2);
    CHECK_EQ(s.in, -1);
    CHECK_OUTCOME(kin_scope_close(scope, NULL), "OK");
    CHECK_OUTCOME(kin_receive_now(rx, &s.in), "OK");
    kin_sender_close(&tx);
    kin_receiver_close(&rx);
    tear_down(&s);
    return kin_group_close(group, NULL);
}

TEST(b136_select_cancelled_already)
{
    RUNS(cancelled_already, "OK");
}

/* --- what is ready ----------------------------------------------------- */

static kin_error *fair(void *arg)
{
    int *counts = arg;
    kin_sender *tx[3];
    kin_receiver *rx[3];
    kin_event never = {0};
    enum { TURNS = 3000 };
    for (int i = 0; i < 3; i++) {
        KIN_TRY(kin_channel_open(&tx[i], &rx[i], 0, KIN_UNBOUNDED));
        for (int j = 0; j < TURNS; j++)
            KIN_TRY(kin_send_now(tx[i], NULL));
    }
    for (int turn = 0; turn < TURNS; turn++) {
        size_t fired;
        kin_select_case cases[] = {
            KIN_ON_EVENT(&never), KIN_ON_RECEIVE(rx[0], NULL),
            KIN_ON_RECEIVE(rx[1], NULL), KIN_ON_EVENT(&never),
            KIN_ON_RECEIVE(rx[2], NULL)};
        KIN_TRY(kin_select(cases, 5, &fired));
        counts[fired]++;
    }
    for (int i = 0; i < 3; i++) {
        kin_sender_close(&tx[i]);
        kin_receiver_close(&rx[i]);
    }
    return NULL;
}

/* Of several that are ready each has its share, wherever it stands; and a run
   with the same seed draws the same. */
TEST(select_is_fair)
{
    EACH_SEED(seed)
    {
        int counts[5] = {0}, again[5] = {0};
        CHECK_OUTCOME(run_virtual(fair, counts, seed), "OK");
        CHECK_OUTCOME(run_virtual(fair, again, seed), "OK");
        int ready[] = {1, 2, 4};
        for (int i = 0; i < 3; i++) {
            CHECK(counts[ready[i]] > 850);
            CHECK_EQ(counts[ready[i]], again[ready[i]]);
        }
    }
}

static kin_error *endings(void *arg)
{
    (void)arg;
    kin_sender *tx;
    kin_receiver *rx;
    kin_event never = {0};
    int item = 0;
    size_t fired;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof(int), 1));
    kin_sender *stale = tx;
    kin_sender_close(&tx);
    kin_select_case cases[] = {
        {0}, KIN_ON_EVENT(&never), KIN_ON_RECEIVE(rx, &item)};
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "END");
    CHECK_EQ(fired, 2);
    cases[2] = KIN_ON_SEND(stale, &item);
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "CLOSED");
    CHECK_EQ(fired, 2);
    cases[2] = KIN_ON_RECEIVE(NULL, &item);
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "CLOSED");
    cases[2] = KIN_ON_RECEIVE(rx, NULL);
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "MISUSE");
    cases[2] = KIN_ON_EVENT(NULL);
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "MISUSE");
    cases[2] = KIN_ON_TASK(kin_task_self());
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "MISUSE");
    cases[2] = KIN_ON_TASK(NULL);
    CHECK_OUTCOME(kin_select(cases, 3, &fired), "MISUSE");
    CHECK_EQ(fired, 2);
    cases[2] = (kin_select_case){0};
    CHECK_OUTCOME(kin_select_now(cases, 3, &fired), "WOULD_BLOCK");
    CHECK_EQ(fired, 3);
    CHECK_OUTCOME(kin_select(cases, 1, &fired), "MISUSE");
    CHECK_OUTCOME(kin_select(NULL, 0, &fired), "MISUSE");
    cases[2] = KIN_ON_TIME(kin_now());
    CHECK_OUTCOME(kin_select_now(cases, 3, &fired), "OK");
    CHECK_EQ(fired, 2);
    cases[2] = KIN_ON_TIME(kin_now() + 1);
    CHECK_OUTCOME(kin_select_now(cases, 3, &fired), "WOULD_BLOCK");
    kin_receiver_close(&rx);
    return NULL;
}

/* A case that fails ends the select, which says which one it was; an all-zero
   one never comes. */
TEST(select_cases_that_fail)
{
    RUNS(endings, "OK");
}

static kin_error *closed_under_it(void *arg)
{
    (void)arg;
    stage s;
    KIN_GROUP(group);
    set_up(&s, group);
    kin_spawn(group, selects_in_scope, &s);
    settle();
    kin_receiver_close(&s.rx);
    settle();
    CHECK_LOG("0:CLOSED");
    kin_channel_statistics out;
    kin_sender_statistics(s.tx, &out);
    CHECK_EQ(out.waiting_senders, 0);
    kin_sender_close(&s.far_tx);
    tear_down(&s);
    return kin_group_close(group, NULL);
}

/* B212: closing the handle of a case ends the select with it. */
TEST(b212_select_on_a_handle_that_is_closed)
{
    RUNS(closed_under_it, "OK");
}

static kin_error *earliest(void *arg)
{
    (void)arg;
    kin_time now = kin_now();
    size_t fired;
    kin_select_case cases[] = {
        KIN_ON_TIME(now + KIN_SECONDS(3)), KIN_ON_TIME(KIN_NEVER),
        KIN_ON_TIME(now + KIN_SECONDS(2)), KIN_ON_TIME(now + KIN_SECONDS(5))};
    CHECK_OUTCOME(kin_select(cases, 4, &fired), "OK");
    CHECK_EQ(fired, 2);
    CHECK_EQ(kin_now() - now, KIN_SECONDS(2));
    CHECK_OUTCOME(kin_select(cases, 1, &fired), "OK");
    CHECK_EQ(kin_now() - now, KIN_SECONDS(3));
    return NULL;
}

TEST(select_the_earliest_time)
{
    RUNS(earliest, "OK");
}

/* --- selects against selects ------------------------------------------- */

typedef struct peer {
    kin_sender *tx;
    kin_receiver *rx;
    int sent, received;
} peer;

/* Sends and receives on one and the same channel, whichever comes first. */
static kin_error *sends_or_receives(void *arg)
{
    peer *p = arg;
    for (int i = 0; i < 20; i++) {
        int item;
        size_t fired;
        kin_select_case cases[] = {KIN_ON_SEND(p->tx, &i),
                                   KIN_ON_RECEIVE(p->rx, &item),
                                   KIN_ON_TIME(kin_now() + KIN_SECONDS(1))};
        KIN_TRY(kin_select(cases, 3, &fired));
        p->sent += fired == 0;
        p->received += fired == 1;
    }
    return NULL;
}

static kin_error *against_each_other(void *arg)
{
    (void)arg;
    peer peers[4];
    kin_sender *tx;
    kin_receiver *rx;
    int sent = 0, received = 0;
    KIN_TRY(kin_channel_open(&tx, &rx, sizeof(int), 0));
    KIN_GROUP(group);
    for (int i = 0; i < 4; i++) {
        peers[i] = (peer){tx, rx, 0, 0};
        kin_spawn(group, sends_or_receives, &peers[i]);
    }
    kin_error *err = kin_group_close(group, NULL);
    for (int i = 0; i < 4; i++) {
        sent += peers[i].sent;
        received += peers[i].received;
    }
    CHECK_EQ(sent, received);
    CHECK(sent >= 30);
    kin_sender_close(&tx);
    kin_receiver_close(&rx);
    return err;
}

/* Both sides of a hand-over may be selects; none ever meets itself. */
TEST(select_against_select)
{
    RUNS(against_each_other, "OK");
}
