/* context/pages.c: what stacks ask of the system: mappings, guards, and to take
   pages back. Whatever can be done for many slots is done for many at once.

   A guard is a mark in the page table where the kernel can (MADV_GUARD_INSTALL,
   since 6.13): however many, they need no mapping of their own, and they stay
   when pages are given back. Elsewhere it is a page without rights, which
   splits the mapping in two, so that vm.max_map_count limits their number. */
#include "base/alloc.h"
#include "context/tools.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
/* In place of a descriptor: the calling process. A real one would be wrong
   after a fork, and would have to be kept open. */
#define SELF (-10000)

char *kin__pages_map(size_t size)
{
    if (kin__alloc_should_fail())
        return NULL;
    char *base =
        mmap(NULL, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    /* One page touched must not cost a huge one. Where there are none, this
       fails, and nothing is lost. */
    madvise(base, size, MADV_NOHUGEPAGE);
    return base;
}

/* The same advice for the first `count` ranges: in one system call where the
   kernel takes that (6.15), else one by one. Giving it twice does no harm. */
static bool advise(const struct iovec *ranges, unsigned count, int advice)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += ranges[i].iov_len;
    /* Valgrind would complain of a call that it does not know. */
    bool at_once = count > 1 && !kin__tools_on_valgrind();
    if (at_once && syscall(SYS_process_madvise, SELF, ranges, count, advice,
                           0) == (long)total)
        return true;
    for (unsigned i = 0; i < count; i++)
        if (madvise(ranges[i].iov_base, ranges[i].iov_len, advice) != 0)
            return false;
    return true;
}

/* The kernel reads what it is to do before it finds that there is no such
   descriptor. */
static bool readable(const void *address)
{
    return syscall(SYS_epoll_ctl, -1, EPOLL_CTL_ADD, -1, address) == 0 ||
           errno != EFAULT;
}

/* Some kernels and emulators accept an advice that they do not know. */
static kin__guard_kind probe(char *at, size_t size)
{
    if (madvise(at, size, MADV_GUARD_INSTALL) != 0)
        return errno == EINVAL ? KIN__GUARD_PROTECT : KIN__GUARD_UNKNOWN;
    return readable(at) ? KIN__GUARD_PROTECT : KIN__GUARD_MARK;
}

static bool protect(const kin__chunk *chunk, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (mprotect(kin__slot(chunk, i), chunk->class->guard, PROT_NONE) != 0)
            return false;
    return true;
}

bool kin__pages_guard(kin__stack_pool *pool, kin__chunk *chunk, unsigned first,
                      unsigned count)
{
    size_t size = chunk->class->guard;
    if (pool->guards == KIN__GUARD_UNKNOWN)
        pool->guards = probe(kin__slot(chunk, first), size);
    switch (pool->guards) {
    case KIN__GUARD_NONE: return true;
    case KIN__GUARD_PROTECT: return protect(chunk, first, count);
    case KIN__GUARD_MARK:
        for (unsigned i = 0; i < count; i++)
            pool->ranges[i] = (struct iovec){kin__slot(chunk, first + i), size};
        return advise(pool->ranges, count, MADV_GUARD_INSTALL);
    default: return false;
    }
}

void kin__pages_give_back(kin__stack_pool *pool, unsigned count)
{
    /* If it fails, the pages stay: no more is lost than memory. */
    (void)advise(pool->ranges, count, MADV_DONTNEED);
}
