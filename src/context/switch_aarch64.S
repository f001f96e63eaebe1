/* context/switch_aarch64.S: the stack switch.

   A suspended context is its stack pointer; from there up lie x19 to x30 and
   d8 to d15 (switch.c builds the same frame). x30 is the address to go on at.

   It ends in `br` and not in `ret`: the processor predicts a `ret` from the
   calls it has seen, and those were another task's. What to go on with is
   loaded before anything is stored. Hence `from` and `to` must differ. There is
   deliberately no property note for branch targets: `br` goes to places that
   are not marked. */

#if defined(__aarch64__) && defined(__LP64__) && !defined(KIN_USE_UCONTEXT)

        .equ    FRAME, 160

        .macro  SAVE first, second, at
        stp     \first, \second, [sp, #\at]
        .cfi_rel_offset \first, \at
        .cfi_rel_offset \second, \at + 8
        .endm

        .macro  LOAD first, second, at
        ldp     \first, \second, [sp, #\at]
        .cfi_restore \first
        .cfi_restore \second
        .endm

        .text

/* void *kin__switch(kin__context *from, kin__context *to, void *value) */
        .globl  kin__switch
        .hidden kin__switch
        .type   kin__switch, %function
        .p2align 6
kin__switch:
        .cfi_startproc
        ldr     x9, [x1]
        sub     sp, sp, #FRAME
        .cfi_adjust_cfa_offset FRAME
        SAVE    x19, x20, 0
        SAVE    x21, x22, 16
        SAVE    x23, x24, 32
        SAVE    x25, x26, 48
        SAVE    x27, x28, 64
        SAVE    x29, x30, 80
        SAVE    d8, d9, 96
        SAVE    d10, d11, 112
        SAVE    d12, d13, 128
        SAVE    d14, d15, 144
        mov     x10, sp
        str     x10, [x0]
        mov     x0, x2
        /* The frame has the same shape on both stacks, so what the unwinder was
           told holds on this side and on the other. */
        mov     sp, x9
        LOAD    x29, x30, 80
        LOAD    x19, x20, 0
        LOAD    x21, x22, 16
        LOAD    x23, x24, 32
        LOAD    x25, x26, 48
        LOAD    x27, x28, 64
        LOAD    d8, d9, 96
        LOAD    d10, d11, 112
        LOAD    d12, d13, 128
        LOAD    d14, d15, 144
        add     sp, sp, #FRAME
        .cfi_adjust_cfa_offset -FRAME
        br      x30
        .cfi_endproc
        .size   kin__switch, . - kin__switch

/* Where a new context goes on: entry in x19, its argument in x20. Unwinding
   ends here. The nop belongs to it because unwinders look up the address before
   the one to go on at. */
        .globl  kin__context_begin
        .hidden kin__context_begin
        .type   kin__context_begin, %function
        .p2align 4
        .cfi_startproc
        .cfi_undefined x30
        nop
kin__context_begin:
        mov     x0, x20
        blr     x19
        brk     #0
        .cfi_endproc
        .size   kin__context_begin, . - kin__context_begin

#endif

        .section .note.GNU-stack, "", %progbits
