/* core/dump.c: the tree of tasks, for people: who is whose child, what it waits
   for and where. Walks without recursion, so that it works on any tree. */
#include "core/runtime.h"

#include <string.h>

static void place(char *text, size_t size, const kin_site *site)
{
    if (site)
        snprintf(text, size, "%s:%d", site->file, site->line);
    else
        snprintf(text, size, "?");
}

static void describe(const kin_task *task, char *text, size_t size)
{
    char spawned[160], at[160];
    place(spawned, sizeof spawned, task->site);
    place(at, sizeof at, task->at);
    const char *state = task->phase == KIN__PENDING  ? "has not run yet"
                        : task->phase == KIN__PARKED ? "waits for "
                                                     : "can run, at ";
    const char *what = task->phase != KIN__PARKED ? ""
                       : task->wait->what         ? task->wait->what
                                                  : "something";
    if (task->phase == KIN__PENDING)
        snprintf(text, size, "task \"%s\" (spawned at %s) %s", task->name,
                 spawned, state);
    else
        snprintf(text, size, "task \"%s\" (spawned at %s) %s%s%s%s", task->name,
                 spawned, state, what, *what ? " at " : "", at);
}

/* Whether two tasks would be described alike. */
static bool alike(const kin_task *a, const kin_task *b)
{
    return a && b && a->phase == b->phase && a->site == b->site &&
           a->at == b->at && a->name == b->name && !a->scope && !b->scope;
}

static kin_group *outermost_group(const kin_task *task, const kin_scope *end)
{
    kin_scope *found = NULL;
    for (kin_scope *s = task->scope; s && s != end; s = s->outer)
        if (s->flags & KIN__IS_GROUP)
            found = s;
    return found ? kin__group_of(found) : NULL;
}

/* The first child in the next group of its opener, further in. */
static kin_task *child_in_next_group(const kin_group *group)
{
    const kin_task *opener = group->scope.task;
    if (!opener)
        return NULL;
    for (;;) {
        group = outermost_group(opener, group ? &group->scope : NULL);
        if (!group || group->children)
            return group ? group->children : NULL;
    }
}

static kin_task *first_child(const kin_task *task)
{
    const kin_group *group = outermost_group(task, NULL);
    while (group && !group->children)
        group = outermost_group(task, &group->scope);
    return group ? group->children : NULL;
}

/* The next task in the tree, parents first; *depth follows. */
kin_task *kin__task_after(kin_task *task, size_t *depth)
{
    kin_task *next = first_child(task);
    if (next) {
        ++*depth;
        return next;
    }
    while (task) {
        if (task->younger)
            return task->younger;
        next = child_in_next_group(task->group);
        if (next)
            return next;
        task = task->group->scope.task;
        --*depth;
    }
    return NULL;
}

static void each_line(kin_task *root,
                      void (*line)(const char *text, size_t depth,
                                   void *context),
                      void *context)
{
    size_t depth = 0;
    char text[640];
    for (kin_task *task = root; task;) {
        size_t same = 1, now = depth;
        kin_task *next = kin__task_after(task, &depth);
        while (alike(task, next) && depth == now) {
            same++;
            task = next;
            next = kin__task_after(task, &depth);
        }
        describe(task, text, sizeof text);
        if (same > 1) {
            char counted[700];
            snprintf(counted, sizeof counted, "%zu times: %s", same, text);
            line(counted, now, context);
        } else {
            line(text, now, context);
        }
        task = next;
    }
}

static void print_line(const char *text, size_t depth, void *stream)
{
    int indent = depth > 20 ? 40 : (int)depth * 2;
    fprintf(stream, "%*s%s\n", indent, "", text);
}

void kin__dump_children(const kin_group *group, FILE *stream)
{
    each_line(group->children, print_line, stream);
}

void kin_dump_tasks(FILE *stream)
{
    kin__runtime *rt = kin__runtime_of(NULL, "kin_dump_tasks");
    kin__dump_children(&rt->root, stream);
    kin__dump_children(&rt->background, stream);
}

/* The registry of groups is the tree itself. */

/* Those that the library opens for itself are not shown. */
static bool visit_group(kin_group *group, kin_group_visit *visit, void *context)
{
    return group->policy > KIN_EACH || visit(group, context);
}

static bool visit_below(kin_task *first, kin_group_visit *visit, void *context)
{
    size_t depth = 0;
    for (kin_task *task = first; task; task = kin__task_after(task, &depth)) {
        kin_group *group = outermost_group(task, NULL);
        for (; group; group = outermost_group(task, &group->scope))
            if (!visit_group(group, visit, context))
                return false;
    }
    return true;
}

void kin_each_group(kin_group_visit *visit, void *context)
{
    kin__runtime *rt = kin__runtime_of(NULL, "kin_each_group");
    if (visit_below(rt->root.children, visit, context) &&
        visit(&rt->background, context))
        visit_below(rt->background.children, visit, context);
}

typedef struct search {
    const char *name;
    kin_group *found;
} search;

static bool is_called(kin_group *group, void *context)
{
    search *s = context;
    if (strcmp(kin_group_name(group), s->name) != 0)
        return true;
    s->found = group;
    return false;
}

kin_group *kin_group_find(const char *name)
{
    search s = {name, NULL};
    if (name)
        kin_each_group(is_called, &s);
    return s.found;
}

enum { NOTES_MAX = 50 };
typedef struct notes {
    kin_error *err;
    size_t count;
} notes;

static void add_note(const char *text, size_t depth, void *context)
{
    notes *n = context;
    int indent = depth > 10 ? 20 : (int)depth * 2;
    if (n->count++ < NOTES_MAX)
        kin_error_add_note(n->err, "%*s%s", indent, "", text);
}

kin_error *kin__deadlock_error(kin__runtime *rt)
{
    kin_error *err = kin_fail_at(
        rt->root.scope.site, &KIN_DEADLOCK,
        "nothing can ever run again: %zu task%s wait%s, and there is "
        "no timer, I/O or thread that could wake %s",
        rt->tasks, rt->tasks == 1 ? "" : "s", rt->tasks == 1 ? "s" : "",
        rt->tasks == 1 ? "it" : "one");
    notes n = {err, 0};
    each_line(rt->root.children, add_note, &n);
    each_line(rt->background.children, add_note, &n);
    if (n.count > NOTES_MAX)
        kin_error_add_note(err, "and %zu more", n.count - NOTES_MAX);
    return err;
}
