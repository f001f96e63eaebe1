/* kin.c: the `kin` command: finds out which of its commands is meant. */
#include "run.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "kin: structured concurrency for shells.\n"
    "\n"
    "  kin run [OPTIONS] -- COMMAND [ARG...] [::: COMMAND [ARG...]]...\n"
    "  kin run [OPTIONS] FILE       run commands together\n"
    "  kin run [OPTIONS] --each-line 'COMMAND {}'\n"
    "  kin run --help               all about that\n"
    "  kin --version\n";

/* Where one of the three standard descriptors is closed, nothing else must come
   to bear its number: what is written there has to fail, as it would have. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            // cppcheck-suppress leakReturnValNotUsed ; it is the lowest free one
            (void)open("/dev/null", O_RDONLY);
}

static int print(const char *text)
{
    (void)fputs(text, stdout);
    return STATUS_FINE;
}

static int wrong_usage(const char *word)
{
    if (word)
        (void)fprintf(stderr, "kin: there is no command \"%s\" (see --help)\n",
                      word);
    else
        (void)fputs(help, stderr);
    return STATUS_USAGE;
}

static int run_command(int argc, char **argv)
{
    const char *word = argv[1];
    if (!word)
        return wrong_usage(NULL);
    if (strcmp(word, "run") == 0)
        return run_main(argc, argv);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return print(help);
    if (strcmp(word, "--version") == 0)
        return print("kin " KIN_VERSION "\n");
    return wrong_usage(word);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    int status = argc > 0 ? run_command(argc, argv) : wrong_usage(NULL);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    (void)fprintf(stderr, "kin: cannot write to standard output: %s\n",
                  strerror(errno));
    return STATUS_KIN;
}
