/* job.c: see job.h.

   The job's task waits for the process, and two pumps, in a group of its own,
   carry what that writes. When the process has ended, what it left in its group
   may go on for the grace as long as it holds the output; then the group is
   stopped, and the pumps take what is in the pipes and end. So a command has
   ended when nothing of it is left and all that it wrote is written.

   Cancelled, the task stops the whole group: SIGTERM, after the grace SIGKILL;
   unless the run was interrupted, for then the group has had that signal
   already. The process is the task's, and gone and reaped when it returns; the
   guardian knows of its group from start to end. */
#include "job.h"
#include "duration.h"
#include "pump.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_PAUSE KIN_SECONDS(30)

/* What a job is while it runs, on its task's stack. */
struct attendance {
    job *job;
    pump pumps[2];
    kin_task *tasks[2];
    kin_scope feeding; /* cancelled: no more input */
};

/* --- words --------------------------------------------------------------- */

const char *job_text(const job *it, char text[JOB_TEXT])
{
    char lasted[DURATION_TEXT], how[64];
    kin_process_status_text(it->status, how, sizeof how);
    (void)snprintf(text, JOB_TEXT, "\"%.120s\" failed: %s after %s",
                   it->command->name, how, duration_text(it->lasted, lasted));
    return text;
}

/* In whose wake it was cancelled. */
static void keep_reason(job *it, const kin_error *cancelled)
{
    const kin_cancellation *why = kin_error_during(cancelled);
    if (!why)
        return;
    it->by = why->source;
    it->because =
        strdup(why->behind ? kin_error_message(why->behind) : why->text);
}

/* --- starting ------------------------------------------------------------ */

/* Whether that says something of the command, and not of kin. */
static bool is_commands(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case E2BIG:
    case ELIBBAD:
    case ETXTBSY: return true;
    default: return false;
    }
}

/* From a terminal it comes through a pipe: whoever is not in the terminal's own
   process group may not read it. */
static kin_stdio input_of(const job *it)
{
    const char *reader = it->run->options.reader;
    if (!reader || strcmp(reader, it->command->name) != 0)
        return KIN_STDIO_NULL;
    return isatty(STDIN_FILENO) ? KIN_STDIO_PIPE : KIN_STDIO_INHERIT;
}

static kin_error *start(job *it)
{
    it->began = kin_now();
    kin_error *err = kin_process_start(
        &it->process, it->command->argv, .name = it->command->name,
        .in = input_of(it), .out = KIN_STDIO_PIPE, .err = KIN_STDIO_PIPE,
        .hand_up = true, .announce = KIN_STDIO_FD(it->run->guardian.line));
    if (err && kin_error_is(err, &KIN_OS) && is_commands(kin_error_code(err))) {
        it->state = JOB_UNUSABLE;
        it->errnum = kin_error_code(err);
        kin_error_free(err);
        return kin_fail(&KIN_PROCESS_FAILED, "\"%s\" could not be executed: %s",
                        it->command->name, strerror(it->errnum));
    }
    if (err)
        return err;
    it->state = JOB_RUNNING;
    return NULL;
}

/* --- its output ---------------------------------------------------------- */

static tag tag_for(const job *it, const output *to)
{
    const run_options *with = &it->run->options;
    bool coloured = with->color == COLOR_ALWAYS ||
                    (with->color == COLOR_AUTO && to->coloured);
    return (tag){
        .format = &with->tags,
        .name = it->command->name,
        .pid = kin_process_id(it->process),
        .colour = coloured ? tag_colour(it->number) : NULL,
    };
}

static kin_error *init_pumps(struct attendance *of)
{
    job *it = of->job;
    outputs *to = it->place ? &it->place->here : &it->run->outputs;
    it->tail = calloc(1, sizeof *it->tail);
    if (!it->tail)
        return kin_fail(&KIN_NO_MEMORY,
                        "no memory for the last lines of \"%s\"",
                        it->command->name);
    KIN_TRY(pump_init(&of->pumps[0], kin_process_out(it->process), to->out,
                      tag_for(it, to->out), NULL));
    return pump_init(&of->pumps[1], kin_process_err(it->process), to->err,
                     tag_for(it, to->err), it->tail);
}

static kin_error *await_pumps(void *arg)
{
    struct attendance *of = arg;
    KIN_TRY(kin_task_join(of->tasks[0]));
    return kin_task_join(of->tasks[1]);
}

/* --- its input ----------------------------------------------------------- */

static kin_error *carry_input(kin_stream *from, kin_stream *to)
{
    char piece[4096];
    for (;;) {
        size_t got;
        KIN_TRY(kin_stream_receive(from, piece, sizeof piece, &got));
        if (got == 0)
            return kin_stream_send_end(to);
        KIN_TRY(kin_stream_send(to, piece, got));
    }
}

/* What the terminal gives, to its end or the command's. */
static kin_error *feed(void *arg)
{
    struct attendance *of = arg;
    kin_stream *from;
    KIN_TRY(kin_stream_open(&from, STDIN_FILENO, .borrow = true,
                            .name = "standard input"));
    kin_scope_open(&of->feeding);
    kin_error *err = carry_input(from, kin_process_in(of->job->process));
    kin_error_catch(&err, &KIN_BROKEN); /* it does not read on */
    kin_error_catch(&err, &KIN_OS);     /* the terminal is gone */
    err = kin_scope_close(&of->feeding, err);
    kin_stream_close(&from);
    return err;
}

/* --- its end ------------------------------------------------------------- */

/* Waits for a process that was asked to end, in a shield. */
static kin_error *await_until(job *it, kin_time until)
{
    return KIN_WITHIN(kin_process_wait(it->process, NULL), .shield = true,
                      .deadline = until);
}

static kin_time later(kin_time now, kin_time length)
{
    if (length <= 0)
        return now;
    return length > KIN_NEVER - now ? KIN_NEVER : now + length;
}

/* Ends what there is of the group. */
static kin_error *stop(job *it, bool cancelled)
{
    kin_time grace = it->run->options.grace, until = later(kin_now(), grace);
    if (cancelled && it->run->interrupt) {
        KIN_TRY(await_until(it, until));
        grace = kin_left(until);
    }
    return kin_process_stop(it->process, grace);
}

/* To the end of the process and all of its group; a KIN_CANCELLED when it was
   cut short. */
static kin_error *await_end(struct attendance *of)
{
    job *it = of->job;
    kin_time grace = it->run->options.grace;
    kin_error *cancelled = kin_process_wait(it->process, &it->status);
    it->lasted = kin_now() - it->began;
    if (!cancelled && it->place)
        kin_error_free(order_until_turn(it->place, await_pumps, of));
    if (!cancelled)
        /* Cut short, it has ended all the same. */
        kin_error_free(KIN_WITHIN(await_pumps(of), .move_on_after = grace));
    kin_error *err = stop(it, cancelled);
    if (cancelled && !err) {
        err = KIN_WITHIN(kin_process_wait(it->process, &it->status),
                         .shield = true);
        it->lasted = kin_now() - it->began;
    }
    return kin_error_combine(cancelled, err);
}

static kin_error *attend(struct attendance *of)
{
    KIN_TRY(init_pumps(of));
    KIN_GROUP(carrying, .keep = true);
    for (size_t i = 0; i < 2; i++)
        of->tasks[i] = kin_spawn(carrying, pump_run, &of->pumps[i],
                                 .name = of->job->command->name);
    kin_scope_init(&of->feeding, .name = "standard input");
    if (kin_process_in(of->job->process))
        kin_spawn(carrying, feed, of, .name = "standard input");
    kin_error *err = await_end(of);
    kin_scope_cancel(&of->feeding, "the command has ended");
    pump_finish(&of->pumps[0]);
    pump_finish(&of->pumps[1]);
    return kin_group_close(carrying, err);
}

/* What came of it, from what attending it came to. */
static kin_error *judge(job *it, kin_error *err)
{
    char text[JOB_TEXT];
    if (err && kin_error_is(err, &KIN_CANCELLED)) {
        it->state = JOB_CANCELLED;
        keep_reason(it, err);
        return err;
    }
    it->state = err ? JOB_BROKEN : it->status.code == 0 ? JOB_FINE : JOB_FAILED;
    if (it->state != JOB_FAILED)
        return err;
    return kin_fail_code(&KIN_PROCESS_FAILED, it->status.code, "%s",
                         job_text(it, text));
}

/* What is kept of a failure. */
static void forget_try(job *it)
{
    free(it->tail);
    kin_error_free(it->error);
    it->tail = NULL;
    it->error = NULL;
}

static kin_error *run_process(job *it)
{
    struct attendance of = {.job = it};
    int group = kin_process_id(it->process);
    kin_error *err = attend(&of);
    if (it->status.code != 0)
        it->error = kin_error_give(kin_process_error(it->process));
    kin_process_close(&it->process);
    guardian_forget(&it->run->guardian, group);
    pump_deinit(&of.pumps[0]);
    pump_deinit(&of.pumps[1]);
    err = judge(it, err);
    if (it->state != JOB_FAILED)
        forget_try(it);
    return err;
}

/* --- its tries ----------------------------------------------------------- */

static kin_error *try_once(job *it)
{
    kin_error *err = start(it);
    it->tries++;
    if (it->state == JOB_RUNNING)
        return run_process(it);
    if (kin_error_is(err, &KIN_CANCELLED))
        keep_reason(it, err); /* and it waits for ever */
    else if (it->state == JOB_WAITING)
        it->state = JOB_BROKEN;
    return err;
}

static kin_time pause_before(const job *it)
{
    kin_time pause = it->run->options.backoff, longest = LONGEST_PAUSE;
    for (size_t i = 1; i < it->tries && pause < longest; i++)
        pause = pause * 2 < longest ? pause * 2 : longest;
    return pause;
}

/* Until the next try; a failure by then is nobody's concern. */
static kin_error *pause_and_forget(job *it, kin_error *failure)
{
    char text[JOB_TEXT], length[DURATION_TEXT];
    kin_time pause = pause_before(it);
    kin_error_free(failure);
    run_say(it->run, "%s; again in %s (%zu of %zu)", job_text(it, text),
            duration_text(pause, length), it->tries, it->run->options.retries);
    kin_error *err = kin_sleep(pause);
    if (err) {
        it->state = JOB_CANCELLED;
        keep_reason(it, err);
        return err;
    }
    forget_try(it);
    it->state = JOB_WAITING;
    return NULL;
}

kin_error *job_run(void *arg)
{
    job *it = arg;
    run_note_begin(it->run, it);
    kin_error *err = try_once(it);
    while (it->state == JOB_FAILED && it->tries <= it->run->options.retries) {
        err = pause_and_forget(it, err);
        if (!err)
            err = try_once(it);
    }
    if (it->place)
        order_end(it->place);
    it->place = NULL;
    run_note_end(it->run, it);
    return err;
}

void job_deinit(job *it)
{
    free(it->because);
    forget_try(it);
    command_deinit(&it->own);
}
