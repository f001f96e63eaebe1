/* context/switch.c: the first frame of a context, in the shape that the
   assembly of this machine (switch_x86_64.S, switch_aarch64.S) loads.

   Above it lie two words of zero: to what follows frame pointers or return
   addresses without unwind information, the stack ends there. */
#include "context/stack.h"

#if KIN__SWITCH_ASM

#if defined(__x86_64__)
enum { ENTRY = 4, ARG = 3, RESUME = 6, WORDS = 7 };
#elif defined(__aarch64__)
enum { ENTRY = 0, ARG = 1, RESUME = 11, WORDS = 20 };
#endif
enum { END = 2 };

void kin__context_begin(void);

void kin__context_start(kin__context *context, kin__stack *stack,
                        void (*entry)(void *arg), void *arg)
{
    uintptr_t *frame = (uintptr_t *)kin__stack_top(stack) - END - WORDS;
    for (int i = 0; i < WORDS + END; i++)
        frame[i] = 0;
    frame[ENTRY] = (uintptr_t)entry;
    frame[ARG] = (uintptr_t)arg;
    frame[RESUME] = (uintptr_t)kin__context_begin;
    context->sp = frame;
}

#endif
