/* tree.c: see tree.h.

   The errors that the jobs' tasks returned have done their work when this is
   made: they cancelled siblings by the group's policy. They know a lot of kin's
   own insides; this tree is for people who know their commands, and is made
   from the jobs' records. */
#include "tree.h"
#include "duration.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

KIN_DEFINE_KIND(COMMAND_FAILED, "command failed", KIN_PROCESS_FAILED);
KIN_DEFINE_KIND(COMMAND_CANCELLED, "command cancelled", KIN_PROCESS_FAILED);
KIN_DEFINE_KIND(COMMAND_UNUSABLE, "command not executed", KIN_PROCESS_FAILED);

enum { LONGEST_COMMAND = 400 }; /* bytes that a note shows */

/* --- leaves -------------------------------------------------------------- */

static const kin_site *site_of(const job *it)
{
    return it->command->site.file ? &it->command->site : NULL;
}

/* As in a Procfile; NULL without memory. */
static char *text_of(const command *it)
{
    char *text = NULL;
    size_t size;
    if (it->shell)
        return strdup(it->argv[2]);
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    words_print(it->argv, stream);
    (void)fclose(stream);
    return text;
}

/* What it executed, where its name does not say it. */
static void note_command(kin_error *err, const job *it)
{
    const char *program = it->command->argv[0];
    if (!it->command->argv[1] &&
        strncmp(it->command->name, program, strlen(program)) == 0)
        return;
    char *text = text_of(it->command);
    if (text && strlen(text) > LONGEST_COMMAND)
        kin_error_add_note(err, "ran: %.*s...", LONGEST_COMMAND, text);
    else if (text)
        kin_error_add_note(err, "ran: %s", text);
    free(text);
}

KIN_PRINTF(4, 5)
static kin_error *leaf(const job *it, const kin_kind *kind, kin_error *cause,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err = kin_fail_va(site_of(it), cause, kind, it->status.code,
                                 format, arguments);
    va_end(arguments);
    return err;
}

/* A kin program's own tree explains its failure. */
static kin_error *failed_leaf(const job *it)
{
    char lasted[DURATION_TEXT], how[64];
    kin_process_status_text(it->status, how, sizeof how);
    kin_error *cause = it->error ? kin_error_ref(it->error) : NULL;
    kin_error *err =
        leaf(it, &COMMAND_FAILED, cause, "\"%s\": %s after %s",
             it->command->name, how, duration_text(it->lasted, lasted));
    note_command(err, it);
    if (it->tries > 1)
        kin_error_add_note(err, "tried %zu times", it->tries);
    tail_note(it->tail, err);
    return err;
}

static kin_error *unusable_leaf(const job *it)
{
    kin_error *err = kin_fail_at(site_of(it), &COMMAND_UNUSABLE, "\"%s\": %s",
                                 it->command->name, strerror(it->errnum));
    note_command(err, it);
    return err;
}

static kin_error *cancelled_leaf(const job *it)
{
    char lasted[DURATION_TEXT], how[64], length[DURATION_TEXT];
    kin_process_status_text(it->status, how, sizeof how);
    kin_error *err = kin_fail_code_at(
        site_of(it), &COMMAND_CANCELLED, it->status.code, "\"%s\": %s after %s",
        it->command->name, how, duration_text(it->lasted, lasted));
    if (it->by == KIN_BY_DEADLINE)
        kin_error_add_note(err, "because --fail-after %s ran out",
                           duration_text(it->run->options.fail_after, length));
    else if (it->because)
        kin_error_add_note(err, "because %s", it->because);
    return err;
}

static kin_error *timeout_leaf(const run *it)
{
    char length[DURATION_TEXT];
    return kin_fail_at(NULL, &KIN_TIMEOUT, "--fail-after %s ran out",
                       duration_text(it->options.fail_after, length));
}

/* --- the tree ------------------------------------------------------------ */

struct leaves {
    const job **ended; /* in the order of that */
    size_t ended_count;
    kin_error **list;
    size_t count;
};

static int by_end(const void *a, const void *b)
{
    const job *x = *(const job *const *)a, *y = *(const job *const *)b;
    return x->order < y->order ? -1 : 1;
}

static void find_ended(struct leaves *all, const run *it)
{
    for (const job *one = it->first; one; one = one->next)
        if (one->state > JOB_RUNNING)
            all->ended[all->ended_count++] = one;
    qsort(all->ended, all->ended_count, sizeof *all->ended, by_end);
}

static void add_failed(struct leaves *all)
{
    for (size_t i = 0; i < all->ended_count; i++) {
        const job *one = all->ended[i];
        if (one->state == JOB_FAILED)
            all->list[all->count++] = failed_leaf(one);
        else if (one->state == JOB_UNUSABLE)
            all->list[all->count++] = unusable_leaf(one);
    }
}

/* Those that somebody's failure or the deadline stopped. To move on and to be
   interrupted is what was asked for. */
static void add_cancelled(struct leaves *all, const run *it)
{
    for (size_t i = 0; i < all->ended_count; i++) {
        const job *one = all->ended[i];
        bool wanted = one->by == KIN_BY_DEADLINE ? it->options.fail_after != 0
                                                 : one->by == KIN_BY_GROUP;
        if (one->state == JOB_CANCELLED && wanted)
            all->list[all->count++] = cancelled_leaf(one);
    }
}

/* "kin run: 1 of 5 commands failed, 3 cancelled" */
static char *summary(const run *it)
{
    char *text = NULL;
    size_t size, failed = it->counts[JOB_FAILED] + it->counts[JOB_UNUSABLE];
    size_t cancelled = it->counts[JOB_CANCELLED];
    size_t waiting = it->total - it->ended;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    (void)fprintf(stream, "kin run: %zu of %zu commands %s",
                  failed ? failed : cancelled, it->total,
                  failed ? "failed" : "cancelled");
    if (failed && cancelled)
        (void)fprintf(stream, ", %zu cancelled", cancelled);
    if (waiting)
        (void)fprintf(stream, ", %zu not started", waiting);
    if (it->unlisted)
        (void)fprintf(stream, ", %zu not listed", it->unlisted);
    (void)fclose(stream);
    return text;
}

static kin_error *group_of(const struct leaves *all, const run *it)
{
    if (all->count == 0)
        return NULL;
    if (all->count == 1 && it->total == 1)
        return all->list[0];
    char *text = summary(it);
    kin_error *err = kin_error_group_at(NULL, text ? text : "kin run",
                                        all->list, all->count);
    free(text);
    return err;
}

kin_error *tree_of(const run *it)
{
    if (it->options.policy == KIN_ANY && it->counts[JOB_FINE] > 0)
        return NULL;
    struct leaves all = {
        .ended = calloc(it->ended + 1, sizeof *all.ended),
        .list = calloc(it->ended + 2, sizeof(kin_error *)),
    };
    kin_error *err = NULL;
    if (all.ended && all.list) {
        find_ended(&all, it);
        add_failed(&all);
        if (it->timed_out)
            all.list[all.count++] = timeout_leaf(it);
        add_cancelled(&all, it);
        err = group_of(&all, it);
    } else {
        err = kin_fail(&KIN_NO_MEMORY, "no memory to say what failed");
    }
    free(all.ended);
    free(all.list);
    return err;
}
