/* kin/barrier.h: a number of tasks that wait for each other, again and again.
   From the runtime's thread. */
#ifndef KIN_BARRIER_H
#define KIN_BARRIER_H

#include <kin/task.h>

KIN__C_BEGIN

/* Lives in the caller's memory. The fields are private. */
typedef struct kin_barrier {
    kin_wait_list waiting;
    size_t parties;
    size_t arrived; /* at most so many wait: cancelled ones still count */
    const char *name;
} kin_barrier;

typedef struct kin_barrier_options {
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_barrier_options;

/* For that many tasks, at least one. */
#define kin_barrier_init(barrier, parties, ...) \
    kin_barrier_init_with(barrier, parties,     \
                          KIN__OPTIONS(kin_barrier_options, __VA_ARGS__))
KIN_API void kin_barrier_init_with(kin_barrier *, size_t parties,
                                   const kin_barrier_options *);
/* Before its memory goes. If tasks wait, they get KIN_BROKEN, and the calling
   task holds a KIN_MISUSE. */
#define kin_barrier_deinit(barrier) kin_barrier_deinit_at(KIN_HERE, barrier)
KIN_API void kin_barrier_deinit_at(const kin_site *, kin_barrier *);

/* Waits until as many have come as there are parties; then all go on, and the
   barrier is as new. *last (may be NULL) says whether this one came last, which
   is so for one of them. One that is cancelled has not come: the others go on
   waiting. Fails with KIN_CANCELLED; KIN_MISUSE for no parties; KIN_BROKEN when
   it is deinitialised. Checkpoint. (Python: threading.Barrier.wait) */
#define kin_barrier_wait(barrier, last) \
    kin_barrier_wait_at(KIN_HERE, barrier, last)
KIN_API KIN_MUST_USE kin_error *kin_barrier_wait_at(const kin_site *,
                                                    kin_barrier *, bool *last);

/* One line about it: `kin_barrier "b": 1 of 3 have come`. Returns what snprintf
   would. */
KIN_API int kin_barrier_describe(const kin_barrier *, char *text, size_t size);

KIN__C_END
#endif
