/* run_options.h: what `kin run` is told on its command line. */
#ifndef KIN_TOOLS_RUN_OPTIONS_H
#define KIN_TOOLS_RUN_OPTIONS_H

#include "command.h"
#include "tag.h"
#include "template.h"

#include <kin/group.h>

typedef enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color_choice;

typedef struct run_options {
    kin_policy policy;
    size_t limit;                       /* 0: none */
    kin_time fail_after, move_on_after; /* 0: never */
    kin_time grace;                     /* KIN_AT_ONCE: none */
    size_t retries;                     /* of a command that failed */
    kin_time backoff;                   /* before the first of them */
    tag_format tags;
    color_choice color;
    bool quiet, dry_run, help, keep_order;
    const char *json; /* a path for the outcome, or NULL */
    bool each_line;   /* by this: */
    template template;
    const char *delimiter; /* between fields; NULL: blanks; borrowed */
    const char *file;      /* a Procfile, or NULL */
    const char *reader;    /* the command that reads standard input, or NULL */
} run_options;

extern const char run_help[];

/* Reads the arguments behind `kin run`, which it borrows, and the commands that
   they give or name. Fails with a REFUSED. With --help there are no commands. */
KIN_MUST_USE kin_error *run_options_read(run_options *, commands *,
                                         char **argv);

#endif
