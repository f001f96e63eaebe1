/* kin/semaphore.h: a number of permits, handed out in the order in which tasks
   asked. An all-zero semaphore has none yet and no bound. From the runtime's
   thread. For "at most so many at once", see kin/limiter.h, which knows who has
   one. */
#ifndef KIN_SEMAPHORE_H
#define KIN_SEMAPHORE_H

#include <kin/task.h>

KIN__C_BEGIN

/* Lives in the caller's memory. The fields are private. */
typedef struct kin_semaphore {
    kin_wait_list waiting;
    size_t value, max;
    const char *name;
} kin_semaphore;

typedef struct kin_semaphore_options {
    size_t max KIN__UNSET; /* releasing beyond is a mistake; 0: no bound */
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_semaphore_options;

/* With that many permits. More than `max` are a KIN_MISUSE that the calling task
   holds, and there are `max` then. */
#define kin_semaphore_init(semaphore, value, ...)     \
    kin_semaphore_init_at(KIN_HERE, semaphore, value, \
                          KIN__OPTIONS(kin_semaphore_options, __VA_ARGS__))
KIN_API void kin_semaphore_init_at(const kin_site *, kin_semaphore *,
                                   size_t value, const kin_semaphore_options *);
/* Before its memory goes. If tasks wait, they get KIN_BROKEN, and the calling
   task holds a KIN_MISUSE. */
#define kin_semaphore_deinit(semaphore) \
    kin_semaphore_deinit_at(KIN_HERE, semaphore)
KIN_API void kin_semaphore_deinit_at(const kin_site *, kin_semaphore *);

/* Takes a permit; waits for one. Fails with KIN_CANCELLED, and then has none;
   KIN_BROKEN when it is deinitialised. Checkpoint. (Trio: Semaphore.acquire) */
#define kin_semaphore_acquire(semaphore) \
    kin_semaphore_acquire_at(KIN_HERE, semaphore)
KIN_API KIN_MUST_USE kin_error *kin_semaphore_acquire_at(const kin_site *,
                                                         kin_semaphore *);
/* The same without waiting: fails with KIN_WOULD_BLOCK. No checkpoint. */
#define kin_semaphore_acquire_now(semaphore) \
    kin_semaphore_acquire_now_at(KIN_HERE, semaphore)
KIN_API KIN_MUST_USE kin_error *kin_semaphore_acquire_now_at(const kin_site *,
                                                             kin_semaphore *);
/* Gives a permit to whoever has waited longest, or back. Beyond `max` a
   KIN_MISUSE that the calling task holds. Also from a callback. No checkpoint.
   (Trio: Semaphore.release) */
#define kin_semaphore_release(semaphore) \
    kin_semaphore_release_at(KIN_HERE, semaphore)
KIN_API void kin_semaphore_release_at(const kin_site *, kin_semaphore *);

/* Permits that are to be had: 0 while anybody waits. */
KIN_API size_t kin_semaphore_value(const kin_semaphore *);
/* One line about it: `kin_semaphore "s": 0 permits, 2 waiting`. Returns what
   snprintf would. */
KIN_API int kin_semaphore_describe(const kin_semaphore *, char *text,
                                   size_t size);

KIN__C_END
#endif
