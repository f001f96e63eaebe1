/* The switch: values and registers go through it, and unwinders can. */
#include "context/context.h"
#include "context/tools.h"
#include "harness.h"

#include <execinfo.h>
#include <stdlib.h>
#include <unistd.h>

/* A task of these tests: all it needs to be gone to and gone back from. */
typedef struct fiber {
    kin__context context;
    kin__stack *stack; /* NULL: the thread's own */
    struct fiber *next;
    struct fiber *home;
    void (*run)(struct fiber *);
    void *got;
    long count;
} fiber;

static void *go(fiber *from, fiber *to, void *value)
{
    kin__context_leaving(from->stack, to->stack, false);
    void *got = kin__switch(&from->context, &to->context, value);
    kin__context_arrived(from->stack);
    return got;
}

static void entry(void *arg)
{
    fiber *self = arg;
    kin__context_arrived(self->stack);
    self->run(self);
    kin__context_leaving(self->stack, self->home->stack, true);
    kin__switch(&self->context, &self->home->context, self);
    abort();
}

static bool start(fiber *self, fiber *home, kin__stack_pool *pool,
                  void (*run)(fiber *))
{
    self->stack = kin__stack_get(pool, 0, NULL);
    if (!CHECK(self->stack))
        return false;
    self->home = home;
    self->run = run;
    kin__context_start(&self->context, self->stack, entry, self);
    return true;
}

/* --- values ------------------------------------------------------------ */

static void echoes(fiber *self)
{
    static int answer;
    self->got = go(self, self->home, &answer);
    self->got = go(self, self->home, self->got);
}

TEST(switch_hands_its_value_over)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber home = {.stack = NULL}, other = {.stack = NULL};
    int here;
    REQUIRE(pool && start(&other, &home, pool, echoes));
    void *first = go(&home, &other, NULL);
    CHECK(first != NULL);
    CHECK_EQ(go(&home, &other, &here), &here);
    CHECK_EQ(go(&home, &other, NULL), &other);
    CHECK_EQ(other.got, NULL);
    kin__stack_put(pool, other.stack);
    kin__stack_pool_free(pool);
}

/* --- registers --------------------------------------------------------- */

#if KIN__SWITCH_ASM && defined(__x86_64__)
/* Fills every register that a callee must save with `pattern` and more, goes
   through kin__switch, and says which are not as they were (a bit each). */
unsigned registers_lost(kin__context *from, kin__context *to,
                        uintptr_t pattern);
__asm__(".text\n"
        "registers_lost:\n"
        "    pushq %rbx\n    pushq %rbp\n    pushq %r12\n"
        "    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    pushq %rdx\n"
        "    leaq 1(%rdx), %rbx\n    leaq 2(%rdx), %rbp\n"
        "    leaq 3(%rdx), %r12\n    leaq 4(%rdx), %r13\n"
        "    leaq 5(%rdx), %r14\n    leaq 6(%rdx), %r15\n"
        "    call kin__switch\n"
        "    popq %rdx\n"
        "    subq %rdx, %rbx\n    subq %rdx, %rbp\n    subq %rdx, %r12\n"
        "    subq %rdx, %r13\n    subq %rdx, %r14\n    subq %rdx, %r15\n"
        "    xorl $1, %ebx\n    xorl $2, %ebp\n    xorl $3, %r12d\n"
        "    xorl $4, %r13d\n    xorl $5, %r14d\n    xorl $6, %r15d\n"
        "    movl %ebx, %eax\n    orl %ebp, %eax\n    orl %r12d, %eax\n"
        "    orl %r13d, %eax\n    orl %r14d, %eax\n    orl %r15d, %eax\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n"
        "    popq %r12\n    popq %rbp\n    popq %rbx\n"
        "    ret\n");

static unsigned lose(fiber *from, fiber *to, uintptr_t pattern)
{
    kin__context_leaving(from->stack, to->stack, false);
    unsigned lost = registers_lost(&from->context, &to->context, pattern);
    kin__context_arrived(from->stack);
    return lost;
}

static void fills_registers(fiber *self)
{
    for (uintptr_t i = 0; i < 3; i++)
        self->count += lose(self, self->home, 0x1111111111110000 * (i + 1));
}

TEST(switch_keeps_the_callees_registers)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber home = {.stack = NULL}, other = {.count = 0};
    REQUIRE(pool && start(&other, &home, pool, fills_registers));
    for (uintptr_t i = 0; i < 4; i++)
        CHECK_EQ(lose(&home, &other, 0x2222222222220000 * (i + 1)), 0);
    CHECK_EQ(other.count, 0);
    kin__stack_put(pool, other.stack);
    kin__stack_pool_free(pool);
}
#endif

/* Enough at once that some are in registers, whatever the machine. */
static void computes(fiber *self)
{
    double x[8];
    long n[8];
    for (int i = 0; i < 8; i++) {
        n[i] = self->count * (i + 1);
        x[i] = (double)n[i] / 2;
    }
    go(self, self->next, NULL);
    long bad = 0;
    for (int i = 0; i < 8; i++)
        bad += n[i] != self->count * (i + 1) || x[i] * 2 != (double)n[i];
    char text[32]; /* a variadic call with doubles needs an aligned stack */
    snprintf(text, sizeof text, "%.1f", (double)self->count / 2);
    bad += (long)(strtod(text, NULL) * 2) != self->count;
    self->count = bad;
}

TEST(switch_keeps_what_is_live)
{
    enum { FIBERS = 16 };
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber home = {.stack = NULL}, ring[FIBERS] = {{.count = 0}};
    REQUIRE(pool);
    for (int i = 0; i < FIBERS; i++) {
        REQUIRE(start(&ring[i], &home, pool, computes));
        ring[i].count = 1000 + i;
        ring[i].next = i + 1 < FIBERS ? &ring[i + 1] : &home;
    }
    go(&home, &ring[0], NULL);
    for (int i = 0; i < FIBERS; i++) {
        CHECK_EQ(go(&home, &ring[i], NULL), &ring[i]);
        CHECK_EQ(ring[i].count, 0);
        kin__stack_put(pool, ring[i].stack);
    }
    kin__stack_pool_free(pool);
}

/* --- many -------------------------------------------------------------- */

static void goes_round(fiber *self)
{
    for (;;) {
        self->count++;
        go(self, self->next, NULL);
    }
}

TEST(switch_goes_round_a_ring_of_10000)
{
    int fibers = 10000, rounds = 20;
#ifdef KIN__TSAN
    fibers = 2000; /* it knows no more than 8,128 */
#endif
    if (kin__tools_on_valgrind())
        fibers = 500; /* it looks for each in a list */
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber *ring = calloc((size_t)fibers, sizeof *ring), home = {.count = 0};
    REQUIRE(pool && ring);
    for (int i = 0; i < fibers; i++) {
        REQUIRE(start(&ring[i], &home, pool, goes_round));
        ring[i].next = i + 1 < fibers ? &ring[i + 1] : &home;
    }
    for (int i = 0; i < rounds; i++)
        go(&home, &ring[0], NULL);
    long wrong = 0;
    for (int i = 0; i < fibers; i++)
        wrong += ring[i].count != rounds;
    CHECK_EQ(wrong, 0);
    free(ring);
    kin__stack_pool_free(pool);
}

/* --- stacks that are left without returning ------------------------------ */

static void writes_over(char *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((volatile char *)at)[i] = 1;
}

static __attribute__((noinline)) void leaves_deep(fiber *self, int depth)
{
    char room[200];
    writes_over(room, sizeof room);
    if (depth > 0)
        leaves_deep(self, depth - 1);
    else
        go(self, self->home, NULL);
    writes_over(room, sizeof room);
}

static void leaves(fiber *self)
{
    leaves_deep(self, 20);
}

static void fills_its_stack(fiber *self)
{
    char room[8000];
    writes_over(room, sizeof room);
    self->count = room[100];
}

TEST(switch_a_stack_left_in_the_middle_can_be_used_again)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber home = {.stack = NULL}, other = {.count = 0};
    REQUIRE(pool);
    for (int i = 0; i < 3; i++) {
        REQUIRE(start(&other, &home, pool, leaves));
        go(&home, &other, NULL);
        kin__stack_put(pool, other.stack);
        REQUIRE(start(&other, &home, pool, fills_its_stack));
        CHECK_EQ(go(&home, &other, NULL), &other);
        CHECK_EQ(other.count, 1);
        kin__stack_put(pool, other.stack);
    }
    kin__stack_pool_free(pool);
}

/* --- unwinding --------------------------------------------------------- */

enum { FRAMES = 64 };
static int frames_at[2];

static __attribute__((noinline)) int count_frames(int deeper)
{
    void *frames[FRAMES];
    int count =
        deeper > 0 ? count_frames(deeper - 1) : backtrace(frames, FRAMES);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return count;
}

static void counts_frames(fiber *self)
{
    frames_at[0] = count_frames(0);
    go(self, self->home, NULL);
    frames_at[1] = count_frames(10);
}

TEST(switch_backtrace_ends_at_the_first_function)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber home = {.stack = NULL}, other = {.count = 0};
    REQUIRE(pool && start(&other, &home, pool, counts_frames));
    go(&home, &other, NULL);
    go(&home, &other, NULL);
    /* count_frames, counts_frames, entry, and where contexts begin; sanitizers
       put themselves into backtrace. */
    CHECK(frames_at[0] >= 3 && frames_at[0] <= 6);
    CHECK_EQ(frames_at[1], frames_at[0] + 10);
    kin__stack_put(pool, other.stack);
    kin__stack_pool_free(pool);
}

/* What gdb below stops in. */
__attribute__((noinline)) static void shown_to_gdb(void)
{
    __asm__ volatile("" ::: "memory");
}

static void shows_itself(fiber *self)
{
    shown_to_gdb();
    go(self, self->home, NULL);
    shown_to_gdb();
}

TEST(switch_target_of_gdb)
{
    kin__stack_pool *pool = kin__stack_pool_new(0, false, NULL);
    fiber home = {.stack = NULL}, other = {.count = 0};
    REQUIRE(pool && start(&other, &home, pool, shows_itself));
    go(&home, &other, NULL);
    go(&home, &other, NULL);
    kin__stack_put(pool, other.stack);
    kin__stack_pool_free(pool);
}

/* Runs the test above in gdb; what gdb said, to be freed. */
static char *gdb(const char *commands)
{
    char program[512], line[2048], *text = NULL;
    size_t size = 0;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    snprintf(line, sizeof line,
             "ASAN_OPTIONS=detect_leaks=0 gdb -nx -batch -ex 'set width 0' "
             "-ex 'set debuginfod enabled off' %s --args '%s' target_of_gdb "
             "2>&1 </dev/null",
             commands, program);
    FILE *out = popen(line, "r");
    FILE *memory = open_memstream(&text, &size);
    for (int c; out && memory && (c = getc(out)) != EOF;)
        putc(c, memory);
    if (memory)
        fclose(memory);
    if (out)
        pclose(out);
    return text;
}

static int occurrences(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

static bool have_gdb(void)
{
    /* What is looked for below is how the assembly looks. */
    if (kin__tools_on_valgrind() || !KIN__SWITCH_ASM)
        return false;
    char *text = gdb("-ex 'break shown_to_gdb' -ex run");
    bool have = text && strstr(text, "Breakpoint 1, ");
    free(text);
    return have;
}

TEST(switch_gdb_backtrace_ends_cleanly)
{
    if (!have_gdb())
        SKIP("no gdb that can run programs");
    char *text = gdb("-ex 'break shown_to_gdb' -ex run -ex bt "
                     "-ex 'echo END\\n'");
    if (!CHECK(strstr(text, " in entry (")) ||
        !CHECK(strstr(text, "context_begin ()")) ||
        !CHECK(!strstr(text, "Backtrace stopped")) ||
        !CHECK(!strstr(text, "?? ()")) || !CHECK(!strstr(text, " main (")))
        fputs(text, stderr);
    free(text);
}

/* On the task's side of the switch a backtrace must end in the task, and on the
   other in main. */
TEST(switch_gdb_unwinds_from_every_instruction)
{
    enum { STEPS = 24 };
    if (!have_gdb())
        SKIP("no gdb that can run programs");
    FILE *script = fopen("steps.gdb", "w");
    REQUIRE(script);
    fputs("break shown_to_gdb\nrun\ntbreak *kin__switch\ncontinue\n", script);
    for (int i = 0; i < STEPS; i++)
        fputs("bt\nstepi\n", script);
    fclose(script);
    char *text = gdb("-x steps.gdb");
    unlink("steps.gdb");
    char *steps = strstr(text, "Temporary breakpoint 2, ");
    REQUIRE(steps);
    int ended_in_task = occurrences(steps, "context_begin ()");
    int ended_in_main = occurrences(steps, " main (");
    if (!CHECK(ended_in_task > 5) || !CHECK(ended_in_main > 5) ||
        !CHECK_EQ(ended_in_task + ended_in_main, STEPS) ||
        !CHECK(!strstr(steps, "Backtrace stopped")) ||
        !CHECK(!strstr(steps, "?? ()")))
        fputs(text, stderr);
    free(text);
}
