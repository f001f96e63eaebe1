/* Three mirrors have the same file: the first to deliver it wins. The others
   are cancelled, and the race is not over before they have cleaned up. */
#include <kin.h>

static kin_time beginning;
static double seconds(void)
{
    return (double)(kin_now() - beginning) / 1e9;
}

struct mirror {
    const char *name;
    kin_time takes;
    bool down;
};

/* Has to say good-bye, which takes half a second, however it ends. */
static kin_error *hang_up(void *arg)
{
    const struct mirror *mirror = arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(500)));
    printf("%4.1f s: %s: hung up\n", seconds(), mirror->name);
    return NULL;
}

static kin_error *download(void *arg)
{
    const struct mirror *mirror = arg;
    kin_error *err = NULL;
    KIN_SCOPE(connection);
    KIN_TRY_TO(done, err, kin_defer(connection, hang_up, arg));
    KIN_TRY_TO(done, err, kin_sleep(mirror->takes));
    if (mirror->down)
        err = kin_fail(&KIN_BROKEN, "%s is down", mirror->name);
    else
        printf("%4.1f s: %s: delivered\n", seconds(), mirror->name);
done:
    return kin_scope_close(connection, err);
}

static kin_error *race(const char *what, struct mirror mirrors[3])
{
    kin_job jobs[3];
    size_t winner;
    for (int i = 0; i < 3; i++)
        jobs[i] = (kin_job){.fn = download, .arg = &mirrors[i]};
    printf("%s\n", what);
    beginning = kin_now();
    KIN_TRY(kin_race(jobs, 3, &winner));
    printf("%4.1f s: the file came from %s\n", seconds(), mirrors[winner].name);

    /* Those that failed before somebody won are no failure of the race, and
       ours to look at. */
    for (int i = 0; i < 3; i++)
        if (jobs[i].state == KIN_TASK_FAILED)
            printf("        by the way: %s\n",
                   kin_error_message(jobs[i].error));
    kin_error_free(kin_jobs_take_errors(jobs, 3));
    return NULL;
}

static kin_error *run(void *arg)
{
    (void)arg;
    struct mirror some[] = {{"Oslo", KIN_SECONDS(1), true},
                            {"Lima", KIN_SECONDS(2), false},
                            {"Pune", KIN_SECONDS(9), false}};
    struct mirror none[] = {{"Oslo", KIN_SECONDS(3), true},
                            {"Lima", KIN_SECONDS(1), true},
                            {"Pune", KIN_SECONDS(2), true}};
    KIN_TRY(race("one of three delivers:", some));
    return race("none does:", none);
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

one of three delivers:
 1.5 s: Oslo: hung up
 2.0 s: Lima: delivered
 2.5 s: Lima: hung up
 3.0 s: Pune: hung up
 3.0 s: the file came from Lima
        by the way: Oslo is down
none does:
 1.5 s: Lima: hung up
 2.5 s: Pune: hung up
 3.5 s: Oslo: hung up
group "race" (3 sub-errors)
│  at examples/09-race.c:49 in race
├─ 1. broken: Lima is down
│     at examples/09-race.c:34 in download, task "race"
│     spawned at examples/09-race.c:49 in race ← examples/09-race.c:77 in main
├─ 2. broken: Pune is down
│     at examples/09-race.c:34 in download, task "race"
│     spawned at examples/09-race.c:49 in race ← examples/09-race.c:77 in main
└─ 3. broken: Oslo is down
      at examples/09-race.c:34 in download, task "race"
      spawned at examples/09-race.c:49 in race ← examples/09-race.c:77 in main
*/
