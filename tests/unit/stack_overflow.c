/* The report of an overflow, and handlers that are not ours. */
#include "context/context.h"
#include "context/tools.h"
#include "harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static kin__stack_owner describe(void *owner)
{
    static const kin_site site = {"reader.c", "serve", 42, "reader"};
    return (kin__stack_owner){"task", owner, "spawned", &site};
}

/* --- overflows --------------------------------------------------------- */

typedef struct trial {
    size_t size;
    void *owner;
    kin__stack_describe *describe;
    kin__stack *stack;
    kin__context home, task;
} trial;

static volatile int levels = 1 << 30;

static __attribute__((noinline)) int recurses(int level)
{
    volatile char room[256];
    room[0] = (char)level;
    int below = level < levels ? recurses(level + 1) : 0;
    return below + room[0]; /* not a tail call */
}

static void overflows(void *arg)
{
    const trial *self = arg;
    kin__context_arrived(self->stack);
    recurses(0);
    abort();
}

static void run_trial(void *arg)
{
    trial *self = arg;
    kin__stack_pool *pool = kin__stack_pool_new(0, false, self->describe);
    if (!pool)
        _exit(2);
    /* Not the first one, and with neighbours. */
    for (int i = 0; i < 20; i++)
        if (!kin__stack_get(pool, self->size, NULL))
            _exit(3);
    self->stack = kin__stack_get(pool, self->size, self->owner);
    if (!self->stack || !kin__stack_get(pool, self->size, NULL))
        _exit(4);
    kin__context_start(&self->task, self->stack, overflows, self);
    kin__context_leaving(NULL, self->stack, false);
    kin__switch(&self->home, &self->task, NULL);
    _exit(5);
}

static size_t size_got(size_t size)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    kin__stack *stack = kin__stack_get(pool, size, NULL);
    size_t got = kin__stack_size(stack);
    kin__stack_put(pool, stack);
    kin__stack_pool_free(pool);
    return got;
}

static void check_killed(int status, int signal)
{
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : 0, signal);
}

TEST(b268_overflow_names_the_task)
{
    char line[200];
    int status;
    size_t sizes[] = {0, 8000, 1 << 20};
    for (int i = 0; i < 3; i++) {
        trial run = {
            .size = sizes[i], .owner = (void *)"reader", .describe = describe};
        const char *said = in_child_process(run_trial, &run, &status);
        snprintf(line, sizeof line,
                 "kin: task \"reader\" overflowed its stack of %zu bytes "
                 "(spawned at reader.c:42); give it more with .stack_size\n",
                 size_got(sizes[i]));
        if (kin__tools_on_valgrind())
            CHECK_CONTAINS(said, line);
        else
            CHECK_STR(said, line);
        check_killed(status, SIGSEGV);
    }
}

TEST(b268_overflow_of_a_stack_without_owner)
{
    char line[200];
    int status;
    trial run = {.size = 0};
    const char *said = in_child_process(run_trial, &run, &status);
    snprintf(line, sizeof line,
             "kin: a task overflowed its stack of %zu bytes; give it more "
             "with .stack_size\n",
             size_got(0));
    CHECK_CONTAINS(said, line);
    check_killed(status, SIGSEGV);
}

/* --- faults of others -------------------------------------------------- */

/* The sanitizers' own handler, which is there before, reports and exits. */
static void default_actions(void)
{
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
}

static void write_to(volatile char *at)
{
    *at = 1;
}

static void writes_to_a_guard(void *arg)
{
    (void)arg;
    default_actions();
    kin__stack_pool *pool = kin__stack_pool_new(0, false, describe);
    kin__stack *stack = kin__stack_get(pool, 0, (void *)"innocent");
    write_to((char *)kin__stack_top(stack) - 8);
    write_to(stack->low);
    write_to(stack->low - 1);
}

TEST(overflow_a_stray_pointer_is_none)
{
    int status;
    const char *said = in_child_process(writes_to_a_guard, NULL, &status);
    if (!kin__tools_on_valgrind())
        CHECK_STR(said, "");
    check_killed(status, SIGSEGV);
}

static void sends_itself_a_signal(void *arg)
{
    default_actions();
    if (!kin__stack_pool_new(0, false, describe))
        _exit(2);
    raise(*(int *)arg);
    _exit(3);
}

TEST(overflow_a_signal_that_was_sent_still_kills)
{
    int status, sent[] = {SIGSEGV, SIGBUS};
    for (int i = 0; i < 2; i++) {
        in_child_process(sends_itself_a_signal, &sent[i], &status);
        check_killed(status, sent[i]);
    }
}

static void ignores_a_signal(void *arg)
{
    (void)arg;
    signal(SIGSEGV, SIG_IGN);
    if (!kin__stack_pool_new(0, false, describe))
        _exit(2);
    raise(SIGSEGV);
    _exit(7);
}

TEST(overflow_a_signal_ignored_before_is_ignored)
{
    int status;
    in_child_process(ignores_a_signal, NULL, &status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* --- handlers of others ------------------------------------------------ */

static sigjmp_buf back;
static void *volatile caught_at;
static volatile int caught, blocked_inside;
static char *volatile no_access; /* set before the fault, not after */

static void note(void *address)
{
    sigset_t now;
    caught++;
    caught_at = address;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    blocked_inside = sigismember(&now, SIGUSR1);
}

static void catches(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    note(info->si_addr);
    siglongjmp(back, 1);
}

static void mends(int signal)
{
    (void)signal;
    note(NULL);
    mprotect(no_access, 4096, PROT_READ | PROT_WRITE);
}

static void set_handler(const struct sigaction *new, struct sigaction *old)
{
    sigaction(SIGSEGV, new, old);
}

TEST(overflow_the_handler_of_before_is_called)
{
    struct sigaction old,
        mine = {.sa_sigaction = catches, .sa_flags = SA_SIGINFO};
    sigaddset(&mine.sa_mask, SIGUSR1);
    set_handler(&mine, &old);
    kin__stack_pool *pool = kin__stack_pool_new(0, false, describe);
    REQUIRE(pool);
    no_access = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    caught = 0;
    for (volatile int i = 0; i < 3; i++)
        if (sigsetjmp(back, 1) == 0)
            write_to(no_access + 5);
    CHECK_EQ(caught, 3);
    CHECK_EQ(caught_at, no_access + 5);
    CHECK_EQ(blocked_inside, 1);
    kin__stack_pool_free(pool);
    struct sigaction now;
    set_handler(&old, &now);
    CHECK(now.sa_sigaction == catches);
    munmap(no_access, 4096);
}

TEST(overflow_a_handler_that_mends_is_called)
{
    struct sigaction old, mine = {.sa_handler = mends};
    set_handler(&mine, &old);
    kin__stack_pool *pool = kin__stack_pool_new(0, false, describe);
    REQUIRE(pool);
    no_access = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    caught = 0;
    write_to(no_access + 5);
    CHECK_EQ(caught, 1);
    CHECK_EQ(no_access[5], 1);
    kin__stack_pool_free(pool);
    set_handler(&old, NULL);
    munmap(no_access, 4096);
}

TEST(overflow_a_handler_put_over_ours_is_left)
{
    struct sigaction old,
        first = {.sa_sigaction = catches, .sa_flags = SA_SIGINFO};
    struct sigaction over = {.sa_handler = mends}, ours, now;
    set_handler(&first, &old);
    kin__stack_pool *pool = kin__stack_pool_new(0, false, describe);
    set_handler(&over, &ours);
    kin__stack_pool_free(pool);
    set_handler(NULL, &now);
    CHECK(now.sa_handler == mends);
    /* It may go on to call ours. */
    set_handler(&ours, NULL);
    no_access = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    caught = 0;
    if (sigsetjmp(back, 1) == 0)
        write_to(no_access);
    CHECK_EQ(caught, 1);
    /* The next one finds ours in its place, and takes it away. */
    pool = kin__stack_pool_new(0, false, describe);
    kin__stack_pool_free(pool);
    set_handler(&old, &now);
    CHECK(now.sa_sigaction == catches);
    munmap(no_access, 4096);
}

TEST(overflow_handlers_go_with_the_last_pool)
{
    struct sigaction old, mine = {.sa_handler = mends}, now;
    set_handler(&mine, &old);
    kin__stack_pool *a = kin__stack_pool_new(0, false, describe);
    kin__stack_pool *b = kin__stack_pool_new(0, true, describe);
    kin__stack_pool_free(a);
    set_handler(NULL, &now);
    CHECK(now.sa_handler != mends);
    kin__stack_pool_free(b);
    set_handler(&old, &now);
    CHECK(now.sa_handler == mends);
}

/* --- signal stacks ----------------------------------------------------- */

static void *has_its_own_signal_stack(void *arg)
{
    (void)arg;
    enum { SIZE = 64 << 10 };
    stack_t before, now, mine = {.ss_sp = malloc(SIZE), .ss_size = SIZE};
    sigaltstack(&mine, &before);
    kin__stack_pool *pool = kin__stack_pool_new(0, false, describe);
    sigaltstack(NULL, &now);
    CHECK_EQ(now.ss_sp, mine.ss_sp);
    kin__stack_pool_free(pool);
    sigaltstack(NULL, &now);
    CHECK_EQ(now.ss_sp, mine.ss_sp);
    sigaltstack(&before, NULL);
    free(mine.ss_sp);
    return NULL;
}

static void *has_no_signal_stack(void *arg)
{
    (void)arg;
    stack_t before, now, none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, &before);
    kin__stack_pool *a = kin__stack_pool_new(0, false, describe);
    kin__stack_pool *b = kin__stack_pool_new(0, false, describe);
    kin__stack_pool_free(a);
    sigaltstack(NULL, &now);
    CHECK(!(now.ss_flags & SS_DISABLE));
    kin__stack_pool_free(b);
    sigaltstack(NULL, &now);
    CHECK(now.ss_flags & SS_DISABLE);
    sigaltstack(&before, NULL);
    return NULL;
}

static void run_thread(void *(*run)(void *))
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, run, NULL) == 0);
    pthread_join(thread, NULL);
}

TEST(overflow_a_signal_stack_of_the_threads_is_kept)
{
    run_thread(has_its_own_signal_stack);
}

TEST(overflow_a_signal_stack_of_ours_goes)
{
    run_thread(has_no_signal_stack);
}
