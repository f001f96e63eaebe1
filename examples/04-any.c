/* KIN_ANY: one must succeed. The first mirror to answer wins, the others are
   cancelled and joined; only when none answers do their errors come out. */
#include <errno.h>
#include <kin.h>

struct mirror {
    const char *name;
    kin_time takes;
    bool broken;
    const char **answer; /* to whoever asks */
};

static kin_error *ask(void *arg)
{
    struct mirror *mirror = arg;
    KIN_TRY(kin_sleep(mirror->takes));
    if (mirror->broken)
        return kin_fail_errno(ECONNREFUSED, "cannot ask %s", mirror->name);
    *mirror->answer = mirror->name;
    return NULL;
}

/* An error that does not matter in the end may still be worth a line. It is
   told once it is known that some mirror has answered. */
static kin_error *shrug(kin_error *err, kin_task *task, void *context)
{
    (void)context;
    printf("  (%s: %s)\n", kin_task_name(task), kin_error_message(err));
    kin_error_free(err);
    return NULL;
}

static kin_error *ask_all(struct mirror mirrors[], const char **answer)
{
    KIN_GROUP(asked, .policy = KIN_ANY, .on_error = shrug);
    for (int i = 0; i < 3; i++) {
        mirrors[i].answer = answer;
        kin_spawn(asked, ask, &mirrors[i], .name = mirrors[i].name);
    }
    return kin_group_close(asked, NULL);
}

static kin_error *run(void *arg)
{
    (void)arg;
    struct mirror mirrors[] = {
        {.name = "oslo", .takes = KIN_SECONDS(3)},
        {.name = "bern", .takes = KIN_SECONDS(2)},
        {.name = "rome", .takes = KIN_SECONDS(1), .broken = true}};
    const char *answer = "nobody";
    kin_time asked = kin_now();
    KIN_TRY(ask_all(mirrors, &answer));
    printf("%s answered after %.0f s\n", answer,
           (double)(kin_now() - asked) / 1e9);

    for (int i = 0; i < 3; i++)
        mirrors[i].broken = true;
    KIN_TRY(ask_all(mirrors, &answer));
    printf("not reached\n");
    return NULL;
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

  (rome: cannot ask rome)
bern answered after 2 s
group "asked" (3 sub-errors)
│  at examples/04-any.c:35 in ask_all
│  via examples/04-any.c:58 in run
├─ 1. os error: cannot ask rome: Connection refused (ECONNREFUSED, errno 111)
│     at examples/04-any.c:18 in ask, task "rome"
│     spawned at examples/04-any.c:38 in ask_all ← examples/04-any.c:65 in main
├─ 2. os error: cannot ask bern: Connection refused (ECONNREFUSED, errno 111)
│     at examples/04-any.c:18 in ask, task "bern"
│     spawned at examples/04-any.c:38 in ask_all ← examples/04-any.c:65 in main
└─ 3. os error: cannot ask oslo: Connection refused (ECONNREFUSED, errno 111)
      at examples/04-any.c:18 in ask, task "oslo"
      spawned at examples/04-any.c:38 in ask_all ← examples/04-any.c:65 in main
*/
