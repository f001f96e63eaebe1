/* Many jobs, a few at a time, within a time limit. What was finished when the
   time ran out is kept: the array of jobs is the caller's. */
#include <kin.h>

enum { PAGES = 8, AT_ONCE = 3 };

struct page {
    const char *name;
    kin_time takes;
    bool missing;
};

static kin_error *fetch(void *arg)
{
    const struct page *page = arg;
    KIN_TRY(kin_sleep(page->takes));
    if (page->missing)
        return kin_fail(&KIN_FAILURE, "%s: not found", page->name);
    return NULL;
}

static struct page pages[PAGES] = {
    {"index", KIN_MILLISECONDS(300), false},
    {"news", KIN_MILLISECONDS(500), false},
    {"old news", KIN_MILLISECONDS(200), true},
    {"about", KIN_MILLISECONDS(200), false},
    {"archive", KIN_SECONDS(60), false},
    {"photos", KIN_MILLISECONDS(900), false},
    {"films", KIN_MILLISECONDS(700), false},
    {"help", KIN_MILLISECONDS(100), true},
};

static const char *const states[] = {"not begun", "not begun", "fetched",
                                     "failed", "given up"};

static kin_error *run(void *arg)
{
    (void)arg;
    kin_job jobs[PAGES];
    for (int i = 0; i < PAGES; i++)
        jobs[i] = (kin_job){.fn = fetch, .arg = &pages[i]};

    /* The outcomes come back in the order of the jobs, errors as values: one
       page that fails disturbs no other. When the two seconds are over, what
       still runs is cancelled and joined before the call returns. */
    kin_error *err = KIN_WITHIN(kin_gather(jobs, PAGES, .limit = AT_ONCE),
                                .fail_after = KIN_SECONDS(2));
    printf("%s\n", err ? kin_error_message(err) : "all done in time");
    kin_error_free(err);

    int fetched = 0;
    for (int i = 0; i < PAGES; i++) {
        printf("  %-9s %s\n", pages[i].name, states[jobs[i].state]);
        fetched += jobs[i].state == KIN_TASK_SUCCEEDED;
    }
    printf("%d of %d pages\n", fetched, PAGES);

    /* The errors are ours to answer for: all of them, in one group. */
    err = kin_jobs_take_errors(jobs, PAGES);
    kin_error_print(err, stdout);
    kin_error_free(err);
    return NULL;
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 0, and prints:

scope "kin_gather(jobs, PAGES, .limit = AT_ONCE)" timed out
  index     fetched
  news      fetched
  old news  failed
  about     fetched
  archive   given up
  photos    fetched
  films     fetched
  help      failed
5 of 8 pages
jobs (2 sub-errors)
│  at examples/08-fan-out.c:59 in run
├─ 1. failure: old news: not found
│     at examples/08-fan-out.c:18 in fetch, task "gather"
│     spawned at examples/08-fan-out.c:46 in run
│     ← examples/08-fan-out.c:67 in main
└─ 2. failure: help: not found
      at examples/08-fan-out.c:18 in fetch, task "gather"
      spawned at examples/08-fan-out.c:46 in run
      ← examples/08-fan-out.c:67 in main
*/
