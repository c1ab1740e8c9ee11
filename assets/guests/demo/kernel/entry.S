// The ways into the kernel after boot: exceptions, interrupts, SYSCALL; and the switch between kernel stacks.
// All of them build the same `struct frame` (kernel.h).

.macro save_registers
  push %rax
  push %rbx
  push %rcx
  push %rdx
  push %rsi
  push %rdi
  push %rbp
  push %r8
  push %r9
  push %r10
  push %r11
  push %r12
  push %r13
  push %r14
  push %r15
.endm

.macro restore_registers
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %r11
  pop %r10
  pop %r9
  pop %r8
  pop %rbp
  pop %rdi
  pop %rsi
  pop %rdx
  pop %rcx
  pop %rbx
  pop %rax
.endm

.text
// One stub of 16 bytes per vector. Vectors 8, 10-14, 17, 21, 29 and 30 push an error code themselves.
.align 16
.global vector_stubs
vector_stubs:
.set vector, 0
.rept 49
  .align 16
  .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
  .endif
  push $vector
  jmp trap_common
  .set vector, vector + 1
.endr

.align 16
trap_common:
  save_registers
  cld
  mov %rsp, %rdi
  call trap_dispatch
.global frame_return
frame_return: // RSP points at a struct frame
  restore_registers
  add $16, %rsp
  iretq

.align 16
.global spurious_stub
spurious_stub: // the local APIC's spurious vector wants no end of interrupt
  iretq

.align 16
.global syscall_entry
syscall_entry: // RCX = return RIP, R11 = RFLAGS, interrupts masked by SFMASK; one processor, so plain variables do for SWAPGS
  mov %rsp, syscall_user_rsp(%rip)
  mov syscall_kernel_rsp(%rip), %rsp
  push $0x1B
  push syscall_user_rsp(%rip)
  push %r11
  push $0x23
  push %rcx
  push $0
  push $0x80 // stands for SYSCALL in `vector`
  save_registers
  cld
  mov %rsp, %rdi
  call syscall_dispatch
  // SYSRET to a non-canonical RIP would fault in ring 0 on the user's stack; such a RIP goes through IRETQ.
  mov 136(%rsp), %rcx
  mov %rcx, %rax
  shr $47, %rax
  jnz frame_return
  restore_registers
  mov 16(%rsp), %rcx
  mov 32(%rsp), %r11
  mov 40(%rsp), %rsp
  sysretq

.align 16
.global switch_stack
switch_stack: // (u64 *saved_rsp, u64 next_rsp)
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret

.section .bss
.align 8
syscall_user_rsp: .skip 8
.global syscall_kernel_rsp
syscall_kernel_rsp: .skip 8
