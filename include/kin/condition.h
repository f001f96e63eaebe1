/* kin/condition.h: waiting, with a mutex held, until what it guards has changed.
   From the runtime's thread. */
#ifndef KIN_CONDITION_H
#define KIN_CONDITION_H

#include <kin/mutex.h>

KIN__C_BEGIN

/* Lives in the caller's memory. The fields are private. */
typedef struct kin_condition {
    kin_wait_list waiting;
    kin_mutex *mutex;
    const char *name;
} kin_condition;

typedef struct kin_condition_options {
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_condition_options;

/* Belongs to that mutex from then on. */
#define kin_condition_init(condition, mutex, ...) \
    kin_condition_init_with(condition, mutex,     \
                            KIN__OPTIONS(kin_condition_options, __VA_ARGS__))
KIN_API void kin_condition_init_with(kin_condition *, kin_mutex *,
                                     const kin_condition_options *);
/* Before its memory goes. If tasks wait, they get KIN_BROKEN, and the calling
   task holds a KIN_MISUSE. */
#define kin_condition_deinit(condition) \
    kin_condition_deinit_at(KIN_HERE, condition)
KIN_API void kin_condition_deinit_at(const kin_site *, kin_condition *);

/* Unlocks the mutex, waits to be notified, and has the mutex again when it
   returns, be it with success or with KIN_CANCELLED; only when KIN_BROKEN comes
   out, since the mutex or the condition has ended, it has not. Without holding the
   mutex a KIN_MISUSE. Checkpoint. (Trio: Condition.wait) */
#define kin_condition_wait(condition) kin_condition_wait_at(KIN_HERE, condition)
KIN_API KIN_MUST_USE kin_error *kin_condition_wait_at(const kin_site *,
                                                      kin_condition *);
/* Those who have waited longest, up to `count`, go on once they get the mutex,
   which the caller holds: else a KIN_MISUSE that it holds too. No checkpoint.
   (Trio: Condition.notify) */
#define kin_condition_notify(condition, count) \
    kin_condition_notify_at(KIN_HERE, condition, count)
#define kin_condition_notify_all(condition) \
    kin_condition_notify_at(KIN_HERE, condition, SIZE_MAX)
KIN_API void kin_condition_notify_at(const kin_site *, kin_condition *,
                                     size_t count);

/* One line about it: `kin_condition "c": 2 waiting`. Returns what snprintf
   would. */
KIN_API int kin_condition_describe(const kin_condition *, char *text,
                                   size_t size);

KIN__C_END
#endif
