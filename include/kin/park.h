/* kin/park.h: the one way in which a task waits, and the one list that waiting
   tasks stand in. Everything that blocks is built on these, kin's own parts
   too. All from the runtime's thread. */
#ifndef KIN_PARK_H
#define KIN_PARK_H

#include <kin/task.h>

KIN__C_BEGIN

/* Called at most once for a wait, when the waiting task is cancelled: takes it
   out of whatever it waits in and says true, and the wait fails with
   KIN_CANCELLED; or refuses by saying false, and the wait goes on until it is
   woken. Must not wait. */
typedef bool kin_abort_fn(void *context);

/* Waits until somebody calls kin_wake for this task, and returns what that was
   given. `what` says for dumps what is waited for; borrowed. Fails when already
   cancelled, before anything else: the abort is then not called. A NULL abort is
   a wait that cannot be cancelled, and then this is no cancel point either.
   Checkpoint. (Trio: wait_task_rescheduled) */
#define kin_park(abort, context, what) \
    kin_park_at(KIN_HERE, abort, context, what)
KIN_API KIN_MUST_USE kin_error *kin_park_at(const kin_site *, kin_abort_fn *,
                                            void *context, const char *what);

/* Ends the wait of a parked task with that result, which becomes that task's;
   it runs when its turn comes. Exactly once a wait: a task that does not wait
   is left alone, and a KIN_MISUSE is held by the caller (with the result).
   (Trio: reschedule) */
#define kin_wake(task, result) kin_wake_at(KIN_HERE, task, result)
KIN_API void kin_wake_at(const kin_site *, kin_task *, kin_error *result);

/* For primitives that need not wait: fails when the task is cancelled, else
   uses up one checkpoint of its budget and gives way when that is spent. Call
   it before the effect. Checkpoint. */
#define kin_pass() kin_pass_at(KIN_HERE)
KIN_API KIN_MUST_USE kin_error *kin_pass_at(const kin_site *);

/* How many wait in it; walks the list. */
KIN_API size_t kin_wait_list_count(const kin_wait_list *);
/* Waits at the end of the list. The waiter is the caller's, uninitialised but
   for `data`, and is out of the list when this returns. Checkpoint.
   (Trio: ParkingLot.park) */
#define kin_wait_on(list, waiter, what) \
    kin_wait_on_at(KIN_HERE, list, waiter, what)
KIN_API KIN_MUST_USE kin_error *kin_wait_on_at(const kin_site *,
                                               kin_wait_list *, kin_waiter *,
                                               const char *what);
/* Wakes the first one with that result (NULL if none waits), or up to `count`
   with success; returns whom, or how many. */
KIN_API kin_waiter *kin_wait_list_wake_one(kin_wait_list *, kin_error *result);
KIN_API size_t kin_wait_list_wake(kin_wait_list *, size_t count);
/* Takes one waiter out without waking it, for a primitive that wakes it. */
KIN_API void kin_wait_list_remove(kin_waiter *);
/* Moves up to `count` waiters, in order, to the end of another list, where they
   can be cancelled as before. */
KIN_API size_t kin_wait_list_move(kin_wait_list *from, kin_wait_list *to,
                                  size_t count);
/* Fails everybody who waits or will wait here with KIN_BROKEN. */
KIN_API void kin_wait_list_break(kin_wait_list *, const char *why);

KIN__C_END
#endif
