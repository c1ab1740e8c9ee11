// GDT, TSS, IDT and the SYSCALL registers (Intel SDM volume 3, chapters 3, 6 and 7; AMD APM volume 2, 6.1.1).
// Selectors: 08h kernel code, 10h kernel data, 18h user data, 20h user code (the order SYSRET wants), 28h TSS.
#include "kernel.h"

struct tss {
  u32 reserved0;
  u64 rsp[3], reserved1, ist[7], reserved2;
  u16 reserved3, io_map;
} __attribute__((packed));

struct gate {
  u16 offset_low, selector;
  u8 ist, type;
  u16 offset_middle;
  u32 offset_high, reserved;
};

struct table_pointer {
  u16 limit;
  u64 base;
} __attribute__((packed));

static u64 gdt[7] = {0, 0x00AF9A000000FFFF, 0x00CF92000000FFFF, 0x00CFF2000000FFFF, 0x00AFFA000000FFFF, 0, 0};
static struct tss tss;
static struct gate idt[256];
static u8 fault_stack[8192] __attribute__((aligned(16)));
extern u8 vector_stubs[], spurious_stub[];

static void set_gate(u32 vector, const u8 *target, u8 ist) {
  u64 address = (u64)target;
  idt[vector] = (struct gate){(u16)address, 0x08, ist, 0x8E, (u16)(address >> 16), (u32)(address >> 32), 0};
}

static void load_idt(const void *base, u16 limit) {
  struct table_pointer pointer = {limit, (u64)base};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}

void load_null_idt(void) { load_idt(NULL, 0); }

void set_kernel_stack(u64 top) {
  tss.rsp[0] = top;
  syscall_kernel_rsp = top;
}

void descriptors_init(void) {
  u64 base = (u64)&tss;
  gdt[5] = 0x0000890000000000 | (sizeof tss - 1) | (base & 0xFFFFFF) << 16 | (base >> 24 & 0xFF) << 56;
  gdt[6] = base >> 32;
  tss.io_map = sizeof tss; // no I/O permission map: every port is refused to ring 3
  tss.ist[0] = (u64)(fault_stack + sizeof fault_stack);
  struct table_pointer pointer = {sizeof gdt - 1, (u64)gdt};
  __asm__ volatile("lgdt %0\n\t"
                   "pushq $0x08\n\t"
                   "leaq 1f(%%rip), %%rax\n\t"
                   "pushq %%rax\n\t"
                   "lretq\n"
                   "1: mov %1, %%ds\n\t"
                   "mov %1, %%es\n\t"
                   "mov %1, %%ss\n\t"
                   "ltr %w2"
                   :
                   : "m"(pointer), "r"(0x10), "r"(0x28)
                   : "rax", "memory");
  for (u32 vector = 0; vector < 49; vector++) set_gate(vector, vector_stubs + 16 * vector, 0);
  idt[2].ist = idt[8].ist = idt[18].ist = 1; // NMI, double fault, machine check: whatever the stack pointer is
  set_gate(0xFF, spurious_stub, 0);
  load_idt(idt, sizeof idt - 1);

  wrmsr(0xC0000080, rdmsr(0xC0000080) | 1);       // EFER.SCE
  wrmsr(0xC0000081, 0x0013UL << 48 | 0x0008UL << 32); // STAR
  wrmsr(0xC0000082, (u64)syscall_entry);          // LSTAR
  wrmsr(0xC0000084, 0x47700);                     // SFMASK: TF IF DF IOPL NT AC
}
