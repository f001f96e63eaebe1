/* context/tools.h: what AddressSanitizer, ThreadSanitizer and Valgrind must
   know of stacks. Of switches they are told in tools.c.

   A put stack may be the one that runs, so what undoes its last use is done
   when it is got again, or turns cold. */
#ifndef KIN__TOOLS_H
#define KIN__TOOLS_H

#include "context/stack.h"

#ifdef KIN__ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef KIN__TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifndef KIN_HAVE_VALGRIND
#if __has_include(<valgrind/valgrind.h>)
#define KIN_HAVE_VALGRIND 1
#else
#define KIN_HAVE_VALGRIND 0
#endif
#endif
#if KIN_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

/* Frames are wider with redzones between their variables. */
#ifdef KIN__ASAN
enum { KIN__TOOLS_SHIFT = 2 };
#else
enum { KIN__TOOLS_SHIFT = 0 };
#endif

static inline bool kin__tools_on_valgrind(void)
{
#if KIN_HAVE_VALGRIND
    return RUNNING_ON_VALGRIND;
#else
    return false;
#endif
}

/* Whether stacks have to be forgotten one by one when all go at once. */
static inline bool kin__tools_present(void)
{
#if defined(KIN__ASAN) || defined(KIN__TSAN)
    return true;
#else
    return kin__tools_on_valgrind();
#endif
}

/* A cold slot has been given its record. */
static inline void kin__tools_begin(kin__stack *stack)
{
#ifdef KIN__ASAN
    stack->fake = NULL;
#endif
#ifdef KIN__TSAN
    stack->fiber = __tsan_create_fiber(0);
#endif
#if KIN_HAVE_VALGRIND
    if (kin__tools_on_valgrind())
        stack->valgrind = VALGRIND_STACK_REGISTER(stack->low, stack);
#endif
    (void)stack;
}

/* A warm stack has been got. What ran there last may have left without
   returning from its functions: their redzones still lie about, and the tool
   believes that it is still inside of them. */
static inline void kin__tools_again(kin__stack *stack)
{
#ifdef KIN__ASAN
    stack->fake = NULL;
    __asan_unpoison_memory_region(stack->low, kin__stack_extent(stack));
#endif
#ifdef KIN__TSAN
    __tsan_destroy_fiber(stack->fiber);
    stack->fiber = __tsan_create_fiber(0);
#endif
    (void)stack;
}

/* Its memory is about to go. */
static inline void kin__tools_end(kin__stack *stack)
{
#ifdef KIN__ASAN
    __asan_unpoison_memory_region(stack->low, kin__stack_extent(stack));
#endif
#ifdef KIN__TSAN
    __tsan_destroy_fiber(stack->fiber);
#endif
#if KIN_HAVE_VALGRIND
    if (kin__tools_on_valgrind())
        VALGRIND_STACK_DEREGISTER(stack->valgrind);
#endif
    (void)stack;
}

#endif
