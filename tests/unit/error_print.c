/* error_print.c: the printed tree: what it looks like, to the letter, and that
   no message, no size and no stream gets it out of shape. */
#include "../harness.h"

#include "error/error.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(...) (sizeof((kin_error *[]){__VA_ARGS__}) / sizeof(kin_error *))
#define G(site, message, ...)                                         \
    kin_error_group_at(site, message, ((kin_error *[]){__VA_ARGS__}), \
                       COUNT(__VA_ARGS__))

static char *text_of(const kin_error *err)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    kin_error_print(err, stream);
    fclose(stream);
    return text;
}

static bool check_text(int line, const kin_error *err, const char *expected)
{
    char *text = text_of(err);
    bool same = strcmp(text, expected) == 0;
    if (!same)
        harness_fail(__FILE__, line, "printed:\n%s", text);
    free(text);
    return same;
}
#define CHECK_TEXT(err, ...) check_text(__LINE__, err, __VA_ARGS__)

static size_t columns(const char *line, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)line[i] & 0xc0) != 0x80;
    return count;
}

/* Every line ends, and none is wider than 80 columns. */
static bool check_width(int at, const kin_error *err)
{
    char *text = text_of(err);
    bool good = true;
    for (char *line = text, *end; *line && good; line = end + 1) {
        end = strchr(line, '\n');
        good = end && columns(line, (size_t)(end - line)) <= 80;
        if (!good)
            harness_fail(__FILE__, at, "too wide: %.*s", 200, line);
        if (!end)
            break;
    }
    free(text);
    return good;
}
#define CHECK_WIDTH(err) check_width(__LINE__, err)

static const kin_site load = {"src/config.c", "load", 88, NULL};
static const kin_site start = {"src/main.c", "start", 22, NULL};
static const kin_site serve = {"src/serve.c", "serve", 41, "reader"};
static const kin_site app = {"src/main.c", "app", 12, "serve"};
static const kin_site run_site = {"src/main.c", "main", 7, "app"};

/* What a run would say of the task that makes an error. */
static kin__origin around;

static void describe(kin__origin *origin)
{
    kin_error **held = origin->held;
    *origin = around;
    origin->held = held;
}

static kin_error **held_by_nobody(void)
{
    return NULL;
}

static const struct kin__error_host host = {describe, held_by_nobody, NULL};

static void in_task(const char *name)
{
    around = (kin__origin){.task = name, .name_is_static = true};
    around.chain[0] = &serve;
    around.chain[1] = &app;
    around.chain[2] = &run_site;
    around.chain_count = around.chain_total = 3;
    kin__error_host = &host;
}

static void outside(void)
{
    kin__error_host = NULL;
    around = (kin__origin){0};
}

static kin__reason *reason(kin_cancel_source source, const kin_site *site,
                           const char *task, const kin_error *behind,
                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin__reason *made =
        kin__reason_new(source, 1, site, task, behind, format, arguments);
    va_end(arguments);
    return made;
}

static void use_locale(const char *name)
{
    setlocale(LC_ALL, name);
    setenv("LC_ALL", name, 1);
}

static kin_error *fail_at(const char *text)
{
    return kin_fail_at(NULL, &TEST_V, "%s", text);
}

TEST(nothing_is_said_of_no_error)
{
    CHECK_TEXT(NULL, "no error\n");
}

TEST(a_leaf_says_what_and_where)
{
    use_locale("C.UTF-8");
    kin_error *err = kin_fail_at(&load, &TEST_V, "it broke");
    CHECK_TEXT(err, "V: it broke\n"
                    "   at src/config.c:88 in load\n");
    err = kin_error_trace(kin_error_trace(err, &load), &start);
    CHECK_TEXT(err, "V: it broke\n"
                    "   at src/config.c:88 in load\n"
                    "   via src/main.c:22 in start\n");
    kin_error_free(err);
}

TEST(codes_are_explained_in_words)
{
    kin_error *err = kin_fail_errno_at(&load, ENOENT, "cannot open x");
    CHECK_TEXT(err, "os error: cannot open x: No such file or directory "
                    "(ENOENT, errno 2)\n"
                    "   at src/config.c:88 in load\n");
    kin_error_free(err);
    err = kin_fail_errno_at(NULL, ENOENT, "x: No such file or directory");
    CHECK_TEXT(err, "os error: x: No such file or directory (ENOENT, "
                    "errno 2)\n");
    kin_error_free(err);
    err = kin_exit_at(NULL, 3);
    CHECK_TEXT(err, "exit: exit status 3\n");
    kin_error_free(err);
    err = kin_fail_code_at(NULL, &KIN_PROCESS_FAILED, 139, "make");
    CHECK_TEXT(err, "process failed: make (exit status 139: SIGSEGV)\n");
    kin_error_free(err);
    err = kin_fail_code_at(NULL, &KIN_PROCESS_FAILED, -9, "make");
    CHECK_TEXT(err, "process failed: make (signal 9, SIGKILL)\n");
    kin_error_free(err);
    err = kin_fail_code_at(NULL, &TEST_V, 7, "x");
    CHECK_TEXT(err, "V: x (code 7)\n");
    kin_error_free(err);
}

static kin_error *everything(void)
{
    in_task("reader");
    kin_error *first =
        kin_fail_errno_at(&load, ENOENT, "cannot open /etc/app.conf");
    first = kin_error_trace(first, &start);
    in_task("writer");
    around.reason =
        reason(KIN_BY_GROUP, &load, "reader", first,
               "task \"reader\" failed: %s", kin_error_message(first));
    kin__reason *shared = around.reason;
    kin_error *lost = kin_fail_from_at(
        &start, kin_fail_at(&load, &KIN_BROKEN, "the connection is gone"),
        &TEST_V, "4 rows were not saved");
    kin_error_add_note(lost, "they are in /var/tmp/rows");
    kin_error *c1 = kin__error_cancelled(&serve);
    kin_error *c2 = kin__error_cancelled(&serve);
    kin__reason_unref(shared);
    outside();
    return G(&run_site, "group \"workers\"", first, c1,
             G(&app, "group \"inner\"", lost), c2);
}

TEST(a_tree_with_everything_in_it)
{
    use_locale("C.UTF-8");
    kin_error *err = everything();
    CHECK_WIDTH(err);
    CHECK_TEXT(
        err,
        "group \"workers\" (4 sub-errors)\n"
        "│  at src/main.c:7 in main\n"
        "├─ 1. os error: cannot open /etc/app.conf: No such file or directory "
        "(ENOENT,\n"
        "│     errno 2)\n"
        "│     at src/config.c:88 in load, task \"reader\"\n"
        "│     via src/main.c:22 in start\n"
        "│     spawned at src/serve.c:41 in serve ← src/main.c:12 in app\n"
        "│     ← src/main.c:7 in main\n"
        "├─ 2. cancelled × 2: task \"reader\" failed: cannot open "
        "/etc/app.conf\n"
        "│     at src/serve.c:41 in serve, task \"writer\"\n"
        "│     spawned at src/serve.c:41 in serve ← src/main.c:12 in app\n"
        "│     ← src/main.c:7 in main\n"
        "│     cancelled by its group, after the error at src/config.c:88 in "
        "load\n"
        "└─ 3. group \"inner\" (1 sub-error)\n"
        "   │  at src/main.c:12 in app\n"
        "   └─ 1. V: 4 rows were not saved\n"
        "         note: they are in /var/tmp/rows\n"
        "         at src/main.c:22 in start, task \"writer\"\n"
        "         spawned at src/serve.c:41 in serve ← src/main.c:12 in app\n"
        "         ← src/main.c:7 in main\n"
        "         made while being cancelled by its group, after the error at\n"
        "         src/config.c:88 in load: task \"reader\" failed: cannot open\n"
        "         /etc/app.conf\n"
        "         caused by broken: the connection is gone\n"
        "            at src/config.c:88 in load\n");
    kin_error_free(err);
}

TEST(without_utf8_it_is_ascii)
{
    use_locale("C");
    kin_error *err =
        G(NULL, "g\xc3\xa9", kin_fail_at(&load, &TEST_V, "ü"),
          kin_fail_at(&load, &TEST_V, "ü"), G(NULL, "", everything()));
    char *text = text_of(err);
    for (char *at = text; *at; at++)
        if (!CHECK((unsigned char)*at < 0x80))
            break;
    CHECK_CONTAINS(text, "g\\u00e9 (3 sub-errors)\n");
    CHECK_CONTAINS(text, "|- 1. V x 2: \\u00fc\n");
    CHECK_CONTAINS(text, "`- 3. error group (1 sub-error)\n");
    CHECK_CONTAINS(text, "spawned at src/serve.c:41 in serve <- src/main.c");
    free(text);
    use_locale("C.UTF-8");
    kin_error_free(err);
}

TEST(the_environment_counts_where_no_locale_is_set)
{
    kin_error *err = G(NULL, "g", kin_fail_at(NULL, &TEST_V, "x"));
    setlocale(LC_ALL, "C");
    setenv("LC_ALL", "en_US.UTF-8", 1);
    CHECK_TEXT(err, "g (1 sub-error)\n└─ 1. V: x\n");
    setenv("LC_ALL", "", 1);
    unsetenv("LC_CTYPE");
    setenv("LANG", "de_DE.utf8", 1);
    CHECK_TEXT(err, "g (1 sub-error)\n└─ 1. V: x\n");
    setenv("LANG", "C", 1);
    CHECK_TEXT(err, "g (1 sub-error)\n`- 1. V: x\n");
    unsetenv("LANG");
    use_locale("C.UTF-8");
    kin_error_free(err);
}

TEST(a_hostile_message_cannot_reach_the_terminal)
{
    kin_error *err = kin_fail_at(NULL, &TEST_V,
                                 "\33[2J\33]0;owned\a\r\b\177 \xff\xc0\x80 "
                                 "\xe2\x80\xae gnp \xc2\x9b"
                                 "31m\xef\xbb\xbf");
    kin_error_add_note(err, "\33[31m");
    CHECK_TEXT(err, "V: \\x1b[2J\\x1b]0;owned\\x07\\x0d\\x08\\x7f "
                    "\\xff\\xc0\\x80 \\u202e gnp \\u009b31m\\ufeff\n"
                    "   note: \\x1b[31m\n");
    kin_error_free(err);
}

TEST(lines_of_a_message_stay_in_the_tree)
{
    kin_error *err = G(
        NULL, "g", kin_fail_at(NULL, &TEST_V, "one\n`- 2. two\n    three\n\n"),
        kin_fail_at(NULL, &TEST_T, "four"));
    kin_error_add_note((kin_error *)leaf(err, 0), "a\n  b\tc");
    CHECK_TEXT(err, "g (2 sub-errors)\n"
                    "├─ 1. V: one\n"
                    "│     `- 2. two\n"
                    "│         three\n"
                    "│     note: a\n"
                    "│             b    c\n"
                    "└─ 2. T: four\n");
    kin_error_free(err);
}

TEST(a_last_word_that_wraps_has_the_bars_of_its_own_line)
{
    static const char text[] =
        "seventy columns of words of which the very last has no room on this "
        "line";
    kin_error *err = G(NULL, "g", fail_at(text), G(NULL, "h", fail_at(text)));
    CHECK_TEXT(err,
               "g (2 sub-errors)\n"
               "├─ 1. V: seventy columns of words of which the very last has "
               "no room on this\n"
               "│     line\n"
               "└─ 2. h (1 sub-error)\n"
               "   └─ 1. V: seventy columns of words of which the very last "
               "has no room on this\n"
               "         line\n");
    kin_error_free(err);
}

TEST(long_words_are_broken_and_wide_characters_are_two_columns)
{
    char word[400];
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    kin_error *err = G(NULL, word, kin_fail_at(NULL, &TEST_V, "%s", word),
                       kin_fail_at(NULL, &TEST_V, "short %s short", word));
    CHECK_WIDTH(err);
    kin_error_free(err);
    char wide[50 * 3 + 1] = "";
    for (int i = 0; i < 50; i++)
        strcat(wide, "日");
    err = kin_fail_at(NULL, &TEST_V, "%s", wide);
    char expected[256];
    snprintf(expected, sizeof expected, "V: %.*s\n   %.*s\n", 38 * 3, wide,
             12 * 3, wide);
    CHECK_TEXT(err, expected);
    kin_error_free(err);
}

TEST(combining_marks_have_no_width_and_any_number_is_printed)
{
    char word[4000] = "e";
    for (int i = 0; i < 1000; i++)
        strcat(word, "\xcc\x81");
    kin_error *err = kin_fail_at(NULL, &TEST_V, "%s end", word);
    char *text = text_of(err);
    CHECK_EQ(strlen(text), strlen("V: ") + 2001 + strlen(" end\n"));
    free(text);
    kin_error_free(err);
}

TEST(a_thousand_equal_leaves_are_one_line)
{
    kin_error *all[1000];
    for (int i = 0; i < 1000; i++)
        all[i] = i % 100 == 7 ? kin_fail_at(&load, &TEST_T, "odd")
                              : kin_fail_at(&load, &TEST_V, "even");
    kin_error *err = kin_error_group_at(NULL, "g", all, 1000);
    CHECK_TEXT(err, "g (1000 sub-errors)\n"
                    "├─ 1. V × 990: even\n"
                    "│     at src/config.c:88 in load\n"
                    "└─ 8. T × 10: odd\n"
                    "      at src/config.c:88 in load\n");
    kin_error_free(err);
}

TEST(leaves_that_differ_in_anything_are_not_folded)
{
    kin_error *noted = kin_fail_at(&load, &TEST_V, "x");
    kin_error_add_note(noted, "n");
    kin_error *traced =
        kin_error_trace(kin_fail_at(&load, &TEST_V, "x"), &start);
    kin_error *err =
        G(NULL, "g", kin_fail_at(&load, &TEST_V, "x"), noted, traced,
          kin_fail_at(&start, &TEST_V, "x"), kin_fail_at(&load, &TEST_V, "y"),
          kin_fail_at(&load, &TEST_T, "x"),
          kin_fail_code_at(&load, &TEST_V, 1, "x"),
          kin_fail_from_at(&load, kin_fail_at(&load, &TEST_K, "k"), &TEST_V,
                           "x"));
    char *text = text_of(err);
    CHECK(!strstr(text, "×"));
    for (int i = 1; i <= 8; i++) {
        char number[16];
        snprintf(number, sizeof number, " %d. ", i);
        CHECK_CONTAINS(text, number);
    }
    free(text);
    kin_error_free(err);
}

TEST(equal_leaves_of_different_tasks_are_folded_and_it_is_said)
{
    kin_error *all[3];
    static const char *const names[] = {"w1", "w2", "w3"};
    for (int i = 0; i < 3; i++) {
        in_task(names[i]);
        all[i] = kin_fail_from_at(&load, kin_fail_at(&load, &TEST_T, "t"),
                                  &TEST_V, "x");
    }
    outside();
    kin_error *err = kin_error_group_at(NULL, "g", all, 3);
    char *text = text_of(err);
    CHECK_CONTAINS(text, "1. V × 3: x\n");
    CHECK_CONTAINS(text, "task \"w1\" and others\n");
    CHECK_CONTAINS(text, "caused by T: t\n");
    CHECK(!strstr(text, "2. "));
    free(text);
    kin_error_free(err);
}

TEST(a_group_in_two_places_is_shown_once)
{
    kin_error *shared = G(NULL, "shared", kin_fail_at(NULL, &TEST_V, "once"));
    kin_error *err = G(NULL, "g", kin_error_ref(shared), G(NULL, "h", shared));
    CHECK_TEXT(err, "g (2 sub-errors)\n"
                    "├─ 1. shared (1 sub-error)\n"
                    "│  └─ 1. V: once\n"
                    "└─ 2. h (1 sub-error)\n"
                    "   └─ 1. shared (1 sub-error, shown above)\n");
    kin_error_free(err);
}

TEST(groups_that_share_everything_are_printed_all_the_same)
{
    kin_error *err = kin_fail_at(NULL, &TEST_V, "once");
    for (int i = 0; i < 64; i++)
        err = G(NULL, "twice", kin_error_ref(err), err);
    char *text = text_of(err);
    CHECK(strlen(text) < 100000);
    free(text);
    kin_error_free(err);
}

TEST(what_comes_after_wrapped_groups_and_causes_stands_in_its_place)
{
    kin_error *err =
        G(NULL, "g", G(NULL, "w", G(NULL, "w", G(NULL, "w", fail_at("1")))),
          G(NULL, "v", fail_at("2")),
          kin_fail_from_at(NULL,
                           kin_fail_from_at(NULL, fail_at("5"), &TEST_T, "4"),
                           &TEST_K, "3"),
          fail_at("6"));
    CHECK_TEXT(err, "g (4 sub-errors)\n"
                    "├─ 1. w (1 sub-error, inside 2 groups like it)\n"
                    "│  └─ 1. V: 1\n"
                    "├─ 2. v (1 sub-error)\n"
                    "│  └─ 1. V: 2\n"
                    "├─ 3. K: 3\n"
                    "│     caused by T: 4\n"
                    "│     caused by V: 5\n"
                    "└─ 4. V: 6\n");
    kin_error_free(err);
}

TEST(the_cause_of_a_group_stands_behind_its_members)
{
    static const char text[] =
        "{\"kind\":\"error group\",\"message\":\"g\",\"members\":["
        "{\"kind\":\"end\",\"message\":\"1\"}],\"cause\":{\"kind\":"
        "\"busy\",\"message\":\"2\",\"cause\":{\"kind\":\"error group\","
        "\"message\":\"h\",\"members\":[{\"kind\":\"end\",\"message\":"
        "\"3\"}]}}}";
    kin_error *err = NULL;
    kin_error_free(kin_error_read_json(text, sizeof text - 1, &err));
    CHECK_TEXT(err, "g (1 sub-error)\n"
                    "├─ 1. end: 1\n"
                    "└─ caused by busy: 2\n"
                    "      caused by h (1 sub-error)\n"
                    "      └─ 1. end: 3\n");
    kin_error_free(err);
}

TEST(a_long_trace_is_cut_in_the_middle_and_recursion_is_folded)
{
    static kin_site places[40];
    kin_error *err = kin_fail_at(&load, &TEST_V, "x");
    for (int i = 0; i < 500; i++)
        err = kin_error_trace(err, &start);
    for (int i = 0; i < 40; i++) {
        places[i] = (kin_site){"f.c", "f", i + 1, NULL};
        err = kin_error_trace(err, &places[i]);
    }
    CHECK_EQ(kin_error_trace_count(err), 540);
    char *text = text_of(err);
    CHECK_CONTAINS(text, "via src/main.c:22 in start × 500");
    CHECK_CONTAINS(text, "f.c:10 in f");
    CHECK_CONTAINS(text, "more)");
    CHECK_CONTAINS(text, "f.c:40 in f\n");
    CHECK(!strstr(text, "f.c:20 in f"));
    free(text);
    CHECK_WIDTH(err);
    kin_error_free(err);
}

TEST(spawn_chains_that_go_on_say_so)
{
    in_task("deep");
    around.chain_total = 20;
    kin_error *err = kin_fail_at(&load, &TEST_V, "x");
    outside();
    char *text = text_of(err);
    CHECK_CONTAINS(text, "17 more, up to the run\n");
    free(text);
    kin_error_free(err);
}

TEST(every_source_of_a_cancellation_is_told)
{
    static const char *const expected[] = {
        [KIN_BY_REQUEST] = "cancelled on request of task \"main\" at "
                           "src/serve.c:41 in serve",
        [KIN_BY_DEADLINE] = "cancelled by a deadline, of the scope opened at "
                            "src/serve.c:41 in serve",
        [KIN_BY_GROUP] = "cancelled by its group, at src/serve.c:41 in serve",
        [KIN_BY_INTERRUPT] = "cancelled by an interrupt (SIGINT)",
        [KIN_BY_SHUTDOWN] = "cancelled by a shutdown",
        [KIN_BY_MISNESTING] = "cancelled since a scope was left in the wrong",
    };
    for (int source = 0; source <= KIN_BY_MISNESTING; source++) {
        around.reason =
            reason((kin_cancel_source)source, &serve, "main", NULL, "why");
        kin__error_host = &host;
        kin_error *err = kin__error_cancelled(&load);
        kin__reason_unref(around.reason);
        outside();
        char *text = text_of(err);
        CHECK_CONTAINS(text, "cancelled: why\n");
        CHECK_CONTAINS(text, expected[source]);
        free(text);
        kin_error_free(err);
    }
}

TEST(depth_beyond_the_page_is_told_by_level)
{
    kin_error *err = kin_fail_at(NULL, &TEST_V, "innermost");
    for (int i = 0; i < 40; i++)
        err = G(&load, "g", err, kin_fail_at(&load, &TEST_T, "leaf %d", i));
    CHECK_WIDTH(err);
    char *text = text_of(err);
    CHECK_CONTAINS(text, "it says its level");
    CHECK_CONTAINS(text, "[level 40] 1. V: innermost\n");
    free(text);
    kin_error_free(err);
}

TEST(a_million_leaves_are_printed_in_bounded_memory)
{
    enum { MANY = 200000 };
    kin_error **all = malloc(MANY * sizeof *all);
    for (int i = 0; i < MANY; i++)
        all[i] = kin_fail_at(&load, &TEST_V, "leaf %d", i);
    kin_error *err = kin_error_group_at(NULL, "g", all, MANY);
    free(all);
    FILE *nowhere = fopen("/dev/null", "w");
    kin_error_print(err, nowhere);
    CHECK(!ferror(nowhere));
    fclose(nowhere);
    kin_error_free(err);
}

/* Printing must not need what has run out. */
static bool never(void *context)
{
    (void)context;
    return true;
}

TEST(without_memory_the_whole_tree_is_printed)
{
    kin_error *err = kin_fail_at(&load, &TEST_V, "innermost");
    for (int i = 0; i < 300; i++)
        err = G(&load, i % 2 ? "odd" : "even", err,
                kin_fail_at(&load, &TEST_T, "leaf-%d.", i));
    char *with = text_of(err), *without = NULL;
    size_t length;
    FILE *stream = open_memstream(&without, &length);
    harness_heap.fail = never;
    kin_error_print(err, stream);
    harness_heap.fail = NULL;
    fclose(stream);
    CHECK_STR(without, with);
    free(with);
    free(without);
    kin_error_free(err);
}

TEST(what_memory_was_too_short_for_is_told)
{
    kin_error *err = kin_fail_at(&load, &TEST_V, "x");
    harness_heap.fail = never;
    kin_error_add_note(err, "lost");
    harness_heap.fail = NULL;
    CHECK_TEXT(err, "V: x\n"
                    "   note: memory ran out for other notes or places\n"
                    "   at src/config.c:88 in load\n");
    kin_error_free(err);
}

/* A terminal hands out what it was sent in pieces of its own choice. */
static void read_lines(int terminal, char text[1024], size_t lines)
{
    size_t length = 0;
    while (lines > 0 && length < 1023) {
        if (read(terminal, text + length, 1) != 1)
            return;
        lines -= text[length++] == '\n';
    }
    text[length] = '\0';
}

TEST(there_are_colours_on_a_terminal_and_only_there)
{
    kin_error *err = G(NULL, "g", kin_fail_at(NULL, &TEST_V, "x"));
    int master = posix_openpt(02 /* O_RDWR */ | 0400 /* O_NOCTTY */);
    if (master < 0 || grantpt(master) || unlockpt(master)) {
        kin_error_free(err);
        SKIP("no pseudo terminal here");
    }
    int other = open(ptsname(master), O_RDWR | O_NOCTTY);
    FILE *terminal = other < 0 ? NULL : fdopen(other, "r+");
    REQUIRE(terminal != NULL);
    static const struct {
        const char *term, *no_color;
        bool coloured;
    } cases[] = {{"xterm", NULL, true},
                 {"xterm", "1", false},
                 {"xterm", "", true},
                 {"dumb", NULL, false},
                 {NULL, NULL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024] = "";
        if (cases[i].term)
            setenv("TERM", cases[i].term, 1);
        else
            unsetenv("TERM");
        if (cases[i].no_color)
            setenv("NO_COLOR", cases[i].no_color, 1);
        else
            unsetenv("NO_COLOR");
        kin_error_print(err, terminal);
        fflush(terminal);
        read_lines(master, text, 2);
        CHECK_EQ(strchr(text, '\33') != NULL, cases[i].coloured);
    }
    fclose(terminal);
    close(master);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    kin_error_free(err);
}

TEST(errno_is_left_as_it_was)
{
    kin_error *err = kin_fail_at(NULL, &TEST_V, "x");
    errno = EDOM;
    free(text_of(err));
    errno = EDOM;
    char buffer[64];
    FILE *stream = fmemopen(buffer, sizeof buffer, "w");
    errno = EDOM;
    kin_error_print(err, stream);
    CHECK_EQ(errno, EDOM);
    fclose(stream);
    kin_error_free(err);
}
