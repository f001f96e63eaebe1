/* sync/event.c: events. A flag and a list: nobody waits once it is set. */
#include "sync/object.h"

#include <kin/event.h>

void kin_event_init_with(kin_event *event, const kin_event_options *options)
{
    *event = (kin_event){.name = options ? options->name : NULL};
}

void kin_event_deinit_at(const kin_site *site, kin_event *event)
{
    event->is_set = false;
    kin__object_deinit(site, &event->waiting, "kin_event", event->name);
}

void kin_event_set(kin_event *event)
{
    if (!event) {
        kin__misuse(KIN_HERE, "kin_event_set of NULL");
        return;
    }
    event->is_set = true;
    kin_wait_list_wake(&event->waiting, SIZE_MAX);
}

bool kin_event_is_set(const kin_event *event)
{
    return event->is_set;
}

kin_error *kin_event_wait_at(const kin_site *site, kin_event *event)
{
    kin_waiter waiter;
    kin__task_of(site, "kin_event_wait");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__operation_begin(rt, site));
    if (!event)
        return kin__object_missing(site, "kin_event_wait");
    if (!event->is_set)
        return kin__wait_in(rt, &event->waiting, &waiter, "an event", site);
    kin__spend(rt);
    return NULL;
}

int kin_event_describe(const kin_event *event, char *text, size_t size)
{
    char label[KIN__LABEL];
    return snprintf(text, size, "%s: %s, %zu waiting",
                    kin__object_label(label, "kin_event", event->name),
                    event->is_set ? "set" : "not set",
                    kin_wait_list_count(&event->waiting));
}
