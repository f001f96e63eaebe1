/* core/defer.c: what a scope or group calls when it closes.

   The records are the heap's, in a list that the scope owns, the latest first;
   they are taken out one at a time and called in the task that opened the scope,
   with the scope still open and a shield inside it: so a cleanup may wait, open
   scopes of its own, defer more, and spawn into its group. */
#include "core/runtime.h"

#include <kin/defer.h>

#include "base/alloc.h"

struct kin__cleanup {
    struct kin__cleanup *next;
    kin_fn *fn;
    void *arg;
    const kin_site *site;
};

static kin_error *call_shielded(const kin_site *site, kin_fn *fn, void *arg)
{
    kin_scope shield;
    kin_scope_begin_at(site, &shield,
                       &(kin_scope_options){.shield = true, .name = "cleanup"});
    return kin_scope_close_at(site, &shield, fn(arg));
}

void kin__cleanups_run(kin_scope *scope, kin_error **late)
{
    scope->flags |= KIN__CLOSING;
    while (scope->cleanups) {
        struct kin__cleanup now = *scope->cleanups;
        kin__free(scope->cleanups);
        scope->cleanups = now.next;
        kin__error_move(late, call_shielded(now.site, now.fn, now.arg));
    }
    scope->flags &= ~KIN__CLOSING;
}

kin_error *kin__cleanups_join(const kin_scope *scope, kin_error *outcome,
                              kin_error **late)
{
    kin_error *all = NULL;
    kin__error_move(&all, outcome);
    while (*late)
        kin__error_move(&all, *late);
    if (!kin__error_list_next(all))
        return kin__error_list_take(&all);
    char message[128];
    snprintf(message, sizeof message, "cleanup of \"%s\"",
             kin__scope_name(scope));
    return kin__error_group_of_list(scope->site, message, &all);
}

/* NULL if cleanups can be added; else what stands against it. */
static const char *not_deferrable(const kin_scope *scope, const kin_task *task)
{
    if (!scope)
        return "NULL";
    if (scope->tag != KIN__SCOPE_TAG)
        return "a scope that was never initialised";
    if (scope->state == KIN__UNOPENED)
        return "a scope that is not open yet";
    if (scope->state != KIN__OPEN)
        return "a scope that is closed";
    return scope->task == task ? NULL : "a scope that another task has opened";
}

kin_error *kin_defer_at(const kin_site *site, kin_scope *scope, kin_fn *fn,
                        void *arg)
{
    kin_task *task = kin__task_of(site, "kin_defer");
    if (!fn)
        return kin_fail_at(site, &KIN_MISUSE, "kin_defer of NULL");
    const char *wrong = not_deferrable(scope, task);
    struct kin__cleanup *cleanup = wrong ? NULL : kin__alloc(sizeof *cleanup);
    if (cleanup) {
        *cleanup = (struct kin__cleanup){scope->cleanups, fn, arg, site};
        scope->cleanups = cleanup;
        return NULL;
    }
    bool known = scope && scope->tag == KIN__SCOPE_TAG;
    kin_error *err =
        wrong ? kin_fail_at(site, &KIN_MISUSE, "kin_defer of %s to %s%s%s%s",
                            site->name, wrong, known ? ": \"" : "",
                            known ? kin__scope_name(scope) : "",
                            known ? "\"" : "")
              : kin_fail_at(site, &KIN_NO_MEMORY, "no memory to defer %s",
                            site->name);
    return kin_error_combine_at(site, err, call_shielded(site, fn, arg));
}
