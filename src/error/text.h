/* error/text.h: characters of UTF-8: what they are, and how wide. */
#ifndef KIN__ERROR_TEXT_H
#define KIN__ERROR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at the beginning of a text that ends with a zero, and how many
   bytes it has. 0: the first byte begins no valid one, and is in *character. */
size_t kin__text_read(const char *, uint32_t *character);
size_t kin__text_write(uint32_t character, char to[4]);
/* Columns on a terminal: 0, 1 or 2. */
int kin__text_width(uint32_t character);
/* Whether it would do something to a terminal, or cannot be seen. */
bool kin__text_is_hidden(uint32_t character);

#endif
