/* kin/group.h: groups: a block that owns child tasks and is not left before the
   last of them has ended. What a group does about failures is its policy. All
   from the runtime's thread. */
#ifndef KIN_GROUP_H
#define KIN_GROUP_H

#include <kin/scope.h>
#include <kin/task.h>

KIN__C_BEGIN

typedef enum {
    KIN_ALL,  /* all must succeed: the first failure cancels the rest */
    KIN_ANY,  /* one must succeed: the first success cancels the rest */
    KIN_EACH, /* each on its own: a supervisor */
} kin_policy;

/* Told of an error at the moment it happens, as the failed child's last act and
   in its task, shielded: it may spawn and wait. It owns the error, and frees it
   or hands it on. Returns NULL when it has dealt with it, or an error for the
   run's unhandled hook, which is where a KIN_EXIT that it returns goes too.
   KIN_EACH and KIN_ANY use it. */
typedef kin_error *kin_on_error(kin_error *error, kin_task *task,
                                void *context);

typedef struct kin_group_options {
    kin_policy policy KIN__UNSET;
    const char *name KIN__UNSET;
    size_t limit KIN__UNSET; /* children that run at once; more wait */
    bool keep KIN__UNSET;    /* ended children stay until they are taken */
    kin_on_error *on_error KIN__UNSET;
    void *context KIN__UNSET;          /* for on_error */
    bool values_at_opening KIN__UNSET; /* children see the values of the opener,
                                          not of who spawns them: value.h */
} kin_group_options;

/* What becomes of a child that fails. It is run again, with the same argument
   (with .copy, as the last run left the copy) and the values of its spawn, after
   a pause; the failure is reported as a supervisor's would be, to
   .on_error or the unhandled hook. One failure more within `window` than the
   budget allows, and the group fails with the last errors, whatever its policy.
   No failure in this sense: KIN_CANCELLED, KIN_EXIT, KIN_INTERRUPT, and anything
   once the child is cancelled or its group is shut down. (Erlang/OTP) */
typedef struct kin_restart {
    size_t budget KIN__UNSET;    /* 0: no restarts; a million or more, such as
                                    KIN_RESTART_ALWAYS: without a limit */
    kin_time window KIN__UNSET;  /* default a minute */
    kin_time backoff KIN__UNSET; /* the first pause; each further failure
                                    doubles it, until a run lasted for a
                                    window; default 100 ms */
    kin_time longest KIN__UNSET; /* pause; default 30 s. Of each, a random part
                                    of up to one half is left out */
} kin_restart;
#define KIN_RESTART_ALWAYS SIZE_MAX

typedef struct kin_spawn_options {
    const char *name KIN__UNSET;
    size_t stack_size KIN__UNSET; /* bytes; at least so many are usable */
    size_t copy KIN__UNSET;  /* bytes of *arg to copy to the task's stack */
    bool service KIN__UNSET; /* serves the others: cancelled only when the body
                                and every ordinary child have ended, and the
                                services spawned after it; by nothing sooner
                                but its own handle. Its success is not the one
                                that KIN_ANY wants */
    kin_restart restart KIN__UNSET;
} kin_spawn_options;

/* Lives in the caller's memory. The fields are private. */
struct kin_group {
    kin_scope scope;
    uint8_t policy;
    bool keep;
    bool shut; /* to new children */
    bool had_child;
    bool lost;          /* an error, to memory */
    bool fatal;         /* a child's restarts are used up */
    bool has_cancelled; /* KIN_EACH: one KIN_CANCELLED is among the errors */
    bool succeeded;     /* KIN_ANY: some child has */
    bool waiting;       /* its opener waits in the close */
    bool values_at_opening;
    size_t running;  /* children that have not ended, pending ones too */
    size_t services; /* of those */
    size_t active;   /* of those, the ones that take a place of the limit */
    size_t limit;
    size_t cancelled; /* children that ended so by the group's own scope */
    size_t starting;  /* kin_start calls that want to hand a child over */
    kin_task *children, *last_child;
    kin_task *pending, *last_pending; /* wait for their turn */
    kin_task *ended, *last_ended;     /* kept */
    kin_task *handed_out;             /* by kin_group_next, a list */
    kin_error *errors;                /* in the order of failure */
    kin_on_error *on_error;
    void *context;
    kin_wait_list waiters;        /* for some child to end */
    kin_wait_list end_waiters;    /* for the last one */
    struct kin__reason *shutdown; /* cancels the children, not the body */
    struct kin__reason *firm;   /* what cancels them even in a graceful scope */
    kin__timer grace;           /* until then */
    struct kin__runtime *run;   /* that it is open in */
    kin_group *walk;            /* the next in a walk over the tree */
    struct kin__values *values; /* for its children, if at the opening */
};

/* Declares `name` as a kin_group * and opens it for the rest of the C block; as
   KIN_SCOPE. The group's own scope is a child of the scopes around it. */
#define KIN_GROUP(name, ...)                           \
    KIN__GROUP(KIN__PASTE(kin__group_of_, name), name, \
               KIN__OPTIONS(kin_group_options, __VA_ARGS__))
#define KIN__GROUP(storage, name_, options)                         \
    __attribute__((cleanup(kin__group_cleanup))) kin_group storage; \
    kin_group *const name_ __attribute__((unused)) =                \
        kin_group_begin_at(KIN__SITE(#name_), &storage, options)
KIN_API kin_group *kin_group_begin_at(const kin_site *, kin_group *,
                                      const kin_group_options *);

/* Waits for every child and closes. Takes the body's outcome and gives back the
   group's, by its policy. Gives way, but is not a cancel point: while it waits,
   a cancellation from outside reaches the children and nobody else.
   (Trio: leaving a nursery) */
#define kin_group_close(group, outcome) \
    kin_group_close_at(KIN_HERE, group, outcome)
KIN_API KIN_MUST_USE kin_error *
kin_group_close_at(const kin_site *, kin_group *, kin_error *outcome);

/* For a group held in a struct; as kin_scope_init and kin_scope_open. */
#define kin_group_init(group, ...)     \
    kin_group_init_at(KIN_HERE, group, \
                      KIN__OPTIONS(kin_group_options, __VA_ARGS__))
#define kin_group_open(group) kin_group_open_at(KIN_HERE, group)
KIN_API void kin_group_init_at(const kin_site *, kin_group *,
                               const kin_group_options *);
KIN_API void kin_group_open_at(const kin_site *, kin_group *);

/* A new child that runs fn(arg), from any task of the run or a callback; an
   argument that is a compound literal needs parentheses around it. Never
   NULL, and never fails to its caller: what keeps the child from starting (no
   memory, the group is closed to it) is a failure of the group; spawning into a
   group that is not open is a KIN_MISUSE that the calling task holds. `arg` is
   borrowed, unless .copy is given. No checkpoint. (Trio: start_soon) */
#define kin_spawn(group, fn, arg, ...)           \
    kin_spawn_at(KIN__SITE(#fn), group, fn, arg, \
                 KIN__OPTIONS(kin_spawn_options, __VA_ARGS__))
KIN_API kin_task *kin_spawn_at(const kin_site *, kin_group *, kin_fn *,
                               void *arg, const kin_spawn_options *);

/* Runs fn(arg) until it calls kin_started, then leaves it in the group, with
   what kin_started was given in *value (value may be NULL). What it fails with
   before that comes out here, bare; if it ends without kin_started, that is a
   KIN_MISUSE. When the caller is cancelled, so is the child, and the call
   returns when it has ended. Checkpoint, but no cancel point on entry.
   (Trio: Nursery.start) */
#define kin_start(group, fn, arg, value, ...)           \
    kin_start_at(KIN__SITE(#fn), group, fn, arg, value, \
                 KIN__OPTIONS(kin_spawn_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *kin_start_at(const kin_site *, kin_group *,
                                             kin_fn *, void *arg, void **value,
                                             const kin_spawn_options *);
/* "I am up": lets the kin_start that runs the calling task return. Nothing
   happens in a child that was spawned plainly. The second call is a KIN_MISUSE
   that the calling task holds. */
#define kin_started(value) kin_started_at(KIN_HERE, value)
KIN_API void kin_started_at(const kin_site *, void *value);

#define kin_group_cancel(group, ...) \
    kin_group_cancel_at(KIN_HERE, group, __VA_ARGS__)
KIN_API KIN_PRINTF(3, 4) void kin_group_cancel_at(const kin_site *, kin_group *,
                                                  const char *format, ...);
KIN_API kin_scope *kin_group_scope(kin_group *);
KIN_API const char *kin_group_name(const kin_group *);
/* Children that have not ended. */
KIN_API size_t kin_group_running(const kin_group *);

/* Closes the group to new children, gives the ones there are `grace` to end by
   themselves, cancels the rest, and waits for them; its opener goes on. From
   any task. A child of the group that asks is cancelled at once and gets its
   KIN_CANCELLED. A caller that is or gets cancelled fails; the shutdown goes on
   all the same. Checkpoint. */
#define kin_group_shutdown(group, grace) \
    kin_group_shutdown_at(KIN_HERE, group, grace)
KIN_API KIN_MUST_USE kin_error *
kin_group_shutdown_at(const kin_site *, kin_group *, kin_time grace);

/* The next child to end, in the order of ending, in a group opened `.keep =
   true`; NULL when there is none left but services. The handle is good until the next call
   or the close. Checkpoint. */
#define kin_group_next(group, done) kin_group_next_at(KIN_HERE, group, done)
KIN_API KIN_MUST_USE kin_error *kin_group_next_at(const kin_site *, kin_group *,
                                                  kin_task **done);

/* The tree: who opened it, and its children in the order of spawning. */
KIN_API kin_task *kin_group_task(const kin_group *);
KIN_API void kin_group_each_child(const kin_group *, kin_task_visit *,
                                  void *context);

/* The living groups of the run: those of a task, outermost first, then those of
   its children; last the run's own background group and what is below it. Visiting ends when `visit` says false;
   until then nothing may be spawned, opened or closed. The first of that name,
   or NULL. Both walk the tree: opening a group costs nothing for it. */
KIN_API void kin_each_group(kin_group_visit *, void *context);
KIN_API kin_group *kin_group_find(const char *name);

/* The C block that holds an open group was left: private to the macros. */
KIN_API void kin_group_leave(kin_group *);
static inline void kin__group_cleanup(kin_group *group)
{
    if (__builtin_expect(group->scope.state == 1 /* open */, 0))
        kin_group_leave(group);
}

KIN__C_END
#endif
