/* error/reason.c: why something was cancelled.

   A reason is made once for a cancellation and shared by the scopes that it
   reaches and the errors that are made under it, on any thread. It owns a
   reference to the error behind it. Without memory the reason is a static one
   of that source, which nobody counts. */
#include "error/node.h"

#include <string.h>

#include "base/alloc.h"
#include "error/text.h"

enum { LONGEST_TEXT = 95 };

#define STATIC_REASON(source_, text_) \
    [source_] = {.cancellation = {.source = (source_), .text = (text_)}}
static kin__reason static_reasons[] = {
    STATIC_REASON(KIN_BY_REQUEST, "by request"),
    STATIC_REASON(KIN_BY_DEADLINE, "a deadline passed"),
    STATIC_REASON(KIN_BY_GROUP, "something else in the group ended"),
    STATIC_REASON(KIN_BY_INTERRUPT, "interrupted"),
    STATIC_REASON(KIN_BY_SHUTDOWN, "a shutdown"),
    STATIC_REASON(KIN_BY_MISNESTING, "scopes were left in the wrong order"),
};

static kin__reason *made(kin__reason *reason)
{
    reason->references = 1;
    kin__count_live(+1);
    return reason;
}

/* How much of the text there is room for, without half a character. */
static size_t cut(const char *text)
{
    size_t length = strnlen(text, LONGEST_TEXT + 1);
    if (length <= LONGEST_TEXT)
        return length;
    length = LONGEST_TEXT;
    while (length > LONGEST_TEXT - 4 &&
           ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

/* Bytes that are no characters would take more room when it is written down
   (as JSON) and read again. */
static void make_valid(char *text)
{
    uint32_t character;
    while (*text) {
        size_t length = kin__text_read(text, &character);
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

kin__reason *kin__reason_new(kin_cancel_source source, uint64_t order,
                             const kin_site *site, const char *task,
                             const kin_error *behind, const char *format,
                             va_list arguments)
{
    char text[LONGEST_TEXT + 2] = "";
    if (format && vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    size_t length = cut(text), name = task ? strlen(task) + 1 : 0;
    kin__reason *reason = kin__alloc(sizeof *reason + length + 1 + name);
    if (!reason)
        return &static_reasons[source];
    memcpy(reason->storage, text, length);
    reason->storage[length] = '\0';
    make_valid(reason->storage);
    if (name)
        memcpy(reason->storage + length + 1, task, name);
    reason->order = order;
    reason->cancellation = (kin_cancellation){
        .source = source,
        .text = reason->storage,
        .task = name ? reason->storage + length + 1 : NULL,
        .site = site,
        .behind = behind ? kin__error_share(behind) : NULL,
    };
    return made(reason);
}

kin__reason *kin__reason_ref(kin__reason *reason)
{
    if (reason && reason->references)
        __atomic_fetch_add(&reason->references, 1, __ATOMIC_RELAXED);
    return reason;
}

kin_error *kin__reason_drop(kin__reason *reason)
{
    if (!reason->references ||
        __atomic_sub_fetch(&reason->references, 1, __ATOMIC_ACQ_REL) != 0)
        return NULL;
    kin_error *behind = (kin_error *)reason->cancellation.behind;
    kin__free(reason);
    kin__count_live(-1);
    return behind;
}

void kin__reason_unref(kin__reason *reason)
{
    if (reason)
        kin__error_disown(kin__reason_drop(reason));
}

/* Appends a text to what is stored; NULL stays NULL. */
static const char *store(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

static const char *store_cut(char **at, const char *text)
{
    char *copy = (char *)store(at, text);
    copy[cut(text)] = '\0';
    return copy;
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

kin__reason *kin__reason_copy(const kin_cancellation *from)
{
    const kin_site *site = from->site;
    size_t size = sizeof(kin__reason) + size_of(from->text) +
                  size_of(from->task) + sizeof(kin_site);
    if (site)
        size += size_of(site->file) + size_of(site->function);
    kin__reason *reason = kin__alloc(size);
    if (!reason)
        return NULL;
    kin_site *place = (kin_site *)(void *)reason->storage;
    char *at = (char *)(place + 1);
    *reason = (kin__reason){.cancellation = {.source = from->source}};
    reason->cancellation.text = store_cut(&at, from->text);
    reason->cancellation.task = store(&at, from->task);
    if (site) {
        *place = (kin_site){.file = store(&at, site->file),
                            .function = store(&at, site->function),
                            .line = site->line};
        reason->cancellation.site = place;
    }
    return made(reason);
}
