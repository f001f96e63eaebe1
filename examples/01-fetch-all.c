/* Three pages at once: one arrives, one is too late, one has to be given up. */
#include <errno.h>
#include <kin.h>

struct page {
    const char *name;
    int pieces;
    kin_time pace; /* of a piece: stands for the network */
};

static kin_error *keep(const struct page *page)
{
    return kin_fail_errno(ENOSPC, "cannot keep %s", page->name);
}

static kin_error *fetch(void *arg)
{
    const struct page *page = arg;
    for (int i = 0; i < page->pieces; i++) {
        KIN_SCOPE(piece, .fail_after = KIN_SECONDS(2));
        kin_error *err = kin_scope_close(piece, kin_sleep(page->pace));
        if (err && i > 0)
            err = kin_error_combine(err, keep(page));
        KIN_TRY(err);
    }
    printf("%s is here\n", page->name);
    return NULL;
}

static kin_error *fetch_all(void *arg)
{
    struct page *pages = arg;
    KIN_GROUP(all);
    for (int i = 0; i < 3; i++)
        kin_spawn(all, fetch, &pages[i], .name = pages[i].name);
    return kin_group_close(all, NULL);
}

int main(void)
{
    struct page pages[] = {{"news", 2, KIN_MILLISECONDS(500)},
                           {"mail", 1, KIN_SECONDS(60)},
                           {"maps", 9, KIN_MILLISECONDS(1500)}};
    return kin_main(fetch_all, pages, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 1, and prints:

news is here
group "all" (2 sub-errors)
│  at examples/01-fetch-all.c:33 in fetch_all
├─ 1. timeout: scope "piece" timed out
│     at examples/01-fetch-all.c:20 in fetch, task "mail"
│     via examples/01-fetch-all.c:24 in fetch
│     spawned at examples/01-fetch-all.c:35 in fetch_all
│     ← examples/01-fetch-all.c:44 in main
└─ 2. error group (1 sub-error)
   │  at examples/01-fetch-all.c:23 in fetch
   │  via examples/01-fetch-all.c:24 in fetch
   └─ 1. os error: cannot keep maps: No space left on device (ENOSPC, errno 28)
         at examples/01-fetch-all.c:13 in keep, task "maps"
         spawned at examples/01-fetch-all.c:35 in fetch_all
         ← examples/01-fetch-all.c:44 in main
         made while being cancelled by its group, after the error at
         examples/01-fetch-all.c:20 in fetch: task "mail" failed: scope "piece"
         timed out
*/
