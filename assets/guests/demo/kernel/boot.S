// From the Multiboot 1 entry (32-bit protected mode, paging off, EAX = magic, EBX = information; Multiboot 0.6.96, section 3)
// to the C kernel in long mode. The page tables made here map the first GiB three times (identity, direct map, kernel);
// paging.c replaces them.

.set KERNEL_BASE, 0xFFFFFFFF80000000
.set MB_FLAGS, 0x3 // page-aligned modules, memory map wanted

.section .boot, "awx", @progbits
.code32
.align 4
multiboot_header:
  .long 0x1BADB002, MB_FLAGS, -(0x1BADB002 + MB_FLAGS)

.global boot_start
boot_start:
  cli
  cld
  mov %eax, %ebp // the magic
  mov $(bss_start - KERNEL_BASE), %edi
  mov $(kernel_end - KERNEL_BASE), %ecx
  sub %edi, %ecx
  shr $2, %ecx
  xor %eax, %eax
  rep stosl
  mov $(boot_stack_top - KERNEL_BASE), %esp
  mov %ebx, boot_information

  mov $0x80000000, %eax
  cpuid
  cmp $0x80000001, %eax
  jb no_long_mode
  mov $0x80000001, %eax
  cpuid
  test $(1 << 29), %edx
  jz no_long_mode

  // 512 pages of 2 MiB
  mov $(boot_pd - KERNEL_BASE), %edi
  mov $0x83, %eax
  mov $512, %ecx
1: mov %eax, (%edi)
  add $0x200000, %eax
  add $8, %edi
  dec %ecx
  jnz 1b
  movl $(boot_pd - KERNEL_BASE + 3), boot_pdpt_low - KERNEL_BASE
  movl $(boot_pd - KERNEL_BASE + 3), boot_pdpt_high - KERNEL_BASE + 510 * 8
  movl $(boot_pdpt_low - KERNEL_BASE + 3), boot_pml4 - KERNEL_BASE
  movl $(boot_pdpt_low - KERNEL_BASE + 3), boot_pml4 - KERNEL_BASE + 256 * 8
  movl $(boot_pdpt_high - KERNEL_BASE + 3), boot_pml4 - KERNEL_BASE + 511 * 8

  mov $0x20, %eax // PAE
  mov %eax, %cr4
  mov $(boot_pml4 - KERNEL_BASE), %eax
  mov %eax, %cr3
  mov $0xC0000080, %ecx // EFER.LME
  rdmsr
  or $0x100, %eax
  wrmsr
  mov $0x80010025, %eax // PG, WP, NE, EM (no x87 here: its use is refused with #NM), PE
  mov %eax, %cr0
  lgdt boot_gdt_pointer
  ljmp $0x08, $long_mode

no_long_mode:
  mov $no_long_mode_text, %esi
  mov $0xB8000, %edi
  mov $0x4F, %ah
2: lodsb
  test %al, %al
  jz 3f
  stosw
  mov $0x3F8, %edx
  outb %al, %dx
  jmp 2b
3: hlt
  jmp 3b

no_long_mode_text: .asciz "Ringfence demo needs a 64-bit processor."

.align 8
boot_gdt:
  .quad 0
  .quad 0x00209A0000000000 // 64-bit code, ring 0
boot_gdt_pointer:
  .word . - boot_gdt - 1
  .long boot_gdt
boot_information: .long 0

.code64
long_mode:
  xor %eax, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %fs
  mov %eax, %gs
  mov %eax, %ss
  mov $boot_stack_top, %rsp
  mov %ebp, %edi
  mov boot_information, %esi
  xor %ebp, %ebp
  mov $kmain, %rax
  call *%rax
1: cli
  hlt
  jmp 1b

.section .bss
.align 4096
boot_pml4: .skip 4096
boot_pdpt_low: .skip 4096
boot_pdpt_high: .skip 4096
boot_pd: .skip 4096
boot_stack: .skip 16384
.global boot_stack_top
boot_stack_top:
