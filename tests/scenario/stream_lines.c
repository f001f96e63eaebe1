/* stream_lines.c: kin_line_reader. */
#include "harness.h"

#include <kin/stream.h>
#include <kin/testing.h>

#include <stdio.h>

/* Everything the reader gives for these bytes: lines in (), pieces in []. */
typedef struct cut {
    const char *bytes;
    size_t size, piece, buffer;
    char result[4096];
} cut;

static kin_error *sends(void *arg)
{
    cut *c = ((void **)arg)[0];
    kin_stream *to = ((void **)arg)[1];
    for (size_t at = 0; at < c->size; at += c->piece) {
        size_t left = c->size - at;
        KIN_TRY(kin_stream_send(to, c->bytes + at,
                                left < c->piece ? left : c->piece));
        KIN_TRY(kin_wait_all_tasks_blocked(0));
    }
    return kin_stream_send_end(to);
}

static kin_error *reads_lines(cut *c, kin_stream *from)
{
    char buffer[4096];
    kin_line_reader reader;
    kin_line line;
    char *at = c->result;
    kin_line_reader_init(&reader, from, buffer, c->buffer);
    for (;;) {
        KIN_TRY(kin_line_reader_next(&reader, &line));
        if (!line.text)
            break;
        *at++ = line.ended ? '(' : '[';
        memcpy(at, line.text, line.length);
        at += line.length;
        *at++ = line.ended ? ')' : ']';
    }
    *at = '\0';
    KIN_TRY(kin_line_reader_next(&reader, &line));
    CHECK(line.text == NULL);
    return NULL;
}

static kin_error *cuts(void *arg)
{
    kin_stream *from, *to;
    KIN_TRY(kin_pipe_open(&from, &to));
    void *both[] = {arg, to};
    KIN_GROUP(group);
    kin_spawn(group, sends, both);
    kin_error *err = reads_lines(arg, from);
    err = kin_group_close(group, err);
    kin_stream_close(&from);
    kin_stream_close(&to);
    return err;
}

static const char *cut_up(const char *bytes, size_t piece, size_t buffer)
{
    static cut c;
    c = (cut){bytes, strlen(bytes), piece, buffer, ""};
    CHECK_OUTCOME(run_virtual(cuts, &c, 0), "OK");
    return c.result;
}

TEST(lines_are_whole_however_they_come)
{
    for (size_t piece = 1; piece < 12; piece++) {
        CHECK_STR(cut_up("one\ntwo\n\nthree\n", piece, 4096),
                  "(one)(two)()(three)");
        CHECK_STR(cut_up("one\ntwo\n\nthree\n", piece, 6),
                  "(one)(two)()(three)");
    }
    CHECK_STR(cut_up("", 1, 10), "");
    CHECK_STR(cut_up("\n", 1, 1), "()");
    CHECK_STR(cut_up("a\r\nb", 5, 10), "(a\r)[b]");
}

TEST(a_last_line_without_its_newline_is_not_lost)
{
    for (size_t piece = 1; piece < 9; piece++)
        CHECK_STR(cut_up("one\nlast", piece, 10), "(one)[last]");
}

TEST(a_line_longer_than_the_buffer_comes_in_pieces)
{
    CHECK_STR(cut_up("abcdefgh\nx\n", 20, 3), "[abc][def](gh)(x)");
    CHECK_STR(cut_up("abcdef\nx\n", 20, 3), "[abc][def]()(x)");
    CHECK_STR(cut_up("abcdef", 1, 3), "[abc][def]");
    CHECK_STR(cut_up("ab\n", 1, 1), "[a][b]()");
}

static kin_error *reads_odd_bytes(void *arg)
{
    static const char odd[] = "a\0b\nc\xff\xfe\xc3\n";
    kin_stream *from, *to;
    kin_line_reader reader;
    kin_line line;
    char buffer[16];
    (void)arg;
    KIN_TRY(kin_pipe_open(&from, &to));
    kin_line_reader_init(&reader, from, buffer, sizeof buffer);
    CHECK_OUTCOME(kin_stream_send(to, odd, sizeof odd - 1), "OK");
    CHECK_OUTCOME(kin_line_reader_next(&reader, &line), "OK");
    CHECK_EQ(line.length, 3);
    CHECK_EQ(memcmp(line.text, "a\0b", 3), 0);
    CHECK_OUTCOME(kin_line_reader_next(&reader, &line), "OK");
    CHECK_EQ(line.length, 4);
    CHECK_EQ(memcmp(line.text, "c\xff\xfe\xc3", 4), 0);
    kin_stream_close(&from);
    kin_stream_close(&to);
    return NULL;
}

static kin_error *nothing_is_lost(void *arg)
{
    kin_stream *from, *to;
    kin_line_reader reader;
    kin_line line;
    char buffer[16];
    (void)arg;
    KIN_TRY(kin_pipe_open(&from, &to));
    kin_line_reader_init(&reader, from, buffer, sizeof buffer);

    CHECK_OUTCOME(kin_line_reader_next_now(&reader, &line), "WOULD_BLOCK");
    CHECK_OUTCOME(kin_stream_send(to, "ab", 2), "OK");
    CHECK_OUTCOME(KIN_WITHIN(kin_line_reader_next(&reader, &line),
                             .fail_after = KIN_SECONDS(1)),
                  "TIMEOUT");
    CHECK_OUTCOME(kin_line_reader_next_now(&reader, &line), "WOULD_BLOCK");
    CHECK_OUTCOME(kin_stream_send(to, "c\nde", 4), "OK");
    CHECK_OUTCOME(kin_line_reader_next_now(&reader, &line), "OK");
    CHECK_EQ(line.length, 3);
    CHECK_EQ(memcmp(line.text, "abc", 3), 0);

    /* Who stops here gets the rest. */
    CHECK_OUTCOME(kin_line_reader_next_now(&reader, &line), "WOULD_BLOCK");
    kin_line_reader_rest(&reader, &line);
    CHECK_EQ(line.length, 2);
    CHECK(!line.ended);
    kin_line_reader_rest(&reader, &line);
    CHECK(line.text == NULL);

    kin_line_reader_init(&reader, from, buffer, 0);
    CHECK_OUTCOME(kin_line_reader_next(&reader, &line), "MISUSE");
    kin_stream_close(&from);
    kin_stream_close(&to);
    return NULL;
}

TEST(bytes_are_bytes)
{
    CHECK_OUTCOME(run_virtual(reads_odd_bytes, NULL, 0), "OK");
}

TEST(cancelled_or_not_there_yet_nothing_is_lost)
{
    CHECK_OUTCOME(run_virtual(nothing_is_lost, NULL, 0), "OK");
}
