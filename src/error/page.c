/* error/page.c: see page.h.

   A word is gathered with its colours until a space or a line end shows that it
   is whole; only then is it known on which line it stands. One that is wider
   than a line is broken. Errors are often printed by programs that never call
   setlocale, so the encoding is what the locale says, or what the environment
   would make it. */
#include "error/page.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "error/text.h"

static const char *const style_codes[] = {
    [KIN__PLAIN] = "\33[0m",
    [KIN__DIM] = "\33[0;2m",
    [KIN__STRONG] = "\33[0;1m",
    [KIN__ALARM] = "\33[0;1;31m",
};

static bool says_utf8(const char *name)
{
    return strcasestr(name, "utf-8") || strcasestr(name, "utf8");
}

static bool has_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    if (says_utf8(nl_langinfo(CODESET)))
        return true;
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return says_utf8(value);
    }
    return false;
}

static bool has_colour(FILE *stream)
{
    const char *refused = getenv("NO_COLOR"), *term = getenv("TERM");
    int saved_errno = errno;
    bool terminal = isatty(fileno(stream));
    errno = saved_errno;
    return terminal && !(refused && refused[0]) && term && term[0] &&
           strcmp(term, "dumb") != 0;
}

void kin__page_open(kin__page *page, FILE *stream)
{
    *page = (kin__page){.utf8 = has_utf8(), .colour = has_colour(stream)};
    kin__out_open(&page->out, stream);
}

static void show(kin__page *page, kin__style style)
{
    if (page->colour && page->shown != style)
        kin__out_text(&page->out, style_codes[style]);
    page->shown = style;
}

static void margin(kin__page *page, size_t levels, kin__branch branch)
{
    static const char *const bars[2][2] = {{"   ", "|  "}, {"   ", "│  "}};
    static const char *const branches[2][2] = {{"|- ", "`- "}, {"├─ ", "└─ "}};
    size_t bar_levels = branch == KIN__NO_BRANCH ? levels : levels - 1;
    show(page, KIN__DIM);
    for (size_t i = 0; i < bar_levels; i++)
        kin__out_text(&page->out, bars[page->utf8][page->bars[i]]);
    if (branch != KIN__NO_BRANCH)
        kin__out_text(&page->out,
                      branches[page->utf8][branch == KIN__LAST_BRANCH]);
    page->column = levels * KIN__PAGE_STEP;
    page->gap = 0;
    page->fresh = true;
    page->broken = false;
}

static void end_line(kin__page *page)
{
    show(page, KIN__PLAIN);
    kin__out_text(&page->out, "\n");
}

static void spaces(kin__page *page, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kin__out_text(&page->out, " ");
    page->column += count;
}

static void new_line(kin__page *page)
{
    end_line(page);
    margin(page, page->levels, KIN__NO_BRANCH);
    spaces(page, page->indent);
}

static size_t left_edge(const kin__page *page)
{
    return page->levels * KIN__PAGE_STEP + page->indent;
}

static void end_word(kin__page *page)
{
    if (page->length == 0)
        return;
    kin__style style = page->shown;
    size_t end = page->column + page->gap + page->width;
    if (page->broken || (end > KIN__PAGE_WIDTH && !page->fresh)) {
        size_t kept = page->broken ? page->gap : 0;
        new_line(page);
        if (left_edge(page) + kept + page->width <= KIN__PAGE_WIDTH)
            spaces(page, kept);
    } else if (end <= KIN__PAGE_WIDTH) {
        spaces(page, page->gap);
    }
    show(page, style);
    kin__out_bytes(&page->out, page->word, page->length);
    page->column += page->width;
    page->fresh = false;
    page->gap = page->length = page->width = 0;
    page->shown = page->style;
}

/* The word that is still to come belongs to the line before. */
void kin__page_bar(kin__page *page, size_t level, bool bar)
{
    end_word(page);
    page->bars[level] = bar;
}

void kin__page_close(kin__page *page)
{
    end_word(page);
    if (page->begun)
        end_line(page);
    kin__out_close(&page->out);
}

void kin__page_line(kin__page *page, size_t levels, size_t indent,
                    kin__branch branch)
{
    end_word(page);
    if (page->begun)
        end_line(page);
    page->begun = true;
    page->levels = levels;
    page->indent = indent;
    page->style = KIN__DIM;
    margin(page, levels, branch);
    if (branch == KIN__NO_BRANCH)
        spaces(page, indent);
}

static bool is_full(const kin__page *page)
{
    enum { LONGEST_PIECE = 16 }; /* a character, the code of a style */
    return page->length + LONGEST_PIECE > sizeof page->word;
}

static void add(kin__page *page, const char *bytes, size_t length, size_t width)
{
    if (page->width + width > KIN__PAGE_WIDTH - left_edge(page) ||
        is_full(page))
        end_word(page);
    memcpy(page->word + page->length, bytes, length);
    page->length += length;
    page->width += width;
}

static void set_style(kin__page *page, kin__style style)
{
    if (page->style == style)
        return;
    if (is_full(page))
        end_word(page);
    page->style = style;
    if (page->length == 0) {
        show(page, style);
    } else if (page->colour) {
        size_t length = strlen(style_codes[style]);
        memcpy(page->word + page->length, style_codes[style], length);
        page->length += length;
    }
}

/* What must not be seen as it is. */
static void add_escaped(kin__page *page, uint32_t character, bool valid)
{
    char text[16];
    const char *form = !valid || character < 0x80 ? "\\x%02x"
                       : character < 0x10000      ? "\\u%04x"
                                                  : "\\U%08x";
    int length = snprintf(text, sizeof text, form, (unsigned)character);
    for (int i = 0; i < length; i++)
        add(page, text + i, 1, 1);
}

static void add_space(kin__page *page, size_t columns)
{
    end_word(page);
    page->gap += columns;
}

/* Adds one character and says how many bytes it had. */
static size_t add_character(kin__page *page, const char *text)
{
    uint32_t character;
    size_t length = kin__text_read(text, &character);
    bool shown = length == 1 || page->utf8;
    if (character == ' ' || character == '\t') {
        add_space(page, character == ' ' ? 1 : 4);
    } else if (character == '\n') {
        end_word(page);
        page->broken = true;
        page->gap = 0;
    } else if (length == 0 || !shown || kin__text_is_hidden(character)) {
        add_escaped(page, character, length != 0);
    } else {
        add(page, text, length, (size_t)kin__text_width(character));
    }
    return length ? length : 1;
}

void kin__page_put(kin__page *page, kin__style style, const char *text)
{
    set_style(page, style);
    while (*text)
        text += add_character(page, text);
}

void kin__page_number(kin__page *page, kin__style style,
                      unsigned long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", number);
    kin__page_put(page, style, text);
}

void kin__page_space(kin__page *page)
{
    add(page, " ", 1, 1);
}

void kin__page_arrow(kin__page *page)
{
    kin__page_put(page, KIN__DIM, page->utf8 ? " ←" : " <-");
    kin__page_space(page);
}

const char *kin__page_times(const kin__page *page)
{
    return page->utf8 ? " × " : " x ";
}
