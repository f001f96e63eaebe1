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

/* The park may have failed before it waited: then the operation is still the
   backend's, and is so until it lets go. */
static kin_error *withdrawn(kin__runtime *rt, kin__io_op *op, kin_error *err)
{
    if (op->pending && !rt->io->cancel(rt->reactor, op))
        while (op->pending) {
            kin_error *never = kin_park(NULL, op, "the end of an operation");
            (void)never; /* it cannot be cancelled */
        }
    return err;
}

kin_error *kin__io_run(const kin_site *site, kin__io_op *op, const char *what)
{
    op->context = kin__task_of(site, what);
    op->done = done;
    kin__runtime *rt = kin__runtime_here;
    PASS_ON(kin_pass_at(site));
    if (!rt->io->submit(rt->reactor, op)) {
        kin_error *err = kin_park_at(site, cancel, op, what);
        if (!err && op->pending)
            err = kin_fail_at(site, &KIN_MISUSE,
                              "the wait for %s was ended by a stray kin_wake",
                              what);
        if (err)
            return withdrawn(rt, op, err);
    }
    if (op->result == -ECANCELED)
        return kin_fail_at(
            site, &KIN_CLOSED,
            "descriptor %d was closed while a task waited for %s", op->fd,
            what);
    return NULL;
}

void kin__io_forget(int fd)
{
    kin__runtime *rt = kin__runtime_here;
    if (rt)
        rt->io->forget(rt->reactor, fd);
}
