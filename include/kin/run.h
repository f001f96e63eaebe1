/* kin/run.h: running the first task, and with it the runtime of this thread. */
#ifndef KIN_RUN_H
#define KIN_RUN_H

#include <kin/group.h>

KIN__C_BEGIN

typedef enum { KIN_CLOCK_SYSTEM, KIN_CLOCK_VIRTUAL } kin_clock;
typedef enum { KIN_IO_AUTO, KIN_IO_URING, KIN_IO_EPOLL } kin_io;

/* Told of errors that nobody else will receive: a supervisor's, those of
   on_error, those set aside because another one had to win, those that a restart
   made good. The error is borrowed. It runs in a task or in the runtime itself
   and must not wait. */
typedef void kin_unhandled_fn(const kin_error *, const char *task,
                              void *context);

/* What else is known of the error that the hook is being told of; NULL outside
   of the hook. */
typedef enum {
    KIN_PHASE_RUNNING,
    KIN_PHASE_RESTART, /* the task will be run again */
    KIN_PHASE_SHUTDOWN /* its group, or the run, is ending */
} kin_phase;
typedef struct kin_unhandled {
    const kin_error *error;
    const char *task;
    const char *group; /* that it is a child of; NULL: none */
    kin_phase phase;
} kin_unhandled;
KIN_API const kin_unhandled *kin_unhandled_now(void);

typedef struct kin_run_options {
    kin_clock clock KIN__UNSET;
    uint64_t seed KIN__UNSET;      /* shuffles who runs next; 0: first come */
    kin_io io KIN__UNSET;          /* today epoll, whatever is asked for */
    size_t stack_size KIN__UNSET;  /* of tasks that are not told theirs */
    kin_time slow_task KIN__UNSET; /* for later: not looked at yet */
    kin_time shutdown_grace KIN__UNSET; /* for background tasks at the end */
    kin_unhandled_fn *unhandled KIN__UNSET; /* default: prints on stderr */
    void *context KIN__UNSET;               /* for unhandled */
    bool unguarded KIN__UNSET; /* allow stacks without guard pages */
} kin_run_options;

/* Runs fn(arg) as the main task of a new runtime on this thread, and returns its
   outcome when it and every other task has ended. A run inside a run is a
   KIN_MISUSE. Not from a task. (Trio: run) */
#define kin_run(fn, arg, ...)           \
    kin_run_at(KIN__SITE(#fn), fn, arg, \
               KIN__OPTIONS(kin_run_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *kin_run_at(const kin_site *, kin_fn *,
                                           void *arg, const kin_run_options *);

/* kin_run, made into what main() returns: 0 when all went well; the status of a
   KIN_EXIT when every other leaf is a consequence of it; 130 after a
   KIN_INTERRUPT by SIGINT, 143 after one by SIGTERM; else 1, and the tree on
   stderr, and handed up. */
#define kin_main(fn, arg, ...)           \
    kin_main_at(KIN__SITE(#fn), fn, arg, \
                KIN__OPTIONS(kin_run_options, __VA_ARGS__))
KIN_API int kin_main_at(const kin_site *, kin_fn *, void *arg,
                        const kin_run_options *);

/* For a program with a main of its own: what kin_main does to hand its error
   tree up to whoever started it and wants it, such as `kin run`. The first takes
   the descriptor that KIN_ERROR_FD names in the environment (where it is removed)
   or says -1: there is none that could be written to. Call it before anything is
   opened or started. The second writes the tree there, as JSON, and closes it;
   NULL writes nothing, -1 is fine. It gives up on a reader that does not read.
   No runtime is needed. */
KIN_API int kin_hand_up_open(void);
KIN_API void kin_hand_up_close(int fd, const kin_error *);

/* A child of the run's own supervisor: kept until it is done, its error goes to
   the unhandled hook when it happens, and at the end of the run it gets
   .shutdown_grace, is cancelled and joined. What has not ended a while after
   that (the grace again, or a second) is listed on stderr, by name and place.
   From a task or a callback. */
#define kin_spawn_background(fn, arg, ...)           \
    kin_spawn_background_at(KIN__SITE(#fn), fn, arg, \
                            KIN__OPTIONS(kin_spawn_options, __VA_ARGS__))
KIN_API kin_task *kin_spawn_background_at(const kin_site *, kin_fn *, void *arg,
                                          const kin_spawn_options *);

/* That supervisor: to look at its children, to shut it down early. */
KIN_API kin_group *kin_background(void);

/* What is going on in this thread's run. */
typedef struct kin_run_statistics {
    size_t tasks; /* that have not ended */
    size_t runnable;
    kin_time next_timer; /* how long until it; KIN_NEVER if none */
    uint64_t switches;   /* from task to task since the run began */
} kin_run_statistics;
KIN_API kin_run_statistics kin_run_stats(void);

/* The tree of tasks: who waits for what and where, equal ones folded. */
KIN_API void kin_dump_tasks(FILE *);

KIN__C_END
#endif
