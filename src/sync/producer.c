/* sync/producer.c: producers: a task and its block, in lock-step. Built on
   groups and wait lists as any program could.

   The group's only child is the producer. A value goes straight from the one to
   the other: an asker waits in `askers`, and its waiter's `data` is the value
   that it was given. Those who offer wait in `offerers` until they are asked;
   an asking wakes them all, so that a producer may have helpers. An asker that
   is cancelled leaves its list at once, so a value is only given to one that
   will have it.

   Nobody is left in `askers` when there will be no more values: each is answered
   with `last`, and makes its own error of it, without a look at the producer,
   which may be gone when it runs. */
#include <kin/producer.h>

#include <kin/park.h>

#include <string.h>

/* What is answered instead of a value, by their addresses. */
static const char stopped[] = "the producer was stopped";
static const char failed[] = "the producer has failed";

/* The producer's side. */

static bool is_asked(const kin_producer *p)
{
    return p->askers.first != NULL;
}

static kin_error *wait_to_be_asked(const kin_site *site, kin_producer *p)
{
    kin_waiter waiter;
    return kin_wait_on_at(site, &p->offerers, &waiter,
                          "a producer's next value to be asked for");
}

static void answer(kin_producer *p, void *value)
{
    p->askers.first->data = value;
    kin_wait_list_wake_one(&p->askers, NULL);
}

/* There will be no more values. */
static void answer_all(kin_producer *p, const void *last)
{
    p->ended = true;
    p->last = (void *)last;
    while (is_asked(p))
        answer(p, p->last);
}

static kin_error *cannot_produce(const kin_site *site, const kin_producer *p)
{
    if (p && kin_group_task(&p->group) != kin_task_self())
        return NULL;
    return kin_fail_at(site, &KIN_MISUSE, "kin_produce %s",
                       p ? "by the block that asks" : "of NULL");
}

kin_error *kin_produce_at(const kin_site *site, kin_producer *p, void *value)
{
    kin_error *err = cannot_produce(site, p);
    if (!err)
        err = kin_pass_at(site);
    while (!err && !is_asked(p))
        err = wait_to_be_asked(site, p);
    if (err)
        return err;
    answer(p, value);
    return is_asked(p) ? NULL : wait_to_be_asked(site, p);
}

/* The task. A failure cancels the askers in the block, through the group, before
   they run; others only have the answer. */
static kin_error *produces(void *arg)
{
    kin_producer *p = arg;
    kin_error *err = NULL;
    if (!p->stopped) {
        p->task = kin_task_self();
        err = p->fn(p, p->arg);
        p->task = NULL;
    }
    answer_all(p, p->stopped ? stopped : err ? failed : NULL);
    return err;
}

/* The block's side. */

kin_producer *kin_producer_open_at(const kin_site *site,
                                   const kin_site *spawned, kin_producer *p,
                                   kin_producer_fn *fn, void *arg,
                                   const kin_producer_options *options)
{
    p->task = NULL;
    p->started = p->stopped = p->ended = false;
    p->last = NULL;
    p->fn = fn;
    p->arg = arg;
    p->site = spawned;
    p->options = (kin_spawn_options){0};
    p->askers = p->offerers = (kin_wait_list){NULL, NULL};
    if (options) {
        p->options.name = options->name;
        p->options.stack_size = options->stack_size;
    }
    kin_group_begin_at(
        site, &p->group,
        &(kin_group_options){.name = options ? options->name : NULL});
    return p;
}

static void ask(kin_producer *p)
{
    if (p->started) {
        kin_wait_list_wake(&p->offerers, SIZE_MAX);
        return;
    }
    p->started = true;
    kin_spawn_at(p->site, &p->group, produces, p, &p->options);
}

/* What was answered, as who asked sees it. */
static kin_error *take(const kin_site *site, void *answered, void *value)
{
    if (answered == stopped)
        return kin_fail_at(site, &KIN_CLOSED, "%s", stopped);
    if (answered == failed) {
        kin_error *err = kin_pass_at(site); /* cancelled because of it? */
        return err ? err : kin_fail_at(site, &KIN_BROKEN, "%s", failed);
    }
    memcpy(value, &answered, sizeof answered);
    return NULL;
}

kin_error *kin_producer_next_at(const kin_site *site, kin_producer *p,
                                void *value)
{
    kin_waiter waiter;
    if (!p || !value)
        return kin_fail_at(site, &KIN_MISUSE, "kin_producer_next of NULL");
    kin_error *err = kin_pass_at(site);
    waiter.data = p->last;
    if (!err && !p->ended) {
        ask(p);
        err = kin_wait_on_at(site, &p->askers, &waiter, "a producer's value");
    }
    return err ? err : take(site, waiter.data, value);
}

void kin_producer_stop_at(const kin_site *site, kin_producer *p)
{
    p->stopped = true;
    if (p->task)
        kin_task_cancel_at(site, p->task, "the producer was stopped");
    answer_all(p, stopped);
}

/* The members of the group, less the group: the one, or both in one of this
   block's, the producer's first. */
static kin_error *unwrapped(const kin_site *site, kin_error *group,
                            const kin_error *body)
{
    size_t count = kin_error_count(group);
    if (count == 0 || count > 2)
        return group;
    bool turned = kin_error_member(group, 0) == body;
    kin_error *first =
        kin_error_ref(kin_error_member(group, turned ? count - 1 : 0));
    kin_error *second =
        count == 2 ? kin_error_ref(kin_error_member(group, !turned)) : NULL;
    kin_error_free(group);
    kin_error *both = kin_error_combine_at(site, kin_error_adopt(first),
                                           kin_error_adopt(second));
    if (second)
        kin_error_add_note(both, "both the producer and its block failed");
    return both;
}

kin_error *kin_producer_close_at(const kin_site *site, kin_producer *p,
                                 kin_error *outcome)
{
    if (!p)
        return kin_error_combine_at(
            site, outcome,
            kin_fail_at(site, &KIN_MISUSE, "kin_producer_close of NULL"));
    p->stopped = true;
    if (!outcome && p->task)
        kin_task_cancel_at(site, p->task, "the producer's block was left");
    kin_error *all = kin_group_close_at(site, &p->group, outcome);
    answer_all(p, stopped); /* the task may not have had a stack */
    bool is_its_group = kin_error_site(all) == p->group.scope.site;
    return is_its_group ? unwrapped(site, all, outcome) : all;
}
