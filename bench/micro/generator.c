/* generator.c: asking a generator for its next value: a kin_next and the
   kin_yield that answers it, so two switches. */
#include "bench.h"

static kin_error *counts(kin_generator *self, void *number)
{
    for (;;) {
        ++*(size_t *)number;
        KIN_TRY(kin_yield(self, number));
    }
}

static kin_error *ask(void *numbers, size_t times)
{
    size_t *number;
    for (size_t i = 0; i < times; i++)
        KIN_TRY(kin_next(numbers, &number));
    return NULL;
}

kin_error *bench_generator_next(void *b)
{
    size_t number = 0;
    KIN_GENERATOR(numbers, counts, &number);
    return kin_generator_close(numbers, bench_measure(b, ask, numbers));
}
