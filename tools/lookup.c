/* lookup.c: see lookup.h.

   What is found now may be gone when it is started, and an executable file may
   turn out to be none; so this spares a run that cannot succeed, and whoever
   starts the command still looks at what that says. No state. */
#include "lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int look_at(const char *path)
{
    struct stat file;
    if (stat(path, &file) < 0)
        return errno;
    if (S_ISDIR(file.st_mode))
        return EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* In one folder of the PATH, where a folder without a name is this one. */
static int look_in(const char *folder, size_t length, const char *name)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%.*s%s%s", (int)length, folder,
                        length ? "/" : "", name);
    return size < (int)sizeof path ? look_at(path) : ENAMETOOLONG;
}

static bool is_absent(int failure)
{
    return failure == ENOENT || failure == ENOTDIR || failure == ENAMETOOLONG;
}

int lookup(const char *name)
{
    const char *path = getenv("PATH");
    int result = ENOENT;
    if (!*name || strchr(name, '/'))
        return look_at(name);
    for (path = path ? path : "/bin:/usr/bin";; path++) {
        size_t length = strcspn(path, ":");
        int failure = look_in(path, length, name);
        if (!failure)
            return 0;
        if (!is_absent(failure))
            result = EACCES; /* a directory in the way is passed over too */
        path += length;
        if (!*path)
            return result;
    }
}
