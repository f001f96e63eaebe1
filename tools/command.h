/* command.h: the commands of a run: what each is called and what it executes. */
#ifndef KIN_TOOLS_COMMAND_H
#define KIN_TOOLS_COMMAND_H

#include <kin/error.h>

typedef struct command {
    char *name; /* no two of a run are the same; printable */
    const char *const *argv;
    kin_site site; /* where it was written; .file is NULL on a command line */
    void *storage; /* of argv; NULL: it is borrowed */
    bool shell;    /* argv is sh -c, and the text */
} command;

/* The name is copied, the storage taken over. REFUSED out of memory, and then
   the storage is the caller's still. */
KIN_MUST_USE kin_error *command_init(command *, const char *name, size_t length,
                                     const char *const *argv, void *storage);
void command_deinit(command *);
/* REFUSED: there is no such program, or it may not be executed. */
KIN_MUST_USE kin_error *command_check_program(const char *program);

typedef struct commands {
    command *list;
    size_t count, room;
} commands;

/* One more, whose name is copied. `argv` is borrowed. REFUSED out of memory. */
KIN_MUST_USE kin_error *commands_add(commands *, const char *name,
                                     size_t length, const char *const *argv);
/* One more, for `sh -c`. The text is copied, the site's texts are borrowed. */
KIN_MUST_USE kin_error *commands_add_shell(commands *, const char *name,
                                           size_t length, const char *text,
                                           size_t text_length, kin_site);
/* COMMAND [ARG...] [::: COMMAND [ARG...]]...; each is named after its program,
   and numbered where that comes more than once. Borrows the words, and replaces
   each ::: with NULL. */
KIN_MUST_USE kin_error *commands_add_words(commands *, char **words);
/* REFUSED: one that cannot be executed, or a name that comes twice. */
KIN_MUST_USE kin_error *commands_check(const commands *);
/* The one of that name, or NULL. */
const command *commands_find(const commands *, const char *name);
void commands_free(commands *);

#endif
