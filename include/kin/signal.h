/* kin/signal.h: signals, received by a task instead of a handler. From the
   runtime's thread. */
#ifndef KIN_SIGNAL_H
#define KIN_SIGNAL_H

#include <kin/error.h>

KIN__C_BEGIN

typedef struct kin_signals kin_signals;

/* Receives these signals from now on: kin_signals_open(&signals, SIGTERM,
   SIGHUP). What handled them before handles them again after the close. A
   signal can have one receiver in a process, else KIN_BUSY. No signal, one
   given twice, or one that cannot be received (SIGKILL, SIGSTOP, and the faults
   SIGSEGV, SIGBUS, SIGFPE, SIGILL) is a KIN_MISUSE; KIN_OS; KIN_NO_MEMORY. On
   failure nothing is changed. No checkpoint. (Trio: open_signal_receiver) */
#define kin_signals_open(signals, ...) \
    kin_signals_open_at(KIN_HERE, signals, __VA_ARGS__ __VA_OPT__(, ) 0)
KIN_API KIN_MUST_USE kin_error *kin_signals_open_at(const kin_site *,
                                                    kin_signals **signals,
                                                    /* int, ..., 0 */...);

/* Waits until one of them has come, and says which. One that comes several
   times before it is asked for comes once; several take turns. Fails with
   KIN_CANCELLED, and then none is lost; KIN_BUSY when another task waits;
   KIN_CLOSED. Checkpoint. */
#define kin_signals_next(signals, signo) \
    kin_signals_next_at(KIN_HERE, signals, signo)
KIN_API KIN_MUST_USE kin_error *kin_signals_next_at(const kin_site *,
                                                    kin_signals *, int *signo);

/* How many different ones have come and were not asked for yet. */
KIN_API size_t kin_signals_pending(const kin_signals *);

/* Puts back what handled them before, and raises again what came and nobody
   asked for: with no handler of its own SIGTERM then ends the process. A task
   that waits gets KIN_CLOSED. Sets *signals to NULL; NULL is closed already. No
   checkpoint. */
KIN_API void kin_signals_close(kin_signals **signals);

KIN__C_END
#endif
