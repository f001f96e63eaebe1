/* sync_model.c: channels under random senders, receivers, selects, cancels and
   closes, over many seeds, against the one thing that must always hold: every
   item that was sent is received once, or dropped through .drop once, or its send
   failed, and then neither. */
#include "harness.h"

enum { TASKS = 8, STEPS = 40, ITEMS = TASKS * STEPS, SEEDS = 150 };

typedef enum { UNSENT, SENT, FAILED, RECEIVED, DROPPED } fate;

typedef struct model {
    uint64_t random;
    fate items[ITEMS];
    int next;
    kin_scope *scopes[TASKS]; /* of the operation that a task is in */
    kin_sender *tx[TASKS];
    kin_receiver *rx[TASKS];
    kin_event never;
    int sent, received, dropped, failed, cancelled;
} model;

static model *here; /* for the destructor */

static uint64_t draw(model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random % below;
}

static void turns(model *m, uint64_t item, fate from, fate to)
{
    CHECK(item < ITEMS);
    if (item >= ITEMS)
        return;
    /* the other side may come first: the sender learns of it when it runs */
    CHECK(m->items[item] == from || (from == SENT && m->items[item] == UNSENT));
    m->items[item] = to;
}

static void drops(void *item)
{
    here->dropped++;
    turns(here, *(uint64_t *)item, SENT, DROPPED);
}

static void was_sent(model *m, uint64_t item, kin_error *err)
{
    m->cancelled += kin_error_is(err, &KIN_CANCELLED);
    if (err) {
        m->failed++;
        turns(m, item, UNSENT, FAILED);
    } else {
        m->sent++;
        CHECK(m->items[item] != FAILED);
        if (m->items[item] == UNSENT)
            m->items[item] = SENT;
    }
    kin_error_free(err);
}

static void was_received(model *m, uint64_t item, kin_error *err)
{
    m->cancelled += kin_error_is(err, &KIN_CANCELLED);
    if (!err) {
        m->received++;
        turns(m, item, SENT, RECEIVED);
    } else {
        CHECK_EQ(item, ITEMS + 1); /* untouched */
    }
    kin_error_free(err);
}

static void selects(model *m, int self)
{
    uint64_t out = (uint64_t)m->next++, in = ITEMS + 1;
    size_t fired;
    kin_select_case cases[] = {
        KIN_ON_RECEIVE(m->rx[self], &in), KIN_ON_SEND(m->tx[self], &out),
        KIN_ON_EVENT(&m->never), KIN_ON_TIME(kin_now() + (kin_time)draw(m, 4))};
    kin_error *err = kin_select(cases, 4, &fired);
    if (fired == 0)
        was_received(m, in, err);
    else if (fired == 1)
        was_sent(m, out, err);
    else
        m->cancelled += kin_error_catch(&err, &KIN_CANCELLED);
    if (fired != 1)
        m->items[out] = FAILED;
    if (fired != 0)
        CHECK_EQ(in, ITEMS + 1);
}

static void cancels_somebody(model *m)
{
    kin_scope *scope = m->scopes[draw(m, TASKS)];
    if (scope)
        kin_scope_cancel(scope, NULL);
}

static void closes_something(model *m)
{
    size_t whose = draw(m, TASKS);
    if (draw(m, 2))
        kin_sender_close(&m->tx[whose]);
    else
        kin_receiver_close(&m->rx[whose]);
}

static void clones_something(model *m)
{
    size_t from = draw(m, TASKS), to = draw(m, TASKS);
    if (!m->tx[to])
        m->tx[to] = kin_sender_clone(m->tx[from]);
    if (!m->rx[to])
        m->rx[to] = kin_receiver_clone(m->rx[from]);
}

static void steps(model *m, int self)
{
    uint64_t item = ITEMS + 1;
    switch (draw(m, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        item = (uint64_t)m->next++;
        was_sent(m, item, kin_send(m->tx[self], &item));
        break;
    case 4:
        item = (uint64_t)m->next++;
        was_sent(m, item, kin_send_now(m->tx[self], &item));
        break;
    case 5:
    case 6:
    case 7:
    case 8: {
        kin_error *err = kin_receive(m->rx[self], &item);
        was_received(m, item, err);
        break;
    }
    case 9: {
        kin_error *err = kin_receive_now(m->rx[self], &item);
        was_received(m, item, err);
        break;
    }
    case 10:
    case 11: selects(m, self); break;
    case 12: cancels_somebody(m); break;
    case 13:
        if (draw(m, 3) == 0)
            closes_something(m);
        break;
    case 14: clones_something(m); break;
    default: kin_error_free(kin_checkpoint());
    }
}

typedef struct actor {
    model *m;
    int self;
} actor;

static kin_error *acts(void *arg)
{
    actor *a = arg;
    for (int i = 0; i < STEPS; i++) {
        KIN_SCOPE(scope, .move_on_after = 20);
        a->m->scopes[a->self] = scope;
        steps(a->m, a->self);
        a->m->scopes[a->self] = NULL;
        KIN_TRY(kin_scope_close(scope, NULL));
    }
    return NULL;
}

static kin_error *plays(void *arg)
{
    model *m = arg;
    actor actors[TASKS];
    size_t capacities[] = {0, 1, 3, KIN_UNBOUNDED};
    KIN_TRY(kin_channel_open(&m->tx[0], &m->rx[0], sizeof(uint64_t),
                             capacities[draw(m, 4)], .drop = drops));
    for (int i = 1; i < TASKS; i++) {
        m->tx[i] = kin_sender_clone(m->tx[0]);
        m->rx[i] = kin_receiver_clone(m->rx[0]);
    }
    KIN_GROUP(group);
    for (int i = 0; i < TASKS; i++) {
        actors[i] = (actor){m, i};
        kin_spawn(group, acts, &actors[i]);
    }
    kin_error *err = kin_group_close(group, NULL);
    for (int i = 0; i < TASKS; i++) {
        kin_sender_close(&m->tx[i]);
        kin_receiver_close(&m->rx[i]);
    }
    return err;
}

/* C4, C12: whatever happens in whatever order, no item is lost or doubled. */
TEST(c12_every_item_has_one_fate)
{
    int received = 0, dropped = 0, failed = 0, cancelled = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        model m = {.random = seed * 0x9e3779b97f4a7c15 + 1};
        here = &m;
        CHECK_OUTCOME(run_virtual(plays, &m, seed), "OK");
        for (int i = 0; i < m.next; i++)
            CHECK(m.items[i] == RECEIVED || m.items[i] == DROPPED ||
                  m.items[i] == FAILED);
        CHECK_EQ(m.sent, m.received + m.dropped);
        received += m.received;
        dropped += m.dropped;
        failed += m.failed;
        cancelled += m.cancelled;
    }
    /* and all of it did happen */
    CHECK(received > 20 * SEEDS);
    CHECK(dropped > SEEDS / 4);
    CHECK(failed > SEEDS);
    CHECK(cancelled > SEEDS);
}
