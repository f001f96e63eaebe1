/* error/json_write.c: the tree, for programs: one object on one line.

   {"id":1,"kind":"os error","message":"...","code":2,
    "site":{"file":"...","function":"...","line":88},"task":"reader",
    "trace":[SITE...],"spawned":[SITE...],"spawned_more":2,"notes":["..."],
    "lost":true,"during":{"source":"group","text":"...","task":"...",
    "site":SITE,"behind":{"ref":1}},"members":[ERROR...],"cause":ERROR}

   What is empty is left out. A node has an id when a cancellation in the same
   tree came of it. What was behind one and is not in the tree is there by its
   kind, message and code alone, so that the text is no longer than the tree.
   The text is valid UTF-8 whatever the messages are. */
#include "error/map.h"
#include "error/out.h"
#include "error/text.h"
#include "error/walk.h"

#include <string.h>

typedef struct writer {
    kin__out out;
    kin__walk walk;
    kin__map
        ids; /* of what is behind something: first the id, second: written */
    uint64_t last_id;
} writer;

static void raw(writer *w, const char *text)
{
    kin__out_text(&w->out, text);
}

/* Writes one character of a string and says how many bytes it had. */
static size_t character(writer *w, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    uint32_t value;
    size_t length = kin__text_read(text, &value);
    const char *escape = value ? strchr(plain, (int)value) : NULL;
    char code[8];
    if (length == 0) {
        raw(w, "\xef\xbf\xbd");
        return 1;
    }
    if (length == 1 && escape) {
        snprintf(code, sizeof code, "\\%c", letters[escape - plain]);
        raw(w, code);
    } else if (value < 0x20) {
        snprintf(code, sizeof code, "\\u%04x", (unsigned)value);
        raw(w, code);
    } else {
        kin__out_bytes(&w->out, text, length);
    }
    return length;
}

static void string(writer *w, const char *text)
{
    raw(w, "\"");
    while (*text)
        text += character(w, text);
    raw(w, "\"");
}

static void string_field(writer *w, const char *key, const char *text)
{
    raw(w, key);
    string(w, text);
}

static void number_field(writer *w, const char *key, long long number)
{
    raw(w, key);
    kin__out_number(&w->out, number);
}

static void site(writer *w, const kin_site *at)
{
    string_field(w, "{\"file\":", at->file);
    string_field(w, ",\"function\":", at->function);
    number_field(w, ",\"line\":", at->line);
    raw(w, "}");
}

static void site_field(writer *w, const char *key, const kin_site *at)
{
    if (!at)
        return;
    raw(w, key);
    site(w, at);
}

static void sites(writer *w, const char *key, const kin_site *const *all,
                  size_t count)
{
    if (count == 0)
        return;
    raw(w, key);
    for (size_t i = 0; i < count; i++) {
        raw(w, i ? "," : "[");
        site(w, all[i]);
    }
    raw(w, "]");
}

static void notes(writer *w, const kin_error *err)
{
    size_t count = kin_error_note_count(err);
    if (count)
        raw(w, ",\"notes\":");
    for (size_t i = 0; i < count; i++)
        string_field(w, i ? "," : "[", kin_error_note(err, i));
    if (count)
        raw(w, "]");
}

static void behind(writer *w, const kin_error *err)
{
    const kin__map_entry *entry = kin__map_find(&w->ids, kin__map_key(err));
    raw(w, ",\"behind\":");
    if (entry && entry->first) {
        number_field(w, "{\"ref\":", (long long)entry->first);
    } else {
        string_field(w, "{\"kind\":", kin_error_kind_name(err));
        string_field(w, ",\"message\":", err->message);
        if (err->code)
            number_field(w, ",\"code\":", err->code);
    }
    raw(w, "}");
}

static void during(writer *w, const kin_cancellation *why)
{
    static const char *const sources[] = {
        [KIN_BY_REQUEST] = "request",   [KIN_BY_DEADLINE] = "deadline",
        [KIN_BY_GROUP] = "group",       [KIN_BY_INTERRUPT] = "interrupt",
        [KIN_BY_SHUTDOWN] = "shutdown", [KIN_BY_MISNESTING] = "misnesting",
    };
    if (!why)
        return;
    string_field(w, ",\"during\":{\"source\":", sources[why->source]);
    string_field(w, ",\"text\":", why->text);
    if (why->task)
        string_field(w, ",\"task\":", why->task);
    site_field(w, ",\"site\":", why->site);
    if (why->behind)
        behind(w, why->behind);
    raw(w, "}");
}

static void head(writer *w, const kin_error *err)
{
    kin__map_entry *entry = kin__map_find(&w->ids, kin__map_key(err));
    raw(w, "{");
    if (entry && entry->first && !entry->second++) {
        number_field(w, "\"id\":", (long long)entry->first);
        raw(w, ",");
    }
    string_field(w, "\"kind\":", kin_error_kind_name(err));
    string_field(w, ",\"message\":", err->message);
    if (err->code)
        number_field(w, ",\"code\":", err->code);
}

static void fields(writer *w, const kin_error *err)
{
    head(w, err);
    site_field(w, ",\"site\":", err->site);
    if (kin_error_task(err)[0])
        string_field(w, ",\"task\":", kin_error_task(err));
    sites(w, ",\"trace\":", err->trace, err->trace_count);
    if (!kin__is_group(err)) {
        sites(w, ",\"spawned\":", err->chain, err->chain_count);
        if (err->chain_total > err->chain_count)
            number_field(w, ",\"spawned_more\":",
                         (long long)(err->chain_total - err->chain_count));
    }
    notes(w, err);
    if (err->flags & KIN__HAS_LOST)
        raw(w, ",\"lost\":true");
    during(w, kin_error_during(err));
}

/* Between what is above the node and the node. */
static void lead_in(writer *w)
{
    size_t index;
    if (w->walk.depth == 0)
        return;
    const kin_error *above =
        kin__walk_above(&w->walk, w->walk.depth - 1, &index);
    if (index < kin__member_count(above))
        raw(w, index ? "," : ",\"members\":[");
    else
        raw(w, kin__is_group(above) ? "],\"cause\":" : ",\"cause\":");
}

static void close_object(writer *w, const kin_error *err)
{
    raw(w, kin__is_group(err) && !err->cause ? "]}" : "}");
}

static void write_tree(writer *w)
{
    do {
        lead_in(w);
        fields(w, w->walk.at);
        if (kin__walk_down(&w->walk))
            continue;
        close_object(w, w->walk.at);
        while (!kin__walk_on(&w->walk) && w->walk.at)
            close_object(w, w->walk.at);
    } while (w->walk.at);
}

static void find_behind(writer *w, const kin_error *err)
{
    const kin_cancellation *why = kin_error_during(err);
    if (why && why->behind)
        kin__map_put(&w->ids, kin__map_key(why->behind));
}

static void number(writer *w, const kin_error *err)
{
    kin__map_entry *entry = kin__map_find(&w->ids, kin__map_key(err));
    if (entry && !entry->first)
        entry->first = ++w->last_id;
}

static void each_node(writer *w, const kin_error *root,
                      void (*visit)(writer *, const kin_error *))
{
    kin__walk_open(&w->walk, root, true);
    do {
        visit(w, w->walk.at);
        if (kin__walk_down(&w->walk))
            continue;
        while (!kin__walk_on(&w->walk) && w->walk.at)
            ;
    } while (w->walk.at);
    kin__walk_close(&w->walk);
}

void kin_error_write_json(const kin_error *err, FILE *stream)
{
    writer w = {.last_id = 0};
    kin__out_open(&w.out, stream);
    if (err) {
        each_node(&w, err, find_behind);
        if (w.ids.count)
            each_node(&w, err, number);
        kin__walk_open(&w.walk, err, true);
        write_tree(&w);
        kin__walk_close(&w.walk);
        kin__map_free(&w.ids);
    } else {
        raw(&w, "null");
    }
    raw(&w, "\n");
    kin__out_close(&w.out);
}
