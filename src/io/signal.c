/* io/signal.c: signals, received by tasks.

   Handlers and not a signalfd: that one only gets signals that every thread of
   the process has blocked, and a library neither knows all threads nor may
   leave its mask to the programs that others start. A handler is set for the
   time that a receiver is open, and what was there before is put back.

   A disposition belongs to the process, so this is the one file with state of
   the process: for each signal, which receiver has it (one at most), and how
   many handlers are running at the moment, on whatever threads. A handler does
   two things to its receiver: it sets a bit, and it writes to an eventfd, which
   the receiver's run watches. close puts the old handlers back, lets those that
   run now finish, and only then takes the receiver away and frees it. A handler
   that finds none came late: it sends itself the signal again, for the old
   handler.

   The bits are the truth; the eventfd only says that it is worth to look. */
#include "base/alloc.h"
#include "core/reactor.h"

#include <kin/park.h>
#include <kin/signal.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SIGNALS = 64 };

struct kin_signals {
    _Atomic uint64_t pending; /* any thread: bit n - 1 is signal n */
    int news;                 /* the eventfd */
    uint64_t set;
    int latest; /* that was handed out: the next is looked for behind it */
    bool closed, waiting;
    struct sigaction before[SIGNALS + 1];
};

/* The process's. */
static _Atomic(kin_signals *) receivers[SIGNALS + 1];
static atomic_int handlers; /* that are running */

static uint64_t bit(int signo)
{
    return UINT64_C(1) << (signo - 1);
}

/* --- the handler --------------------------------------------------------- */

static void handle(int signo)
{
    int saved = errno;
    uint64_t one = 1;
    atomic_fetch_add(&handlers, 1);
    kin_signals *receiver = atomic_load(&receivers[signo]);
    if (receiver) {
        atomic_fetch_or(&receiver->pending, bit(signo));
        (void)!write(receiver->news, &one, sizeof one);
    }
    atomic_fetch_sub(&handlers, 1);
    if (!receiver)
        raise(signo);
    errno = saved;
}

/* --- opening and closing ------------------------------------------------- */

/* Not what cannot be handled, the faults, which happen to a thread and not to a
   program, and what libc keeps for itself. */
static bool can_be_received(int signo)
{
    switch (signo) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL: return false;
    default: break;
    }
    return (signo >= 1 && signo < 32) ||
           (signo >= SIGRTMIN && signo <= SIGNALS);
}

/* Reads the list into a set. */
static kin_error *read_set(const kin_site *site, va_list list, uint64_t *set)
{
    int signo;
    *set = 0;
    while ((signo = va_arg(list, int)) != 0) {
        if (!can_be_received(signo))
            return kin_fail_at(site, &KIN_MISUSE,
                               "signal %d cannot be received", signo);
        if (*set & bit(signo))
            return kin_fail_at(site, &KIN_MISUSE, "signal %d is given twice",
                               signo);
        if (atomic_load(&receivers[signo]))
            return kin_fail_at(site, &KIN_BUSY,
                               "signal %d has a receiver already", signo);
        *set |= bit(signo);
    }
    if (*set == 0)
        return kin_fail_at(site, &KIN_MISUSE, "a receiver of no signals");
    return NULL;
}

/* Gives the signals of the set back to whoever had them. */
static void uninstall(kin_signals *signals, uint64_t set)
{
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (set & bit(signo))
            (void)sigaction(signo, &signals->before[signo], NULL);
    while (atomic_load(&handlers) > 0)
        sched_yield();
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (set & bit(signo))
            atomic_store(&receivers[signo], NULL);
    while (atomic_load(&handlers) > 0)
        sched_yield();
}

/* 0 or an errno, and then nothing is changed. */
static int install(kin_signals *signals)
{
    /* On the thread's signal stack: tasks' stacks are small. */
    struct sigaction ours = {
        .sa_handler = handle,
        .sa_flags = SA_RESTART | SA_ONSTACK,
    };
    uint64_t done = 0;
    for (int signo = 1; signo <= SIGNALS; signo++) {
        if (!(signals->set & bit(signo)))
            continue;
        kin_signals *nobody = NULL;
        int failure = 0;
        if (!atomic_compare_exchange_strong(&receivers[signo], &nobody,
                                            signals))
            failure = EBUSY;
        else if (sigaction(signo, &ours, &signals->before[signo]) < 0)
            failure = errno;
        if (!failure) {
            done |= bit(signo);
            continue;
        }
        if (failure != EBUSY)
            atomic_store(&receivers[signo], NULL);
        uninstall(signals, done);
        return failure;
    }
    return 0;
}

/* A receiver of that set, which is not installed; or NULL and an errno. */
static kin_signals *make(uint64_t set, int *failure)
{
    kin_signals *it = kin__alloc(sizeof *it);
    *failure = ENOMEM;
    if (!it)
        return NULL;
    memset(it, 0, sizeof *it);
    it->set = set;
    it->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (it->news < 0) {
        *failure = errno;
        kin__free(it);
        return NULL;
    }
    kin__io_forget(it->news);
    return it;
}

static void give_back(kin_signals *signals)
{
    kin__io_forget(signals->news);
    close(signals->news);
    signals->news = -1;
}

static void give_up(kin_signals *signals)
{
    give_back(signals);
    kin__free(signals);
}

kin_error *kin_signals_open_at(const kin_site *site, kin_signals **signals, ...)
{
    uint64_t set;
    va_list list;
    if (!signals)
        return kin_fail_at(site, &KIN_MISUSE, "kin_signals_open of NULL");
    va_start(list, signals);
    kin_error *err = read_set(site, list, &set);
    va_end(list);
    if (err)
        return err;
    int failure;
    kin_signals *it = make(set, &failure);
    if (it && (failure = install(it)) == 0) {
        *signals = it;
        return NULL;
    }
    if (it)
        give_up(it);
    if (failure == ENOMEM)
        return kin_fail_at(site, &KIN_NO_MEMORY, "no memory for signals");
    if (failure == EBUSY)
        return kin_fail_at(site, &KIN_BUSY, "a signal has a receiver already");
    return kin_fail_errno_at(site, failure, "receiving signals");
}

void kin_signals_close(kin_signals **signals)
{
    kin_signals *it = signals ? *signals : NULL;
    if (signals)
        *signals = NULL;
    if (!it || it->closed)
        return;
    uninstall(it, it->set);
    it->closed = true;
    give_back(it);
    uint64_t missed = atomic_load(&it->pending);
    if (!it->waiting)
        kin__free(it);
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (missed & bit(signo))
            raise(signo);
}

/* --- receiving ----------------------------------------------------------- */

/* The first one behind the latest, in turn; 0: none has come. */
static int take(kin_signals *signals)
{
    uint64_t pending = atomic_load(&signals->pending);
    for (int step = 1; pending && step <= SIGNALS; step++) {
        int signo = (signals->latest + step - 1) % SIGNALS + 1;
        if (!(pending & bit(signo)))
            continue;
        atomic_fetch_and(&signals->pending, ~bit(signo));
        signals->latest = signo;
        return signo;
    }
    return 0;
}

/* Waits for the eventfd, and reads it empty. */
static kin_error *await_news(const kin_site *site, kin_signals *signals)
{
    uint64_t count;
    kin__io_op op = {
        .kind = KIN__IO_READ,
        .fd = signals->news,
        .buffer = &count,
        .length = sizeof count,
        .offset = -1,
    };
    kin_error *err = kin__io_run(site, &op, "a signal");
    if (!err && op.result == -ENOMEM)
        err = kin_fail_at(site, &KIN_NO_MEMORY, "no memory for signals");
    else if (!err && op.result < 0)
        err = kin_fail_errno_at(site, (int)-op.result, "receiving signals");
    return err;
}

static kin_error *next(const kin_site *site, kin_signals *signals, int *signo)
{
    kin_error *err = kin_pass_at(site);
    int taken = 0;
    while (!err && (taken = take(signals)) == 0)
        err = await_news(site, signals);
    if (!err)
        *signo = taken;
    return err;
}

kin_error *kin_signals_next_at(const kin_site *site, kin_signals *signals,
                               int *signo)
{
    if (!signals || signals->closed)
        return kin_fail_at(site, &KIN_CLOSED, "the receiver is closed");
    if (signals->waiting)
        return kin_fail_at(site, &KIN_BUSY,
                           "another task waits for these signals");
    signals->waiting = true;
    kin_error *err = next(site, signals, signo);
    signals->waiting = false;
    if (signals->closed)
        kin__free(signals);
    return err;
}

size_t kin_signals_pending(const kin_signals *signals)
{
    return signals
               ? (size_t)__builtin_popcountll(atomic_load(&signals->pending))
               : 0;
}
