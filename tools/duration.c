/* duration.c: see duration.h.

   Reckoned in whole numbers and read without the locale's help, so that 1.5m is
   the same everywhere. A fraction counts down to the nanosecond of its unit;
   what is finer is dropped. No state. */
#include "duration.h"

#include <inttypes.h>
#include <string.h>

static const struct unit {
    const char *name;
    int64_t nanoseconds;
} units[] = {
    {"", KIN_SECONDS(1)},     {"ms", KIN_MILLISECONDS(1)},
    {"s", KIN_SECONDS(1)},    {"m", KIN_SECONDS(60)},
    {"h", KIN_SECONDS(3600)}, {"d", KIN_SECONDS(86400)},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t unit_of(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(name, units[i].name) == 0)
            return units[i].nanoseconds;
    return 0;
}

static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? KIN_NEVER : product;
}

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? KIN_NEVER : sum;
}

/* The digits behind the point, as a part of the unit. */
static int64_t fraction(const char *digits, int64_t unit)
{
    int64_t sum = 0, rest = unit;
    for (; is_digit(*digits) && rest > 0; digits++) {
        /* Tenths of tenths lose less than a nanosecond each. */
        sum += rest * (*digits - '0') / 10;
        rest /= 10;
    }
    return sum;
}

bool duration_parse(const char *text, kin_time *length)
{
    const char *whole = text, *point;
    while (is_digit(*text))
        text++;
    size_t digits = (size_t)(text - whole);
    point = *text == '.' ? ++text : NULL;
    while (point && is_digit(*text))
        text++;
    if (point)
        digits += (size_t)(text - point);
    int64_t unit = unit_of(text), sum = 0;
    if (digits == 0 || unit == 0)
        return false;
    for (; is_digit(*whole); whole++)
        sum = plus(times(sum, 10), *whole - '0');
    sum = times(sum, unit);
    *length = point ? plus(sum, fraction(point, unit)) : sum;
    return true;
}

const char *duration_text(kin_time length, char text[DURATION_TEXT])
{
    int64_t ms = length < 0 ? 0 : (length + 500000) / 1000000;
    int64_t tenths = (ms + 50) / 100, seconds = (ms + 500) / 1000;
    int64_t minutes = seconds / 60;
    if (ms < 1000)
        (void)snprintf(text, DURATION_TEXT, "%" PRId64 " ms", ms);
    else if (tenths < 600)
        (void)snprintf(text, DURATION_TEXT, "%" PRId64 ".%" PRId64 " s",
                       tenths / 10, tenths % 10);
    else if (minutes < 60)
        (void)snprintf(text, DURATION_TEXT, "%" PRId64 " min %" PRId64 " s",
                       minutes, seconds % 60);
    else
        (void)snprintf(text, DURATION_TEXT, "%" PRId64 " h %" PRId64 " min",
                       minutes / 60, minutes % 60);
    return text;
}
