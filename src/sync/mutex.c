/* sync/mutex.c: mutexes. Ownership is handed over in the unlock: while somebody
   waits it is never free, so nobody overtakes. The owner answers for it with a
   duty: when its task ends, the mutex is broken for good, since what it guards
   was left in the middle of something. */
#include "sync/mutex.h"

static const char *label(const kin_mutex *mutex, char text[KIN__LABEL])
{
    return kin__object_label(text, "kin_mutex", mutex->name);
}

static void neglected(kin__duty *duty, kin_task *task)
{
    kin_mutex *mutex = (kin_mutex *)((char *)duty - offsetof(kin_mutex, duty));
    char text[KIN__LABEL];
    mutex->owner = NULL;
    kin__misuse(mutex->at, "task \"%s\" ended while it held %s",
                kin_task_name(task), label(mutex, text));
    snprintf(mutex->why, sizeof mutex->why,
             "the owner, task \"%.48s\", ended without unlocking %.40s",
             kin_task_name(task), text);
    kin_wait_list_break(&mutex->waiting, mutex->why);
}

/* `on` lies in the stack that the task locks it on. */
static inline void own(kin_mutex *mutex, kin_task *task, const kin_site *site,
                       const void *on)
{
    mutex->owner = task;
    mutex->at = site;
    mutex->duty.neglected = neglected;
    mutex->duty.object = mutex;
    kin__duty_begin(task, &mutex->duty, on);
}

void kin__mutex_pass_on(kin_mutex *mutex)
{
    kin_waiter *next = mutex->waiting.first;
    kin__duty_end(&mutex->duty);
    mutex->owner = NULL;
    if (!next)
        return;
    own(mutex, next->task, next->data, next);
    kin__waiter_wake(next, NULL);
}

void kin_mutex_init_with(kin_mutex *mutex, const kin_mutex_options *options)
{
    *mutex = (kin_mutex){.name = options ? options->name : NULL};
}

void kin_mutex_deinit_at(const kin_site *site, kin_mutex *mutex)
{
    char text[KIN__LABEL];
    if (mutex->owner) {
        kin__misuse(site, "%s is deinitialised while task \"%s\" holds it",
                    label(mutex, text), kin_task_name(mutex->owner));
        kin__duty_end(&mutex->duty);
        mutex->owner = NULL;
    }
    kin__object_deinit(site, &mutex->waiting, "kin_mutex", mutex->name);
}

static KIN_COLD kin_error *relocked(const kin_site *site,
                                    const kin_mutex *mutex)
{
    char text[KIN__LABEL];
    return kin_fail_at(site, &KIN_MISUSE,
                       "task \"%s\" locks %s, which it has locked at %s:%d",
                       kin_task_name(mutex->owner), label(mutex, text),
                       mutex->at->file, mutex->at->line);
}

kin_error *kin_mutex_lock_at(const kin_site *site, kin_mutex *mutex)
{
    kin_task *task = kin__task_of(site, "kin_mutex_lock");
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin__operation_begin(rt, site));
    if (!mutex)
        return kin__object_missing(site, "kin_mutex_lock");
    if (mutex->owner == task)
        return relocked(site, mutex);
    if (!mutex->owner && !mutex->waiting.broken) {
        own(mutex, task, site, (void *)kin__stack_here());
        kin__spend(rt);
        return NULL;
    }
    kin_waiter waiter = {.data = (void *)site};
    return kin__wait_in(rt, &mutex->waiting, &waiter, "a mutex", site);
}

kin_error *kin_mutex_lock_now_at(const kin_site *site, kin_mutex *mutex)
{
    kin_task *task = kin__task_of(site, "kin_mutex_lock_now");
    if (!mutex)
        return kin__object_missing(site, "kin_mutex_lock_now");
    if (mutex->owner == task)
        return relocked(site, mutex);
    if (mutex->owner || mutex->waiting.broken)
        return kin__object_would_block(site, "kin_mutex", mutex->name);
    own(mutex, task, site, (void *)kin__stack_here());
    return NULL;
}

void kin_mutex_unlock_at(const kin_site *site, kin_mutex *mutex)
{
    kin__runtime *rt = kin__runtime_of(site, "kin_mutex_unlock");
    char text[KIN__LABEL];
    if (!mutex)
        kin__misuse(site, "kin_mutex_unlock of NULL");
    else if (__builtin_expect(mutex->owner && mutex->owner == rt->current, 1))
        kin__mutex_pass_on(mutex);
    else
        kin__misuse(site, "%s is unlocked by somebody who does not hold it",
                    label(mutex, text));
}

kin_task *kin_mutex_owner(const kin_mutex *mutex)
{
    return mutex->owner;
}

int kin_mutex_describe(const kin_mutex *mutex, char *text, size_t size)
{
    char called[KIN__LABEL];
    size_t waiting = kin_wait_list_count(&mutex->waiting);
    label(mutex, called);
    if (mutex->owner)
        return snprintf(text, size, "%s: held by task \"%s\", %zu waiting",
                        called, kin_task_name(mutex->owner), waiting);
    return snprintf(text, size, "%s: %s, %zu waiting", called,
                    mutex->waiting.broken ? "broken" : "free", waiting);
}
