/* kin/producer.h: producers: a task of its own that hands one value after the
   other to the block it belongs to, in lock-step. Unlike a generator it may
   produce inside of scopes and groups, since they are another task's; so this
   is what becomes of a generator that KIN_YIELD_PREVENTED has told about. All
   from the runtime's thread. (Trio: as_safe_channel) */
#ifndef KIN_PRODUCER_H
#define KIN_PRODUCER_H

#include <kin/group.h>

KIN__C_BEGIN

typedef struct kin_producer kin_producer;

/* What a producer runs: produces with kin_produce(self, ...), and returns NULL
   when there is no more, or why it failed. */
typedef kin_error *kin_producer_fn(kin_producer *self, void *arg);

typedef struct kin_producer_options {
    const char *name KIN__UNSET;
    size_t stack_size KIN__UNSET; /* bytes; at least so many are usable */
} kin_producer_options;

/* Lives in the caller's memory. The fields are private. */
struct kin_producer {
    kin_group group; /* of the task */
    kin_task *task;  /* while it runs */
    bool started, stopped, ended;
    void *last; /* once ended: what is answered instead of a value */
    kin_producer_fn *fn;
    void *arg;
    const kin_site *site;
    kin_spawn_options options;
    kin_wait_list askers;   /* wait for a value */
    kin_wait_list offerers; /* wait to be asked */
};

/* Declares `name` as a kin_producer * and opens its group for the rest of the C
   block, which must be left through kin_producer_close; as KIN_GROUP. The task
   starts when it is first asked. `arg` is borrowed. */
#define KIN_PRODUCER(name, fn, arg, ...)                                     \
    KIN__PRODUCER(KIN__PASTE(kin__producer_of_, name), name, fn, (arg), #fn, \
                  KIN__OPTIONS(kin_producer_options, __VA_ARGS__))
#define KIN__PRODUCER(storage, name_, fn_, arg_, text, options)               \
    __attribute__((cleanup(kin__producer_cleanup))) kin_producer storage;     \
    kin_producer *const name_ __attribute__((unused)) = kin_producer_open_at( \
        KIN__SITE(#name_), KIN__SITE(text), &storage, fn_, arg_, options)
/* The second place is where the task is spawned. */
KIN_API kin_producer *kin_producer_open_at(const kin_site *,
                                           const kin_site *spawned,
                                           kin_producer *, kin_producer_fn *,
                                           void *arg,
                                           const kin_producer_options *);

/* Asks for a value and waits for it: sets *value, a pointer of any type; to
   NULL when the producer has ended. When it fails the block is cancelled, so
   this fails with KIN_CANCELLED, and the failure comes out of the close;
   KIN_BROKEN where that does not reach. KIN_CLOSED after kin_producer_stop and
   when the block is left. When this is cancelled while it waits the
   value is not lost but the next one's. Checkpoint. */
#define kin_producer_next(producer, value) \
    kin_producer_next_at(KIN_HERE, producer, value)
KIN_API KIN_MUST_USE kin_error *
kin_producer_next_at(const kin_site *, kin_producer *, void *value);

/* Hands a value to whoever asks, and waits until the next one is asked for.
   From the producer's task or tasks in groups of its. Fails with KIN_CANCELLED
   when the block is left or kin_producer_stop is called, and then the value may
   have been taken or not. Checkpoint. */
#define kin_produce(self, value) kin_produce_at(KIN_HERE, self, value)
KIN_API KIN_MUST_USE kin_error *kin_produce_at(const kin_site *,
                                               kin_producer *self, void *value);

/* No more is wanted: cancels the task, and lets the block go on; whoever asks
   gets KIN_CLOSED. */
#define kin_producer_stop(producer) kin_producer_stop_at(KIN_HERE, producer)
KIN_API void kin_producer_stop_at(const kin_site *, kin_producer *);

/* Cancels the task if it still runs, joins it, and closes. Takes the block's
   outcome and gives back what is left of it and of the task's: either bare, or
   both in a group, the producer's first. As kin_group_close no cancel point. */
#define kin_producer_close(producer, outcome) \
    kin_producer_close_at(KIN_HERE, producer, outcome)
KIN_API KIN_MUST_USE kin_error *
kin_producer_close_at(const kin_site *, kin_producer *, kin_error *outcome);

static inline void kin__producer_cleanup(kin_producer *producer)
{
    kin__group_cleanup(&producer->group);
}

KIN__C_END
#endif
