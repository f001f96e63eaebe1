/* kin/broadcast.h: channels of which every listener sees every item that is sent
   while it listens. Items are plain values, copied to each. One that does not
   keep up holds the sender back or loses the oldest items, as asked. All from
   the runtime's thread, in the run that opened it. */
#ifndef KIN_BROADCAST_H
#define KIN_BROADCAST_H

#include <kin/task.h>

KIN__C_BEGIN

/* A sender, which is its holder's, who closes it: a task that sends while others
   may close has a clone of its own. And one who listens. */
typedef struct kin_broadcast kin_broadcast;
typedef struct kin_listener kin_listener;

typedef struct kin_broadcast_options {
    bool lossy KIN__UNSET; /* whoever is slow loses the oldest; else a send
                                    waits for the slowest */
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_broadcast_options;

/* Items of that many bytes (0: pure signals), of which a listener may be up to
   `capacity` (at least 1) behind. Fails with KIN_MISUSE, KIN_NO_MEMORY. No
   checkpoint. */
#define kin_broadcast_open(broadcast, item_size, capacity, ...)     \
    kin_broadcast_open_at(KIN_HERE, broadcast, item_size, capacity, \
                          KIN__OPTIONS(kin_broadcast_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *
kin_broadcast_open_at(const kin_site *, kin_broadcast **, size_t item_size,
                      size_t capacity, const kin_broadcast_options *);

/* Sends a copy to everybody who listens now, be it nobody. Waits, unless lossy,
   while the slowest is as far behind as it may be. Fails with KIN_CLOSED, be it
   meanwhile; KIN_CANCELLED: nobody saw the item then. Checkpoint. */
#define kin_broadcast_send(...) kin_broadcast_send_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *
kin_broadcast_send_at(const kin_site *, kin_broadcast *, const void *item);
/* The same without waiting: fails with KIN_WOULD_BLOCK. No checkpoint; also from
   a callback. */
#define kin_broadcast_send_now(...) \
    kin_broadcast_send_now_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *
kin_broadcast_send_now_at(const kin_site *, kin_broadcast *, const void *item);
/* One more sender of the same broadcast. NULL, whose every use is KIN_CLOSED, of
   NULL or of another run's. No checkpoint. */
#define kin_broadcast_clone(broadcast) \
    kin_broadcast_clone_at(KIN_HERE, broadcast)
KIN_API kin_broadcast *kin_broadcast_clone_at(const kin_site *,
                                              kin_broadcast *);
/* Closes this sender, and sets it NULL. The last one ends the broadcast:
   listeners get what is there still, then KIN_END; sends that wait get
   KIN_CLOSED. Closing NULL does nothing. */
#define kin_broadcast_close(broadcast) \
    kin_broadcast_close_at(KIN_HERE, broadcast)
KIN_API void kin_broadcast_close_at(const kin_site *, kin_broadcast **);

/* One more listener, for what is sent from now on. Fails with KIN_CLOSED,
   KIN_NO_MEMORY. No checkpoint. */
#define kin_broadcast_listen(broadcast, listener) \
    kin_broadcast_listen_at(KIN_HERE, broadcast, listener)
KIN_API KIN_MUST_USE kin_error *
kin_broadcast_listen_at(const kin_site *, kin_broadcast *, kin_listener **);

/* The next item for this listener; waits for one. Fails with KIN_END when it was
   closed and there is no more; KIN_CLOSED when this listener is closed (or
   NULL), be it meanwhile; KIN_BUSY when another task waits on this listener;
   KIN_CANCELLED: no item was taken then. Checkpoint. */
#define kin_listener_receive(listener, item) \
    kin_listener_receive_at(KIN_HERE, listener, item)
KIN_API KIN_MUST_USE kin_error *
kin_listener_receive_at(const kin_site *, kin_listener *, void *item);
/* The same without waiting: fails with KIN_WOULD_BLOCK. No checkpoint; also from
   a callback. */
#define kin_listener_receive_now(listener, item) \
    kin_listener_receive_now_at(KIN_HERE, listener, item)
KIN_API KIN_MUST_USE kin_error *
kin_listener_receive_now_at(const kin_site *, kin_listener *, void *item);
/* How many items it has lost since this was last asked: between the item it
   received last and the one it will receive next. */
KIN_API uint64_t kin_listener_lost(kin_listener *);
/* Closes it and sets it NULL; a task that waits on it gets KIN_CLOSED. Closing
   NULL does nothing. */
#define kin_listener_close(listener) kin_listener_close_at(KIN_HERE, listener)
KIN_API void kin_listener_close_at(const kin_site *, kin_listener **);

/* One line about it: `broadcast "ticks": 2 of 8 items, 3 listeners, ...`.
   Returns what snprintf would. */
KIN_API int kin_broadcast_describe(const kin_broadcast *, char *text,
                                   size_t size);

KIN__C_END
#endif
