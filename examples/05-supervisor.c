/* KIN_EACH: a supervisor. A child's failure is told when it happens and stops
   nobody; nothing is kept, so it may go on for years. */
#include <kin.h>

struct service {
    const char *name;
    kin_time lasts; /* until it fails */
    int restarts;   /* that it is worth */
};

static kin_time beginning;
static double seconds(void)
{
    return (double)(kin_now() - beginning) / 1e9;
}

static kin_error *serve(void *arg)
{
    const struct service *service = arg;
    printf("%4.1f s: %s is up\n", seconds(), service->name);
    kin_error *err = kin_sleep(service->lasts);
    if (!err)
        return kin_fail(&KIN_FAILURE, "%s broke down", service->name);
    printf("%4.1f s: %s goes down\n", seconds(), service->name);
    return err;
}

/* Runs as the failed child's last act, in its task and shielded: it may wait,
   and it may spawn. What it returns goes to the run's unhandled hook. */
static kin_error *restart(kin_error *err, kin_task *task, void *context)
{
    struct service *service = kin_task_arg(task);
    (void)context;
    if (service->restarts-- == 0)
        return err;
    printf("%4.1f s: %s: to be started again\n", seconds(),
           kin_error_message(err));
    kin_error_free(err);
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    kin_spawn(kin_task_group(task), serve, service, .name = service->name);
    return NULL;
}

/* The hook's default prints the tree on standard error. */
static void give_up(const kin_error *err, const char *task, void *context)
{
    (void)context;
    printf("%4.1f s: %s is given up: %s\n", seconds(), task,
           kin_error_message(err));
}

static kin_error *run(void *arg)
{
    (void)arg;
    struct service services[] = {{"web", KIN_NEVER, 0},
                                 {"mail", KIN_SECONDS(2), 2}};
    beginning = kin_now();
    KIN_GROUP(supervisor, .policy = KIN_EACH, .on_error = restart);
    for (int i = 0; i < 2; i++)
        kin_spawn(supervisor, serve, &services[i], .name = services[i].name);

    kin_error *err = kin_sleep(KIN_SECONDS(20));
    if (!err) /* takes no new children, and gives the ones there a second */
        err = kin_group_shutdown(supervisor, KIN_SECONDS(1));
    printf("%4.1f s: all are down\n", seconds());
    return kin_group_close(supervisor, err);
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL,
                    .unhandled = give_up);
}

/* Ends with status 0, and prints:

 0.0 s: web is up
 0.0 s: mail is up
 2.0 s: mail broke down: to be started again
 3.0 s: mail is up
 5.0 s: mail broke down: to be started again
 6.0 s: mail is up
 8.0 s: mail is given up: mail broke down
21.0 s: web goes down
21.0 s: all are down
*/
