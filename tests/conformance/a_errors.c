/* a_errors.c: errors and groups, B1 to B38 of semantics.md. Most of it is true
   outside a run as well, and is tested there: errors made outside tasks are
   nobody's. */
#include "../harness.h"

#include "error/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(...) (sizeof((kin_error *[]){__VA_ARGS__}) / sizeof(kin_error *))
/* A group of those. */
#define G(message, ...) \
    kin_error_group(message, ((kin_error *[]){__VA_ARGS__}), COUNT(__VA_ARGS__))
/* A handler for each pair of a kind and a function. */
#define HANDLE(err, context, ...)            \
    kin_error_handle(                        \
        err, ((kin_handler[]){__VA_ARGS__}), \
        sizeof((kin_handler[]){__VA_ARGS__}) / sizeof(kin_handler), context)

enum { DEEP = 100000 };

/* What printing says, in memory. */
static const char *printed(const kin_error *err)
{
    static char text[1 << 16];
    memset(text, 0, sizeof text);
    FILE *stream = fmemopen(text, sizeof text - 1, "w");
    kin_error_print(err, stream);
    fclose(stream);
    return text;
}

static size_t times_in(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

/* A chain of groups of one around a leaf. */
static kin_error *deep(kin_error *err, size_t levels)
{
    for (size_t i = 0; i < levels; i++)
        err = G("deep", err);
    return err;
}

static size_t depth_of(const kin_error *err)
{
    size_t depth = 0;
    for (; kin_error_count(err); err = kin_error_member(err, 0))
        depth++;
    return depth;
}

static kin_error *swallow(kin_error *matched, void *context)
{
    (void)context;
    kin_error_free(matched);
    return NULL;
}

static kin_error *again(kin_error *matched, void *context)
{
    (void)context;
    return matched;
}

static kin_error *raise_k(kin_error *matched, void *context)
{
    (void)context;
    kin_error_free(matched);
    return fail_k("x");
}

/* Notes what it was given and handles it. */
static kin_error *note_shape(kin_error *matched, void *context)
{
    (void)context;
    NOTE("%s", shape(matched));
    kin_error_free(matched);
    return NULL;
}

TEST(b1_what_a_group_is_follows_from_its_leaves)
{
    kin_error *plain = G("", fail_v("1"), G("", fail_t("2")));
    kin_error *base = G("", fail_v("1"), G("", kin_exit(2)));
    CHECK(kin_error_is(plain, &KIN_FAILURE));
    CHECK(kin_error_is(plain, &KIN_ERROR_GROUP));
    CHECK(kin_error_is(plain, &KIN_BASE));
    CHECK(!kin_error_is(base, &KIN_FAILURE));
    CHECK(kin_error_is(base, &KIN_ERROR_GROUP));
    CHECK(!kin_error_is(plain, &TEST_V));
    CHECK(!kin_error_is(NULL, &KIN_BASE));
    const kin_kind *const bases[] = {&KIN_GENERATOR_EXIT, &KIN_INTERRUPT,
                                     &KIN_EXIT};
    for (size_t i = 0; i < 3; i++) {
        kin_error *one = G("", G("", kin_fail(bases[i], "x")));
        CHECK(!kin_error_is(one, &KIN_FAILURE));
        CHECK(kin_error_has(one, bases[i]));
        kin_error_free(one);
    }
    kin_error_free(plain);
    kin_error_free(base);
}

TEST(b1_a_cancelled_leaf_makes_a_base_group)
{
    kin_error *err = G("", fail_v("1"), kin__error_cancelled(KIN_HERE));
    CHECK(!kin_error_is(err, &KIN_FAILURE));
    CHECK(kin_error_has(err, &KIN_CANCELLED));
    CHECK(!kin__error_only(err, &KIN_CANCELLED));
    kin_error_free(err);
}

TEST(b2_there_is_no_way_to_declare_a_group_ordinary)
{
    kin_error *err = kin_fail(&KIN_ERROR_GROUP, "mine");
    CHECK(kin_error_is(err, &KIN_MISUSE));
    CHECK_CONTAINS(kin_error_message(err), "kin_error_group");
    CHECK_CONTAINS(kin_error_note(err, 0), "mine");
    kin_error_free(err);
    KIN_DEFINE_KIND(own_group, "own", KIN_ERROR_GROUP);
    CHECK_OUTCOME(kin_fail(&own_group, "x"), "MISUSE");
}

TEST(b3_an_empty_group_is_a_misuse)
{
    CHECK_OUTCOME(kin_error_group("g", NULL, 0), "MISUSE");
    kin_error *none[1] = {NULL};
    CHECK_OUTCOME(kin_error_group("g", none, 0), "MISUSE");
    CHECK_OUTCOME(kin_error_group("g", none, 1), "MISUSE");
}

TEST(b3_bad_members_come_as_a_misuse_beside_the_good_ones)
{
    kin_error *whole = G("", fail_v("1"), fail_v("2"));
    kin_error *borrowed = (kin_error *)kin_error_member(whole, 0);
    kin_error *twice = fail_t("3");
    kin_error *err = G("g", twice, NULL, borrowed, fail_k("4"), twice);
    CHECK_SHAPE(err, "G[T3, K4, MISUSE]");
    CHECK_CONTAINS(kin_error_message(leaf(err, 2)), "member 1 is NULL");
    CHECK_CONTAINS(kin_error_message(leaf(err, 2)), "3 of them");
    kin_error_free(err);
    kin_error *only_borrowed = G("g", borrowed);
    CHECK_SHAPE(only_borrowed, "MISUSE");
    CHECK_CONTAINS(kin_error_message(only_borrowed), "part of another");
    kin_error_free(only_borrowed);
    CHECK_OUTCOME(whole, "G[V1, V2]");
}

TEST(b4_members_keep_their_order_and_the_message_is_copied)
{
    char message[] = "mine";
    kin_error *all[] = {fail_v("1"), fail_t("2"), fail_v("3")};
    const kin_error *second = all[1];
    kin_error *err = kin_error_group(message, all, 3);
    memset(message, 'x', 4);
    all[0] = all[1] = NULL;
    CHECK_STR(kin_error_message(err), "mine");
    CHECK_EQ(kin_error_count(err), 3);
    CHECK(kin_error_member(err, 1) == second);
    CHECK(kin_error_member(err, 3) == NULL);
    CHECK_OUTCOME(err, "G[V1, T2, V3]");
}

TEST(b5_the_text_counts_direct_members)
{
    kin_error *err = G("flat", fail_v("1"), fail_v("2"));
    CHECK_STR(kin_error_message(err), "flat");
    CHECK_CONTAINS(printed(err), "flat (2 sub-errors)\n");
    err = G("outer", err);
    CHECK_CONTAINS(printed(err), "outer (1 sub-error)\n");
    kin_error_free(err);
}

TEST(b6_split_parts_by_kind_and_keeps_the_message)
{
    kin_error *err = G("eg", fail_v("1"), fail_t("2"), fail_v("3")), *rest;
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK_STR(kin_error_message(match), "eg");
    CHECK_STR(kin_error_message(rest), "eg");
    CHECK_OUTCOME(match, "G[V1, V3]");
    CHECK_OUTCOME(rest, "G[T2]");
}

TEST(b7_split_with_nothing_or_everything)
{
    kin_error *err = G("eg", fail_v("1"), G("in", fail_v("2"))), *rest;
    CHECK(kin_error_split(err, &TEST_T, &rest) == NULL);
    CHECK(rest == err);
    CHECK_SHAPE(rest, "G[V1, G[V2]]");
    kin_error *match = kin_error_split(rest, &TEST_V, &rest);
    CHECK(match == err);
    CHECK(rest == NULL);
    kin_error_free(match);
    rest = err;
    CHECK(kin_error_split(NULL, &TEST_V, &rest) == NULL);
    CHECK(rest == NULL);
}

TEST(b7_split_of_a_bare_leaf)
{
    kin_error *err = fail_v("1"), *rest;
    CHECK(kin_error_split(err, &TEST_T, &rest) == NULL && rest == err);
    CHECK(kin_error_split(err, &TEST_V, &rest) == err && rest == NULL);
    kin_error_free(err);
}

TEST(b8_a_full_match_is_the_same_object_and_no_copy)
{
    kin_error *err = G("eg", fail_v("1"), G("in", fail_v("2")));
    kin_error *mine = kin_error_ref(err);
    kin_error *match = kin_error_split(err, &TEST_V, NULL);
    CHECK(match == mine);
    kin_error_free(match);
    CHECK_SHAPE(mine, "G[V1, G[V2]]");
    kin_error_free(mine);
}

TEST(b8_a_subgroup_that_matches_is_the_same_object)
{
    kin_error *inner = G("in", fail_v("1"), fail_v("2")), *rest;
    kin_error *err = G("eg", inner, fail_t("3"));
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK(kin_error_member(match, 0) == inner);
    kin_error_free(rest);
    CHECK_OUTCOME(match, "G[G[V1, V2]]");
}

TEST(b9_leaves_are_never_copied)
{
    kin_error *v = fail_v("1"), *t = fail_t("2"), *rest;
    kin_error *err = G("eg", G("in", v, t));
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK(leaf(match, 0) == v);
    CHECK(leaf(rest, 0) == t);
    kin_error_free(match);
    kin_error_free(rest);
}

static kin_error *nested_example(void)
{
    return G("root",
             G("a", G("b", fail_v("6"), fail_t("t"), fail_v("7")),
               G("c", fail_v("7"), fail_t("t"), fail_v("8")), fail_v("8")),
             fail_v("7"));
}

TEST(b10_split_keeps_the_shape_of_a_tree)
{
    kin_error *rest;
    kin_error *match = kin_error_split(nested_example(), &TEST_T, &rest);
    CHECK_OUTCOME(match, "G[G[G[Tt], G[Tt]]]");
    CHECK_OUTCOME(rest, "G[G[G[V6, V7], G[V7, V8], V8], V7]");
}

TEST(b10_emptied_groups_vanish_and_groups_of_one_stay)
{
    kin_error *err =
        G("r", G("a", fail_t("1")), G("b", G("c", fail_v("2"))), fail_t("3"));
    kin_error *rest = kin_error_suppress(err, &TEST_T);
    CHECK_OUTCOME(rest, "G[G[G[V2]]]");
}

static bool is_named(const kin_error *err, void *name)
{
    return strcmp(kin_error_message(err), name) == 0;
}

TEST(b10_what_a_half_is_made_of_belongs_to_it)
{
    kin_error *rest;
    kin_error *match = kin_error_split(nested_example(), &TEST_T, &rest);
    CHECK_OUTCOME(G("x", (kin_error *)kin_error_member(match, 0)), "MISUSE");
    CHECK_OUTCOME(G("x", (kin_error *)kin_error_member(rest, 0)), "MISUSE");
    kin_error_free(match);
    kin_error_free(rest);
}

TEST(b11_the_condition_is_put_to_groups_too)
{
    kin_error *err = G("root", G("mine", fail_v("1"), fail_t("2")), fail_v("3"),
                       G("other", fail_v("4"))),
              *rest;
    kin_error *match = kin_error_split_if(err, is_named, (void *)"mine", &rest);
    CHECK_OUTCOME(match, "G[G[V1, T2]]");
    CHECK_OUTCOME(rest, "G[V3, G[V4]]");
    err = G("root", fail_v("1"));
    match = kin_error_split(err, &KIN_ERROR_GROUP, &rest);
    CHECK(match == err && rest == NULL);
    kin_error_free(match);
}

/* Trees of every shape, by a number. */
static kin_error *random_tree(unsigned *seed, int depth, int *next)
{
    char text[16];
    *seed = *seed * 1103515245u + 12345u;
    unsigned roll = *seed >> 16;
    if (depth == 0 || roll % 3 == 0) {
        snprintf(text, sizeof text, "%d", (*next)++);
        return roll & 64 ? fail_v("%s", text) : fail_t("%s", text);
    }
    kin_error *members[4];
    size_t count = 1 + roll % 4;
    for (size_t i = 0; i < count; i++)
        members[i] = random_tree(seed, depth - 1, next);
    return kin_error_group("r", members, count);
}

/* Taking the leaves of `kind` out of the tree as it is written. */
static void expect_part(const kin_error *err, bool v, char *to)
{
    if (!kin_error_count(err)) {
        if (kin_error_is(err, &TEST_V) == v)
            sprintf(to + strlen(to), "%s,", kin_error_message(err));
        return;
    }
    size_t at = strlen(to);
    strcat(to, "[");
    for (size_t i = 0; i < kin_error_count(err); i++)
        expect_part(kin_error_member(err, i), v, to);
    if (to[at + 1] == '\0')
        to[at] = '\0';
    else
        strcat(to, "]");
}

static void spell(const kin_error *err, char *to)
{
    if (!err)
        return;
    if (!kin_error_count(err)) {
        sprintf(to + strlen(to), "%s,", kin_error_message(err));
        return;
    }
    strcat(to, "[");
    for (size_t i = 0; i < kin_error_count(err); i++)
        spell(kin_error_member(err, i), to);
    strcat(to, "]");
}

TEST(b12_every_leaf_is_in_one_half_and_in_order)
{
    static char expected[2][1 << 14], got[1 << 14];
    unsigned seed = 1;
    for (int round = 0; round < 2000; round++) {
        int leaves = 0;
        kin_error *err = random_tree(&seed, 5, &leaves), *parts[2];
        memset(expected, 0, sizeof expected);
        expect_part(err, true, expected[0]);
        expect_part(err, false, expected[1]);
        parts[0] = kin_error_split(err, &TEST_V, &parts[1]);
        CHECK_EQ(leaf_count(parts[0]) + leaf_count(parts[1]), leaves);
        for (int i = 0; i < 2; i++) {
            got[0] = '\0';
            spell(parts[i], got);
            if (!CHECK_STR(got, expected[i]))
                round = 2000;
            kin_error_free(parts[i]);
        }
    }
}

TEST(b13_the_halves_are_ordinary_or_not_by_themselves)
{
    kin_error *err = G("", fail_v("1"), kin_fail(&KIN_INTERRUPT, "x")), *rest;
    CHECK(!kin_error_is(err, &KIN_FAILURE));
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK(kin_error_is(match, &KIN_FAILURE));
    CHECK(!kin_error_is(rest, &KIN_FAILURE));
    CHECK_OUTCOME(match, "G[V1]");
    CHECK_OUTCOME(rest, "G[INTERRUPT]");
}

TEST(b13_a_split_by_failure_takes_ordinary_subgroups_whole)
{
    kin_error *inner = G("in", fail_v("1")), *rest;
    kin_error *err = G("", inner, G("x", kin_exit(1), fail_t("2")));
    kin_error *match = kin_error_split(err, &KIN_FAILURE, &rest);
    CHECK(kin_error_member(match, 0) == inner);
    CHECK_OUTCOME(match, "G[G[V1], G[T2]]");
    CHECK_OUTCOME(rest, "G[G[EXIT(1)]]");
}

static kin_error *handed_up(kin_error *err)
{
    KIN_TRY(err);
    return NULL;
}

TEST(b14_notes_trace_and_place_are_on_both_halves)
{
    kin_error *err = G("eg", fail_v("1"), fail_t("2")), *rest;
    const kin_site *site = kin_error_site(err);
    kin_error_add_note(err, "first");
    err = handed_up(err);
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    kin_error *halves[] = {match, rest};
    kin_error_add_note(match, "second");
    CHECK_EQ(kin_error_note_count(match), 2);
    CHECK_EQ(kin_error_note_count(rest), 1);
    for (size_t i = 0; i < 2; i++) {
        CHECK_STR(kin_error_note(halves[i], 0), "first");
        CHECK(kin_error_site(halves[i]) == site);
        CHECK_EQ(kin_error_trace_count(halves[i]), 1);
        CHECK_STR(kin_error_trace_site(halves[i], 0)->function, "handed_up");
        kin_error_free(halves[i]);
    }
}

TEST(b14_a_leaf_keeps_its_cause_in_a_split)
{
    kin_error *v = kin_fail_from(fail_k("why"), &TEST_V, "1"), *rest;
    const kin_error *cause = kin_error_cause(v);
    kin_error *match = kin_error_split(G("eg", v, fail_t("2")), &TEST_V, &rest);
    CHECK(kin_error_cause(leaf(match, 0)) == cause);
    CHECK_STR(kin_error_message(cause), "why");
    kin_error_free(match);
    kin_error_free(rest);
}

TEST(b14_adding_to_a_half_does_not_change_the_original)
{
    kin_error *err = G("eg", fail_v("1"), fail_t("2")), *rest;
    kin_error_add_note(err, "first");
    kin_error *whole = kin_error_ref(err);
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    kin_error_add_note(match, "second");
    kin_error_add_note(whole, "third");
    CHECK_EQ(kin_error_note_count(match), 2);
    CHECK_EQ(kin_error_note_count(whole), 2);
    CHECK_EQ(kin_error_note_count(rest), 1);
    kin_error_free(match);
    kin_error_free(rest);
    CHECK_OUTCOME(whole, "G[V1, T2]");
}

TEST(b15_there_is_one_type_of_group_and_halves_are_of_it)
{
    kin_error *err = G("eg", fail_v("1"), fail_t("2")), *rest;
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK(kin_error_kind(match) == &KIN_ERROR_GROUP);
    CHECK(kin_error_kind(rest) == &KIN_ERROR_GROUP);
    kin_error_free(match);
    kin_error_free(rest);
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

TEST(b16_a_deep_chain_is_counted_and_freed)
{
    kin_error *err = deep(fail_v("1"), DEEP);
    CHECK_EQ(depth_of(err), DEEP);
    CHECK_EQ(kin_error_count(err), 1);
    CHECK(kin_error_has(err, &TEST_V));
    CHECK(!kin_error_has(err, &TEST_T));
    CHECK(kin_error_is(err, &KIN_FAILURE));
    kin_error_free(err);
}

TEST(b16_a_deep_chain_is_split)
{
    kin_error *rest;
    kin_error *err = deep(G("", fail_v("1"), fail_t("2")), DEEP);
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK_EQ(depth_of(match), DEEP + 1);
    CHECK_EQ(depth_of(rest), DEEP + 1);
    CHECK_EQ(leaves_of(match) + leaves_of(rest), 2);
    kin_error_free(match);
    match = kin_error_split(rest, &TEST_T, &rest);
    CHECK(rest == NULL);
    match = kin_error_unwrap(match, &TEST_T);
    CHECK_OUTCOME(match, "T2");
}

TEST(b16_a_deep_tree_with_leaves_on_every_level_is_split)
{
    kin_error *err = fail_v("0"), *rest;
    for (int i = 1; i < DEEP; i++)
        err = i % 2 ? G("", err, fail_t("t")) : G("", fail_v("v"), err);
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    CHECK_EQ(leaves_of(match), DEEP / 2);
    CHECK_EQ(leaves_of(rest), DEEP / 2);
    size_t depth = 0;
    for (const kin_error *at = rest; kin_error_count(at); depth++)
        at = kin_error_member(at, 0);
    CHECK_EQ(depth, DEEP - 1);
    kin_error_free(match);
    kin_error_free(rest);
}

TEST(b16_a_deep_tree_is_printed_and_every_leaf_is_in_it)
{
    kin_error *err = fail_v("innermost");
    for (int i = 0; i < 2000; i++)
        err = G("deep", err, fail_t("leaf-%d.", i));
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    kin_error_print(err, stream);
    fclose(stream);
    CHECK_EQ(times_in(text, "leaf-"), 2000);
    CHECK_EQ(times_in(text, "leaf-1999."), 1);
    CHECK_EQ(times_in(text, "innermost"), 1);
    free(text);
    kin_error_free(err);
}

TEST(b16_a_chain_of_a_hundred_thousand_is_printed_in_a_few_lines)
{
    kin_error *err = deep(fail_v("innermost"), DEEP);
    CHECK_CONTAINS(printed(err), "innermost");
    CHECK_CONTAINS(printed(err), "inside 99999 groups like it");
    kin_error_free(err);
}

TEST(b16_a_long_chain_of_causes_is_printed_and_freed)
{
    kin_error *err = fail_v("first");
    for (int i = 0; i < DEEP; i++)
        err = kin_fail_from(err, &TEST_T, "because");
    FILE *nowhere = fopen("/dev/null", "w");
    kin_error_print(err, nowhere);
    kin_error_write_json(err, nowhere);
    fclose(nowhere);
    kin_error_free(err);
}

TEST(b16_a_deep_chain_goes_through_handlers)
{
    kin_error *err = deep(G("", fail_v("1"), fail_t("2")), DEEP);
    err = HANDLE(err, NULL, {&TEST_V, again}, {&TEST_T, swallow});
    CHECK_EQ(depth_of(err), DEEP + 1);
    CHECK_EQ(leaves_of(err), 1);
    kin_error_free(err);
}

static bool note_path(const kin_error *err, const kin_error *const path[],
                      size_t depth, void *stop)
{
    char text[128] = "";
    for (size_t i = 0; i < depth; i++) {
        strcat(text, kin_error_message(path[i]));
        strcat(text, "/");
    }
    NOTE("%s%s", text, kin_error_message(err));
    return strcmp(kin_error_message(err), stop) != 0;
}

TEST(b17_leaves_are_visited_with_the_groups_above_them)
{
    kin_error *err = G("r", fail_v("1"),
                       G("a", G("b", fail_v("2")), fail_v("3")), fail_v("4"));
    CHECK(kin_error_each_leaf(err, note_path, (void *)""));
    CHECK_LOG("r/1 r/a/b/2 r/a/3 r/4");
    harness_log_clear();
    CHECK(!kin_error_each_leaf(err, note_path, (void *)"3"));
    CHECK_LOG("r/1 r/a/b/2 r/a/3");
    kin_error_free(err);
    harness_log_clear();
    err = fail_v("alone");
    CHECK(kin_error_each_leaf(err, note_path, (void *)""));
    CHECK_LOG("alone");
    kin_error_free(err);
    CHECK(kin_error_each_leaf(NULL, note_path, (void *)""));
}

/* Logs those that say that a file is missing; the others stay. */
static bool is_not_missing(const kin_error *err, void *context)
{
    (void)context;
    if (kin_error_count(err) || kin_error_code(err) != ENOENT)
        return kin_error_count(err) == 0;
    NOTE("%s", kin_error_message(err));
    return false;
}

TEST(b18_a_filter_may_act_on_what_it_sees)
{
    kin_error *err =
        G("eg", kin_fail_errno(ENOENT, "a"), kin_fail_errno(EPERM, "b"),
          G("in", kin_fail_errno(ENOENT, "c"), kin_fail_errno(EIO, "d")));
    err = kin_error_split_if(err, is_not_missing, NULL, NULL);
    CHECK_LOG("a c");
    char expected[64];
    snprintf(expected, sizeof expected, "G[OS(%d), G[OS(%d)]]", EPERM, EIO);
    CHECK_OUTCOME(err, expected);
}

TEST(b19_a_naked_error_is_wrapped_for_its_handler)
{
    CHECK(HANDLE(fail_v("1"), NULL, {&TEST_V, note_shape}) == NULL);
    CHECK_LOG("G[V1]");
}

TEST(b20_a_naked_error_without_a_handler_stays_naked)
{
    kin_error *err = fail_v("1");
    kin_error *left = HANDLE(err, NULL, {&TEST_T, note_shape});
    CHECK(left == err);
    CHECK_LOG("");
    kin_error_free(left);
    CHECK(HANDLE(NULL, NULL, {&TEST_T, note_shape}) == NULL);
}

TEST(b21_a_handler_runs_once_and_the_first_one_wins)
{
    kin_error *err = G("", fail_v("1"), G("", fail_v("2")), fail_t("3"));
    kin_error *left =
        HANDLE(err, NULL, {&KIN_FAILURE, note_shape}, {&TEST_V, note_shape});
    CHECK(left == NULL);
    CHECK_LOG("G[V1, G[V2], T3]");
    harness_log_clear();
    err = G("", fail_v("1"), fail_t("3"), fail_v("2"));
    left = HANDLE(err, NULL, {&TEST_V, note_shape}, {&KIN_FAILURE, note_shape});
    CHECK(left == NULL);
    CHECK_LOG("G[V1, V2] G[T3]");
}

TEST(b22_what_no_handler_matched_is_left)
{
    kin_error *err =
        G("msg", fail_v("a"), fail_t("b"), fail_t("c"), fail_k("e"));
    err = HANDLE(err, NULL, {&TEST_V, swallow}, {&TEST_T, swallow});
    CHECK_STR(kin_error_message(err), "msg");
    CHECK_OUTCOME(err, "G[Ke]");
}

static kin_error *merge_example(void)
{
    return G("eg", fail_v("1"), fail_t("2"), fail_k("3"),
             G("nested", fail_k("4"), fail_t("5"), fail_v("6")));
}

TEST(b23_what_is_raised_again_is_merged_into_the_shape)
{
    kin_error *err =
        HANDLE(merge_example(), NULL, {&TEST_V, again}, {&TEST_K, swallow});
    CHECK_STR(kin_error_message(err), "eg");
    CHECK_STR(kin_error_message(kin_error_member(err, 2)), "nested");
    CHECK_OUTCOME(err, "G[V1, T2, G[T5, V6]]");
}

TEST(b23_everything_raised_again_is_the_same_object)
{
    kin_error *err = merge_example();
    kin_error *left = HANDLE(err, NULL, {&TEST_V, again}, {&TEST_K, again});
    CHECK(left == err);
    kin_error_free(left);
}

static kin_error *add_note(kin_error *matched, void *context)
{
    (void)context;
    kin_error_add_note(matched, "seen");
    return matched;
}

TEST(b23_a_note_added_before_raising_again_is_kept)
{
    kin_error *err =
        HANDLE(merge_example(), NULL, {&TEST_V, add_note}, {&TEST_K, swallow});
    CHECK_EQ(kin_error_note_count(err), 1);
    CHECK_STR(kin_error_note(err, 0), "seen");
    kin_error_free(err);
}

/* Another group with the same members. */
static kin_error *raise_anew(kin_error *matched, void *context)
{
    (void)context;
    kin_error *members[8];
    size_t count = kin_error_count(matched);
    for (size_t i = 0; i < count; i++)
        members[i] = kin_error_ref(kin_error_member(matched, i));
    kin_error *fresh =
        kin_error_group(kin_error_message(matched), members, count);
    kin_error_free(matched);
    return fresh;
}

TEST(b24_a_group_that_is_raised_anew_stands_beside_the_rest)
{
    kin_error *err =
        HANDLE(merge_example(), NULL, {&TEST_V, raise_anew}, {&TEST_K, again});
    CHECK_STR(kin_error_message(err), "");
    CHECK_STR(kin_error_message(kin_error_member(err, 0)), "eg");
    CHECK_STR(kin_error_message(kin_error_member(err, 1)), "eg");
    CHECK_OUTCOME(err, "G[G[V1, G[V6]], G[T2, K3, G[K4, T5]]]");
}

TEST(b25_an_error_of_the_handlers_own_is_explained_by_what_it_handled)
{
    kin_error *err =
        HANDLE(G("eg", fail_v("a"), fail_t("b")), NULL, {&TEST_V, raise_k});
    CHECK_STR(kin_error_message(err), "");
    CHECK_STR(kin_error_message(kin_error_member(err, 1)), "eg");
    const kin_error *cause = kin_error_cause(kin_error_member(err, 0));
    REQUIRE(cause != NULL);
    CHECK_STR(kin_error_message(cause), "eg");
    CHECK_SHAPE(cause, "G[Va]");
    CHECK_OUTCOME(err, "G[Kx, G[Tb]]");
}

static kin_error *raise_k_from(kin_error *matched, void *context)
{
    (void)context;
    return kin_fail_from(matched, &TEST_K, "x");
}

TEST(b25_a_handler_may_give_the_cause_itself)
{
    kin_error *err = HANDLE(G("eg", fail_v("a"), fail_t("b")), NULL,
                            {&TEST_V, raise_k_from});
    CHECK_SHAPE(kin_error_cause(leaf(err, 0)), "G[Va]");
    CHECK_OUTCOME(err, "G[Kx, G[Tb]]");
}

static kin_error *raise_a_leaf(kin_error *matched, void *context)
{
    (void)context;
    return kin_error_unwrap(matched, &TEST_V);
}

TEST(b25_a_leaf_of_what_was_handled_makes_no_circle)
{
    kin_error *err = HANDLE(G("eg", fail_v("a"), fail_t("b")), NULL,
                            {&TEST_V, raise_a_leaf});
    CHECK(kin_error_cause(leaf(err, 0)) == NULL);
    CHECK_OUTCOME(err, "G[Va, G[Tb]]");
}

static kin_error *raise_a_borrowed_leaf(kin_error *matched, void *context)
{
    kin_error_free(matched);
    return (kin_error *)leaf(context, 0);
}

TEST(b25_a_borrowed_leaf_is_a_misuse)
{
    kin_error *other = G("", fail_k("1"));
    kin_error *err = G("eg", fail_v("a"), fail_t("b"));
    err = HANDLE(err, other, {&TEST_V, raise_a_borrowed_leaf});
    CHECK(kin_error_has(err, &KIN_MISUSE));
    CHECK(kin_error_has(err, &TEST_T));
    kin_error_free(err);
    CHECK_OUTCOME(other, "G[K1]");
}

TEST(b26_a_naked_error_is_replaced_by_a_naked_one)
{
    kin_error *err = HANDLE(fail_t("1"), NULL, {&TEST_T, raise_k});
    CHECK_SHAPE(kin_error_cause(err), "G[T1]");
    CHECK_OUTCOME(err, "Kx");
}

TEST(b26_a_naked_error_raised_again_is_the_group_the_handler_had)
{
    CHECK_OUTCOME(HANDLE(fail_t("1"), NULL, {&TEST_T, again}), "G[T1]");
}

TEST(b27_one_new_error_is_a_group_of_one)
{
    kin_error *err = HANDLE(G("eg", fail_v("a")), NULL, {&TEST_V, raise_k});
    CHECK_STR(kin_error_message(err), "");
    CHECK_OUTCOME(err, "G[Kx]");
}

TEST(b28_an_error_of_a_handler_is_not_offered_to_later_ones)
{
    kin_error *err = HANDLE(G("eg", fail_v("a"), fail_k("b")), NULL,
                            {&TEST_V, raise_k}, {&TEST_K, note_shape});
    CHECK_LOG("G[Kb]");
    CHECK_OUTCOME(err, "G[Kx]");
}

TEST(b29_handlers_for_groups_or_for_everything_are_a_misuse)
{
    KIN_DEFINE_KIND(own_group, "own", KIN_ERROR_GROUP);
    const kin_kind *const bad[] = {&KIN_ERROR_GROUP, &KIN_BASE, NULL,
                                   &own_group};
    for (size_t i = 0; i < 4; i++)
        CHECK_OUTCOME(HANDLE(G("eg", fail_v("a")), NULL, {&TEST_V, note_shape},
                             {bad[i], note_shape}),
                      "G[G[Va], MISUSE]");
    CHECK_OUTCOME(HANDLE(fail_v("a"), NULL, {&TEST_V, NULL}), "G[Va, MISUSE]");
    CHECK_OUTCOME(HANDLE(NULL, NULL, {&KIN_BASE, note_shape}), "MISUSE");
    CHECK_LOG("");
}

TEST(b30_suppress_leaves_what_is_not_of_the_kind)
{
    CHECK(kin_error_suppress(G("", fail_v("1"), G("", fail_v("2"))), &TEST_V) ==
          NULL);
    kin_error *err = G("eg", fail_v("1"), G("in", fail_v("2"), fail_t("3")));
    err = kin_error_suppress(err, &TEST_V);
    CHECK_OUTCOME(err, "G[G[T3]]");
    kin_error *naked = fail_t("1");
    CHECK(kin_error_suppress(naked, &TEST_V) == naked);
    CHECK(kin_error_suppress(naked, &TEST_T) == NULL);
    CHECK(kin_error_suppress(NULL, &TEST_T) == NULL);
}

TEST(b30_catch_takes_what_is_wholly_of_the_kind)
{
    kin_error *err = G("", fail_v("1"), G("", fail_v("2")));
    CHECK(!kin_error_catch(&err, &TEST_T));
    CHECK(err != NULL);
    CHECK(kin_error_catch(&err, &TEST_V));
    CHECK(err == NULL);
    CHECK(!kin_error_catch(&err, &TEST_V));
    err = G("", fail_v("1"), fail_t("2"));
    CHECK(!kin_error_catch(&err, &TEST_V));
    CHECK(kin_error_catch(&err, &KIN_FAILURE));
}

TEST(b31_notes_keep_their_order_and_stand_under_the_message)
{
    kin_error *err = fail_v("message");
    for (int i = 0; i < 20; i++)
        kin_error_add_note(err, "note %d of %s", i, "many");
    kin_error_add_note(err, "100%% as it is");
    CHECK_EQ(kin_error_note_count(err), 21);
    CHECK_STR(kin_error_note(err, 7), "note 7 of many");
    CHECK_STR(kin_error_note(err, 20), "100% as it is");
    CHECK(kin_error_note(err, 21) == NULL);
    err = G("g", err);
    CHECK_STR(kin_error_note(leaf(err, 0), 0), "note 0 of many");
    const char *text = printed(err);
    const char *message = strstr(text, "V: message\n");
    REQUIRE(message != NULL);
    CHECK(strncmp(strstr(message, "note"), "note: note 0 of many\n", 21) == 0);
    CHECK(strstr(text, "note 0 of") < strstr(text, "note 1 of"));
    CHECK(strstr(text, "note 1 of") < strstr(message, "a_errors.c"));
    kin_error_free(err);
}

static kin_error *adds_no_note(void *arg)
{
    kin_error *err = fail_v("1");
    const char *volatile format = NULL;
    (void)arg;
    kin_error_add_note(err, format, 1);
    return err;
}

TEST(b31_a_null_note_is_a_misuse_that_the_task_holds)
{
    kin_error *err = run_virtual(adds_no_note, NULL, 0);
    CHECK(kin_error_has(err, &KIN_MISUSE));
    CHECK(kin_error_has(err, &TEST_V));
    kin_error_free(err);
}

TEST(b32_the_tree_is_printed_with_numbers_and_every_message_once)
{
    kin_error *err = G("outer", fail_v("apple"),
                       G("inner", fail_t("pear"),
                         kin_fail_from(fail_k("plum"), &TEST_V, "cherry")),
                       fail_k("lemon"));
    const char *text = printed(err);
    static const char *const words[] = {"outer", "inner",  "apple", "pear",
                                        "plum",  "cherry", "lemon"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        CHECK_EQ(times_in(text, words[i]), 1);
    CHECK_CONTAINS(text, "1. V: apple");
    CHECK_CONTAINS(text, "2. inner (2 sub-errors)");
    CHECK_CONTAINS(text, "2. V: cherry");
    CHECK_CONTAINS(text, "caused by K: plum");
    CHECK_CONTAINS(text, "3. K: lemon");
    kin_error_free(err);
}

TEST(b32_a_full_disk_or_a_closed_stream_is_no_crash)
{
    kin_error *err = G("outer", fail_v("apple"), fail_t("pear"));
    FILE *full = fopen("/dev/full", "w");
    kin_error_print(err, full);
    fflush(full);
    CHECK(ferror(full));
    fclose(full);
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    FILE *reading = fdopen(ends[0], "r");
    kin_error_print(err, reading);
    CHECK(ferror(reading));
    fclose(reading);
    close(ends[1]);
    kin_error_free(err);
}

TEST(b32_the_tree_is_one_write)
{
    enum { LEAVES = 25 };
    kin_error *members[LEAVES];
    for (int i = 0; i < LEAVES; i++)
        members[i] = fail_v("leaf number %d", i);
    kin_error *err = kin_error_group("g", members, LEAVES);
    char text[1 << 16];
    int ends[2];
    /* In packet mode each write is read by itself. */
    CHECK_EQ(pipe2(ends, 040000 /* O_DIRECT */), 0);
    FILE *stream = fdopen(ends[1], "w");
    setvbuf(stream, NULL, _IONBF, 0);
    size_t length = strlen(printed(err));
    CHECK(length > 1000 && length <= 4096);
    kin_error_print(err, stream);
    CHECK_EQ(read(ends[0], text, sizeof text), length);
    fclose(stream);
    close(ends[0]);
    kin_error_free(err);
}

TEST(b33_unwrap_gives_the_one_leaf_however_deep)
{
    kin_error *leaf_alone = fail_v("1");
    CHECK(kin_error_unwrap(G("", leaf_alone), &TEST_V) == leaf_alone);
    CHECK(kin_error_unwrap(leaf_alone, &TEST_V) == leaf_alone);
    kin_error *two = G("", G("", leaf_alone));
    CHECK(kin_error_unwrap(two, &KIN_FAILURE) == leaf_alone);
    kin_error *many = G("", leaf_alone, fail_v("2"));
    CHECK(kin_error_unwrap(many, &TEST_V) == many);
    CHECK_OUTCOME(many, "G[V1, V2]");
    CHECK(kin_error_unwrap(NULL, &TEST_V) == NULL);
}

TEST(b34_unwrap_ignores_no_leaf_and_keeps_the_cause)
{
    kin_error *mixed = G("", kin__error_cancelled(KIN_HERE), fail_v("1"));
    CHECK(kin_error_unwrap(mixed, &TEST_V) == mixed);
    kin_error_free(mixed);
    kin_error *err = G("", kin_fail_from(fail_k("why"), &TEST_V, "1"));
    err = kin_error_unwrap(err, &TEST_V);
    CHECK_STR(kin_error_message(kin_error_cause(err)), "why");
    CHECK_OUTCOME(err, "V1");
    CHECK_OUTCOME(kin_error_unwrap(G("", kin_exit(2)), &KIN_EXIT), "EXIT(2)");
}

TEST(b35_unwrap_leaves_a_leaf_of_another_kind_where_it_is)
{
    kin_error *err = G("", fail_t("1"));
    CHECK(kin_error_unwrap(err, &TEST_V) == err);
    kin_error_free(err);
}

TEST(b36_every_error_is_freed_once)
{
    size_t before = kin__error_live();
    for (int i = 0; i < 1000; i++) {
        kin_error *err = kin_fail_from(merge_example(), &TEST_V, "%d", i);
        err = G("eg", err, merge_example(), fail_t("1"));
        kin_error *held = kin_error_ref(kin_error_member(err, 1)), *rest;
        err = HANDLE(err, NULL, {&TEST_V, raise_k}, {&TEST_K, again});
        kin_error *match = kin_error_split(err, &TEST_K, &rest);
        kin_error_free(match);
        rest = kin_error_suppress(rest, &TEST_T);
        kin_error_free(kin_error_combine(rest, held));
    }
    CHECK_EQ(kin__error_live(), before);
}

TEST(b36_a_million_cancellations_leave_nothing)
{
    size_t before = kin__error_live();
    for (int i = 0; i < 1000000; i++)
        kin_error_free(kin__error_cancelled(KIN_HERE));
    CHECK_EQ(kin__error_live(), before);
}

TEST(b36_a_group_frees_members_that_others_refer_to_later)
{
    kin_error *v = fail_v("1");
    kin_error *mine = kin_error_ref(v);
    kin_error_free(G("", v, fail_t("2")));
    CHECK_STR(kin_error_message(mine), "1");
    kin_error_free(mine);
}

static kin_error *frees_a_member(void *arg)
{
    (void)arg;
    kin_error *err = G("g", fail_v("mine"));
    kin_error_free((kin_error *)kin_error_member(err, 0));
    return err;
}

TEST(b36_freeing_what_is_borrowed_frees_nothing_and_is_a_misuse)
{
    kin_error *err = run_virtual(frees_a_member, NULL, 0);
    CHECK(kin_error_has(err, &TEST_V));
    const kin_error *misuse = leaf_of(err, &KIN_MISUSE);
    REQUIRE(misuse != NULL);
    CHECK_CONTAINS(kin_error_message(misuse), "\"mine\"");
    CHECK_CONTAINS(kin_error_message(misuse), "a_errors.c");
    kin_error_free(err);
}

static void free_a_member(void *arg)
{
    kin_error_free((kin_error *)kin_error_member(arg, 0));
}

TEST(b36_outside_a_run_it_ends_the_program_with_one_line)
{
    int status;
    kin_error *err = G("g", fail_v("mine"));
    const char *text = in_child_process(free_a_member, err, &status);
    CHECK_CONTAINS(text, "kin: kin_error_free: the error \"mine\"");
    CHECK(text[0] && strchr(text, '\n') == text + strlen(text) - 1);
    CHECK(status != 0);
    kin_error_free(err);
}

TEST(b37_programs_cannot_make_a_cancelled)
{
    kin_error *err = kin_fail(&KIN_CANCELLED, "now");
    CHECK_CONTAINS(kin_error_message(err), "KIN_CANCELLED");
    CHECK_OUTCOME(err, "MISUSE");
    KIN_DEFINE_KIND(own, "own", KIN_CANCELLED);
    CHECK_OUTCOME(kin_fail_code(&own, 1, "now"), "MISUSE");
    CHECK_OUTCOME(kin_fail(NULL, "no kind"), "MISUSE");
    err = kin_fail_from(fail_v("why"), &KIN_CANCELLED, "now");
    CHECK_SHAPE(kin_error_cause(err), "Vwhy");
    CHECK_OUTCOME(err, "MISUSE");
}

static kin_error *fails_twice(void *arg)
{
    (void)arg;
    KIN_GROUP(g);
    kin_spawn(g, works, (&(work){.kind = &TEST_V, .text = "1"}));
    return kin_group_close(g, fail_t("2"));
}

TEST(b38_a_group_has_no_cause_and_no_cancellation_of_its_own)
{
    EACH_SEED(seed)
    {
        kin_error *err = run_virtual(fails_twice, NULL, seed);
        CHECK_EQ(kin_error_count(err), 2);
        CHECK(kin_error_cause(err) == NULL);
        CHECK(kin_error_during(err) == NULL);
        kin_error_free(err);
    }
}
