/* harness.h: what every test file stands on. A test is

       TEST(b41_child_crash_comes_out_in_a_group)
       {
           ... CHECK(...); CHECK_EQ(a, b); CHECK_STR(a, b);
       }

   and registers itself. The program runs its tests in the order of the file,
   or those whose name contains its first argument, prints a line for each, and
   last `# N passed, M failed`. Before and after each test it counts what must
   not leak: file descriptors, blocks of kin's heap, live errors, threads and
   child processes. */
#ifndef KIN_TESTS_HARNESS_H
#define KIN_TESTS_HARNESS_H

#include <kin.h>

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* --- tests ------------------------------------------------------------- */

typedef struct harness_test {
    const char *name;
    const char *file;
    int line;
    void (*run)(void);
    struct harness_test *next;
} harness_test;

void harness_register(harness_test *);

#define TEST(name_)                                                           \
    static void test_##name_(void);                                           \
    __attribute__((constructor)) static void register_##name_(void)           \
    {                                                                         \
        static harness_test test = {#name_, __FILE__, __LINE__, test_##name_, \
                                    NULL};                                    \
        harness_register(&test);                                              \
    }                                                                         \
    static void test_##name_(void)

/* Ends the test here, as one that was not run. In the test function itself. */
#define SKIP(why)          \
    do {                   \
        harness_skip(why); \
        return;            \
    } while (0)

/* --- checks ------------------------------------------------------------ */

/* A check that fails prints its place and what it saw, marks the test failed,
   and goes on. From any task, any thread. Each says whether it held. */
#define CHECK(condition) \
    harness_check(__FILE__, __LINE__, #condition, (condition))
/* Integers, enumerations and pointers. */
#define CHECK_EQ(a, b) \
    harness_check_eq(__FILE__, __LINE__, #a, #b, (long long)(a), (long long)(b))
#define CHECK_STR(a, b) harness_check_str(__FILE__, __LINE__, #a, #b, (a), (b))
#define CHECK_CONTAINS(haystack, needle) \
    harness_check_contains(__FILE__, __LINE__, #haystack, (haystack), (needle))
/* The tree of an error, as shape() writes it. */
#define CHECK_SHAPE(error, text)                                      \
    harness_check_str(__FILE__, __LINE__, "shape(" #error ")", #text, \
                      shape(error), (text))
/* The same for an error at hand, which is freed. */
#define CHECK_OUTCOME(error, text) \
    harness_check_outcome(__FILE__, __LINE__, #error, #text, (error), (text))

/* What must hold for the rest to make sense: leaves the test function, or, in
   a task, the task function with that value. */
#define REQUIRE(condition)     \
    do {                       \
        if (!CHECK(condition)) \
            return;            \
    } while (0)
#define REQUIRE_OR(condition, value) \
    do {                             \
        if (!CHECK(condition))       \
            return (value);          \
    } while (0)

/* Marks the test failed. */
#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)

/* --- running ----------------------------------------------------------- */

/* kin_run on the virtual clock. What reaches the unhandled hook is recorded
   for CHECK_UNHANDLED; what a test does not ask about fails it. */
#define run_virtual(fn, arg, seed) run_virtual_at(KIN__SITE(#fn), fn, arg, seed)
kin_error *run_virtual_at(const kin_site *, kin_fn *fn, void *arg,
                          uint64_t seed);
kin_unhandled_fn record_unhandled;

/* What many children are: waits `after` (0: not at all, and no checkpoint),
   notes `note` (if any), and fails with `kind` (if any) and `text`. A wait that
   fails is its outcome. */
typedef struct work {
    kin_time after;
    const char *note;
    const kin_kind *kind;
    const char *text;
    const kin_error *made; /* the error that it failed with */
} work;
kin_fn works;
kin_fn sleeps_forever;

/* Runs the block that follows with seed = 0 to 8; starts a new log each time,
   and failed checks name the seed. Do not `break` out of it. */
#define EACH_SEED(seed) \
    for (uint64_t seed = 0; harness_begin_seed(seed); seed++)

/* What the unhandled hook was told since the test (or the seed) began:
   "reader:V1 writer:G[T2]", in order. */
#define CHECK_UNHANDLED(text)                                                \
    harness_check_str(__FILE__, __LINE__, "unhandled()", #text, unhandled(), \
                      (text))
const char *unhandled(void);

/* Runs fn in a child process, and says what it wrote on its standard error,
   and how it ended (as waitpid says it). Good until the next call. */
const char *in_child_process(void (*fn)(void *), void *arg, int *status);

/* --- a log ------------------------------------------------------------- */

/* Adds a word to the log, which each test begins with an empty one of. */
#define NOTE(...) harness_note(__VA_ARGS__)
/* The words so far, with a space between each. */
#define CHECK_LOG(text) \
    harness_check_str(__FILE__, __LINE__, "log", #text, harness_log(), (text))
/* The same words in any order. */
#define CHECK_LOG_SORTED(text)                                  \
    harness_check_str(__FILE__, __LINE__, "log, sorted", #text, \
                      harness_log_sorted(), (text))
const char *harness_log(void);
const char *harness_log_sorted(void);
void harness_log_clear(void);

/* --- errors ------------------------------------------------------------ */

/* Kinds of a program's own: V, T and K descend from KIN_FAILURE. */
extern const kin_kind TEST_V, TEST_T, TEST_K;
#define fail_v(...) kin_fail(&TEST_V, __VA_ARGS__)
#define fail_t(...) kin_fail(&TEST_T, __VA_ARGS__)
#define fail_k(...) kin_fail(&TEST_K, __VA_ARGS__)

/* The index-th leaf of the tree, left to right; NULL when there are fewer. */
const kin_error *leaf(const kin_error *, size_t index);
size_t leaf_count(const kin_error *);
/* The first leaf of that kind, or NULL. */
const kin_error *leaf_of(const kin_error *, const kin_kind *);

/* The tree in one line: "G[V1, G[T2], CANCELLED]": a group is G, a leaf of the
   kinds above is its kind and its message, any other leaf is the name of its
   kind without KIN_, EXIT and OS with their code, as EXIT(3); "OK" is NULL.
   Good for the next fifteen calls. */
const char *shape(const kin_error *);
/* The same with the members of every group in the order of the alphabet, for
   what may come out in either order. */
const char *shape_sorted(const kin_error *);
/* "called=1 caught=0", of a scope. Good for the next fifteen calls. */
const char *scope_state(const kin_scope *);

/* --- faults ------------------------------------------------------------ */

/* The probe that counts kin's heap; a test may set its `fail` and `context`.
   Each test begins with none. */
extern kin__alloc_probe harness_heap;

/* --- private to the macros --------------------------------------------- */

bool harness_check(const char *file, int line, const char *expression,
                   bool held);
bool harness_check_eq(const char *file, int line, const char *a_text,
                      const char *b_text, long long a, long long b);
bool harness_check_str(const char *file, int line, const char *a_text,
                       const char *b_text, const char *a, const char *b);
bool harness_check_contains(const char *file, int line, const char *text,
                            const char *haystack, const char *needle);
bool harness_check_outcome(const char *file, int line, const char *error_text,
                           const char *b_text, kin_error *error, const char *b);
void harness_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void harness_skip(const char *why);
void harness_note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
bool harness_begin_seed(uint64_t seed);

#endif
