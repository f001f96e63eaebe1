/* error/group.c: making groups.

   A group is one block with its members in it. When memory is out its block
   comes from the reserve and has few places: the last one then takes a group
   that goes on with the rest, and so on, in order. `tail` is the last of these;
   each points to the one it goes on from with `prev`, until they are done.

   When the reserve is used up as well there is no group, and who makes it says
   its members at once, so that none is lost. */
#include "error/node.h"

#include <string.h>

enum { GROUP_TRACE = 2 };

static size_t sum(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* The places for members, in what there is of the block, and the message. */
static void fill(kin_error *group, size_t size, const char *message,
                 size_t room, size_t length)
{
    char *end = (char *)group + size;
    char *tail = kin__node_set_trace(group, (char *)(group + 1), GROUP_TRACE);
    group->members = (kin_error **)(void *)tail;
    group->capacity = room;
    char *text = (char *)(group->members + room);
    size_t fits = (size_t)(end - text) - 1;
    memcpy(text, message, fits < length ? fits : length);
    text[fits < length ? fits : length] = '\0';
    if (fits < length)
        kin__text_cut(text, fits + 1);
    group->message = text;
}

kin_error *kin__group_new(const kin_site *site, const char *message,
                          size_t room)
{
    enum { RESERVED_ROOM = 6 };
    size_t length = strlen(message);
    size_t size = sizeof(kin_error) + length + 1 +
                  (room + GROUP_TRACE) * sizeof(kin_error *);
    kin_error *group = kin__node_new(&size);
    if (!group)
        return NULL;
    if (group->flags & KIN__IS_RESERVED) {
        size = KIN__RESERVE_BLOCK;
        room = room < RESERVED_ROOM ? room : RESERVED_ROOM;
    }
    group->flags |= KIN__IS_GROUP;
    group->kind = &KIN_ERROR_GROUP;
    group->site = site;
    group->tail = group;
    fill(group, size, message, room, length);
    return group;
}

static void put(kin_error *group, kin_error *member)
{
    group->members[group->count++] = member;
    group->nodes = sum(group->nodes, member->nodes);
    group->leaves =
        sum(group->leaves, kin__is_group(member) ? member->leaves : 1);
    group->leaf_kinds |= member->leaf_kinds;
    if (group->height <= member->height)
        group->height = member->height + 1;
}

/* What those that the tail goes on from say of the whole. */
static void tell_outer(kin_error *group, const kin_error *member,
                       size_t more_nodes)
{
    for (kin_error *at = group->tail; at != group; at = at->prev) {
        kin_error *outer = at->prev;
        outer->nodes = sum(outer->nodes, more_nodes);
        outer->leaves =
            sum(outer->leaves, kin__is_group(member) ? member->leaves : 1);
        outer->leaf_kinds |= member->leaf_kinds;
        if (outer->height <= at->height)
            outer->height = at->height + 1;
    }
}

/* The last member moves into a group that takes its place. */
static bool go_on(kin_error *group)
{
    kin_error *full = group->tail;
    kin_error *next = kin__group_new(NULL, "", full->capacity * 2);
    if (!next)
        return false;
    put(next, full->members[full->count - 1]);
    full->members[full->count - 1] = next;
    __atomic_store_n(&next->counts, KIN__OWNED, __ATOMIC_RELAXED);
    next->prev = full;
    group->tail = next;
    for (kin_error *at = next; at != group; at = at->prev) {
        at->prev->nodes = sum(at->prev->nodes, 1);
        if (at->prev->height <= at->height)
            at->prev->height = at->height + 1;
    }
    return true;
}

bool kin__group_add(kin_error *group, kin_error *member)
{
    if (group->tail->count == group->tail->capacity && !go_on(group))
        return false;
    put(group->tail, member);
    tell_outer(group, member, member->nodes);
    return true;
}

/* Into a group that there may be no memory for. */
static void add_or_report(kin_error *group, kin_error *member)
{
    if (group && kin__group_add(group, member))
        return;
    kin__reserve_report(member);
    kin__error_disown(member);
}

static kin_error *made(kin_error *group)
{
    return group ? group : kin__reserve_last();
}

kin_error *kin__group_derive(const kin_error *like)
{
    kin_error *group = kin__group_new(like->site, like->message, like->count);
    if (!group)
        return NULL;
    group->places = kin__places_ref(like->places);
    kin__trace_copy(group, like);
    kin__notes_copy(group, like, 0);
    if (like->cause)
        kin__node_set_cause(group, kin__error_share(like->cause));
    return group;
}

/* What is wrong with what a group was to be made of. */
typedef struct objection {
    size_t bad, index;
    const kin_error *member;
} objection;

static void object(objection *to, size_t index, const kin_error *member)
{
    if (to->bad++)
        return;
    to->index = index;
    to->member = member;
}

static kin_error *say_objection(const kin_site *site, const objection *to)
{
    if (!to->member)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_error_group: member %zu is NULL (%zu of them "
                           "cannot be members)",
                           to->index, to->bad);
    return kin_fail_at(site, &KIN_MISUSE,
                       "kin_error_group: member %zu, \"%s\", is part of "
                       "another error already (%zu of them cannot be members)",
                       to->index, to->member->message, to->bad);
}

static kin_error *group_of(const kin_site *site, const char *message,
                           kin_error *const members[], size_t count)
{
    kin_error *group = kin__group_new(site, message, count);
    objection wrong = {0};
    for (size_t i = 0; i < count; i++) {
        if (members[i] && kin__error_take(members[i]))
            add_or_report(group, members[i]);
        else
            object(&wrong, i, members[i]);
    }
    if (!wrong.bad)
        return made(group);
    kin_error *misuse = say_objection(site, &wrong);
    if (wrong.bad == count) {
        kin_error_free(group);
        return misuse;
    }
    kin__error_take(misuse);
    add_or_report(group, misuse);
    return made(group);
}

kin_error *kin_error_group_at(const kin_site *site, const char *message,
                              kin_error *const members[], size_t count)
{
    if (!members || count == 0)
        return kin_fail_at(site, &KIN_MISUSE,
                           "kin_error_group: a group needs a member");
    return kin_error_adopt(
        group_of(site, message ? message : "", members, count));
}

kin_error *kin_error_combine_at(const kin_site *site, kin_error *a,
                                kin_error *b)
{
    if (!a || !b)
        return a ? a : b;
    return kin_error_group_at(site, "", (kin_error *[]){a, b}, 2);
}

kin_error *kin__error_group_of_shares(const kin_site *site, const char *message,
                                      kin_error *const members[], size_t count)
{
    kin_error *group = kin__group_new(site, message, count);
    for (size_t i = 0; i < count; i++)
        add_or_report(group, members[i]);
    return made(group);
}

kin_error *kin__error_group_of_list(const kin_site *site, const char *message,
                                    kin_error **list)
{
    size_t count = kin__list_count(list);
    if (count == 0)
        return NULL;
    kin_error *group = kin__group_new(site, message, count);
    kin_error *member = kin__list_take_all(list);
    while (member) {
        kin_error *next = kin__list_leave(member);
        if (kin__error_take(member))
            add_or_report(group, member);
        member = next;
    }
    return made(group);
}
