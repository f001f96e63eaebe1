/* tail.c: see tail.h.

   A ring of lines of a fixed size: what a command writes does not make it grow.
   What is kept is for reading: a line that was overwritten after a carriage
   return shows what was seen last, and escape sequences that give colours are
   left out. */
#include "tail.h"

#include <string.h>

/* What has come of an escape sequence, ESC [ ... letter. */
enum { NO_ESCAPE, AFTER_ESCAPE, IN_SEQUENCE };

#define LATEST(it) (&(it)->lines[((it)->count - 1) % TAIL_LINES])

static void begin_line(tail *it)
{
    it->count++;
    memset(LATEST(it), 0, sizeof *LATEST(it));
    it->open = true;
}

/* Whether the character is part of an escape sequence. */
static bool is_escape(tail *it, char c)
{
    int *escape = &LATEST(it)->escape;
    switch (*escape) {
    case AFTER_ESCAPE:
        *escape = c == '[' ? IN_SEQUENCE : NO_ESCAPE;
        return true;
    case IN_SEQUENCE:
        if (c >= '@' && c <= '~')
            *escape = NO_ESCAPE;
        return true;
    default: *escape = c == '\33' ? AFTER_ESCAPE : NO_ESCAPE; return *escape;
    }
}

static void add_character(tail *it, char c)
{
    if (is_escape(it, c))
        return;
    if (LATEST(it)->returned)
        LATEST(it)->length = LATEST(it)->cut = 0;
    LATEST(it)->returned = c == '\r';
    if (c == '\r')
        return;
    if (LATEST(it)->length == TAIL_LINE)
        LATEST(it)->cut = true;
    else
        LATEST(it)->text[LATEST(it)->length++] = c ? c : '?';
}

void tail_add(tail *it, const char *text, size_t length, bool ended)
{
    if (!it->open)
        begin_line(it);
    for (size_t i = 0; i < length; i++)
        add_character(it, text[i]);
    it->open = !ended;
}

/* Up to the end of a character. */
static int whole_characters(const char *text, size_t length)
{
    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
        length--;
    return (int)(length > 0 ? length - 1 : 0);
}

void tail_note(const tail *it, kin_error *err)
{
    size_t first = it->count > TAIL_LINES ? it->count - TAIL_LINES : 0;
    for (size_t i = first; i < it->count; i++) {
        const char *text = it->lines[i % TAIL_LINES].text;
        size_t length = it->lines[i % TAIL_LINES].length;
        if (it->lines[i % TAIL_LINES].cut)
            kin_error_add_note(err, "stderr: %.*s...",
                               whole_characters(text, length), text);
        else
            kin_error_add_note(err, "stderr: %.*s", (int)length, text);
    }
}
