/* The combined iterators, the second program of PEP 789: two sensors, read by
   two tasks, handed out as one stream. */
#include <kin.h>

typedef struct sensor {
    const char *name;
    kin_time every;
    kin_producer *to;
} sensor;

static kin_error *wait_for_one(void *arg)
{
    sensor *s = arg;
    return kin_sleep(s->every);
}

/* Broken: a group inside a generator. When a task of it fails while the
   generator is suspended, there is nobody to hear of it. The yield fails. */
static kin_error *combined_broken(kin_generator *self, void *arg)
{
    sensor *sensors = arg;
    kin_error *err = NULL;
    KIN_GROUP(movers);
    kin_spawn(movers, wait_for_one, &sensors[0]);
    kin_spawn(movers, wait_for_one, &sensors[1]);
    KIN_TRY_TO(done, err, kin_yield(self, sensors));
done:
    return kin_group_close(movers, err);
}

static kin_error *use_broken(sensor sensors[])
{
    void *item;
    KIN_GENERATOR(readings, combined_broken, sensors);
    return kin_generator_close(readings, kin_next(readings, &item));
}

/* Right: a producer is a task, so its group has a parent that waits for it all
   the time; and its block is a group of the consumer's. */
static kin_error *move(void *arg)
{
    sensor *s = arg;
    for (int i = 0;; i++) {
        KIN_TRY(kin_sleep(s->every));
        if (i == 2)
            return kin_fail(&KIN_FAILURE, "sensor %s is out of order", s->name);
        KIN_TRY(kin_produce(s->to, s));
    }
}

static kin_error *combined(kin_producer *self, void *arg)
{
    sensor *sensors = arg;
    KIN_GROUP(movers);
    for (int i = 0; i < 2; i++) {
        sensors[i].to = self;
        kin_spawn(movers, move, &sensors[i], .name = sensors[i].name);
    }
    return kin_group_close(movers, NULL);
}

static kin_error *use(sensor sensors[], int wanted)
{
    sensor *heard;
    kin_error *err = NULL;
    KIN_PRODUCER(readings, combined, sensors);
    for (int i = 0; i < wanted; i++) {
        KIN_TRY_TO(done, err, kin_producer_next(readings, &heard));
        printf("   %s\n", heard->name);
    }
done:
    return kin_producer_close(readings, err); /* cancels and joins */
}

static kin_error *run(void *arg)
{
    (void)arg;
    sensor sensors[] = {{"a", KIN_SECONDS(2), NULL},
                        {"b", KIN_SECONDS(3), NULL}};
    printf("broken:\n");
    kin_error *err = use_broken(sensors);
    kin_error_print(err, stdout);
    kin_error_free(err);
    printf("right:\n");
    KIN_TRY(use(sensors, 2)); /* left early */
    return use(sensors, 100);
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

broken:
group "movers" (1 sub-error)
│  at examples/12-combined-iterators.c:23 in combined_broken
└─ 1. yield prevented: generator "readings" cannot yield here: group "movers"
      (opened at examples/12-combined-iterators.c:23) is still open
      at examples/12-combined-iterators.c:26 in combined_broken, task "run"
      run at examples/12-combined-iterators.c:91 in main
right:
   a
   b
   a
   b
   a
   b
group "movers" (1 sub-error)
│  at examples/12-combined-iterators.c:54 in combined
└─ 1. failure: sensor a is out of order
      at examples/12-combined-iterators.c:46 in move, task "a"
      spawned at examples/12-combined-iterators.c:57 in combined
      ← examples/12-combined-iterators.c:66 in use
      ← examples/12-combined-iterators.c:91 in main
*/
