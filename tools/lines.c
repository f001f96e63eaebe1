/* lines.c: see lines.h.

   Lines are read as long as less than a bound of them waits, so that a source
   without an end needs no memory without an end, and a short one is known to
   its end early. An argument holds no NUL and is no longer than the kernel takes
   (128 KiB): a line that is neither stops the run. */
#include "lines.h"
#include "status.h"
#include "words.h"

#include <kin/park.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LONGEST = 128 * 1024 - 1,
    MOST_AHEAD = 10000,        /* lines */
    MOST_BYTES_AHEAD = 4 << 20 /* of them; a long one counts more than one */
};

struct reading {
    kin_stream *stream;
    kin_line_reader reader;
    char *buffer;
    size_t number; /* of the latest line */
};

static kin_error *reading_init(struct reading *it)
{
    *it = (struct reading){.buffer = malloc(LONGEST + 1)};
    if (!it->buffer)
        return kin_fail(&KIN_NO_MEMORY, "no memory for a line");
    KIN_TRY(kin_stream_open(&it->stream, STDIN_FILENO, .borrow = true,
                            .name = "standard input"));
    kin_line_reader_init(&it->reader, it->stream, it->buffer, LONGEST + 1);
    return NULL;
}

static void reading_deinit(struct reading *it)
{
    kin_stream_close(&it->stream);
    free(it->buffer);
}

/* line->text is NULL at the end. */
static kin_error *next(struct reading *it, kin_line *line)
{
    KIN_TRY(kin_line_reader_next(&it->reader, line));
    it->number++;
    if (line->text && line->length > LONGEST)
        return refuse(STATUS_USAGE,
                      "standard input:%zu: it is longer than %d bytes",
                      it->number, LONGEST);
    if (line->text && memchr(line->text, '\0', line->length))
        return refuse(STATUS_USAGE,
                      "standard input:%zu: there is a NUL byte "
                      "in it",
                      it->number);
    return NULL;
}

/* --- running ------------------------------------------------------------- */

static bool is_far_ahead(const run *it)
{
    return it->waiting >= MOST_AHEAD || it->waiting_bytes >= MOST_BYTES_AHEAD;
}

static size_t weight(const job *it)
{
    return strlen(it->command->name) + sizeof *it + it->line_length;
}

void lines_note_begin(run *it, const job *one)
{
    it->waiting--;
    it->waiting_bytes -= weight(one);
    if (!is_far_ahead(it))
        kin_wait_list_wake(&it->room, SIZE_MAX);
}

static kin_error *add(run *it, kin_group *jobs, const kin_line *line)
{
    job *one = run_add_job(it);
    if (!one)
        return kin_fail(&KIN_NO_MEMORY, "no memory for a command");
    kin_error *err = template_fill(&it->options.template, line->text,
                                   line->length, &one->own);
    if (err) {
        run_drop_job(it, one);
        return err;
    }
    one->command = &one->own;
    one->line_length = line->length;
    tag_format_widen(&it->options.tags, one->own.name);
    it->waiting++;
    it->waiting_bytes += weight(one);
    return run_spawn_job(it, jobs, one);
}

static kin_error *feed(run *it, kin_group *jobs, struct reading *from)
{
    for (;;) {
        kin_line line;
        while (is_far_ahead(it)) {
            kin_waiter waiter;
            KIN_TRY(kin_wait_on(&it->room, &waiter, "commands to end"));
        }
        KIN_TRY(next(from, &line));
        if (!line.text)
            break;
        KIN_TRY(add(it, jobs, &line));
    }
    it->all_known = true;
    return NULL;
}

kin_error *lines_feed(run *it, kin_group *jobs)
{
    struct reading from;
    kin_error *err = reading_init(&from);
    if (!err)
        err = feed(it, jobs, &from);
    reading_deinit(&from);
    return err;
}

/* --- printing ------------------------------------------------------------ */

static kin_error *print(run *it, struct reading *from)
{
    for (;;) {
        kin_line line;
        command made;
        KIN_TRY(next(from, &line));
        if (!line.text)
            return NULL;
        KIN_TRY(template_fill(&it->options.template, line.text, line.length,
                              &made));
        words_print(made.argv, stdout);
        (void)putchar('\n');
        command_deinit(&made);
    }
}

kin_error *lines_print(run *it)
{
    struct reading from;
    kin_error *err = reading_init(&from);
    if (!err)
        err = print(it, &from);
    reading_deinit(&from);
    return err;
}
