/* kin/testing.h: what a concurrent program needs to be tested. */
#ifndef KIN_TESTING_H
#define KIN_TESTING_H

#include <kin/run.h>

KIN__C_BEGIN

/* The virtual clock of a run opened `.clock = KIN_CLOCK_VIRTUAL`. It stands
   still while anybody can run, and jumps to the next timer when everybody
   waits. Each of these three fails with KIN_MISUSE when this run has no virtual
   clock. */

/* Moves it forward; timers that fall due fire in order. A negative length is a
   KIN_MISUSE. No checkpoint. (Trio: MockClock.jump) */
#define kin_clock_jump(length) kin_clock_jump_at(KIN_HERE, length)
KIN_API KIN_MUST_USE kin_error *kin_clock_jump_at(const kin_site *,
                                                  kin_time length);
/* Virtual seconds that pass in a real one; 0, the default: none. */
#define kin_clock_set_rate(rate) kin_clock_set_rate_at(KIN_HERE, rate)
KIN_API KIN_MUST_USE kin_error *kin_clock_set_rate_at(const kin_site *,
                                                      double rate);
/* How long, in real time, everybody must have waited before it jumps; 0, the
   default: at once; KIN_NEVER: it does not. */
#define kin_clock_set_autojump(threshold) \
    kin_clock_set_autojump_at(KIN_HERE, threshold)
KIN_API KIN_MUST_USE kin_error *kin_clock_set_autojump_at(const kin_site *,
                                                          kin_time threshold);

/* Waits until every other task has been waiting for `cushion` of real time (0:
   at once), before the clock jumps. Of several such waits those with the
   smaller cushion end first. Checkpoint. (Trio: wait_all_tasks_blocked) */
#define kin_wait_all_tasks_blocked(cushion) \
    kin_wait_all_tasks_blocked_at(KIN_HERE, cushion)
KIN_API KIN_MUST_USE kin_error *kin_wait_all_tasks_blocked_at(const kin_site *,
                                                              kin_time cushion);

KIN__C_END
#endif
