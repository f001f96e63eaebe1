/* Scopes: a stretch of a task that can be cancelled as a unit. */
#include <kin.h>

/* Seconds since the run began. Its clock is virtual, so they are exact. */
static kin_time beginning;
static double seconds(void)
{
    return (double)(kin_now() - beginning) / 1e9;
}

/* It took too long and that is no failure: the close says success, and the
   scope says that it was cut short. */
static kin_error *move_on(void)
{
    KIN_SCOPE(patience, .move_on_after = KIN_SECONDS(1));
    kin_error *err = kin_sleep(KIN_SECONDS(5));
    KIN_TRY(kin_scope_close(patience, err));
    printf("%.1f s: moved on, cut short: %s\n", seconds(),
           kin_scope_cancelled_caught(patience) ? "yes" : "no");
    return NULL;
}

/* Cancellation is a state and no event: inside a cancelled scope every
   checkpoint fails, so what has to wait while it cleans up needs a shield, and
   a limit of its own. */
static kin_error *log_out(void)
{
    KIN_SCOPE(section, .shield = true, .move_on_after = KIN_SECONDS(3));
    kin_error *err = kin_sleep(KIN_MILLISECONDS(500));
    return kin_scope_close(section, err);
}

static kin_error *session(void)
{
    kin_error *err = kin_sleep_forever();
    kin_error *again = kin_checkpoint();
    printf("%.1f s: cancelled, and still so: %s\n", seconds(),
           kin_error_is(again, &KIN_CANCELLED) ? "yes" : "no");
    kin_error_free(again);
    err = kin_error_combine(err, log_out());
    printf("%.1f s: logged out all the same\n", seconds());
    return err;
}

/* The inner scope has more time than is left outside, so the outer one decides:
   its KIN_TIMEOUT comes out of its close. What it was that ran out of time is
   known by the scope's name and place. */
static kin_error *fail(void)
{
    kin_error *err = NULL;
    KIN_SCOPE(request, .fail_after = KIN_SECONDS(2));
    KIN_TRY_TO(done, err, KIN_WITHIN(session(), .fail_after = KIN_SECONDS(9)));
done:
    return kin_scope_close(request, err);
}

static kin_error *run(void *arg)
{
    (void)arg;
    beginning = kin_now();
    KIN_TRY(move_on());
    KIN_TRY(fail());
    return NULL;
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

1.0 s: moved on, cut short: yes
3.0 s: cancelled, and still so: yes
3.5 s: logged out all the same
timeout: scope "request" timed out
   at examples/02-timeouts.c:51 in fail, task "run"
   via examples/02-timeouts.c:62 in run
   run at examples/02-timeouts.c:68 in main
*/
