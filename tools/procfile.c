/* procfile.c: see procfile.h.

   The file is read whole before it is looked at: it may be a pipe, and a size
   that nobody would write by hand is refused instead of read for ever. Blanks
   around names and commands do not count, nor does a carriage return at the end
   of a line. */
#include "procfile.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LARGEST = 4 << 20,
    LONGEST_NAME = 64,
};

/* A stretch of the file's text. */
typedef struct span {
    const char *at;
    size_t length;
} span;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static span trimmed(span it)
{
    while (it.length && is_blank(it.at[0])) {
        it.at++;
        it.length--;
    }
    while (it.length && is_blank(it.at[it.length - 1]))
        it.length--;
    return it;
}

/* --- lines --------------------------------------------------------------- */

static bool is_name(span name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-.+@#/";
    for (size_t i = 0; i < name.length; i++)
        if (!name.at[i] || !strchr(allowed, name.at[i]))
            return false;
    return name.length > 0 && name.length <= LONGEST_NAME;
}

static kin_error *read_entry(const char *path, int number, span line,
                             commands *all)
{
    const char *colon = memchr(line.at, ':', line.length);
    if (memchr(line.at, '\0', line.length))
        return refuse(STATUS_USAGE, "%s:%d: there is a NUL byte in it", path,
                      number);
    if (!colon)
        return refuse(STATUS_USAGE, "%s:%d: it is not `name: command`", path,
                      number);
    size_t before = (size_t)(colon - line.at);
    span name = trimmed((span){line.at, before});
    span text = trimmed((span){colon + 1, line.length - before - 1});
    if (!is_name(name))
        return refuse(STATUS_USAGE,
                      "%s:%d: \"%.*s\" is no name (up to %d letters, digits, "
                      "and _ - . + @ # /)",
                      path, number, (int)name.length, name.at, LONGEST_NAME);
    if (!text.length)
        return refuse(STATUS_USAGE, "%s:%d: \"%.*s\" has no command", path,
                      number, (int)name.length, name.at);
    kin_site site = {.file = path, .line = number};
    return commands_add_shell(all, name.at, name.length, text.at, text.length,
                              site);
}

static kin_error *read_lines(const char *path, span text, commands *all)
{
    size_t before = all->count;
    for (int number = 1; text.length; number++) {
        const char *newline = memchr(text.at, '\n', text.length);
        size_t length = newline ? (size_t)(newline - text.at) : text.length;
        span line = trimmed((span){text.at, length});
        if (line.length && line.at[0] != '#')
            KIN_TRY(read_entry(path, number, line, all));
        length += newline != NULL;
        text.at += length;
        text.length -= length;
    }
    if (all->count == before)
        return refuse(STATUS_USAGE, "%s: there is no command in it", path);
    return NULL;
}

/* --- the file ------------------------------------------------------------ */

static kin_error *read_text(const char *path, int fd, char *text,
                            size_t *length)
{
    ssize_t got;
    *length = 0;
    do {
        got =
            TEMP_FAILURE_RETRY(read(fd, text + *length, LARGEST + 1 - *length));
        if (got < 0)
            return refuse(STATUS_USAGE, "%s: %s", path, strerror(errno));
        *length += (size_t)got;
    } while (got > 0 && *length <= LARGEST);
    if (*length > LARGEST)
        return refuse(STATUS_USAGE, "%s: it is larger than %d MiB", path,
                      LARGEST >> 20);
    return NULL;
}

static kin_error *cannot_open(const char *path)
{
    return refuse(STATUS_USAGE, "%s: %s%s", path, strerror(errno),
                  errno == ENOENT
                      ? " (a Procfile is meant; a command stands behind --)"
                      : "");
}

kin_error *procfile_read(const char *path, commands *all)
{
    size_t length = 0;
    char *text = malloc(LARGEST + 1);
    if (!text)
        return refuse(STATUS_KIN, "out of memory");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    kin_error *err =
        fd < 0 ? cannot_open(path) : read_text(path, fd, text, &length);
    if (!err)
        err = read_lines(path, (span){text, length}, all);
    if (fd >= 0)
        close(fd);
    free(text);
    return err;
}
