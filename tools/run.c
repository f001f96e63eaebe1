/* run.c: see run.h.

   The main task opens a group for who listens to signals, and in it a scope for
   the deadline and the group of the jobs, whose policy is the run's. What the
   jobs come to is written into their records; when all has ended the tree is
   made of those.

   The run owns all that its struct holds, on main's stack. */
#include "run.h"
#include "duration.h"
#include "interrupts.h"
#include "json_file.h"
#include "lines.h"
#include "progress.h"
#include "status.h"
#include "strays.h"
#include "tree.h"
#include "words.h"

#include <kin/run.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- while it runs ------------------------------------------------------- */

struct saying {
    output *to;
    char *text;
};

static kin_error *say(void *arg)
{
    struct saying *it = arg;
    output_say(it->to, "kin run: %s", it->text);
    free(it->text);
    free(it);
    return NULL;
}

/* In a task of its own: a terminal that is stopped must not keep a failure from
   its effects. */
void run_say(run *it, const char *format, ...)
{
    struct saying *line = malloc(sizeof *line);
    va_list arguments;
    va_start(arguments, format);
    bool said = line && !it->options.quiet &&
                vasprintf(&line->text, format, arguments) >= 0;
    va_end(arguments);
    if (!said) {
        free(line);
        return;
    }
    line->to = it->outputs.err;
    kin_spawn(it->saying, say, line);
}

static bool rest_is_cancelled(const run *it)
{
    return it->options.policy == KIN_ALL &&
           (!it->all_known || it->total > it->ended) &&
           it->counts[JOB_FAILED] + it->counts[JOB_UNUSABLE] == 1;
}

job *run_add_job(run *it)
{
    job *one = malloc(sizeof *one);
    if (!one)
        return NULL;
    *one = (job){.run = it, .number = it->total++, .previous = it->last};
    *(it->last ? &it->last->next : &it->first) = one;
    it->last = one;
    return one;
}

void run_drop_job(run *it, job *one)
{
    *(one->previous ? &one->previous->next : &it->first) = one->next;
    *(one->next ? &one->next->previous : &it->last) = one->previous;
    job_deinit(one);
    free(one);
}

kin_error *run_spawn_job(run *it, kin_group *jobs, job *one)
{
    if (it->options.keep_order) {
        one->place = order_add(&it->order, &it->outputs);
        if (!one->place)
            return kin_fail(&KIN_NO_MEMORY,
                            "no memory for the output of "
                            "\"%s\"",
                            one->command->name);
    }
    kin_spawn(jobs, job_run, one, .name = one->command->name);
    return NULL;
}

/* Lines may be without an end, so what is known of their jobs has to be
   bounded. */
static bool is_worth_keeping(run *it, const job *ended)
{
    enum { MOST = 10000 };
    if (ended->command != &ended->own)
        return true;
    if (ended->state == JOB_FINE || ended->state == JOB_WAITING)
        return false;
    if (it->ended - it->counts[JOB_FINE] <= MOST)
        return true;
    it->unlisted++;
    return false;
}

/* Its task still bears its name, to its end, which comes before another job's
   does. */
static void let_go(run *it, job *ended)
{
    if (it->leaving)
        run_drop_job(it, it->leaving);
    it->leaving = ended;
}

void run_note_begin(run *it, const job *one)
{
    it->running++;
    if (one->command == &one->own)
        lines_note_begin(it, one);
}

void run_note_end(run *it, job *ended)
{
    char text[JOB_TEXT];
    bool late = ended->by == KIN_BY_DEADLINE;
    it->running--;
    it->timed_out |= late && it->options.fail_after;
    it->moved_on |= late && it->options.move_on_after;
    if (ended->state != JOB_WAITING) {
        it->counts[ended->state]++;
        it->not_found |=
            ended->state == JOB_UNUSABLE && ended->errnum == ENOENT;
        ended->order = it->ended++;
    }
    /* A lone command's tree follows at once. */
    if (ended->state == JOB_FAILED && it->total > 1)
        run_say(it, "%s%s", job_text(ended, text),
                rest_is_cancelled(it) ? "; the rest is stopped" : "");
    if (!is_worth_keeping(it, ended))
        let_go(it, ended);
}

static void output_failed(void *context, const char *why)
{
    run *it = context;
    if (it->broken)
        return;
    it->broken = why;
    outputs_give_up(&it->outputs);
    if (it->everything)
        kin_scope_cancel(it->everything, "%s", why);
}

/* A failed command is in its job's record; what else there is, is a defect. */
static kin_error *keep_defect(kin_error *err, kin_task *task, void *context)
{
    run *it = context;
    (void)task;
    err = kin_error_suppress(err, &KIN_PROCESS_FAILED);
    it->defect = kin_error_give(kin_error_combine(it->defect, err));
    return NULL;
}

/* A line that cannot be one ends all. */
static kin_error *feed_lines(run *it, kin_group *jobs)
{
    kin_error *err = lines_feed(it, jobs);
    if (!kin_error_is(err, &REFUSED))
        return err;
    kin_group_cancel(jobs, "%s", kin_error_message(err));
    it->refusal = kin_error_give(err);
    return NULL;
}

static kin_error *run_jobs(run *it)
{
    kin_policy policy = it->options.policy;
    KIN_GROUP(
        jobs, .policy = policy, .name = "commands", .limit = it->options.limit,
        .on_error = policy == KIN_ALL ? NULL : keep_defect, .context = it);
    kin_error *err = NULL;
    for (job *one = it->first; one && !err; one = one->next)
        err = run_spawn_job(it, jobs, one);
    if (!err && it->options.each_line)
        err = feed_lines(it, jobs);
    err = kin_group_close(jobs, err);
    /* No line, no success; that says the exit status. */
    return it->total ? err : kin_error_suppress(err, &KIN_FAILURE);
}

static kin_error *run_within_deadline(run *it)
{
    KIN_SCOPE(everything, .fail_after = it->options.fail_after,
              .move_on_after = it->options.move_on_after);
    it->everything = everything;
    kin_error *err = run_jobs(it);
    it->everything = NULL;
    err = kin_scope_close(everything, err);
    /* The deadline is in the records too. */
    err = kin_error_suppress(err, &KIN_TIMEOUT);
    return kin_error_suppress(err, &KIN_PROCESS_FAILED);
}

static kin_error *run_all(void *arg)
{
    run *it = arg;
    KIN_GROUP(listening, .name = "signals");
    it->saying = listening;
    kin_error *err = outputs_open(&it->outputs, output_failed, it);
    if (!err)
        err = kin_start(listening, interrupts_watch, it, NULL);
    it->began = kin_now();
    if (!err && progress_is_wanted(it))
        kin_spawn(listening, progress_show, it, .name = "progress");
    if (!err)
        err = run_within_deadline(it);
    it->lasted = kin_now() - it->began;
    strays_end(it);
    kin_group_cancel(listening, "all commands have ended");
    err = kin_group_close(listening, err);
    outputs_close(&it->outputs);
    return err;
}

/* --- before -------------------------------------------------------------- */

/* Each running command takes two pipes, a handle and a file for its errors. */
static kin_error *make_room_for_descriptors(const run *it)
{
    enum { EACH = 4, KIN = 20 };
    struct rlimit limit;
    size_t most = it->options.each_line ? it->options.limit : it->total;
    if (it->options.limit && it->options.limit < most)
        most = it->options.limit;
    rlim_t wanted = (rlim_t)most * EACH + KIN;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return NULL;
    if (limit.rlim_max < wanted)
        return refuse(STATUS_KIN,
                      "%zu commands at once need %llu descriptors, and no more "
                      "than %llu are allowed: give --limit",
                      most, (unsigned long long)wanted,
                      (unsigned long long)limit.rlim_max);
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return refuse(STATUS_KIN, "cannot open that many descriptors: %s",
                      strerror(errno));
    return NULL;
}

/* What whoever started kin may have set otherwise. */
static void set_signals(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGALRM);
    sigaddset(&ours, SIGTSTP);
    sigaddset(&ours, SIGCONT);
    sigaddset(&ours, SIGWINCH);
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
    (void)signal(SIGCHLD, SIG_DFL); /* or there is no status to be had */
    (void)signal(SIGPIPE, SIG_IGN);
}

static kin_error *prepare(run *it, int argc, char **argv)
{
    for (size_t i = 0; i < it->commands.count; i++) {
        job *one = run_add_job(it);
        if (!one)
            return refuse(STATUS_KIN, "out of memory");
        one->command = &it->commands.list[i];
    }
    it->all_known = !it->options.each_line;
    if (it->options.json)
        KIN_TRY(json_file_open(&it->json, it->options.json));
    KIN_TRY(make_room_for_descriptors(it));
    set_signals();
    /* What a command leaves behind is reaped here, so that it is seen to go,
       also where process 1 reaps nothing. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    cgroup_open(&it->cgroup);
    int failure = guardian_start(&it->guardian, argc, argv, it->cgroup.path);
    if (failure) {
        cgroup_end(it->cgroup.path);
        return refuse(STATUS_KIN, "cannot fork: %s", strerror(failure));
    }
    cgroup_enter(&it->cgroup);
    return NULL;
}

/* --- after --------------------------------------------------------------- */

/* With --any, and nothing to run. */
static bool is_without_success(const run *it)
{
    return it->options.policy == KIN_ANY && it->total == 0;
}

static void say_what_ended_it(const run *it)
{
    char length[DURATION_TEXT];
    size_t waiting = it->total - it->ended;
    if (it->broken)
        (void)fprintf(stderr, "kin run: %s\n", it->broken);
    if (it->refusal)
        (void)fprintf(stderr, "kin run: %s\n", kin_error_message(it->refusal));
    if (is_without_success(it) && !it->refusal && !it->interrupt)
        (void)fputs("kin run: nothing succeeded: there was no line\n", stderr);
    if (it->moved_on && !it->options.quiet)
        (void)fprintf(
            stderr,
            "kin run: --move-on-after %s ran out: %zu stopped, %zu not "
            "started\n",
            duration_text(it->options.move_on_after, length),
            it->counts[JOB_CANCELLED], waiting);
}

static void leave_interrupted(int signo)
{
    (void)signo;
    _exit(STATUS_INTERRUPTED);
}

/* Printing waits for whoever reads: for ever, unless there was an interrupt, or
   is one now. */
static void bound_patience(const run *it)
{
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGALRM, leave_interrupted);
    if (it->interrupt)
        (void)alarm(1);
}

/* The tree, and what went wrong with kin itself. */
static void report(const run *it, kin_error *tree)
{
    if (outputs_within_line(&it->outputs) && (tree || it->defect || it->broken))
        (void)fputc('\n', stderr);
    if (tree)
        kin_error_print(tree, stderr);
    say_what_ended_it(it);
    if (it->defect) {
        (void)fprintf(stderr, "kin run: kin itself failed:\n");
        kin_error_print(it->defect, stderr);
    }
}

static int status_of(const run *it)
{
    bool enough = it->options.policy == KIN_ANY && it->counts[JOB_FINE] > 0;
    if (it->interrupt)
        return STATUS_INTERRUPTED;
    if (it->broken || it->defect)
        return STATUS_KIN;
    if (it->refusal)
        return kin_error_code(it->refusal);
    if (enough)
        return STATUS_FINE;
    if (it->timed_out)
        return STATUS_TIMEOUT;
    if (it->counts[JOB_UNUSABLE])
        return it->not_found ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
    return it->counts[JOB_FAILED] || is_without_success(it) ? STATUS_FAILED
                                                            : STATUS_FINE;
}

static void deinit(run *it)
{
    for (job *one = it->first, *next; one; one = next) {
        next = one->next;
        job_deinit(one);
        free(one);
    }
    kin_error_free(it->defect);
    kin_error_free(it->refusal);
    cgroup_close(&it->cgroup);
    commands_free(&it->commands);
    template_deinit(&it->options.template);
}

/* --- from start to end --------------------------------------------------- */

static int print_help(void)
{
    (void)fputs(run_help, stdout);
    return STATUS_FINE;
}

/* As a Procfile would say it. */
static kin_error *print_lines(void *arg)
{
    return lines_print(arg);
}

static int print_commands(run *of)
{
    const commands *all = &of->commands;
    kin_error *err = NULL;
    if (of->options.each_line)
        err = kin_run(print_lines, of);
    if (err)
        return refused("kin run", err);
    for (size_t i = 0; i < all->count; i++) {
        const command *it = &all->list[i];
        (void)printf("%s: ", it->name);
        if (it->shell)
            (void)fputs(it->argv[2], stdout);
        else
            words_print(it->argv, stdout);
        (void)putchar('\n');
    }
    return STATUS_FINE;
}

/* What it exits with, all told. */
static int write_json(run *it, const kin_error *tree, int status)
{
    int failure = it->json ? json_file_write(it->json, it, tree, status) : 0;
    if (!failure)
        return status;
    (void)fprintf(stderr, "kin run: cannot write to %s: %s\n", it->options.json,
                  strerror(failure));
    return it->interrupt ? status : STATUS_KIN;
}

static int run_commands(run *it, int argc, char **argv)
{
    kin_error *err = prepare(it, argc, argv);
    if (err)
        return refused("kin run", err);
    err = kin_run(run_all, it);
    if (!cgroup_leave(&it->cgroup))
        guardian_spare_cgroup(&it->guardian);
    guardian_end(&it->guardian);
    cgroup_close(&it->cgroup);
    /* A signal before, or after, there was somebody to receive it. */
    if (kin_error_has(err, &KIN_INTERRUPT)) {
        it->interrupt = it->interrupt ? it->interrupt : SIGINT;
        err = kin_error_suppress(err, &KIN_INTERRUPT);
    }
    it->defect = kin_error_combine(it->defect, err);
    bound_patience(it);
    kin_error *tree = tree_of(it);
    /* The file first: whoever reads the tree may not. */
    int status = write_json(it, tree, status_of(it));
    report(it, tree);
    kin_hand_up_close(it->above, tree);
    kin_error_free(tree);
    return status;
}

int run_main(int argc, char **argv)
{
    run it = {.guardian.line = -1, .above = kin_hand_up_open()};
    int status;
    kin_error *err = run_options_read(&it.options, &it.commands, argv + 2);
    if (err)
        status = refused("kin run", err);
    else if (it.options.help)
        status = print_help();
    else if (it.options.dry_run)
        status = print_commands(&it);
    else
        status = run_commands(&it, argc, argv);
    deinit(&it);
    return status;
}
