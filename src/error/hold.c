/* error/hold.c: who answers for an error.

   An error stands in one list at most, a task's or some list of the runtime's,
   through its own links: `next` ends with NULL, the first one's `prev` is the
   last, so that appending and taking out are a few stores. `held` says how many
   of its loose references the list stands for; with the last of them it leaves
   the list. A list belongs to a thread, and `home` is that thread's mark: only
   there may an error be held, let go, or have its last loose reference freed.

   What a run keeps, since a task dropped it, is in a second list by links of
   its own: such an error may come into another task's hands, and be held. */
#include "error/node.h"

#include <stdlib.h>
#include <unistd.h>

_Thread_local const struct kin__error_host *kin__error_host
    __attribute__((tls_model("initial-exec")));

static void append(kin_error **list, kin_error *err)
{
    kin_error *first = *list;
    err->holder = list;
    err->next = NULL;
    if (first) {
        err->prev = first->prev;
        first->prev->next = err;
        first->prev = err;
    } else {
        first = err->prev = *list = err;
        err->listed = 0;
    }
    first->listed++;
}

void kin__hold_new(kin_error **list, kin_error *err)
{
    append(list, err);
    err->held = 1;
    __atomic_store_n(&err->home, kin__thread_mark(), __ATOMIC_RELAXED);
}

static void take_first(kin_error **list, kin_error *first)
{
    kin_error *second = first->next;
    *list = second;
    if (!second)
        return;
    second->prev = first->prev;
    second->listed = first->listed - 1;
}

static void take_out(kin_error *err)
{
    kin_error **list = err->holder, *first = *list;
    if (first == err) {
        take_first(list, err);
    } else {
        kin_error *after = err->next ? err->next : first;
        after->prev = err->prev;
        err->prev->next = err->next;
        first->listed--;
    }
    err->next = err->prev = NULL;
    err->holder = NULL;
}

void kin__unlink(kin_error *err)
{
    take_out(err);
    err->held = 0;
    __atomic_store_n(&err->home, NULL, __ATOMIC_RELEASE);
}

static bool is_here(const kin_error *err)
{
    return kin__home(err) == kin__thread_mark();
}

/* Marks it as this thread's; no: another thread's list has it. */
static bool claim(kin_error *err)
{
    const void *nobody = NULL;
    return is_here(err) || __atomic_compare_exchange_n(
                               &err->home, &nobody, kin__thread_mark(), false,
                               __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
}

void kin__error_hold(kin_error **list, kin_error *err)
{
    if (!err || err->flags & KIN__IS_IMMORTAL)
        return;
    uint32_t loose = kin__loose(kin__counts(err));
    if (loose == 0 || !claim(err))
        return;
    if (err->holder)
        take_out(err);
    append(list, err);
    if (err->held < loose)
        err->held++;
}

void kin__error_move(kin_error **list, kin_error *err)
{
    if (err && is_here(err) && err->holder)
        kin__unlink(err);
    kin__error_hold(list, err);
}

void kin__let_go(kin_error *err)
{
    if (is_here(err) && --err->held == 0)
        kin__unlink(err);
}

void kin__error_unhold(kin_error *err)
{
    if (err)
        kin__let_go(err);
}

/* What the list stood for beyond the one reference that is handed on. */
static void drop_spare(kin_error *err, uint32_t spare)
{
    if (spare)
        __atomic_fetch_sub(&err->counts, KIN__ONE * spare, __ATOMIC_RELEASE);
}

kin_error *kin__error_list_take(kin_error **list)
{
    kin_error *err = *list;
    if (!err)
        return NULL;
    uint32_t spare = err->held - 1;
    kin__unlink(err);
    drop_spare(err, spare);
    return err;
}

size_t kin__list_count(kin_error *const *list)
{
    return *list ? (*list)->listed : 0;
}

kin_error *kin__list_take_all(kin_error **list)
{
    kin_error *first = *list;
    *list = NULL;
    return first;
}

kin_error *kin__list_leave(kin_error *err)
{
    kin_error *next = err->next;
    uint32_t spare = err->held - 1;
    err->next = err->prev = NULL;
    err->holder = NULL;
    err->held = 0;
    __atomic_store_n(&err->home, NULL, __ATOMIC_RELEASE);
    drop_spare(err, spare);
    return next;
}

kin_error *kin__error_list_next(const kin_error *err)
{
    return err->next;
}

kin_error *kin_error_give(kin_error *err)
{
    if (!err)
        return NULL;
    const void *home = kin__home(err);
    if (home && home != kin__thread_mark() && kin__loose(kin__counts(err)) == 1)
        kin__held_elsewhere(err, "kin_error_give");
    kin__let_go(err);
    return err;
}

kin_error *kin_error_adopt(kin_error *err)
{
    kin_error **list = err ? kin__held_here() : NULL;
    if (list)
        kin__error_hold(list, err);
    return err;
}

void kin__error_keep_dropped(kin_error **list, kin_error *err, const char *task)
{
    const kin_site *site = err->site;
    if (err->flags & KIN__IS_IMMORTAL)
        return;
    if (site)
        kin_error_add_note(err, "dropped by %s, made at %s:%d", task,
                           site->file, site->line);
    else
        kin_error_add_note(err, "dropped by %s", task);
    if (err->flags & KIN__IS_KEPT)
        return;
    err->flags |= KIN__IS_KEPT;
    err->kept_next = *list;
    *list = kin__error_share(err);
}

void kin__error_release_kept(kin_error **list)
{
    while (*list) {
        kin_error *err = *list;
        *list = err->kept_next;
        err->kept_next = NULL;
        err->flags &= (uint8_t)~KIN__IS_KEPT;
        kin__error_disown(err);
    }
}

/* Both of these end the program: no memory, no stdio. */
static void say(const char *text, int length, size_t room)
{
    size_t size = length < 0 ? 0 : (size_t)length;
    if (size >= room)
        size = room - 1;
    if (write(STDERR_FILENO, text, size) < 0)
        return;
}

void kin__held_elsewhere(const kin_error *err, const char *call)
{
    char text[256];
    const kin_site *site = err->site;
    int length =
        snprintf(text, sizeof text,
                 "kin: %s: the error made at %s:%d is held by a task of "
                 "another thread, which has to kin_error_give it first\n",
                 call, site ? site->file : "?", site ? site->line : 0);
    say(text, length, sizeof text);
    abort();
}

void kin__error_misuse(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (kin__held_here()) {
        /* Held from the moment it is made. */
        kin_error *err = kin_fail_at(NULL, &KIN_MISUSE, "%s", text);
        (void)err;
        return;
    }
    say("kin: ", 5, 6);
    say(text, length, sizeof text);
    say("\n", 1, 2);
    abort();
}
