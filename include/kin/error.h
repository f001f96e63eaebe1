/* kin/error.h: errors are nodes in a tree: a leaf with a kind, a message and a
   code, or a group with members. A node is immutable but for its notes and its
   trace, and reference counted. Whoever is handed one returns it, hands it on,
   or frees it; what a task forgets comes out of the task all the same.

   Unless said otherwise a call here is no checkpoint and may be made from any
   thread; an error that a task holds belongs to that task's thread. */
#ifndef KIN_ERROR_H
#define KIN_ERROR_H

#include <kin/base.h>

KIN__C_BEGIN

/* A kind of error. Kinds form a tree by `parent`; a program's own descend from
   KIN_FAILURE. A kind lives at least as long as any error of it. */
typedef struct kin_kind {
    const char *name;
    const struct kin_kind *parent;
} kin_kind;

#define KIN_DEFINE_KIND(ident, text, parent) \
    const kin_kind ident = {(text), &(parent)}

KIN_API extern const kin_kind KIN_BASE;           /* the root */
KIN_API extern const kin_kind KIN_CANCELLED;      /* by the runtime alone */
KIN_API extern const kin_kind KIN_GENERATOR_EXIT; /* a generator is closed */
KIN_API extern const kin_kind KIN_INTERRUPT;      /* SIGINT */
KIN_API extern const kin_kind KIN_EXIT;           /* code: the exit status */
KIN_API extern const kin_kind KIN_ERROR_GROUP;    /* a group of errors */
KIN_API extern const kin_kind KIN_FAILURE;        /* ordinary failures: */
KIN_API extern const kin_kind KIN_TIMEOUT;
KIN_API extern const kin_kind KIN_OS;     /* code: an errno */
KIN_API extern const kin_kind KIN_CLOSED; /* your own handle is closed */
KIN_API extern const kin_kind KIN_BROKEN; /* the other side is gone */
KIN_API extern const kin_kind KIN_END;    /* nothing more will come */
KIN_API extern const kin_kind KIN_BUSY;   /* two users of a single-user thing */
KIN_API extern const kin_kind KIN_WOULD_BLOCK;
KIN_API extern const kin_kind KIN_NO_MEMORY;
KIN_API extern const kin_kind KIN_MISUSE; /* the caller's mistake */
KIN_API extern const kin_kind KIN_INTERNAL;
KIN_API extern const kin_kind KIN_DEADLOCK;
KIN_API extern const kin_kind KIN_PROCESS_FAILED;
KIN_API extern const kin_kind KIN_REMOTE; /* read from somewhere else */
KIN_API extern const kin_kind KIN_YIELD_PREVENTED; /* a KIN_MISUSE */

/* A new leaf, never NULL: when memory is out it comes from a reserve. `kind` is
   borrowed; KIN_CANCELLED and KIN_ERROR_GROUP (or kinds that descend from
   them) cannot be made here and give a KIN_MISUSE that says so. The calling
   task, if there is one, holds the error until it hands it on. */
#define kin_fail(...) kin_fail_at(KIN_HERE, __VA_ARGS__)
#define kin_fail_code(...) kin_fail_code_at(KIN_HERE, __VA_ARGS__)
/* KIN_OS; the code is the errno, and the printed text explains it. */
#define kin_fail_errno(...) kin_fail_errno_at(KIN_HERE, __VA_ARGS__)
/* Takes `cause` over: an error to explain the new one by. NULL is none. */
#define kin_fail_from(...) kin_fail_from_at(KIN_HERE, __VA_ARGS__)
/* KIN_EXIT with that exit status. (SystemExit) */
#define kin_exit(status) kin_exit_at(KIN_HERE, status)

KIN_API KIN_MUST_USE KIN_PRINTF(3, 4) kin_error *kin_fail_at(
    const kin_site *, const kin_kind *kind, const char *format, ...);
KIN_API KIN_MUST_USE KIN_PRINTF(4, 5) kin_error *kin_fail_code_at(
    const kin_site *, const kin_kind *kind, int code, const char *format, ...);
KIN_API KIN_MUST_USE KIN_PRINTF(3, 4) kin_error *kin_fail_errno_at(
    const kin_site *, int errnum, const char *format, ...);
KIN_API KIN_MUST_USE KIN_PRINTF(4, 5) kin_error *kin_fail_from_at(
    const kin_site *, kin_error *cause, const kin_kind *kind,
    const char *format, ...);
KIN_API KIN_MUST_USE kin_error *kin_exit_at(const kin_site *, int status);
/* What the four above come down to, for wrappers. */
KIN_API KIN_MUST_USE kin_error *kin_fail_va(const kin_site *, kin_error *cause,
                                            const kin_kind *kind, int code,
                                            const char *format, va_list);

/* A group of errors. Takes the members over and keeps their order; the array
   is only read. `message` is copied. No members, a NULL among them, or one
   that is part of another error already: a KIN_MISUSE, alone or beside the
   good members, so that none is lost. (PEP 654) */
#define kin_error_group(...) kin_error_group_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *kin_error_group_at(const kin_site *,
                                                   const char *message,
                                                   kin_error *const members[],
                                                   size_t count);

/* Neither, the one, or a group of both in that order. Takes both over. */
#define kin_error_combine(...) kin_error_combine_at(KIN_HERE, __VA_ARGS__)
KIN_API KIN_MUST_USE kin_error *
kin_error_combine_at(const kin_site *, kin_error *a, kin_error *b);

/* Reading. What is returned is borrowed from the error. NULL, which is success,
   has no kind, the message "", the code 0 and no members. `kin_error_message` is
   never NULL. `kin_error_kind_name` is the kind's name, or, for what was read
   from JSON, the name it had where it was made. */
KIN_API const kin_kind *kin_error_kind(const kin_error *);
KIN_API const char *kin_error_kind_name(const kin_error *);
KIN_API const char *kin_error_message(const kin_error *);
KIN_API int kin_error_code(const kin_error *);
KIN_API const kin_error *kin_error_cause(const kin_error *);
KIN_API size_t kin_error_count(const kin_error *);
KIN_API const kin_error *kin_error_member(const kin_error *, size_t index);
/* Where it was made; NULL when that is not known. */
KIN_API const kin_site *kin_error_site(const kin_error *);
/* The task it was made in, or "" outside tasks. */
KIN_API const char *kin_error_task(const kin_error *);

/* Whether this node is of that kind or of one that descends from it. A group
   is a KIN_ERROR_GROUP, and a KIN_FAILURE too when every leaf of it is one:
   whether a group is ordinary is computed, not declared. NULL is nothing. */
KIN_API bool kin_error_is(const kin_error *, const kin_kind *);
/* Whether some leaf is. */
KIN_API bool kin_error_has(const kin_error *, const kin_kind *);

/* Lines that are printed under the message, in order. No error, no note. A NULL
   format makes a KIN_MISUSE that the calling task holds. (PEP 678) */
KIN_API KIN_PRINTF(2, 3) void kin_error_add_note(kin_error *,
                                                 const char *format, ...);
KIN_API size_t kin_error_note_count(const kin_error *);
KIN_API const char *kin_error_note(const kin_error *, size_t index);

/* One more reference, which the calling task holds if it held the error. */
KIN_API kin_error *kin_error_ref(const kin_error *);
/* "I have dealt with it." NULL-safe. Freeing what is only borrowed (a member
   of a group, a cause) frees nothing and makes a KIN_MISUSE that the calling
   task holds. */
KIN_API void kin_error_free(kin_error *);

/* When every leaf of *err is of that kind: frees it, sets *err to NULL, and
   says true. Else nothing happens. */
KIN_API bool kin_error_catch(kin_error **err, const kin_kind *);

/* No longer this task's to answer for: to be kept in a struct or sent
   elsewhere. Returns it. NULL-safe. */
KIN_API kin_error *kin_error_give(kin_error *);
/* Now the calling task's to answer for. Returns it. NULL-safe. */
KIN_API kin_error *kin_error_adopt(kin_error *);

/* Taking a tree apart. Each takes the error over and hands back what the caller
   now owns. The shape is kept: emptied groups vanish, groups of one stay; leaves
   are the same objects; the message, notes, trace and cause of a group appear on
   both halves. The question is put to groups too: a yes takes the subtree.
   Returns what matched, NULL if nothing did; *rest is what did not, and without
   a place for it that is freed. (PEP 654) */
typedef bool kin_error_filter(const kin_error *, void *context);
KIN_API KIN_MUST_USE kin_error *kin_error_split(kin_error *, const kin_kind *,
                                                kin_error **rest);
KIN_API KIN_MUST_USE kin_error *kin_error_split_if(kin_error *,
                                                   kin_error_filter *,
                                                   void *context,
                                                   kin_error **rest);
/* Frees the leaves of that kind and returns what is left, or NULL. */
KIN_API KIN_MUST_USE kin_error *kin_error_suppress(kin_error *,
                                                   const kin_kind *);
/* The leaf, if there is exactly one and it is of that kind; else unchanged. */
KIN_API KIN_MUST_USE kin_error *kin_error_unwrap(kin_error *, const kin_kind *);

/* except*: each handler runs at most once, with a group of the leaves that it
   is the first to match. It owns that group: it frees it and returns NULL, or
   returns it (raised again, merged back into its place), or returns an error of
   its own (which becomes a sibling of what is left in a group with the message
   "", and is explained by the handler's group unless it has a cause already). A
   table with KIN_ERROR_GROUP, NULL or KIN_BASE in it, or with more than 64
   handlers, gives the error back together with a KIN_MISUSE. (PEP 654) */
typedef struct kin_handler {
    const kin_kind *kind;
    kin_error *(*handle)(kin_error *matched, void *context);
} kin_handler;
KIN_API KIN_MUST_USE kin_error *kin_error_handle(kin_error *,
                                                 const kin_handler table[],
                                                 size_t count, void *context);

/* Visits every leaf, left to right, depth first, until `visit` says false.
   `path` holds the groups above it, outermost first; when there is no memory for
   a deep one, only the innermost. Says whether all were visited. */
typedef bool kin_error_visit(const kin_error *leaf,
                             const kin_error *const path[], size_t depth,
                             void *context);
KIN_API bool kin_error_each_leaf(const kin_error *, kin_error_visit *,
                                 void *context);

/* The tree, for people: one write where it can be one; colours only on a
   terminal. Never fails: a full disk is the stream's matter (ferror). */
KIN_API void kin_error_print(const kin_error *, FILE *);
/* The tree, for programs, as one object on one line; no error is `null`. What is
   read back is inert: base kinds and unknown ones become KIN_REMOTE, with their
   name. Reading gives a KIN_FAILURE that says what is wrong and at which byte
   (the first is 0), or KIN_NO_MEMORY, and then *out is left alone. */
KIN_API void kin_error_write_json(const kin_error *, FILE *);
KIN_API KIN_MUST_USE kin_error *
kin_error_read_json(const char *text, size_t length, kin_error **out);

/* On failure: adds this place to the error's trace and returns the error. */
#define KIN_TRY(... /* expression */) \
    KIN__TRY(KIN__PASTE(kin__try_, __COUNTER__), __VA_ARGS__)
#define KIN__TRY(err_, ...)                         \
    (__extension__({                                \
        kin_error *err_ = (__VA_ARGS__);            \
        if (__builtin_expect(err_ != NULL, 0))      \
            return kin_error_trace(err_, KIN_HERE); \
        (void)0;                                    \
    }))
/* On failure: stores the error in err, adds this place, goes to label. */
#define KIN_TRY_TO(label, err, ... /* expression */)                \
    (__extension__({                                                \
        if (__builtin_expect(((err) = (__VA_ARGS__)) != NULL, 0)) { \
            (err) = kin_error_trace((err), KIN_HERE);               \
            goto label;                                             \
        }                                                           \
        (void)0;                                                    \
    }))
KIN_API kin_error *kin_error_trace(kin_error *, const kin_site *);
/* The places it was handed up through, innermost first. */
KIN_API size_t kin_error_trace_count(const kin_error *);
KIN_API const kin_site *kin_error_trace_site(const kin_error *, size_t index);

/* Causality: an error that is made while its task is being cancelled records
   which cancellation that was. */
typedef enum {
    KIN_BY_REQUEST,   /* kin_scope_cancel and its like */
    KIN_BY_DEADLINE,  /* a scope's deadline passed; the site: where it opened */
    KIN_BY_GROUP,     /* a sibling's or the body's outcome; see `behind` */
    KIN_BY_INTERRUPT, /* SIGINT */
    KIN_BY_SHUTDOWN,  /* the run or a supervisor ends */
    KIN_BY_MISNESTING /* a scope was left in the wrong order */
} kin_cancel_source;
typedef struct kin_cancellation {
    kin_cancel_source source;
    const char *text; /* the reason given; never NULL, at most 95 bytes */
    const char *task; /* who caused it; NULL when no task did */
    const kin_site *site;
    const kin_error *behind; /* the error that it came of; NULL if none */
} kin_cancellation;
/* The cancellation that was first to reach the task it was made in; NULL: made
   while not cancelled. Borrowed from the error. */
KIN_API const kin_cancellation *kin_error_during(const kin_error *);
/* Whether the error is a consequence of the cancellation that `origin` caused,
   directly or through others: for a group, every leaf but `origin` itself. No,
   when there is no memory to find out. */
KIN_API bool kin_error_follows_from(const kin_error *, const kin_error *origin);

/* What kin_main makes of an outcome: the exit status, and in *show whether the
   tree is worth printing. */
KIN_API int kin_error_exit_status(const kin_error *, bool *show);

KIN__C_END
#endif
