/* error/json.h: the tokens of JSON, read strictly (RFC 8259) from a text that
   nobody vouches for. Nothing here recurses. */
#ifndef KIN__ERROR_JSON_H
#define KIN__ERROR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kin__json {
    const char *text;
    size_t length, at;
    /* the first thing that is wrong: each call says no from then on */
    char problem[128];
    size_t problem_at;
    bool no_memory;
    /* strings, decoded, each with a zero at its end: a stack */
    char *strings;
    size_t used, room;
} kin__json;

void kin__json_free(kin__json *);
/* Says no, and why, at the place of the last token. */
bool kin__json_fail(kin__json *, size_t at, const char *problem);
bool kin__json_out_of_memory(kin__json *);
/* Whether that character is next, behind blanks; it is not taken. */
bool kin__json_is(kin__json *, char);
bool kin__json_take(kin__json *, char);
/* The next element of an object or an array: *more says whether there is one,
   and its comma is taken; if not, `close` is. *begun: whether one has been. */
bool kin__json_next(kin__json *, char close, bool *begun, bool *more);
/* Pushes a string; says where it begins in `strings`. */
bool kin__json_string(kin__json *, size_t *where);
bool kin__json_key(kin__json *, size_t *where); /* and the colon */
bool kin__json_integer(kin__json *, long long least, long long most,
                       long long *);
bool kin__json_word(kin__json *, const char *word); /* true, null */
/* Any value, of no interest, nested up to 64 deep. */
bool kin__json_skip(kin__json *);
/* Pushes bytes that are no string. */
bool kin__json_push(kin__json *, const void *, size_t);

#endif
