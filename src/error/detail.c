/* error/detail.c: see detail.h. Every line stands for itself, and has the place
   to look at in the form that editors and terminals can jump to. */
#include "error/detail.h"

#include <stdlib.h>
#include <string.h>

#include "error/fold.h"

/* Of a long trace, the first and the last places are shown. */
enum { TRACE_HEAD = 12, TRACE_TAIL = 4 };

/* The lines of one error. */
typedef struct lines {
    kin__page *page;
    size_t levels, indent;
} lines;

static void begin(const lines *to, const char *label)
{
    kin__page_line(to->page, to->levels, to->indent, KIN__NO_BRANCH);
    kin__page_put(to->page, KIN__DIM, label);
}

/* The code in words. */

static const char *errno_words(int code)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    return strerrordesc_np(code);
#else
    return strerror(code);
#endif
}

static const char *errno_name(int code)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    return strerrorname_np(code);
#else
    (void)code;
    return NULL;
#endif
}

static const char *signal_name(int number)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    return sigabbrev_np(number);
#else
    (void)number;
    return NULL;
#endif
}

static void put_errno(kin__page *page, const kin_error *err)
{
    const char *words = errno_words(err->code), *name = errno_name(err->code);
    char number[64];
    if (words && !strstr(err->message, words)) {
        kin__page_put(page, KIN__STRONG, err->message[0] ? ": " : "");
        kin__page_put(page, KIN__STRONG, words);
    }
    snprintf(number, sizeof number, " (%s%serrno %d)", name ? name : "",
             name ? ", " : "", err->code);
    kin__page_put(page, KIN__DIM, number);
}

/* A status as waiting for a process gives it: a signal is negative, or, as
   shells say it, more than 128. */
static void put_status(kin__page *page, const kin_error *err)
{
    char words[64], bare[32];
    int code = err->code;
    int number = code < 0 ? -code : code > 128 && code < 192 ? code - 128 : 0;
    const char *name = number ? signal_name(number) : NULL;
    snprintf(bare, sizeof bare, "status %d", code);
    if (strstr(err->message, bare) || (name && strstr(err->message, name)))
        return;
    if (code < 0)
        snprintf(words, sizeof words, " (signal %d%s%s)", number,
                 name ? ", SIG" : "", name ? name : "");
    else
        snprintf(words, sizeof words, " (exit status %d%s%s)", code,
                 name ? ": SIG" : "", name ? name : "");
    kin__page_put(page, KIN__DIM, words);
}

static void put_number(kin__page *page, int code)
{
    char words[32];
    snprintf(words, sizeof words, " (code %d)", code);
    kin__page_put(page, KIN__DIM, words);
}

void kin__detail_code(kin__page *page, const kin_error *err)
{
    if (kin__is_group(err))
        return;
    if (kin_error_is(err, &KIN_OS) && err->code)
        put_errno(page, err);
    else if (kin_error_is(err, &KIN_EXIT) ||
             (kin_error_is(err, &KIN_PROCESS_FAILED) && err->code) ||
             strcmp(kin_error_kind_name(err), KIN_EXIT.name) == 0)
        put_status(page, err);
    else if (err->code)
        put_number(page, err->code);
}

/* Places. */

/* As one word, so that it stands on one line. */
static void put_place(kin__page *page, const kin_site *site)
{
    kin__page_put(page, KIN__PLAIN, site->file);
    kin__page_put(page, KIN__PLAIN, ":");
    kin__page_number(page, KIN__PLAIN, (unsigned)site->line);
    kin__page_space(page);
    kin__page_put(page, KIN__DIM, "in");
    kin__page_space(page);
    kin__page_put(page, KIN__PLAIN, site->function);
}

static void put_task(kin__page *page, const char *task)
{
    kin__page_put(page, KIN__DIM, "task \"");
    kin__page_put(page, KIN__PLAIN, task);
    kin__page_put(page, KIN__DIM, "\"");
}

/* Whether it was made where what it explains was: by the same task, under the
   same cancellation. Then that has said so. */
static bool same_making(const kin_error *err, const kin_error *owner)
{
    return owner && !kin__is_group(err) && !kin__is_group(owner) &&
           strcmp(kin_error_task(err), kin_error_task(owner)) == 0 &&
           kin__same_sites(err->chain, err->chain_count, owner->chain,
                           owner->chain_count) &&
           kin__same_reason(err->reason, owner->reason);
}

static void origin_line(const lines *to, const kin_error *err, bool differ,
                        bool task_is_known)
{
    const char *task = task_is_known ? "" : kin_error_task(err);
    if (!err->site && !task[0])
        return;
    begin(to, err->site ? "at " : "in ");
    if (err->site)
        put_place(to->page, err->site);
    if (task[0]) {
        kin__page_put(to->page, KIN__DIM, err->site ? ", " : "");
        put_task(to->page, task);
        kin__page_put(to->page, KIN__DIM, differ ? " and others" : "");
    }
}

static void put_count(kin__page *page, const char *before, size_t count,
                      const char *after)
{
    kin__page_put(page, KIN__DIM, before);
    kin__page_number(page, KIN__DIM, count);
    kin__page_put(page, KIN__DIM, after);
}

/* How many in a row are the same place: a recursion handed it up. */
static size_t repeats(const kin_error *err, size_t from)
{
    size_t at = from + 1;
    while (at < err->trace_count &&
           kin__same_site(err->trace[at], err->trace[from]))
        at++;
    return at - from;
}

/* One place, and how often in a row; says how far that goes. */
static size_t put_step(kin__page *page, const kin_error *err, size_t at)
{
    size_t count = repeats(err, at);
    put_place(page, err->trace[at]);
    if (count > 1)
        put_count(page, kin__page_times(page), count, "");
    return at + count;
}

/* A KIN_TRY around the call that made the error says nothing new. */
static size_t first_step(const kin_error *err)
{
    return err->trace_count && kin__same_site(err->site, err->trace[0]);
}

static void trace_line(const lines *to, const kin_error *err)
{
    size_t count = err->trace_count, at = first_step(err), shown = 0;
    if (at == count)
        return;
    begin(to, "via ");
    while (at < count) {
        if (shown++)
            kin__page_arrow(to->page);
        if (shown == TRACE_HEAD && count - at > TRACE_TAIL + 1) {
            put_count(to->page, "(", count - at - TRACE_TAIL, " more)");
            kin__page_arrow(to->page);
            at = count - TRACE_TAIL;
        }
        at = put_step(to->page, err, at);
    }
}

/* From the task up to the run. */
static void chain_line(const lines *to, const kin_error *err)
{
    if (kin__is_group(err) || err->chain_count == 0)
        return;
    begin(to, err->chain_total == 1 ? "run at " : "spawned at ");
    for (size_t i = 0; i < err->chain_count; i++) {
        if (i)
            kin__page_arrow(to->page);
        put_place(to->page, err->chain[i]);
    }
    if (err->chain_total > err->chain_count) {
        kin__page_arrow(to->page);
        put_count(to->page, "", err->chain_total - err->chain_count,
                  " more, up to the run");
    }
}

/* The cancellation. */

static void put_opened(kin__page *page, const char *what, const kin_site *site)
{
    if (!site)
        return;
    kin__page_put(page, KIN__DIM, what);
    put_place(page, site);
}

static void put_source(kin__page *page, const kin_cancellation *why)
{
    static const char *const words[] = {
        [KIN_BY_REQUEST] = "on request",
        [KIN_BY_DEADLINE] = "by a deadline",
        [KIN_BY_GROUP] = "by its group",
        [KIN_BY_INTERRUPT] = "by an interrupt (SIGINT)",
        [KIN_BY_SHUTDOWN] = "by a shutdown",
        [KIN_BY_MISNESTING] = "since a scope was left in the wrong order",
    };
    kin__page_put(page, KIN__DIM, words[why->source]);
}

static void put_where(kin__page *page, const kin_cancellation *why)
{
    switch (why->source) {
    case KIN_BY_GROUP:
        put_opened(page, why->behind ? ", after the error at " : ", at ",
                   why->site);
        break;
    case KIN_BY_DEADLINE:
    case KIN_BY_MISNESTING:
        put_opened(page, ", of the scope opened at ", why->site);
        break;
    case KIN_BY_REQUEST:
    case KIN_BY_INTERRUPT:
    case KIN_BY_SHUTDOWN:
        if (why->task) {
            kin__page_put(page, KIN__DIM, " of ");
            put_task(page, why->task);
        }
        put_opened(page, " at ", why->site);
        break;
    }
}

static void cancellation_line(const lines *to, const kin_error *err)
{
    const kin_cancellation *why = kin_error_during(err);
    if (!why)
        return;
    bool itself = err->leaf_kinds == KIN__OF_CANCELLED ||
                  strcmp(kin_error_kind_name(err), KIN_CANCELLED.name) == 0;
    begin(to, itself ? "cancelled " : "made while being cancelled ");
    put_source(to->page, why);
    put_where(to->page, why);
    if (why->text[0] && strcmp(why->text, err->message) != 0) {
        kin__page_put(to->page, KIN__DIM, ": ");
        kin__page_put(to->page, KIN__PLAIN, why->text);
    }
}

static void note_lines(const lines *to, const kin_error *err)
{
    lines hanging = *to;
    hanging.indent += 6;
    for (size_t i = 0; i < kin_error_note_count(err); i++) {
        begin(to, "note: ");
        to->page->indent = hanging.indent;
        kin__page_put(to->page, KIN__PLAIN, kin_error_note(err, i));
    }
}

void kin__detail_lines(kin__page *page, const kin_error *err, size_t levels,
                       size_t indent, const kin_error *owner, bool tasks_differ)
{
    lines to = {page, levels, indent};
    bool known = same_making(err, owner);
    note_lines(&to, err);
    if (err->flags & KIN__HAS_LOST)
        begin(&to, "note: memory ran out for other notes or places");
    origin_line(&to, err, tasks_differ, known);
    trace_line(&to, err);
    if (known)
        return;
    chain_line(&to, err);
    cancellation_line(&to, err);
}
