/* context/switch_x86_64.S: the stack switch.

   A suspended context is its stack pointer; from there up lie r15, r14, r13,
   r12, rbx, rbp and the address to go on at (switch.c builds the same frame).

   It ends in a jump and not in `ret`: the processor predicts a `ret` from the
   calls it has seen, and those were another task's. What to go on with is
   loaded before anything is pushed, so that neither the loads nor the jump wait
   for the stores. Hence `from` and `to` must differ.

   A shadow stack does not survive a switch, so there is deliberately no
   property note that would allow one. */

#if defined(__x86_64__) && defined(__LP64__) && !defined(KIN_USE_UCONTEXT)

        .macro  SAVE register
        pushq   \register
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset \register, 0
        .endm

        .macro  LOAD register
        popq    \register
        .cfi_adjust_cfa_offset -8
        .cfi_restore \register
        .endm

        .text

/* void *kin__switch(kin__context *from, kin__context *to, void *value) */
        .globl  kin__switch
        .hidden kin__switch
        .type   kin__switch, @function
        .p2align 6
kin__switch:
        .cfi_startproc
        endbr64
        movq    (%rsi), %r8
        SAVE    %rbp
        SAVE    %rbx
        SAVE    %r12
        SAVE    %r13
        SAVE    %r14
        SAVE    %r15
        movq    %rsp, (%rdi)
        movq    48(%r8), %rcx
        movq    %rdx, %rax
        /* The frame has the same shape on both stacks, so what the unwinder was
           told holds on this side and on the other. */
        movq    %r8, %rsp
        LOAD    %r15
        LOAD    %r14
        LOAD    %r13
        LOAD    %r12
        LOAD    %rbx
        LOAD    %rbp
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        jmp     *%rcx
        .cfi_endproc
        .size   kin__switch, . - kin__switch

/* Where a new context goes on: entry in rbx, its argument in r12. Unwinding
   ends here. The nop belongs to it because unwinders look up the address before
   the one to go on at. */
        .globl  kin__context_begin
        .hidden kin__context_begin
        .type   kin__context_begin, @function
        .p2align 4
        .cfi_startproc
        .cfi_undefined %rip
        nop
kin__context_begin:
        endbr64
        movq    %r12, %rdi
        callq   *%rbx
        ud2
        .cfi_endproc
        .size   kin__context_begin, . - kin__context_begin

#endif

        .section .note.GNU-stack, "", @progbits
