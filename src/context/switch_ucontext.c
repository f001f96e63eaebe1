/* context/switch_ucontext.c: the stack switch where there is no assembly for
   the machine, or with -DKIN_USE_UCONTEXT. Each switch is a system call, since
   swapcontext keeps a signal mask that nothing here changes.

   A suspended context points to a `place` on its own stack. */
#include "context/stack.h"

#if !KIN__SWITCH_ASM

#include <stdlib.h>
#include <ucontext.h>

struct place {
    ucontext_t machine;
    void *value; /* set by the one that switches here */
    void (*entry)(void *arg);
    void *arg;
};

void *kin__switch(kin__context *from, kin__context *to, void *value)
{
    struct place here;
    struct place *there = to->sp;
    from->sp = &here;
    there->value = value;
    if (swapcontext(&here.machine, &there->machine) != 0)
        abort();
    return here.value;
}

/* makecontext passes ints alone. */
static void begin(unsigned high, unsigned low)
{
    struct place *place =
        (struct place *)((uintptr_t)high << 16 << 16 | (uintptr_t)low);
    place->entry(place->arg);
    abort();
}

void kin__context_start(kin__context *context, kin__stack *stack,
                        void (*entry)(void *arg), void *arg)
{
    uintptr_t at = (uintptr_t)kin__stack_top(stack) - sizeof(struct place);
    struct place *place = (struct place *)(at & ~(uintptr_t)63);
    if (getcontext(&place->machine) != 0)
        abort();
    place->entry = entry;
    place->arg = arg;
    place->machine.uc_link = NULL;
    place->machine.uc_stack.ss_sp = stack->low;
    place->machine.uc_stack.ss_size = (size_t)((char *)place - stack->low);
    uintptr_t bits = (uintptr_t)place;
    makecontext(&place->machine, (void (*)(void))begin, 2,
                (unsigned)(bits >> 16 >> 16), (unsigned)bits);
    context->sp = place;
}

#endif
