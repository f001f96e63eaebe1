/* Tasks that nobody waits for, made safe. A program wants to set something
   going and think no more of it: kin_spawn_background keeps the task until it
   is done, tells of its error when it happens, and leaves nobody behind. At the
   end of the run what is not done yet gets a grace, is cancelled, and is
   joined. */
#include <kin.h>

static kin_time beginning;
static void say(const char *what)
{
    printf("%3.1f s: %s\n", (double)(kin_now() - beginning) / 1e9, what);
}

static kin_error *task1(void *arg)
{
    (void)arg;
    say("starting task 1");
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    say("ending task 1");
    return NULL;
}

static kin_error *task2(void *arg)
{
    (void)arg;
    say("starting task 2");
    KIN_TRY(kin_sleep(KIN_SECONDS(2)));
    return kin_fail(&KIN_FAILURE, "oopsie typo");
}

static kin_error *task3(void *arg)
{
    (void)arg;
    say("starting task 3");
    kin_error *err = kin_sleep_forever();
    say("task 3 is cancelled");
    return err;
}

/* Without a hook of one's own, the tree of the error is printed on standard
   error. */
static void report(const kin_error *err, const char *task, void *context)
{
    (void)task;
    (void)context;
    say("an error that nobody waits for:");
    kin_error_print(err, stdout);
}

static bool list(kin_task *task, void *context)
{
    (void)context;
    printf("     unfinished: %s, spawned at line %d\n", kin_task_name(task),
           (int)kin_task_site(task)->line);
    return true;
}

static kin_error *run(void *arg)
{
    (void)arg;
    beginning = kin_now();
    say("blah blah stuff goes here");
    kin_spawn_background(task1, NULL);
    kin_spawn_background(task2, NULL);
    kin_spawn_background(task3, NULL);
    KIN_TRY(kin_sleep(KIN_SECONDS(3)));
    say("shutting down");
    kin_group_each_child(kin_background(), list, NULL);
    return NULL;
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL,
                    .shutdown_grace = KIN_SECONDS(1), .unhandled = report);
}

/* Ends with status 0, and prints:

0.0 s: blah blah stuff goes here
0.0 s: starting task 1
0.0 s: starting task 2
0.0 s: starting task 3
1.0 s: ending task 1
2.0 s: an error that nobody waits for:
failure: oopsie typo
   at examples/10-spawn.c:28 in task2, task "task2"
   run at examples/10-spawn.c:64 in run
3.0 s: shutting down
     unfinished: task3, spawned at line 65
4.0 s: task 3 is cancelled
*/
