/* json_file.c: see json_file.h. One object; docs/schema/kin-run.json says what is
   in it. The file is opened when the run begins, so that a path that cannot be
   is told before hours have passed, and stays empty until the end. */
#include "json_file.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

kin_error *json_file_open(FILE **file, const char *path)
{
    /* A pipe without a reader is refused, and not waited for. */
    int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0)
        return refuse(STATUS_USAGE, "--json: %s: %s", path, strerror(errno));
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    *file = fdopen(fd, "w");
    if (*file)
        return NULL;
    close(fd);
    return refuse(STATUS_KIN, "out of memory");
}

static const char *outcome_of(int status)
{
    switch (status) {
    case STATUS_FINE: return "succeeded";
    case STATUS_FAILED: return "failed";
    case STATUS_USAGE: return "bad input";
    case STATUS_TIMEOUT: return "timed out";
    case STATUS_NOT_EXECUTABLE: return "not executable";
    case STATUS_NOT_FOUND: return "not found";
    case STATUS_INTERRUPTED: return "interrupted";
    default: return "kin failed";
    }
}

static void write_counts(FILE *file, const run *it)
{
    (void)fprintf(
        file,
        "\"commands\":{\"total\":%zu,\"succeeded\":%zu,\"failed\":%zu,"
        "\"cancelled\":%zu,\"not_started\":%zu}",
        it->total, it->counts[JOB_FINE],
        it->counts[JOB_FAILED] + it->counts[JOB_UNUSABLE] +
            it->counts[JOB_BROKEN],
        it->counts[JOB_CANCELLED], it->total - it->ended);
}

/* Each tree stands on a line of its own. */
int json_file_write(FILE *file, const run *it, const kin_error *tree,
                    int status)
{
    (void)fprintf(file,
                  "{\"format\":1,\"outcome\":\"%s\",\"status\":%d,"
                  "\"seconds\":%.3f,",
                  outcome_of(status), status, (double)it->lasted / 1e9);
    if (it->interrupt)
        (void)fprintf(file, "\"signal\":\"SIG%s\",",
                      sigabbrev_np(it->interrupt));
    write_counts(file, it);
    (void)fputs(",\"error\":\n", file);
    kin_error_write_json(tree, file);
    if (it->defect) {
        (void)fputs(",\"defect\":\n", file);
        kin_error_write_json(it->defect, file);
    }
    (void)fputs("}\n", file);
    int failure = ferror(file) || fflush(file) != 0 ? errno : 0;
    if (fclose(file) != 0 && !failure)
        failure = errno;
    return failure;
}
