/* status.h: what `kin` exits with, and how a tool refuses what it was given. */
#ifndef KIN_TOOLS_STATUS_H
#define KIN_TOOLS_STATUS_H

#include <kin/error.h>

enum {
    STATUS_FINE = 0,
    STATUS_FAILED = 1, /* some command failed */
    STATUS_USAGE = 2,
    STATUS_TIMEOUT = 124, /* --fail-after ran out */
    STATUS_KIN = 125,     /* kin itself failed */
    STATUS_NOT_EXECUTABLE = 126,
    STATUS_NOT_FOUND = 127,
    STATUS_INTERRUPTED = 130
};

/* What was asked for cannot be done, which was seen before anything started.
   The message is one line for whoever asked, the code the exit status. */
extern const kin_kind REFUSED;
#define refuse(status, ...) kin_fail_code(&REFUSED, status, __VA_ARGS__)
/* Says it in a line that begins with who refuses, frees it, and returns what to
   exit with. */
int refused(const char *who, kin_error *);

#endif
