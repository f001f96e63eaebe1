/* error/json_read.c: the tree, read back from a text that nobody vouches for.

   The errors that are open are drafts on a stack of the heap: what is in one is
   gathered until it closes and then made into a node (draft.c), so that the
   keys may come in any order and no depth is a recursion. The texts of a draft
   are on top of the stack of strings; members wait for the group around them on
   a stack of nodes. Keys that are not known are skipped, so that newer writers
   can be read. */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "error/draft.h"

enum { DEEPEST = 200000 };
enum { IN_ERROR, IN_MEMBERS, IN_DURING };
#define MOST_ID ((long long)1 << 53)

/* The keys of an error, and those of its `during`. */
enum {
    ID,
    KIND,
    MESSAGE,
    CODE,
    SITE,
    TASK,
    TRACE,
    SPAWNED,
    SPAWNED_MORE,
    NOTES,
    LOST,
    DURING,
    MEMBERS,
    CAUSE,
    REF,
    ERROR_KEYS,
    SOURCE = ERROR_KEYS,
    TEXT,
    WHY_TASK,
    WHY_SITE,
    BEHIND,
    KEYS
};
static const char *const keys[KEYS] = {
    "id",      "kind",         "message", "code", "site",   "task",    "trace",
    "spawned", "spawned_more", "notes",   "lost", "during", "members", "cause",
    "ref",     "source",       "text",    "task", "site",   "behind",
};

static const char *const sources[] = {
    [KIN_BY_REQUEST] = "request",   [KIN_BY_DEADLINE] = "deadline",
    [KIN_BY_GROUP] = "group",       [KIN_BY_INTERRUPT] = "interrupt",
    [KIN_BY_SHUTDOWN] = "shutdown", [KIN_BY_MISNESTING] = "misnesting",
};
enum { SOURCES = sizeof sources / sizeof *sources };

bool kin__draft_room(kin__reader *r, void *array, size_t count, size_t *room,
                     size_t size)
{
    void *block, **place = array;
    if (count < *room)
        return true;
    size_t larger = *room ? *room * 2 : 16;
    memcpy(&block, place, sizeof block);
    block = kin__realloc(block, larger * size);
    if (!block)
        return kin__json_out_of_memory(&r->json);
    memcpy(place, &block, sizeof block);
    *room = larger;
    return true;
}

/* Reads a key; its index among names[first..last), or `last`. */
static bool read_key(kin__reader *r, int first, int last, int *key)
{
    size_t where, used = r->json.used;
    if (!kin__json_key(&r->json, &where))
        return false;
    for (*key = first; *key < last; ++*key)
        if (strcmp(keys[*key], r->json.strings + where) == 0)
            break;
    r->json.used = used;
    return true;
}

static bool first_time(kin__reader *r, uint32_t *seen, int key)
{
    if (*seen >> key & 1)
        return kin__json_fail(&r->json, r->json.at, "a key comes twice");
    *seen |= (uint32_t)1 << key;
    return true;
}

/* Places. */

enum { FILE_KEY, FUNCTION_KEY, LINE_KEY, PLACE_KEYS };

static bool read_place_key(kin__reader *r, int *key)
{
    static const char *const names[] = {"file", "function", "line"};
    size_t where, used = r->json.used;
    if (!kin__json_key(&r->json, &where))
        return false;
    for (*key = 0; *key < PLACE_KEYS; ++*key)
        if (strcmp(names[*key], r->json.strings + where) == 0)
            break;
    r->json.used = used;
    return true;
}

static bool read_place_value(kin__reader *r, int key, kin__draft_place *place)
{
    long long line;
    switch (key) {
    case FILE_KEY: return kin__json_string(&r->json, &place->file);
    case FUNCTION_KEY: return kin__json_string(&r->json, &place->function);
    case LINE_KEY:
        if (!kin__json_integer(&r->json, 0, INT_MAX, &line))
            return false;
        place->line = (size_t)line;
        return true;
    default: return kin__json_skip(&r->json);
    }
}

/* Adds one to a list. */
static bool read_place(kin__reader *r, kin__draft_places *list)
{
    kin__json *j = &r->json;
    kin__draft_place place = {.before = list->last};
    uint32_t seen = 0;
    bool begun = false, more;
    int key;
    if (!kin__json_take(j, '{'))
        return false;
    size_t began = j->at - 1;
    while (kin__json_next(j, '}', &begun, &more) && more)
        if (!read_place_key(r, &key) ||
            (key < PLACE_KEYS && !first_time(r, &seen, key)) ||
            !read_place_value(r, key, &place))
            return false;
    if (seen != (1 << PLACE_KEYS) - 1)
        return kin__json_fail(j, began,
                              "a place has a file, a function and a line");
    list->last = j->used;
    list->count++;
    return kin__json_push(j, &place, sizeof place);
}

static bool read_places(kin__reader *r, kin__draft_places *list)
{
    bool begun = false, more;
    if (!kin__json_take(&r->json, '['))
        return false;
    while (kin__json_next(&r->json, ']', &begun, &more) && more)
        if (!read_place(r, list))
            return false;
    return !r->json.problem[0];
}

/* The values of an error. */

static bool read_notes(kin__reader *r, kin__draft *d)
{
    bool begun = false, more;
    size_t where;
    d->notes = r->json.used;
    if (!kin__json_take(&r->json, '['))
        return false;
    for (; kin__json_next(&r->json, ']', &begun, &more) && more;
         d->note_count++)
        if (!kin__json_string(&r->json, &where))
            return false;
    return !r->json.problem[0];
}

static bool read_code(kin__reader *r, kin__draft *d)
{
    long long code;
    if (!kin__json_integer(&r->json, INT_MIN, INT_MAX, &code))
        return false;
    d->code = (int)code;
    return true;
}

static bool read_source(kin__reader *r, kin__draft *d)
{
    size_t where, at = r->json.at;
    if (!kin__json_string(&r->json, &where))
        return false;
    d->has_why = true;
    for (d->source = 0; d->source < SOURCES; d->source++)
        if (strcmp(sources[d->source], r->json.strings + where) == 0)
            return true;
    return kin__json_fail(&r->json, at, "no such source of a cancellation");
}

static bool open_draft(kin__reader *r, kin__draft_role role)
{
    if (r->depth == DEEPEST)
        return kin__json_fail(&r->json, r->json.at,
                              "more than 200000 errors inside one another");
    if (!kin__json_take(&r->json, '{') ||
        !kin__draft_room(r, &r->drafts, r->depth, &r->drafts_room,
                         sizeof *r->drafts))
        return false;
    r->drafts[r->depth++] = (kin__draft){.role = role,
                                         .began = r->json.at - 1,
                                         .strings = r->json.used,
                                         .nodes = r->count};
    return true;
}

static bool open_part(kin__reader *r, kin__draft *d, uint8_t state, char c)
{
    d->state = state;
    d->begun_inside = false;
    return kin__json_take(&r->json, c);
}

static bool read_value(kin__reader *r, kin__draft *d, int key)
{
    kin__json *j = &r->json;
    switch (key) {
    case ID: return kin__json_integer(j, 1, MOST_ID, &d->id);
    case KIND: return kin__json_string(j, &d->kind);
    case MESSAGE: return kin__json_string(j, &d->message);
    case CODE: return read_code(r, d);
    case SITE: return read_place(r, &d->site);
    case TASK: return kin__json_string(j, &d->task);
    case TRACE: return read_places(r, &d->trace);
    case SPAWNED: return read_places(r, &d->spawned);
    case SPAWNED_MORE:
        return kin__json_integer(j, 1, INT_MAX, &d->spawned_more);
    case NOTES: return read_notes(r, d);
    case LOST: d->is_lost = true; return kin__json_word(j, "true");
    case DURING: return open_part(r, d, IN_DURING, '{');
    case MEMBERS: d->is_group = true; return open_part(r, d, IN_MEMBERS, '[');
    case CAUSE: return open_draft(r, KIN__AS_CAUSE);
    case REF: return kin__json_integer(j, 1, MOST_ID, &d->ref);
    case SOURCE: return read_source(r, d);
    case TEXT: return kin__json_string(j, &d->text);
    case WHY_TASK: return kin__json_string(j, &d->by_task);
    case WHY_SITE: return read_place(r, &d->why_site);
    case BEHIND: return open_draft(r, KIN__AS_BEHIND);
    default: return kin__json_skip(j);
    }
}

/* One step each; the draft may have moved, or be gone, after it. */

static bool step_error(kin__reader *r, kin__draft *d)
{
    bool more;
    int key;
    if (!kin__json_next(&r->json, '}', &d->begun, &more))
        return false;
    if (!more)
        return kin__draft_finish(r);
    if (!read_key(r, ID, ERROR_KEYS, &key))
        return false;
    if (d->ref || (key == REF && (d->role != KIN__AS_BEHIND || d->seen)))
        return kin__json_fail(&r->json, r->json.at,
                              "a \"ref\" stands alone in a \"behind\"");
    if (key == ERROR_KEYS)
        return kin__json_skip(&r->json);
    return first_time(r, &d->seen, key) && read_value(r, d, key);
}

static bool step_members(kin__reader *r, kin__draft *d)
{
    bool more;
    if (!kin__json_next(&r->json, ']', &d->begun_inside, &more))
        return false;
    if (more)
        return open_draft(r, KIN__AS_MEMBER);
    d->state = IN_ERROR;
    return true;
}

static bool step_during(kin__reader *r, kin__draft *d)
{
    bool more;
    int key;
    if (!kin__json_next(&r->json, '}', &d->begun_inside, &more))
        return false;
    if (!more) {
        d->state = IN_ERROR;
        return d->has_why || kin__json_fail(&r->json, r->json.at,
                                            "a cancellation has a source");
    }
    if (!read_key(r, SOURCE, KEYS, &key))
        return false;
    if (key == KEYS)
        return kin__json_skip(&r->json);
    return first_time(r, &d->seen, key) && read_value(r, d, key);
}

static bool read_tree(kin__reader *r)
{
    static bool (*const steps[])(kin__reader *, kin__draft *) = {
        [IN_ERROR] = step_error,
        [IN_MEMBERS] = step_members,
        [IN_DURING] = step_during,
    };
    if (!open_draft(r, KIN__AS_ROOT))
        return false;
    while (r->depth > 0) {
        kin__draft *d = &r->drafts[r->depth - 1];
        if (!steps[d->state](r, d))
            return false;
    }
    return kin__draft_resolve(r);
}

static bool read_all(kin__reader *r)
{
    kin__json *j = &r->json;
    size_t nothing;
    /* No text begins at 0, so that 0 can stand for none. */
    if (!kin__json_push(j, "", 1))
        return false;
    bool good = kin__json_is(j, 'n') ? kin__json_word(j, "null") : read_tree(r);
    if (!good)
        return false;
    kin__json_is(j, '\0'); /* takes the blanks */
    nothing = j->length - j->at;
    return nothing == 0 ||
           kin__json_fail(j, j->at, "something follows the error");
}

static void close_reader(kin__reader *r)
{
    for (size_t i = 0; i < r->depth; i++) {
        kin__error_disown(r->drafts[i].cause);
        kin__error_disown(r->drafts[i].behind);
    }
    for (size_t i = 0; i < r->count; i++)
        kin__error_disown(r->nodes[i]);
    kin__free(r->drafts);
    kin__free(r->nodes);
    kin__free(r->fixups);
    kin__map_free(&r->ids);
    kin__json_free(&r->json);
}

kin_error *kin_error_read_json(const char *text, size_t length, kin_error **out)
{
    kin__reader r = {.json = {.text = text ? text : "", .length = length}};
    if (read_all(&r)) {
        close_reader(&r);
        *out = kin_error_adopt(r.root);
        return NULL;
    }
    kin_error_free(r.root);
    close_reader(&r);
    return kin_fail_at(NULL, r.json.no_memory ? &KIN_NO_MEMORY : &KIN_FAILURE,
                       "error tree in JSON, byte %zu: %s", r.json.problem_at,
                       r.json.problem);
}
