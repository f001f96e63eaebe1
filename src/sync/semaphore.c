/* sync/semaphore.c: semaphores. A permit that is released while somebody waits
   goes straight to the first: the value is 0 as long as anybody does. */
#include "sync/object.h"

#include <kin/semaphore.h>

static const char *label(const kin_semaphore *semaphore, char text[KIN__LABEL])
{
    return kin__object_label(text, "kin_semaphore", semaphore->name);
}

void kin_semaphore_init_at(const kin_site *site, kin_semaphore *semaphore,
                           size_t value, const kin_semaphore_options *options)
{
    char text[KIN__LABEL];
    *semaphore = (kin_semaphore){.value = value};
    if (!options)
        return;
    semaphore->name = options->name;
    semaphore->max = options->max;
    if (!options->max || value <= options->max)
        return;
    semaphore->value = options->max;
    kin__misuse(site, "%s cannot begin with %zu permits of at most %zu",
                label(semaphore, text), value, options->max);
}

void kin_semaphore_deinit_at(const kin_site *site, kin_semaphore *semaphore)
{
    semaphore->value = 0;
    kin__object_deinit(site, &semaphore->waiting, "kin_semaphore",
                       semaphore->name);
}

kin_error *kin_semaphore_acquire_at(const kin_site *site,
                                    kin_semaphore *semaphore)
{
    kin_waiter waiter;
    kin__task_of(site, "kin_semaphore_acquire");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__operation_begin(rt, site));
    if (!semaphore)
        return kin__object_missing(site, "kin_semaphore_acquire");
    if (!semaphore->value)
        return kin__wait_in(rt, &semaphore->waiting, &waiter, "a semaphore",
                            site);
    semaphore->value--;
    kin__spend(rt);
    return NULL;
}

kin_error *kin_semaphore_acquire_now_at(const kin_site *site,
                                        kin_semaphore *semaphore)
{
    if (!semaphore)
        return kin__object_missing(site, "kin_semaphore_acquire_now");
    if (!semaphore->value)
        return kin__object_would_block(site, "kin_semaphore", semaphore->name);
    semaphore->value--;
    return NULL;
}

void kin_semaphore_release_at(const kin_site *site, kin_semaphore *semaphore)
{
    char text[KIN__LABEL];
    if (!semaphore) {
        kin__misuse(site, "kin_semaphore_release of NULL");
        return;
    }
    if (kin_wait_list_wake_one(&semaphore->waiting, NULL))
        return;
    size_t most = semaphore->max ? semaphore->max : SIZE_MAX;
    if (semaphore->value == most)
        kin__misuse(site,
                    "%s has all its %zu permits: one too many is released",
                    label(semaphore, text), most);
    else
        semaphore->value++;
}

size_t kin_semaphore_value(const kin_semaphore *semaphore)
{
    return semaphore->value;
}

int kin_semaphore_describe(const kin_semaphore *semaphore, char *text,
                           size_t size)
{
    char called[KIN__LABEL];
    return snprintf(text, size, "%s: %zu permits, %zu waiting",
                    label(semaphore, called), semaphore->value,
                    kin_wait_list_count(&semaphore->waiting));
}
