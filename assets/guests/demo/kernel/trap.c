// Exceptions and interrupts: two 8259A controllers (vectors 20h-2Fh), the local APIC as a wire from them to the processor and for
// its timer (vector 30h).
#include "kernel.h"

const struct exception_name exception_names[32] = {
    {"#DE", "divide error"}, {"#DB", "debug"}, {"NMI", "non-maskable interrupt"}, {"#BP", "breakpoint"}, {"#OF", "overflow"},
    {"#BR", "bound range"}, {"#UD", "invalid opcode"}, {"#NM", "device not available"}, {"#DF", "double fault"},
    {"CSO", "coprocessor overrun"}, {"#TS", "invalid TSS"}, {"#NP", "segment not present"}, {"#SS", "stack fault"},
    {"#GP", "general protection"}, {"#PF", "page fault"}, {"15", "reserved"}, {"#MF", "x87 error"}, {"#AC", "alignment check"},
    {"#MC", "machine check"}, {"#XM", "SIMD error"}, {"#VE", "virtualization"}, {"#CP", "control protection"},
    {"22", "reserved"}, {"23", "reserved"}, {"24", "reserved"}, {"25", "reserved"}, {"26", "reserved"}, {"27", "reserved"},
    {"28", "reserved"}, {"#VC", "VMM communication"}, {"#SX", "security"}, {"31", "reserved"},
};

u64 interrupt_count;
static u16 irq_mask = 0xFFFF;

enum { PIC1 = 0x20, PIC2 = 0xA0, READ_ISR = 0x0B, END_OF_INTERRUPT = 0x20 };

static void write_mask(void) {
  outb(PIC1 + 1, (u8)irq_mask);
  outb(PIC2 + 1, (u8)(irq_mask >> 8));
}

void pic_init(void) {
  outb(PIC1, 0x11);
  outb(PIC2, 0x11);
  outb(PIC1 + 1, 0x20);
  outb(PIC2 + 1, 0x28);
  outb(PIC1 + 1, 0x04);
  outb(PIC2 + 1, 0x02);
  outb(PIC1 + 1, 0x01);
  outb(PIC2 + 1, 0x01);
  write_mask();
}

void irq_enable(u32 irq) {
  irq_mask &= (u16) ~(1u << irq | (irq >= 8 ? 1u << 2 : 0));
  write_mask();
}

// Level-triggered, as PCI's lines are (the chipset's edge/level control registers).
void irq_level(u32 irq) {
  u16 trigger = irq >= 8 ? 0x4D1 : 0x4D0;
  u8 level = inb(trigger);
  if (level != 0xFF) outb(trigger, level | (u8)(1u << (irq & 7)));
}

// Firmware may have left the APIC closed to the 8259A; virtual wire mode (Intel MultiProcessor Specification, 3.6.2.2) opens it.
void apic_init(void) {
  if (!(cpuid(1).edx & 1u << 9)) return;
  u64 base = rdmsr(0x1B);
  if (!(base & 0x800)) return;
  volatile u32 *apic = phys_map(base & 0xFFFFFF000, PAGE, true);
  if (!apic || apic[0x30 / 4] == 0xFFFFFFFF) return;
  apic[0x80 / 4] = 0;      // task priority
  apic[0xF0 / 4] = 0x1FF;  // enabled, spurious vector FFh
  apic[0x350 / 4] = 0x700; // LINT0: ExtINT
  apic[0x360 / 4] = 0x400; // LINT1: NMI
  timer_init(apic);
}

static void irq(u32 line, bool from_user) {
  if (line == 7 || line == 15) { // spurious when not in service
    u16 port = line == 7 ? PIC1 : PIC2;
    outb(port, READ_ISR);
    if (!(inb(port) & 0x80)) {
      if (line == 15) outb(PIC1, END_OF_INTERRUPT);
      return;
    }
  }
  interrupt_count++;
  if (line == 0) tasks_tick(from_user);
  else if (line == 1) keyboard_irq();
  else if (line == 4) serial_irq();
  if (line == acpi_sci) acpi_sci_irq();
  if (line == net_irq_line) net_irq(); // lines may be shared
  if (line >= 8) outb(PIC2, END_OF_INTERRUPT);
  outb(PIC1, END_OF_INTERRUPT);
}

void panic(const char *reason, struct frame *f) {
  static bool again;
  interrupts_off();
  if (again)
    for (;;) __asm__ volatile("hlt");
  again = true;
  kprintf("\x1b[0;97;41m\n  KERNEL PANIC: %s  \x1b[0m\n", reason);
  if (f) {
    if (f->vector < 32)
      kprintf("  exception %lu %s (%s), error code %lx, in ring %lu\n", f->vector, exception_names[f->vector].mnemonic,
              exception_names[f->vector].name, f->error, f->cs & 3);
    kprintf("  RIP %016lx  RSP %016lx  FLAGS %08lx  CR2 %016lx\n", f->rip, f->rsp, f->rflags, read_cr2());
    kprintf("  RAX %016lx  RBX %016lx  RCX   %016lx\n", f->rax, f->rbx, f->rcx);
    kprintf("  RDX %016lx  RSI %016lx  RDI   %016lx\n", f->rdx, f->rsi, f->rdi);
    kprintf("  RBP %016lx  R8  %016lx  R9    %016lx\n", f->rbp, f->r8, f->r9);
    kprintf("  CR0 %016lx  CR3 %016lx  CR4   %016lx\n", read_cr0(), read_cr3(), read_cr4());
  }
  kprintf("  The system has stopped. Press Enter to restart it.\n");
  console_flush();
  foreground = 0;
  current = &tasks[0];
  for (;;) {
    u16 key = 0;
    while (input_take(&key))
      if (key == '\r') reboot();
    if (power_button) power_off();
    power_button = false;
    wait_for_interrupt();
  }
}

static void exception(struct frame *f) {
  bool fatal = f->vector == 2 || f->vector == 8 || f->vector == 18;
  if (!(f->cs & 3) || fatal) panic("an exception in the kernel", f);
  current->fault = (struct fault){f->vector, f->error, f->rip, f->vector == 14 ? read_cr2() : 0};
  if (current->resume_rip) { // the program asked to go on elsewhere
    f->rip = current->resume_rip;
    f->rax = f->vector;
    f->rflags &= ~0x100UL;
    current->resume_rip = 0;
    return;
  }
  kprintf("\x1b[91m%s was ended: exception %lu %s (%s), error code %lx, RIP %lx", current->name, f->vector,
          exception_names[f->vector].mnemonic, exception_names[f->vector].name, f->error, f->rip);
  if (f->vector == 14) kprintf(", address %lx", current->fault.address);
  kprintf("\x1b[0m\n");
  task_exit(128 + (i32)f->vector);
}

void trap_dispatch(struct frame *f) {
  if (f->vector < 32) exception(f);
  else if (f->vector == TIMER_VECTOR) timer_irq();
  else irq((u32)f->vector - 32, (f->cs & 3) != 0);
  if (f->cs & 3) before_user();
}
