/* kin/limiter.h: at most so many at once of whatever is scarce, each with one
   token, handed out in the order in which they asked. It knows who has one. An
   all-zero limiter has no tokens to give. From the runtime's thread. */
#ifndef KIN_LIMITER_H
#define KIN_LIMITER_H

#include <kin/task.h>

KIN__C_BEGIN

/* Lives in the caller's memory. The fields are private. */
typedef struct kin_limiter {
    kin_wait_list waiting;
    size_t total, taken;
    struct kin__token *tokens; /* of those who have one or wait for one */
    const char *name;
} kin_limiter;

typedef struct kin_limiter_options {
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_limiter_options;

/* Who borrows; an address that stands for it, such as that of a job. */
typedef struct kin_borrow_options {
    const void *borrower KIN__UNSET; /* NULL: the calling task */
} kin_borrow_options;

#define kin_limiter_init(limiter, total, ...) \
    kin_limiter_init_with(limiter, total,     \
                          KIN__OPTIONS(kin_limiter_options, __VA_ARGS__))
KIN_API void kin_limiter_init_with(kin_limiter *, size_t total,
                                   const kin_limiter_options *);
/* Before its memory goes. If tokens are out or tasks wait, these get KIN_BROKEN,
   and the calling task holds a KIN_MISUSE. */
#define kin_limiter_deinit(limiter) kin_limiter_deinit_at(KIN_HERE, limiter)
KIN_API void kin_limiter_deinit_at(const kin_site *, kin_limiter *);

/* Takes a token for the borrower; waits for one. Fails with KIN_CANCELLED;
   KIN_MISUSE when this borrower has one or waits for one already; KIN_NO_MEMORY;
   KIN_BROKEN when the limiter is deinitialised; and then takes none. A task that
   ends with a token of its own gives it back and fails with a KIN_MISUSE.
   Checkpoint. (Trio: CapacityLimiter.acquire, acquire_on_behalf_of) */
#define kin_limiter_acquire(limiter, ...)     \
    kin_limiter_acquire_at(KIN_HERE, limiter, \
                           KIN__OPTIONS(kin_borrow_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *
kin_limiter_acquire_at(const kin_site *, kin_limiter *,
                       const kin_borrow_options *);
/* The same without waiting: fails with KIN_WOULD_BLOCK. No checkpoint. */
#define kin_limiter_acquire_now(limiter, ...)     \
    kin_limiter_acquire_now_at(KIN_HERE, limiter, \
                               KIN__OPTIONS(kin_borrow_options, __VA_ARGS__))
KIN_API KIN_MUST_USE kin_error *
kin_limiter_acquire_now_at(const kin_site *, kin_limiter *,
                           const kin_borrow_options *);
/* Gives the borrower's token to whoever has waited longest, or back. Without one
   a KIN_MISUSE that the calling task holds. Also from a callback, for a named
   borrower. No checkpoint. (Trio: CapacityLimiter.release) */
#define kin_limiter_release(limiter, ...)     \
    kin_limiter_release_at(KIN_HERE, limiter, \
                           KIN__OPTIONS(kin_borrow_options, __VA_ARGS__))
KIN_API void kin_limiter_release_at(const kin_site *, kin_limiter *,
                                    const kin_borrow_options *);

/* As many as that from now on: wakes those for whom there is one now; takes none
   away, so that for a while more may be out. Also from a callback. */
KIN_API void kin_limiter_resize(kin_limiter *, size_t total);
KIN_API size_t kin_limiter_total(const kin_limiter *);
KIN_API size_t kin_limiter_taken(const kin_limiter *);
/* One line about it: `kin_limiter "l": 3 of 10 tokens taken, 0 waiting`. Returns
   what snprintf would. */
KIN_API int kin_limiter_describe(const kin_limiter *, char *text, size_t size);

KIN__C_END
#endif
