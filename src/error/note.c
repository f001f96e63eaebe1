/* error/note.c: notes, which are printed under the message (PEP 678).

   Each is a block of its own, and so is the table of them, which is there once
   there is a note and doubles. The node owns them all. Where there is no memory
   for a note it is left out, and the error says that something is missing. */
#include "error/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static char **place_for_one(kin_error *err)
{
    kin__notes *notes = err->notes;
    if (!notes || notes->count == notes->capacity) {
        uint32_t capacity = notes ? notes->capacity * 2 : 2;
        notes = kin__realloc(notes, sizeof *notes + capacity * sizeof(char *));
        if (!notes)
            return NULL;
        if (!err->notes)
            notes->count = 0;
        notes->capacity = capacity;
        err->notes = notes;
    }
    return &notes->text[notes->count];
}

/* Takes the text, a block, over; NULL: there was no memory for it. */
static void add(kin_error *err, char *text)
{
    char **place = text ? place_for_one(err) : NULL;
    if (!place) {
        kin__free(text);
        err->flags |= KIN__HAS_LOST;
        return;
    }
    *place = text;
    err->notes->count++;
}

static char *format_note(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    size_t size = length < 0 ? strlen(format) + 1 : (size_t)length + 1;
    char *text = kin__alloc(size);
    if (text && length < 0)
        memcpy(text, format, size); /* it cannot be formatted */
    else if (text)
        vsnprintf(text, size, format, again);
    va_end(again);
    return text;
}

void kin_error_add_note(kin_error *err, const char *format, ...)
{
    if (!err || err->flags & KIN__IS_IMMORTAL)
        return;
    if (!format) {
        kin__error_misuse("kin_error_add_note: the format is NULL, for the "
                          "error \"%s\"",
                          err->message);
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    add(err, format_note(format, arguments));
    va_end(arguments);
}

size_t kin_error_note_count(const kin_error *err)
{
    return err && err->notes ? err->notes->count : 0;
}

const char *kin_error_note(const kin_error *err, size_t index)
{
    return index < kin_error_note_count(err) ? err->notes->text[index] : NULL;
}

void kin__notes_copy(kin_error *to, const kin_error *from, size_t first)
{
    for (size_t i = first; i < kin_error_note_count(from); i++)
        kin_error_add_note(to, "%s", kin_error_note(from, i));
}

void kin__notes_free(kin_error *err)
{
    for (size_t i = 0; i < kin_error_note_count(err); i++)
        kin__free(err->notes->text[i]);
    kin__free(err->notes);
    err->notes = NULL;
}
