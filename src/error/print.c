/* error/print.c: the tree, for people.

       group "workers" (3 sub-errors)
       |  at src/serve.c:41 in serve
       |- 1. os error: cannot open /etc/app.conf: No such file or directory
       |     (ENOENT, errno 2)
       |     at src/config.c:88 in read_config, task "reader"
       |     caused by failure: ...
       `- 2. cancelled x 998: task "reader" failed: cannot open /etc/app.conf
             ...

   Each node is a first line and its details, at a depth of the picture that is
   not always its depth in the tree: the cause of a cause stands under that and
   not to its right, and groups that only wrap one like them are one line. From
   some depth on the picture moves no further to the right; lines then say how
   deep they are. */
#include "error/detail.h"
#include "error/fold.h"
#include "error/walk.h"

#include <string.h>

typedef struct printer {
    kin__page page;
    kin__walk walk;
    kin__fold fold;
    size_t depth;   /* of the picture, where the walk is */
    size_t wrapped; /* how many groups wrap what comes next and are not shown */
    size_t number;  /* of what comes next among its siblings; 0: a cause */
    bool more;      /* whether siblings follow it */
    bool deepest_said;
} printer;

static bool is_plain(const kin_error *err)
{
    return !err->cause && kin_error_note_count(err) == 0 &&
           !(err->flags & KIN__HAS_LOST);
}

/* A group that says nothing but what the one member in it says as well. */
static bool only_wraps(const kin_error *err)
{
    if (kin__member_count(err) != 1 || !kin__is_group(err->members[0]))
        return false;
    const kin_error *inner = err->members[0];
    return is_plain(err) && strcmp(err->message, inner->message) == 0 &&
           kin__same_site(err->site, inner->site) &&
           kin__same_sites(err->trace, err->trace_count, inner->trace,
                           inner->trace_count);
}

static const kin_error *above(printer *p)
{
    return p->walk.depth ? kin__walk_above(&p->walk, p->walk.depth - 1, NULL)
                         : NULL;
}

/* The cause of a leaf stands under it, without a branch. */
static bool hangs(printer *p)
{
    const kin_error *owner = above(p);
    return owner && !kin__is_group(owner);
}

/* How much deeper in the picture what is below the node stands. */
static size_t step_down(printer *p)
{
    if (kin__is_group(p->walk.at))
        return only_wraps(p->walk.at) ? 0 : 1;
    return hangs(p) ? 0 : 1;
}

/* Whether anything is shown of the group behind that member. */
static bool more_after(const printer *p, const kin_error *group, size_t index)
{
    bool unused;
    if (group->cause)
        return true;
    for (size_t i = index + 1; i < group->count; i++)
        if (kin__fold_count(&p->fold, group, i, &unused) > 0)
            return true;
    return false;
}

static size_t levels_at(size_t depth)
{
    return depth < KIN__PAGE_LEVELS ? depth : KIN__PAGE_LEVELS;
}

/* Where among its siblings the node stands; what a wrapper wraps stands where
   that does. Then whether a sibling follows, which is asked only of those that
   are shown, since it looks through the folded ones behind. */
static void find_number(printer *p)
{
    size_t index;
    const kin_error *owner = above(p);
    if (!owner || only_wraps(owner))
        return;
    kin__walk_above(&p->walk, p->walk.depth - 1, &index);
    p->number = index < kin__member_count(owner) ? index + 1 : 0;
}

static void find_bar(printer *p)
{
    const kin_error *owner = above(p);
    if (!owner || only_wraps(owner))
        return;
    p->more = p->number && more_after(p, owner, p->number - 1);
    kin__page_bar(&p->page, levels_at(p->depth) - 1, p->more);
}

static void begin_head(printer *p)
{
    kin__branch branch = p->depth == 0 || hangs(p) ? KIN__NO_BRANCH
                         : p->more                 ? KIN__BRANCH
                                                   : KIN__LAST_BRANCH;
    size_t levels = levels_at(p->depth);
    if (p->depth > levels && !p->deepest_said) {
        kin__page_line(&p->page, levels, 0, KIN__NO_BRANCH);
        kin__page_put(&p->page, KIN__DIM,
                      "(from here on, what is deeper is not further to the "
                      "right: it says its level)");
        p->deepest_said = true;
    }
    kin__page_line(&p->page, levels, 0, branch);
    p->page.indent = KIN__PAGE_STEP;
    if (p->depth > levels) {
        kin__page_put(&p->page, KIN__DIM, "[level ");
        kin__page_number(&p->page, KIN__DIM, p->depth);
        kin__page_put(&p->page, KIN__DIM, "] ");
    }
    if (p->depth > 0 && p->number) {
        kin__page_number(&p->page, KIN__DIM, p->number);
        kin__page_put(&p->page, KIN__DIM, ". ");
    } else if (p->depth > 0) {
        kin__page_put(&p->page, KIN__DIM, "caused by ");
    }
}

static void put_count(printer *p, const char *before, size_t count,
                      const char *after)
{
    kin__page_put(&p->page, KIN__DIM, before);
    kin__page_number(&p->page, KIN__DIM, count);
    kin__page_put(&p->page, KIN__DIM, after);
}

static void group_head(printer *p, bool again)
{
    const kin_error *group = p->walk.at;
    const char *message = group->message;
    kin__page_put(&p->page, KIN__STRONG, message[0] ? message : "error group");
    put_count(p, " (", group->count,
              group->count == 1 ? " sub-error" : " sub-errors");
    if (p->wrapped)
        put_count(p, ", inside ", p->wrapped,
                  p->wrapped == 1 ? " group like it" : " groups like it");
    kin__page_put(&p->page, KIN__DIM, again ? ", shown above)" : ")");
}

static void leaf_head(printer *p, size_t count)
{
    const kin_error *leaf = p->walk.at;
    kin__page_put(&p->page, KIN__ALARM, kin_error_kind_name(leaf));
    if (count > 1)
        put_count(p, kin__page_times(&p->page), count, "");
    if (leaf->message[0] || leaf->code) {
        kin__page_put(&p->page, KIN__ALARM, ":");
        kin__page_put(&p->page, KIN__STRONG, leaf->message[0] ? " " : "");
        kin__page_put(&p->page, KIN__STRONG, leaf->message);
    }
    kin__detail_code(&p->page, leaf);
}

static void details(printer *p, bool tasks_differ)
{
    const kin_error *err = p->walk.at;
    size_t levels = levels_at(p->depth), indent = KIN__PAGE_STEP;
    if (kin__is_group(err) && levels < KIN__PAGE_LEVELS) {
        kin__page_bar(&p->page, levels++, true);
        indent = 0;
    }
    kin__detail_lines(&p->page, err, levels, indent, hangs(p) ? above(p) : NULL,
                      tasks_differ);
}

/* Shows where the walk is; no: there is nothing to be shown below it. */
static bool show(printer *p)
{
    const kin_error *err = p->walk.at;
    bool tasks_differ = false;
    find_number(p);
    size_t count = 1;
    if (p->depth > 0 && p->number && !kin__is_group(err))
        count =
            kin__fold_count(&p->fold, above(p), p->number - 1, &tasks_differ);
    if (count == 0)
        return false;
    find_bar(p);
    if (only_wraps(err)) {
        p->wrapped++;
        return true;
    }
    bool again = kin__fold_was_shown(&p->fold, err);
    begin_head(p);
    if (kin__is_group(err))
        group_head(p, again);
    else
        leaf_head(p, count);
    p->wrapped = 0;
    if (!again)
        details(p, tasks_differ);
    return !again;
}

static void print_tree(printer *p)
{
    do {
        size_t deeper = step_down(p);
        if (show(p) && kin__walk_down(&p->walk)) {
            p->depth += deeper;
            continue;
        }
        while (!kin__walk_on(&p->walk) && p->walk.at)
            p->depth -= step_down(p);
    } while (p->walk.at);
}

void kin_error_print(const kin_error *err, FILE *stream)
{
    printer p = {0};
    kin__page_open(&p.page, stream);
    if (err) {
        kin__fold_open(&p.fold, err);
        kin__walk_open(&p.walk, err, true);
        print_tree(&p);
        kin__walk_close(&p.walk);
        kin__fold_close(&p.fold);
    } else {
        kin__page_line(&p.page, 0, 0, KIN__NO_BRANCH);
        kin__page_put(&p.page, KIN__PLAIN, "no error");
    }
    kin__page_close(&p.page);
}
