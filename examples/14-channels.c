/* Channels: jobs to workers, results back, and a consumer that waits for the
   first of several things. */
#include <kin.h>

struct worker {
    const char *name;
    kin_receiver *jobs;
    kin_sender *results;
};

/* A handle each: the loop ends by itself when the last sender of jobs is closed
   and the last job is taken; and with the last worker end the results. */
static kin_error *work(void *arg)
{
    struct worker *w = arg;
    kin_error *err = NULL;
    int job;
    while (!(err = kin_receive(w->jobs, &job))) {
        err = kin_sleep(KIN_MILLISECONDS(100 * job));
        int result = job * job;
        if (!err)
            err = kin_send(w->results, &result);
        if (err)
            break;
    }
    (void)kin_error_catch(&err, &KIN_END);
    kin_receiver_close(&w->jobs);
    kin_sender_close(&w->results);
    return err;
}

/* Waits for a result, or gives up at a point of time. */
static kin_error *collect(kin_receiver *results, kin_time until)
{
    int result;
    for (;;) {
        size_t fired;
        kin_select_case cases[] = {KIN_ON_RECEIVE(results, &result),
                                   KIN_ON_TIME(until)};
        kin_error *err = kin_select(cases, 2, &fired);
        if (kin_error_catch(&err, &KIN_END)) {
            printf("that is all\n");
            return NULL;
        }
        KIN_TRY(err);
        if (fired == 1) {
            printf("that took too long\n");
            return NULL;
        }
        printf("%d\n", result);
    }
}

static kin_error *run(void *arg)
{
    (void)arg;
    kin_sender *jobs, *results;
    kin_receiver *to_do, *done;
    KIN_TRY(kin_channel_open(&jobs, &to_do, sizeof(int), 8, .name = "jobs"));
    KIN_TRY(kin_channel_open(&results, &done, sizeof(int), 0));

    kin_error *err = NULL;
    struct worker workers[2] = {{.name = "ann"}, {.name = "bob"}};
    KIN_GROUP(all);
    for (int i = 0; i < 2; i++) {
        workers[i].jobs = kin_receiver_clone(to_do);
        workers[i].results = kin_sender_clone(results);
        kin_spawn(all, work, &workers[i], .name = workers[i].name);
    }
    kin_receiver_close(&to_do); /* the workers have theirs */
    kin_sender_close(&results);

    for (int job = 1; job <= 5 && !err; job++)
        err = kin_send(jobs, &job);
    kin_sender_close(&jobs);
    if (!err)
        err = collect(done, kin_now() + KIN_SECONDS(1));
    kin_receiver_close(&done);
    return kin_group_close(all, err);
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 0, and prints:

1
4
9
16
25
that is all
*/
