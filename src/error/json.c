/* error/json.c: see json.h. */
#include "error/json.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "error/text.h"

enum { DEEPEST_SKIP = 64 };

void kin__json_free(kin__json *j)
{
    kin__free(j->strings);
    j->strings = NULL;
}

bool kin__json_fail(kin__json *j, size_t at, const char *problem)
{
    if (!j->problem[0]) {
        snprintf(j->problem, sizeof j->problem, "%s", problem);
        j->problem_at = at;
    }
    return false;
}

bool kin__json_out_of_memory(kin__json *j)
{
    j->no_memory = true;
    return kin__json_fail(j, j->at, "no memory for it");
}

bool kin__json_push(kin__json *j, const void *bytes, size_t length)
{
    if (j->room - j->used < length) {
        size_t room = j->room ? j->room * 2 : 1024;
        while (room - j->used < length)
            room *= 2;
        char *strings = kin__realloc(j->strings, room);
        if (!strings)
            return kin__json_out_of_memory(j);
        j->strings = strings;
        j->room = room;
    }
    memcpy(j->strings + j->used, bytes, length);
    j->used += length;
    return true;
}

static bool ends_early(kin__json *j)
{
    return kin__json_fail(j, j->length, "it ends too early");
}

/* The next character; -1 at the end. */
static int peek(const kin__json *j)
{
    return j->at < j->length ? (unsigned char)j->text[j->at] : -1;
}

static int peek_behind_blanks(kin__json *j)
{
    int c;
    while ((c = peek(j)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        j->at++;
    return c;
}

bool kin__json_is(kin__json *j, char c)
{
    return peek_behind_blanks(j) == (unsigned char)c;
}

bool kin__json_take(kin__json *j, char c)
{
    char problem[32];
    if (j->problem[0])
        return false;
    if (kin__json_is(j, c)) {
        j->at++;
        return true;
    }
    if (j->at == j->length)
        return ends_early(j);
    snprintf(problem, sizeof problem, "a '%c' should be here", c);
    return kin__json_fail(j, j->at, problem);
}

bool kin__json_next(kin__json *j, char close, bool *begun, bool *more)
{
    bool comma = *begun;
    *more = false;
    if (kin__json_is(j, close))
        return kin__json_take(j, close);
    *more = *begun = true;
    return comma ? kin__json_take(j, ',') : !j->problem[0];
}

static int hex(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four digits behind \u. */
static bool unit(kin__json *j, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        int digit = hex(peek(j));
        if (digit < 0)
            return peek(j) < 0 ? ends_early(j)
                               : kin__json_fail(j, j->at,
                                                "four hexadecimal digits "
                                                "should be here");
        *value = *value << 4 | (uint32_t)digit;
    }
    return true;
}

static bool escaped_character(kin__json *j)
{
    size_t at = j->at - 2;
    uint32_t value, low = 0;
    char bytes[4];
    if (!unit(j, &value))
        return false;
    if (value >= 0xd800 && value < 0xdc00) {
        bool pair = j->length - j->at >= 2 && j->text[j->at] == '\\' &&
                    j->text[j->at + 1] == 'u';
        if (pair)
            j->at += 2;
        if (!pair || !unit(j, &low) || low < 0xdc00 || low > 0xdfff)
            return kin__json_fail(j, at, "half a character (a lone surrogate)");
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    } else if (value >= 0xdc00 && value <= 0xdfff) {
        return kin__json_fail(j, at, "half a character (a lone surrogate)");
    }
    if (value == 0)
        return kin__json_fail(j, at, "a text cannot hold a zero character");
    return kin__json_push(j, bytes, kin__text_write(value, bytes));
}

/* Behind the backslash. */
static bool escape(kin__json *j)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    int c = peek(j);
    if (c < 0)
        return ends_early(j);
    const char *letter = c ? strchr(letters, c) : NULL;
    j->at++;
    if (letter)
        return kin__json_push(j, &meant[letter - letters], 1);
    if (c == 'u')
        return escaped_character(j);
    return kin__json_fail(j, j->at - 1, "no such escape");
}

/* One character as it stands, which may be the last bytes of the text. */
static bool plain_character(kin__json *j)
{
    char bytes[5] = {0};
    size_t left = j->length - j->at;
    uint32_t value;
    memcpy(bytes, j->text + j->at, left < 4 ? left : 4);
    size_t length = kin__text_read(bytes, &value);
    if (length == 0)
        return kin__json_fail(j, j->at, "it is not valid UTF-8");
    if (value < 0x20)
        return kin__json_fail(j, j->at, "a control character in a string");
    j->at += length;
    return kin__json_push(j, bytes, length);
}

bool kin__json_string(kin__json *j, size_t *where)
{
    *where = j->used;
    if (!kin__json_take(j, '"'))
        return false;
    while (peek(j) != '"') {
        bool good;
        if (peek(j) < 0)
            return ends_early(j);
        if (peek(j) == '\\') {
            j->at++;
            good = escape(j);
        } else {
            good = plain_character(j);
        }
        if (!good)
            return false;
    }
    j->at++;
    return kin__json_push(j, "", 1);
}

bool kin__json_key(kin__json *j, size_t *where)
{
    return kin__json_string(j, where) && kin__json_take(j, ':');
}

static size_t digits(kin__json *j)
{
    size_t from = j->at;
    while (peek(j) >= '0' && peek(j) <= '9')
        j->at++;
    return j->at - from;
}

/* Any number; whether it is a whole one in plain digits. */
static bool number(kin__json *j, bool *whole)
{
    size_t from = j->at;
    *whole = true;
    if (peek(j) == '-')
        j->at++;
    size_t first = j->at, count = digits(j);
    bool good = count > 0 && (count == 1 || j->text[first] != '0');
    if (good && peek(j) == '.') {
        j->at++;
        *whole = false;
        good = digits(j) > 0;
    }
    if (good && (peek(j) == 'e' || peek(j) == 'E')) {
        j->at++;
        *whole = false;
        if (peek(j) == '+' || peek(j) == '-')
            j->at++;
        good = digits(j) > 0;
    }
    if (good)
        return true;
    return j->at == j->length ? ends_early(j)
                              : kin__json_fail(j, from, "it is no number");
}

bool kin__json_integer(kin__json *j, long long least, long long most,
                       long long *value)
{
    bool whole;
    if (j->problem[0])
        return false;
    peek_behind_blanks(j);
    size_t from = j->at;
    if (!number(j, &whole))
        return false;
    bool negative = j->text[from] == '-', fits = whole;
    long long sum = 0;
    for (size_t i = from + negative; i < j->at && fits; i++) {
        int digit = j->text[i] - '0';
        fits = !__builtin_mul_overflow(sum, 10, &sum) &&
               !__builtin_add_overflow(sum, negative ? -digit : digit, &sum);
    }
    *value = sum;
    if (fits && sum >= least && sum <= most)
        return true;
    return kin__json_fail(j, from,
                          whole ? "the number is out of range"
                                : "a whole number should be here");
}

bool kin__json_word(kin__json *j, const char *word)
{
    size_t length = strlen(word);
    if (j->problem[0])
        return false;
    peek_behind_blanks(j);
    size_t left = j->length - j->at;
    size_t part = left < length ? left : length;
    if (memcmp(j->text + j->at, word, part) != 0)
        return kin__json_fail(j, j->at, "a value should be here");
    if (left < length)
        return ends_early(j);
    j->at += length;
    return true;
}

/* A value that holds no others. */
static bool skip_scalar(kin__json *j)
{
    bool unused;
    size_t where, used = j->used;
    bool good;
    switch (peek_behind_blanks(j)) {
    case '"': good = kin__json_string(j, &where); break;
    case 't': good = kin__json_word(j, "true"); break;
    case 'f': good = kin__json_word(j, "false"); break;
    case 'n': good = kin__json_word(j, "null"); break;
    case -1: good = ends_early(j); break;
    default: good = number(j, &unused); break;
    }
    j->used = used;
    return good;
}

/* What is open, innermost last: a bit for each, set for an object, and whether
   it has an element. */
typedef struct nesting {
    uint64_t objects, begun;
    int depth;
} nesting;

static bool open_one(kin__json *j, nesting *n, bool object)
{
    if (n->depth == DEEPEST_SKIP)
        return kin__json_fail(j, j->at, "it is nested too deeply");
    uint64_t bit = (uint64_t)1 << n->depth++;
    n->objects = object ? n->objects | bit : n->objects & ~bit;
    n->begun &= ~bit;
    j->at++;
    return true;
}

/* Up to the next value in what is open; with none there, that is closed. */
static bool step(kin__json *j, nesting *n, bool *more)
{
    uint64_t bit = (uint64_t)1 << (n->depth - 1);
    bool object = n->objects & bit, begun = n->begun & bit;
    size_t where, used = j->used;
    if (!kin__json_next(j, object ? '}' : ']', &begun, more))
        return false;
    n->begun |= bit;
    if (!*more)
        n->depth--;
    else if (object && !kin__json_key(j, &where))
        return false;
    j->used = used;
    return true;
}

bool kin__json_skip(kin__json *j)
{
    nesting n = {0};
    bool more = true, good = !j->problem[0];
    while (good) {
        int c = more ? peek_behind_blanks(j) : 0;
        if (c == '{' || c == '[')
            good = open_one(j, &n, c == '{');
        else if (more)
            good = skip_scalar(j);
        if (n.depth == 0)
            break;
        good = good && step(j, &n, &more);
        if (n.depth == 0)
            break;
    }
    return good;
}
