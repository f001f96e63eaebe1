/* sync/condition.c: conditions. Whoever is notified moves from the condition's
   list to the mutex's, without running in between, and so is handed the mutex in
   its turn. Whoever is cancelled, wherever it stands, locks the mutex again
   behind a shield (B149). Whoever is woken with an error was told that one of the
   two has ended, and looks at neither: they may be gone. */
#include "sync/mutex.h"

#include <kin/condition.h>

void kin_condition_init_with(kin_condition *condition, kin_mutex *mutex,
                             const kin_condition_options *options)
{
    *condition =
        (kin_condition){.mutex = mutex, .name = options ? options->name : NULL};
}

void kin_condition_deinit_at(const kin_site *site, kin_condition *condition)
{
    kin__object_deinit(site, &condition->waiting, "kin_condition",
                       condition->name);
}

static bool is_held(const kin_condition *condition)
{
    const kin_task *task = kin_task_self();
    return task && condition->mutex && condition->mutex->owner == task;
}

static const char *label(const kin_condition *condition, char text[KIN__LABEL])
{
    return kin__object_label(text, "kin_condition", condition->name);
}

/* A wait, and whether it was left: for a reason that is not the list's. */
typedef struct notice {
    kin_waiter waiter; /* data: the place of the call, as in a mutex's list */
    bool left;
} notice;

static bool leave(void *waiter)
{
    notice *n = waiter; /* its first member */
    n->left = true;
    return kin__leave_list(waiter);
}

static kin_error *lock_again(const kin_site *site, kin_mutex *mutex,
                             kin_error *err)
{
    KIN_SCOPE(shield, .shield = true);
    kin_error *lock = kin_mutex_lock_at(site, mutex);
    return kin_error_combine_at(site, err, kin_scope_close(shield, lock));
}

kin_error *kin_condition_wait_at(const kin_site *site, kin_condition *condition)
{
    kin__task_of(site, "kin_condition_wait");
    kin__runtime *rt = kin__runtime_here;
    char text[KIN__LABEL];
    PASS_ON(kin__operation_begin(rt, site));
    if (!condition)
        return kin__object_missing(site, "kin_condition_wait");
    if (!is_held(condition))
        return kin_fail_at(site, &KIN_MISUSE,
                           "the wait for %s is without its mutex locked",
                           label(condition, text));
    kin_mutex *mutex = condition->mutex;
    notice self = {.waiter = {.data = (void *)site}};
    kin__mutex_pass_on(mutex);
    kin_error *err = kin__wait_in_until(rt, &condition->waiting, &self.waiter,
                                        leave, "a condition", site);
    return self.left ? lock_again(site, mutex, err) : err;
}

void kin_condition_notify_at(const kin_site *site, kin_condition *condition,
                             size_t count)
{
    char text[KIN__LABEL];
    kin__runtime_of(site, "kin_condition_notify");
    if (is_held(condition))
        kin_wait_list_move(&condition->waiting, &condition->mutex->waiting,
                           count);
    else
        kin__misuse(site, "%s is notified without its mutex locked",
                    label(condition, text));
}

int kin_condition_describe(const kin_condition *condition, char *text,
                           size_t size)
{
    char called[KIN__LABEL];
    return snprintf(text, size, "%s: %zu waiting", label(condition, called),
                    kin_wait_list_count(&condition->waiting));
}
