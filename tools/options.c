/* options.c: see options.h.

   Not getopt_long: its messages are several, in its own words, and it cannot
   say whether a `--` stood there. No state, and nothing is allocated. */
#include "options.h"
#include "status.h"

#include <string.h>

/* Where the reading is. */
struct reader {
    const option_table *table;
    void *into;
    char **next;
};

static kin_error *unknown(const char *dashes, const char *name, size_t length)
{
    return refuse(STATUS_USAGE, "unknown option %s%.*s (see --help)", dashes,
                  (int)length, name);
}

static const option *by_name(const option_table *table, const char *name,
                             size_t length)
{
    for (size_t i = 0; i < table->count; i++)
        if (strlen(table->options[i].name) == length &&
            memcmp(table->options[i].name, name, length) == 0)
            return &table->options[i];
    return NULL;
}

static const option *by_letter(const option_table *table, char letter)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->options[i].letter == letter)
            return &table->options[i];
    return NULL;
}

/* `text` is the value that stood in the same word, or NULL. */
static kin_error *take(struct reader *reader, const option *found,
                       const char *text)
{
    if (!found->value && text)
        return refuse(STATUS_USAGE, "--%s takes no value", found->name);
    if (found->value && !text && !(text = *reader->next++))
        return refuse(STATUS_USAGE, "--%s needs a %s", found->name,
                      found->value);
    return found->take(reader->into, found, text);
}

static kin_error *take_long(struct reader *reader, const char *name)
{
    size_t length = strcspn(name, "=");
    const option *found = by_name(reader->table, name, length);
    if (!found)
        return unknown("--", name, length);
    return take(reader, found, name[length] ? name + length + 1 : NULL);
}

/* Several in one word, of which the last may have a value behind it. */
static kin_error *take_letters(struct reader *reader, const char *letters)
{
    for (; *letters; letters++) {
        const option *found = by_letter(reader->table, *letters);
        if (!found)
            return unknown("-", letters, 1);
        if (found->value)
            return take(reader, found, letters[1] ? letters + 1 : NULL);
        KIN_TRY(take(reader, found, NULL));
    }
    return NULL;
}

kin_error *options_parse(const option_table *table, void *into, char **argv,
                         char ***rest)
{
    struct reader reader = {table, into, argv};
    *rest = NULL;
    while (*reader.next) {
        const char *word = *reader.next++;
        if (strcmp(word, "--") == 0) {
            *rest = reader.next;
            return NULL;
        }
        if (word[0] != '-' || !word[1])
            KIN_TRY(table->operand(into, word));
        else if (word[1] == '-')
            KIN_TRY(take_long(&reader, word + 2));
        else
            KIN_TRY(take_letters(&reader, word + 1));
    }
    return NULL;
}
