// Tries what ring 3 must not do, one by one. Each attempt asks the kernel to go on at a label when an exception comes, and then shows
// the exception. The exit code is the number of attempts that did not end as they must.
#include "user.h"

#define KERNEL "0xFFFFFFFF80101000"

enum { UD = 6, GP = 13, PF = 14 };

// Result: the vector of the exception, or 255 when there was none.
#define ATTEMPT(name, code)                                                                         \
  __attribute__((noinline)) static u64 name(void) {                                                 \
    u64 vector;                                                                                     \
    __asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, %%rbp\n\t"                                 \
                     "mov %1, %%eax; lea 9f(%%rip), %%rdi; syscall\n\t"                             \
                     "xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx\n\t" code "\n\t"         \
                     "mov $255, %%eax\n"                                                            \
                     "9: mov %%rbp, %%rsp; pop %%rbp; pop %%rbx\n\t"                                \
                     : "=&a"(vector)                                                                \
                     : "i"(SYS_ON_FAULT)                                                            \
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");       \
    return vector;                                                                                  \
  }

ATTEMPT(try_cli, "cli")
ATTEMPT(try_sti, "sti")
ATTEMPT(try_hlt, "hlt")
ATTEMPT(try_in, "in $0x64, %%al")
ATTEMPT(try_out, "mov $0x3F8, %%dx; out %%al, %%dx")
ATTEMPT(try_read_cr0, "mov %%cr0, %%rax")
ATTEMPT(try_write_cr3, "mov %%rax, %%cr3")
ATTEMPT(try_lidt, "push $0; push $0; lidt (%%rsp)")
ATTEMPT(try_lgdt, "push $0; push $0; lgdt (%%rsp)")
ATTEMPT(try_ltr, "mov $0x28, %%ax; ltr %%ax")
ATTEMPT(try_invlpg, "invlpg (%%rsp)")
ATTEMPT(try_rdmsr, "mov $0xC0000080, %%ecx; rdmsr")
ATTEMPT(try_wrmsr, "mov $0xC0000082, %%ecx; wrmsr")
ATTEMPT(try_swapgs, "swapgs")
ATTEMPT(try_sysret, "sysretq")
ATTEMPT(try_int, "int $14")
ATTEMPT(try_far, "push $0x08; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: nop")
ATTEMPT(try_read, "movabs $" KERNEL ", %%rax; mov (%%rax), %%rax")
ATTEMPT(try_write, "movabs $" KERNEL ", %%rdx; mov %%rax, (%%rdx)")
ATTEMPT(try_run, "movabs $" KERNEL ", %%rax; call *%%rax")
ATTEMPT(try_own_code, "lea 1f(%%rip), %%rdx; 1: movb %%al, (%%rdx)")
ATTEMPT(try_stack_code, "movb $0xC3, -1(%%rsp); lea -1(%%rsp), %%rax; call *%%rax")
ATTEMPT(try_noncanonical, "movabs $0x8000000000000000, %%rax; mov (%%rax), %%rax")
ATTEMPT(try_undefined, "ud2")

struct attempt {
  const char *name;
  u64 (*run)(void);
  u64 vector, error;
};

static const struct attempt attempts[] = {
    {"CLI", try_cli, GP, 0},
    {"HLT", try_hlt, GP, 0},
    {"IN AL,64h", try_in, GP, 0},
    {"OUT 3F8h,AL", try_out, GP, 0},
    {"MOV RAX,CR0", try_read_cr0, GP, 0},
    {"MOV CR3,RAX", try_write_cr3, GP, 0},
    {"LIDT", try_lidt, GP, 0},
    {"INVLPG", try_invlpg, GP, 0},
    {"RDMSR of EFER", try_rdmsr, GP, 0},
    {"WRMSR to LSTAR", try_wrmsr, GP, 0},
    {"SWAPGS", try_swapgs, GP, 0},
    {"INT 14", try_int, GP, 14 * 8 + 2},
    {"RETF to CS 8", try_far, GP, 8},
    {"read the kernel", try_read, PF, 5},
    {"write the kernel", try_write, PF, 7},
    {"call the kernel", try_run, PF, 0x15},
    {"write own code", try_own_code, PF, 7},
    {"run the stack", try_stack_code, PF, 0x15},
    // beyond one screen: only with `all`
    {"STI", try_sti, GP, 0},
    {"LGDT", try_lgdt, GP, 0},
    {"LTR", try_ltr, GP, 0},
    {"SYSRET", try_sysret, GP, 0},
    {"wild pointer", try_noncanonical, GP, 0},
    {"UD2", try_undefined, UD, 0},
};
enum { ALL = sizeof attempts / sizeof attempts[0], SCREENFUL = 18 };

int start(const char *arguments) {
  int count = strcmp(arguments, "all") == 0 ? ALL : SCREENFUL, bad = 0;
  u16 cs;
  __asm__("mov %%cs, %0" : "=r"(cs));
  print("This program runs in ring %u: CS %04x. It tries what only ring 0 may do:\n", cs & 3, cs);
  for (int i = 0; i < count; i++) {
    const struct attempt *a = &attempts[i];
    struct fault_info fault;
    u64 vector = a->run();
    if (vector == 255) {
      system_call(SYS_ON_FAULT, 0, 0);
      bad++;
      print("  %-17s \x1b[91mALLOWED\x1b[0m: no exception\n", a->name);
      continue;
    }
    system_call(SYS_FAULT_INFO, (u64)&fault, 0);
    bool right = vector == a->vector && fault.error == a->error;
    if (a->run == try_int && fault.error == 14 * 16 + 2) right = true; // what QEMU up to 7.2 makes of the vector; it should be 8 times
    if (!right) bad++;
    print("  %-17s %s\x1b[0m: %s %lu %s, error %04lx, RIP %lx\n", a->name, right ? "\x1b[92mrefused" : "\x1b[91mWRONG", fault.mnemonic,
          fault.vector, fault.name, fault.error, fault.rip);
  }
  u64 after; // POPF with IF clear is no exception here: it leaves IF as it is
  __asm__ volatile("pushq $0x2; popfq; pushfq; pop %0" : "=r"(after) : : "memory", "cc");
  if (!(after & 0x200)) bad++;
  print("  %-17s %s\x1b[0m\n", "POPF with IF=0", after & 0x200 ? "\x1b[92mignored\x1b[0m: IF is still 1" : "\x1b[91mALLOWED");
  print("%d of %d attempts were refused.\n", count + 1 - bad, count + 1);
  return bad;
}
