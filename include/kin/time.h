/* kin/time.h: lengths and points of time, and the sleeps. */
#ifndef KIN_TIME_H
#define KIN_TIME_H

#include <kin/base.h>

KIN__C_BEGIN

/* Nanoseconds: a length, or a point on the run's monotonic clock. A length
   that was computed and has run out is negative, and that means "already
   over"; zero in an option means "not set". */
typedef int64_t kin_time;

#define KIN_NEVER INT64_MAX
#define KIN_AT_ONCE ((kin_time)-1)

/* Each takes an integer or a floating value; what does not fit becomes the
   nearest length that does, and not-a-number is already over. */
#define KIN_MICROSECONDS(n) KIN__LENGTH(n, 1000)
#define KIN_MILLISECONDS(n) KIN__LENGTH(n, 1000000)
#define KIN_SECONDS(n) KIN__LENGTH(n, 1000000000)

#define KIN__IS_FLOATING(n) ((__typeof__((n) + 0))0.5 != 0)
#define KIN__LENGTH(n, unit)                         \
    (__builtin_isnan((double)(n))      ? KIN_AT_ONCE \
     : (double)(n) >= 9.2e18 / (unit)  ? KIN_NEVER   \
     : (double)(n) <= -9.2e18 / (unit) ? -KIN_NEVER  \
     : KIN__IS_FLOATING(n)                           \
         ? KIN__ROUNDED((double)(n) * (unit))        \
         : ((double)(n) >= 9.2e18 / (unit) ? 0 : (kin_time)(n)) * (unit))
/* Never to 0, which would be "not set". */
#define KIN__ROUNDED(x)                 \
    ((x) <= -1  ? (kin_time)((x)-0.5)   \
     : (x) < 0  ? KIN_AT_ONCE           \
     : (x) >= 1 ? (kin_time)((x) + 0.5) \
                : (kin_time)((x) > 0))

/* The point of time that it is now. Inside a run it is the run's clock, virtual
   or not; outside one the real monotonic clock. Any thread; no checkpoint. */
KIN_API kin_time kin_now(void);

/* What is left until a point: a positive length, KIN_NEVER for KIN_NEVER, or
   KIN_AT_ONCE when it has passed; never 0, so that it can be an option. */
KIN_API kin_time kin_left(kin_time until);

/* Waits for a length of time. A length of zero or less is a checkpoint that
   gives way. Fails with KIN_CANCELLED. Checkpoint. (Trio: sleep) */
#define kin_sleep(length) kin_sleep_at(KIN_HERE, length)
KIN_API KIN_MUST_USE kin_error *kin_sleep_at(const kin_site *, kin_time length);

/* Waits until a point of time; one that has passed is a checkpoint that gives
   way. Fails with KIN_CANCELLED. Checkpoint. (Trio: sleep_until) */
#define kin_sleep_until(when) kin_sleep_until_at(KIN_HERE, when)
KIN_API KIN_MUST_USE kin_error *kin_sleep_until_at(const kin_site *,
                                                   kin_time when);

/* Waits for cancellation: only ever ends by failing. Checkpoint.
   (Trio: sleep_forever) */
#define kin_sleep_forever() kin_sleep_forever_at(KIN_HERE)
KIN_API KIN_MUST_USE kin_error *kin_sleep_forever_at(const kin_site *);

/* Gives way to whoever else can run, always. Fails with KIN_CANCELLED when
   the task is cancelled, be it before or while others ran. Checkpoint.
   (Trio: checkpoint) */
#define kin_checkpoint() kin_checkpoint_at(KIN_HERE)
KIN_API KIN_MUST_USE kin_error *kin_checkpoint_at(const kin_site *);

/* The two halves of a checkpoint, neither of which is one alone: fails when
   the task is cancelled and else does nothing; gives way and never fails.
   (Trio: checkpoint_if_cancelled, cancel_shielded_checkpoint) */
#define kin_checkpoint_if_cancelled() kin_checkpoint_if_cancelled_at(KIN_HERE)
KIN_API KIN_MUST_USE kin_error *
kin_checkpoint_if_cancelled_at(const kin_site *);
KIN_API void kin_give_way(void);

KIN__C_END
#endif
