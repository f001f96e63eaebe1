/* interrupts.c: see interrupts.h.

   A terminal sends its SIGINT to kin alone, since each command is in a process
   group of its own; so it is kin that has to pass it on. A run that was
   interrupted ends: commands that do not are killed after the grace, and output
   that nobody takes is given up when the grace has passed once more.

   A terminal's stop key stops kin alone, likewise: it passes SIGTSTP on, stops
   as it would have without a handler (the kernel knows whether somebody is there
   who could continue it), and passes on the SIGCONT that it wakes by.

   SIGHUP is left ignored where it is ignored already (nohup), and SIGTSTP (a
   shell without job control). SIGINT is not: a
   shell without job control starts what it puts into the background that way,
   and who then sends a SIGINT means it. */
#include "interrupts.h"
#include "progress.h"

#include <kin/signal.h>

#include <signal.h>
#include <string.h>

/* Long enough for what is at hand to be written after a second SIGINT. */
#define LAST_MOMENT KIN_MILLISECONDS(500)

struct watch {
    run *run;
    kin_signals *signals;
    bool came[NSIG];
    kin_time patience; /* until then the output may wait for its reader; 0:
                          for as long as it takes */
};

static void pass_on(const run *it, int signo)
{
    for (const job *one = it->first; one; one = one->next)
        if (one->process)
            /* What may not be signalled cannot be helped here. */
            kin_error_free(kin_process_signal_group(one->process, signo));
}

static kin_time from_now(kin_time length)
{
    kin_time now = kin_now();
    if (length <= 0)
        return now;
    return length > KIN_NEVER - now ? KIN_NEVER : now + length;
}

static void begin_end(struct watch *it, int signo)
{
    kin_time grace = it->run->options.grace;
    it->run->interrupt = signo;
    it->patience = from_now(grace > KIN_NEVER / 2 ? KIN_NEVER : 2 * grace);
    kin_scope_cancel(it->run->everything, "interrupted by SIG%s",
                     sigabbrev_np(signo));
    run_say(it->run, "SIG%s: the commands are asked to end%s",
            sigabbrev_np(signo),
            signo == SIGINT ? "; once more kills them" : "");
}

static void interrupt(struct watch *it, int signo)
{
    bool again = it->came[signo];
    it->came[signo] = true;
    it->run->impatient |= again && signo == SIGINT;
    if (!it->run->everything)
        return;
    if (again && signo == SIGINT) {
        pass_on(it->run, SIGKILL);
        it->patience = from_now(LAST_MOMENT);
    } else if (!again) {
        pass_on(it->run, signo);
        if (!it->run->interrupt)
            begin_end(it, signo);
    }
}

static void stop_self(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, before;
    (void)sigaction(SIGTSTP, &standard, &before);
    (void)raise(SIGTSTP);
    (void)sigaction(SIGTSTP, &before, NULL);
}

static void suspend(struct watch *it)
{
    pass_on(it->run, SIGTSTP);
    progress_hide(it->run, true);
    stop_self();
    /* Nobody continued it: it was not stopped. */
    if (kin_signals_pending(it->signals) == 0)
        pass_on(it->run, SIGCONT);
    progress_hide(it->run, false);
}

static void receive(struct watch *it, int signo)
{
    switch (signo) {
    case SIGTSTP: suspend(it); break;
    case SIGCONT: pass_on(it->run, signo); break;
    case SIGWINCH: progress_refresh(it->run); break;
    default: interrupt(it, signo); break;
    }
}

/* *signo is 0 when the patience is at an end. */
static kin_error *next(const struct watch *it, int *signo)
{
    *signo = 0;
    return KIN_WITHIN(kin_signals_next(it->signals, signo),
                      .deadline = it->patience);
}

static kin_error *watch(struct watch *it)
{
    for (;;) {
        int signo;
        KIN_TRY(next(it, &signo));
        if (signo) {
            receive(it, signo);
        } else {
            outputs_give_up(&it->run->outputs);
            it->patience = 0;
        }
    }
}

static bool is_ignored(int signo)
{
    struct sigaction now;
    return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

kin_error *interrupts_watch(void *arg)
{
    struct watch it = {.run = arg};
    int hangup = is_ignored(SIGHUP) ? 0 : SIGHUP;
    int stop = is_ignored(SIGTSTP) ? 0 : SIGTSTP;
    /* The list ends with 0. */
    KIN_TRY(kin_signals_open(&it.signals, SIGINT, SIGTERM, SIGCONT, SIGWINCH,
                             hangup ? hangup : stop, hangup ? stop : 0));
    kin_started(NULL);
    kin_error *err = watch(&it);
    kin_signals_close(&it.signals);
    return err;
}
