/* sync/limiter.c: capacity limiters.

   A token is a block of the heap, made before a borrower begins to wait, so that
   handing over cannot fail. Each stands in its limiter's list, from the asking to
   the giving back; a task's own is one of its duties too, which is how the task
   finds it and what happens to it when the task ends.

   Invariant: while somebody waits, `taken` is not less than `total`. */
#include "sync/object.h"

#include "base/alloc.h"

#include <kin/limiter.h>

typedef struct kin__token {
    kin__duty duty; /* if it is the calling task's own */
    struct kin__token *next, **back;
    kin_limiter *limiter; /* NULL: that is gone, and only this left */
    const void *borrower;
    const kin_site *site;
    bool waits;
} kin__token;

static const char *label(const kin_limiter *limiter, char text[KIN__LABEL])
{
    return kin__object_label(text, "kin_limiter", limiter->name);
}

static void hand_out(kin_limiter *limiter)
{
    while (limiter->waiting.first && limiter->taken < limiter->total) {
        kin_waiter *next = limiter->waiting.first;
        limiter->taken++;
        ((kin__token *)next->data)->waits = false;
        kin__waiter_wake(next, NULL);
    }
}

static void detach(kin__token *token)
{
    *token->back = token->next;
    if (token->next)
        token->next->back = token->back;
    if (token->duty.back)
        kin__duty_end(&token->duty);
    token->limiter = NULL;
}

static void give_back(kin__token *token)
{
    kin_limiter *limiter = token->limiter;
    detach(token);
    kin__free(token);
    limiter->taken--;
    hand_out(limiter);
}

static void neglected(kin__duty *duty, kin_task *task)
{
    kin__token *token = (kin__token *)duty; /* its first member */
    char text[KIN__LABEL];
    kin__misuse(token->site, "task \"%s\" ended while it had a token of %s",
                kin_task_name(task), label(token->limiter, text));
    give_back(token);
}

static kin__token *own_token(const kin_limiter *limiter, const kin_task *task)
{
    for (kin__duty *d = task->duties; d; d = d->next)
        if (d->neglected == neglected && ((kin__token *)d)->limiter == limiter)
            return (kin__token *)d;
    return NULL;
}

static kin__token *find(const kin_limiter *limiter, const void *borrower)
{
    const kin_task *self = kin_task_self();
    if (self && borrower == self)
        return own_token(limiter, self);
    for (kin__token *t = limiter->tokens; t; t = t->next)
        if (t->borrower == borrower)
            return t;
    return NULL;
}

static const void *borrower_of(const kin_borrow_options *options)
{
    return options && options->borrower ? options->borrower : kin_task_self();
}

/* A token for that borrower; or NULL, and why. */
static kin__token *make_token(const kin_site *site, kin_limiter *limiter,
                              const void *borrower, kin_error **err)
{
    char text[KIN__LABEL];
    kin_task *self = kin_task_self();
    kin__token *made = find(limiter, borrower);
    if (made) {
        *err = kin_fail_at(
            site, &KIN_MISUSE, "the borrower %s a token of %s already",
            made->waits ? "waits for" : "has", label(limiter, text));
        return NULL;
    }
    made = kin__alloc(sizeof *made);
    if (!made) {
        *err = kin_fail_at(site, &KIN_NO_MEMORY, "no memory for a token of %s",
                           label(limiter, text));
        return NULL;
    }
    *made = (kin__token){.next = limiter->tokens, .back = &limiter->tokens};
    made->limiter = limiter;
    made->borrower = borrower;
    made->site = site;
    made->duty.neglected = neglected;
    made->duty.object = limiter;
    if (made->next)
        made->next->back = &made->next;
    limiter->tokens = made;
    if (self && borrower == self)
        kin__duty_begin(self, &made->duty, (void *)kin__stack_here());
    return made;
}

void kin_limiter_init_with(kin_limiter *limiter, size_t total,
                           const kin_limiter_options *options)
{
    *limiter =
        (kin_limiter){.total = total, .name = options ? options->name : NULL};
}

void kin_limiter_deinit_at(const kin_site *site, kin_limiter *limiter)
{
    char text[KIN__LABEL];
    if (limiter->taken)
        kin__misuse(site, "%s is deinitialised while %zu tokens are out",
                    label(limiter, text), limiter->taken);
    while (limiter->tokens) {
        kin__token *token = limiter->tokens;
        detach(token);
        if (!token->waits) /* else it is freed by who waits */
            kin__free(token);
    }
    limiter->total = limiter->taken = 0;
    kin__object_deinit(site, &limiter->waiting, "kin_limiter", limiter->name);
}

/* It has none at once, and not when its task runs. */
static bool leave(void *waiter)
{
    kin__token *token = ((kin_waiter *)waiter)->data;
    if (token->limiter)
        detach(token);
    return kin__leave_list(waiter);
}

static kin_error *wait_for(kin__runtime *rt, const kin_site *site,
                           kin_limiter *limiter, kin__token *token)
{
    kin_waiter waiter = {.data = token};
    token->waits = true;
    kin_error *err = kin__wait_in_until(rt, &limiter->waiting, &waiter, leave,
                                        "a token of a limiter", site);
    if (!err)
        return NULL;
    if (token->limiter) /* it was broken before */
        detach(token);
    kin__free(token);
    return err;
}

kin_error *kin_limiter_acquire_at(const kin_site *site, kin_limiter *limiter,
                                  const kin_borrow_options *options)
{
    kin__task_of(site, "kin_limiter_acquire");
    kin__runtime *rt = kin__runtime_here;
    kin_error *err;
    PASS_ON(kin__operation_begin(rt, site));
    if (!limiter)
        return kin__object_missing(site, "kin_limiter_acquire");
    kin__token *token = make_token(site, limiter, borrower_of(options), &err);
    if (!token)
        return err;
    if (limiter->taken >= limiter->total)
        return wait_for(rt, site, limiter, token);
    limiter->taken++;
    kin__spend(rt);
    return NULL;
}

kin_error *kin_limiter_acquire_now_at(const kin_site *site,
                                      kin_limiter *limiter,
                                      const kin_borrow_options *options)
{
    kin_error *err;
    kin__task_of(site, "kin_limiter_acquire_now");
    if (!limiter)
        return kin__object_missing(site, "kin_limiter_acquire_now");
    if (limiter->taken >= limiter->total)
        return kin__object_would_block(site, "kin_limiter", limiter->name);
    if (!make_token(site, limiter, borrower_of(options), &err))
        return err;
    limiter->taken++;
    return NULL;
}

void kin_limiter_release_at(const kin_site *site, kin_limiter *limiter,
                            const kin_borrow_options *options)
{
    char text[KIN__LABEL];
    kin__runtime_of(site, "kin_limiter_release");
    kin__token *token = find(limiter, borrower_of(options));
    if (token && !token->waits)
        give_back(token);
    else
        kin__misuse(site, "%s is given back a token by who has none of it",
                    label(limiter, text));
}

void kin_limiter_resize(kin_limiter *limiter, size_t total)
{
    limiter->total = total;
    hand_out(limiter);
}

size_t kin_limiter_total(const kin_limiter *limiter)
{
    return limiter->total;
}

size_t kin_limiter_taken(const kin_limiter *limiter)
{
    return limiter->taken;
}

int kin_limiter_describe(const kin_limiter *limiter, char *text, size_t size)
{
    char called[KIN__LABEL];
    return snprintf(text, size, "%s: %zu of %zu tokens taken, %zu waiting",
                    label(limiter, called), limiter->taken, limiter->total,
                    kin_wait_list_count(&limiter->waiting));
}
