/* sync/broadcast.c: channels of which every listener sees every item.

   Items are numbered. The ring has the last `used` of them; `left` says for each
   how many listeners have yet to see it, and never falls from one to the next,
   since each sees them in order: so the ring is emptied at its front. A listener
   is the number of its next item; one that points before the ring has lost what
   is between (lossy alone). Who waits for an item has seen all, and is handed
   the next one at once by the send; who waits to send, when the front goes.

   The senders are only counted: a clone is the same pointer, and the block is
   there for each until it closes its own. It is freed with the last sender and
   listener. */
#include "core/runtime.h"

#include "base/alloc.h"

#include <kin/broadcast.h>

#include <string.h>

struct kin_broadcast {
    kin__runtime *run;
    uint64_t key; /* its run's */
    bool lossy;
    size_t open; /* senders that are; 0: it is closed */
    size_t item_size, capacity;
    uint64_t sent; /* the next item's number */
    size_t used, first;
    size_t *left; /* of each slot */
    unsigned char *buffer;
    kin_wait_list senders, receivers; /* who waits */
    kin_listener *listeners;
    size_t listening;
    const char *name;
    const kin_site *site;
};

struct kin_listener {
    kin_broadcast *broadcast;
    kin_listener *next, **back;
    uint64_t at;   /* the number of its next item */
    uint64_t lost; /* and not asked about yet */
    struct listening *waits;
};

/* The one task that waits on a listener; data: where the item goes. They know
   each other until the wait has ended, or, if it was cancelled, until that task
   runs again. */
typedef struct listening {
    kin_waiter waiter;
    kin_listener *listener;
} listening;

static void part(kin_listener *listener)
{
    if (listener->waits)
        listener->waits->listener = NULL;
    listener->waits = NULL;
}

static bool is_waited_on(const kin_listener *listener)
{
    return listener->waits && listener->waits->waiter.list;
}

enum { LABEL = 160 };

static const char *label(const kin_broadcast *b, char text[LABEL])
{
    if (b->name)
        snprintf(text, LABEL, "broadcast \"%s\"", b->name);
    else
        snprintf(text, LABEL, "the broadcast of %s:%d", b->site->file,
                 b->site->line);
    return text;
}

/* What is wrong with a use of it, whatever its state; or NULL. */
static kin_error *objection(const kin_site *site, const kin_broadcast *b)
{
    char text[LABEL];
    if (b->key == kin__runtime_here->key)
        return NULL;
    return kin_fail_at(site, &KIN_MISUSE,
                       "%s belongs to another run than this one",
                       label(b, text));
}

static kin_error *no_item(const kin_site *site, const kin_broadcast *b)
{
    char text[LABEL];
    return kin_fail_at(site, &KIN_MISUSE, "NULL is no item of %zu bytes for %s",
                       b->item_size, label(b, text));
}

/* The ring. */

static size_t slot_of(const kin_broadcast *b, size_t place)
{
    size_t slot = b->first + place;
    return slot < b->capacity ? slot : slot - b->capacity;
}

static void copy(void *to, const void *from, size_t size)
{
    if (size)
        memcpy(to, from, size);
}

static uint64_t oldest(const kin_broadcast *b)
{
    return b->sent - b->used;
}

static void drop_front(kin_broadcast *b)
{
    b->first = slot_of(b, 1);
    b->used--;
}

/* Hands it to those who wait, and keeps it if there are others; there is room
   then. */
static void put(kin_broadcast *b, const void *item)
{
    size_t left = b->listening;
    for (; b->receivers.first; left--) {
        listening *l = (listening *)b->receivers.first; /* its first member */
        copy(l->waiter.data, item, b->item_size);
        l->listener->at = b->sent + 1;
        part(l->listener);
        kin__waiter_wake(&l->waiter, NULL);
    }
    if (left) {
        size_t slot = slot_of(b, b->used++);
        copy(b->buffer + slot * b->item_size, item, b->item_size);
        b->left[slot] = left;
    }
    b->sent++;
}

/* Whether some item can be put; makes room if it may. */
static bool has_room(kin_broadcast *b)
{
    if (b->used == b->capacity && b->lossy)
        drop_front(b);
    return b->used < b->capacity;
}

/* What everybody has seen goes, and who waits to send has its turn. */
static void clear_front(kin_broadcast *b)
{
    while (b->used && b->left[b->first] == 0)
        drop_front(b);
    while (b->senders.first && has_room(b)) {
        kin_waiter *sender = b->senders.first;
        put(b, sender->data);
        kin__waiter_wake(sender, NULL);
    }
}

/* Moves a listener on to what there is still. */
static void catch_up(kin_listener *l)
{
    uint64_t first = oldest(l->broadcast);
    if (l->at >= first)
        return;
    l->lost += first - l->at;
    l->at = first;
}

/* Sending. */

kin_error *kin_broadcast_open_at(const kin_site *site, kin_broadcast **out,
                                 size_t item_size, size_t capacity,
                                 const kin_broadcast_options *options)
{
    size_t bytes, counts;
    kin__runtime *rt = kin__runtime_of(site, "kin_broadcast_open");
    if (!out || capacity == 0 ||
        __builtin_mul_overflow(item_size, capacity, &bytes) ||
        __builtin_mul_overflow(sizeof(size_t), capacity, &counts) ||
        bytes > PTRDIFF_MAX || counts > PTRDIFF_MAX)
        return kin_fail_at(site, &KIN_MISUSE,
                           "no broadcast can be of %zu items of %zu bytes",
                           capacity, item_size);
    kin_broadcast *b = kin__alloc(sizeof *b);
    size_t *left = kin__alloc(counts);
    unsigned char *buffer = kin__alloc(bytes ? bytes : 1);
    if (!b || !left || !buffer) {
        kin__free(b);
        kin__free(left);
        kin__free(buffer);
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory for a broadcast of %zu bytes", bytes);
    }
    *b = (kin_broadcast){.run = rt, .key = rt->key, .site = site, .open = 1};
    b->item_size = item_size;
    b->capacity = capacity;
    b->left = left;
    b->buffer = buffer;
    b->lossy = options && options->lossy;
    b->name = options ? options->name : NULL;
    *out = b;
    return NULL;
}

static kin_error *closed(const kin_site *site, const char *what)
{
    return kin_fail_at(site, &KIN_CLOSED, "the %s is closed", what);
}

static kin_error *may_send(const kin_site *site, const kin_broadcast *b,
                           const void *item)
{
    if (!b || !b->open)
        return closed(site, "broadcast");
    PASS_ON(objection(site, b));
    return item || !b->item_size ? NULL : no_item(site, b);
}

kin_error *kin_broadcast_send_at(const kin_site *site, kin_broadcast *b,
                                 const void *item)
{
    kin__task_of(site, "kin_broadcast_send");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__operation_begin(rt, site));
    PASS_ON(may_send(site, b, item));
    if (!has_room(b)) {
        kin_waiter waiter = {.data = (void *)item};
        return kin__wait_in(rt, &b->senders, &waiter, "room in a broadcast",
                            site);
    }
    put(b, item);
    kin__spend(rt);
    return NULL;
}

kin_error *kin_broadcast_send_now_at(const kin_site *site, kin_broadcast *b,
                                     const void *item)
{
    char text[LABEL];
    kin__runtime_of(site, "kin_broadcast_send_now");
    PASS_ON(may_send(site, b, item));
    if (!has_room(b))
        return kin_fail_at(site, &KIN_WOULD_BLOCK,
                           "the slowest listener of %s is %zu items behind",
                           label(b, text), b->used);
    put(b, item);
    return NULL;
}

static void free_if_unused(kin_broadcast *b)
{
    if (b->open || b->listeners)
        return;
    kin__free(b->left);
    kin__free(b->buffer);
    kin__free(b);
}

static kin_error *ended(const kin_site *site, const kin_broadcast *b)
{
    char text[LABEL];
    return kin_fail_at(site, &KIN_END, "%s was closed", label(b, text));
}

/* Closing outside its run is for when nobody can wait there any more. */
static bool may_close(const kin_site *site, const kin_broadcast *b)
{
    char text[LABEL];
    if (b->run == kin__runtime_here ||
        !(b->senders.first || b->receivers.first))
        return true;
    kin__misuse(site, "%s is closed while tasks of its run wait",
                label(b, text));
    return false;
}

kin_broadcast *kin_broadcast_clone_at(const kin_site *site, kin_broadcast *b)
{
    const kin__runtime *rt = kin__runtime_of(site, "kin_broadcast_clone");
    if (!b || !b->open || b->key != rt->key)
        return NULL;
    b->open++;
    return b;
}

void kin_broadcast_close_at(const kin_site *site, kin_broadcast **place)
{
    kin_broadcast *b = place ? *place : NULL;
    if (!b || !may_close(site, b))
        return;
    *place = NULL;
    if (--b->open > 0)
        return;
    while (b->senders.first)
        KIN__WAITER_FAIL(b->senders.first,
                         closed(b->senders.first->task->at, "broadcast"));
    while (b->receivers.first) {
        part(((listening *)b->receivers.first)->listener);
        KIN__WAITER_FAIL(b->receivers.first,
                         ended(b->receivers.first->task->at, b));
    }
    free_if_unused(b);
}

/* Listening. */

kin_error *kin_broadcast_listen_at(const kin_site *site, kin_broadcast *b,
                                   kin_listener **out)
{
    kin__runtime_of(site, "kin_broadcast_listen");
    if (!b || !b->open)
        return closed(site, "broadcast");
    PASS_ON(objection(site, b));
    kin_listener *l = kin__alloc(sizeof *l);
    if (!l)
        return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for a listener");
    *l = (kin_listener){.broadcast = b, .at = b->sent};
    l->next = b->listeners;
    l->back = &b->listeners;
    if (l->next)
        l->next->back = &l->next;
    b->listeners = l;
    b->listening++;
    *out = l;
    return NULL;
}

/* Takes the next item if there is one; *err when there will be none. */
static bool take(const kin_site *site, kin_listener *l, void *item,
                 kin_error **err)
{
    char text[LABEL];
    if (!l) {
        *err = closed(site, "listener");
        return false;
    }
    *err = objection(site, l->broadcast);
    if (*err)
        return false;
    kin_broadcast *b = l->broadcast;
    if (!item && b->item_size) {
        *err = no_item(site, b);
    } else if (is_waited_on(l)) {
        *err = kin_fail_at(
            site, &KIN_BUSY, "task \"%s\" waits on this listener of %s",
            kin_task_name(l->waits->waiter.task), label(b, text));
    } else {
        catch_up(l);
        if (l->at < b->sent) {
            size_t slot = slot_of(b, (size_t)(l->at++ - oldest(b)));
            copy(item, b->buffer + slot * b->item_size, b->item_size);
            b->left[slot]--;
            clear_front(b);
            return true;
        }
        if (!b->open)
            *err = ended(site, b);
    }
    return false;
}

kin_error *kin_listener_receive_at(const kin_site *site, kin_listener *l,
                                   void *item)
{
    kin_error *err;
    kin__task_of(site, "kin_listener_receive");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__operation_begin(rt, site));
    if (take(site, l, item, &err) || err || !l) {
        kin__spend(rt);
        return err;
    }
    listening self = {.waiter = {.data = item}, .listener = l};
    part(l);          /* from one who was cancelled */
    l->waits = &self; /* cppcheck-suppress autoVariables */
    err = kin__wait_in(rt, &l->broadcast->receivers, &self.waiter,
                       "an item of a broadcast", site);
    if (self.listener)
        part(self.listener);
    return err;
}

kin_error *kin_listener_receive_now_at(const kin_site *site, kin_listener *l,
                                       void *item)
{
    kin_error *err;
    char text[LABEL];
    kin__runtime_of(site, "kin_listener_receive_now");
    if (take(site, l, item, &err) || err)
        return err;
    return kin_fail_at(site, &KIN_WOULD_BLOCK,
                       "the listener of %s has seen all there is",
                       label(l->broadcast, text));
}

uint64_t kin_listener_lost(kin_listener *l)
{
    if (!l)
        return 0;
    catch_up(l);
    uint64_t lost = l->lost;
    l->lost = 0;
    return lost;
}

void kin_listener_close_at(const kin_site *site, kin_listener **place)
{
    kin_listener *l = place ? *place : NULL;
    if (!l || !may_close(site, l->broadcast))
        return;
    kin_broadcast *b = l->broadcast;
    *place = NULL;
    if (is_waited_on(l))
        KIN__WAITER_FAIL(&l->waits->waiter,
                         closed(l->waits->waiter.task->at, "listener"));
    part(l);
    *l->back = l->next;
    if (l->next)
        l->next->back = l->back;
    b->listening--;
    catch_up(l);
    for (; l->at < b->sent; l->at++)
        b->left[slot_of(b, (size_t)(l->at - oldest(b)))]--;
    kin__free(l);
    clear_front(b);
    free_if_unused(b);
}

int kin_broadcast_describe(const kin_broadcast *b, char *text, size_t size)
{
    char called[LABEL];
    if (!b)
        return snprintf(text, size, "a broadcast that is closed");
    return snprintf(text, size,
                    "%s: %zu of %zu items, %zu listeners, %zu wait to send, "
                    "%zu to receive",
                    label(b, called), b->used, b->capacity, b->listening,
                    kin_wait_list_count(&b->senders),
                    kin_wait_list_count(&b->receivers));
}
