/* kin/scope.h: cancel scopes: a stretch of one task, with the groups opened in
   it, that can be cancelled as a unit. Scopes nest on their task; cancellation
   is a state of theirs and not an event: every checkpoint inside fails until
   the scope is closed. All from the runtime's thread; none is a checkpoint. */
#ifndef KIN_SCOPE_H
#define KIN_SCOPE_H

#include <kin/error.h>
#include <kin/time.h>

KIN__C_BEGIN

typedef struct kin_scope_options {
    kin_time fail_after KIN__UNSET;    /* a length, counted from opening: then
                                          KIN_TIMEOUT comes out of the close */
    kin_time move_on_after KIN__UNSET; /* likewise, and the close is fine */
    kin_time deadline KIN__UNSET;      /* a point; closes like move_on_after */
    bool shield KIN__UNSET;            /* hides outer cancellations */
    bool graceful KIN__UNSET;          /* hides those that are graceful, until
                                          their grace has passed */
    const char *name KIN__UNSET;
} kin_scope_options;

/* One entry of a run's timers; private. */
typedef struct kin__timer {
    kin_time when;
    uint64_t order;
    struct kin__timer *child, *sibling, *back;
    void (*fire)(struct kin__timer *);
} kin__timer;

struct kin__reason;

/* Lives in the caller's memory, as a rule on its stack. The fields are
   private. */
struct kin_scope {
    uint32_t tag : 24;  /* tells an initialised scope from any other memory */
    uint32_t state : 8; /* not opened, open, closed, abandoned */
    uint16_t flags;
    uint16_t run;     /* which one it was cancelled in, before it opened */
    kin_scope *outer; /* the next one out on the same task */
    kin_task *task;
    struct kin__reason *own;       /* why it was cancelled itself */
    struct kin__reason *effective; /* why everything inside is cancelled */
    kin_time deadline;
    kin__timer timer;
    struct kin__cleanup *cleanups; /* what its close calls, latest first */
    const kin_site *site;          /* where it was opened or initialised */
    const char *name;
};

/* Declares `name` as a kin_scope * and opens it for the rest of the C block,
   which must be left through kin_scope_close. A block that is left without is
   cleaned up all the same, and a KIN_MISUSE that names the place joins the
   task's outcome. Two deadlines are a KIN_MISUSE. */
#define KIN_SCOPE(name, ...)                           \
    KIN__SCOPE(KIN__PASTE(kin__scope_of_, name), name, \
               KIN__OPTIONS(kin_scope_options, __VA_ARGS__))
#define KIN__SCOPE(storage, name_, options)                         \
    __attribute__((cleanup(kin__scope_cleanup))) kin_scope storage; \
    kin_scope *const name_ __attribute__((unused)) =                \
        kin_scope_begin_at(KIN__SITE(#name_), &storage, options)
KIN_API kin_scope *kin_scope_begin_at(const kin_site *, kin_scope *,
                                      const kin_scope_options *);

/* Closes the innermost scope of the calling task. Takes the block's outcome
   and gives back what goes on outward: the outcome less the KIN_CANCELLED that
   are this scope's to absorb, a KIN_TIMEOUT where .fail_after ran out and
   nothing else comes out, the outcome together with a KIN_MISUSE when this is
   not the scope to close. (Trio: CancelScope.__exit__) */
#define kin_scope_close(scope, outcome) \
    kin_scope_close_at(KIN_HERE, scope, outcome)
KIN_API KIN_MUST_USE kin_error *
kin_scope_close_at(const kin_site *, kin_scope *, kin_error *outcome);

/* Cancels everything inside, at once and for good; a scope that is not open yet
   is cancelled when it opens. The first reason stays. The format may be NULL;
   the text is copied and cut at 95 bytes. Safe from a callback. */
#define kin_scope_cancel(scope, ...) \
    kin_scope_cancel_at(KIN_HERE, scope, __VA_ARGS__)
KIN_API KIN_PRINTF(3, 4) void kin_scope_cancel_at(const kin_site *, kin_scope *,
                                                  const char *format, ...);

/* Cancels in two stages: everything inside at once, save what is in a scope that
   was opened `.graceful = true`; that too when `grace` has passed. In between
   the end of the grace is this scope's deadline, unless an earlier one was: it
   counts for kin_effective_deadline and can be moved. Asked for again, the grace
   can become shorter and not longer; kin_scope_cancel ends it. Safe from a
   callback. (trio #147) */
#define kin_scope_cancel_gracefully(scope, grace, ...) \
    kin_scope_cancel_gracefully_at(KIN_HERE, scope, grace, __VA_ARGS__)
KIN_API KIN_PRINTF(4, 5) void kin_scope_cancel_gracefully_at(
    const kin_site *, kin_scope *, kin_time grace, const char *format, ...);

/* Whether somebody cancelled it or its deadline passed; whether its close
   absorbed a cancellation. Valid after the close. */
KIN_API bool kin_scope_cancel_called(const kin_scope *);
KIN_API bool kin_scope_cancelled_caught(const kin_scope *);

/* The point at which it is cancelled, KIN_NEVER if none. Before opening, a
   relative deadline is not a point yet: KIN_NEVER. Moving the deadline of a
   scope that was cancelled changes nothing about that. */
KIN_API kin_time kin_scope_deadline(const kin_scope *);
KIN_API void kin_scope_set_deadline(kin_scope *, kin_time when);
/* Takes effect at once both ways: lowering it wakes who is blocked inside. */
KIN_API void kin_scope_set_shield(kin_scope *, bool shield);

/* The earliest deadline that applies to the calling task: KIN_NEVER, a point,
   or INT64_MIN when it is cancelled. */
KIN_API kin_time kin_effective_deadline(void);

/* For a scope held in a struct. Cancelling, a deadline and a shield before the
   opening are allowed; relative deadlines count from the opening. Usable once:
   opening again is a KIN_MISUSE that the calling task holds. */
#define kin_scope_init(scope, ...)     \
    kin_scope_init_at(KIN_HERE, scope, \
                      KIN__OPTIONS(kin_scope_options, __VA_ARGS__))
#define kin_scope_open(scope) kin_scope_open_at(KIN_HERE, scope)
KIN_API void kin_scope_init_at(const kin_site *, kin_scope *,
                               const kin_scope_options *);
KIN_API void kin_scope_open_at(const kin_site *, kin_scope *);

/* One line about it, for dumps: its state and its deadline. Returns what
   snprintf would. */
KIN_API int kin_scope_describe(const kin_scope *, char *text, size_t size);

/* The outcome of one expression inside a scope of its own:
   err = KIN_WITHIN(kin_receive(rx, chunk), .fail_after = KIN_SECONDS(1)); */
#define KIN_WITHIN(expression, ...)                                \
    KIN__WITHIN(KIN__PASTE(kin__within_, __COUNTER__), expression, \
                #expression, KIN__OPTIONS(kin_scope_options, __VA_ARGS__))
#define KIN__WITHIN(storage, expression, text, options)                 \
    (__extension__({                                                    \
        __attribute__((cleanup(kin__scope_cleanup))) kin_scope storage; \
        kin_scope_begin_at(KIN__SITE(text), &storage, options);         \
        kin_scope_close_at(KIN_HERE, &storage, (expression));           \
    }))

/* The C block that holds an open scope was left: private to the macros. */
KIN_API void kin_scope_leave(kin_scope *);
static inline void kin__scope_cleanup(kin_scope *scope)
{
    if (__builtin_expect(scope->state == 1 /* open */, 0))
        kin_scope_leave(scope);
}

KIN__C_END
#endif
