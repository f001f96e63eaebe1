/* context/overflow.c: says whose stack overflowed, and lets the process die of
   it where it happened.

   A thread with pools has a signal stack, since its own may be the one that is
   full: the one that it had already, else one of ours while it has pools.
   The process has handlers while any thread has pools. They are the only state
   of kin that all threads share: sigaction knows no threads.

   A fault is ours if it lies in the guard of a stack of this thread's, and the
   stack pointer on that stack: a stray pointer into a guard is not an overflow.
   All others go to the handler that was there before. */
#include "base/alloc.h"
#include "context/stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* Read in a signal handler: no call to find it, nothing to allocate. */
struct of_thread {
    kin__stack_pool *pools;
    void *signal_stack; /* ours, or NULL */
};
static _Thread_local struct of_thread thread
    __attribute__((tls_model("initial-exec")));

static const int signals[] = {SIGSEGV, SIGBUS};
enum { SIGNALS = sizeof signals / sizeof *signals };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long users; /* pools, under the lock */
static struct {
    bool installed; /* maybe under a handler of somebody else */
    struct sigaction before;
} handlers[SIGNALS];

/* --- in the handler: what may be called in one, and no more ----------------*/

struct message {
    char text[512];
    size_t length;
};

static void add(struct message *line, const char *text)
{
    while (*text && line->length < sizeof line->text - 1)
        line->text[line->length++] = *text++;
}

static void add_number(struct message *line, size_t number)
{
    char digits[24];
    char *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    add(line, at);
}

static void report(const kin__stack *stack)
{
    kin__stack_describe *describe = stack->chunk->class->pool->describe;
    kin__stack_owner owner = {NULL, NULL, NULL, NULL};
    if (describe && stack->owner)
        owner = describe(stack->owner);
    struct message line = {.length = 0};
    add(&line, "kin: ");
    if (owner.name) {
        add(&line, owner.kind);
        add(&line, " \"");
        add(&line, owner.name);
        add(&line, "\"");
    } else {
        add(&line, "a task");
    }
    add(&line, " overflowed its stack of ");
    add_number(&line, kin__stack_size(stack));
    add(&line, " bytes");
    if (owner.site && owner.site->file) {
        add(&line, " (");
        add(&line, owner.verb);
        add(&line, " at ");
        add(&line, owner.site->file);
        add(&line, ":");
        add_number(&line, (size_t)owner.site->line);
        add(&line, ")");
    }
    add(&line, "; give it more with .stack_size");
    line.text[line.length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.text, line.length);
    (void)written;
}

static uintptr_t stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

static const kin__stack *overflowed_in(const kin__chunk *chunk, uintptr_t fault,
                                       uintptr_t pointer)
{
    uintptr_t offset = fault - (uintptr_t)chunk->base;
    size_t i = offset >> chunk->class->shift;
    if (i >= chunk->slots || kin__slot_is_cold(chunk, (unsigned)i))
        return NULL;
    uintptr_t slot = (uintptr_t)kin__slot(chunk, (unsigned)i);
    size_t size = kin__slot_size(chunk->class);
    if (fault - slot >= chunk->class->guard)
        return NULL;
    if (pointer && pointer - slot >= size)
        return NULL;
    return kin__slot_stack(chunk, (unsigned)i);
}

static const kin__stack *overflowed_of(const kin__stack_class *class,
                                       uintptr_t fault, uintptr_t pointer)
{
    const kin__stack *stack = NULL;
    for (kin__chunk *chunk = class->chunks; chunk && !stack;
         chunk = chunk->next)
        stack = overflowed_in(chunk, fault, pointer);
    return stack;
}

static const kin__stack *overflowed(uintptr_t fault, uintptr_t pointer)
{
    const kin__stack *stack = NULL;
    for (kin__stack_pool *pool = thread.pools; pool && !stack;
         pool = pool->next)
        for (kin__stack_class *class = pool->used; class && !stack;
             class = class->next)
            stack = overflowed_of(class, fault, pointer);
    return stack;
}

/* The instruction that faulted is tried again and faults again, this time with
   nobody to catch it: the core shows it. A signal that was sent must be sent
   again; it arrives when the handler returns. */
static void die(int signal, const siginfo_t *info)
{
    struct sigaction default_action = {.sa_handler = SIG_DFL};
    sigaction(signal, &default_action, NULL);
    if (info->si_code <= 0)
        raise(signal);
}

/* As the kernel would have called it. The mask of before comes back by itself
   when our handler returns. */
static void call(const struct sigaction *action, int signal, siginfo_t *info,
                 void *context)
{
    sigset_t mask = action->sa_mask;
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    if (action->sa_flags & SA_NODEFER) {
        sigemptyset(&mask);
        sigaddset(&mask, signal);
        pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
    }
    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(signal, info, context);
    else
        action->sa_handler(signal);
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
    struct sigaction *before = &handlers[signal == SIGBUS].before;
    struct sigaction action = *before;
    bool sent = info->si_code <= 0;
    if (action.sa_handler == SIG_IGN && sent)
        return;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        die(signal, info);
        return;
    }
    if (action.sa_flags & (int)SA_RESETHAND)
        before->sa_handler = SIG_DFL;
    call(&action, signal, info, context);
}

static void handle(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    const kin__stack *stack = NULL;
    if (info->si_code > 0)
        stack = overflowed((uintptr_t)info->si_addr, stack_pointer(context));
    if (stack) {
        report(stack);
        die(signal, info);
    } else {
        pass_on(signal, info, context);
    }
    errno = error;
}

/* --- coming and going ------------------------------------------------------*/

static bool is_ours(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO && action->sa_sigaction == handle;
}

static void install(void)
{
    /* Not SA_NODEFER: a fault of ours in here must kill, not come back. */
    struct sigaction ours = {.sa_sigaction = handle,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&ours.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        /* Still there, under one that was put over it and may call it: to go
           over that one again would close a circle. */
        if (handlers[i].installed)
            continue;
        sigaction(signals[i], NULL, &handlers[i].before);
        sigaction(signals[i], &ours, NULL);
        handlers[i].installed = true;
    }
}

static void restore(void)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        sigaction(signals[i], NULL, &now);
        if (!is_ours(&now))
            continue;
        sigaction(signals[i], &handlers[i].before, NULL);
        handlers[i].installed = false;
    }
}

static bool make_signal_stack(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
        return true;
    /* Roomy: the handler of before may run on it too. */
    size_t size = (48 << 10) + getauxval(AT_MINSIGSTKSZ);
    stack_t ours = {.ss_sp = kin__alloc(size), .ss_size = size};
    if (!ours.ss_sp)
        return false;
    if (sigaltstack(&ours, NULL) != 0) {
        kin__free(ours.ss_sp);
        return false;
    }
    thread.signal_stack = ours.ss_sp;
    return true;
}

static void drop_signal_stack(void)
{
    stack_t now;
    stack_t none = {.ss_flags = SS_DISABLE};
    if (!thread.signal_stack)
        return;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == thread.signal_stack)
        sigaltstack(&none, NULL);
    kin__free(thread.signal_stack);
    thread.signal_stack = NULL;
}

bool kin__overflow_watch(kin__stack_pool *pool)
{
    if (!thread.pools && !make_signal_stack())
        return false;
    pool->next = thread.pools;
    thread.pools = pool;
    pthread_mutex_lock(&lock);
    if (users++ == 0)
        install();
    pthread_mutex_unlock(&lock);
    return true;
}

void kin__overflow_unwatch(kin__stack_pool *pool)
{
    pthread_mutex_lock(&lock);
    if (--users == 0)
        restore();
    pthread_mutex_unlock(&lock);
    kin__stack_pool **link = &thread.pools;
    while (*link != pool)
        link = &(*link)->next;
    *link = pool->next;
    if (!thread.pools)
        drop_signal_stack();
}
