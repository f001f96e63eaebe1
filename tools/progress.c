/* progress.c: see progress.h.

   The line belongs to the output, which takes it away before it writes and puts
   it back when the last line is whole; here is what it says. It is cut to less
   than the terminal's width, so that it never wraps, and is not there while kin
   is in the background: then the terminal is somebody else's. */
#include "progress.h"

#include <kin/park.h>

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BETWEEN KIN_MILLISECONDS(100)
#define A_MOMENT KIN_MILLISECONDS(100)

enum {
    USUAL_WIDTH = 80,
    WIDEST = OUTPUT_STATUS - 1,
    BAR = 24,         /* columns, if there are so many */
    SHORTEST_BAR = 4, /* else there is none */
};

bool progress_is_wanted(const run *it)
{
    const char *term = getenv("TERM");
    return !it->options.quiet && isatty(STDERR_FILENO) && term && *term &&
           strcmp(term, "dumb") != 0;
}

static bool is_in_foreground(void)
{
    pid_t owner = tcgetpgrp(STDERR_FILENO);
    return owner < 0 || owner == getpgrp();
}

static size_t width(void)
{
    struct winsize size;
    bool known =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    size_t columns = known ? size.ws_col : USUAL_WIDTH;
    return columns - 1 < WIDEST ? columns - 1 : WIDEST;
}

/* --- what it says -------------------------------------------------------- */

struct line {
    char text[OUTPUT_STATUS];
    size_t length;
};

KIN_PRINTF(2, 3) static void put(struct line *to, const char *format, ...)
{
    size_t room = sizeof to->text - to->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(to->text + to->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        to->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* 0:07, 12:34, 1:02:03 */
static void put_time(struct line *to, kin_time length)
{
    long long seconds = length / KIN_SECONDS(1);
    if (seconds >= 3600)
        put(to, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60,
            seconds % 60);
    else
        put(to, "%lld:%02lld", seconds / 60, seconds % 60);
}

static void put_bar(struct line *to, size_t ended, size_t total, size_t room)
{
    size_t columns = room < BAR ? room : BAR;
    size_t filled = ended * columns / total;
    put(to, " [");
    for (size_t i = 0; i < columns; i++)
        put(to, "%s", i < filled ? "#" : ".");
    put(to, "]");
}

/* As long as the others took, each. */
static void put_rest(struct line *to, const run *it, kin_time elapsed)
{
    size_t left = it->total - it->ended;
    put(to, " %zu/%zu", it->ended, it->total);
    if (!it->ended || !left)
        return;
    put(to, ", ");
    put_time(to,
             (kin_time)((double)elapsed / (double)it->ended * (double)left));
    put(to, " left");
}

static void put_counts(struct line *to, const run *it, kin_time elapsed)
{
    put(to, "kin run: %zu running, %zu done, %zu failed, ", it->running,
        it->counts[JOB_FINE],
        it->counts[JOB_FAILED] + it->counts[JOB_UNUSABLE]);
    put_time(to, elapsed);
}

static void compose(struct line *to, const run *it, size_t columns)
{
    kin_time elapsed = kin_now() - it->began;
    struct line rest = {.length = 0};
    *to = (struct line){.length = 0};
    put_counts(to, it, elapsed);
    if (it->all_known && it->total > 0) {
        put_rest(&rest, it, elapsed);
        size_t used = to->length + rest.length + 3;
        if (used + SHORTEST_BAR <= columns)
            put_bar(to, it->ended, it->total, columns - used);
        put(to, "%s", rest.text);
    }
    if (to->length > columns)
        to->text[columns] = '\0';
}

/* --- when ---------------------------------------------------------------- */

static void draw(run *it)
{
    struct line line = {.length = 0};
    if (!it->progress_hidden && is_in_foreground())
        compose(&line, it, width());
    output_set_status(it->outputs.err, line.text);
    kin_wait_list_wake(&it->progress_drawn, SIZE_MAX);
}

static kin_error *pause_a_while(run *it)
{
    kin_waiter waiter;
    return KIN_WITHIN(
        kin_wait_on(&it->progress_calls, &waiter, "the next look"),
        .move_on_after = BETWEEN);
}

kin_error *progress_show(void *arg)
{
    run *it = arg;
    kin_error *err = NULL;
    while (!err) {
        err = pause_a_while(it);
        if (!err)
            draw(it);
    }
    output_set_status(it->outputs.err, "");
    return err;
}

void progress_refresh(run *it)
{
    kin_wait_list_wake(&it->progress_calls, SIZE_MAX);
}

void progress_hide(run *it, bool hidden)
{
    kin_waiter waiter;
    it->progress_hidden = hidden;
    if (kin_wait_list_wake(&it->progress_calls, SIZE_MAX) == 0)
        return; /* it is not there, or waits for the terminal */
    kin_error_free(
        KIN_WITHIN(kin_wait_on(&it->progress_drawn, &waiter, "the line to go"),
                   .move_on_after = A_MOMENT, .shield = true));
}
