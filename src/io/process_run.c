/* io/process_run.c: a command from start to end.

   One group holds the pumps: a task that feeds the input, one for each stream
   that is gathered. The caller itself waits for the process. The pumps that
   gather stand behind shields of their own, so that a process that is being
   stopped can still write its last words and does not stick in a full pipe;
   when the process and its group are gone they are told to take what is left in
   the pipe and end, since somebody who left the group may hold it open for
   good.

   All state is on the caller's stack; the group does not outlive it. */
#include "base/alloc.h"
#include "io/process.h"

#include <kin/group.h>
#include <kin/park.h>

#include <string.h>

enum {
    FIRST_ROOM = 4096,
    LAST_LINES = 10,   /* of the error output, in the notes of a failure */
    LONGEST_LINE = 400 /* bytes of each */
};

#define DEFAULT_GRACE KIN_SECONDS(5)

struct run;

/* What gathers one stream. */
struct pump {
    struct run *run;
    kin_stream *stream;
    kin_scope shield; /* cancelled: take what is there, and end */
    char *data;
    size_t size, room;
};

typedef struct run {
    const kin_site *site;
    const kin_process_options *with;
    kin_process *process;
    kin_process_status status;
    kin_time grace;
    struct pump out, err;
    kin_scope feeding;   /* cancelled: stop feeding */
    size_t gathering;    /* pumps that have not ended */
    kin_wait_list ended; /* the caller, for the pumps to end */
} run;

/* --- pumps --------------------------------------------------------------- */

/* Room for a byte more than may come, to see whether one does, and the NUL. */
static kin_error *make_room(struct pump *it)
{
    size_t max = it->run->with->capture_max;
    if (it->size + 1 < it->room)
        return NULL;
    size_t room = it->room ? it->room * 2 : FIRST_ROOM;
    if (max && room > max + 2)
        room = max + 2;
    char *data = kin__realloc(it->data, room);
    if (!data)
        return kin_fail_at(it->run->site, &KIN_NO_MEMORY,
                           "no memory for what %s writes",
                           kin_process_name(it->run->process));
    it->data = data;
    it->room = room;
    return NULL;
}

static kin_error *gather_some(struct pump *it, bool now, bool *ended)
{
    const kin_site *site = it->run->site;
    size_t max = it->run->with->capture_max, got = 0;
    kin_error *err = make_room(it);
    if (err)
        return err;
    char *at = it->data + it->size;
    size_t room = it->room - it->size - 1;
    err = now ? kin_stream_receive_now_at(site, it->stream, at, room, &got)
              : kin_stream_receive_at(site, it->stream, at, room, &got);
    it->size += got;
    *ended = !err && got == 0;
    if (!err && max && it->size > max)
        err = kin_fail_at(site, &KIN_FAILURE, "%s wrote more than %zu bytes",
                          kin_process_name(it->run->process), max);
    return err;
}

static kin_error *gather(void *arg)
{
    struct pump *it = arg;
    kin_error *err = NULL;
    bool ended = false;
    kin_scope_open(&it->shield);
    while (!err && !ended)
        err = gather_some(it, false, &ended);
    err = kin_scope_close(&it->shield, err);
    while (!err && !ended)
        err = gather_some(it, true, &ended);
    if (kin_error_catch(&err, &KIN_WOULD_BLOCK))
        ended = true;
    if (it->data)
        it->data[it->size] = '\0';
    if (--it->run->gathering == 0)
        kin_wait_list_wake(&it->run->ended, 1);
    return err;
}

/* That it does not want to read it all is its own affair. */
static kin_error *feed(void *arg)
{
    run *it = arg;
    kin_stream *in = kin_process_in(it->process);
    kin_scope_open(&it->feeding);
    kin_error *err =
        kin_stream_send_at(it->site, in, it->with->input, it->with->input_size);
    kin_error_catch(&err, &KIN_BROKEN);
    if (!err)
        err = kin_stream_send_end_at(it->site, in);
    return kin_scope_close(&it->feeding, err);
}

static void start_pump(run *it, kin_group *pumps, struct pump *pump,
                       kin_stream *stream, const char *name)
{
    pump->run = it;
    pump->stream = stream;
    if (!stream)
        return;
    kin_scope_init(&pump->shield, .shield = true, .name = name);
    it->gathering++;
    kin_spawn(pumps, gather, pump, .name = name);
}

static void start_pumps(run *it, kin_group *pumps)
{
    start_pump(it, pumps, &it->out, kin_process_out(it->process),
               "standard output");
    start_pump(it, pumps, &it->err, kin_process_err(it->process),
               "standard error");
    kin_scope_init(&it->feeding, .name = "standard input");
    if (kin_process_in(it->process))
        kin_spawn(pumps, feed, it, .name = "standard input");
}

static void end_pumps(run *it)
{
    kin_scope_cancel(&it->feeding, "the process has ended");
    if (it->out.stream)
        kin_scope_cancel(&it->out.shield, "the process has ended");
    if (it->err.stream)
        kin_scope_cancel(&it->err.shield, "the process has ended");
}

/* --- the run ------------------------------------------------------------- */

/* What the process left running may have something to write still. */
static kin_error *await_pumps(run *it)
{
    kin_waiter waiter;
    if (it->gathering == 0)
        return NULL;
    return kin_wait_on_at(it->site, &it->ended, &waiter,
                          "the output of a process to end");
}

static kin_error *await_process(run *it)
{
    kin_error *err = kin_process_wait_at(it->site, it->process, &it->status);
    if (err)
        return err;
    return KIN_WITHIN(await_pumps(it), .move_on_after = it->grace);
}

/* Stops what is left of the group. `err` is what the waiting came to; what
   comes out is what the stopping failed with. */
static kin_error *end_process(run *it, kin_error *err)
{
    const kin_process_options *with = it->with;
    bool killed = false;
    kin_error *failure =
        kin__process_stop(it->site, it->process, it->grace,
                          err ? with->on_cancel : NULL, with->context, &killed);
    if (err && killed && !failure)
        kin_error_add_note(err, "%s went on for %g s after SIGTERM: killed",
                           kin_process_name(it->process),
                           (double)it->grace / 1e9);
    return failure;
}

static kin_error *run_process(run *it)
{
    KIN_GROUP(pumps);
    start_pumps(it, pumps);
    kin_error *err = await_process(it);
    kin_error *failure = end_process(it, err);
    end_pumps(it);
    /* The group is ours and not the caller's concern: a lone error is bare. */
    err = kin_error_unwrap(kin_group_close(pumps, err), &KIN_BASE);
    return kin_error_combine_at(it->site, err, failure);
}

/* The last lines of what it wrote, one note each. */
static void add_last_lines(kin_error *err, const struct pump *pump)
{
    const char *end = pump->data + pump->size, *from = end;
    if (pump->size && end[-1] == '\n')
        from = --end;
    for (int lines = 0; from > pump->data && lines < LAST_LINES; lines++) {
        const char *newline =
            memrchr(pump->data, '\n', (size_t)(from - pump->data));
        from = newline && lines + 1 < LAST_LINES ? newline
               : newline                         ? newline + 1
                                                 : pump->data;
    }
    while (from < end) {
        from += *from == '\n';
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        const char *until = newline ? newline : end;
        int length =
            until - from > LONGEST_LINE ? LONGEST_LINE : (int)(until - from);
        kin_error_add_note(err, "stderr: %.*s", length, from);
        from = until;
    }
}

static kin_error *check(const run *it)
{
    if (it->with->unchecked)
        return NULL;
    kin_error *err = kin_process_check_at(it->site, it->process, it->status);
    if (err && it->err.data)
        add_last_lines(err, &it->err);
    return err;
}

void kin_process_outcome_free(kin_process_outcome *outcome)
{
    if (!outcome)
        return;
    kin__free(outcome->out);
    kin__free(outcome->err);
    *outcome = (kin_process_outcome){0};
}

static kin_error *check_options(const kin_site *site,
                                const kin_process_options *with)
{
    if (!with->input && with->input_size)
        return kin_fail_at(site, &KIN_MISUSE,
                           "running a process with a size and no input");
    if (with->input && with->in != KIN_STDIO_INHERIT &&
        with->in != KIN_STDIO_PIPE)
        return kin_fail_at(site, &KIN_MISUSE,
                           "running a process with .input and another .in");
    if (!with->input && with->in == KIN_STDIO_PIPE)
        return kin_fail_at(site, &KIN_MISUSE,
                           "running a process with a pipe and no .input");
    return NULL;
}

kin_error *kin_process_run_at(const kin_site *site, const char *const argv[],
                              kin_process_outcome *outcome,
                              const kin_process_options *options)
{
    kin_process_options with = options ? *options : (kin_process_options){0};
    kin_error *err = check_options(site, &with);
    if (err)
        return err;
    if (with.input)
        with.in = KIN_STDIO_PIPE;
    run it = {.site = site, .with = &with};
    it.grace = with.grace ? with.grace : DEFAULT_GRACE;
    err = kin__process_start(site, &it.process, argv, &with);
    if (err)
        return err;
    err = run_process(&it);
    if (!err)
        err = check(&it);
    kin_process_close(&it.process);
    kin_process_outcome result = {it.status, it.out.data, it.err.data,
                                  it.out.size, it.err.size};
    if (!err && outcome)
        *outcome = result;
    else
        kin_process_outcome_free(&result);
    return err;
}
