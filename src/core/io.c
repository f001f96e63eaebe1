/* core/io.c: one operation of the reactor, for the calling task. The operation
   and its buffer are on the caller's stack: so the wait is not over before the
   backend has let go of them. */
#include "core/runtime.h"

#include <errno.h>

static void done(kin__io_op *op)
{
    kin_wake((kin_task *)op->context, NULL);
}

static bool cancel(void *context)
{
    kin__runtime *rt = kin__runtime_here;
    return rt->io->cancel(rt->reactor, context);
}

kin_error *kin__io_run(const kin_site *site, kin__io_op *op, const char *what)
{
    op->context = kin__task_of(site, what);
    op->done = done;
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin_pass_at(site));
    if (!rt->io->submit(rt->reactor, op))
        PASS_ON(kin_park_at(site, cancel, op, what));
    if (op->result == -ECANCELED)
        return kin_fail_at(site, &KIN_CLOSED,
                           "descriptor %d was closed during %s", op->fd, what);
    return NULL;
}

void kin__io_forget(int fd)
{
    kin__runtime *rt = kin__runtime_here;
    if (rt)
        rt->io->forget(rt->reactor, fd);
}
