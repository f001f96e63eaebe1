/* reactor/attempt.h: the system calls behind the operations, made in such a way
   that they never wait. For backends that are told of readiness, and for calls
   that end in `_now`. */
#ifndef KIN__ATTEMPT_H
#define KIN__ATTEMPT_H

#include "core/reactor.h"

/* What was learnt about a descriptor: saves a call that would fail. A hint that
   is wrong (the number is another file's by now) costs a call and no more. */
enum {
    KIN__NOT_A_SOCKET = 1,
    KIN__RAISES_SIGPIPE = 2, /* it does not know RWF_NOSIGNAL */
};

/* Does the operation if it can be done without waiting. True: op->result is
   set. False: it would have to wait; nothing happened. Whether the descriptor
   is O_NONBLOCK makes no difference for READ and WRITE; ACCEPT and CONNECT are
   asked for on sockets that kin made, which are. Sends no SIGPIPE. */
bool kin__io_attempt(kin__io_op *, uint8_t *hints);

/* READ or WRITE in the plain way: for files that are always ready. */
void kin__io_force(kin__io_op *);

#endif
