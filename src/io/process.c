/* io/process.c: child processes.

   A process is started by spawn.c and known by its pidfd, which the reactor
   reports as readable when the process has ended. One of the tasks that wait
   for it watches the pidfd (`watched`), the others stand in `waiters`; a
   watcher that leaves before the end hands the watch to the next.

   Ended and reaped are two things: a process that has ended keeps its number,
   and so its group's, until it is reaped. Waiting only looks at the status;
   what reaps is a stop or the close, after the last signal to the group that
   relies on the number. In a stop the group is then looked at until its last
   process has gone: nothing reports that, so it is asked every few
   milliseconds; the kernel does not hand out a number that some group still
   bears, and it hands numbers out in turn, so that one seen a moment ago is not
   a stranger's.

   The object belongs to whoever started it. A close may come while others are
   inside a call: the last of them frees the memory. */
#include "io/process.h"
#include "base/alloc.h"
#include "core/reactor.h"
#include "io/spawn.h"
#include "io/stream.h"

#include <kin/park.h>
#include <kin/scope.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COMMAND_TEXT = 200, /* bytes of the command that errors show */
    NAME_TEXT = 64,
    IN = 0,
    OUT = 1,
    ERR = 2,
};

/* How often a group is looked at, and for how long after its SIGKILL. */
#define SHORTEST_PAUSE KIN_MILLISECONDS(1)
#define LONGEST_PAUSE KIN_MILLISECONDS(20)
#define AFTER_KILL KIN_MILLISECONDS(200)

struct kin_process {
    int pid, pidfd;
    bool leads_group;
    bool ended;  /* `status` says how */
    bool reaped; /* its number may be another's */
    bool gone;   /* and all of its group, or it is not asked after */
    bool closed;
    bool watched; /* some task waits for the pidfd */
    kin_process_status status;
    kin_wait_list waiters;
    int errors;     /* where it hands its error tree up, or -1 */
    unsigned users; /* calls under way */
    kin_stream *streams[3];
    char name[NAME_TEXT];
    char command[COMMAND_TEXT];
};

/* --- words --------------------------------------------------------------- */

static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-_./:=,@%+";
    return *word && word[strspn(word, plain)] == '\0';
}

typedef struct text {
    char *at;
    size_t left; /* room, for the NUL too */
} text;

static void put(text *to, const char *bytes, size_t size)
{
    if (size >= to->left)
        size = to->left - 1;
    memcpy(to->at, bytes, size);
    to->at += size;
    to->left -= size;
    *to->at = '\0';
}

/* As a shell would need it. */
static void put_word(text *to, const char *word)
{
    if (is_plain(word)) {
        put(to, word, strlen(word));
        return;
    }
    put(to, "'", 1);
    for (; *word; word++)
        if (*word == '\'')
            put(to, "'\\''", 4);
        else
            put(to, *word == '\n' ? " " : word, 1);
    put(to, "'", 1);
}

/* The command in one line; cut, between characters, where it is too long. */
static void describe(char *command, size_t size, const char *const argv[])
{
    text to = {command, size};
    for (size_t i = 0; argv[i] && to.left > 1; i++) {
        if (i > 0)
            put(&to, " ", 1);
        put_word(&to, argv[i]);
    }
    if (to.left > 1)
        return;
    char *cut = command + size - 4;
    while (cut > command && ((unsigned char)*cut & 0xc0) == 0x80)
        cut--;
    memcpy(cut, "...", 4);
}

int kin_process_status_text(kin_process_status status, char *buffer,
                            size_t size)
{
    if (!status.known)
        return snprintf(buffer, size, "ended (how, is not known)");
    if (status.code >= 0)
        return snprintf(buffer, size, "exit status %d", status.code);
    const char *name = sigabbrev_np(-status.code);
    const char *dumped = status.core_dumped ? " (core dumped)" : "";
    if (!name)
        return snprintf(buffer, size, "killed by signal %d%s", -status.code,
                        dumped);
    return snprintf(buffer, size, "killed by SIG%s%s", name, dumped);
}

KIN_PRINTF(4, 5)
static kin_error *fail_from(const kin_site *site, kin_error *cause, int code,
                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin_error *err =
        kin_fail_va(site, cause, &KIN_PROCESS_FAILED, code, format, arguments);
    va_end(arguments);
    return err;
}

kin_error *kin_process_check_at(const kin_site *site,
                                const kin_process *process,
                                kin_process_status status)
{
    char words[64];
    if (status.code == 0)
        return NULL;
    kin_process_status_text(status, words, sizeof words);
    if (!process)
        return kin_fail_code_at(site, &KIN_PROCESS_FAILED, status.code, "%s",
                                words);
    return fail_from(site, kin_process_error(process), status.code, "%s: %s",
                     process->command, words);
}

/* --- starting ------------------------------------------------------------ */

static kin_error *check_options(const kin_site *site, const char *const argv[],
                                const kin_process_options *with)
{
    if (!argv || !argv[0])
        return kin_fail_at(site, &KIN_MISUSE, "a process without a command");
    if (with->in < KIN_STDIO_PIPE || with->out < KIN_STDIO_PIPE ||
        with->err < KIN_STDIO_OUT)
        return kin_fail_at(site, &KIN_MISUSE,
                           "starting %s: .in, .out or .err is no KIN_STDIO_...",
                           argv[0]);
    return NULL;
}

/* What one standard stream needs: the child's end in *theirs, closed by the
   caller afterwards if *opened; our end of a pipe in *ours. 0 or an errno. */
static int open_pipe(int which, int *ours, int *theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    *ours = ends[which == IN];
    *theirs = ends[which != IN];
    /* Our end alone: the other is another open file, and stays as programs
       expect one. */
    (void)fcntl(*ours, F_SETFL, O_NONBLOCK);
    return 0;
}

static int open_end(int which, kin_stdio where, int *ours, int *theirs,
                    bool *opened)
{
    if (where == KIN_STDIO_INHERIT)
        return 0;
    if (where > 0) {
        *theirs = where - 1;
        return fcntl(*theirs, F_GETFD) < 0 ? errno : 0;
    }
    int failure = 0;
    if (where == KIN_STDIO_PIPE) {
        failure = open_pipe(which, ours, theirs);
    } else {
        *theirs = open("/dev/null", O_RDWR | O_CLOEXEC);
        failure = *theirs < 0 ? errno : 0;
    }
    *opened = !failure;
    return failure;
}

struct ends {
    int theirs[3];
    bool opened[3]; /* theirs is ours to close */
};

static void close_ends(struct ends *ends)
{
    for (int i = IN; i <= ERR; i++)
        if (ends->opened[i])
            close(ends->theirs[i]);
}

/* The three standard streams. On failure what was opened is in *ends and in the
   process, for the caller to close. */
static int open_ends(kin_process *process, const kin_process_options *with,
                     struct ends *ends)
{
    const kin_stdio where[3] = {with->in, with->out, with->err};
    static const char *const names[3] = {"input", "output", "error output"};
    for (int i = IN; i <= ERR; i++) {
        int ours = -1;
        ends->theirs[i] = -1;
        if (where[i] == KIN_STDIO_OUT) {
            ends->theirs[ERR] = ends->theirs[OUT] < 0 ? OUT : ends->theirs[OUT];
            continue;
        }
        int failure =
            open_end(i, where[i], &ours, &ends->theirs[i], &ends->opened[i]);
        if (failure)
            return failure;
        if (ours < 0)
            continue;
        char name[KIN__STREAM_NAME];
        (void)snprintf(name, sizeof name, "%.14s's %s", process->name,
                       names[i]);
        process->streams[i] = kin__stream_over(ours, name, false);
        if (!process->streams[i]) {
            close(ours);
            return ENOMEM;
        }
    }
    return 0;
}

static kin_error *start_failure(const kin_site *site,
                                const kin_process *process,
                                const kin_process_options *with,
                                kin__spawn_stage stage, int errnum)
{
    if (errnum == ENOMEM)
        return kin_fail_at(site, &KIN_NO_MEMORY, "starting %s: out of memory",
                           process->command);
    if (stage == KIN__SPAWN_EXECUTE)
        return kin_fail_errno_at(site, errnum, "cannot execute %s",
                                 process->command);
    if (stage == KIN__SPAWN_DIRECTORY)
        return kin_fail_errno_at(site, errnum, "starting %s in \"%s\"",
                                 process->command, with->directory);
    return kin_fail_errno_at(site, errnum, "starting %s", process->command);
}

static kin_error *spawn(const kin_site *site, kin_process *process,
                        const char *const argv[],
                        const kin_process_options *with)
{
    struct ends ends = {{0}, {0}};
    kin__spawn_stage stage = KIN__SPAWN_PREPARE;
    int failure = open_ends(process, with, &ends);
    if (!failure) {
        kin__spawn what = {
            .argv = argv,
            .environment = with->environment ? with->environment
                                             : (const char *const *)environ,
            .directory = with->directory,
            .descriptors = {ends.theirs[IN], ends.theirs[OUT],
                            ends.theirs[ERR]},
            .own_group = !with->join_group,
            .dies_with_parent = !with->survive,
            .announce = with->announce - 1,
            .errors = process->errors,
        };
        failure = kin__spawn_run(&what, &process->pid, &process->pidfd, &stage);
    }
    close_ends(&ends);
    return failure ? start_failure(site, process, with, stage, failure) : NULL;
}

static void close_streams(kin_process *process)
{
    for (int i = IN; i <= ERR; i++)
        kin_stream_close(&process->streams[i]);
}

kin_error *kin__process_start(const kin_site *site, kin_process **process,
                              const char *const argv[],
                              const kin_process_options *with)
{
    kin_error *err = check_options(site, argv, with);
    if (!err)
        err = kin_pass_at(site);
    if (err)
        return err;
    kin_process *it = kin__alloc(sizeof *it);
    if (!it)
        return kin_fail_at(site, &KIN_NO_MEMORY, "starting %s: out of memory",
                           argv[0]);
    *it = (kin_process){
        .leads_group = !with->join_group,
        .errors = with->hand_up ? kin__handed_up_open() : -1,
    };
    (void)snprintf(it->name, sizeof it->name, "%s",
                   with->name ? with->name : argv[0]);
    describe(it->command, sizeof it->command, argv);
    err = spawn(site, it, argv, with);
    if (err) {
        close_streams(it);
        kin__handed_up_close(&it->errors);
        kin__free(it);
        return err;
    }
    kin__io_forget(it->pidfd);
    *process = it;
    return NULL;
}

kin_error *kin_process_start_at(const kin_site *site, kin_process **process,
                                const char *const argv[],
                                const kin_process_options *options)
{
    static const kin_process_options none = {0};
    const kin_process_options *with = options ? options : &none;
    if (with->input || with->capture_max || with->grace || with->unchecked ||
        with->on_cancel)
        return kin_fail_at(
            site, &KIN_MISUSE,
            "kin_process_start was given options of kin_process_run");
    return kin__process_start(site, process, argv, with);
}

/* --- the end of one ------------------------------------------------------ */

/* Takes up the status, once there is one, and leaves the process unreaped. */
static void look(kin_process *process)
{
    siginfo_t info = {0};
    int failed;
    do
        failed = waitid(P_PIDFD, (id_t)process->pidfd, &info,
                        WEXITED | WNOHANG | WNOWAIT);
    while (failed && errno == EINTR);
    if (failed) { /* ECHILD: somebody else has reaped it */
        process->ended = process->reaped = process->gone = true;
    } else if (info.si_pid != 0) {
        bool exited = info.si_code == CLD_EXITED;
        process->ended = true;
        process->status = (kin_process_status){
            .code = exited ? info.si_status : -info.si_status,
            .core_dumped = info.si_code == CLD_DUMPED,
            .known = true,
        };
    }
}

static void leave(kin_process *process)
{
    if (--process->users == 0 && process->closed)
        kin__free(process);
}

static kin_error *closed(const kin_site *site)
{
    return kin_fail_at(site, &KIN_CLOSED, "the process is closed");
}

/* Waits for the pidfd once. */
static kin_error *watch(const kin_site *site, kin_process *process)
{
    kin__io_op op = {
        .kind = KIN__IO_READABLE,
        .fd = process->pidfd,
        .offset = -1,
    };
    process->watched = true;
    kin_error *err = kin__io_run(site, &op, "a process to end");
    process->watched = false;
    if (!err && op.result == 0)
        look(process);
    else if (!err && op.result == -ENOMEM)
        err = kin_fail_at(site, &KIN_NO_MEMORY, "waiting for %s: out of memory",
                          process->command);
    else if (!err)
        err = kin_fail_errno_at(site, (int)-op.result, "waiting for %s",
                                process->command);
    if (process->ended)
        kin_wait_list_wake(&process->waiters, SIZE_MAX);
    else
        kin_wait_list_wake(&process->waiters, 1);
    return err;
}

static kin_error *await_end(const kin_site *site, kin_process *process)
{
    kin_error *err = process->ended ? kin_pass_at(site) : NULL;
    while (!err && !process->ended && !process->closed) {
        kin_waiter waiter;
        err = process->watched ? kin_wait_on_at(site, &process->waiters,
                                                &waiter, "a process to end")
                               : watch(site, process);
    }
    if (!err && process->closed)
        err = closed(site);
    return err;
}

kin_error *kin_process_wait_at(const kin_site *site, kin_process *process,
                               kin_process_status *status)
{
    if (!process || process->closed)
        return closed(site);
    process->users++;
    kin_error *err = await_end(site, process);
    if (!err && status)
        *status = process->status;
    leave(process);
    return err;
}

/* Reaps what ended of the group: the process itself, and what was handed to
   this program for want of a parent. */
static void reap(kin_process *process)
{
    siginfo_t info = {0};
    if (!process->ended)
        return;
    if (!process->reaped)
        while (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0 &&
               errno == EINTR)
            ;
    process->reaped = true;
    if (!process->leads_group)
        return;
    do
        info.si_pid = 0;
    while (waitid(P_PGID, (id_t)process->pid, &info, WEXITED | WNOHANG) == 0 &&
           info.si_pid != 0);
}

/* --- signals ------------------------------------------------------------- */

/* 0 or an errno; nobody there is no failure. */
static int signal_one(const kin_process *process, int signo)
{
    if (process->ended)
        return 0;
    long failed =
        syscall(SYS_pidfd_send_signal, process->pidfd, signo, NULL, 0);
    if (failed && errno == ENOSYS)
        failed = kill(process->pid, signo);
    return failed && errno != ESRCH ? errno : 0;
}

static int signal_group(const kin_process *process, int signo)
{
    if (!process->leads_group)
        return signal_one(process, signo);
    if (process->gone)
        return 0;
    return kill(-process->pid, signo) < 0 && errno != ESRCH ? errno : 0;
}

static kin_error *signal_failure(const kin_site *site,
                                 const kin_process *process, int signo,
                                 int errnum)
{
    if (!errnum)
        return NULL;
    return kin_fail_errno_at(site, errnum, "sending signal %d to %s", signo,
                             process->command);
}

kin_error *kin_process_signal_at(const kin_site *site, kin_process *process,
                                 int signo)
{
    if (!process || process->closed)
        return closed(site);
    return signal_failure(site, process, signo, signal_one(process, signo));
}

kin_error *kin_process_signal_group_at(const kin_site *site,
                                       kin_process *process, int signo)
{
    if (!process || process->closed)
        return closed(site);
    return signal_failure(site, process, signo, signal_group(process, signo));
}

/* --- stopping ------------------------------------------------------------ */

static kin_time later(kin_time now, kin_time length)
{
    if (length <= 0)
        return now;
    return length > KIN_NEVER - now ? KIN_NEVER : now + length;
}

/* What is asked first: SIGTERM, or what the program wants instead. */
static kin_error *ask(const kin_site *site, kin_process *process,
                      kin_time until, kin_process_on_cancel *on_cancel,
                      void *context)
{
    if (!on_cancel) {
        int failure = signal_group(process, SIGTERM);
        /* One that is stopped would not get to it. */
        (void)signal_group(process, SIGCONT);
        return signal_failure(site, process, SIGTERM, failure);
    }
    return KIN_WITHIN(on_cancel(process, context), .deadline = until);
}

static kin_error *await_end_until(const kin_site *site, kin_process *process,
                                  kin_time until)
{
    if (until == KIN_NEVER)
        return await_end(site, process);
    return KIN_WITHIN(await_end(site, process), .deadline = until);
}

/* Whether somebody of the group is left, now that its leader is reaped. */
static bool group_lives(kin_process *process)
{
    reap(process);
    return process->leads_group && kin__process_group_lives(process->pid);
}

/* Waits until the group has gone; at `until` it gets its SIGKILL, and a little
   time to take effect. */
static void end_group(kin_process *process, kin_time until, bool *killed)
{
    kin_time pause = SHORTEST_PAUSE;
    bool last = false;
    while (!process->gone && group_lives(process)) {
        kin_time now = kin_now();
        if (now >= until && last)
            break;
        if (now >= until) {
            (void)kill(-process->pid, SIGKILL);
            *killed = last = true;
            until = later(now, AFTER_KILL);
        }
        kin_time left = kin_left(until);
        kin_error_free(kin_sleep(pause < left ? pause : left));
        pause = pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : pause * 2;
    }
    reap(process);
    process->gone = true;
}

/* In a shield. `asked` is the outcome of asking: when that failed there is no
   grace. */
static kin_error *stop(const kin_site *site, kin_process *process,
                       kin_time until, bool failed, bool *killed)
{
    kin_error *err = NULL;
    if (!process->ended && !failed)
        err = await_end_until(site, process, until);
    if (!err && !process->ended) {
        *killed = true;
        err = signal_failure(site, process, SIGKILL,
                             signal_group(process, SIGKILL));
        if (!err)
            err = await_end(site, process);
    }
    if (!err)
        end_group(process, failed ? kin_now() : until, killed);
    return err;
}

kin_error *kin__process_stop(const kin_site *site, kin_process *process,
                             kin_time grace, kin_process_on_cancel *on_cancel,
                             void *context, bool *killed)
{
    if (process->gone)
        return NULL;
    process->users++;
    KIN_SCOPE(shield, .shield = true);
    kin_time until = later(kin_now(), grace);
    look(process);
    kin_error *asked = ask(site, process, until, on_cancel, context);
    kin_error *err = stop(site, process, until, asked != NULL, killed);
    err = kin_scope_close(shield, kin_error_combine_at(site, asked, err));
    leave(process);
    return err;
}

kin_error *kin_process_stop_at(const kin_site *site, kin_process *process,
                               kin_time grace)
{
    bool killed;
    if (!process || process->closed)
        return closed(site);
    return kin__process_stop(site, process, grace, NULL, NULL, &killed);
}

/* --- closing ------------------------------------------------------------- */

/* Waits for one that has got its SIGKILL, and for its group. Where no task can
   wait, or the reactor cannot, the thread does, for the process alone. */
static void await_killed(kin_process *process)
{
    siginfo_t info;
    kin_error *err = NULL;
    if (kin_task_self()) {
        bool killed = true;
        KIN_SCOPE(shield, .shield = true);
        while (!err && !process->ended)
            err = watch(KIN_HERE, process);
        if (!err)
            end_group(process, kin_now(), &killed);
        err = kin_scope_close(shield, err);
    }
    kin_error_free(err);
    while (!process->ended) {
        (void)waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOWAIT);
        look(process);
    }
    reap(process);
}

void kin_process_close(kin_process **process)
{
    kin_process *it = *process;
    *process = NULL;
    if (!it || it->closed)
        return;
    it->closed = true;
    it->users++;
    kin__io_forget(it->pidfd);
    kin_wait_list_wake(&it->waiters, SIZE_MAX);
    close_streams(it);
    look(it);
    (void)signal_group(it, SIGKILL);
    await_killed(it);
    kin__io_forget(it->pidfd);
    close(it->pidfd);
    kin__handed_up_close(&it->errors);
    leave(it);
}

/* --- reading ------------------------------------------------------------- */

kin_error *kin_process_error(const kin_process *process)
{
    if (!process || !process->ended || process->closed)
        return NULL;
    return kin__handed_up_read(process->errors, process->name);
}

kin_stream *kin_process_in(const kin_process *process)
{
    return process ? process->streams[IN] : NULL;
}

kin_stream *kin_process_out(const kin_process *process)
{
    return process ? process->streams[OUT] : NULL;
}

kin_stream *kin_process_err(const kin_process *process)
{
    return process ? process->streams[ERR] : NULL;
}

int kin_process_id(const kin_process *process)
{
    return process ? process->pid : -1;
}

const char *kin_process_name(const kin_process *process)
{
    return process ? process->name : "";
}
