/* kin/channel.h: channels: values of one size from tasks that send to tasks
   that receive, in order, each to exactly one. A channel is as good as its
   handles: it ends for the receivers when the last sender is closed and what was
   sent has been received, and breaks for the senders when the last receiver is
   closed. All from the runtime's thread, in the run that opened it. */
#ifndef KIN_CHANNEL_H
#define KIN_CHANNEL_H

#include <kin/task.h>

KIN__C_BEGIN

/* A handle is its holder's, who closes it. Each is one of any number of ways
   into the same channel. A closed handle's memory stays readable, as closed,
   until the channel itself is gone or 256 more of its handles were closed. */
typedef struct kin_sender kin_sender;
typedef struct kin_receiver kin_receiver;

/* As a capacity: no bound. A larger one, such as a negative number, is a
   mistake. */
#define KIN_UNBOUNDED ((size_t)PTRDIFF_MAX)

/* Disposes of an item that nobody will receive. Must not wait. */
typedef void kin_drop(void *item);

typedef struct kin_channel_options {
    kin_drop *drop KIN__UNSET;   /* NULL: items need no disposal */
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_channel_options;

/* A channel for items of that many bytes, which are copied (0: a pure signal,
   and items may be NULL), of which up to `capacity` wait for a receiver; with 0
   a send waits for its receiver. The buffer of a bounded one is allocated here,
   once. Fails with KIN_MISUSE when the sizes are impossible, with
   KIN_NO_MEMORY, and then neither handle is set. No checkpoint.
   (Trio: open_memory_channel) */
#define kin_channel_open(sender, receiver, item_size, capacity, ...)     \
    kin_channel_open_at(KIN_HERE, sender, receiver, item_size, capacity, \
                        KIN__OPTIONS(kin_channel_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *
kin_channel_open_at(const kin_site *, kin_sender **, kin_receiver **,
                    size_t item_size, size_t capacity,
                    const kin_channel_options *);

/* Sends a copy of the item: to the receiver that has waited longest, whose it is
   at once, else into the buffer; waits while there is neither. Fails with
   KIN_CLOSED when this handle is closed (or NULL), be it meanwhile; KIN_BROKEN
   when there is no receiver left; KIN_CANCELLED; KIN_NO_MEMORY if unbounded:
   the item then stays the caller's. Checkpoint. (Trio: MemorySendChannel.send) */
#define kin_send(...) kin_send_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *
kin_send_at(const kin_site *, kin_sender *sender, const void *item);
/* The same without waiting: fails with KIN_WOULD_BLOCK instead. No checkpoint;
   also from a callback. */
#define kin_send_now(...) kin_send_now_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *kin_send_now_at(const kin_site *, kin_sender *,
                                                const void *item);

/* Receives the oldest item into *item; waits while there is none. Fails with
   KIN_END when every sender is closed and all was received; KIN_BROKEN when, in
   that case, a sender was closed with an error, which is the cause; KIN_CLOSED
   when this handle is closed (or NULL), be it meanwhile; KIN_CANCELLED: no item
   was taken then. Checkpoint. (Trio: MemoryReceiveChannel.receive) */
#define kin_receive(receiver, item) kin_receive_at(KIN_HERE, receiver, item)
KIN_API KIN_MUST_USE kin_error *kin_receive_at(const kin_site *, kin_receiver *,
                                               void *item);
/* The same without waiting: fails with KIN_WOULD_BLOCK instead. No checkpoint;
   also from a callback. */
#define kin_receive_now(receiver, item) \
    kin_receive_now_at(KIN_HERE, receiver, item)
KIN_API KIN_MUST_USE kin_error *kin_receive_now_at(const kin_site *,
                                                   kin_receiver *, void *item);

/* One more handle of the same kind. NULL, whose every use is KIN_CLOSED, of a
   closed one; NULL too when memory is out, and the calling task then holds a
   KIN_NO_MEMORY. No checkpoint. */
#define kin_sender_clone(sender) kin_sender_clone_at(KIN_HERE, sender)
#define kin_receiver_clone(receiver) kin_receiver_clone_at(KIN_HERE, receiver)
KIN_API kin_sender *kin_sender_clone_at(const kin_site *, kin_sender *);
KIN_API kin_receiver *kin_receiver_clone_at(const kin_site *, kin_receiver *);

/* Closes this handle and sets it NULL; those who wait on it, and nobody else,
   get KIN_CLOSED. With the last sender, receivers get what is in the buffer and
   then KIN_END; with the last receiver, what is in the buffer is dropped and
   senders get KIN_BROKEN. Closing NULL does nothing. No checkpoint. */
#define kin_sender_close(sender) kin_sender_close_at(KIN_HERE, sender)
#define kin_receiver_close(receiver) kin_receiver_close_at(KIN_HERE, receiver)
KIN_API void kin_sender_close_at(const kin_site *, kin_sender **);
KIN_API void kin_receiver_close_at(const kin_site *, kin_receiver **);

/* Closes this handle with the outcome of whoever used it. An error is the
   channel's then: once the last handle of this side is closed, the other side
   gets KIN_BROKEN with that error as its cause (several, in a group), the
   receivers after what is in the buffer. When nobody is left on the other side,
   the error is given back; NULL: there was none or it is the channel's. What
   nobody came to see goes to the run's unhandled hook when the channel goes. No
   checkpoint. */
#define kin_sender_close_with(sender, outcome) \
    kin_sender_close_with_at(KIN_HERE, sender, outcome)
#define kin_receiver_close_with(receiver, outcome) \
    kin_receiver_close_with_at(KIN_HERE, receiver, outcome)
KIN_API KIN_MUST_USE kin_error *
kin_sender_close_with_at(const kin_site *, kin_sender **, kin_error *outcome);
KIN_API KIN_MUST_USE kin_error *kin_receiver_close_with_at(const kin_site *,
                                                           kin_receiver **,
                                                           kin_error *outcome);

typedef struct kin_channel_statistics {
    size_t used, capacity;     /* items in the buffer, at most */
    size_t peak;               /* the most there ever were */
    size_t senders, receivers; /* open handles */
    size_t waiting_senders, waiting_receivers; /* tasks */
} kin_channel_statistics;

/* All zero for a closed handle. Walks those who wait. */
KIN_API void kin_sender_statistics(const kin_sender *,
                                   kin_channel_statistics *);
KIN_API void kin_receiver_statistics(const kin_receiver *,
                                     kin_channel_statistics *);

/* One line about it, for dumps: `channel "jobs": 3 of 8 items, ...`. Returns
   what snprintf would. */
KIN_API int kin_sender_describe(const kin_sender *, char *text, size_t size);
KIN_API int kin_receiver_describe(const kin_receiver *, char *text,
                                  size_t size);

/* One wait on a handle; private. `next` and `back` are its handle's list, which
   it stays in until its task runs again. */
typedef struct kin__channel_wait kin__channel_wait;
struct kin__channel_wait {
    kin_waiter waiter; /* data: the item, or where one goes */
    kin__channel_wait *next, **back;
};

KIN__C_END
#endif
