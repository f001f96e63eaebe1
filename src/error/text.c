/* error/text.c: see text.h. The tables are coarse: they know the blocks that
   have no width or a double one, and what no terminal should be sent. */
#include "error/text.h"

typedef struct range {
    uint32_t first, last;
} range;

static const range no_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x0610, 0x061a},
    {0x064b, 0x065f}, {0x06d6, 0x06dc}, {0x0900, 0x0902},   {0x093a, 0x093a},
    {0x0941, 0x0948}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},   {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff},   {0x3099, 0x309a},
    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};

static const range double_width[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},
    {0x23e9, 0x23ec},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},
    {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274e},   {0x2753, 0x2757},   {0x2795, 0x2797},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b55},   {0x2e80, 0x303e},
    {0x3041, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x1aff0, 0x1b2ff},
    {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f19a},
    {0x1f200, 0x1f320}, {0x1f32d, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f7e0, 0x1f7eb}, {0x1f90c, 0x1f9ff}, {0x1fa70, 0x1faff},
    {0x20000, 0x3fffd},
};

/* Control characters; what changes the direction of a line, joins or parts
   without being seen; line ends of other systems; what is no character. */
static const range hidden[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f},   {0x00ad, 0x00ad},    {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x180e, 0x180e},   {0x200b, 0x200f},    {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb},
    {0xfffe, 0xffff}, {0xe0000, 0xe007f}, {0xf0000, 0x10ffff},
};

static bool is_in(uint32_t character, const range ranges[], size_t count)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (character > ranges[middle].last)
            low = middle + 1;
        else if (character < ranges[middle].first)
            count = middle;
        else
            return true;
    }
    return false;
}
#define IS_IN(character, ranges) \
    is_in(character, ranges, sizeof(ranges) / sizeof *(ranges))

int kin__text_width(uint32_t character)
{
    if (character < 0x300)
        return 1;
    if (IS_IN(character, no_width))
        return 0;
    return IS_IN(character, double_width) ? 2 : 1;
}

bool kin__text_is_hidden(uint32_t character)
{
    return (character < 0x20 || character > 0x7e) && IS_IN(character, hidden);
}

/* How many bytes it should have, and the bits of the first; 0: it begins
   none. */
static size_t begin(unsigned char first, uint32_t *bits)
{
    static const struct {
        unsigned char mask, mark;
    } kinds[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};
    for (size_t i = 0; i < 4; i++)
        if ((first & kinds[i].mask) == kinds[i].mark) {
            *bits = first & (unsigned char)~kinds[i].mask;
            return i + 1;
        }
    return 0;
}

size_t kin__text_read(const char *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t value = 0;
    size_t length = begin(bytes[0], &value);
    *character = bytes[0];
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    if (length == 0 || value < least[length - 1] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *character = value;
    return length;
}

size_t kin__text_write(uint32_t character, char to[4])
{
    static const unsigned char marks[] = {0, 0xc0, 0xe0, 0xf0};
    size_t length = character < 0x80      ? 1
                    : character < 0x800   ? 2
                    : character < 0x10000 ? 3
                                          : 4;
    for (size_t i = length; i-- > 1;) {
        to[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    to[0] = (char)(marks[length - 1] | character);
    return length;
}
