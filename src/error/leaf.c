/* error/leaf.c: making leaves.

   A leaf is one block, and one call of vsnprintf into it; a message that does
   not fit makes the block grow and is formatted again. What it was made under
   (the task, the places where that was spawned, the cancellation) is asked of
   the runtime of this thread, if there is one. */
#include "error/node.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    LEAF_BLOCK = 264, /* with most messages */
    LEAF_TEXT = 40,   /* room for the message, at least */
    LEAF_TRACE = 5,
    CANCELLED_TRACE = 3
};

/* What a leaf is made of, besides its text. */
struct plan {
    const kin_site *site;
    const kin_kind *kind;
    int code;
    uint8_t trace_room;
    size_t name_size; /* of the task's name, if it is to be copied */
    kin__origin origin;
};

static void look_around(struct plan *plan)
{
    kin__origin *origin = &plan->origin;
    origin->held = NULL;
    origin->task = NULL;
    origin->name_is_static = true;
    origin->reason = NULL;
    origin->chain_count = origin->chain_total = 0;
    if (kin__error_host)
        kin__error_host->origin(origin);
    plan->name_size =
        origin->task && !origin->name_is_static ? strlen(origin->task) + 1 : 0;
}

/* Bytes before the message. */
static size_t head_size(const struct plan *plan)
{
    size_t places = plan->trace_room + plan->origin.chain_count;
    return sizeof(kin_error) + places * sizeof(kin_site *) + plan->name_size;
}

/* In the reserve's blocks long names are cut. */
static void fit_name(struct plan *plan)
{
    enum { LONGEST = 64 };
    if (plan->name_size > LONGEST)
        plan->name_size = LONGEST;
}

static void set_task(kin_error *err, const struct plan *plan, char *tail)
{
    const kin__origin *origin = &plan->origin;
    err->task = origin->task;
    if (!plan->name_size)
        return;
    memcpy(tail, origin->task, plan->name_size - 1);
    tail[plan->name_size - 1] = '\0';
    err->task = tail;
}

/* All but the message, which stands behind. */
static void fill(kin_error *err, const struct plan *plan)
{
    const kin__origin *origin = &plan->origin;
    char *tail = kin__node_set_trace(err, (char *)(err + 1), plan->trace_room);
    err->kind = plan->kind;
    err->site = plan->site;
    err->code = plan->code;
    err->leaf_kinds = kin__kind_leaves(plan->kind);
    if (origin->reason)
        err->reason = kin__reason_ref(origin->reason);
    err->chain = (const kin_site **)(void *)tail;
    err->chain_count = (uint8_t)origin->chain_count;
    err->chain_total = origin->chain_total;
    for (size_t i = 0; i < origin->chain_count; i++)
        err->chain[i] = origin->chain[i];
    set_task(err, plan, tail + origin->chain_count * sizeof(kin_site *));
    if (origin->held)
        kin__hold_new(origin->held, err);
}

void kin__text_cut(char *text, size_t room)
{
    size_t end = room > 4 ? room - 4 : 0;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", room - end < 4 ? 0 : 4);
}

/* As vsnprintf, and fast for the two formats that most calls have. */
static size_t format_into(char *to, size_t room, const char *format,
                          va_list arguments)
{
    const char *text = format;
    if (format[0] == '%' && format[1] == 's' && !format[2]) {
        text = va_arg(arguments, const char *);
        text = text ? text : "(null)";
    } else if (strchr(format, '%')) {
        int length = vsnprintf(to, room, format, arguments);
        if (length >= 0)
            return (size_t)length;
        text = format; /* it cannot be formatted: shown as it is */
    }
    size_t length = strlen(text), fits = length < room ? length : room - 1;
    memcpy(to, text, fits);
    to[fits] = '\0';
    return length;
}

/* Neither memory nor a reserve: what it was to say is said at once. */
static kin_error *make_nothing(const struct plan *plan, const char *format,
                               va_list arguments)
{
    char text[256];
    if (format_into(text, sizeof text, format, arguments) >= sizeof text)
        kin__text_cut(text, sizeof text);
    kin__reserve_report_text(plan->kind->name, text);
    return kin__reserve_last();
}

/* A larger block for a message of that length; as it is, and the message cut,
   if there is none. */
static kin_error *grow(kin_error *err, size_t head, size_t length,
                       const char *format, va_list arguments)
{
    kin_error *larger = err->flags & KIN__IS_RESERVED
                            ? NULL
                            : kin__realloc(err, head + length + 1);
    if (!larger)
        return NULL;
    format_into((char *)larger + head, length + 1, format, arguments);
    return larger;
}

static kin_error *make(struct plan *plan, const char *format, va_list arguments)
{
    size_t head = head_size(plan);
    size_t size = head + LEAF_TEXT > LEAF_BLOCK ? head + LEAF_TEXT : LEAF_BLOCK;
    kin_error *err = kin__node_new(&size);
    if (!err)
        return make_nothing(plan, format, arguments);
    if (err->flags & KIN__IS_RESERVED) {
        size = KIN__RESERVE_BLOCK;
        fit_name(plan);
        head = head_size(plan);
    }
    va_list again;
    va_copy(again, arguments);
    size_t room = size - head;
    size_t length = format_into((char *)err + head, room, format, arguments);
    if (length >= room) {
        kin_error *larger = grow(err, head, length, format, again);
        if (larger)
            err = larger;
        else
            kin__text_cut((char *)err + head, room);
    }
    va_end(again);
    err->message = (char *)err + head;
    fill(err, plan);
    return err;
}

/* KIN_CANCELLED and groups are not made by programs: a KIN_MISUSE that says so,
   with what it was to say in a note. */
static kin_error *refuse(struct plan *plan, const char *format,
                         va_list arguments)
{
    const char *why = !plan->kind ? "kin_fail: the kind is NULL"
                      : kin__kind_leaves(plan->kind) == KIN__OF_GROUP
                          ? "kin_fail: a group is made by kin_error_group"
                          : "kin_fail: only the runtime makes a KIN_CANCELLED; "
                            "return the one that you were given";
    char text[256];
    if (format_into(text, sizeof text, format, arguments) >= sizeof text)
        kin__text_cut(text, sizeof text);
    kin_error *err = kin_fail_at(plan->site, &KIN_MISUSE, "%s", why);
    if (text[0])
        kin_error_add_note(err, "it was to say: %s", text);
    return err;
}

/* The cause has to be loose, since it is taken over. Where it is not, the new
   error shares it and comes with a KIN_MISUSE. */
static kin_error *explain(kin_error *err, kin_error *cause,
                          const kin_site *site)
{
    bool taken = kin__error_take(cause);
    kin_error *owned = taken ? cause : kin__error_share(cause);
    if (err->flags & KIN__IS_IMMORTAL) {
        kin__reserve_report(owned);
        kin__error_disown(owned);
        return err;
    }
    kin__node_set_cause(err, owned);
    if (taken)
        return err;
    return kin_error_combine_at(
        site, err,
        kin_fail_at(site, &KIN_MISUSE,
                    "kin_fail_from: the cause \"%s\" is part of another error "
                    "already",
                    cause->message));
}

kin_error *kin_fail_va(const kin_site *site, kin_error *cause,
                       const kin_kind *kind, int code, const char *format,
                       va_list arguments)
{
    struct plan plan = {
        .site = site, .kind = kind, .code = code, .trace_room = LEAF_TRACE};
    uint8_t of = kind ? kin__kind_leaves(kind) : KIN__OF_GROUP;
    kin_error *err;
    format = format ? format : "";
    if (__builtin_expect(of & (KIN__OF_CANCELLED | KIN__OF_GROUP), 0)) {
        err = refuse(&plan, format, arguments);
    } else {
        look_around(&plan);
        err = make(&plan, format, arguments);
    }
    return cause ? explain(err, cause, site) : err;
}

kin_error *kin_fail_at(const kin_site *site, const kin_kind *kind,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err = kin_fail_va(site, NULL, kind, 0, format, arguments);
    va_end(arguments);
    return err;
}

kin_error *kin_fail_code_at(const kin_site *site, const kin_kind *kind,
                            int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err = kin_fail_va(site, NULL, kind, code, format, arguments);
    va_end(arguments);
    return err;
}

kin_error *kin_fail_errno_at(const kin_site *site, int errnum,
                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err =
        kin_fail_va(site, NULL, &KIN_OS, errnum, format, arguments);
    va_end(arguments);
    return err;
}

kin_error *kin_fail_from_at(const kin_site *site, kin_error *cause,
                            const kin_kind *kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err = kin_fail_va(site, cause, kind, 0, format, arguments);
    va_end(arguments);
    return err;
}

kin_error *kin_exit_at(const kin_site *site, int status)
{
    return kin_fail_code_at(site, &KIN_EXIT, status, "exit status %d", status);
}

/* A mass cancellation makes one of these for every task: nothing is formatted,
   the text is the reason's, which lives as long as the error. */
kin_error *kin__error_cancelled(const kin_site *site)
{
    struct plan plan = {
        .site = site, .kind = &KIN_CANCELLED, .trace_room = CANCELLED_TRACE};
    look_around(&plan);
    const kin__reason *reason = plan.origin.reason;
    const char *text = reason ? reason->cancellation.text : "";
    text = text[0] ? text : "cancelled";
    size_t size = head_size(&plan);
    kin_error *err = kin__node_new(&size);
    if (!err) {
        kin__reserve_report_text(KIN_CANCELLED.name, text);
        return kin__reserve_last();
    }
    if (err->flags & KIN__IS_RESERVED)
        fit_name(&plan);
    err->message = text;
    fill(err, &plan);
    return err;
}
