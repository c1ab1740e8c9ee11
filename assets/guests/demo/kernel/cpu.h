// Instructions that C has no words for (Intel SDM volume 2).
#pragma once
#include "../lib/types.h"

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outw(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline u16 inw(u16 port) {
  u16 value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline void outl(u16 port, u32 value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u32 inl(u16 port) {
  u32 value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline u64 rdtsc(void) {
  u32 low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (u64)high << 32 | low;
}
static inline u64 rdmsr(u32 msr) {
  u32 low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return (u64)high << 32 | low;
}
static inline void wrmsr(u32 msr, u64 value) {
  __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

struct cpuid {
  u32 eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(u32 leaf) {
  struct cpuid r;
  __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
  return r;
}

#define READ_CR(n)                                                                                                               \
  static inline u64 read_cr##n(void) {                                                                                           \
    u64 value;                                                                                                                   \
    __asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));                                                                        \
    return value;                                                                                                                \
  }
READ_CR(0)
READ_CR(2)
READ_CR(3)
READ_CR(4)
static inline void write_cr3(u64 value) { __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }

static inline u16 read_cs(void) {
  u16 value;
  __asm__ volatile("mov %%cs, %0" : "=r"(value));
  return value;
}
static inline u64 read_flags(void) {
  u64 value;
  __asm__ volatile("pushfq; pop %0" : "=r"(value));
  return value;
}
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void wait_for_interrupt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }

// Returns whether interrupts were on, for interrupts_restore.
static inline bool interrupts_save(void) {
  bool on = (read_flags() & 0x200) != 0;
  interrupts_off();
  return on;
}
static inline void interrupts_restore(bool on) {
  if (on) interrupts_on();
}
