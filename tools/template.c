/* template.c: see template.h.

   A line is never read again once it has taken its place: what it holds is
   neither split nor expanded, by nobody. The words are measured first and then
   written into one block, which the command owns. */
#include "template.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_NAME = 64,  /* bytes of a line that name its command */
    MOST_FIELDS = 1000, /* what stands in braces is less than that */
};

/* --- splitting ----------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* One character behind a backslash; within double quotes that stands for itself
   before most of them. */
static const char *take_escape(const char *at, bool quoted, char **to)
{
    if (quoted && !strchr("\"\\$`\n", at[1]))
        *(*to)++ = *at;
    if (at[1])
        at++;
    *(*to)++ = *at;
    return at + 1;
}

/* What stands in quotes; NULL when they do not end. */
static const char *take_quoted(const char *at, char **to)
{
    char quote = *at++;
    while (*at && *at != quote) {
        if (quote == '"' && *at == '\\')
            at = take_escape(at, true, to);
        else
            *(*to)++ = *at++;
    }
    return *at ? at + 1 : NULL;
}

static const char *take_word(const char *at, char **to)
{
    while (at && *at && !is_blank(*at)) {
        if (*at == '\'' || *at == '"')
            at = take_quoted(at, to);
        else if (*at == '\\')
            at = take_escape(at, false, to);
        else
            *(*to)++ = *at++;
    }
    *(*to)++ = '\0';
    return at;
}

kin_error *template_parse(template *it, const char *text)
{
    size_t length = strlen(text), most = length / 2 + 2;
    /* A word takes no more room than it did in the text, with its blank. */
    char **words = malloc(most * sizeof *words + length + 2);
    size_t count = 0;
    if (!words)
        return refuse(STATUS_KIN, "out of memory");
    char *to = (char *)(words + most);
    for (const char *at = text; at;) {
        while (is_blank(*at))
            at++;
        if (!*at)
            break;
        words[count++] = to;
        at = take_word(at, &to);
        if (!at) {
            free(words);
            return refuse(STATUS_USAGE, "--each-line: a quote has no end: %s",
                          text);
        }
    }
    words[count] = NULL;
    if (!count) {
        free(words);
        return refuse(STATUS_USAGE, "--each-line: there is no command in it");
    }
    it->words = words;
    it->count = count;
    return NULL;
}

void template_deinit(template *it)
{
    free(it->words);
    *it = (template){0};
}

/* --- places -------------------------------------------------------------- */

/* The number in {7}, 0 for {}, and how long that is; -1: no such thing. */
static int place_at(const char *at, size_t *length)
{
    int number = 0;
    const char *start = at++;
    if (*start != '{')
        return -1;
    while (*at >= '0' && *at <= '9' && number < MOST_FIELDS)
        number = number * 10 + (*at++ - '0');
    if (*at != '}' || number >= MOST_FIELDS || start[1] == '0')
        return -1;
    *length = (size_t)(at + 1 - start);
    return number;
}

const char *template_program(const template *it)
{
    size_t length;
    for (const char *at = it->words[0]; *at; at++)
        if (place_at(at, &length) >= 0)
            return NULL;
    return it->words[0];
}

/* A stretch of the line. */
typedef struct span {
    const char *at;
    size_t length;
} span;

static span before(span line, const char *end)
{
    return (span){line.at, (size_t)(end - line.at)};
}

static span behind(span line, const char *start)
{
    return (span){start, line.length - (size_t)(start - line.at)};
}

/* Between blanks and tabs, however many. */
static span next_word(span *rest)
{
    const char *at = rest->at, *end = at + rest->length;
    while (at < end && is_blank(*at))
        at++;
    span word = {at, 0};
    while (at < end && !is_blank(*at))
        at++;
    word.length = (size_t)(at - word.at);
    *rest = behind(*rest, at);
    return word;
}

/* Up to the next delimiter. */
static span next_field(span *rest, const char *delimiter)
{
    size_t length = strlen(delimiter);
    const char *found =
        rest->length ? memmem(rest->at, rest->length, delimiter, length) : NULL;
    span field = found ? before(*rest, found) : *rest;
    *rest = found ? behind(*rest, found + length)
                  : (span){rest->at + rest->length, 0};
    return field;
}

/* What takes a place of that number. */
static span part_of(span line, int number, const char *delimiter)
{
    span rest = line, part = line;
    for (int i = 0; i < number; i++)
        part = delimiter ? next_field(&rest, delimiter) : next_word(&rest);
    return part;
}

/* --- filling ------------------------------------------------------------- */

/* Writes the word, or without a place to only measures it; the NUL counts. */
static size_t fill_word(const template *it, const char *word, span line,
                        char *to)
{
    size_t size = 0;
    while (*word) {
        size_t taken = 1;
        int number = place_at(word, &taken);
        span part =
            number < 0 ? (span){word, 1} : part_of(line, number, it->delimiter);
        if (to)
            memcpy(to + size, part.at, part.length);
        size += part.length;
        word += taken;
    }
    if (to)
        to[size] = '\0';
    return size + 1;
}

/* The line, up to the end of a character. */
static size_t name_length(span line)
{
    size_t length = line.length < LONGEST_NAME ? line.length : LONGEST_NAME;
    while (length < line.length && length > 0 &&
           ((unsigned char)line.at[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static kin_error *name_it(const template *it, span line, const char **argv,
                          command *made)
{
    size_t length = name_length(line);
    if (length == 0)
        return command_init(made, it->words[0], strlen(it->words[0]), argv,
                            argv);
    return command_init(made, line.at, length, argv, argv);
}

kin_error *template_fill(const template *it, const char *text, size_t length,
                         command *made)
{
    span line = {text, length};
    size_t size = (it->count + 1) * sizeof(char *);
    for (size_t i = 0; i < it->count; i++)
        size += fill_word(it, it->words[i], line, NULL);
    const char **argv = malloc(size);
    if (!argv)
        return refuse(STATUS_KIN, "out of memory");
    char *to = (char *)(argv + it->count + 1);
    for (size_t i = 0; i < it->count; i++) {
        argv[i] = to;
        to += fill_word(it, it->words[i], line, to);
    }
    argv[it->count] = NULL;
    kin_error *err = name_it(it, line, argv, made);
    if (err)
        free(argv);
    return err;
}
