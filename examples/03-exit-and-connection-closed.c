/* A program means to end with exit status 0, and a connection of it fails. If
   that is a consequence, the status is 0; if the two have nothing to do with
   each other, the program has failed. Every error records the cancellation that
   its task was under when it was made, so that the one can be told from the
   other. */
#include <kin.h>

/* When somebody quits, and when the connection breaks by itself. */
struct program {
    kin_time quits_after, breaks_after;
};

static kin_error *keyboard(void *arg)
{
    const struct program *program = arg;
    KIN_SCOPE(saving, .shield = true); /* not to be disturbed, once it began */
    kin_error *err = kin_sleep(program->quits_after);
    KIN_TRY(kin_scope_close(saving, err));
    return kin_exit(0);
}

static kin_error *connection(void *arg)
{
    const struct program *program = arg;
    kin_error *err = kin_sleep(program->breaks_after);
    if (!err)
        return kin_fail(&KIN_BROKEN, "the peer closed the connection");
    return kin_error_combine(
        err,
        kin_fail(&KIN_CLOSED, "connection closed with a request under way"));
}

static kin_error *run(void *arg)
{
    KIN_GROUP(program);
    kin_spawn(program, keyboard, arg);
    kin_spawn(program, connection, arg);
    return kin_group_close(program, NULL);
}

/* What kin_main does, twice. */
static void say_status(const char *what, struct program program)
{
    bool show;
    kin_error *err = kin_run(run, &program, .clock = KIN_CLOCK_VIRTUAL);
    printf("%s: status %d\n", what, kin_error_exit_status(err, &show));
    if (show)
        kin_error_print(err, stdout);
    kin_error_free(err);
}

int main(void)
{
    say_status("closed since the program ends",
               (struct program){KIN_SECONDS(1), KIN_NEVER});
    say_status("broken by itself, and quit later",
               (struct program){KIN_SECONDS(2), KIN_SECONDS(1)});
}

/* Ends with status 0, and prints:

closed since the program ends: status 0
broken by itself, and quit later: status 1
group "program" (2 sub-errors)
│  at examples/03-exit-and-connection-closed.c:35 in run
├─ 1. broken: the peer closed the connection
│     at examples/03-exit-and-connection-closed.c:27 in connection, task
│     "connection"
│     spawned at examples/03-exit-and-connection-closed.c:37 in run
│     ← examples/03-exit-and-connection-closed.c:45 in say_status
└─ 2. exit: exit status 0
      at examples/03-exit-and-connection-closed.c:19 in keyboard, task
      "keyboard"
      spawned at examples/03-exit-and-connection-closed.c:36 in run
      ← examples/03-exit-and-connection-closed.c:45 in say_status
      made while being cancelled by its group, after the error at
      examples/03-exit-and-connection-closed.c:27 in connection: task
      "connection" failed: the peer closed the connection
*/
