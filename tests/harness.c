/* harness.c: see harness.h. Everything here is static memory, so that the
   harness itself adds nothing to what it counts. Checks may come from any task
   and any thread: one lock guards what they write. */
#include "harness.h"

#include "error/error.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SEEDS = 9,
    TEXT_SIZE = 1 << 16,
    TEXTS = 16,
    SHAPE_SIZE = 1 << 12,
    DEFAULT_TIMEOUT = 20,
};

KIN_DEFINE_KIND(TEST_V, "V", KIN_FAILURE);
KIN_DEFINE_KIND(TEST_T, "T", KIN_FAILURE);
KIN_DEFINE_KIND(TEST_K, "K", KIN_FAILURE);

kin__alloc_probe harness_heap;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static harness_test *tests;

/* The test that runs. */
static const char *running = "";
static char first_failure[1024];
static bool failed;
static char skipped_why[256];
static bool skipped;
static long long seed_now = -1;
static char notes[TEXT_SIZE];
static char unhandled_text[TEXT_SIZE];
static bool unhandled_asked;

/* --- tests ------------------------------------------------------------- */

/* In the order of their lines; which constructor runs first is nobody's
   promise. */
void harness_register(harness_test *test)
{
    harness_test **place = &tests;
    while (*place && (strcmp((*place)->file, test->file) != 0 ||
                      (*place)->line < test->line))
        place = &(*place)->next;
    test->next = *place;
    *place = test;
}

void harness_skip(const char *why)
{
    skipped = true;
    snprintf(skipped_why, sizeof skipped_why, "%s", why);
}

/* --- checks ------------------------------------------------------------ */

/* Every line of a text that may have several. */
static void print_lines(const char *text)
{
    for (; *text; text++) {
        putchar(*text);
        if (*text == '\n')
            fputs("#     ", stdout);
    }
    putchar('\n');
}

void harness_fail(const char *file, int line, const char *format, ...)
{
    static char text[TEXT_SIZE];
    char seed[32] = "";
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    va_list arguments;
    pthread_mutex_lock(&lock);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (seed_now >= 0)
        snprintf(seed, sizeof seed, " (seed %lld)", seed_now);
    printf("# %s:%d%s: ", base, line, seed);
    print_lines(text);
    fflush(stdout);
    if (!failed)
        snprintf(first_failure, sizeof first_failure, "%s:%d%s: %.900s", base,
                 line, seed, text);
    for (char *at = first_failure; *at; at++)
        if (*at == '\n')
            *at = ' ';
    failed = true;
    pthread_mutex_unlock(&lock);
}

bool harness_check(const char *file, int line, const char *expression,
                   bool held)
{
    if (!held)
        harness_fail(file, line, "%s", expression);
    return held;
}

bool harness_check_eq(const char *file, int line, const char *a_text,
                      const char *b_text, long long a, long long b)
{
    if (a == b)
        return true;
    bool addresses = a > 0xffffffffLL || b > 0xffffffffLL;
    if (addresses)
        harness_fail(file, line, "%s == %s: %lld (%#llx) and %lld (%#llx)",
                     a_text, b_text, a, (unsigned long long)a, b,
                     (unsigned long long)b);
    else
        harness_fail(file, line, "%s == %s: %lld and %lld", a_text, b_text, a,
                     b);
    return false;
}

bool harness_check_str(const char *file, int line, const char *a_text,
                       const char *b_text, const char *a, const char *b)
{
    if (a == b || (a && b && strcmp(a, b) == 0))
        return true;
    harness_fail(file, line, "%s is \"%s\", not %s", a_text, a ? a : "(null)",
                 b_text);
    return false;
}

bool harness_check_contains(const char *file, int line, const char *text,
                            const char *haystack, const char *needle)
{
    if (haystack && needle && strstr(haystack, needle))
        return true;
    harness_fail(file, line, "%s is \"%s\", without \"%s\"", text,
                 haystack ? haystack : "(null)", needle ? needle : "(null)");
    return false;
}

bool harness_check_outcome(const char *file, int line, const char *error_text,
                           const char *b_text, kin_error *error, const char *b)
{
    bool held =
        harness_check_str(file, line, error_text, b_text, shape(error), b);
    kin_error_free(error);
    return held;
}

/* --- words ------------------------------------------------------------- */

/* Adds a word to a list of words; one that does not fit ends it with "...". */
static void add_word(char *list, const char *word)
{
    size_t used = strlen(list);
    if (used + strlen(word) + 8 > TEXT_SIZE) {
        if (used < 4 || strcmp(list + used - 4, " ...") != 0)
            memcpy(list + used, " ...", 5);
        return;
    }
    snprintf(list + used, TEXT_SIZE - used, "%s%s", used ? " " : "", word);
}

void harness_note(const char *format, ...)
{
    char word[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(word, sizeof word, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&lock);
    add_word(notes, word);
    pthread_mutex_unlock(&lock);
}

const char *harness_log(void)
{
    return notes;
}

void harness_log_clear(void)
{
    notes[0] = '\0';
}

static int by_alphabet(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *harness_log_sorted(void)
{
    static char copy[TEXT_SIZE], sorted[TEXT_SIZE];
    static char *words[TEXT_SIZE / 2];
    size_t count = 0;
    memcpy(copy, notes, sizeof copy);
    for (char *rest = copy, *word; (word = strsep(&rest, " "));)
        if (*word)
            words[count++] = word;
    qsort(words, count, sizeof *words, by_alphabet);
    sorted[0] = '\0';
    for (size_t i = 0; i < count; i++)
        add_word(sorted, words[i]);
    return sorted;
}

/* --- errors ------------------------------------------------------------ */

static const kin_error *find_leaf(const kin_error *error, size_t *skip,
                                  const kin_kind *kind)
{
    size_t count = kin_error_count(error);
    if (count == 0) {
        if (kind && !kin_error_is(error, kind))
            return NULL;
        return (*skip)-- == 0 ? error : NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const kin_error *found =
            find_leaf(kin_error_member(error, i), skip, kind);
        if (found)
            return found;
    }
    return NULL;
}

const kin_error *leaf(const kin_error *error, size_t index)
{
    return error ? find_leaf(error, &index, NULL) : NULL;
}

const kin_error *leaf_of(const kin_error *error, const kin_kind *kind)
{
    size_t skip = 0;
    return error ? find_leaf(error, &skip, kind) : NULL;
}

size_t leaf_count(const kin_error *error)
{
    if (!error)
        return 0;
    size_t members = kin_error_count(error), leaves = members ? 0 : 1;
    for (size_t i = 0; i < members; i++)
        leaves += leaf_count(kin_error_member(error, i));
    return leaves;
}

/* The names are the documents', whatever the runtime prints. */
static const char *name_of(const kin_kind *kind)
{
    static const struct {
        const kin_kind *kind;
        const char *name;
    } names[] = {
        {&KIN_BASE, "BASE"},
        {&KIN_CANCELLED, "CANCELLED"},
        {&KIN_GENERATOR_EXIT, "GENERATOR_EXIT"},
        {&KIN_INTERRUPT, "INTERRUPT"},
        {&KIN_EXIT, "EXIT"},
        {&KIN_ERROR_GROUP, "ERROR_GROUP"},
        {&KIN_FAILURE, "FAILURE"},
        {&KIN_TIMEOUT, "TIMEOUT"},
        {&KIN_OS, "OS"},
        {&KIN_CLOSED, "CLOSED"},
        {&KIN_BROKEN, "BROKEN"},
        {&KIN_END, "END"},
        {&KIN_BUSY, "BUSY"},
        {&KIN_WOULD_BLOCK, "WOULD_BLOCK"},
        {&KIN_NO_MEMORY, "NO_MEMORY"},
        {&KIN_MISUSE, "MISUSE"},
        {&KIN_INTERNAL, "INTERNAL"},
        {&KIN_DEADLOCK, "DEADLOCK"},
        {&KIN_PROCESS_FAILED, "PROCESS_FAILED"},
        {&KIN_REMOTE, "REMOTE"},
        {&KIN_YIELD_PREVENTED, "YIELD_PREVENTED"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].kind == kind)
            return names[i].name;
    return kind->name;
}

static char *printed(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static char *printed(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

static char *shape_of_leaf(const kin_error *error)
{
    const kin_kind *kind = kin_error_kind(error);
    if (kind == &TEST_V || kind == &TEST_T || kind == &TEST_K)
        return printed("%s%s", kind->name, kin_error_message(error));
    if (kind == &KIN_EXIT || kind == &KIN_OS)
        return printed("%s(%d)", name_of(kind), kin_error_code(error));
    return printed("%s", name_of(kind));
}

/* On the heap and not on the caller's stack, which may be a small one. A deep
   tree ends in "..." rather than in a full stack. */
static char *shape_of(const kin_error *error, bool sorted, int depth)
{
    size_t count = kin_error_count(error);
    if (count == 0)
        return shape_of_leaf(error);
    if (depth == 0)
        return printed("...");
    char **members = calloc(count, sizeof *members);
    if (!members)
        abort();
    for (size_t i = 0; i < count; i++)
        members[i] = shape_of(kin_error_member(error, i), sorted, depth - 1);
    if (sorted)
        qsort(members, count, sizeof *members, by_alphabet);
    char *all = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&all, &size);
    if (!stream)
        abort();
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "%s%s", i ? ", " : "G[", members[i]);
        free(members[i]);
    }
    fputs("]", stream);
    fclose(stream);
    free(members);
    return all;
}

static char *next_text(void)
{
    static char texts[TEXTS][SHAPE_SIZE];
    static unsigned turn;
    return texts[__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % TEXTS];
}

static const char *any_shape(const kin_error *error, bool sorted)
{
    if (!error)
        return "OK";
    char *text = next_text();
    char *whole = shape_of(error, sorted, 12);
    snprintf(text, SHAPE_SIZE, "%s", whole);
    free(whole);
    return text;
}

const char *shape(const kin_error *error)
{
    return any_shape(error, false);
}

const char *shape_sorted(const kin_error *error)
{
    return any_shape(error, true);
}

const char *scope_state(const kin_scope *scope)
{
    char *text = next_text();
    snprintf(text, SHAPE_SIZE, "called=%d caught=%d",
             kin_scope_cancel_called(scope), kin_scope_cancelled_caught(scope));
    return text;
}

/* --- running ----------------------------------------------------------- */

void record_unhandled(const kin_error *error, const char *task, void *context)
{
    (void)context;
    char *word = next_text();
    snprintf(word, SHAPE_SIZE, "%s:%s", task ? task : "", shape(error));
    pthread_mutex_lock(&lock);
    add_word(unhandled_text, word);
    unhandled_asked = false;
    pthread_mutex_unlock(&lock);
}

const char *unhandled(void)
{
    unhandled_asked = true;
    return unhandled_text;
}

kin_error *run_virtual_at(const kin_site *site, kin_fn *fn, void *arg,
                          uint64_t seed)
{
    const kin_run_options options = {.clock = KIN_CLOCK_VIRTUAL,
                                     .seed = seed,
                                     .unhandled = record_unhandled};
    return kin_run_at(site, fn, arg, &options);
}

kin_error *works(void *arg)
{
    work *job = arg;
    if (job->after)
        KIN_TRY(kin_sleep(job->after));
    if (job->note)
        NOTE("%s", job->note);
    if (!job->kind)
        return NULL;
    kin_error *err = kin_fail(job->kind, "%s", job->text ? job->text : "");
    job->made = err;
    return err;
}

kin_error *sleeps_forever(void *arg)
{
    (void)arg;
    return kin_sleep_forever();
}

static void begin_stretch(void)
{
    if (unhandled_text[0] && !unhandled_asked)
        FAIL("unhandled, and not expected: %s", unhandled_text);
    unhandled_text[0] = '\0';
    unhandled_asked = false;
    harness_log_clear();
}

bool harness_begin_seed(uint64_t seed)
{
    begin_stretch();
    seed_now = seed < SEEDS ? (long long)seed : -1;
    return seed < SEEDS;
}

const char *in_child_process(void (*fn)(void *), void *arg, int *status)
{
    static char text[TEXT_SIZE];
    int ends[2];
    text[0] = '\0';
    *status = -1;
    fflush(stdout);
    fflush(stderr);
    if (pipe(ends) != 0)
        return text;
    pid_t child = fork();
    if (child == 0) {
        alarm(DEFAULT_TIMEOUT);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        fn(arg);
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    while (child > 0) {
        ssize_t got = read(ends[0], text + used, sizeof text - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    text[used] = '\0';
    close(ends[0]);
    while (child > 0 && waitpid(child, status, 0) < 0 && errno == EINTR)
        ;
    return text;
}

/* --- what must not leak ------------------------------------------------ */

typedef struct counts {
    long descriptors, blocks, errors, threads, children;
} counts;

static long entries(const char *folder)
{
    long count = 0;
    DIR *open = opendir(folder);
    if (!open)
        return 0;
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

static counts count_all(void)
{
    siginfo_t info;
    return (counts){
        .descriptors = entries("/proc/self/fd"),
        .blocks = __atomic_load_n(&harness_heap.live, __ATOMIC_RELAXED),
        .errors = (long)kin__error_live(),
        .threads = entries("/proc/self/task"),
        .children = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0,
    };
}

static bool agree(counts a, counts b)
{
    return a.descriptors == b.descriptors && a.blocks == b.blocks &&
           a.errors == b.errors && a.threads == b.threads &&
           a.children == b.children;
}

static void say_left(char *text, size_t size, long count, const char *what)
{
    size_t used = strlen(text);
    if (count)
        snprintf(text + used, size - used, " %+ld %s", count, what);
}

static void check_counts(const harness_test *test, counts before)
{
    counts after = count_all();
    /* A thread that was joined may stand in /proc for a moment longer. */
    for (int i = 0; i < 200 && after.threads > before.threads; i++) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        after = count_all();
    }
    if (agree(before, after))
        return;
    char text[256] = "";
    say_left(text, sizeof text, after.descriptors - before.descriptors,
             "descriptors");
    say_left(text, sizeof text, after.blocks - before.blocks, "blocks");
    say_left(text, sizeof text, after.errors - before.errors, "errors");
    say_left(text, sizeof text, after.threads - before.threads, "threads");
    say_left(text, sizeof text, after.children - before.children,
             "child processes");
    harness_fail(test->file, test->line, "left behind:%s", text);
}

/* --- the program ------------------------------------------------------- */

static unsigned timeout_seconds(void)
{
    const char *text = getenv("KIN_TEST_TIMEOUT");
    long seconds = text ? strtol(text, NULL, 10) : DEFAULT_TIMEOUT;
    return seconds > 0 ? (unsigned)seconds : DEFAULT_TIMEOUT;
}

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        return;
}

static void hangs(int signal)
{
    (void)signal;
    say("not ok ");
    say(running);
    say(": hangs: its time is over\n");
    abort();
}

static void run_test(const harness_test *test, int *passed, int *bad)
{
    failed = skipped = false;
    first_failure[0] = '\0';
    seed_now = -1;
    notes[0] = unhandled_text[0] = '\0';
    running = test->name;
    printf("# running %s\n", test->name);
    fflush(stdout);
    fflush(stderr);
    counts before = count_all();
    alarm(timeout_seconds());
    test->run();
    alarm(0);
    seed_now = -1;
    begin_stretch();
    harness_heap.fail = NULL;
    harness_heap.context = NULL;
    check_counts(test, before);
    if (failed) {
        printf("not ok %s: %s\n", test->name, first_failure);
        ++*bad;
    } else if (skipped) {
        printf("skip %s: %s\n", test->name, skipped_why);
    } else {
        printf("ok %s\n", test->name);
        ++*passed;
    }
    fflush(stdout);
}

static void *nothing(void *arg)
{
    return arg;
}

/* ThreadSanitizer starts a thread of its own with the program's first. */
static void start_the_tools(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    int passed = 0, bad = 0;
    start_the_tools();
    struct sigaction action = {.sa_handler = hangs, .sa_flags = SA_ONSTACK};
    sigaction(SIGALRM, &action, NULL);
    kin__alloc_set_probe(&harness_heap);
    for (const harness_test *test = tests; test; test = test->next)
        if (argc < 2 || strstr(test->name, argv[1]))
            run_test(test, &passed, &bad);
    kin__alloc_set_probe(NULL);
    printf("# %d passed, %d failed\n", passed, bad);
    return bad ? 1 : 0;
}
