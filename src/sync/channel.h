/* sync/channel.h: the channel, seen from kin_select. */
#ifndef KIN__CHANNEL_H
#define KIN__CHANNEL_H

#include "core/runtime.h"

#include <kin/channel.h>

typedef struct kin__channel kin__channel;

typedef enum { KIN__SENDING, KIN__RECEIVING } kin__side;

/* A sender or a receiver: kin_sender and kin_receiver are its two names. */
typedef struct kin__handle {
    uint64_t key; /* its run's, plus its side; 0: closed */
    kin__channel *channel;
    kin__channel_wait *waits;  /* on this handle */
    struct kin__handle *spare; /* while closed: the next closed one */
} kin__handle;

/* What an attempt without waiting comes to. */
typedef enum { KIN__TOOK_EFFECT, KIN__FAILED, KIN__MUST_WAIT } kin__attempt;

/* Tries to send the item or to receive into it. *err when it failed, and only
   then. */
kin__attempt kin__channel_try(const kin_site *, kin__handle *, kin__side,
                              void *item, kin_error **err);
/* Whether that would not have to wait. */
bool kin__channel_is_ready(const kin__handle *, kin__side);

/* Stands in the line of those who wait to do so; the waiter's task and siblings
   are set. A handle that must wait is open. */
void kin__channel_queue(kin__handle *, kin__side, kin__channel_wait *,
                        void *item);
/* The wait is over, whoever ended it. */
static inline void kin__channel_unqueue(kin__channel_wait *wait)
{
    if (__builtin_expect(!wait->back, 0))
        return; /* its handle is closed */
    *wait->back = wait->next;
    if (wait->next)
        wait->next->back = wait->back;
    wait->back = NULL;
}

#endif
