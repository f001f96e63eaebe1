/* command.c: see command.h.

   The list owns its commands, their names and, for those of a shell, their
   words. Names are compared by sorting, since a run may have ten thousand. */
#include "command.h"
#include "lookup.h"
#include "status.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static kin_error *no_memory(void)
{
    return refuse(STATUS_KIN, "out of memory");
}

/* --- adding -------------------------------------------------------------- */

static kin_error *make_room(commands *all)
{
    if (all->count < all->room)
        return NULL;
    size_t room = all->room ? all->room * 2 : 16;
    command *list = reallocarray(all->list, room, sizeof *list);
    if (!list)
        return no_memory();
    all->list = list;
    all->room = room;
    return NULL;
}

/* It stands at the beginning of every line, so it must not garble one. */
static void make_printable(char *name)
{
    for (; *name; name++)
        if (iscntrl((unsigned char)*name))
            *name = '?';
}

kin_error *command_init(command *it, const char *name, size_t length,
                        const char *const *argv, void *storage)
{
    char *copy = malloc(length + 1);
    if (!copy)
        return no_memory();
    memcpy(copy, name, length);
    copy[length] = '\0';
    make_printable(copy);
    *it = (command){.name = copy, .argv = argv, .storage = storage};
    return NULL;
}

void command_deinit(command *it)
{
    free(it->name);
    free(it->storage);
    *it = (command){0};
}

kin_error *commands_add(commands *all, const char *name, size_t length,
                        const char *const *argv)
{
    KIN_TRY(make_room(all));
    KIN_TRY(command_init(&all->list[all->count], name, length, argv, NULL));
    all->count++;
    return NULL;
}

kin_error *commands_add_shell(commands *all, const char *name, size_t length,
                              const char *text, size_t text_length,
                              kin_site site)
{
    enum { WORDS = 4 }; /* sh, -c, the text, NULL */
    const char **argv = malloc(WORDS * sizeof *argv + text_length + 1);
    if (!argv)
        return no_memory();
    char *copy = (char *)(argv + WORDS);
    memcpy(copy, text, text_length);
    copy[text_length] = '\0';
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = copy;
    argv[3] = NULL;
    kin_error *err = commands_add(all, name, length, argv);
    if (err) {
        free(argv);
        return err;
    }
    command *added = &all->list[all->count - 1];
    added->storage = argv;
    added->shell = true;
    added->site = site;
    added->site.name = added->site.function = added->name;
    return NULL;
}

/* --- names --------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const command *x = *(const command *const *)a;
    const command *y = *(const command *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : x < y ? -1 : 1;
}

/* The commands by name, those of one name in their order; NULL: no memory. */
static command **sorted(const commands *all)
{
    command **order = malloc((all->count + 1) * sizeof *order);
    if (!order)
        return NULL;
    for (size_t i = 0; i < all->count; i++)
        order[i] = &all->list[i];
    qsort(order, all->count, sizeof *order, by_name);
    return order;
}

static bool is_taken(const commands *all, command **order, const char *name)
{
    command wanted = {.name = (char *)name}, *key = &wanted;
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int way = strcmp(key->name, order[middle]->name);
        if (way == 0)
            return true;
        if (way < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* "sleep", the third of which becomes "sleep#3", unless a program is called
   that. */
static char *numbered(const commands *all, command **order, const char *name,
                      size_t *number)
{
    char *text = NULL;
    do {
        free(text);
        if (asprintf(&text, "%s#%zu", name, (*number)++) < 0)
            return NULL;
    } while (is_taken(all, order, text));
    return text;
}

/* Numbers all but the first of one name; the names are replaced at the end,
   since the order stands on them. */
static bool number_alike(const commands *all, command **order, char **names)
{
    for (size_t i = 0; i < all->count;) {
        const char *name = order[i]->name;
        size_t number = 2;
        for (i++; i < all->count && strcmp(order[i]->name, name) == 0; i++) {
            names[i] = numbered(all, order, name, &number);
            if (!names[i])
                return false;
        }
    }
    return true;
}

static kin_error *number_names(commands *all)
{
    command **order = sorted(all);
    char **names = calloc(all->count + 1, sizeof *names);
    bool done = order && names && number_alike(all, order, names);
    for (size_t i = 0; names && i < all->count; i++) {
        if (done && names[i]) {
            free(order[i]->name);
            order[i]->name = names[i];
        } else {
            free(names[i]);
        }
    }
    free(names);
    free(order);
    return done ? NULL : no_memory();
}

static kin_error *check_names(const commands *all)
{
    command **order = sorted(all);
    if (!order)
        return no_memory();
    const command *again = NULL, *first = NULL;
    for (size_t i = 1; i < all->count; i++) {
        bool same = strcmp(order[i]->name, order[i - 1]->name) == 0;
        if (same && (!again || order[i] < again)) {
            again = order[i];
            first = order[i - 1];
        }
    }
    free(order);
    if (!again)
        return NULL;
    return refuse(STATUS_USAGE, "%s:%d: \"%s\" is already the name of line %d",
                  again->site.file, again->site.line, again->name,
                  first->site.line);
}

/* --- words --------------------------------------------------------------- */

/* What stands behind the last slash that something stands behind. */
static const char *base_name(const char *path)
{
    const char *base = strrchr(path, '/');
    return base && base[1] ? base + 1 : path;
}

kin_error *commands_add_words(commands *all, char **words)
{
    for (char **word = words, **from = words;; word++) {
        bool last = !*word;
        if (!last && strcmp(*word, ":::") != 0)
            continue;
        if (word == from)
            return refuse(STATUS_USAGE, "a command is missing %s%s",
                          last ? "after " : "before ",
                          from == words && last ? "--" : ":::");
        *word = NULL;
        const char *name = base_name(*from);
        KIN_TRY(
            commands_add(all, name, strlen(name), (const char *const *)from));
        from = word + 1;
        if (last)
            return number_names(all);
    }
}

/* --- checking ------------------------------------------------------------ */

kin_error *command_check_program(const char *program)
{
    int failure = lookup(program);
    if (!failure)
        return NULL;
    if (failure == ENOENT || failure == ENOTDIR)
        return refuse(STATUS_NOT_FOUND, "\"%s\": command not found", program);
    return refuse(STATUS_NOT_EXECUTABLE, "\"%s\": cannot be executed: %s",
                  program, strerror(failure));
}

kin_error *commands_check(const commands *all)
{
    KIN_TRY(check_names(all));
    for (size_t i = 0; i < all->count; i++) {
        /* Those of a Procfile all start the same shell. */
        if (i == 0 || !all->list[i].shell)
            KIN_TRY(command_check_program(all->list[i].argv[0]));
    }
    return NULL;
}

const command *commands_find(const commands *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].name, name) == 0)
            return &all->list[i];
    return NULL;
}

void commands_free(commands *all)
{
    for (size_t i = 0; i < all->count; i++)
        command_deinit(&all->list[i]);
    free(all->list);
    *all = (commands){0};
}
