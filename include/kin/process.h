/* kin/process.h: child processes. A process is somebody's to close, and does
   not outlive that: it leads a process group of its own, and closing it ends
   what is left of the group. All from the runtime's thread. */
#ifndef KIN_PROCESS_H
#define KIN_PROCESS_H

#include <kin/stream.h>
#include <kin/time.h>

KIN__C_BEGIN

typedef struct kin_process kin_process;

/* Where one of a process's three standard streams leads. */
typedef int kin_stdio;
#define KIN_STDIO_INHERIT 0 /* the default: this program's own */
#define KIN_STDIO_NULL (-1) /* /dev/null */
#define KIN_STDIO_PIPE (-2) /* a pipe, whose other end is a kin_stream */
#define KIN_STDIO_OUT (-3)  /* .err alone: where .out leads */
#define KIN_STDIO_FD(fd) ((fd) + 1) /* a descriptor; the caller's still */

/* How a process ended. */
typedef struct kin_process_status {
    int code; /* its exit status, or -N: killed by signal N */
    bool core_dumped;
    bool known; /* false: somebody else took its status away (this program
                   ignores SIGCHLD, say); the code is 0 then */
} kin_process_status;

/* Ends a process politely, in place of SIGTERM to its group. Runs in the task
   that was cancelled, shielded; the process may have ended by itself. What it
   fails with joins the outcome; the process gets its SIGKILL all the same. */
typedef kin_error *kin_process_on_cancel(kin_process *, void *context);

typedef struct kin_process_options {
    const char *name KIN__UNSET; /* for errors and dumps; default: argv[0] */
    kin_stdio in KIN__UNSET, out KIN__UNSET, err KIN__UNSET;
    const char *directory KIN__UNSET;          /* to start in */
    const char *const *environment KIN__UNSET; /* "NAME=value", ..., NULL;
                                                  default: this program's */
    bool join_group KIN__UNSET; /* stays in this program's process group, to
                                   share its terminal; then what is said of the
                                   group here is true of the process alone */
    bool survive KIN__UNSET;    /* goes on when this program is killed; else it
                                (not its own children) is sent SIGKILL then,
                                and when the thread that started it ends */
    /* KIN_STDIO_FD(fd): a descriptor above 2 that the process writes its id to,
       an int, before it runs the command, and the negative if it cannot. */
    kin_stdio announce KIN__UNSET;
    /* It gets one more descriptor, 3, which KIN_ERROR_FD in its environment
       names: if it is a kin program that fails, its error tree comes back
       through that, and explains the failure (kin_process_error). */
    bool hand_up KIN__UNSET;

    /* for kin_process_run alone */
    const void *input KIN__UNSET;  /* what it is given to read; borrowed */
    size_t input_size KIN__UNSET;  /* bytes; `in` is a pipe then */
    size_t capture_max KIN__UNSET; /* bytes of one stream; more is a failure;
                                      default: what memory holds */
    kin_time grace KIN__UNSET; /* between SIGTERM and SIGKILL; default 5 s */
    bool unchecked KIN__UNSET; /* an exit status other than 0 is no failure */
    kin_process_on_cancel *on_cancel KIN__UNSET;
    void *context KIN__UNSET; /* for on_cancel */
} kin_process_options;

/* A command with its arguments, in C: KIN_ARGV("sort", "-n", path). */
#ifndef __cplusplus
#define KIN_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

/* Starts argv[0] with these arguments (the last is NULL). A name without a
   slash is looked for along the PATH of the environment that it gets; one with
   a slash from the directory that it starts in. It has the three standard
   descriptors and no others (but see .hand_up), no blocked and no ignored signals, and a script
   without an interpreter line is given to /bin/sh, as a shell would.

   Fails with KIN_OS when the command cannot be executed (the code is ENOENT
   when there is none, EACCES when it is not executable, ...) or nothing more
   can be opened; KIN_NO_MEMORY; KIN_MISUSE for options that make no sense;
   KIN_CANCELLED. In all cases nothing runs then and nothing is left open. The
   thread stands still until the command runs, about a millisecond. Checkpoint.
   (Trio: open_process) */
#define kin_process_start(process, argv, ...)     \
    kin_process_start_at(KIN_HERE, process, argv, \
                         KIN__OPTIONS(kin_process_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *
kin_process_start_at(const kin_site *, kin_process **process,
                     const char *const argv[], const kin_process_options *);

/* The ends of its pipes, NULL where it has none: what is sent to `in` it reads,
   what it writes is received from `out` and `err`. They are the process's: its
   close closes them; kin_stream_send_end(in) gives it the end of its input. */
KIN_API kin_stream *kin_process_in(const kin_process *);
KIN_API kin_stream *kin_process_out(const kin_process *);
KIN_API kin_stream *kin_process_err(const kin_process *);
KIN_API int kin_process_id(const kin_process *);
KIN_API const char *kin_process_name(const kin_process *);

/* Waits until it has ended and says how; several tasks may, and also after it
   ended. `status` may be NULL. What it left in its group goes on. Fails with
   KIN_CANCELLED; KIN_CLOSED when it is closed, be it meanwhile. Checkpoint.
   (Trio: Process.wait) */
#define kin_process_wait(process, status) \
    kin_process_wait_at(KIN_HERE, process, status)
KIN_API KIN_MUST_USE kin_error *kin_process_wait_at(const kin_site *,
                                                    kin_process *,
                                                    kin_process_status *status);

/* Sends a signal to the process, or to all of its group. Nobody left to get
   it is no failure. Fail with KIN_OS (EPERM, EINVAL), KIN_CLOSED. No
   checkpoints. */
#define kin_process_signal(process, signo) \
    kin_process_signal_at(KIN_HERE, process, signo)
#define kin_process_signal_group(process, signo) \
    kin_process_signal_group_at(KIN_HERE, process, signo)
KIN_API KIN_MUST_USE kin_error *kin_process_signal_at(const kin_site *,
                                                      kin_process *, int signo);
KIN_API KIN_MUST_USE kin_error *
kin_process_signal_group_at(const kin_site *, kin_process *, int signo);

/* Ends the process and all of its group: SIGTERM, and to who is left after the
   grace (KIN_AT_ONCE: none) SIGKILL; waits until that is done, and reaps it.
   kin_process_wait says how it ended. Nothing happens to one that is gone.
   Gives way, but is not a cancel point: it is for cleaning up, and does all of
   it also when its task is cancelled. Fails with KIN_OS when it may not signal
   it, and then the process may be running; with KIN_CLOSED. */
#define kin_process_stop(process, grace) \
    kin_process_stop_at(KIN_HERE, process, grace)
KIN_API KIN_MUST_USE kin_error *
kin_process_stop_at(const kin_site *, kin_process *, kin_time grace);

/* Gives everything back and sets *process to NULL. What still runs of the group
   gets SIGKILL; returns when it is gone, and the process reaped. Its streams
   are closed, tasks that wait for it get KIN_CLOSED. NULL is closed already.
   Gives way while it waits; not a cancel point. */
KIN_API void kin_process_close(kin_process **process);

/* "exit status 3", "killed by SIGSEGV (core dumped)". Returns what snprintf
   would. */
KIN_API int kin_process_status_text(kin_process_status, char *text,
                                    size_t size);
/* The error tree that it handed up (.hand_up), once it has ended: the caller's
   to free; NULL when there is none. Several programs behind one command: a group
   of theirs. One that is no tree, or is larger than 256 KiB, is a KIN_REMOTE
   that says so. */
KIN_API kin_error *kin_process_error(const kin_process *);
/* NULL for exit status 0; else a KIN_PROCESS_FAILED with the command and the
   status in words, whose code is the status's, and whose cause is the tree that
   it handed up. */
#define kin_process_check(process, status) \
    kin_process_check_at(KIN_HERE, process, status)
KIN_API KIN_MUST_USE kin_error *kin_process_check_at(const kin_site *,
                                                     const kin_process *,
                                                     kin_process_status status);

/* --- from start to end -------------------------------------------------- */

/* What a process that ran to its end left. */
typedef struct kin_process_outcome {
    kin_process_status status;
    char *out, *err; /* what it wrote where .out, .err are KIN_STDIO_PIPE, and a
                        NUL behind it; else NULL */
    size_t out_size, err_size;
} kin_process_outcome;
/* NULL-safe; leaves it empty. */
KIN_API void kin_process_outcome_free(kin_process_outcome *);

/* Runs a command to its end: starts it, feeds it .input (that it does not read
   all of it is no failure), gathers what it writes to pipes, waits for it, and
   ends what it left in its group (which has the grace to finish its output).
   The outcome is the caller's to free, may be NULL, and is untouched on
   failure.

   Fails as kin_process_start does; with KIN_PROCESS_FAILED when its status
   is not 0 (unless .unchecked), with the last lines of .err in notes;
   KIN_FAILURE when it wrote more than .capture_max. Cancelled, and on every
   failure meanwhile: SIGTERM to the group (or .on_cancel), after the grace
   SIGKILL; it is always gone and reaped when this returns. Checkpoint.
   (Trio: run_process) */
#define kin_process_run(argv, outcome, ...)     \
    kin_process_run_at(KIN_HERE, argv, outcome, \
                       KIN__OPTIONS(kin_process_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *kin_process_run_at(const kin_site *,
                                                   const char *const argv[],
                                                   kin_process_outcome *outcome,
                                                   const kin_process_options *);

KIN__C_END
#endif
