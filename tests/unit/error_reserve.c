/* error_reserve.c: without memory no error is lost. Every way to make, group
   and take apart errors is gone through with every allocation failing in
   turn. */
#include "../harness.h"

#include "error/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(...) (sizeof((kin_error *[]){__VA_ARGS__}) / sizeof(kin_error *))
#define G(message, ...) \
    kin_error_group(message, ((kin_error *[]){__VA_ARGS__}), COUNT(__VA_ARGS__))

enum { RESERVE = 64 };

/* The allocation that fails; from then on all of them, or that one alone. */
static struct {
    int before;
    bool only_one;
} plan;

static bool fails(void *context)
{
    (void)context;
    return plan.only_one ? plan.before-- == 0 : plan.before-- <= 0;
}

static void without_memory(int allowed, bool only_one)
{
    plan.before = allowed;
    plan.only_one = only_one;
    harness_heap.fail = fails;
}

static void with_memory(void)
{
    harness_heap.fail = NULL;
}

TEST(a_leaf_is_made_of_the_reserve)
{
    without_memory(0, false);
    kin_error *err = kin_fail_code(&TEST_V, 7, "message %d", 1);
    CHECK_STR(kin_error_message(err), "message 1");
    CHECK_EQ(kin_error_code(err), 7);
    err = kin_fail_from(err, &TEST_T, "because");
    CHECK_STR(kin_error_message(kin_error_cause(err)), "message 1");
    for (int i = 0; i < 20; i++)
        err = kin_error_trace(err, KIN_HERE);
    CHECK(kin_error_trace_count(err) >= 5);
    kin_error_free(err);
    with_memory();
}

TEST(a_long_message_is_cut_between_characters_and_says_so)
{
    char text[2000] = "";
    for (int i = 0; i < 900; i++)
        strcat(text, "\xc3\xa9");
    without_memory(0, false);
    kin_error *err = kin_fail(&TEST_V, "%s", text);
    with_memory();
    const char *message = kin_error_message(err);
    size_t length = strlen(message);
    CHECK(length > 200 && length < 512);
    CHECK_STR(message + length - 3, "...");
    CHECK_EQ((unsigned char)message[length - 4], 0xa9);
    kin_error_free(err);
    without_memory(1, false); /* the larger block is refused */
    err = kin_fail(&TEST_V, "x%s", text);
    with_memory();
    message = kin_error_message(err);
    CHECK_STR(message + strlen(message) - 3, "...");
    kin_error_free(err);
    err = kin_fail(&TEST_V, "%s", text);
    CHECK_STR(kin_error_message(err), text);
    kin_error_free(err);
}

TEST(a_group_of_many_nests_in_order)
{
    kin_error *all[40];
    for (int i = 0; i < 40; i++)
        all[i] = fail_v("%d", i);
    without_memory(0, false);
    kin_error *err = kin_error_group("g", all, 40);
    CHECK_EQ(leaf_count(err), 40);
    CHECK(kin_error_is(err, &KIN_FAILURE));
    for (int i = 0; i < 40; i++)
        CHECK_EQ(atoi(kin_error_message(leaf(err, (size_t)i))), i);
    kin_error *rest, *match = kin_error_split(err, &TEST_V, &rest);
    CHECK(match == err && !rest);
    kin_error_free(match);
    with_memory();
}

TEST(what_nests_is_in_the_sum_of_the_whole)
{
    kin_error *all[20];
    for (int i = 0; i < 20; i++)
        all[i] = i == 17 ? kin_exit(3) : fail_v("%d", i);
    without_memory(0, false);
    kin_error *err = kin_error_group("g", all, 20);
    with_memory();
    CHECK(!kin_error_is(err, &KIN_FAILURE));
    CHECK(kin_error_has(err, &KIN_EXIT));
    err = kin_error_suppress(err, &TEST_V);
    CHECK_EQ(kin_error_code(leaf(err, 0)), 3);
    err = kin_error_unwrap(err, &KIN_EXIT);
    CHECK_OUTCOME(err, "EXIT(3)");
}

TEST(a_list_of_many_becomes_a_group)
{
    kin_error *waiting = NULL;
    for (int i = 0; i < 30; i++)
        kin__error_hold(&waiting, fail_v("%d", i));
    without_memory(0, false);
    kin_error *err = kin__error_group_of_list(KIN_HERE, "g", &waiting);
    with_memory();
    CHECK_EQ(leaf_count(err), 30);
    CHECK_STR(kin_error_message(leaf(err, 29)), "29");
    kin_error_free(err);
}

TEST(blocks_of_the_reserve_come_back)
{
    without_memory(0, false);
    for (int round = 0; round < 100; round++) {
        kin_error *all[RESERVE - 20];
        for (int i = 0; i < RESERVE - 20; i++)
            all[i] = fail_v("%d", i);
        kin_error *err = kin_error_group("g", all, RESERVE - 20);
        CHECK_EQ(leaf_count(err), RESERVE - 20);
        kin_error_free(err);
    }
    with_memory();
}

/* In a child process, since it writes on standard error. */
static void use_up(void *arg)
{
    kin_error *all[RESERVE + 3], *more;
    (void)arg;
    without_memory(0, false);
    for (int i = 0; i < RESERVE + 3; i++)
        all[i] = fail_v("leaf-%d.", i);
    kin_error *last = all[RESERVE];
    if (!kin_error_is(last, &KIN_NO_MEMORY) || last != all[RESERVE + 1])
        _exit(1);
    more = kin_error_ref(last);
    kin_error_add_note(more, "x");
    kin_error_trace(more, KIN_HERE);
    kin_error_free(more);
    kin_error_free(more);
    kin_error_free(kin_error_give(kin_error_adopt(last)));
    kin_error *group = kin_error_group("g", all, RESERVE + 3);
    if (!kin_error_is(group, &KIN_NO_MEMORY))
        _exit(2);
    /* Its leaves have been said and freed, so there are blocks again. */
    if (!kin_error_is(kin__error_cancelled(KIN_HERE), &KIN_CANCELLED))
        _exit(3);
    _exit(0);
}

TEST(when_all_is_used_up_errors_are_said_at_once)
{
    int status;
    const char *text = in_child_process(use_up, NULL, &status);
    CHECK_EQ(status, 0);
    for (int i = 0; i < RESERVE + 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "leaf-%d.", i);
        CHECK_CONTAINS(text, name);
    }
    CHECK_CONTAINS(text, "kin: out of memory, reported here so that it is not "
                         "lost:\nV: leaf-64.\n");
}

static void split_without_anything(void *arg)
{
    kin_error *err = arg, *rest, *fill[RESERVE];
    without_memory(0, false);
    for (int i = 0; i < RESERVE; i++)
        fill[i] = fail_v("x");
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    bool whole = !match && rest == err;
    for (int i = 0; i < RESERVE; i++)
        kin_error_free(fill[i]);
    _exit(whole && leaf_count(rest) == 3 ? 0 : 1);
}

TEST(a_split_that_cannot_be_made_leaves_the_error_whole)
{
    int status;
    kin_error *err = G("g", fail_v("1"), G("in", fail_t("2"), fail_v("3")));
    in_child_process(split_without_anything, err, &status);
    CHECK_EQ(status, 0);
    CHECK_OUTCOME(err, "G[V1, G[T2, V3]]");
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

/* How often each of the leaves 0 to 7 is in the tree. */
static bool count_leaf(const kin_error *err, const kin_error *const path[],
                       size_t depth, void *context)
{
    int *counts = context;
    (void)path;
    (void)depth;
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "l%d", i);
        if (strcmp(kin_error_message(err), name) == 0)
            counts[i]++;
    }
    return true;
}

/* Makes, groups, splits, handles and joins; all eight leaves must come out,
   whatever fails. */
static void go_through(void)
{
    kin_error *l[8], *rest;
    int counts[8] = {0};
    for (int i = 0; i < 8; i++)
        l[i] = i % 2 ? fail_v("l%d", i) : fail_t("l%d", i);
    kin_error *err =
        G("outer", l[0], l[1], G("inner", l[2], l[3], G("core", l[4], l[5])),
          kin_error_combine(l[6], l[7]));
    kin_error_add_note(err, "note");
    kin_error *match = kin_error_split(err, &TEST_V, &rest);
    const kin_handler table[] = {{&TEST_K, raise_k}, {&TEST_T, again}};
    rest = kin_error_handle(rest, table, 2, NULL);
    match = G("again", match, kin_fail_from(fail_k("why"), &TEST_K, "k"));
    err = kin_error_combine(match, rest);
    err = kin_error_suppress(err, &TEST_K);
    kin_error_each_leaf(err, count_leaf, counts);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(counts[i], 1);
    kin_error_free(err);
}

TEST(no_leaf_is_lost_whichever_allocation_fails)
{
    for (int i = 0; i < 60; i++) {
        without_memory(i, true);
        go_through();
        with_memory();
    }
}

TEST(no_leaf_is_lost_when_memory_runs_out_anywhere)
{
    for (int i = 0; i < 60; i++) {
        without_memory(i, false);
        go_through();
        with_memory();
    }
}

static bool is_v(const kin_error *err, void *asked)
{
    ++*(int *)asked;
    return kin_error_is(err, &TEST_V);
}

/* Deeper than a walk has room for, and no memory for more: the path is found
   again from the root. */
static kin_error *ragged(int levels)
{
    kin_error *err = fail_v("0");
    for (int i = 1; i < levels; i++) {
        if (i % 3 == 0)
            err = G("g", fail_v("a"), err, G("s", fail_t("b"), fail_t("c")));
        else if (i % 3 == 1)
            err = G("g", kin_fail_from(fail_k("why"), &TEST_T, "d"), err);
        else
            err = G("g", err);
    }
    return err;
}

static bool note_leaf(const kin_error *err, const kin_error *const path[],
                      size_t depth, void *context)
{
    uint64_t *sum = context;
    CHECK(depth > 0 && path[depth - 1] != NULL);
    bool in_it = false;
    for (size_t i = 0; i < kin_error_count(path[depth - 1]); i++)
        in_it = in_it || kin_error_member(path[depth - 1], i) == err;
    CHECK(in_it);
    *sum = *sum * 31 + (uintptr_t)err;
    return true;
}

TEST(deep_trees_are_walked_without_memory)
{
    kin_error *err = ragged(700);
    uint64_t with = 0, without = 0;
    CHECK(kin_error_each_leaf(err, note_leaf, &with));
    without_memory(0, false);
    CHECK(kin_error_each_leaf(err, note_leaf, &without));
    CHECK(with == without);
    CHECK(kin_error_has(err, &TEST_V));
    CHECK(!kin_error_has(err, &TEST_K));
    int asked = 0;
    kin_error *none = kin_error_split_if(err, is_v, &asked, &err);
    with_memory();
    /* There is not reserve enough to take so deep a tree apart. */
    CHECK(none == NULL);
    CHECK(asked > 0);
    kin_error_free(err);
}

/* Groups that have causes are only ever read. */
static kin_error *with_causes(int levels)
{
    static const char open[] =
        "{\"kind\":\"error group\",\"cause\":{\"kind\":\"error group\","
        "\"members\":[{\"kind\":\"busy\"},{\"kind\":\"busy\"}]},"
        "\"members\":[{\"kind\":\"end\"},";
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    for (int i = 0; i < levels; i++)
        fputs(open, stream);
    fputs("{\"kind\":\"end\"}", stream);
    for (int i = 0; i < levels; i++)
        fputs(",{\"kind\":\"timeout\"}]}", stream);
    fclose(stream);
    kin_error *err = NULL;
    kin_error_free(kin_error_read_json(text, length, &err));
    free(text);
    return err;
}

TEST(causes_that_are_passed_by_do_not_lead_a_walk_astray)
{
    kin_error *err = with_causes(300);
    REQUIRE(err != NULL);
    uint64_t with = 0, without = 0;
    CHECK(kin_error_each_leaf(err, note_leaf, &with));
    without_memory(0, false);
    CHECK(kin_error_each_leaf(err, note_leaf, &without));
    with_memory();
    CHECK(with == without);
    kin_error_free(err);
}

TEST(a_deep_split_without_room_for_the_path_is_right)
{
    for (int levels = 30; levels < 300; levels += 27) {
        kin_error *a = ragged(levels), *b = ragged(levels), *rest_a, *rest_b;
        kin_error *match_a = kin_error_split(a, &TEST_V, &rest_a);
        /* The walk's block is the first allocation of a split. */
        without_memory(0, true);
        kin_error *match_b = kin_error_split(b, &TEST_V, &rest_b);
        with_memory();
        CHECK_STR(shape(match_b), shape(match_a));
        CHECK_STR(shape(rest_b), shape(rest_a));
        kin_error_free(match_a);
        kin_error_free(match_b);
        kin_error_free(rest_a);
        kin_error_free(rest_b);
    }
}
