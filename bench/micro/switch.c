/* switch.c: the floor that the rest is measured by: two contexts that do
   nothing but switch to each other, each time saving and loading the registers
   that a call preserves, and jumping. It is made as fast as it can be: where to
   go on is read before anything is stored, and a jump does not mislead the
   processor's prediction of returns, as a `ret` would. */
#include "bench.h"

#if defined(__x86_64__) && defined(__LP64__)

/* A suspended context is its stack pointer; from there up lie the registers and
   the address to go on at. */
typedef uintptr_t *context;
void bare_switch(context *from, context *to);

__asm__(".text\n"
        ".p2align 6\n"
        ".globl bare_switch\n"
        ".type bare_switch, @function\n"
        "bare_switch:\n"
        "    movq (%rsi), %r8\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %r8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    popq %rcx\n"
        "    jmp *%rcx\n"
        ".size bare_switch, . - bare_switch\n");

enum { FRAME = 8, GO_ON = 6 }; /* a word more: aligned as after a call */

#elif defined(__aarch64__)

typedef uintptr_t *context;
void bare_switch(context *from, context *to);

__asm__(".text\n"
        ".p2align 6\n"
        ".globl bare_switch\n"
        ".type bare_switch, %function\n"
        "bare_switch:\n"
        "    ldr x10, [x1]\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x10\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    br x30\n"
        ".size bare_switch, . - bare_switch\n");

enum { FRAME = 20, GO_ON = 11 };

#else /* elsewhere kin's own */
#define OWN_OF_KIN

#include "context/context.h"

typedef kin__context context;

static void bare_switch(context *from, context *to)
{
    kin__switch(from, to, NULL);
}

#endif

static context here, there;

#ifdef OWN_OF_KIN

static void start(context *c, void (*entry)(void *))
{
    kin__stack_pool *pool = kin__stack_pool_new(0, true, NULL);
    kin__context_start(c, kin__stack_get(pool, 0, NULL), entry, NULL);
}

#else

static void start(context *c, void (*entry)(void *))
{
    enum { WORDS = 2048 };
    static _Alignas(64) uintptr_t stack[WORDS];
    *c = &stack[WORDS - FRAME];
    (*c)[GO_ON] = (uintptr_t)entry;
}

#endif

static void answer(void *unused)
{
    (void)unused;
    for (;;)
        bare_switch(&there, &here);
}

/* Half of them are made over there. */
static kin_error *go_back_and_forth(void *unused, size_t times)
{
    (void)unused;
    for (size_t i = 0; i < times; i += 2)
        bare_switch(&here, &there);
    return NULL;
}

kin_error *bench_switch(void *b)
{
    start(&there, answer);
    return bench_measure(b, go_back_and_forth, NULL);
}
