/* sync/channel.c: channels.

   A channel is one block with its first two handles in it; its buffer, a ring,
   is a second one, and further handles are blocks of their own. It is freed with
   the last handle. A closed handle stays in the queue of the spare ones until
   then, or until it is the oldest of so many that it is used again: a pointer to
   it that lies about finds it closed.

   Invariants. Tasks wait to receive only while the buffer is empty, to send
   only while it is full; both at once only one that selects. Whoever finds
   somebody waiting on the other side moves the item at once, between the two
   tasks' own memory, and wakes: from then on it is the other's, although
   that has not run yet (C12). `room` is how many items the buffer takes as
   it is, and 0 when nobody could receive them, so that the fast path of a
   send has one comparison.

   A wait stands in two lists: in the channel's, for order, which it leaves in
   the step in which it ends (core/park.c), and in its handle's, for the close,
   which it leaves when its task runs again. */
#include "sync/channel.h"

#include "base/alloc.h"

#include <string.h>

KIN__RETURN_THUNK;

struct kin__channel {
    /* the fast path's */
    size_t item_size;
    size_t used, word_room; /* the room, if an item is a word; else 0 */
    kin_wait_list senders, receivers; /* who waits */
    unsigned char *head, *tail;       /* the oldest item; where the next goes */
    unsigned char *buffer, *end;
    size_t peak;
    size_t room;

    /* the handles */
    size_t open[2];
    kin_error *failure[2]; /* what senders, receivers were closed with */
    bool failure_seen[2];
    bool dropping; /* the buffer is being emptied, which may close handles */
    kin__handle *spare, *last_spare; /* closed, the oldest first */
    size_t spares;
    kin__handle own[2];

    /* fixed at the opening */
    size_t capacity;
    kin_drop *drop;
    const char *name;
    const kin_site *site;
    kin__runtime *run;
};

enum { LEAST_SLOTS = 16, LABEL = 160, KEPT_CLOSED = 256 };

static kin__side other(kin__side side)
{
    return side == KIN__SENDING ? KIN__RECEIVING : KIN__SENDING;
}

static const char *noun_of(kin__side side)
{
    return side == KIN__SENDING ? "sender" : "receiver";
}

static kin_wait_list *waiting_to(kin__channel *ch, kin__side side)
{
    return side == KIN__SENDING ? &ch->senders : &ch->receivers;
}

/* What a channel is called in messages. */
static const char *label(const kin__channel *ch, char text[LABEL])
{
    if (ch->name)
        snprintf(text, LABEL, "channel \"%s\"", ch->name);
    else
        snprintf(text, LABEL, "the channel of %s:%d", ch->site->file,
                 ch->site->line);
    return text;
}

/* The ring. */

/* Either may be NULL for items of no size. */
static inline void copy(void *to, const void *from, size_t size)
{
    if (to && from)
        memcpy(to, from, size);
}

static inline unsigned char *new_slot(kin__channel *ch)
{
    unsigned char *slot = ch->tail, *next = slot + ch->item_size;
    ch->tail = next == ch->end ? ch->buffer : next;
    if (++ch->used > ch->peak)
        ch->peak = ch->used;
    return slot;
}

static void put(kin__channel *ch, const void *item)
{
    copy(new_slot(ch), item, ch->item_size);
}

static inline unsigned char *take_slot(kin__channel *ch)
{
    unsigned char *slot = ch->head, *next = slot + ch->item_size;
    ch->head = next == ch->end ? ch->buffer : next;
    ch->used--;
    return slot;
}

static void take(kin__channel *ch, void *item)
{
    copy(item, take_slot(ch), ch->item_size);
}

static void set_room(kin__channel *ch, size_t room)
{
    ch->room = room;
    ch->word_room = ch->item_size == sizeof(uint64_t) ? room : 0;
}

/* An unbounded one is full for now. */
static bool grow(kin__channel *ch)
{
    size_t slots = ch->room ? ch->room * 2 : LEAST_SLOTS, bytes;
    size_t before_end = (size_t)(ch->end - ch->head);
    size_t after_start = (size_t)(ch->head - ch->buffer);
    if (__builtin_mul_overflow(slots, ch->item_size, &bytes))
        return false;
    unsigned char *buffer = kin__alloc(bytes);
    if (!buffer)
        return false;
    copy(buffer, ch->head, before_end);
    copy(buffer + before_end, ch->buffer, after_start);
    kin__free(ch->buffer);
    ch->head = ch->buffer = buffer;
    ch->tail = buffer + before_end + after_start;
    ch->end = buffer + bytes;
    set_room(ch, slots);
    return true;
}

/* What can be wrong. */

/* It may be that there is no handle. */
static KIN_COLD kin_error *closed(const kin_site *site, const kin__channel *ch,
                                  kin__side side)
{
    char text[LABEL];
    return kin_fail_at(site, &KIN_CLOSED, "%s %s%s%s is closed",
                       ch ? "this" : "the", noun_of(side), ch ? " of " : "",
                       ch ? label(ch, text) : "");
}

/* No handle of that side is left. */
static KIN_COLD kin_error *no_more(const kin_site *site, kin__channel *ch,
                                   kin__side side)
{
    char text[LABEL];
    if (ch->failure[side]) {
        ch->failure_seen[side] = true;
        return kin_fail_from_at(site, kin_error_ref(ch->failure[side]),
                                &KIN_BROKEN, "a %s of %s closed with an error",
                                noun_of(side), label(ch, text));
    }
    return kin_fail_at(site, side == KIN__SENDING ? &KIN_END : &KIN_BROKEN,
                       "%s has no %s left", label(ch, text), noun_of(side));
}

/* In this run, and on this side. */
static inline bool is_usable(const kin__handle *handle, kin__side side,
                             const kin__runtime *rt)
{
    return __builtin_expect(handle && handle->key == rt->key + side, 1);
}

/* In whatever run. */
static bool is_open(const kin__handle *handle, kin__side side)
{
    return handle && handle->key && handle->key % 2 == side;
}

/* What is wrong with such a call, whatever the channel's state; or NULL. */
static kin_error *objection(const kin_site *site, const kin__handle *handle,
                            kin__side side, const void *item)
{
    char text[LABEL];
    if (!is_open(handle, side))
        return closed(site, handle && !handle->key ? handle->channel : NULL,
                      side);
    const kin__channel *ch = handle->channel;
    if (!is_usable(handle, side, kin__runtime_here))
        return kin_fail_at(site, &KIN_MISUSE,
                           "%s belongs to another run than this one",
                           label(ch, text));
    if (!item && ch->item_size)
        return kin_fail_at(site, &KIN_MISUSE,
                           "NULL is no item of %zu bytes for %s", ch->item_size,
                           label(ch, text));
    return NULL;
}

/* Sending and receiving. */

static kin__attempt try_send(const kin_site *site, kin__channel *ch,
                             const void *item, kin_error **err)
{
    char text[LABEL];
    if (!ch->open[KIN__RECEIVING]) {
        *err = no_more(site, ch, KIN__RECEIVING);
        return KIN__FAILED;
    }
    kin_waiter *receiver = ch->receivers.first;
    if (receiver) {
        copy(receiver->data, item, ch->item_size);
        kin__waiter_wake(receiver, NULL);
        return KIN__TOOK_EFFECT;
    }
    if (ch->used >= ch->capacity)
        return KIN__MUST_WAIT;
    if (ch->used == ch->room && !grow(ch)) {
        *err =
            kin_fail_at(site, &KIN_NO_MEMORY, "no memory for %zu items in %s",
                        ch->used + 1, label(ch, text));
        return KIN__FAILED;
    }
    put(ch, item);
    return KIN__TOOK_EFFECT;
}

static kin__attempt try_receive(const kin_site *site, kin__channel *ch,
                                void *item, kin_error **err)
{
    kin_waiter *sender = ch->senders.first;
    if (ch->used) {
        take(ch, item);
        if (sender) /* the free slot is its */
            put(ch, sender->data);
    } else if (sender) {
        copy(item, sender->data, ch->item_size);
    } else if (ch->open[KIN__SENDING]) {
        return KIN__MUST_WAIT;
    } else {
        *err = no_more(site, ch, KIN__SENDING);
        return KIN__FAILED;
    }
    if (sender)
        kin__waiter_wake(sender, NULL);
    return KIN__TOOK_EFFECT;
}

kin__attempt kin__channel_try(const kin_site *site, kin__handle *handle,
                              kin__side side, void *item, kin_error **err)
{
    kin_error *wrong = objection(site, handle, side, item);
    if (wrong) {
        *err = wrong;
        return KIN__FAILED;
    }
    return side == KIN__SENDING ? try_send(site, handle->channel, item, err)
                                : try_receive(site, handle->channel, item, err);
}

bool kin__channel_is_ready(const kin__handle *handle, kin__side side)
{
    if (!is_usable(handle, side, kin__runtime_here))
        return true; /* to fail */
    const kin__channel *ch = handle->channel;
    if (side == KIN__SENDING)
        return !ch->open[KIN__RECEIVING] || ch->receivers.first ||
               ch->used < ch->capacity;
    return ch->used || ch->senders.first || !ch->open[KIN__SENDING];
}

static inline kin_wait_list *stand_by(kin__handle *handle, kin__side side,
                                      kin__channel_wait *wait, void *item)
{
    wait->waiter.data = item;
    wait->next = handle->waits;
    wait->back = &handle->waits;
    if (wait->next)
        wait->next->back = &wait->next;
    handle->waits = wait;
    return waiting_to(handle->channel, side);
}

void kin__channel_queue(kin__handle *handle, kin__side side,
                        kin__channel_wait *wait, void *item)
{
    kin__wait_list_append(stand_by(handle, side, wait, item), &wait->waiter);
}

/* Whoever has waited looks at the handle no more: it may be gone. */
static inline kin_error *wait_to(kin__side side, kin__runtime *rt,
                                 const kin_site *site, kin__handle *handle,
                                 void *item)
{
    kin__channel_wait wait;
    kin_wait_list *list = stand_by(handle, side, &wait, item);
    kin_error *err = kin__wait_in(
        rt, list, &wait.waiter,
        side == KIN__SENDING ? "room in a channel" : "an item from a channel",
        site);
    kin__channel_unqueue(&wait);
    return err;
}

/* Not inline, so that the fast paths that end in one of these need no frame. */
static KIN__RETURNS_BY_JUMP __attribute__((noinline)) kin_error *
wait_to_send(kin__runtime *rt, const kin_site *site, kin__handle *handle,
             const void *item)
{
    return wait_to(KIN__SENDING, rt, site, handle, (void *)item);
}

static KIN__RETURNS_BY_JUMP __attribute__((noinline)) kin_error *
wait_to_receive(kin__runtime *rt, const kin_site *site, kin__handle *handle,
                void *item)
{
    return wait_to(KIN__RECEIVING, rt, site, handle, item);
}

/* All there is to it, and in order. */
static __attribute__((noinline)) kin_error *
transfer(kin__side side, const kin_site *site, kin__handle *handle, void *item)
{
    kin_error *err = NULL;
    kin__task_of(site, side == KIN__SENDING ? "kin_send" : "kin_receive");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__operation_begin(rt, site));
    if (kin__channel_try(site, handle, side, item, &err) == KIN__MUST_WAIT)
        return wait_to(side, rt, site, handle, item);
    kin__spend(rt);
    return err;
}

static inline bool is_of_words(const kin__channel *ch)
{
    return __builtin_expect(ch->item_size == sizeof(uint64_t), 1);
}

static inline void copy_word(void *to, const void *from)
{
    memcpy(to, from, sizeof(uint64_t));
}

/* What is usual, for items of one word, is done here and now, or waited for;
   anything else is left to `transfer` before anything has happened. Nothing is
   called but at the end, so that no register is saved. */
kin_error *kin_send_at(const kin_site *site, kin_sender *sender,
                       const void *item)
{
    kin__runtime *rt = kin__runtime_here;
    kin__handle *handle = (kin__handle *)sender;
    if (!kin__all_as_usual(rt) || !is_usable(handle, KIN__SENDING, rt) || !item)
        return transfer(KIN__SENDING, site, handle, (void *)item);
    kin__channel *ch = handle->channel;
    kin_waiter *receiver = ch->receivers.first;
    if (__builtin_expect(!receiver && ch->used < ch->word_room, 1)) {
        copy_word(new_slot(ch), item);
        return kin__operation_end(rt);
    }
    if (receiver && is_of_words(ch) && kin__waiter_is_plain(receiver)) {
        copy_word(receiver->data, item);
        kin__wake_plain_first(rt, &ch->receivers);
        return kin__operation_end(rt);
    }
    if (!receiver && ch->used == ch->capacity && ch->open[KIN__RECEIVING])
        return wait_to_send(rt, site, handle, item);
    return transfer(KIN__SENDING, site, handle, (void *)item);
}

kin_error *kin_receive_at(const kin_site *site, kin_receiver *receiver,
                          void *item)
{
    kin__runtime *rt = kin__runtime_here;
    kin__handle *handle = (kin__handle *)receiver;
    if (!kin__all_as_usual(rt) || !is_usable(handle, KIN__RECEIVING, rt) ||
        !item)
        return transfer(KIN__RECEIVING, site, handle, item);
    kin__channel *ch = handle->channel;
    kin_waiter *sender = ch->senders.first;
    if (__builtin_expect(!sender && ch->used && is_of_words(ch), 1)) {
        copy_word(item, take_slot(ch));
        return kin__operation_end(rt);
    }
    if (sender && !ch->used && is_of_words(ch) &&
        kin__waiter_is_plain(sender)) {
        copy_word(item, sender->data);
        kin__wake_plain_first(rt, &ch->senders);
        return kin__operation_end(rt);
    }
    if (!sender && !ch->used && ch->open[KIN__SENDING])
        return wait_to_receive(rt, site, handle, item);
    return transfer(KIN__RECEIVING, site, handle, item);
}

static kin_error *transfer_now(kin__side side, const kin_site *site,
                               kin__handle *handle, void *item)
{
    kin_error *err = NULL;
    char text[LABEL];
    if (kin__channel_try(site, handle, side, item, &err) != KIN__MUST_WAIT)
        return err;
    return kin_fail_at(site, &KIN_WOULD_BLOCK, "%s is %s",
                       label(handle->channel, text),
                       side == KIN__SENDING ? "full" : "empty");
}

kin_error *kin_send_now_at(const kin_site *site, kin_sender *sender,
                           const void *item)
{
    kin__runtime_of(site, "kin_send_now");
    return transfer_now(KIN__SENDING, site, (kin__handle *)sender,
                        (void *)item);
}

kin_error *kin_receive_now_at(const kin_site *site, kin_receiver *receiver,
                              void *item)
{
    kin__runtime_of(site, "kin_receive_now");
    return transfer_now(KIN__RECEIVING, site, (kin__handle *)receiver, item);
}

/* Opening. */

/* Whether there can be such a channel; then so many bytes are its buffer. */
static kin_error *measure(const kin_site *site, size_t item_size,
                          size_t capacity, size_t *bytes)
{
    bool bounded = capacity != KIN_UNBOUNDED;
    *bytes = 0;
    if (capacity > KIN_UNBOUNDED)
        return kin_fail_at(site, &KIN_MISUSE,
                           "a channel's capacity is a size or KIN_UNBOUNDED, "
                           "and not %td",
                           (ptrdiff_t)capacity);
    if (item_size > PTRDIFF_MAX ||
        (bounded && (__builtin_mul_overflow(item_size, capacity, bytes) ||
                     *bytes > PTRDIFF_MAX)))
        return kin_fail_at(site, &KIN_MISUSE,
                           "%zu items of %zu bytes are more than there is "
                           "memory in the world",
                           bounded ? capacity : 1, item_size);
    return NULL;
}

/* NULL if memory is out. */
static kin__channel *allocate(size_t item_size, size_t capacity, size_t bytes)
{
    kin__channel *ch = kin__alloc(sizeof *ch);
    void *buffer = bytes ? kin__alloc(bytes) : NULL;
    if (!ch || (bytes && !buffer)) {
        kin__free(buffer);
        kin__free(ch);
        return NULL;
    }
    *ch = (kin__channel){.item_size = item_size, .capacity = capacity};
    ch->head = ch->tail = ch->buffer = buffer;
    ch->end = bytes ? ch->buffer + bytes : NULL;
    set_room(ch, capacity == KIN_UNBOUNDED && item_size ? 0 : capacity);
    return ch;
}

static void start(kin__channel *ch, kin__handle *handle, kin__side side)
{
    *handle = (kin__handle){.key = ch->run->key + side, .channel = ch};
    ch->open[side]++;
}

kin_error *kin_channel_open_at(const kin_site *site, kin_sender **sender,
                               kin_receiver **receiver, size_t item_size,
                               size_t capacity,
                               const kin_channel_options *options)
{
    size_t bytes;
    kin__runtime *rt = kin__runtime_of(site, "kin_channel_open");
    if (!sender || !receiver)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_channel_open without a place for a handle");
    PASS_ON(measure(site, item_size, capacity, &bytes));
    kin__channel *ch = allocate(item_size, capacity, bytes);
    if (!ch)
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory for a channel of %zu bytes", bytes);
    ch->run = rt;
    ch->site = site;
    if (options) {
        ch->drop = options->drop;
        ch->name = options->name;
    }
    start(ch, &ch->own[KIN__SENDING], KIN__SENDING);
    start(ch, &ch->own[KIN__RECEIVING], KIN__RECEIVING);
    *sender = (kin_sender *)&ch->own[KIN__SENDING];
    *receiver = (kin_receiver *)&ch->own[KIN__RECEIVING];
    return NULL;
}

/* A closed one comes to life again only after many others were closed. */
static kin__handle *handle_new(kin__channel *ch)
{
    kin__handle *oldest = ch->spare;
    if (ch->spares <= KEPT_CLOSED)
        return kin__alloc(sizeof *oldest);
    ch->spare = oldest->spare;
    ch->spares--;
    return oldest;
}

static void handle_retire(kin__channel *ch, kin__handle *handle)
{
    handle->key = 0;
    handle->spare = NULL;
    *(ch->spare ? &ch->last_spare->spare : &ch->spare) = handle;
    ch->last_spare = handle;
    ch->spares++;
}

static kin__handle *clone(kin__side side, const kin_site *site,
                          kin__handle *handle)
{
    char text[LABEL];
    kin__runtime *rt = kin__runtime_of(site, "cloning a handle");
    if (!is_usable(handle, side, rt))
        return NULL;
    kin__channel *ch = handle->channel;
    kin__handle *made = handle_new(ch);
    if (made) {
        start(ch, made, side);
        return made;
    }
    kin_error *err =
        kin_fail_at(site, &KIN_NO_MEMORY, "no memory for one more %s of %s",
                    noun_of(side), label(ch, text));
    if (!rt->current) /* else that holds it */
        kin__unhandled(rt, err, "a callback", NULL, KIN_PHASE_RUNNING);
    return NULL;
}

kin_sender *kin_sender_clone_at(const kin_site *site, kin_sender *sender)
{
    return (kin_sender *)clone(KIN__SENDING, site, (kin__handle *)sender);
}

kin_receiver *kin_receiver_clone_at(const kin_site *site,
                                    kin_receiver *receiver)
{
    return (kin_receiver *)clone(KIN__RECEIVING, site, (kin__handle *)receiver);
}

/* Closing. */

/* What nobody on the other side came to see. */
static void report_failure(kin__channel *ch, kin__side side)
{
    char text[LABEL];
    kin_error *err = ch->failure[side];
    if (!err || ch->failure_seen[side]) {
        kin_error_free(err);
    } else if (kin__runtime_here) {
        kin__unhandled(kin__runtime_here, err, label(ch, text), NULL,
                       KIN_PHASE_RUNNING);
    } else {
        fprintf(stderr, "kin: %s was closed with an error that nobody saw:\n",
                label(ch, text));
        kin_error_print(err, stderr);
        kin_error_free(err);
    }
}

static void free_channel(kin__channel *ch)
{
    for (kin__handle *h = ch->spare, *next; h; h = next) {
        next = h->spare;
        if (h != &ch->own[KIN__SENDING] && h != &ch->own[KIN__RECEIVING])
            kin__free(h);
    }
    report_failure(ch, KIN__SENDING);
    report_failure(ch, KIN__RECEIVING);
    kin__free(ch->buffer);
    kin__free(ch);
}

/* With the last receiver. What is dropped may itself hold handles of this
   channel. */
static void drop_items(kin__channel *ch)
{
    ch->dropping = true;
    while (ch->used) {
        unsigned char *item = take_slot(ch);
        if (ch->drop)
            ch->drop(item);
    }
    ch->dropping = false;
}

/* Ends the wait of those on this one handle. */
static void wake_closed(kin__handle *handle, kin__side side)
{
    for (kin__channel_wait *w = handle->waits, *next; w; w = next) {
        next = w->next;
        w->back = NULL;
        if (w->waiter.list) /* else its wait has ended, and it has not run */
            KIN__WAITER_FAIL(&w->waiter,
                             closed(w->waiter.task->at, handle->channel, side));
    }
    handle->waits = NULL;
}

/* That was the last handle of its side. */
static void wake_others(kin__channel *ch, kin__side side)
{
    kin_wait_list *others = waiting_to(ch, other(side));
    while (others->first)
        KIN__WAITER_FAIL(others->first,
                         no_more(others->first->task->at, ch, side));
    if (side == KIN__RECEIVING) {
        set_room(ch, 0);
        drop_items(ch);
    }
}

/* Takes the outcome over, or gives it back if nobody is left to see it. */
static kin_error *keep_failure(kin__channel *ch, kin__side side,
                               kin_error *outcome)
{
    if (!outcome || !ch->open[other(side)])
        return outcome;
    ch->failure[side] =
        kin_error_give(kin_error_combine(ch->failure[side], outcome));
    return NULL;
}

/* From outside its run only when nobody can be waiting there. */
static bool may_close(const kin_site *site, const kin__channel *ch,
                      kin__side side)
{
    char text[LABEL];
    if (ch->run == kin__runtime_here ||
        !(ch->senders.first || ch->receivers.first))
        return true;
    kin__misuse(site, "a %s of %s is closed while tasks of its run wait",
                noun_of(side), label(ch, text));
    return false;
}

static void close_open(kin__channel *ch, kin__handle *handle, kin__side side)
{
    handle_retire(ch, handle);
    wake_closed(handle, side);
    if (--ch->open[side] == 0)
        wake_others(ch, side);
    if (!ch->open[side] && !ch->open[other(side)] && !ch->dropping)
        free_channel(ch);
}

static kin_error *close_handle(kin__side side, const kin_site *site,
                               kin__handle **place, kin_error *outcome)
{
    kin__handle *handle = place ? *place : NULL;
    if (!handle)
        return outcome;
    bool open = is_open(handle, side);
    if (open && !may_close(site, handle->channel, side))
        return outcome;
    *place = NULL;
    if (!open)
        return outcome;
    outcome = keep_failure(handle->channel, side, outcome);
    close_open(handle->channel, handle, side);
    return outcome;
}

void kin_sender_close_at(const kin_site *site, kin_sender **sender)
{
    (void)close_handle(KIN__SENDING, site, (kin__handle **)sender, NULL);
}

void kin_receiver_close_at(const kin_site *site, kin_receiver **receiver)
{
    (void)close_handle(KIN__RECEIVING, site, (kin__handle **)receiver, NULL);
}

kin_error *kin_sender_close_with_at(const kin_site *site, kin_sender **sender,
                                    kin_error *outcome)
{
    return close_handle(KIN__SENDING, site, (kin__handle **)sender, outcome);
}

kin_error *kin_receiver_close_with_at(const kin_site *site,
                                      kin_receiver **receiver,
                                      kin_error *outcome)
{
    return close_handle(KIN__RECEIVING, site, (kin__handle **)receiver,
                        outcome);
}

/* Asking. */

static void statistics(const kin__handle *handle, kin__side side,
                       kin_channel_statistics *out)
{
    *out = (kin_channel_statistics){0};
    if (!is_open(handle, side))
        return;
    const kin__channel *ch = handle->channel;
    out->used = ch->used;
    out->capacity = ch->capacity;
    out->peak = ch->peak;
    out->senders = ch->open[KIN__SENDING];
    out->receivers = ch->open[KIN__RECEIVING];
    out->waiting_senders = kin_wait_list_count(&ch->senders);
    out->waiting_receivers = kin_wait_list_count(&ch->receivers);
}

void kin_sender_statistics(const kin_sender *sender,
                           kin_channel_statistics *out)
{
    statistics((const kin__handle *)sender, KIN__SENDING, out);
}

void kin_receiver_statistics(const kin_receiver *receiver,
                             kin_channel_statistics *out)
{
    statistics((const kin__handle *)receiver, KIN__RECEIVING, out);
}

static int describe(const kin__handle *handle, kin__side side, char *text,
                    size_t size)
{
    char called[LABEL], bound[32] = "";
    kin_channel_statistics s;
    if (!is_open(handle, side))
        return snprintf(text, size, "a %s that is closed", noun_of(side));
    statistics(handle, side, &s);
    if (s.capacity != KIN_UNBOUNDED)
        snprintf(bound, sizeof bound, " of %zu", s.capacity);
    return snprintf(text, size,
                    "%s: %zu%s items, %zu senders, %zu receivers, %zu wait to "
                    "send, %zu to receive",
                    label(handle->channel, called), s.used, bound, s.senders,
                    s.receivers, s.waiting_senders, s.waiting_receivers);
}

int kin_sender_describe(const kin_sender *sender, char *text, size_t size)
{
    return describe((const kin__handle *)sender, KIN__SENDING, text, size);
}

int kin_receiver_describe(const kin_receiver *receiver, char *text, size_t size)
{
    return describe((const kin__handle *)receiver, KIN__RECEIVING, text, size);
}
