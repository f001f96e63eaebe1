/* run_options.c: see run_options.h. The one place that knows the options: their
   table, what they do, and the help. */
#include "run_options.h"
#include "duration.h"
#include "options.h"
#include "procfile.h"
#include "status.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

const char run_help[] =
    "Runs commands together: none is forgotten, none outlives the run.\n"
    "\n"
    "  kin run [OPTIONS] -- COMMAND [ARG...] [::: COMMAND [ARG...]]...\n"
    "  kin run [OPTIONS] FILE     a Procfile: a `name: shell command` a line;\n"
    "                             # comments and blank lines are skipped\n"
    "  kin run [OPTIONS] --each-line 'COMMAND {}'\n"
    "                             one for every line of standard input\n"
    "\n"
    "When a command fails the others are stopped: SIGTERM to its whole process\n"
    "group, after the grace SIGKILL. Each line of output comes whole, behind the\n"
    "name of its command. At the end the tree of what failed is printed on\n"
    "standard error.\n"
    "\n"
    "  --all                    all must succeed; the first failure stops the\n"
    "                           rest (the default)\n"
    "  --any                    one must succeed; the first success stops the\n"
    "                           rest\n"
    "  --each                   each on its own: a failure stops nobody\n"
    "  --each-line COMMAND      one command for every line of standard input\n"
    "  -j, --limit N            at most N at once (no limit; with --each-line as\n"
    "                           many as there are processors)\n"
    "  --delimiter TEXT         what stands between the fields of a line (blanks\n"
    "                           and tabs; \\t is a tab)\n"
    "  --fail-after DURATION    stop what still runs after that time, and fail\n"
    "  --move-on-after DURATION the same, but that is no failure\n"
    "  --grace DURATION         from SIGTERM to SIGKILL (5s); also how long what\n"
    "                           a command leaves running may hold its output\n"
    "  --retry N                run a command that failed again, up to N times\n"
    "  --backoff DURATION       before the first time (100ms); doubles each time,\n"
    "                           up to 30 s\n"
    "  --prefix WORDS           what stands before a line: name, pid, time\n"
    "                           (name)\n"
    "  --no-prefix              nothing stands before a line\n"
    "  -k, --keep-order         the output of each command comes together, in the\n"
    "                           order of the commands; who is early waits when it\n"
    "                           has written more than 1 MiB\n"
    "  --color WHEN             auto, always or never; auto is on a terminal\n"
    "  --stdin NAME             the command that reads standard input; the others\n"
    "                           read nothing\n"
    "  -q, --quiet              say nothing but the output and the tree\n"
    "  --json FILE              write the outcome and the tree to a file, too\n"
    "  --dry-run                print what would run\n"
    "  -h, --help\n"
    "\n"
    "A DURATION is a number of seconds, or has one of ms, s, m, h and d behind\n"
    "it: 90, 90s, 1.5m, 2h, 300ms.\n"
    "\n"
    "The command of --each-line is split into words once, as a shell would, and\n"
    "never given to one: in each word {} becomes the line, {1} its first field,\n"
    "{2} the second, whatever is in them. It is named after the line.\n"
    "\n"
    "A line of more than 64 KiB comes in\n"
    "pieces; where another command's line had to come between, the next piece\n"
    "stands behind `+` in place of `|`. SIGINT, SIGTERM and SIGHUP are passed on\n"
    "to all commands once, and end the run; the second SIGINT kills. SIGTSTP and\n"
    "SIGCONT are passed on, too.\n"
    "\n"
    "Exit status:\n"
    "  0    all is well\n"
    "  1    some command failed (with --any: all did)\n"
    "  2    the command line or the Procfile is wrong; nothing was started\n"
    "  124  --fail-after ran out while something ran, whatever failed before\n"
    "  125  kin itself failed, say, since its output could not be written\n"
    "  126  a command could not be executed\n"
    "  127  a command was not found\n"
    "  130  interrupted by SIGINT, SIGTERM or SIGHUP\n";

/* --- the values ---------------------------------------------------------- */

static void *place(void *into, const option *self)
{
    return (char *)into + self->where;
}

static kin_error *take_policy(void *into, const option *self, const char *text)
{
    (void)text;
    ((run_options *)into)->policy = (kin_policy)self->choice;
    return NULL;
}

/* A number of self->choice or more. */
static kin_error *take_number(void *into, const option *self, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end ||
        number < (unsigned long long)self->choice)
        return refuse(STATUS_USAGE, "--%s: \"%s\" is no number of %d or more",
                      self->name, text, self->choice);
    *(size_t *)place(into, self) =
        errno || number > SIZE_MAX ? SIZE_MAX : (size_t)number;
    return NULL;
}

static kin_error *duration_of(const option *self, const char *text,
                              kin_time *length)
{
    if (duration_parse(text, length))
        return NULL;
    return refuse(STATUS_USAGE,
                  "--%s: \"%s\" is no duration, such as 90, 90s, 1.5m, 2h or "
                  "300ms",
                  self->name, text);
}

static kin_error *take_deadline(void *into, const option *self,
                                const char *text)
{
    kin_time length = 0;
    KIN_TRY(duration_of(self, text, &length));
    if (length == 0)
        return refuse(STATUS_USAGE, "--%s: it must be more than 0", self->name);
    *(kin_time *)place(into, self) = length;
    return NULL;
}

static kin_error *take_length(void *into, const option *self, const char *text)
{
    return duration_of(self, text, place(into, self));
}

static kin_error *take_grace(void *into, const option *self, const char *text)
{
    run_options *it = into;
    KIN_TRY(duration_of(self, text, &it->grace));
    if (it->grace == 0)
        it->grace = KIN_AT_ONCE;
    return NULL;
}

static kin_error *take_prefix(void *into, const option *self, const char *text)
{
    (void)self;
    return tag_format_parse(&((run_options *)into)->tags, text);
}

static kin_error *take_no_prefix(void *into, const option *self,
                                 const char *text)
{
    (void)self;
    (void)text;
    ((run_options *)into)->tags.count = 0;
    return NULL;
}

static kin_error *take_color(void *into, const option *self, const char *text)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (int i = COLOR_AUTO; i <= COLOR_NEVER; i++)
        if (strcmp(text, names[i]) == 0) {
            ((run_options *)into)->color = (color_choice)i;
            return NULL;
        }
    return refuse(STATUS_USAGE,
                  "--%s: \"%s\" is none of auto, always and never", self->name,
                  text);
}

static kin_error *take_each_line(void *into, const option *self,
                                 const char *text)
{
    run_options *it = into;
    if (it->each_line)
        return refuse(STATUS_USAGE, "--%s is given twice", self->name);
    KIN_TRY(template_parse(&it->template, text));
    it->each_line = true;
    return NULL;
}

static kin_error *take_delimiter(void *into, const option *self,
                                 const char *text)
{
    if (!*text)
        return refuse(STATUS_USAGE, "--%s: it must not be empty", self->name);
    ((run_options *)into)->delimiter = strcmp(text, "\\t") == 0 ? "\t" : text;
    return NULL;
}

static kin_error *take_text(void *into, const option *self, const char *text)
{
    *(const char **)place(into, self) = text;
    return NULL;
}

static kin_error *take_flag(void *into, const option *self, const char *text)
{
    (void)text;
    *(bool *)place(into, self) = true;
    return NULL;
}

static kin_error *take_file(void *into, const char *text)
{
    run_options *it = into;
    if (it->file)
        return refuse(STATUS_USAGE,
                      "\"%s\" is one word too many behind the Procfile \"%s\" "
                      "(a command stands behind --)",
                      text, it->file);
    it->file = text;
    return NULL;
}

/* --- all of it ----------------------------------------------------------- */

#define AT(field) offsetof(run_options, field)

static const option options[] = {
    {"all", 0, NULL, take_policy, 0, KIN_ALL},
    {"any", 0, NULL, take_policy, 0, KIN_ANY},
    {"each", 0, NULL, take_policy, 0, KIN_EACH},
    {"each-line", 0, "COMMAND", take_each_line, 0, 0},
    {"delimiter", 0, "TEXT", take_delimiter, 0, 0},
    {"limit", 'j', "N", take_number, AT(limit), 1},
    {"fail-after", 0, "DURATION", take_deadline, AT(fail_after), 0},
    {"move-on-after", 0, "DURATION", take_deadline, AT(move_on_after), 0},
    {"grace", 0, "DURATION", take_grace, 0, 0},
    {"retry", 0, "N", take_number, AT(retries), 0},
    {"backoff", 0, "DURATION", take_length, AT(backoff), 0},
    {"prefix", 0, "WORDS", take_prefix, 0, 0},
    {"no-prefix", 0, NULL, take_no_prefix, 0, 0},
    {"color", 0, "WHEN", take_color, 0, 0},
    {"stdin", 0, "NAME", take_text, AT(reader), 0},
    {"keep-order", 'k', NULL, take_flag, AT(keep_order), 0},
    {"json", 0, "FILE", take_text, AT(json), 0},
    {"quiet", 'q', NULL, take_flag, AT(quiet), 0},
    {"dry-run", 0, NULL, take_flag, AT(dry_run), 0},
    {"help", 'h', NULL, take_flag, AT(help), 0},
};

static const option_table table = {
    options,
    sizeof options / sizeof *options,
    take_file,
};

/* Commands come from one place. */
static kin_error *check_sources(const run_options *it, char **words)
{
    if (it->file && words)
        return refuse(STATUS_USAGE,
                      "both a Procfile (%s) and commands behind --", it->file);
    if (it->each_line && (it->file || words))
        return refuse(STATUS_USAGE, "both --each-line and %s",
                      words ? "commands behind --" : "a Procfile");
    if (!it->file && !words && !it->each_line)
        return refuse(STATUS_USAGE,
                      "nothing to run: give a Procfile, or -- and "
                      "a command (see --help)");
    if (it->reader && it->each_line)
        return refuse(STATUS_USAGE, "both --stdin and --each-line");
    if (it->delimiter && !it->each_line)
        return refuse(STATUS_USAGE, "--delimiter without --each-line");
    return NULL;
}

static size_t processors(void)
{
    cpu_set_t set;
    int count =
        sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (size_t)count : 1;
}

static kin_error *prepare_template(run_options *it)
{
    const char *program = template_program(&it->template);
    it->template.delimiter = it->delimiter;
    if (!it->limit)
        it->limit = processors();
    return program ? command_check_program(program) : NULL;
}

static kin_error *read_commands(run_options *it, commands *all, char **words)
{
    KIN_TRY(check_sources(it, words));
    if (it->fail_after && it->move_on_after)
        return refuse(STATUS_USAGE,
                      "both --fail-after and --move-on-after are given");
    if (it->each_line)
        return prepare_template(it);
    KIN_TRY(it->file ? procfile_read(it->file, all)
                     : commands_add_words(all, words));
    KIN_TRY(commands_check(all));
    if (it->reader && !commands_find(all, it->reader))
        return refuse(STATUS_USAGE, "--stdin: no command is called \"%s\"",
                      it->reader);
    return NULL;
}

kin_error *run_options_read(run_options *it, commands *all, char **argv)
{
    char **words;
    *it = (run_options){
        .grace = KIN_SECONDS(5),
        .backoff = KIN_MILLISECONDS(100),
        .tags = {.words = {TAG_NAME}, .count = 1},
    };
    KIN_TRY(options_parse(&table, it, argv, &words));
    if (it->help)
        return NULL;
    KIN_TRY(read_commands(it, all, words));
    for (size_t i = 0; i < all->count; i++)
        tag_format_widen(&it->tags, all->list[i].name);
    return NULL;
}
