/* error_causality.c: which error is whose consequence, the exit status that
   follows from it, and who holds an error. A stand-in for the runtime says what
   the errors are made under. */
#include "../harness.h"

#include "error/error.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(...) (sizeof((kin_error *[]){__VA_ARGS__}) / sizeof(kin_error *))
#define G(message, ...) \
    kin_error_group(message, ((kin_error *[]){__VA_ARGS__}), COUNT(__VA_ARGS__))

static _Thread_local kin__origin around;
static _Thread_local kin_error *held;

static void describe(kin__origin *origin)
{
    *origin = around;
}

static kin_error **list(void)
{
    return around.held;
}

static const struct kin__error_host host = {describe, list, NULL};

/* In a task of that name; its errors are held. */
static void in_task(const char *name)
{
    around.task = name;
    around.name_is_static = true;
    around.held = &held;
    kin__error_host = &host;
}

/* From here on under a cancellation that came of `behind`. */
static void cancelled_by(const kin_error *behind)
{
    va_list none;
    memset(&none, 0, sizeof none);
    kin__reason_unref(around.reason);
    around.reason =
        behind ? kin__reason_new(KIN_BY_GROUP, 1, kin_error_site(behind), "t",
                                 behind, NULL, none)
               : NULL;
}

static void leave(void)
{
    cancelled_by(NULL);
    around = (kin__origin){0};
    kin__error_host = NULL;
}

/* A leaf made under the cancellation that came of `behind`. */
static kin_error *after(const kin_error *behind, const char *text)
{
    kin__error_host = &host;
    cancelled_by(behind);
    kin_error *err = fail_v("%s", text);
    leave();
    return err;
}

static int status_of(const kin_error *err, bool *show)
{
    *show = !*show;
    return kin_error_exit_status(err, show);
}

TEST(a_direct_consequence_follows)
{
    kin_error *first = fail_k("first"), *unrelated = fail_k("other");
    kin_error *second = after(first, "second");
    CHECK(kin_error_follows_from(second, first));
    CHECK(!kin_error_follows_from(first, second));
    CHECK(!kin_error_follows_from(second, unrelated));
    CHECK(!kin_error_follows_from(first, first));
    CHECK(!kin_error_follows_from(NULL, first));
    CHECK(!kin_error_follows_from(second, NULL));
    kin_error_free(second);
    kin_error_free(unrelated);
    kin_error_free(first);
}

TEST(a_consequence_of_a_consequence_follows)
{
    kin_error *first = fail_k("first");
    kin_error *second = after(first, "second");
    kin_error *third = after(second, "third");
    CHECK(kin_error_follows_from(third, first));
    CHECK(kin_error_follows_from(third, second));
    kin_error_free(first);
    kin_error_free(second);
    CHECK_EQ(kin_error_during(third)->source, KIN_BY_GROUP);
    kin_error_free(third);
}

TEST(what_is_behind_may_contain_the_origin_or_be_in_it)
{
    kin_error *first = fail_k("first");
    kin_error *group = G("g", kin_error_ref(first), fail_t("2"));
    kin_error *of_group = after(group, "of the group");
    kin_error *of_leaf = after(first, "of the leaf");
    CHECK(kin_error_follows_from(of_group, first));
    CHECK(kin_error_follows_from(of_group, group));
    CHECK(kin_error_follows_from(of_leaf, group));
    kin_error *wrapped = kin_fail_from(first, &TEST_T, "wrapped");
    kin_error *of_wrapped = after(wrapped, "of the wrapped");
    CHECK(kin_error_follows_from(of_wrapped, kin_error_cause(wrapped)));
    kin_error_free(of_group);
    kin_error_free(of_leaf);
    kin_error_free(of_wrapped);
    kin_error_free(wrapped);
    kin_error_free(group);
}

TEST(the_cause_of_an_error_may_be_what_follows)
{
    kin_error *first = fail_k("first");
    kin_error *inner = after(first, "inner");
    kin_error *outer = kin_fail_from(inner, &TEST_T, "outer");
    CHECK(kin_error_during(outer) == NULL);
    CHECK(kin_error_follows_from(outer, first));
    kin_error *explained = kin_fail_from(kin_error_ref(first), &TEST_T, "x");
    CHECK(!kin_error_follows_from(explained, first));
    kin_error_free(explained);
    kin_error_free(outer);
    kin_error_free(first);
}

TEST(a_group_follows_when_every_other_leaf_does)
{
    kin_error *first = fail_k("first");
    kin_error *a = after(first, "a"), *b = after(a, "b");
    kin_error *err = G("g", a, kin_error_ref(first), G("in", b));
    CHECK(kin_error_follows_from(err, first));
    err = G("g", err, fail_t("unrelated"));
    CHECK(!kin_error_follows_from(err, first));
    kin_error_free(err);
    kin_error_free(first);
}

TEST(long_chains_are_followed_in_either_order)
{
    enum { LONG = 100000 };
    kin_error *first = fail_k("first"), *last = kin_error_ref(first);
    kin_error **all = malloc(LONG * sizeof *all);
    for (int i = 0; i < LONG; i++) {
        kin_error *next = after(last, "next");
        kin_error_free(last);
        last = kin_error_ref(next);
        all[LONG - 1 - i] = next;
    }
    CHECK(kin_error_follows_from(last, first));
    kin_error *unrelated = fail_t("u");
    CHECK(!kin_error_follows_from(last, unrelated));
    kin_error *err = kin_error_group("g", all, LONG);
    CHECK(kin_error_follows_from(err, first));
    CHECK(!kin_error_follows_from(err, unrelated));
    free(all);
    kin_error_free(unrelated);
    kin_error_free(last);
    kin_error_free(err);
    kin_error_free(first);
}

TEST(shared_subtrees_are_looked_at_once)
{
    kin_error *first = fail_k("first"), *unrelated = fail_k("u");
    kin_error *err = after(first, "x");
    for (int i = 0; i < 60; i++) {
        kin_error *both = G("g", kin_error_ref(err), err);
        err = after(both, "y");
        kin_error_free(both);
    }
    CHECK(!kin_error_follows_from(err, unrelated));
    CHECK(kin_error_follows_from(err, first));
    kin_error_free(err);
    kin_error_free(first);
    kin_error_free(unrelated);
}

static bool never(void *context)
{
    (void)context;
    return true;
}

TEST(without_memory_the_answer_is_the_careful_one)
{
    kin_error *first = fail_k("first");
    kin_error *a = after(first, "a"), *b = after(a, "b");
    harness_heap.fail = never;
    CHECK(!kin_error_follows_from(b, first));
    harness_heap.fail = NULL;
    CHECK(kin_error_follows_from(b, first));
    kin_error_free(a);
    kin_error_free(b);
    kin_error_free(first);
}

TEST(the_reason_outlives_everything_but_its_errors)
{
    kin_error *first = fail_k("first");
    kin_error *second = after(first, "second");
    kin_error_free(first);
    const kin_cancellation *why = kin_error_during(second);
    CHECK_STR(kin_error_message(why->behind), "first");
    CHECK_STR(why->task, "t");
    CHECK_STR(why->text, "");
    kin_error_free(second);
}

static kin__reason *named(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    kin__reason *reason =
        kin__reason_new(KIN_BY_REQUEST, 1, NULL, NULL, NULL, format, arguments);
    va_end(arguments);
    return reason;
}

TEST(texts_are_cut_at_95_bytes_between_characters)
{
    char text[200] = "";
    for (int i = 0; i < 60; i++)
        strcat(text, "\xc3\xa9");
    kin__reason *reason = named("%s", text);
    CHECK_EQ(strlen(reason->cancellation.text), 94);
    kin__reason_unref(reason);
    reason = named("x%s", text);
    CHECK_EQ(strlen(reason->cancellation.text), 95);
    kin__reason_unref(reason);
    memset(text, 'y', 150);
    text[95] = '\0';
    reason = named("%s", text);
    CHECK_STR(reason->cancellation.text, text);
    kin__reason_unref(reason);
    reason = named("%s\xf0\x9f\x98\x80 and more", text + 2);
    CHECK_EQ(strlen(reason->cancellation.text), 93);
    kin__reason_unref(reason);
}

TEST(the_text_is_valid_utf8_whatever_it_was)
{
    kin__reason *reason = named("a\xff\xc3 \xc3\xa9");
    CHECK_STR(reason->cancellation.text, "a?? \xc3\xa9");
    kin__reason_unref(reason);
}

TEST(a_cancelled_says_the_reasons_text)
{
    kin__error_host = &host;
    around.reason = named("bye");
    kin_error *err = kin__error_cancelled(KIN_HERE);
    leave();
    CHECK_STR(kin_error_message(err), "bye");
    CHECK_STR(kin_error_during(err)->text, "bye");
    CHECK(kin_error_is(err, &KIN_CANCELLED));
    kin_error_free(err);
    err = kin__error_cancelled(KIN_HERE);
    CHECK_STR(kin_error_message(err), "cancelled");
    CHECK(kin_error_during(err) == NULL);
    kin_error_free(err);
}

TEST(without_memory_the_reason_is_a_static_one)
{
    harness_heap.fail = never;
    kin__reason *reason = named("bye");
    harness_heap.fail = NULL;
    CHECK(kin__reason_ref(reason) == reason);
    CHECK_EQ(reason->cancellation.source, KIN_BY_REQUEST);
    CHECK(reason->cancellation.text[0] != '\0');
    kin__reason_unref(reason);
    kin__reason_unref(reason);
    kin__reason_unref(NULL);
}

TEST(the_status_of_success_and_failure)
{
    bool show = true;
    CHECK_EQ(status_of(NULL, &show), 0);
    CHECK(!show);
    kin_error *err = fail_v("1");
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    CHECK(show);
    CHECK_EQ(kin_error_exit_status(err, NULL), 1);
    kin_error_free(err);
}

TEST(b259_the_status_of_an_exit)
{
    bool show = true;
    kin_error *err = kin_exit(3);
    CHECK_EQ(kin_error_exit_status(err, &show), 3);
    CHECK(!show);
    err = G("g", G("in", err));
    CHECK_EQ(kin_error_exit_status(err, &show), 3);
    err = G("g", err, kin_exit(3));
    CHECK_EQ(kin_error_exit_status(err, &show), 3);
    CHECK(!show);
    err = G("g", err, kin_exit(4));
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    CHECK(show);
    kin_error_free(err);
}

TEST(b259_consequences_of_an_exit_do_not_count_and_others_do)
{
    bool show = true;
    kin_error *exit_error = kin_exit(0);
    kin_error *closed = after(exit_error, "the connection was closed");
    kin_error *later = after(closed, "and so this failed");
    kin_error *err = G("g", exit_error, closed, later);
    CHECK_EQ(kin_error_exit_status(err, &show), 0);
    CHECK(!show);
    err = G("g", err, fail_t("unrelated"));
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    CHECK(show);
    kin_error_free(err);
}

TEST(b259_consequences_of_something_else_count)
{
    bool show = false;
    kin_error *other = fail_k("other");
    kin_error *closed = after(other, "closed since the other failed");
    kin_error *err = G("g", kin_exit(0), closed);
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    CHECK(show);
    kin_error_free(err);
    kin_error_free(other);
}

TEST(an_exit_that_follows_from_another_gives_way_to_it)
{
    bool show;
    kin_error *first = kin_exit(2);
    kin__error_host = &host;
    cancelled_by(first);
    kin_error *second = kin_exit(9);
    leave();
    kin_error *err = G("g", second, first);
    CHECK_EQ(kin_error_exit_status(err, &show), 2);
    kin_error_free(err);
}

TEST(an_interrupt_gives_130)
{
    bool show = true;
    kin_error *err = kin_fail(&KIN_INTERRUPT, "interrupted");
    CHECK_EQ(kin_error_exit_status(err, &show), 130);
    CHECK(!show);
    kin_error *closed = after(err, "closed");
    err = G("g", closed, err);
    CHECK_EQ(kin_error_exit_status(err, &show), 130);
    CHECK(!show);
    err = G("g", err, kin_exit(0));
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    kin_error_free(err);
}

TEST(many_different_exits_are_a_failure)
{
    bool show;
    kin_error *all[100];
    for (int i = 0; i < 100; i++)
        all[i] = kin_exit(i);
    kin_error *err = kin_error_group("g", all, 100);
    CHECK_EQ(kin_error_exit_status(err, &show), 1);
    kin_error_free(err);
}

/* Who holds what. */

static size_t held_count(void)
{
    size_t count = 0;
    for (kin_error *e = held; e; e = kin__error_list_next(e))
        count++;
    return count;
}

TEST(a_task_holds_what_it_made_until_it_hands_it_on)
{
    in_task("t");
    kin_error *a = fail_v("1"), *b = fail_t("2");
    CHECK_EQ(held_count(), 2);
    kin_error *g = G("g", a, b);
    CHECK(held == g);
    CHECK_EQ(held_count(), 1);
    g = kin_fail_from(g, &TEST_K, "3");
    CHECK(held == g && held_count() == 1);
    CHECK(kin_error_give(g) == g);
    CHECK(held == NULL);
    CHECK(kin_error_adopt(g) == g);
    CHECK(held == g);
    kin_error_free(g);
    CHECK(held == NULL);
    CHECK(kin_error_give(NULL) == NULL);
    CHECK(kin_error_adopt(NULL) == NULL);
    leave();
}

TEST(the_halves_of_a_split_are_held_in_its_place)
{
    in_task("t");
    kin_error *rest;
    kin_error *match =
        kin_error_split(G("g", fail_v("1"), fail_t("2")), &TEST_V, &rest);
    CHECK_EQ(held_count(), 2);
    kin_error *one = kin_error_unwrap(match, &TEST_V);
    CHECK_EQ(held_count(), 2);
    kin_error_free(one);
    CHECK(held == rest);
    kin_error_free(rest);
    kin_error *given = kin_error_give(G("g", fail_v("1"), fail_t("2")));
    match = kin_error_split(given, &TEST_V, &rest);
    CHECK(held == NULL);
    leave();
    kin_error_free(match);
    kin_error_free(rest);
}

TEST(one_reference_of_two_may_be_given)
{
    in_task("t");
    kin_error *err = fail_v("1");
    kin_error *given = kin_error_give(kin_error_ref(err));
    CHECK(given == err);
    CHECK_EQ(held_count(), 1);
    kin_error_free(err);
    CHECK(held == NULL);
    CHECK_STR(kin_error_message(given), "1");
    kin_error_adopt(given);
    CHECK_EQ(held_count(), 1);
    kin_error_adopt(given);
    kin_error_free(given);
    CHECK(held == NULL);
    leave();
}

TEST(lists_keep_their_order)
{
    kin_error *waiting = NULL, *all[5];
    for (int i = 0; i < 5; i++)
        kin__error_hold(&waiting, all[i] = fail_v("%d", i));
    kin__error_unhold(all[0]);
    kin__error_unhold(all[2]);
    kin__error_unhold(all[4]);
    kin__error_unhold(all[4]);
    kin__error_hold(&waiting, all[1]);
    kin__error_hold(&waiting, all[0]);
    kin_error *g = kin__error_group_of_list(KIN_HERE, "g", &waiting);
    CHECK(waiting == NULL);
    CHECK_OUTCOME(g, "G[V3, V1, V0]");
    CHECK(kin__error_group_of_list(KIN_HERE, "g", &waiting) == NULL);
    kin__error_hold(&waiting, all[2]);
    kin__error_hold(&waiting, all[4]);
    CHECK(kin__error_list_take(&waiting) == all[2]);
    CHECK(kin__error_list_take(&waiting) == all[4]);
    CHECK(kin__error_list_take(&waiting) == NULL);
    kin_error_free(all[2]);
    kin_error_free(all[4]);
}

TEST(a_list_hands_on_one_reference_of_each)
{
    in_task("t");
    kin_error *err = fail_v("1");
    kin_error_ref(err);
    kin_error_ref(err);
    kin_error *taken = kin__error_list_take(&held);
    CHECK(taken == err);
    kin_error_free(taken);
    err = fail_v("2");
    kin_error_ref(err);
    kin_error *g = kin__error_group_of_list(KIN_HERE, "g", &held);
    leave();
    CHECK_OUTCOME(g, "G[V2]");
}

TEST(what_was_dropped_stays_until_the_run_ends)
{
    kin_error *kept = NULL;
    kin_error *err = fail_v("1");
    kin__error_keep_dropped(&kept, err, "reader");
    CHECK_EQ(kin_error_note_count(err), 1);
    CHECK_CONTAINS(kin_error_note(err, 0), "dropped by reader, made at ");
    CHECK_CONTAINS(kin_error_note(err, 0), "error_causality.c:");
    kin_error *g = G("g", err);
    kin__error_keep_dropped(&kept, g, "main");
    kin_error_free(g);
    CHECK_STR(kin_error_message(err), "1");
    kin_error_free(err); /* a pointer that lay about: nothing happens */
    kin_error_free(err);
    CHECK_STR(kin_error_message(err), "1");
    kin__error_release_kept(&kept);
    CHECK(kept == NULL);
}

TEST(strip_takes_the_cancelled_and_keeps_the_shape)
{
    bool some;
    kin_error *err = G("g", kin__error_cancelled(KIN_HERE),
                       G("in", kin__error_cancelled(KIN_HERE), fail_v("1")));
    CHECK(!kin__error_only(err, &KIN_CANCELLED));
    err = kin__error_strip(err, &KIN_CANCELLED, &some);
    CHECK(some);
    CHECK_SHAPE(err, "G[G[V1]]");
    CHECK(kin__error_strip(err, &KIN_CANCELLED, &some) == err);
    CHECK(!some);
    kin_error_free(err);
    err = G("g", G("in", kin__error_cancelled(KIN_HERE)));
    CHECK(kin__error_only(err, &KIN_CANCELLED));
    CHECK(kin__error_strip(err, &KIN_CANCELLED, &some) == NULL && some);
    CHECK(kin__error_strip(NULL, &KIN_CANCELLED, &some) == NULL && !some);
}

static void *frees_it(void *err)
{
    kin_error_free(err);
    return NULL;
}

static void free_in_a_thread(void *err)
{
    pthread_t thread;
    pthread_create(&thread, NULL, frees_it, err);
    pthread_join(thread, NULL);
}

TEST(freeing_what_another_thread_holds_ends_the_program)
{
    int status;
    in_task("t");
    kin_error *err = fail_v("1");
    const char *text = in_child_process(free_in_a_thread, err, &status);
    CHECK_CONTAINS(text, "kin: kin_error_free: the error made at");
    CHECK_CONTAINS(text, "kin_error_give");
    CHECK(status != 0);
    kin_error *given = kin_error_give(kin_error_ref(err));
    free_in_a_thread(given);
    CHECK_STR(kin_error_message(err), "1");
    kin_error_free(err);
    leave();
}

static void *refs_and_frees(void *err)
{
    for (int i = 0; i < 100000; i++) {
        kin_error *one = G("g", kin_error_ref(err), fail_v("%d", i));
        kin_error_free(one);
    }
    return NULL;
}

TEST(references_are_counted_on_any_thread)
{
    pthread_t threads[4];
    kin_error *err = G("shared", fail_v("1"), fail_t("2"));
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, refs_and_frees, err);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_OUTCOME(err, "G[V1, T2]");
}

TEST(the_origin_is_recorded_and_names_are_copied)
{
    char name[] = "borrowed";
    static const kin_site spawned = {"f.c", "f", 1, NULL};
    in_task(name);
    around.name_is_static = false;
    around.chain[0] = around.chain[1] = &spawned;
    around.chain_count = around.chain_total = 2;
    kin_error *err = kin_error_give(fail_v("1"));
    leave();
    memset(name, 'x', sizeof name - 1);
    CHECK_STR(kin_error_task(err), "borrowed");
    CHECK_STR(kin_error_site(err)->function,
              "test_the_origin_is_recorded_and_names_are_copied");
    kin_error_free(err);
    err = fail_v("1");
    CHECK_STR(kin_error_task(err), "");
    kin_error_free(err);
}

TEST(a_cause_that_is_borrowed_is_a_misuse_and_is_shared)
{
    kin_error *g = G("g", fail_v("1"));
    kin_error *err =
        kin_fail_from((kin_error *)kin_error_member(g, 0), &TEST_T, "2");
    CHECK_SHAPE(err, "G[T2, MISUSE]");
    kin_error_free(g);
    CHECK_STR(kin_error_message(kin_error_cause(leaf(err, 0))), "1");
    kin_error_free(err);
}
