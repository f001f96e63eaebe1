/* io/process_error.c: the error trees that processes hand up.

   Each process that may gets a file of its own that lives in memory and has no
   name; it is read when the process has ended. A pipe would have to be read all
   the time, so that nobody waits for room in it, and its end might never come,
   since whoever inherited it holds it open. What is written there nobody vouches
   for: it is read up to a bound, strictly, and what comes of it is inert. */
#include "base/alloc.h"
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LARGEST = 256 * 1024,
    MOST_TREES = 100, /* of one process: a shell may have run many programs */
};

int kin__handed_up_open(void)
{
    int fd = memfd_create("kin-errors", MFD_CLOEXEC);
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, O_APPEND); /* several may write */
    return fd;
}

void kin__handed_up_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static kin_error *unreadable(const char *name, const char *why)
{
    return kin_fail_at(NULL, &KIN_REMOTE,
                       "what %s handed up cannot be read: %s", name, why);
}

static kin_error *read_tree(const char *name, const char *text, size_t length)
{
    kin_error *tree = NULL;
    kin_error *err = kin_error_read_json(text, length, &tree);
    if (!err)
        return tree;
    tree = unreadable(name, kin_error_message(err));
    kin_error_free(err);
    return tree;
}

/* One a line. */
static kin_error *read_trees(const char *name, const char *text, size_t length)
{
    kin_error *trees[MOST_TREES];
    size_t count = 0;
    while (length > 0 && count < MOST_TREES) {
        const char *newline = memchr(text, '\n', length);
        size_t line = newline ? (size_t)(newline - text) : length;
        kin_error *tree = line ? read_tree(name, text, line) : NULL;
        if (tree)
            trees[count++] = tree;
        line += newline != NULL;
        text += line;
        length -= line;
    }
    if (count <= 1)
        return count ? trees[0] : NULL;
    return kin_error_group_at(NULL, name, trees, count);
}

kin_error *kin__handed_up_read(int fd, const char *name)
{
    struct stat file;
    if (fd < 0 || fstat(fd, &file) < 0 || file.st_size <= 0)
        return NULL;
    if (file.st_size > LARGEST)
        return unreadable(name, "it is too large");
    size_t size = (size_t)file.st_size;
    char *text = kin__alloc(size);
    if (!text)
        return unreadable(name, "out of memory");
    ssize_t got = TEMP_FAILURE_RETRY(pread(fd, text, size, 0));
    kin_error *err = got > 0 ? read_trees(name, text, (size_t)got) : NULL;
    kin__free(text);
    return err;
}
