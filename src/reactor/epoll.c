/* reactor/epoll.c: operations that complete, over epoll, which only knows of
   readiness: submit makes the system call at once if it need not wait; else the
   operation stands in its descriptor's entry until epoll has news, and the call
   is made then.

   One entry a descriptor number, with a reading and a writing side, each with
   one operation at most; a second one completes at once with -EBUSY.

   Registration is edge-triggered and stays, so that in the steady state a wait
   costs no epoll_ctl. That is sound because an operation is only ever put to
   wait after a call that found nothing to do, so the edge is still to come;
   news for a side where nobody waits is dropped, since the next operation looks
   for itself. `interest` is what the kernel was told; it only grows until
   forget.

   Numbers are reused. What epoll reports carries the entry's generation, and
   forget (called before each close of ours) unregisters the number and begins
   the next generation. A descriptor that was closed behind our back took its
   registration along: plain waits for readiness, which are for descriptors that
   are not ours, therefore never trust `interest` and ask the kernel each time.
   A report that belongs to nobody at worst makes an operation look in vain.

   An operation's memory is its submitter's; an entry points to it while it is
   pending. Entries live in chunks that never move, and are freed by close. The
   one thing that other threads and signal handlers touch is `awake` and the
   wake-up descriptor behind it. */
#include "base/alloc.h"
#include "reactor/attempt.h"

#include <kin/error.h>

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { READING, WRITING };
enum {
    BATCH = 128,  /* reports taken a wait; the others are there at the next */
    CHUNK = 256,  /* entries allocated at once */
    WAKE_UP = -1, /* stands for a descriptor number in reports */
};

struct entry {
    kin__io_op *side[2];
    uint32_t generation;
    uint8_t interest; /* 1 << READING, 1 << WRITING; 0: not registered */
    uint8_t hints;    /* for kin__io_attempt */
};

struct kin__reactor {
    int epoll, wakeup;
    bool without_pwait2; /* the kernel has none */
    struct entry **chunks;
    size_t chunk_count;
    size_t pending;
    atomic_bool awake; /* any thread: a wake-up is on its way */
};

static int side_of(kin__io_kind kind)
{
    return kind == KIN__IO_WRITABLE || kind == KIN__IO_WRITE ||
                   kind == KIN__IO_CONNECT
               ? WRITING
               : READING;
}

static uint64_t tag(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* --- opening and closing ------------------------------------------------ */

static void reactor_close(kin__reactor *reactor)
{
    if (reactor->epoll >= 0)
        close(reactor->epoll);
    if (reactor->wakeup >= 0)
        close(reactor->wakeup);
    for (size_t i = 0; i < reactor->chunk_count; i++)
        kin__free(reactor->chunks[i]);
    kin__free(reactor->chunks);
    kin__free(reactor);
}

static int open_descriptors(kin__reactor *reactor)
{
    /* Edge-triggered: each write is an edge, so nobody need read it empty. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET,
                                .data.u64 = tag(WAKE_UP, 0)};
    reactor->epoll = epoll_create1(EPOLL_CLOEXEC);
    reactor->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reactor->epoll < 0 || reactor->wakeup < 0)
        return errno;
    if (epoll_ctl(reactor->epoll, EPOLL_CTL_ADD, reactor->wakeup, &event) < 0)
        return errno;
    return 0;
}

static kin_error *reactor_open(kin__reactor **out)
{
    kin__reactor *reactor = kin__alloc(sizeof *reactor);
    if (!reactor)
        return kin_fail(&KIN_NO_MEMORY, "no memory for an epoll reactor");
    memset(reactor, 0, sizeof *reactor);
    reactor->epoll = reactor->wakeup = -1;
    atomic_init(&reactor->awake, false);
    int failure = open_descriptors(reactor);
    if (failure) {
        reactor_close(reactor);
        return kin_fail_errno(failure, "cannot open an epoll reactor");
    }
    *out = reactor;
    return NULL;
}

/* --- entries ------------------------------------------------------------ */

/* The entry of a number, if it ever had one. */
static struct entry *entry_known(const kin__reactor *reactor, int fd)
{
    size_t chunk = (size_t)fd / CHUNK;
    if (fd < 0 || chunk >= reactor->chunk_count || !reactor->chunks[chunk])
        return NULL;
    return &reactor->chunks[chunk][(size_t)fd % CHUNK];
}

static bool grow_directory(kin__reactor *reactor, size_t wanted)
{
    size_t count = reactor->chunk_count ? reactor->chunk_count : 8;
    while (count < wanted)
        count *= 2;
    struct entry **chunks =
        kin__realloc(reactor->chunks, count * sizeof *reactor->chunks);
    if (!chunks)
        return false;
    memset(chunks + reactor->chunk_count, 0,
           (count - reactor->chunk_count) * sizeof *chunks);
    reactor->chunks = chunks;
    reactor->chunk_count = count;
    return true;
}

/* NULL when memory is out. */
static struct entry *entry_of(kin__reactor *reactor, int fd)
{
    size_t chunk = (size_t)fd / CHUNK;
    if (chunk >= reactor->chunk_count && !grow_directory(reactor, chunk + 1))
        return NULL;
    if (!reactor->chunks[chunk]) {
        struct entry *entries = kin__alloc(CHUNK * sizeof *entries);
        if (!entries)
            return NULL;
        memset(entries, 0, CHUNK * sizeof *entries);
        reactor->chunks[chunk] = entries;
    }
    return &reactor->chunks[chunk][(size_t)fd % CHUNK];
}

/* --- operations --------------------------------------------------------- */

/* Tells epoll to report what the operation waits for. 0 or an errno. */
static int arm(kin__reactor *reactor, struct entry *entry, const kin__io_op *op)
{
    unsigned interest = entry->interest | 1u << side_of(op->kind);
    bool ours = op->kind != KIN__IO_READABLE && op->kind != KIN__IO_WRITABLE;
    if (ours && interest == entry->interest)
        return 0;
    struct epoll_event event = {.events = EPOLLET};
    if (interest & 1u << READING)
        event.events |= EPOLLIN | EPOLLRDHUP;
    if (interest & 1u << WRITING)
        event.events |= EPOLLOUT;
    event.data.u64 = tag(op->fd, entry->generation);
    int done = -1;
    errno = ENOENT;
    if (entry->interest)
        done = epoll_ctl(reactor->epoll, EPOLL_CTL_MOD, op->fd, &event);
    if (done < 0 && errno == ENOENT) {
        /* New here, or the number is another file's by now. */
        entry->generation += entry->interest != 0;
        event.data.u64 = tag(op->fd, entry->generation);
        done = epoll_ctl(reactor->epoll, EPOLL_CTL_ADD, op->fd, &event);
    }
    if (done < 0)
        return errno;
    entry->interest = (uint8_t)interest;
    return 0;
}

/* True: complete. False: armed, and to be put into its entry. */
static bool begin(kin__reactor *reactor, struct entry *entry, kin__io_op *op)
{
    if (kin__io_attempt(op, &entry->hints))
        return true;
    int failure = arm(reactor, entry, op);
    if (failure == EPERM) /* a file that is always ready */
        kin__io_force(op);
    else
        op->result = -failure;
    return failure != 0;
}

static bool reactor_submit(kin__reactor *reactor, kin__io_op *op)
{
    op->pending = false;
    op->result = -EBADF;
    if (op->fd < 0)
        return true;
    struct entry *entry = entry_of(reactor, op->fd);
    op->result = -ENOMEM;
    if (!entry)
        return true;
    int side = side_of(op->kind);
    op->result = -EBUSY;
    if (entry->side[side] || begin(reactor, entry, op))
        return true;
    entry->side[side] = op;
    op->pending = true;
    reactor->pending++;
    return false;
}

static void take_out(kin__reactor *reactor, struct entry *entry, int side)
{
    entry->side[side]->pending = false;
    entry->side[side] = NULL;
    reactor->pending--;
}

/* An operation that waits has had no effect yet, but for a connect, after
   which the socket is good for nothing but to be closed. */
static bool reactor_cancel(kin__reactor *reactor, kin__io_op *op)
{
    if (op->pending)
        take_out(reactor, entry_known(reactor, op->fd), side_of(op->kind));
    return true;
}

static void reactor_forget(kin__reactor *reactor, int fd)
{
    struct entry *entry = entry_known(reactor, fd);
    if (!entry)
        return;
    /* The file may live on under another number or in another process, and
       with it the registration. */
    if (entry->interest)
        (void)epoll_ctl(reactor->epoll, EPOLL_CTL_DEL, fd, NULL);
    entry->interest = 0;
    entry->hints = 0;
    entry->generation++;
    for (int side = READING; side <= WRITING; side++) {
        kin__io_op *op = entry->side[side];
        if (!op)
            continue;
        take_out(reactor, entry, side);
        op->result = -ECANCELED;
        op->done(op);
    }
}

static size_t reactor_pending(const kin__reactor *reactor)
{
    return reactor->pending;
}

/* --- waiting ------------------------------------------------------------ */

static void try_side(kin__reactor *reactor, struct entry *entry, int side)
{
    kin__io_op *op = entry->side[side];
    if (!op || !kin__io_attempt(op, &entry->hints))
        return;
    take_out(reactor, entry, side);
    op->done(op);
}

static void deliver(kin__reactor *reactor, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    uint32_t both = EPOLLERR | EPOLLHUP;
    if (fd == WAKE_UP) {
        /* Before the waker's news are looked at, so that none is missed. */
        atomic_exchange(&reactor->awake, false);
        return;
    }
    struct entry *entry = entry_known(reactor, fd);
    if (entry && entry->generation == generation &&
        event->events & (EPOLLIN | EPOLLRDHUP | both))
        try_side(reactor, entry, READING);
    /* Asked anew: what `done` did may have been a forget. */
    if (entry && entry->generation == generation &&
        event->events & (EPOLLOUT | both))
        try_side(reactor, entry, WRITING);
}

static int milliseconds(kin_time timeout)
{
    if (timeout == KIN_NEVER)
        return -1;
    if (timeout <= 0)
        return 0;
    kin_time rounded_up = timeout / 1000000 + (timeout % 1000000 != 0);
    return rounded_up > INT_MAX ? INT_MAX : (int)rounded_up;
}

static int collect(kin__reactor *reactor, struct epoll_event events[],
                   kin_time timeout)
{
    struct timespec length = {0, 0};
    if (timeout > 0) {
        length.tv_sec = timeout / 1000000000;
        length.tv_nsec = timeout % 1000000000;
    }
    if (!reactor->without_pwait2) {
        int count = epoll_pwait2(reactor->epoll, events, BATCH,
                                 timeout == KIN_NEVER ? NULL : &length, NULL);
        if (count >= 0 || errno != ENOSYS)
            return count;
        reactor->without_pwait2 = true;
    }
    return epoll_wait(reactor->epoll, events, BATCH, milliseconds(timeout));
}

static void reactor_wait(kin__reactor *reactor, kin_time timeout)
{
    struct epoll_event events[BATCH];
    int count = collect(reactor, events, timeout);
    if (count < 0 && errno != EINTR) {
        /* Only a program that closes what is not its own gets here; to go on
           would be to spin. */
        (void)fprintf(stderr, "kin: epoll_wait: %s\n", strerror(errno));
        abort();
    }
    for (int i = 0; i < count; i++)
        deliver(reactor, &events[i]);
}

static void reactor_wake(kin__reactor *reactor)
{
    int saved = errno;
    uint64_t one = 1;
    if (!atomic_exchange(&reactor->awake, true))
        (void)!write(reactor->wakeup, &one, sizeof one);
    errno = saved;
}

const kin__reactor_table kin__reactor_epoll = {
    .name = "epoll",
    .open = reactor_open,
    .close = reactor_close,
    .submit = reactor_submit,
    .cancel = reactor_cancel,
    .wait = reactor_wait,
    .wake = reactor_wake,
    .forget = reactor_forget,
    .pending = reactor_pending,
};
