/* core/reactor.h: what the core asks of an input and output backend: a table of
   functions, filled in by src/reactor. It fits backends that report readiness
   (epoll: the backend makes the system call itself when the descriptor is
   ready) and ones that report completion (io_uring).

   An operation is the submitter's memory. It belongs to the backend from a
   submit that said "pending" until `done` was called or a cancel said "out";
   until then its buffer must stay. */
#ifndef KIN__REACTOR_H
#define KIN__REACTOR_H

#include <kin/time.h>

typedef enum {
    KIN__IO_READABLE, /* result: 0, or -errno */
    KIN__IO_WRITABLE,
    KIN__IO_READ,  /* result: bytes (0: end), or -errno */
    KIN__IO_WRITE, /* result: bytes, or -errno */
    KIN__IO_ACCEPT,
    KIN__IO_CONNECT
} kin__io_kind;

typedef struct kin__io_op kin__io_op;
struct kin__io_op {
    kin__io_kind kind;
    int fd;
    void *buffer; /* READ, WRITE; CONNECT: a sockaddr */
    size_t length;
    int64_t offset; /* -1: the descriptor's own position */
    int64_t result;
    void (*done)(kin__io_op *); /* from `wait` or `forget`, not `submit` */
    void *context;
    kin__io_op *next, *previous; /* the backend's */
    bool pending;
};

typedef struct kin__reactor kin__reactor;
typedef struct kin__reactor_table {
    const char *name;
    kin_error *(*open)(kin__reactor **);
    void (*close)(kin__reactor *);
    /* True: it is complete already, op->result is set, and `done` will not be
       called. False: pending. */
    bool (*submit)(kin__reactor *, kin__io_op *);
    /* True: it is out and had no effect (but the socket of a CONNECT is then fit
       only to be closed). False: `done` will still be called. */
    bool (*cancel)(kin__reactor *, kin__io_op *);
    /* Waits up to `timeout` ns (KIN_NEVER: until something comes; 0 or less:
       not at all) and calls `done` of what has completed. */
    void (*wait)(kin__reactor *, kin_time timeout);
    /* Makes a `wait` that is or will be going on return. Any thread, and from
       signal handlers. */
    void (*wake)(kin__reactor *);
    /* The descriptor is about to be closed: completes what waits on it with
       -ECANCELED, and forgets the number. */
    void (*forget)(kin__reactor *, int fd);
    size_t (*pending)(const kin__reactor *); /* operations under way */
} kin__reactor_table;

extern const kin__reactor_table kin__reactor_epoll;

/* For the floors above (core/io.c): runs one operation for the calling task.
   Fails with KIN_CANCELLED without effect, KIN_CLOSED when the descriptor was
   forgotten meanwhile; what the operation itself says is in op->result.
   Checkpoint. */
kin_error *kin__io_run(const kin_site *, kin__io_op *, const char *what);
/* kin__reactor_table.forget for this thread's run. */
void kin__io_forget(int fd);

#endif
