/* scope.c: scopes opened and closed with nothing happening inside. */
#include "bench.h"

static kin_error *plain(void *unused, size_t times)
{
    (void)unused;
    for (size_t i = 0; i < times; i++) {
        KIN_SCOPE(s);
        KIN_TRY(kin_scope_close(s, NULL));
    }
    return NULL;
}

static kin_error *with_deadline(void *unused, size_t times)
{
    (void)unused;
    for (size_t i = 0; i < times; i++) {
        KIN_SCOPE(s, .fail_after = KIN_SECONDS(60));
        KIN_TRY(kin_scope_close(s, NULL));
    }
    return NULL;
}

kin_error *bench_scope(void *b)
{
    return bench_measure(b, plain, NULL);
}

kin_error *bench_scope_deadline(void *b)
{
    return bench_measure(b, with_deadline, NULL);
}
