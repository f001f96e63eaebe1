/* status.c: see status.h. */
#include "status.h"

#include <ctype.h>

KIN_DEFINE_KIND(REFUSED, "refused", KIN_FAILURE);

/* It is to stay one line, whatever names are in it. */
static void print_line(const char *text)
{
    for (; *text; text++)
        putc(iscntrl((unsigned char)*text) ? '?' : *text, stderr);
    putc('\n', stderr);
}

int refused(const char *who, kin_error *err)
{
    int status = kin_error_code(err);
    (void)fprintf(stderr, "%s: ", who);
    print_line(kin_error_message(err));
    kin_error_free(err);
    return status ? status : STATUS_KIN;
}
