/* kin/mutex.h: one task at a time, in the order in which they came. Needed only
   where a task waits in the middle of something: between two checkpoints nobody
   else runs. An all-zero mutex is a free one. From the runtime's thread. */
#ifndef KIN_MUTEX_H
#define KIN_MUTEX_H

#include <kin/task.h>

KIN__C_BEGIN

/* Lives in the caller's memory, for longer than whoever locks it. The fields are
   private. */
typedef struct kin_mutex {
    kin_wait_list waiting;
    kin_task *owner;
    const kin_site *at; /* where it was locked */
    const char *name;
    kin__duty duty; /* the owner's */
    char why[136];  /* it is broken */
} kin_mutex;

typedef struct kin_mutex_options {
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_mutex_options;

/* Only needed for options, and to use the memory again. */
#define kin_mutex_init(mutex, ...) \
    kin_mutex_init_with(mutex, KIN__OPTIONS(kin_mutex_options, __VA_ARGS__))
KIN_API void kin_mutex_init_with(kin_mutex *, const kin_mutex_options *);
/* Before its memory goes. If it is locked or tasks wait, they get KIN_BROKEN,
   and the calling task holds a KIN_MISUSE. */
#define kin_mutex_deinit(mutex) kin_mutex_deinit_at(KIN_HERE, mutex)
KIN_API void kin_mutex_deinit_at(const kin_site *, kin_mutex *);

/* Waits for its turn. Fails with KIN_CANCELLED; KIN_MISUSE when the calling task
   has it already; KIN_BROKEN when its owner ended without unlocking it, which
   the message names: it is not locked then. Checkpoint. (Trio: Lock.acquire) */
#define kin_mutex_lock(mutex) kin_mutex_lock_at(KIN_HERE, mutex)
KIN_API KIN_MUST_USE kin_error *kin_mutex_lock_at(const kin_site *,
                                                  kin_mutex *);
/* The same without waiting: fails with KIN_WOULD_BLOCK. No checkpoint. */
#define kin_mutex_lock_now(mutex) kin_mutex_lock_now_at(KIN_HERE, mutex)
KIN_API KIN_MUST_USE kin_error *kin_mutex_lock_now_at(const kin_site *,
                                                      kin_mutex *);
/* Hands it to whoever has waited longest. By anybody but the owner a KIN_MISUSE
   that the calling task holds. A task that ends without unlocking fails with a
   KIN_MISUSE, and the mutex is broken. No checkpoint. (Trio: Lock.release) */
#define kin_mutex_unlock(mutex) kin_mutex_unlock_at(KIN_HERE, mutex)
KIN_API void kin_mutex_unlock_at(const kin_site *, kin_mutex *);

/* Who has it, or NULL. */
KIN_API kin_task *kin_mutex_owner(const kin_mutex *);
/* One line about it: `kin_mutex "m": held by task "a", 2 waiting`. Returns what
   snprintf would. */
KIN_API int kin_mutex_describe(const kin_mutex *, char *text, size_t size);

KIN__C_END
#endif
