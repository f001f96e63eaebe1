/* context/tools.c: what AddressSanitizer and ThreadSanitizer are told of
   switches. Empty in a plain build; Valgrind sees switches by itself once it
   knows the stacks (tools.h).

   Of the thread's own stack they tell us what they know when it is first left;
   it is kept here, one for each thread. */
#include "context/tools.h"

#ifdef KIN__ASAN

static _Thread_local struct {
    const void *low;
    size_t size;
    void *fake;   /* the tool's frames, while it is left */
    bool leaving; /* between the two calls of a switch away from it */
} own;

void kin__context_leaving(kin__stack *from, kin__stack *to, bool for_good)
{
    void **fake = from ? &from->fake : &own.fake;
    own.leaving = !from;
    __sanitizer_start_switch_fiber(for_good ? NULL : fake,
                                   to ? to->low : own.low,
                                   to ? kin__stack_extent(to) : own.size);
}

void kin__context_arrived(kin__stack *now)
{
    const void *low;
    size_t size;
    __sanitizer_finish_switch_fiber(now ? now->fake : own.fake, &low, &size);
    if (own.leaving) {
        own.low = low;
        own.size = size;
        own.leaving = false;
    }
}

#endif

#ifdef KIN__TSAN

static _Thread_local void *own_fiber;

/* What is entered in one fiber and left in another. To clang "no_sanitize"
   alone means that it still notes the entry and the exit. */
#if defined(__clang__)
#define UNSEEN __attribute__((disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((no_sanitize_thread))
#endif

UNSEEN void kin__context_leaving(kin__stack *from, kin__stack *to,
                                 bool for_good)
{
    (void)for_good;
    if (!from)
        own_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to ? to->fiber : own_fiber, 0);
}

void kin__context_arrived(kin__stack *now)
{
    (void)now;
}

#endif
