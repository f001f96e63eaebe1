/* sync/channel.c: channels.

   A channel is one block with its first two handles in it; its buffer, a ring,
   is a second one, and further handles are blocks of their own. It is freed with
   the last handle. A closed handle stays in the list of the spare ones until
   then: a pointer to it that lies about finds it closed.

   Invariants. Tasks wait to receive only while the buffer is empty, to send only
   while it is full; never both. Whoever finds somebody waiting on the other side
   moves the item at once, between the two tasks' own memory, and wakes: from
   then on it is the other's, although that has not run yet (C12). `room` is how
   many items the buffer takes as it is, and 0 when nobody could receive them,
   so that the fast path of a send has one comparison.

   A wait stands in two lists: in the channel's, for order, which it leaves in
   the step in which it ends (core/park.c), and in its handle's, for the close,
   which it leaves when its task runs again. */
#include "sync/channel.h"

#include "base/alloc.h"

#include <string.h>

struct kin__channel {
    /* the fast path's */
    kin__runtime *run;
    size_t item_size;
    size_t used, room, first; /* items; the oldest one's slot */
    size_t slots;             /* of the buffer */
    unsigned char *buffer;
    kin_wait_list senders, receivers; /* who waits */
    size_t peak;

    /* fixed at the opening */
    size_t capacity;
    kin_drop *drop;
    const char *name;
    const kin_site *site;
    uint16_t serial; /* of the run */

    /* the handles */
    size_t open_senders, open_receivers;
    kin_error *failure[2]; /* what senders, receivers were closed with */
    bool failure_seen[2];
    bool dropping; /* the buffer is being emptied, which may close handles */
    kin__handle *spare;
    kin__handle own[2];
};

enum { SENDING, RECEIVING };
enum { LEAST_SLOTS = 16, LABEL = 160 };

static int side_of(uint32_t tag)
{
    return tag == KIN__SENDER_TAG ? SENDING : RECEIVING;
}

static const char *noun_of(uint32_t tag)
{
    return tag == KIN__SENDER_TAG ? "sender" : "receiver";
}

static size_t *open_of(kin__channel *ch, int side)
{
    return side == SENDING ? &ch->open_senders : &ch->open_receivers;
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

static inline void copy(void *to, const void *from, size_t size)
{
    if (__builtin_expect(size == sizeof(uint64_t), 1))
        memcpy(to, from, sizeof(uint64_t));
    else if (size)
        memcpy(to, from, size);
}

static inline unsigned char *slot(kin__channel *ch, size_t index)
{
    size_t size = ch->item_size;
    return size ? ch->buffer + index * size : NULL;
}

static inline void put(kin__channel *ch, const void *item)
{
    size_t at = ch->first + ch->used;
    if (at >= ch->slots)
        at -= ch->slots;
    copy(slot(ch, at), item, ch->item_size);
    if (++ch->used > ch->peak)
        ch->peak = ch->used;
}

static inline unsigned char *take_slot(kin__channel *ch)
{
    unsigned char *item = slot(ch, ch->first);
    if (++ch->first == ch->slots)
        ch->first = 0;
    ch->used--;
    return item;
}

static inline void take(kin__channel *ch, void *item)
{
    copy(item, take_slot(ch), ch->item_size);
}

static bool grow(kin__channel *ch)
{
    size_t slots = ch->slots ? ch->slots * 2 : LEAST_SLOTS, bytes;
    if (__builtin_mul_overflow(slots, ch->item_size, &bytes))
        return false;
    unsigned char *buffer = kin__alloc(bytes);
    if (!buffer)
        return false;
    size_t until_end = ch->slots - ch->first;
    if (ch->slots) {
        memcpy(buffer, slot(ch, ch->first), until_end * ch->item_size);
        memcpy(buffer + until_end * ch->item_size, ch->buffer,
               ch->first * ch->item_size);
    }
    kin__free(ch->buffer);
    ch->buffer = buffer;
    ch->first = 0;
    ch->slots = ch->room = slots;
    return true;
}

/* What can be wrong. */

static KIN_COLD kin_error *closed(const kin_site *site,
                                  const kin__handle *handle, uint32_t tag)
{
    char text[LABEL];
    if (!handle || handle->tag != KIN__CLOSED_TAG)
        return kin_fail_at(site, &KIN_CLOSED, "the %s is closed", noun_of(tag));
    return kin_fail_at(site, &KIN_CLOSED, "this %s of %s is closed",
                       noun_of(tag), label(handle->channel, text));
}

/* No handle of that side is left. */
static KIN_COLD kin_error *no_more(const kin_site *site, kin__channel *ch,
                                   int side)
{
    char text[LABEL];
    const char *noun = side == SENDING ? "sender" : "receiver";
    if (ch->failure[side]) {
        ch->failure_seen[side] = true;
        return kin_fail_from_at(site, kin_error_ref(ch->failure[side]),
                                &KIN_BROKEN, "a %s of %s closed with an error",
                                noun, label(ch, text));
    }
    return kin_fail_at(site, side == SENDING ? &KIN_END : &KIN_BROKEN,
                       "%s has no %s left", label(ch, text), noun);
}

static inline bool is_open(const kin__handle *handle, uint32_t tag)
{
    return handle && handle->tag == tag;
}

static inline bool is_of_run(const kin__channel *ch, const kin__runtime *rt)
{
    return ch->run == rt && ch->serial == rt->serial;
}

static KIN_COLD kin_error *foreign(const kin_site *site, const kin__channel *ch)
{
    char text[LABEL];
    return kin_fail_at(site, &KIN_MISUSE,
                       "%s belongs to another run than this one",
                       label(ch, text));
}

/* What is wrong with such a call, whatever the channel's state; or NULL. */
static inline kin_error *objection(const kin_site *site,
                                   const kin__handle *handle, uint32_t tag,
                                   const void *item)
{
    char text[LABEL];
    if (!is_open(handle, tag))
        return closed(site, handle, tag);
    const kin__channel *ch = handle->channel;
    if (!is_of_run(ch, kin__runtime_here))
        return foreign(site, ch);
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
    if (!ch->open_receivers) {
        *err = no_more(site, ch, RECEIVING);
        return KIN__FAILED;
    }
    kin_waiter *receiver = ch->receivers.first;
    if (receiver) {
        copy(receiver->data, item, ch->item_size);
        kin__waiter_wake(receiver, NULL);
        return KIN__DONE;
    }
    if (ch->used >= ch->capacity)
        return KIN__MUST_WAIT;
    if (ch->used == ch->room && !grow(ch)) {
        char text[LABEL];
        *err =
            kin_fail_at(site, &KIN_NO_MEMORY, "no memory for %zu items in %s",
                        ch->used + 1, label(ch, text));
        return KIN__FAILED;
    }
    put(ch, item);
    return KIN__DONE;
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
    } else if (ch->open_senders) {
        return KIN__MUST_WAIT;
    } else {
        *err = no_more(site, ch, SENDING);
        return KIN__FAILED;
    }
    if (sender)
        kin__waiter_wake(sender, NULL);
    return KIN__DONE;
}

kin__attempt kin__channel_try(const kin_site *site, kin__handle *handle,
                              uint32_t tag, void *item, kin_error **err)
{
    kin_error *wrong = objection(site, handle, tag, item);
    if (wrong) {
        *err = wrong;
        return KIN__FAILED;
    }
    return tag == KIN__SENDER_TAG
               ? try_send(site, handle->channel, item, err)
               : try_receive(site, handle->channel, item, err);
}

bool kin__channel_is_ready(const kin__handle *handle, uint32_t tag)
{
    if (!is_open(handle, tag) || !is_of_run(handle->channel, kin__runtime_here))
        return true; /* to fail */
    const kin__channel *ch = handle->channel;
    if (tag == KIN__SENDER_TAG)
        return !ch->open_receivers || ch->receivers.first ||
               ch->used < ch->capacity;
    return ch->used || ch->senders.first || !ch->open_senders;
}

static inline kin_wait_list *stand_by(kin__handle *handle,
                                      kin__channel_wait *wait, void *item)
{
    kin__channel *ch = handle->channel;
    wait->waiter.data = item;
    wait->next = handle->waits;
    wait->back = &handle->waits;
    if (wait->next)
        wait->next->back = &wait->next;
    handle->waits = wait;
    return handle->tag == KIN__SENDER_TAG ? &ch->senders : &ch->receivers;
}

void kin__channel_queue(kin__handle *handle, kin__channel_wait *wait,
                        void *item)
{
    kin__wait_list_append(stand_by(handle, wait, item), &wait->waiter);
}

/* All but the fast path. Whoever waited looks at the handle no more: it may be
   gone. */
static __attribute__((noinline)) kin_error *transfer(kin__runtime *rt,
                                                     const kin_site *site,
                                                     kin__handle *handle,
                                                     uint32_t tag, void *item)
{
    kin_error *err = NULL;
    if (kin__channel_try(site, handle, tag, item, &err) != KIN__MUST_WAIT) {
        kin__spend(rt);
        return err;
    }
    kin__channel_wait wait;
    err = kin__wait_in(rt, stand_by(handle, &wait, item), &wait.waiter,
                       tag == KIN__SENDER_TAG ? "room in a channel"
                                              : "an item from a channel",
                       site);
    kin__channel_unqueue(&wait);
    return err;
}

kin_error *kin_send_at(const kin_site *site, kin_sender *sender,
                       const void *item)
{
    kin__task_of(site, "kin_send");
    kin__runtime *rt = kin__runtime_here;
    kin__handle *handle = (kin__handle *)sender;
    PASS_ON(kin__operation_begin(rt, site));
    if (__builtin_expect(is_open(handle, KIN__SENDER_TAG) && item, 1)) {
        kin__channel *ch = handle->channel;
        if (!ch->receivers.first && ch->used < ch->room && is_of_run(ch, rt)) {
            put(ch, item);
            kin__spend(rt);
            return NULL;
        }
    }
    return transfer(rt, site, handle, KIN__SENDER_TAG, (void *)item);
}

kin_error *kin_receive_at(const kin_site *site, kin_receiver *receiver,
                          void *item)
{
    kin__task_of(site, "kin_receive");
    kin__runtime *rt = kin__runtime_here;
    kin__handle *handle = (kin__handle *)receiver;
    PASS_ON(kin__operation_begin(rt, site));
    if (__builtin_expect(is_open(handle, KIN__RECEIVER_TAG) && item, 1)) {
        kin__channel *ch = handle->channel;
        if (ch->used && !ch->senders.first && is_of_run(ch, rt)) {
            take(ch, item);
            kin__spend(rt);
            return NULL;
        }
    }
    return transfer(rt, site, handle, KIN__RECEIVER_TAG, item);
}

static kin_error *transfer_now(const kin_site *site, kin__handle *handle,
                               uint32_t tag, void *item)
{
    kin_error *err = NULL;
    char text[LABEL];
    if (kin__channel_try(site, handle, tag, item, &err) != KIN__MUST_WAIT)
        return err;
    return kin_fail_at(site, &KIN_WOULD_BLOCK, "%s is %s",
                       label(handle->channel, text),
                       tag == KIN__SENDER_TAG ? "full" : "empty");
}

kin_error *kin_send_now_at(const kin_site *site, kin_sender *sender,
                           const void *item)
{
    kin__runtime_of(site, "kin_send_now");
    return transfer_now(site, (kin__handle *)sender, KIN__SENDER_TAG,
                        (void *)item);
}

kin_error *kin_receive_now_at(const kin_site *site, kin_receiver *receiver,
                              void *item)
{
    kin__runtime_of(site, "kin_receive_now");
    return transfer_now(site, (kin__handle *)receiver, KIN__RECEIVER_TAG, item);
}

/* Opening. */

static kin_error *allocate(const kin_site *site, size_t item_size,
                           size_t capacity, kin__channel **channel)
{
    size_t bytes = 0;
    bool bounded = capacity != KIN_UNBOUNDED;
    if (capacity > KIN_UNBOUNDED)
        return kin_fail_at(site, &KIN_MISUSE,
                           "a channel's capacity is a size or KIN_UNBOUNDED, "
                           "and not %td",
                           (ptrdiff_t)capacity);
    if (item_size > PTRDIFF_MAX ||
        (bounded && (__builtin_mul_overflow(item_size, capacity, &bytes) ||
                     bytes > PTRDIFF_MAX)))
        return kin_fail_at(site, &KIN_MISUSE,
                           "%zu items of %zu bytes are more than there is "
                           "memory in the world",
                           bounded ? capacity : 1, item_size);
    kin__channel *ch = kin__alloc(sizeof *ch);
    void *buffer = bytes ? kin__alloc(bytes) : NULL;
    if (!ch || (bytes && !buffer)) {
        kin__free(buffer);
        kin__free(ch);
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory for a channel of %zu bytes", bytes);
    }
    *ch = (kin__channel){.item_size = item_size, .buffer = buffer};
    ch->capacity = capacity;
    ch->slots = bounded || !item_size ? capacity : 0;
    *channel = ch;
    return NULL;
}

kin_error *kin_channel_open_at(const kin_site *site, kin_sender **sender,
                               kin_receiver **receiver, size_t item_size,
                               size_t capacity,
                               const kin_channel_options *options)
{
    kin__channel *ch = NULL;
    kin__runtime *rt = kin__runtime_of(site, "kin_channel_open");
    if (!sender || !receiver)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_channel_open without a place for a handle");
    PASS_ON(allocate(site, item_size, capacity, &ch));
    ch->run = rt;
    ch->serial = rt->serial;
    ch->site = site;
    ch->room = ch->slots;
    ch->open_senders = ch->open_receivers = 1;
    if (options) {
        ch->drop = options->drop;
        ch->name = options->name;
    }
    ch->own[SENDING] = (kin__handle){.tag = KIN__SENDER_TAG, .channel = ch};
    ch->own[RECEIVING] = (kin__handle){.tag = KIN__RECEIVER_TAG, .channel = ch};
    *sender = (kin_sender *)&ch->own[SENDING];
    *receiver = (kin_receiver *)&ch->own[RECEIVING];
    return NULL;
}

static kin__handle *handle_new(kin__channel *ch)
{
    kin__handle *handle = ch->spare;
    if (handle)
        ch->spare = handle->spare;
    else
        handle = kin__alloc(sizeof *handle);
    return handle;
}

static kin__handle *clone(const kin_site *site, kin__handle *handle,
                          uint32_t tag)
{
    char text[LABEL];
    kin__runtime *rt = kin__runtime_of(site, "cloning a handle");
    if (!is_open(handle, tag))
        return NULL;
    kin__channel *ch = handle->channel;
    kin__handle *made = handle_new(ch);
    if (!made) { /* the calling task holds it */
        kin_error *err =
            kin_fail_at(site, &KIN_NO_MEMORY, "no memory for one more %s of %s",
                        noun_of(tag), label(ch, text));
        if (!kin_task_self())
            kin__unhandled(rt, err, "a callback");
        return NULL;
    }
    *made = (kin__handle){.tag = tag, .channel = ch};
    ++*open_of(ch, side_of(tag));
    return made;
}

kin_sender *kin_sender_clone_at(const kin_site *site, kin_sender *sender)
{
    return (kin_sender *)clone(site, (kin__handle *)sender, KIN__SENDER_TAG);
}

kin_receiver *kin_receiver_clone_at(const kin_site *site,
                                    kin_receiver *receiver)
{
    return (kin_receiver *)clone(site, (kin__handle *)receiver,
                                 KIN__RECEIVER_TAG);
}

/* Closing. */

/* What nobody on the other side came to see. */
static void report_failure(kin__channel *ch, int side)
{
    char text[LABEL];
    kin_error *err = ch->failure[side];
    if (!err || ch->failure_seen[side]) {
        kin_error_free(err);
    } else if (kin__runtime_here) {
        kin__unhandled(kin__runtime_here, err, label(ch, text));
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
        if (h != &ch->own[SENDING] && h != &ch->own[RECEIVING])
            kin__free(h);
    }
    report_failure(ch, SENDING);
    report_failure(ch, RECEIVING);
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
static void wake_closed(kin__handle *handle, uint32_t tag)
{
    for (kin__channel_wait *w = handle->waits, *next; w; w = next) {
        next = w->next;
        w->back = NULL;
        if (w->waiter.list) /* else its wait has ended, and it has not run */
            kin__waiter_wake(&w->waiter,
                             closed(w->waiter.task->at, handle, tag));
    }
    handle->waits = NULL;
}

/* That was the last handle of its side. */
static void wake_others(kin__channel *ch, int side)
{
    kin_wait_list *others = side == SENDING ? &ch->receivers : &ch->senders;
    while (others->first)
        kin__waiter_wake(others->first,
                         no_more(others->first->task->at, ch, side));
    if (side == RECEIVING) {
        ch->room = 0;
        drop_items(ch);
    }
}

/* Takes the outcome over, or gives it back if nobody is left to see it. */
static kin_error *keep_failure(kin__channel *ch, int side, kin_error *outcome)
{
    if (!outcome || !*open_of(ch, !side))
        return outcome;
    ch->failure[side] =
        kin_error_give(kin_error_combine(ch->failure[side], outcome));
    return NULL;
}

/* From outside its run only when nobody can be waiting there. */
static bool may_close(const kin_site *site, const kin__channel *ch,
                      uint32_t tag)
{
    char text[LABEL];
    if (ch->run == kin__runtime_here ||
        !(ch->senders.first || ch->receivers.first))
        return true;
    kin__misuse(site, "a %s of %s is closed while tasks of its run wait",
                noun_of(tag), label(ch, text));
    return false;
}

static kin_error *close_handle(const kin_site *site, kin__handle **place,
                               uint32_t tag, kin_error *outcome)
{
    kin__handle *handle = place ? *place : NULL;
    int side = side_of(tag);
    if (!handle ||
        (is_open(handle, tag) && !may_close(site, handle->channel, tag)))
        return outcome;
    *place = NULL;
    if (!is_open(handle, tag))
        return outcome;
    kin__channel *ch = handle->channel;
    handle->tag = KIN__CLOSED_TAG;
    wake_closed(handle, tag);
    handle->spare = ch->spare;
    ch->spare = handle;
    outcome = keep_failure(ch, side, outcome);
    if (--*open_of(ch, side) == 0)
        wake_others(ch, side);
    if (!ch->open_senders && !ch->open_receivers && !ch->dropping)
        free_channel(ch);
    return outcome;
}

void kin_sender_close_at(const kin_site *site, kin_sender **sender)
{
    (void)close_handle(site, (kin__handle **)sender, KIN__SENDER_TAG, NULL);
}

void kin_receiver_close_at(const kin_site *site, kin_receiver **receiver)
{
    (void)close_handle(site, (kin__handle **)receiver, KIN__RECEIVER_TAG, NULL);
}

kin_error *kin_sender_close_with_at(const kin_site *site, kin_sender **sender,
                                    kin_error *outcome)
{
    return close_handle(site, (kin__handle **)sender, KIN__SENDER_TAG, outcome);
}

kin_error *kin_receiver_close_with_at(const kin_site *site,
                                      kin_receiver **receiver,
                                      kin_error *outcome)
{
    return close_handle(site, (kin__handle **)receiver, KIN__RECEIVER_TAG,
                        outcome);
}

/* Asking. */

static void statistics(const kin__handle *handle, uint32_t tag,
                       kin_channel_statistics *out)
{
    *out = (kin_channel_statistics){0};
    if (!is_open(handle, tag))
        return;
    const kin__channel *ch = handle->channel;
    out->used = ch->used;
    out->capacity = ch->capacity;
    out->peak = ch->peak;
    out->senders = ch->open_senders;
    out->receivers = ch->open_receivers;
    out->waiting_senders = kin_wait_list_count(&ch->senders);
    out->waiting_receivers = kin_wait_list_count(&ch->receivers);
}

void kin_sender_statistics(const kin_sender *sender,
                           kin_channel_statistics *out)
{
    statistics((const kin__handle *)sender, KIN__SENDER_TAG, out);
}

void kin_receiver_statistics(const kin_receiver *receiver,
                             kin_channel_statistics *out)
{
    statistics((const kin__handle *)receiver, KIN__RECEIVER_TAG, out);
}

static int describe(const kin__handle *handle, uint32_t tag, char *text,
                    size_t size)
{
    char called[LABEL], bound[32] = "";
    kin_channel_statistics s;
    if (!is_open(handle, tag))
        return snprintf(text, size, "a %s that is closed", noun_of(tag));
    statistics(handle, tag, &s);
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
    return describe((const kin__handle *)sender, KIN__SENDER_TAG, text, size);
}

int kin_receiver_describe(const kin_receiver *receiver, char *text, size_t size)
{
    return describe((const kin__handle *)receiver, KIN__RECEIVER_TAG, text,
                    size);
}
