/* A server that runs for long. Its listener breaks down now and then and is
   started again, within a budget; its log is a service, which is there until
   everybody else has ended. The second server has a listener that cannot be
   helped: when the budget is spent, that server fails with the last errors. */
#include <kin.h>

static kin_time beginning;
static double seconds(void)
{
    return (double)(kin_now() - beginning) / 1e9;
}

static kin_error *write_log(void *arg)
{
    (void)arg;
    printf("%5.1f s: the log is open\n", seconds());
    kin_error *err = kin_sleep_forever();
    printf("%5.1f s: the log is closed\n", seconds());
    return err;
}

/* Breaks down `breakdowns` times, each time after `lasts`. */
struct listener {
    kin_time lasts;
    int breakdowns;
};

static kin_error *listen(void *arg)
{
    struct listener *listener = arg;
    printf("%5.1f s: listening\n", seconds());
    if (listener->breakdowns-- == 0)
        return kin_sleep_forever();
    KIN_TRY(kin_sleep(listener->lasts));
    return kin_fail(&KIN_BROKEN, "the network is down");
}

/* Told of every failure when it happens; the task may be run again. */
static kin_error *tell(kin_error *err, kin_task *task, void *context)
{
    (void)context;
    printf("%5.1f s: %s: %s\n", seconds(), kin_task_name(task),
           kin_error_message(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *serve(void *arg)
{
    KIN_GROUP(server, .policy = KIN_EACH, .on_error = tell);
    kin_spawn(server, write_log, NULL, .service = true);
    kin_spawn(server, listen, arg,
              .restart = {.budget = 3, .window = KIN_SECONDS(60)});

    /* Somebody asks it to stop, after a minute: the listener has two seconds to
       end by itself, is cancelled then, and the log goes last. */
    kin_error *err = kin_sleep(KIN_SECONDS(60));
    if (!err)
        err = kin_group_shutdown(server, KIN_SECONDS(2));
    return kin_group_close(server, err);
}

static kin_error *run(void *arg)
{
    (void)arg;
    struct listener helped = {KIN_SECONDS(10), 3};
    struct listener hopeless = {KIN_SECONDS(1), 1000};
    beginning = kin_now();
    KIN_TRY(serve(&helped));
    printf("--- and one that cannot be helped\n");
    beginning = kin_now();
    return serve(&hopeless);
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

  0.0 s: the log is open
  0.0 s: listening
 10.0 s: listen: the network is down
 10.1 s: listening
 20.1 s: listen: the network is down
 20.2 s: listening
 30.2 s: listen: the network is down
 30.5 s: listening
 62.0 s: the log is closed
--- and one that cannot be helped
  0.0 s: the log is open
  0.0 s: listening
  1.0 s: listen: the network is down
  1.1 s: listening
  2.1 s: listen: the network is down
  2.2 s: listening
  3.2 s: listen: the network is down
  3.5 s: listening
  4.5 s: the log is closed
task "listen" failed 4 times within 60 s: its budget of restarts is spent (4
   sub-errors)
│  at examples/07-supervised-server.c:52 in serve
└─ 1. broken × 4: the network is down
      at examples/07-supervised-server.c:35 in listen, task "listen"
      spawned at examples/07-supervised-server.c:52 in serve
      ← examples/07-supervised-server.c:77 in main
*/
