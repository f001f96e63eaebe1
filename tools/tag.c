/* tag.c: see tag.h. Nothing is allocated; what a tag points to is borrowed. */
#include "tag.h"
#include "status.h"

#include <string.h>
#include <time.h>

enum {
    WIDEST_NAME = 24, /* columns: longer names stick out */
    LONGEST_NAME = 200,
    PID_WIDTH = 7,
};

static const struct {
    const char *name;
    tag_word word;
} words[] = {{"name", TAG_NAME}, {"pid", TAG_PID}, {"time", TAG_TIME}};

/* --- the format ---------------------------------------------------------- */

static bool add_word(tag_format *format, const char *text, size_t length)
{
    size_t most = sizeof format->words / sizeof *format->words;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].name) == length &&
            memcmp(words[i].name, text, length) == 0 && format->count < most) {
            format->words[format->count++] = words[i].word;
            return true;
        }
    return false;
}

kin_error *tag_format_parse(tag_format *format, const char *text)
{
    static const char between[] = ", \t";
    tag_format parsed = {.name_width = format->name_width};
    for (text += strspn(text, between); *text; text += strspn(text, between)) {
        size_t length = strcspn(text, between);
        if (!add_word(&parsed, text, length))
            return refuse(STATUS_USAGE,
                          "--prefix: \"%.*s\" is none of name, pid and time",
                          (int)length, text);
        text += length;
    }
    if (!parsed.count)
        return refuse(STATUS_USAGE,
                      "--prefix: some of name, pid and time are needed");
    *format = parsed;
    return NULL;
}

/* Characters, in UTF-8. */
static size_t columns(const char *name)
{
    size_t count = 0;
    for (; *name; name++)
        count += ((unsigned char)*name & 0xc0) != 0x80;
    return count;
}

void tag_format_widen(tag_format *format, const char *name)
{
    size_t width = columns(name);
    if (width > WIDEST_NAME)
        width = WIDEST_NAME;
    if (width > format->name_width)
        format->name_width = width;
}

const char *tag_colour(size_t number)
{
    /* Not red, which is for what went wrong. */
    static const char *const colours[] = {
        "\33[36m", "\33[33m", "\33[32m", "\33[35m", "\33[34m",
        "\33[96m", "\33[93m", "\33[92m", "\33[95m", "\33[94m",
    };
    return colours[number % (sizeof colours / sizeof *colours)];
}

/* --- the text ------------------------------------------------------------ */

struct text {
    char *at;
    size_t left; /* room */
};

static void put(struct text *to, const char *bytes, size_t length)
{
    if (length > to->left)
        length = to->left;
    memcpy(to->at, bytes, length);
    to->at += length;
    to->left -= length;
}

static void put_name(struct text *to, const tag *it)
{
    static const char blanks[WIDEST_NAME] = "                        ";
    size_t width = columns(it->name);
    put(to, it->name, strnlen(it->name, LONGEST_NAME));
    if (width < it->format->name_width)
        put(to, blanks, it->format->name_width - width);
}

static void put_pid(struct text *to, const tag *it)
{
    char number[16];
    int length = snprintf(number, sizeof number, "%*d", PID_WIDTH, it->pid);
    put(to, number, (size_t)length);
}

static void put_time(struct text *to)
{
    char clock[16], fraction[8];
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!localtime_r(&now.tv_sec, &local))
        return;
    put(to, clock, strftime(clock, sizeof clock, "%H:%M:%S", &local));
    (void)snprintf(fraction, sizeof fraction, ".%03d",
                   (int)(now.tv_nsec / 1000000 % 1000));
    put(to, fraction, 4);
}

static void put_word(struct text *to, const tag *it, tag_word word)
{
    switch (word) {
    case TAG_NAME: put_name(to, it); break;
    case TAG_PID: put_pid(to, it); break;
    case TAG_TIME: put_time(to); break;
    }
    put(to, " ", 1);
}

size_t tag_text(const tag *it, bool goes_on, char text[TAG_TEXT])
{
    struct text to = {text, TAG_TEXT};
    if (!it->format->count)
        return 0;
    if (it->colour)
        put(&to, it->colour, strlen(it->colour));
    for (size_t i = 0; i < it->format->count; i++)
        put_word(&to, it, it->format->words[i]);
    put(&to, goes_on ? "+" : "|", 1);
    if (it->colour)
        put(&to, "\33[0m", 4);
    put(&to, " ", 1);
    return TAG_TEXT - to.left;
}
