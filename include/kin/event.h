/* kin/event.h: something that happens once, and whose waiters all go on. An
   all-zero event is one that has not happened. From the runtime's thread. */
#ifndef KIN_EVENT_H
#define KIN_EVENT_H

#include <kin/task.h>

KIN__C_BEGIN

/* Lives in the caller's memory. The fields are private. */
typedef struct kin_event {
    kin_wait_list waiting;
    const char *name;
    bool is_set;
} kin_event;

typedef struct kin_event_options {
    const char *name KIN__UNSET; /* for messages and dumps; borrowed */
} kin_event_options;

/* Only needed for options, and to use the memory again. */
#define kin_event_init(event, ...) \
    kin_event_init_with(event, KIN__OPTIONS(kin_event_options, __VA_ARGS__))
KIN_API void kin_event_init_with(kin_event *, const kin_event_options *);
/* Before its memory goes. If tasks wait, they get KIN_BROKEN, and the calling
   task holds a KIN_MISUSE. */
#define kin_event_deinit(event) kin_event_deinit_at(KIN_HERE, event)
KIN_API void kin_event_deinit_at(const kin_site *, kin_event *);

/* It has happened, for good: wakes all who wait. Again is fine. Also from a
   callback. (Trio: Event.set) */
KIN_API void kin_event_set(kin_event *);
KIN_API bool kin_event_is_set(const kin_event *);
/* Waits until it has happened. Fails with KIN_CANCELLED; KIN_BROKEN when it is
   deinitialised. Checkpoint, also when it has happened. (Trio: Event.wait) */
#define kin_event_wait(event) kin_event_wait_at(KIN_HERE, event)
KIN_API KIN_MUST_USE kin_error *kin_event_wait_at(const kin_site *,
                                                  kin_event *);

/* One line about it: `kin_event "ready": set, 0 waiting`. Returns what snprintf
   would. */
KIN_API int kin_event_describe(const kin_event *, char *text, size_t size);

KIN__C_END
#endif
