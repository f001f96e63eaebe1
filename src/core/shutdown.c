/* core/shutdown.c: how a group ends before its body does, and how its services
   end when everybody else has.

   A shutdown closes the group to new children, gives those there are a grace, and
   cancels the rest by the group's `shutdown`, which reaches the children and not
   the body. Whoever asks waits in `end_waiters`, which the last child wakes; the
   shutdown goes on without him. A child that waits to be run again is cancelled
   at once. */
#include "core/runtime.h"

void kin__group_dismiss_services(kin__runtime *rt, kin_group *group)
{
    if (!group->services || kin__group_works(group) ||
        !(group->waiting || group->shut))
        return;
    kin_task *latest = group->last_child;
    if (!latest->own)
        kin__task_cancel(rt, latest,
                         kin__reason_here(rt, KIN_BY_SHUTDOWN, latest->site,
                                          NULL,
                                          "service \"%s\" has nobody left to "
                                          "serve",
                                          latest->name));
}

static kin__reason *shutdown_reason(kin__runtime *rt, kin_group *group,
                                    const kin_site *site)
{
    return kin__reason_here(rt, KIN_BY_SHUTDOWN, site, NULL,
                            "group \"%s\" is shut down", kin_group_name(group));
}

static void grace_passed(kin__timer *timer)
{
    kin_group *group =
        (kin_group *)((char *)timer - offsetof(kin_group, grace));
    kin__runtime *rt = kin__runtime_here;
    kin__group_cancel_children(
        rt, group,
        kin__reason_from(rt, KIN_BY_SHUTDOWN, group->scope.site, NULL, NULL,
                         "group \"%s\" is shut down and its grace has passed",
                         kin_group_name(group)));
}

kin_task *kin__child_above(kin_task *task, const kin_group *group)
{
    while (task && kin__task_target(task) != group)
        task = task->group->scope.task;
    return task;
}

void kin__group_shut(kin__runtime *rt, kin_group *group, const kin_site *site)
{
    group->shut = true;
    for (kin_task *t = group->children; t; t = t->younger)
        if (t->pausing)
            kin__task_cancel(rt, t, shutdown_reason(rt, group, site));
}

/* Sooner is possible, later is not. */
static void begin_shutdown(kin__runtime *rt, kin_group *group, kin_time grace,
                           const kin_site *site)
{
    kin__group_shut(rt, group, site);
    if (group->shutdown)
        return;
    if (grace <= 0 || !kin__group_works(group)) {
        kin__timer_clear(rt, &group->grace);
        kin__group_cancel_children(rt, group, shutdown_reason(rt, group, site));
        kin__group_dismiss_services(rt, group);
        return;
    }
    kin_time until = kin__later(kin__clock_now(&rt->clock), grace);
    if (kin__timer_is_set(&group->grace) && group->grace.when <= until)
        return;
    kin__timer_clear(rt, &group->grace);
    if (until != KIN_NEVER)
        kin__timer_set(rt, &group->grace, until, grace_passed);
}

kin_error *kin_group_shutdown_at(const kin_site *site, kin_group *group,
                                 kin_time grace)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_group_shutdown");
    if (!group || !kin__group_is_open(group)) {
        if (group && group->scope.tag == KIN__SCOPE_TAG &&
            group->scope.state > 1)
            return rt->current ? kin_pass_at(site) : NULL;
        return kin_fail_at(site, &KIN_MISUSE,
                           group ? "kin_group_shutdown of a group that is not "
                                   "open"
                                 : "kin_group_shutdown of NULL");
    }
    begin_shutdown(rt, group, grace, site);
    if (!rt->current) /* a callback only asks */
        return NULL;
    kin_task *child = kin__child_above(rt->current, group);
    if (child)
        kin__task_cancel(rt, child, shutdown_reason(rt, group, site));
    if (child) /* it only asks: it would wait for itself (B158) */
        return kin_pass_at(site);
    if (!group->running && !group->starting)
        return kin_pass_at(site);
    kin_waiter waiter;
    return kin_wait_on_at(site, &group->end_waiters, &waiter,
                          "the end of a group's shutdown");
}
