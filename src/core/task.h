/* core/task.h: the task, seen from inside the core.

   The life of a task; the words are those of the code:

        kin_spawn
           |
           v        its turn (.limit)
        PENDING ---------------------> READY <--------- kin_wake, abort
                                         |                      ^
                              dispatched |                      |
                                         v     kin_park         |
                          YIELDED <-- RUNNING ------------> PARKED
                              |          |
                              |          |
                   dispatched |          | its function returned
                              +-->       v
                                       ENDED

   A READY or YIELDED task stands in the run queue, a PENDING one in its
   group's list of those who wait for their turn or, new, in the run queue; a
   PARKED one is known to whoever will wake it. RUNNING is one task at most,
   kin__runtime.current. */
#ifndef KIN__TASK_H
#define KIN__TASK_H

#include "context/context.h"
#include "error/error.h"

#include <kin/group.h>
#include <kin/park.h>

typedef enum {
    KIN__PENDING,
    KIN__READY,
    KIN__RUNNING,
    KIN__YIELDED,
    KIN__PARKED,
    KIN__ENDED
} kin__task_phase;

/* One wait, in the frame of kin_park. */
typedef struct kin__wait {
    kin_abort_fn *abort; /* NULL once called, or if it cannot be cancelled */
    void *context;
    const char *what;
    kin__reason *reason; /* set when the abort succeeded: owned */
} kin__wait;

/* Three cache lines: with the one page of its stack, all that a parked task
   costs. */
struct kin_task {
    /* the scheduler's */
    kin__context suspended;
    kin__stack *stack; /* from its first run to its end; see generator.h */
    kin_task *next;    /* in the run queue, a list of pending or of ended */
    uint8_t phase;
    uint8_t outcome; /* kin_task_state, once ended */
    union {
        struct {
            bool copied : 1;     /* arg is a block of the heap, until it runs;
                                   then it is on the stack */
            bool started : 1;    /* it has called kin_started */
            bool delivering : 1; /* in the list of a cancellation's walk */
            bool
                keeps_name : 1; /* the name was given: copied by what keeps it */
            bool limited : 1;   /* takes a place of its group's limit */
            bool unborn : 1;    /* there was no memory to run it */
            bool service : 1;   /* outlives the others: see group.c */
            bool restarts : 1;  /* when it fails: see restart.c */
            bool pausing : 1;   /* until it is run again */
            bool fatal : 1;     /* its failure is its supervisor's */
        };
        uint16_t flags; /* all of them */
    };
    int saved_errno;
    uint32_t copy;       /* bytes of arg to copy */
    uint32_t stack_size; /* 0: the usual */
    const kin_site *at;  /* where it last waited or gave way */
    union {
        kin__wait *wait;    /* while PARKED */
        kin_task *consumer; /* ENDED and kept: who was handed it */
    };
    union {
        kin_error *result; /* of that wait; when ENDED, its error if kept */
        struct kin__restarts *plan; /* before it runs */
    };

    /* cancellation */
    kin_scope *scope;       /* the innermost open one */
    kin__reason *cancelled; /* why its checkpoints fail now; borrowed */
    kin__reason *own;       /* why it was cancelled itself */

    /* the tree */
    kin_group *group; /* it is a child of this one */
    kin_task *younger, *older;
    kin_wait_list joiners;

    /* identity */
    kin_fn *fn;
    void *arg;
    const char *name;
    const kin_site *site;       /* where it was spawned */
    kin_error *held;            /* the errors that it answers for */
    kin__duty *duties;          /* what else it answers for, latest first */
    struct kin__values *values; /* that it sees */
} __attribute__((aligned(64)));

/* The task answers for it; no longer. `on` lies in the stack that it asked for it
   on. */
static inline void kin__duty_begin(kin_task *task, kin__duty *duty,
                                   const void *on)
{
    duty->begun_on = on;
    duty->next = task->duties;
    duty->back = &task->duties;
    if (duty->next)
        duty->next->back = &duty->next;
    task->duties = duty;
}
static inline void kin__duty_end(kin__duty *duty)
{
    *duty->back = duty->next;
    if (duty->next)
        duty->next->back = duty->back;
    duty->back = NULL;
}

/* Takes a task through its end: what it holds, its state, its group. It is the
   current task, and may wait in here. */
void kin__task_end(kin_task *, kin_error *outcome);

/* Runs its function and takes it through its end. */
void kin__task_run(kin_task *);

/* Calls its function once, and mends what it left open. */
kin_error *kin__task_attempt(kin_task *);
/* Adds the errors that it holds and did not return to what it returned. */
kin_error *kin__task_sweep(struct kin__runtime *, kin_task *,
                           kin_error *outcome);

_Static_assert(sizeof(struct kin_task) <= 192, "a task is three cache lines");

#endif
