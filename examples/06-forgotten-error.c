/* Nothing is dropped: an error that a task holds when it ends, and has neither
   returned, handed on nor freed, comes out of it all the same. */
#include <errno.h>
#include <kin.h>

#include <string.h>

static kin_error *copy(const char *name)
{
    if (strcmp(name, "photos") == 0)
        return NULL;
    return kin_fail_errno(EACCES, "cannot copy the %s", name);
}

/* Returns what became of the last one, and the last one is fine: no compiler
   has anything to say to that. */
static kin_error *back_up(void *arg)
{
    static const char *const names[] = {"letters", "photos"};
    kin_error *err = NULL;
    (void)arg;
    for (int i = 0; i < 2; i++)
        err = copy(names[i]);
    return err;
}

/* Who means to ignore an error says so: kin_error_free is "I have dealt with
   it", and kin_error_catch is the same where all of it is of one kind. */
static kin_error *tidy_up(void *arg)
{
    (void)arg;
    kin_error_free(copy("cache"));
    kin_error *err = copy("log");
    if (kin_error_catch(&err, &KIN_OS))
        printf("did without the log\n");
    return err;
}

static kin_error *run(void *arg)
{
    (void)arg;
    KIN_GROUP(night);
    kin_spawn(night, tidy_up, NULL);
    kin_spawn(night, back_up, NULL);
    return kin_group_close(night, NULL);
}

int main(void)
{
    return kin_main(run, NULL);
}

/* Ends with status 1, and prints:

did without the log
group "night" (1 sub-error)
│  at examples/06-forgotten-error.c:42 in run
└─ 1. task "back_up" ended while it held errors (1 sub-error)
   │  at examples/06-forgotten-error.c:44 in run
   └─ 1. os error: cannot copy the letters: Permission denied (EACCES, errno 13)
         note: dropped by back_up, made at examples/06-forgotten-error.c:12
         at examples/06-forgotten-error.c:12 in copy, task "back_up"
         spawned at examples/06-forgotten-error.c:44 in run
         ← examples/06-forgotten-error.c:50 in main
*/
