/* The leaking timeout, the first program of PEP 789: each element must come
   within a second. */
#include <kin.h>

static kin_error *elements(kin_generator *self, void *delays)
{
    for (kin_time *delay = delays; *delay; delay++) {
        KIN_TRY(kin_sleep(*delay));
        KIN_TRY(kin_yield(self, delay));
    }
    return NULL;
}

/* Broken: suspended inside its timeout. The clock would run on while the
   consumer works, and go off there, in code that knows nothing of it. kin_yield
   fails instead, before anything is switched. */
static kin_error *with_timeout_broken(kin_generator *self, void *from)
{
    kin_error *err = NULL;
    for (kin_time *element = from; element && !err;) {
        KIN_SCOPE(limit, .fail_after = KIN_SECONDS(1));
        KIN_TRY_TO(done, err, kin_next(from, &element));
        if (element)
            KIN_TRY_TO(done, err, kin_yield(self, element));
done:
        err = kin_scope_close(limit, err);
    }
    return err;
}

/* Right: what may take too long is inside, the yield outside. */
static kin_error *with_timeout(kin_generator *self, void *from)
{
    for (;;) {
        kin_time *element;
        KIN_TRY(
            KIN_WITHIN(kin_next(from, &element), .fail_after = KIN_SECONDS(1)));
        if (!element)
            return NULL;
        KIN_TRY(kin_yield(self, element));
    }
}

/* A consumer that takes five seconds over each. */
static kin_error *consume(kin_generator_fn *limited)
{
    kin_time delays[] = {KIN_SECONDS(0.5), KIN_SECONDS(0.5), KIN_SECONDS(9), 0};
    kin_time *element;
    kin_error *err = NULL;
    KIN_GENERATOR(all, elements, delays);
    KIN_GENERATOR(timely, limited, all);
    for (;;) {
        KIN_TRY_TO(done, err, kin_next(timely, &element));
        if (!element)
            break;
        printf("   an element after %.1f s\n", (double)*element / 1e9);
        KIN_TRY_TO(done, err, kin_sleep(KIN_SECONDS(5)));
    }
done:
    err = kin_generator_close(timely, err);
    return kin_generator_close(all, err);
}

static kin_error *run(void *arg)
{
    (void)arg;
    printf("broken:\n");
    kin_error *err = consume(with_timeout_broken);
    kin_error_print(err, stdout);
    kin_error_free(err);
    printf("right:\n");
    return consume(with_timeout); /* the third element is late */
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

broken:
yield prevented: generator "timely" cannot yield here: scope "limit" (opened at
   examples/11-leaking-timeout.c:21) is still open
   at examples/11-leaking-timeout.c:24 in with_timeout_broken, task "run"
   via examples/11-leaking-timeout.c:53 in consume
   run at examples/11-leaking-timeout.c:77 in main
right:
   an element after 0.5 s
   an element after 0.5 s
timeout: scope "kin_next(from, &element)" timed out
   at examples/11-leaking-timeout.c:37 in with_timeout, task "run"
   via examples/11-leaking-timeout.c:36 in with_timeout
   ← examples/11-leaking-timeout.c:53 in consume
   run at examples/11-leaking-timeout.c:77 in main
*/
