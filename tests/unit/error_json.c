/* error_json.c: the tree as JSON: what is written, that it reads back as the
   same, and that no text gets the reader to more than a clear error. */
#include "../harness.h"

#include "error/error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(...) (sizeof((kin_error *[]){__VA_ARGS__}) / sizeof(kin_error *))
#define G(message, ...)                                               \
    kin_error_group_at(NULL, message, ((kin_error *[]){__VA_ARGS__}), \
                       COUNT(__VA_ARGS__))

static const kin_site here = {"a \"b\".c", "f", 7, NULL};
static const kin_site there = {"t.c", "g", 9, NULL};

static char *json_of(const kin_error *err)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    kin_error_write_json(err, stream);
    fclose(stream);
    return text;
}

static bool check_json(int line, const kin_error *err, const char *expected)
{
    char *text = json_of(err);
    bool same = strcmp(text, expected) == 0;
    if (!same)
        harness_fail(__FILE__, line, "written: %s", text);
    free(text);
    return same;
}
#define CHECK_JSON(err, expected) check_json(__LINE__, err, expected)

static kin_error *read_back(const char *text)
{
    kin_error *out = NULL;
    kin_error *err = kin_error_read_json(text, strlen(text), &out);
    if (err)
        FAIL("%s, in %.200s", kin_error_message(err), text);
    kin_error_free(err);
    return out;
}

/* What is written reads back as what writes the same. */
static void check_round_trip(const kin_error *err)
{
    char *first = json_of(err);
    kin_error *again = read_back(first);
    char *second = json_of(again);
    CHECK_STR(second, first);
    CHECK_STR(shape(again), shape(err));
    free(first);
    free(second);
    kin_error_free(again);
}

/* A text that is refused, and with what. */
static void check_refused_bytes(int line, const char *text, size_t length,
                                const char *why)
{
    kin_error *out = (kin_error *)&here;
    kin_error *err = kin_error_read_json(text, length, &out);
    if (!err) {
        harness_fail(__FILE__, line, "was read: %.100s", text);
        kin_error_free(out);
        return;
    }
    harness_check_contains(__FILE__, line, text, kin_error_message(err), why);
    CHECK(out == (kin_error *)&here);
    CHECK(kin_error_is(err, &KIN_FAILURE));
    kin_error_free(err);
}
#define CHECK_REFUSED(text, why) \
    check_refused_bytes(__LINE__, text, strlen(text), why)

/* A run's place, for what is made under a cancellation. */
static kin__origin around;

static void describe(kin__origin *origin)
{
    *origin = around;
}

static kin_error **held_by_nobody(void)
{
    return NULL;
}

static const struct kin__error_host host = {describe, held_by_nobody, NULL};

static void under(kin_cancel_source source, const kin_error *behind,
                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    around = (kin__origin){.task = "writer", .name_is_static = true};
    around.reason =
        kin__reason_new(source, 1, &there, "reader", behind, format, arguments);
    around.chain[0] = &here;
    around.chain[1] = &there;
    around.chain_count = 2;
    around.chain_total = 5;
    va_end(arguments);
    kin__error_host = &host;
}

static void outside(void)
{
    kin__reason_unref(around.reason);
    around = (kin__origin){0};
    kin__error_host = NULL;
}

TEST(no_error_is_null)
{
    CHECK_JSON(NULL, "null\n");
    CHECK(read_back(" null ") == NULL);
}

TEST(a_leaf_is_one_object_without_what_is_empty)
{
    kin_error *err = kin_fail_at(NULL, &KIN_TIMEOUT, "too late");
    CHECK_JSON(err, "{\"kind\":\"timeout\",\"message\":\"too late\"}\n");
    check_round_trip(err);
    kin_error_free(err);
}

TEST(everything_a_leaf_has_is_written_and_read)
{
    kin_error *behind = kin_fail_at(&there, &KIN_BROKEN, "gone");
    under(KIN_BY_GROUP, behind, "task \"reader\" failed");
    kin_error *err = kin_fail_from_at(&here, kin_fail_at(NULL, &KIN_END, "why"),
                                      &KIN_CLOSED, "x\ty");
    outside();
    kin_error_add_note(err, "first");
    kin_error_add_note(err, "second");
    err = kin_error_trace(kin_error_trace(err, &there), &here);
    CHECK_JSON(
        err,
        "{\"kind\":\"closed\",\"message\":\"x\\ty\","
        "\"site\":{\"file\":\"a \\\"b\\\".c\",\"function\":\"f\",\"line\":7},"
        "\"task\":\"writer\","
        "\"trace\":[{\"file\":\"t.c\",\"function\":\"g\",\"line\":9},"
        "{\"file\":\"a \\\"b\\\".c\",\"function\":\"f\",\"line\":7}],"
        "\"spawned\":[{\"file\":\"a \\\"b\\\".c\",\"function\":\"f\","
        "\"line\":7},{\"file\":\"t.c\",\"function\":\"g\",\"line\":9}],"
        "\"spawned_more\":3,\"notes\":[\"first\",\"second\"],"
        "\"during\":{\"source\":\"group\",\"text\":\"task \\\"reader\\\" "
        "failed\",\"task\":\"reader\",\"site\":{\"file\":\"t.c\","
        "\"function\":\"g\",\"line\":9},\"behind\":{\"kind\":\"broken\","
        "\"message\":\"gone\"}},"
        "\"cause\":{\"kind\":\"end\",\"message\":\"why\",\"task\":\"writer\","
        "\"spawned\":[{\"file\":\"a \\\"b\\\".c\",\"function\":\"f\","
        "\"line\":7},{\"file\":\"t.c\",\"function\":\"g\",\"line\":9}],"
        "\"spawned_more\":3,"
        "\"during\":{\"source\":\"group\",\"text\":\"task \\\"reader\\\" "
        "failed\",\"task\":\"reader\",\"site\":{\"file\":\"t.c\","
        "\"function\":\"g\",\"line\":9},\"behind\":{\"kind\":\"broken\","
        "\"message\":\"gone\"}}}}\n");
    check_round_trip(err);
    kin_error_free(behind);
    kin_error_free(err);
}

TEST(reading_gives_what_was_written)
{
    kin_error *err = read_back(
        "{\"members\":[{\"message\":\"m\",\"code\":-5,\"kind\":\"os error\","
        "\"task\":\"t\",\"site\":{\"line\":3,\"function\":\"f\",\"file\":\"c\"}"
        ",\"notes\":[\"a\",\"b\"],\"cause\":{\"kind\":\"end\"},"
        "\"trace\":[{\"file\":\"1\",\"function\":\"x\",\"line\":1},{\"file\":"
        "\"2\",\"function\":\"y\",\"line\":2}],\"during\":{\"task\":\"w\","
        "\"source\":\"deadline\",\"text\":\"late\"}}],\"message\":\"g\","
        "\"kind\":\"error group\",\"notes\":[\"on the group\"]}");
    REQUIRE(err != NULL);
    CHECK_STR(kin_error_message(err), "g");
    CHECK_STR(kin_error_note(err, 0), "on the group");
    const kin_error *one = kin_error_member(err, 0);
    CHECK(kin_error_kind(one) == &KIN_OS);
    CHECK_EQ(kin_error_code(one), -5);
    CHECK_STR(kin_error_task(one), "t");
    CHECK_STR(kin_error_site(one)->file, "c");
    CHECK_EQ(kin_error_site(one)->line, 3);
    CHECK_EQ(kin_error_note_count(one), 2);
    CHECK_STR(kin_error_note(one, 1), "b");
    CHECK_STR(kin_error_trace_site(one, 0)->file, "1");
    CHECK_STR(kin_error_trace_site(one, 1)->function, "y");
    CHECK(kin_error_is(kin_error_cause(one), &KIN_END));
    CHECK_EQ(kin_error_during(one)->source, KIN_BY_DEADLINE);
    CHECK_STR(kin_error_during(one)->text, "late");
    CHECK_STR(kin_error_during(one)->task, "w");
    kin_error_free(err);
}

TEST(groups_keep_their_shape)
{
    kin_error *err = G("outer \xc3\xa9", kin_fail_at(NULL, &KIN_END, "1"),
                       G("", kin_fail_at(&here, &KIN_BUSY, "2"),
                         kin_fail_code_at(NULL, &KIN_OS, ENOENT, "3")));
    kin_error_add_note(err, "n");
    check_round_trip(err);
    kin_error_free(err);
}

TEST(a_cause_of_a_group_and_causes_that_are_groups)
{
    kin_error *err = kin_fail_from_at(
        NULL, G("why", kin_fail_at(NULL, &KIN_END, "1")), &KIN_BUSY, "x");
    check_round_trip(err);
    kin_error_free(err);
    err = read_back("{\"kind\":\"error group\",\"message\":\"g\","
                    "\"cause\":{\"kind\":\"end\",\"message\":\"c\"},"
                    "\"members\":[{\"kind\":\"busy\",\"message\":\"m\"}]}");
    CHECK_STR(kin_error_message(kin_error_cause(err)), "c");
    check_round_trip(err);
    kin_error *rest, *match = kin_error_split(err, &KIN_BUSY, &rest);
    CHECK(match == err && !rest);
    kin_error_free(match);
}

TEST(what_is_read_is_inert)
{
    static const char *const names[] = {"cancelled", "generator exit",
                                        "interrupt", "exit", "error"};
    for (size_t i = 0; i < 5; i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "{\"kind\":\"%s\",\"message\":\"m\",\"code\":3}\n", names[i]);
        kin_error *err = read_back(text);
        CHECK(kin_error_kind(err) == &KIN_REMOTE);
        CHECK(kin_error_is(err, &KIN_FAILURE));
        CHECK(!kin_error_has(err, &KIN_EXIT));
        CHECK_STR(kin_error_kind_name(err), names[i]);
        CHECK_JSON(err, text);
        bool show;
        CHECK_EQ(kin_error_exit_status(err, &show), 1);
        CHECK(show);
        kin_error_free(err);
    }
    kin_error *err = G("", kin_exit_at(NULL, 0), kin__error_cancelled(NULL));
    char *text = json_of(err);
    kin_error *read = read_back(text);
    CHECK(kin_error_is(read, &KIN_FAILURE));
    CHECK_JSON(read, text);
    free(text);
    kin_error_free(read);
    kin_error_free(err);
}

TEST(unknown_kinds_keep_their_name)
{
    kin_error *err = G("", fail_v("1"));
    char *text = json_of(err);
    kin_error *read = read_back(text);
    CHECK(kin_error_is(leaf(read, 0), &KIN_REMOTE));
    CHECK_STR(kin_error_kind_name(leaf(read, 0)), "V");
    CHECK_JSON(read, text);
    free(text);
    kin_error_free(read);
    kin_error_free(err);
    err = kin_fail_at(NULL, &KIN_YIELD_PREVENTED, "x");
    text = json_of(err);
    read = read_back(text);
    CHECK(kin_error_kind(read) == &KIN_YIELD_PREVENTED);
    CHECK(kin_error_is(read, &KIN_MISUSE));
    free(text);
    kin_error_free(read);
    kin_error_free(err);
}

/* An exit, a consequence of it, and one of that. */
static kin_error *consequences(void)
{
    kin_error *first = kin_fail_at(&here, &KIN_BROKEN, "first");
    under(KIN_BY_GROUP, first, "first failed");
    kin_error *second = kin_fail_at(&here, &KIN_CLOSED, "second");
    outside();
    under(KIN_BY_GROUP, second, "second failed");
    kin_error *third = kin_fail_at(&here, &KIN_END, "third");
    outside();
    return G("g", third, G("in", second), first);
}

TEST(what_follows_from_what_is_read_back)
{
    kin_error *err = consequences();
    char *text = json_of(err);
    CHECK_CONTAINS(text, "{\"id\":1,\"kind\":\"closed\"");
    CHECK_CONTAINS(text, "\"behind\":{\"ref\":2}");
    kin_error *read = read_back(text);
    const kin_error *third = leaf(read, 0), *second = leaf(read, 1),
                    *first = leaf(read, 2);
    CHECK(kin_error_during(third)->behind == second);
    CHECK(kin_error_during(second)->behind == first);
    CHECK(kin_error_follows_from(third, first));
    CHECK(kin_error_follows_from(read, first));
    CHECK(!kin_error_follows_from(read, second));
    CHECK_JSON(read, text);
    free(text);
    kin_error_free(read);
    kin_error_free(err);
}

TEST(an_id_is_written_once_where_an_error_stands_twice)
{
    kin_error *first = kin_fail_at(&here, &KIN_BROKEN, "first");
    under(KIN_BY_GROUP, first, "first failed");
    kin_error *second = kin_fail_at(&here, &KIN_CLOSED, "second");
    outside();
    kin_error *err = G("g", kin_error_ref(first), second, first);
    char *text = json_of(err);
    kin_error *read = read_back(text);
    CHECK_EQ(leaf_count(read), 3);
    CHECK(kin_error_during(leaf(read, 1))->behind == leaf(read, 0));
    free(text);
    kin_error_free(read);
    kin_error_free(err);
}

TEST(references_that_lead_nowhere_or_in_a_circle_are_refused)
{
#define DURING(behind) \
    "\"during\":{\"source\":\"group\",\"text\":\"\",\"behind\":" behind "}"
    CHECK_REFUSED("{\"kind\":\"end\"," DURING("{\"ref\":1}") "}",
                  "no error has the id");
    CHECK_REFUSED("{\"id\":1,\"kind\":\"end\"," DURING("{\"ref\":1}") "}",
                  "in a circle");
    CHECK_REFUSED("{\"id\":1,\"kind\":\"error group\",\"members\":["
                  "{\"kind\":\"end\"," DURING("{\"ref\":1}") "}]}",
                  "in a circle");
    CHECK_REFUSED("{\"kind\":\"error group\",\"members\":["
                  "{\"id\":1,\"kind\":\"end\"," DURING(
                      "{\"ref\":2}") "},"
                                     "{\"id\":2,\"kind\":\"end\"," DURING(
                                         "{\"ref\":1}") "}]}",
                  "in a circle");
    CHECK_REFUSED(
        "{\"kind\":\"end\",\"id\":1,\"cause\":{\"kind\":\"end\"," DURING(
            "{\"ref\":1}") "}}",
        "in a circle");
    CHECK_REFUSED(
        "{\"kind\":\"end\"," DURING("{\"ref\":1,\"kind\":\"end\"}") "}",
        "stands alone");
    CHECK_REFUSED(
        "{\"kind\":\"end\"," DURING("{\"kind\":\"end\",\"ref\":1}") "}",
        "stands alone");
    CHECK_REFUSED("{\"ref\":1}", "stands alone");
    CHECK_REFUSED("{\"kind\":\"error group\",\"members\":[{\"id\":1,\"kind\":"
                  "\"end\"},{\"id\":1,\"kind\":\"end\"}]}",
                  "another error's");
    kin_error *err = read_back(
        "{\"kind\":\"end\"," DURING("{\"id\":4,\"kind\":\"end\"," DURING(
            "{\"ref\":5}") ",\"cause\":{\"id\":5,\"kind\":\"busy\"}}") "}");
    CHECK(kin_error_during(err)->behind != NULL);
    kin_error_free(err);
}

TEST(invalid_utf8_is_written_as_valid)
{
    kin_error *err =
        kin_fail_at(NULL, &KIN_END, "a\xff\xc3(\x01\x7f\xed\xa0\x80");
    CHECK_JSON(err, "{\"kind\":\"end\",\"message\":\"a\xef\xbf\xbd\xef\xbf\xbd("
                    "\\u0001\x7f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n");
    check_round_trip(err);
    kin_error_free(err);
    char text[96] = "";
    memset(text, 0xff, 95);
    text[4] = 'x';
    under(KIN_BY_REQUEST, NULL, "%s", text);
    err = kin_fail_at(NULL, &KIN_END, "x");
    outside();
    check_round_trip(err);
    kin_error_free(err);
}

TEST(the_text_of_a_cancellation_is_never_longer_than_95_bytes)
{
    char text[400] = "";
    strcpy(text, "{\"kind\":\"end\",\"during\":{\"source\":\"group\","
                 "\"text\":\"");
    for (int i = 0; i < 100; i++)
        strcat(text, i % 2 ? "\xc3\xa9" : "y");
    strcat(text, "\"}}");
    kin_error *err = read_back(text);
    CHECK_EQ(strlen(kin_error_during(err)->text), 94);
    check_round_trip(err);
    kin_error_free(err);
}

TEST(escapes_are_read)
{
    kin_error *err = read_back("{\"kind\":\"end\",\"message\":"
                               "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D"
                               "\\ude00\"}");
    CHECK_STR(kin_error_message(err),
              "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
    kin_error_free(err);
}

TEST(keys_that_are_not_known_are_skipped)
{
    kin_error *err = read_back(
        "{\"new\":{\"a\":[1,-2.5e+3,{\"b\":null},[],{}],\"c\":\"\\u0041\"},"
        "\"kind\":\"end\",\"x\":true,\"y\":false,\"site\":{\"file\":\"f\","
        "\"column\":[3],\"function\":\"g\",\"line\":0},\"during\":{\"z\":[{}],"
        "\"source\":\"request\"}}");
    CHECK(kin_error_is(err, &KIN_END));
    CHECK_STR(kin_error_message(err), "");
    kin_error_free(err);
}

#define KIND "\"kind\":\"end\""

TEST(bad_texts_are_refused_with_a_reason_and_a_place)
{
    CHECK_REFUSED("", "byte 0: it ends too early");
    CHECK_REFUSED("  \n", "byte 3: it ends too early");
    CHECK_REFUSED("[]", "byte 0: a '{' should be here");
    CHECK_REFUSED("nul", "it ends too early");
    CHECK_REFUSED("nulx", "byte 0");
    CHECK_REFUSED("{}", "byte 0: an error has a kind");
    CHECK_REFUSED("{" KIND, "byte 13: it ends too early");
    CHECK_REFUSED("{" KIND "}x", "byte 14: something follows");
    CHECK_REFUSED("{" KIND "} {}", "something follows");
    CHECK_REFUSED("{" KIND ",}", "a '\"' should be here");
    CHECK_REFUSED("{,}", "a '\"' should be here");
    CHECK_REFUSED("{" KIND " \"code\":1}", "a ',' should be here");
    CHECK_REFUSED("{\"kind\" \"end\"}", "a ':' should be here");
    CHECK_REFUSED("{" KIND "," KIND "}", "a key comes twice");
    CHECK_REFUSED("{\"kind\":7}", "a '\"' should be here");
    CHECK_REFUSED("{" KIND ",\"code\":2147483648}", "out of range");
    CHECK_REFUSED("{" KIND ",\"code\":-2147483649}", "out of range");
    CHECK_REFUSED("{" KIND ",\"code\":99999999999999999999999}", "range");
    CHECK_REFUSED("{" KIND ",\"code\":1.5}", "whole number");
    CHECK_REFUSED("{" KIND ",\"code\":01}", "no number");
    CHECK_REFUSED("{" KIND ",\"code\":-}", "no number");
    CHECK_REFUSED("{" KIND ",\"code\":\"1\"}", "no number");
    CHECK_REFUSED("{" KIND ",\"code\":1e", "ends too early");
    CHECK_REFUSED("{" KIND ",\"id\":0}", "out of range");
    CHECK_REFUSED("{" KIND ",\"members\":[]}", "only an error group");
    CHECK_REFUSED("{\"kind\":\"error group\",\"members\":[]}",
                  "without members");
    CHECK_REFUSED("{\"kind\":\"error group\",\"members\":[{" KIND "},]}",
                  "a '{' should be here");
    CHECK_REFUSED("{\"kind\":\"error group\",\"members\":[null]}",
                  "a '{' should be here");
    CHECK_REFUSED("{" KIND ",\"cause\":null}", "a '{' should be here");
    CHECK_REFUSED("{" KIND ",\"site\":{\"file\":\"f\",\"line\":1}}",
                  "a place has");
    CHECK_REFUSED("{" KIND ",\"site\":{\"file\":\"f\",\"file\":\"g\"}}",
                  "twice");
    CHECK_REFUSED("{" KIND ",\"site\":{\"file\":\"f\",\"function\":\"g\","
                  "\"line\":-1}}",
                  "out of range");
    CHECK_REFUSED("{" KIND ",\"during\":{\"source\":\"fate\"}}",
                  "no such source");
    CHECK_REFUSED("{" KIND ",\"during\":{\"text\":\"x\"}}", "has a source");
    CHECK_REFUSED("{" KIND ",\"notes\":[\"a\" \"b\"]}", "a ',' should");
    CHECK_REFUSED("{" KIND ",\"lost\":false}", "a value should be here");
    CHECK_REFUSED("{" KIND ",\"x\":tru}", "a value should be here");
    CHECK_REFUSED("{" KIND ",\"x\":}", "no number");
}

TEST(bad_strings_are_refused)
{
    CHECK_REFUSED("{\"kind\":\"a\nb\"}", "control character");
    CHECK_REFUSED("{\"kind\":\"\\x\"}", "no such escape");
    CHECK_REFUSED("{\"kind\":\"\\u12g4\"}", "hexadecimal");
    CHECK_REFUSED("{\"kind\":\"\\u12", "ends too early");
    CHECK_REFUSED("{\"kind\":\"\\", "ends too early");
    CHECK_REFUSED("{\"kind\":\"\\ud800\"}", "surrogate");
    CHECK_REFUSED("{\"kind\":\"\\ud800\\u0041\"}", "surrogate");
    CHECK_REFUSED("{\"kind\":\"\\udc00\"}", "surrogate");
    CHECK_REFUSED("{\"kind\":\"\\u0000\"}", "zero character");
    CHECK_REFUSED("{\"kind\":\"\xff\"}", "byte 9: it is not valid UTF-8");
    CHECK_REFUSED("{\"kind\":\"\xc0\x80\"}", "UTF-8");
    CHECK_REFUSED("{\"kind\":\"\xed\xa0\x80\"}", "UTF-8");
    CHECK_REFUSED("{\"kind\":\"\xf4\x90\x80\x80\"}", "UTF-8");
    CHECK_REFUSED("{\"kind\":\"\xe2\x82", "UTF-8");
    check_refused_bytes(__LINE__, "{\"kind\":\"a\0b\"}", 14, "control");
    check_refused_bytes(__LINE__, "{" KIND "}\0", 15, "something follows");
    check_refused_bytes(__LINE__, NULL, 0, "ends too early");
}

/* A text that is repeated, and then closed as often. */
static char *nested(const char *open, const char *middle, const char *close,
                    size_t levels)
{
    size_t a = strlen(open), b = strlen(middle), c = strlen(close);
    char *text = malloc(levels * (a + c) + b + 1), *at = text;
    for (size_t i = 0; i < levels; i++, at += a)
        memcpy(at, open, a);
    memcpy(at, middle, b);
    at += b;
    for (size_t i = 0; i < levels; i++, at += c)
        memcpy(at, close, c);
    *at = '\0';
    return text;
}

TEST(deep_trees_are_written_and_read)
{
    kin_error *err = kin_fail_at(NULL, &KIN_END, "innermost");
    for (int i = 0; i < 100000; i++)
        err = i % 3 ? G("g", err) : kin_fail_from_at(NULL, err, &KIN_BUSY, "c");
    char *text = json_of(err);
    kin_error *read = read_back(text);
    CHECK_JSON(read, text);
    free(text);
    kin_error_free(read);
    kin_error_free(err);
}

/* Without recursion, for deep trees. */
static bool count_one(const kin_error *err, const kin_error *const path[],
                      size_t depth, void *count)
{
    (void)err;
    (void)path;
    (void)depth;
    ++*(size_t *)count;
    return true;
}

static size_t leaves_of(const kin_error *err)
{
    size_t count = 0;
    kin_error_each_leaf(err, count_one, &count);
    return count;
}

TEST(depth_has_a_limit)
{
    static const char open[] = "{\"kind\":\"error group\",\"members\":[";
    char *text = nested(open, "{" KIND "}", "]}", 199999);
    kin_error *err = read_back(text);
    CHECK_EQ(leaves_of(err), 1);
    kin_error_free(err);
    free(text);
    text = nested(open, "{" KIND "}", "]}", 200001);
    CHECK_REFUSED(text, "more than 200000");
    free(text);
    text = nested("{" KIND ",\"cause\":", "{" KIND "}", "}", 1000000);
    CHECK_REFUSED(text, "more than 200000");
    free(text);
    text = nested("[", "", "]", 1000000);
    char *whole = malloc(strlen(text) + 64);
    sprintf(whole, "{" KIND ",\"x\":%s}", text);
    CHECK_REFUSED(whole, "nested too deeply");
    free(whole);
    free(text);
    text = nested("{\"x\":", "1", "}", 64);
    whole = malloc(strlen(text) + 64);
    sprintf(whole, "{" KIND ",\"x\":%s}", text);
    kin_error_free(read_back(whole));
    free(whole);
    free(text);
}

TEST(every_truncation_is_refused_and_leaves_nothing_behind)
{
    kin_error *err = consequences();
    kin_error_add_note(err, "n");
    err = kin_fail_from_at(&here, err, &KIN_BUSY, "c");
    char *text = json_of(err);
    size_t length = strlen(text);
    for (size_t i = 0; i + 1 < length; i++)
        check_refused_bytes(__LINE__, text, i, "error tree in JSON, byte ");
    free(text);
    kin_error_free(err);
}

TEST(every_changed_byte_is_read_or_refused)
{
    kin_error *err = consequences();
    char *text = json_of(err);
    size_t length = strlen(text);
    static const char bytes[] = "\"{}[],:0-\\x\xff\n";
    for (size_t i = 0; i < length; i++) {
        char kept = text[i];
        for (size_t k = 0; k < sizeof bytes; k++) {
            kin_error *out = NULL, *bad;
            text[i] = bytes[k];
            bad = kin_error_read_json(text, length, &out);
            if (!bad && out) {
                char *again = json_of(out);
                CHECK(again[0] == '{');
                free(again);
            }
            kin_error_free(bad);
            kin_error_free(out);
        }
        text[i] = kept;
    }
    free(text);
    kin_error_free(err);
}

/* Lets so many allocations through. */
static bool when_used_up(void *left)
{
    return (*(int *)left)-- <= 0;
}

TEST(reading_without_memory_says_so_and_leaves_nothing_behind)
{
    kin_error *err = consequences();
    kin_error_add_note((kin_error *)leaf(err, 0), "n");
    char *text = json_of(err);
    size_t length = strlen(text);
    bool read = false;
    for (int allowed = 0; !read && allowed < 500; allowed++) {
        kin_error *out = NULL;
        int left = allowed;
        harness_heap.context = &left;
        harness_heap.fail = when_used_up;
        kin_error *bad = kin_error_read_json(text, length, &out);
        harness_heap.fail = NULL;
        CHECK(!bad || kin_error_is(bad, &KIN_NO_MEMORY));
        CHECK((bad != NULL) != (out != NULL));
        read = bad == NULL;
        kin_error_free(bad);
        kin_error_free(out);
    }
    CHECK(read);
    free(text);
    kin_error_free(err);
}

TEST(halves_of_what_was_read_outlive_it)
{
    kin_error *err = read_back(
        "{\"kind\":\"error group\",\"message\":\"g\",\"site\":{\"file\":"
        "\"file.c\",\"function\":\"f\",\"line\":1},\"trace\":[{\"file\":"
        "\"up.c\",\"function\":\"u\",\"line\":2}],\"members\":[{\"kind\":"
        "\"end\"},{\"kind\":\"busy\"}]}");
    kin_error *rest, *match = kin_error_split(err, &KIN_END, &rest);
    kin_error_free(rest);
    CHECK_STR(kin_error_site(match)->file, "file.c");
    CHECK_STR(kin_error_trace_site(match, 0)->file, "up.c");
    CHECK_STR(kin_error_message(match), "g");
    kin_error_free(match);
}

TEST(many_places_are_read)
{
    kin_error *err = kin_fail_at(&here, &KIN_END, "x");
    for (int i = 0; i < 1000; i++)
        err = kin_error_trace(err, i % 2 ? &here : &there);
    check_round_trip(err);
    kin_error_free(err);
}

TEST(writing_without_memory_is_still_json)
{
    kin_error *err = consequences();
    for (int i = 0; i < 200; i++)
        err = G("deep", err, kin_fail_at(&here, &KIN_END, "%d", i));
    char *text = NULL;
    size_t length;
    int left = 0;
    FILE *stream = open_memstream(&text, &length);
    harness_heap.context = &left;
    harness_heap.fail = when_used_up;
    kin_error_write_json(err, stream);
    harness_heap.fail = NULL;
    fclose(stream);
    kin_error *read = read_back(text);
    CHECK_STR(shape(read), shape(err));
    free(text);
    kin_error_free(read);
    kin_error_free(err);
}
