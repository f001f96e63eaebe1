/* Stacks: sizes, guards, a million of them, and what happens without memory. */
#include "context/context.h"
#include "context/tools.h"
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what /proc says --------------------------------------------------- */

static long mappings(void)
{
    long lines = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    for (int c; maps && (c = getc(maps)) != EOF;)
        lines += c == '\n';
    if (maps)
        fclose(maps);
    return lines;
}

static long resident_bytes(void)
{
    long total = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm && fscanf(statm, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (statm)
        fclose(statm);
    return resident * sysconf(_SC_PAGESIZE);
}

static long available_bytes(void)
{
    char line[200];
    long kilobytes = 0;
    FILE *meminfo = fopen("/proc/meminfo", "r");
    while (meminfo && fgets(line, sizeof line, meminfo))
        sscanf(line, "MemAvailable: %ld", &kilobytes);
    if (meminfo)
        fclose(meminfo);
    return kilobytes * 1024;
}

static bool slowed_down(void)
{
#if defined(KIN__ASAN) || defined(KIN__TSAN)
    return true;
#else
    return kin__tools_on_valgrind();
#endif
}

static char *top_byte(const kin__stack *stack)
{
    return (char *)kin__stack_top(stack) - 1;
}

/* --- one stack --------------------------------------------------------- */

TEST(pool_stacks_have_the_size_asked_for)
{
    static const size_t sizes[] = {1,     4000,   11000,   16384,  60000,
                                   65536, 100000, 1 << 20, 8 << 20};
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    REQUIRE(pool);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        kin__stack *stack = kin__stack_get(pool, sizes[i], NULL);
        REQUIRE(stack);
        char *top = kin__stack_top(stack);
        CHECK(kin__stack_size(stack) >= sizes[i]);
        CHECK_EQ((uintptr_t)top % 16, 0);
        CHECK(kin__stack_contains(stack, top - 1));
        CHECK(!kin__stack_contains(stack, top));
        CHECK(kin__stack_contains(stack, top - kin__stack_size(stack)));
        CHECK(!kin__stack_contains(stack, stack->low - 1));
        for (char *at = top - 1; at >= stack->low; at -= 512)
            *at = 1;
        *stack->low = 1;
        kin__stack_put(pool, stack);
    }
    kin__stack_pool_free(pool);
}

TEST(pool_usual_size_is_the_pools)
{
    kin__stack_pool *pool = kin__stack_pool_new(200000, false, NULL);
    REQUIRE(pool);
    kin__stack *a = kin__stack_get(pool, 0, NULL);
    kin__stack *b = kin__stack_get(pool, 200000, NULL);
    CHECK(kin__stack_size(a) >= 200000);
    CHECK_EQ(kin__stack_size(a), kin__stack_size(b));
    kin__stack_put(pool, a);
    kin__stack_put(pool, b);
    kin__stack_pool_free(pool);
}

TEST(pool_sizes_beyond_reason_are_refused)
{
    CHECK(!kin__stack_pool_new(SIZE_MAX, false, NULL));
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    REQUIRE(pool);
    CHECK(!kin__stack_get(pool, SIZE_MAX, NULL));
    CHECK(!kin__stack_get(pool, (size_t)1 << 50, NULL));
    kin__stack_pool_free(pool);
}

TEST(pool_used_is_what_was_touched)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    kin__stack *stack = kin__stack_get(pool, 0, NULL);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *top_byte(stack) = 1;
    CHECK(kin__stack_used(stack) <= page);
    *(top_byte(stack) - 20000) = 1;
    CHECK(kin__stack_used(stack) > 20000);
    CHECK(kin__stack_used(stack) < 20001 + page);
    *stack->low = 1;
    CHECK(kin__stack_used(stack) >= kin__stack_size(stack));
    kin__stack_put(pool, stack);
    kin__stack_pool_free(pool);
}

/* --- reuse ------------------------------------------------------------- */

TEST(pool_the_last_one_put_is_the_next_one_got)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    kin__stack *a = kin__stack_get(pool, 0, NULL);
    kin__stack *b = kin__stack_get(pool, 0, NULL);
    kin__stack *big = kin__stack_get(pool, 1 << 20, NULL);
    REQUIRE(a && b && big && a != b);
    memset(top_byte(a) - 999, 'a', 1000);
    kin__stack_put(pool, a);
    kin__stack_put(pool, big);
    kin__stack_put(pool, b);
    /* What runs on a put stack goes on there until the next get. */
    CHECK_EQ(*top_byte(a), 'a');
    CHECK_EQ(*(top_byte(a) - 999), 'a');
    CHECK_EQ(kin__stack_get(pool, 0, NULL), b);
    CHECK_EQ(kin__stack_get(pool, 0, NULL), a);
    CHECK_EQ(kin__stack_get(pool, 1 << 20, NULL), big);
    kin__stack_pool_free(pool);
}

TEST(pool_tops_do_not_share_cache_sets)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    uint64_t seen = 0;
    for (int i = 0; i < KIN__COLOURS; i++) {
        kin__stack *stack = kin__stack_get(pool, 0, NULL);
        uintptr_t in_page = (uintptr_t)kin__stack_top(stack) % 4096;
        CHECK(in_page >= 2560);
        seen |= (uint64_t)1 << in_page / 64;
    }
    CHECK_EQ(__builtin_popcountll(seen), KIN__COLOURS);
    kin__stack_pool_free(pool);
}

/* --- guards ------------------------------------------------------------ */

static void write_to(void *at)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)at = 1;
}

static bool kills(char *at)
{
    int status;
    in_child_process(write_to, at, &status);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void check_guards(kin__stack_pool *pool)
{
    for (int i = 0; i < 40; i++) {
        kin__stack *stack = kin__stack_get(pool, i % 2 ? 0 : 1 << 20, NULL);
        REQUIRE(stack);
        if (i > 1 && i < 36)
            continue;
        CHECK(!kills(stack->low));
        CHECK(kills(stack->low - 1));
        CHECK(kills(stack->low - stack->chunk->class->guard));
    }
    kin__stack_pool_free(pool);
}

TEST(pool_guards_kill)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    REQUIRE(pool);
    check_guards(pool);
}

TEST(pool_guards_of_mprotect_kill)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    REQUIRE(pool);
    pool->guards = KIN__GUARD_PROTECT;
    check_guards(pool);
}

static void gets_and_writes_to_its_guard(void *arg)
{
    for (int i = 0; i < 100; i++)
        kin__stack_get(arg, 0, NULL);
    write_to(kin__stack_get(arg, 0, NULL)->low - 1);
}

TEST(pool_guards_are_made_after_a_fork)
{
    int status;
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    kin__stack_get(pool, 0, NULL);
    in_child_process(gets_and_writes_to_its_guard, pool, &status);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    kin__stack_pool_free(pool);
}

TEST(pool_unguarded_has_none)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, true, NULL);
    kin__stack_get(pool, 0, NULL);
    kin__stack *stack = kin__stack_get(pool, 0, NULL);
    REQUIRE(stack);
    CHECK(!kills(stack->low - 1));
    kin__stack_pool_free(pool);
}

static long limit_of_mappings(void)
{
    long limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (file && fscanf(file, "%ld", &limit) != 1)
        limit = 0;
    if (file)
        fclose(file);
    return limit;
}

/* In a process of its own, which has no mapping left afterwards. */
static void gets_until_no_guard_is_left(void *arg)
{
    long most = *(long *)arg, got = 0;
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    pool->guards = KIN__GUARD_PROTECT;
    kin__stack *stack, *last = NULL;
    while (got < most && (stack = kin__stack_get(pool, 0, NULL))) {
        last = stack;
        got++;
    }
    if (got == most || got < most / 2 - 5000)
        _exit(1);
    if (kin__stack_get(pool, 0, NULL))
        _exit(2);
    kin__stack_put(pool, last);
    if (kin__stack_get(pool, 0, NULL) != last)
        _exit(3);
    kin__stack_pool_free(pool);
    _exit(0);
}

TEST(pool_gives_nothing_when_guards_are_out)
{
    int status;
    long limit = limit_of_mappings();
    if (slowed_down() || limit == 0 || limit > 200000)
        SKIP("would take long");
    const char *said =
        in_child_process(gets_until_no_guard_is_left, &limit, &status);
    CHECK_STR(said, "");
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* --- many -------------------------------------------------------------- */

TEST(pool_a_million_need_few_mappings_and_a_page_each)
{
    long count = 1000000, page = sysconf(_SC_PAGESIZE);
    if (slowed_down())
        count = 1000;
    while (count > 1000 && count * page > available_bytes() / 2)
        count /= 2;
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    long mappings_before = mappings(), bytes_before = resident_bytes(), got = 0;
    for (; got < count; got++) {
        kin__stack *stack = kin__stack_get(pool, 0, NULL);
        if (!stack)
            break;
        *(top_byte(stack) - 2048) = 1;
    }
    if (pool->guards == KIN__GUARD_PROTECT) {
        kin__stack_pool_free(pool);
        SKIP("the kernel has no MADV_GUARD_INSTALL");
    }
    CHECK_EQ(got, count);
    if (!slowed_down()) { /* tools map memory of their own */
        CHECK(mappings() - mappings_before < 50);
        CHECK((resident_bytes() - bytes_before) / count <= page + 16);
    }
    kin__stack_pool_free(pool);
}

static long get_all(kin__stack_pool *pool, kin__stack **stacks, long count)
{
    long got = 0;
    for (; got < count; got++)
        if (!(stacks[got] = kin__stack_get(pool, 0, NULL)))
            break;
    return got;
}

static void put_all(kin__stack_pool *pool, kin__stack **stacks, long count)
{
    for (long i = 0; i < count; i++)
        kin__stack_put(pool, stacks[i]);
}

static long trim_all(kin__stack_pool *pool)
{
    long calls = 1;
    while (kin__stack_pool_trim(pool))
        calls++;
    return calls;
}

TEST(pool_trim_gives_back_what_was_not_needed)
{
    enum { COUNT = 3000 };
    static kin__stack *stacks[COUNT];
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    size_t slots[2];
    REQUIRE(pool);
    for (int round = 0; round < 3; round++) {
        REQUIRE(get_all(pool, stacks, COUNT) == COUNT);
        slots[0] = pool->usual->slots;
        put_all(pool, stacks, COUNT);
        long bytes = resident_bytes();
        CHECK_EQ(trim_all(pool), 1); /* all were needed a moment ago */
        CHECK_EQ(pool->usual->warm_count, COUNT);
        CHECK(trim_all(pool) > 3);
        CHECK_EQ(trim_all(pool), 1);
        CHECK_EQ(pool->usual->warm_count, 256);
        if (!slowed_down())
            CHECK(resident_bytes() < bytes - (COUNT - 300) * 4096L);
        slots[1] = pool->usual->slots;
        CHECK(slots[1] < slots[0]);
    }
    /* A cold slot kept its guard. */
    REQUIRE(get_all(pool, stacks, COUNT) == COUNT);
    for (int i = 0; i < COUNT; i += 700)
        CHECK(kills(stacks[i]->low - 1));
    kin__stack_pool_free(pool);
}

TEST(pool_trim_leaves_what_is_in_use)
{
    enum { COUNT = 2000 };
    static kin__stack *stacks[COUNT];
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    REQUIRE(get_all(pool, stacks, COUNT) == COUNT);
    for (int i = 0; i < COUNT; i++) {
        memset(top_byte(stacks[i]) - 99, i % 100, 100);
        if (i % 10)
            kin__stack_put(pool, stacks[i]);
    }
    trim_all(pool);
    trim_all(pool);
    CHECK_EQ(pool->usual->warm_count, 256);
    long wrong = 0;
    for (int i = 0; i < COUNT; i += 10)
        wrong += *top_byte(stacks[i]) != i % 100;
    CHECK_EQ(wrong, 0);
    for (int i = 0; i < COUNT; i++)
        if (i % 10)
            CHECK((stacks[i] = kin__stack_get(pool, 0, NULL)) != NULL);
    put_all(pool, stacks, COUNT);
    kin__stack_pool_free(pool);
}

TEST(pool_surplus_is_used_before_it_is_given_back)
{
    enum { COUNT = 2000 };
    static kin__stack *stacks[COUNT];
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    REQUIRE(get_all(pool, stacks, COUNT) == COUNT);
    put_all(pool, stacks, COUNT);
    kin__stack_pool_trim(pool);
    CHECK(kin__stack_pool_trim(pool));
    CHECK_EQ(get_all(pool, stacks, COUNT), COUNT);
    for (int i = 0; i < COUNT; i++)
        *top_byte(stacks[i]) = 1;
    CHECK(!kin__stack_pool_trim(pool));
    put_all(pool, stacks, COUNT);
    CHECK_EQ(pool->usual->warm_count, COUNT);
    kin__stack_pool_free(pool);
}

/* --- without memory ---------------------------------------------------- */

typedef struct failing {
    long asked, at;
} failing;

static bool fails_once(void *context)
{
    failing *self = context;
    return self->asked++ == self->at;
}

static bool fails_from_then_on(void *context)
{
    failing *self = context;
    return self->asked++ >= self->at;
}

/* How many of what it wanted it could not have. */
static int wants_stacks(void)
{
    kin__stack *got[200];
    int failed = 0;
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    if (!pool)
        return 1;
    for (int i = 0; i < 200; i++) {
        got[i] = kin__stack_get(pool, i % 3 ? 0 : 1 << 20, NULL);
        failed += !got[i];
    }
    for (int i = 0; i < 200; i++)
        if (got[i])
            kin__stack_put(pool, got[i]);
    kin__stack_pool_free(pool);
    return failed;
}

static void fail_everywhere(bool (*fail)(void *))
{
    failing plan = {0, 0};
    long before = mappings();
    bool reached = true;
    harness_heap.context = &plan;
    for (; reached; plan.at++) {
        plan.asked = 0;
        harness_heap.fail = fail;
        int failed = wants_stacks();
        harness_heap.fail = NULL;
        reached = plan.asked > plan.at;
        if (!reached)
            CHECK_EQ(failed, 0);
        if (reached && fail == fails_from_then_on)
            CHECK(failed > 0);
    }
    CHECK(plan.at > 200);
    if (!slowed_down())
        CHECK(labs(mappings() - before) < 5);
}

TEST(pool_any_allocation_may_fail)
{
    fail_everywhere(fails_once);
}

TEST(pool_all_allocations_may_fail_from_some_point_on)
{
    fail_everywhere(fails_from_then_on);
}

static void gets_in_a_small_address_space(void *arg)
{
    (void)arg;
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    struct rlimit limit = {.rlim_cur = 256 << 20, .rlim_max = 256 << 20};
    if (!pool || setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(2);
    long got = 0;
    while (kin__stack_get(pool, 0, NULL))
        got++;
    kin__stack_pool_free(pool);
    /* More than a doubling chunk alone would have found room for. */
    _exit(got > 2500 && got < 4096 ? 0 : 3);
}

TEST(pool_uses_a_small_address_space_to_the_end)
{
    int status;
    if (slowed_down())
        SKIP("the tool needs the address space");
    in_child_process(gets_in_a_small_address_space, NULL, &status);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}
