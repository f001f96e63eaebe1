/* error/reserve.c: what errors are made of when memory is out.

   A static supply of blocks for the whole process, which any thread takes from
   and gives back to without waiting: a bit for each, set while it is in use.
   When it is used up too, an error is said on standard error at once (of very
   many only some), and in its place stands one that never ends: it is not
   counted, not held, and holds no notes. The run is told, and does not succeed
   any more. */
#include "error/node.h"

#include <string.h>
#include <unistd.h>

static _Alignas(
    max_align_t) char blocks[KIN__RESERVE_BLOCKS][KIN__RESERVE_BLOCK];
static uint64_t in_use;
_Static_assert(KIN__RESERVE_BLOCKS == 64, "a bit for each");

static kin_error last = {
    .counts = 3 * KIN__ONE, /* never the only one */
    .kind = &KIN_NO_MEMORY,
    .message = "out of memory; what this stands for was said on standard error",
    .nodes = 1,
    .flags = KIN__IS_IMMORTAL,
    .leaf_kinds = KIN__OF_FAILURE,
};

void *kin__reserve_take(void)
{
    uint64_t used = __atomic_load_n(&in_use, __ATOMIC_RELAXED);
    int index;
    do {
        if (used == UINT64_MAX)
            return NULL;
        index = __builtin_ctzll(~used);
    } while (!__atomic_compare_exchange_n(&in_use, &used,
                                          used | (uint64_t)1 << index, true,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return blocks[index];
}

void kin__reserve_give(void *block)
{
    size_t index = (size_t)((char *)block - blocks[0]) / KIN__RESERVE_BLOCK;
    __atomic_fetch_and(&in_use, ~((uint64_t)1 << index), __ATOMIC_RELEASE);
}

kin_error *kin__reserve_last(void)
{
    if (kin__error_host && kin__error_host->lost)
        kin__error_host->lost();
    return &last;
}

kin_error *kin__error_lost(void)
{
    return &last;
}

/* The first thousand, and then fewer and fewer: what runs out of memory may do so a
   million times. */
static bool is_worth_a_line(void)
{
    static uint64_t count;
    uint64_t now = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    return now <= 1000 || (now & (now - 1)) == 0;
}

static void say(const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

static const char announcement[] =
    "kin: out of memory, reported here so that it is not lost:\n";

void kin__reserve_report_text(const char *kind, const char *message)
{
    char line[512];
    if (!is_worth_a_line())
        return;
    int length =
        snprintf(line, sizeof line, "%s%s: %s", announcement, kind, message);
    if (length >= (int)sizeof line - 1)
        kin__text_cut(line, sizeof line - 1);
    strcat(line, "\n");
    say(line);
}

void kin__reserve_report(const kin_error *err)
{
    if ((err->flags & KIN__IS_IMMORTAL) || !is_worth_a_line())
        return;
    say(announcement);
    kin_error_print(err, stderr);
}
