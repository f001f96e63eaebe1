/* output.c: see output.h.

   A source has its turn from take to give, and turns go round in the order of
   asking, so that one that floods does not keep the others out. What it writes
   is gathered in a buffer and sent when that is full and at the give: the
   memory is bounded, and who reads slowly makes everybody wait, up to the
   commands.

   Lines that come in pieces are written as they come. As long as nobody else
   writes, the pieces follow each other and nothing is added; who comes between
   ends the line first, and the next piece gets a tag that says so.

   A terminal may have a line below all others, its status: it is taken away by
   the first byte of a turn, and stands there again when the turn is over and the
   last line is whole. It goes out with the rest, in one write.

   An output that stands before another one makes the lines of its sources, and
   holds them; released, it has its turns at the other one within its own.

   Sending is shielded: what a command wrote is written, also when the run is
   being cancelled. It ends when all is written, when it fails, or when
   outputs_give_up is called. */
#include "output.h"

#include <kin/park.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, FIRST_HELD = 1024 };

/* --- opening and closing ------------------------------------------------- */

static bool is_same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static bool has_colours(int fd)
{
    const char *refused = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(refused && *refused) && term && *term &&
           strcmp(term, "dumb") != 0;
}

/* A terminal that is stopped makes a write wait even if a byte of room is left,
   unless it is O_NONBLOCK, which is not kin's to set on what it shares with
   others: so it is opened once more. Else -1. */
static int open_terminal(int fd)
{
    char path[32];
    if (!isatty(fd))
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static kin_error *open_one(output *it, int fd, const char *name)
{
    int terminal = open_terminal(fd);
    it->name = name;
    it->coloured = has_colours(fd);
    it->buffer = malloc(BUFFER);
    it->room = BUFFER;
    kin_error *err =
        !it->buffer ? kin_fail(&KIN_NO_MEMORY, "no memory for %s", name)
        : terminal >= 0
            ? kin_stream_open(&it->stream, terminal, .name = name)
            : kin_stream_open(&it->stream, fd, .name = name, .borrow = true);
    if (err && terminal >= 0)
        close(terminal);
    return err;
}

kin_error *outputs_open(outputs *both,
                        void (*on_failure)(void *context, const char *why),
                        void *context)
{
    *both = (outputs){.out = &both->storage[0], .err = &both->storage[1]};
    both->out->on_failure = both->err->on_failure = on_failure;
    both->out->context = both->err->context = context;
    KIN_TRY(open_one(both->out, STDOUT_FILENO, "standard output"));
    if (is_same_file(STDOUT_FILENO, STDERR_FILENO)) {
        both->err = both->out;
        return NULL;
    }
    return open_one(both->err, STDERR_FILENO, "standard error");
}

static void open_before(output *it, output *behind, output_hold hold)
{
    *it = (output){
        .name = behind->name,
        .coloured = behind->coloured,
        .behind = behind,
        .hold = hold,
        .held = true,
    };
}

void outputs_open_before(outputs *both, outputs *behind, output_hold hold)
{
    bool same = behind->out == behind->err;
    both->out = &both->storage[0];
    both->err = same ? both->out : &both->storage[1];
    open_before(&both->storage[0], behind->out, hold);
    open_before(&both->storage[1], behind->err, hold);
}

static void give_up(output *it)
{
    it->given_up = true;
    if (it->sending)
        kin_scope_cancel(it->sending, "nobody reads %s", it->name);
}

void outputs_give_up(outputs *both)
{
    give_up(both->out);
    give_up(both->err);
}

bool outputs_within_line(const outputs *both)
{
    return both->err->unfinished;
}

void outputs_close(outputs *both)
{
    for (size_t i = 0; i < 2; i++) {
        kin_stream_close(&both->storage[i].stream);
        free(both->storage[i].buffer);
    }
}

/* --- sending ------------------------------------------------------------- */

static void fail(output *it, kin_error *err)
{
    int code = kin_error_code(err);
    it->given_up = true;
    (void)snprintf(it->why, sizeof it->why, "cannot write to %s: %s", it->name,
                   code ? strerror(code) : kin_error_message(err));
    kin_error_free(err);
    it->on_failure(it->context, it->why);
}

static void flush(output *it)
{
    if (it->used == 0 || it->given_up) {
        it->used = 0;
        return;
    }
    KIN_SCOPE(sending, .shield = true);
    it->sending = sending;
    kin_error *err = kin_stream_send(it->stream, it->buffer, it->used);
    it->sending = NULL;
    it->used = 0;
    err = kin_scope_close(sending, err);
    if (err)
        fail(it, err);
}

static bool grow(output *it)
{
    size_t room = it->room ? it->room * 2 : FIRST_HELD;
    if (!it->hold.may(it->hold.context, room - it->room))
        return false;
    char *buffer = realloc(it->buffer, room);
    if (!buffer)
        return false;
    it->buffer = buffer;
    it->room = room;
    return true;
}

static void put(output *it, const char *bytes, size_t length);

/* Its turn at who is behind begins, with what it held. */
static void begin_through(output *it)
{
    output *behind = it->behind;
    it->through = true;
    output_take(behind);
    if (behind->unfinished && behind->unfinished != it->unfinished) {
        put(behind, "\n", 1);
        behind->unfinished = NULL;
    }
    put(behind, it->buffer, it->used);
    free(it->buffer);
    it->buffer = NULL;
    it->used = it->room = 0;
}

/* There is no room left in its buffer. */
static void make_room(output *it)
{
    if (!it->behind) {
        flush(it);
    } else if (!grow(it)) {
        it->hold.await(it->hold.context);
        begin_through(it);
    }
}

static void hide_status(output *it)
{
    it->shown = false;
    put(it, "\r\33[K", 4);
}

static void show_status(output *it)
{
    if (!*it->status || it->shown || it->unfinished)
        return;
    put(it, it->status, strlen(it->status));
    it->shown = true;
}

static void put(output *it, const char *bytes, size_t length)
{
    if (it->shown && length > 0)
        hide_status(it);
    while (length > 0) {
        if (!it->through && it->used == it->room)
            make_room(it);
        if (it->through) {
            put(it->behind, bytes, length);
            return;
        }
        size_t fits = it->room - it->used;
        if (fits > length)
            fits = length;
        memcpy(it->buffer + it->used, bytes, fits);
        it->used += fits;
        bytes += fits;
        length -= fits;
    }
}

/* --- turns --------------------------------------------------------------- */

void output_take(output *it)
{
    if (it->taken) {
        /* Whoever gives hands it over: it stays taken. */
        kin_waiter waiter;
        KIN_SCOPE(shield, .shield = true);
        kin_error *err =
            kin_wait_on(&it->waiting, &waiter, "its turn to write");
        kin_error_free(kin_scope_close(shield, err));
    }
    it->taken = true;
    if (it->behind && !it->held) {
        /* Somebody may have ended its line meanwhile. */
        if (!it->used && it->behind->unfinished != it->unfinished)
            it->unfinished = NULL;
        begin_through(it);
    }
}

void output_give(output *it)
{
    if (it->through) {
        it->behind->unfinished = it->unfinished;
        output_give(it->behind);
        it->through = false;
    } else if (!it->behind) {
        show_status(it);
        flush(it);
    }
    it->taken = kin_wait_list_wake_one(&it->waiting, NULL) != NULL;
}

static void release(output *it)
{
    if (it->taken)
        return; /* whoever waits goes on */
    output_take(it);
    output_give(it);
}

void outputs_release(outputs *both)
{
    both->out->held = both->err->held = false;
    release(both->out);
    if (both->err != both->out)
        release(both->err);
}

/* --- lines --------------------------------------------------------------- */

/* Stands for all that have ended within a line. */
static const source departed;

static void finish_line(output *it)
{
    if (it->unfinished)
        put(it, "\n", 1);
    it->unfinished = NULL;
}

static void begin_line(output *it, const source *from)
{
    char text[TAG_TEXT];
    finish_line(it);
    put(it, text, tag_text(&from->tag, from->within_line, text));
}

void output_line(output *it, source *from, const char *text, size_t length,
                 bool ended)
{
    if (it->unfinished != from) {
        /* The rest of a line that was broken may be no more than its end. */
        if (from->within_line && ended && length == 0) {
            from->within_line = false;
            return;
        }
        begin_line(it, from);
    }
    put(it, text, length);
    it->unfinished = from;
    from->within_line = !ended;
    if (ended)
        finish_line(it);
}

void output_end(output *it, source *from)
{
    if (it->unfinished != from)
        return; /* it needs no turn, and may have ended long ago */
    it->unfinished = &departed;
    if (it->behind && it->behind->unfinished == from)
        it->behind->unfinished = &departed;
    if (from->tag.format->count == 0)
        return;
    output_take(it);
    if (it->unfinished == &departed)
        finish_line(it);
    output_give(it);
}

void output_set_status(output *it, const char *text)
{
    if (strcmp(text, it->status) == 0)
        return;
    output_take(it);
    if (it->shown)
        hide_status(it);
    (void)snprintf(it->status, sizeof it->status, "%s", text);
    output_give(it);
}

void output_say(output *it, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    output_take(it);
    finish_line(it);
    put(it, text, (size_t)length);
    put(it, "\n", 1);
    output_give(it);
    free(text);
}
