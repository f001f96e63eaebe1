/* kin/task.h: tasks: each runs one function on a stack of its own, as a child of
   the group it was spawned into. A handle is good until the task has ended; in
   a group opened `.keep = true`, until the group hands it out or closes. All
   from the runtime's thread. */
#ifndef KIN_TASK_H
#define KIN_TASK_H

#include <kin/error.h>

KIN__C_BEGIN

typedef enum {
    KIN_TASK_PENDING, /* waits for its turn, or for its first run */
    KIN_TASK_RUNNING,
    KIN_TASK_SUCCEEDED,
    KIN_TASK_FAILED,
    KIN_TASK_CANCELLED
} kin_task_state;

/* A first-in-first-out list of waiting tasks; see park.h. All zero is an empty
   one. The last waiter is the first one's `previous`. */
typedef struct kin_waiter kin_waiter;
typedef struct kin_wait_list {
    kin_waiter *first;
    const char *broken; /* why nobody can wait here any more, or NULL */
} kin_wait_list;

/* One wait, on the waiting task's stack. `data` is the primitive's own. */
struct kin_waiter {
    kin_waiter *next, *previous;
    kin_wait_list *list;
    kin_task *task;
    kin_waiter *sibling; /* a ring of those that one task waits in at once, of
                            which one is woken; NULL: it has none */
    void *data;
};

/* Something that a task answers for until it lets go of it, such as a lock; in
   memory of the owner's. Private to kin's own parts. */
typedef struct kin__duty kin__duty;
struct kin__duty {
    kin__duty *next, **back; /* in the task's list; back is NULL: in none */
    void (*neglected)(kin__duty *, kin_task *); /* the task ends with it */
    const void *object;                         /* what that looks at besides */
    bool suspended;       /* has code to run yet, before scopes and locks go */
    const void *begun_on; /* somewhere in that stack of the task's */
};

/* The calling task; NULL in a callback and outside a run. */
KIN_API kin_task *kin_task_self(void);
KIN_API const char *kin_task_name(const kin_task *);
KIN_API kin_task_state kin_task_status(const kin_task *);
KIN_API void *kin_task_arg(const kin_task *);
/* Where it was spawned. */
KIN_API const kin_site *kin_task_site(const kin_task *);

/* Waits until it has ended; OK whatever its outcome. Joining oneself is a
   KIN_MISUSE. Checkpoint. (anyio: TaskHandle.wait) */
#define kin_task_join(task) kin_task_join_at(KIN_HERE, task)
KIN_API KIN_MUST_USE kin_error *kin_task_join_at(const kin_site *, kin_task *);

/* The child's error, now the caller's, and no longer part of its group's
   outcome; NULL if it has none or it was taken. A task that has not ended
   gives a KIN_MISUSE. The handle of a task that has ended is used up. */
#define kin_task_take_error(task) kin_task_take_error_at(KIN_HERE, task)
KIN_API KIN_MUST_USE kin_error *kin_task_take_error_at(const kin_site *,
                                                       kin_task *);

/* Cancels this one task with all that it has opened; its siblings and its
   group go on. It still starts, and fails at its first checkpoint. The format
   may be NULL. */
#define kin_task_cancel(task, ...) \
    kin_task_cancel_at(KIN_HERE, task, __VA_ARGS__)
KIN_API KIN_PRINTF(3, 4) void kin_task_cancel_at(const kin_site *, kin_task *,
                                                 const char *format, ...);

/* Cancels it and waits until it has ended. *state, which may be NULL, is then how
   it ended: KIN_TASK_CANCELLED if it gave in, anything else if it went its own
   way to the end. One that has ended already is left alone. A caller that is
   or gets cancelled fails, and *state is untouched; the task stays cancelled. Its own handle is a KIN_MISUSE. The format may be NULL. Checkpoint.
   (aiotools: cancel_and_wait) */
#define kin_task_cancel_and_wait(task, state, ...) \
    kin_task_cancel_and_wait_at(KIN_HERE, task, state, __VA_ARGS__)
KIN_API KIN_MUST_USE KIN_PRINTF(4, 5) kin_error *kin_task_cancel_and_wait_at(
    const kin_site *, kin_task *, kin_task_state *state, const char *format,
    ...);

/* The tree: the group it is a child of, the groups that it has open, outermost
   first. Visiting ends when `visit` says false. */
typedef bool kin_group_visit(kin_group *, void *context);
typedef bool kin_task_visit(kin_task *, void *context);
KIN_API kin_group *kin_task_group(const kin_task *);
KIN_API void kin_task_each_group(const kin_task *, kin_group_visit *,
                                 void *context);

KIN__C_END
#endif
