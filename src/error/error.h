/* error/error.h: what the floors above may ask of the errors. */
#ifndef KIN__ERROR_H
#define KIN__ERROR_H

#include <kin/error.h>

/* Why something was cancelled: made once for a cancellation, shared by every
   scope that it reaches and every error that is made under it. */
typedef struct kin__reason {
    kin_cancellation cancellation;       /* what programs see */
    uint64_t order;                      /* which of two came first */
    uint32_t references;                 /* any thread; 0 in the static ones */
    struct kin__reason *next, *previous; /* the core's */
    char storage[];                      /* the text and the task's name */
} kin__reason;

/* Never NULL: without memory it is a static one of that source. `task` is
   copied and may be NULL; `behind` is borrowed, and referred to. `order` comes
   from the runtime. The text is cut at 95 bytes, never within a character. */
kin__reason *kin__reason_new(kin_cancel_source, uint64_t order,
                             const kin_site *, const char *task,
                             const kin_error *behind, const char *format,
                             va_list);
kin__reason *kin__reason_ref(kin__reason *);
void kin__reason_unref(kin__reason *); /* NULL-safe */

/* Where errors are made: asked of the runtime for each new error. */
enum { KIN__CHAIN_MAX = 6 };
typedef struct kin__origin {
    kin_error **held;    /* the list of the task that holds them; or NULL */
    const char *task;    /* its name; NULL outside tasks */
    bool name_is_static; /* else it must be copied */
    kin__reason *reason; /* the cancellation it is under; or NULL */
    /* where it was spawned, and the task that spawned its group, and so on up
       to the run: the innermost KIN__CHAIN_MAX, and how many there are */
    const kin_site *chain[KIN__CHAIN_MAX];
    size_t chain_count, chain_total;
} kin__origin;

/* What this floor needs from above: installed by a run on its thread. */
struct kin__error_host {
    void (*origin)(kin__origin *);
    /* the list that the calling task holds its errors in, or NULL */
    kin_error **(*held)(void);
    /* an error was made while even the reserve was out */
    void (*lost)(void);
};
extern _Thread_local const struct kin__error_host *kin__error_host
    __attribute__((tls_model("initial-exec")));

/* What stands for errors that were lost to memory: a KIN_NO_MEMORY that is never
   freed. */
kin_error *kin__error_lost(void);

/* Lists of errors that somebody holds: a pointer to the first, NULL if empty.
   An error stands in one list at most, through links of its own, and that list
   stands for one or more of its references. A list belongs to its thread. */
/* One more of its references, and the error moves to the end of the list. */
void kin__error_hold(kin_error **list, kin_error *);
/* The list stands for one of its references and not for more, whoever stood for
   those; NULL-safe. */
void kin__error_move(kin_error **list, kin_error *);
/* One fewer, and without any it leaves its list. NULL-safe. */
void kin__error_unhold(kin_error *);
/* The first, or NULL: one reference; others that were held with it are freed. */
kin_error *kin__error_list_take(kin_error **list);
kin_error *kin__error_list_next(const kin_error *);

/* For what keeps an error without answering for it, whoever else does: one
   reference more, and one less, NULL-safe. */
kin_error *kin__error_share(const kin_error *);
void kin__error_disown(kin_error *);

/* A KIN_CANCELLED for the calling task, made at that place. */
kin_error *kin__error_cancelled(const kin_site *);

/* A group of all in the list, which is then empty. The group is held by nobody.
   NULL for an empty list. Loses nothing without memory. */
kin_error *kin__error_group_of_list(const kin_site *, const char *message,
                                    kin_error **list);

/* The same of shares, which the group takes over. Not for none. */
kin_error *kin__error_group_of_shares(const kin_site *, const char *message,
                                      kin_error *const members[], size_t count);

bool kin__error_is_group(const kin_error *);
/* Whether every leaf is of that kind. */
bool kin__error_only(const kin_error *, const kin_kind *);
/* Frees the leaves of that kind, keeps the shape; *some: whether there were. */
kin_error *kin__error_strip(kin_error *, const kin_kind *, bool *some);

/* An error that its task forgot: the note that says so, and a reference of the
   run's, kept in `list` until kin__error_release_kept, so that a pointer to it
   that lies about does not dangle (frees through such a pointer are ignored).*/
void kin__error_keep_dropped(kin_error **list, kin_error *, const char *task);
void kin__error_release_kept(kin_error **list);

/* For the tests: live errors and reasons in the process, counted from the first
   time that this is asked. */
size_t kin__error_live(void);

#endif
