/* kin/select.h: waiting for the first of several things, of which exactly one
   takes effect. All from the runtime's thread. */
#ifndef KIN_SELECT_H
#define KIN_SELECT_H

#include <kin/channel.h>
#include <kin/event.h>
#include <kin/time.h>

KIN__C_BEGIN

/* One thing to wait for; made by the macros below. An all-zero one never comes.
   The array is the caller's, who may use it again. */
typedef struct kin_select_case {
    int kind;
    void *object;
    void *item;
    kin_time when;
    kin__channel_wait wait; /* private */
} kin_select_case;

/* An item was received into *item, or the receive failed. */
#define KIN_ON_RECEIVE(receiver, item) kin__on_receive(receiver, item)
/* The item was sent, or the send failed. */
#define KIN_ON_SEND(sender, item) kin__on_send(sender, item)
#define KIN_ON_EVENT(event) kin__on_event(event)
/* The time is that or later: a point. KIN_NEVER never comes. */
#define KIN_ON_TIME(when) kin__on_time(when)
/* The task has ended, whatever its outcome. */
#define KIN_ON_TASK(task) kin__on_task(task)

/* Waits until one of the cases can go on, and does that one alone. Of several
   that can already, one is drawn, each with the same chance; the draw is the
   same in every run with the same seed. *fired is the index of the case that
   ended the wait; what it failed with (as KIN_END) is what is returned. When no
   case did, *fired is `count`, and no case took effect: KIN_CANCELLED; KIN_MISUSE
   for nothing to wait for. Checkpoint. */
#define kin_select(cases, count, fired) \
    kin_select_at(KIN_HERE, cases, count, fired)
KIN_API KIN_MUST_USE kin_error *kin_select_at(const kin_site *,
                                              kin_select_case cases[],
                                              size_t count, size_t *fired);
/* The same without waiting: fails with KIN_WOULD_BLOCK when none can go on. No
   checkpoint; also from a callback. */
#define kin_select_now(cases, count, fired) \
    kin_select_now_at(KIN_HERE, cases, count, fired)
KIN_API KIN_MUST_USE kin_error *kin_select_now_at(const kin_site *,
                                                  kin_select_case cases[],
                                                  size_t count, size_t *fired);

/* Private to the macros. */
enum {
    KIN__ON_NOTHING,
    KIN__ON_RECEIVE,
    KIN__ON_SEND,
    KIN__ON_EVENT,
    KIN__ON_TIME,
    KIN__ON_TASK
};
static inline kin_select_case kin__on(int kind, void *object, void *item)
{
    kin_select_case made;
    __builtin_memset(&made, 0, sizeof made);
    made.kind = kind;
    made.object = object;
    made.item = item;
    return made;
}
static inline kin_select_case kin__on_receive(kin_receiver *receiver,
                                              void *item)
{
    return kin__on(KIN__ON_RECEIVE, (void *)receiver, item);
}
static inline kin_select_case kin__on_send(kin_sender *sender, const void *item)
{
    return kin__on(KIN__ON_SEND, (void *)sender, (void *)(uintptr_t)item);
}
static inline kin_select_case kin__on_event(kin_event *event)
{
    return kin__on(KIN__ON_EVENT, event, NULL);
}
static inline kin_select_case kin__on_task(kin_task *task)
{
    return kin__on(KIN__ON_TASK, (void *)task, NULL);
}
static inline kin_select_case kin__on_time(kin_time when)
{
    kin_select_case made = kin__on(KIN__ON_TIME, NULL, NULL);
    made.when = when;
    return made;
}

KIN__C_END
#endif
