// `cpu`: what CPUID says (Intel SDM volume 2, CPUID; the hypervisor leaves by the common convention).
#include "kernel.h"

struct feature {
  u8 bit;
  const char *name;
};

static const struct feature leaf1_edx[] = {{0, "fpu"}, {4, "tsc"}, {5, "msr"}, {6, "pae"}, {8, "cx8"}, {9, "apic"}, {11, "sep"},
                                           {12, "mtrr"}, {13, "pge"}, {15, "cmov"}, {16, "pat"}, {19, "clflush"}, {23, "mmx"},
                                           {24, "fxsr"}, {25, "sse"}, {26, "sse2"}, {28, "ht"}};
static const struct feature leaf1_ecx[] = {{0, "sse3"}, {1, "pclmulqdq"}, {3, "monitor"}, {5, "vmx"}, {9, "ssse3"}, {12, "fma"},
                                           {13, "cx16"}, {17, "pcid"}, {19, "sse4.1"}, {20, "sse4.2"}, {21, "x2apic"}, {22, "movbe"},
                                           {23, "popcnt"}, {24, "tsc-deadline"}, {25, "aes"}, {26, "xsave"}, {28, "avx"},
                                           {30, "rdrand"}, {31, "hypervisor"}};
static const struct feature leaf7_ebx[] = {{0, "fsgsbase"}, {3, "bmi1"}, {5, "avx2"}, {7, "smep"}, {8, "bmi2"}, {9, "erms"},
                                           {18, "rdseed"}, {19, "adx"}, {20, "smap"}, {29, "sha"}};
static const struct feature extended_edx[] = {{11, "syscall"}, {20, "nx"}, {26, "1gb-pages"}, {27, "rdtscp"}, {29, "long-mode"}};
static const struct feature extended_ecx[] = {{0, "lahf"}, {2, "svm"}, {5, "abm"}, {6, "sse4a"}, {8, "prefetchw"}};

static u32 column;

static void list(u32 bits, const struct feature *features, u64 count) {
  for (u64 i = 0; i < count; i++) {
    if (!(bits & 1u << features[i].bit)) continue;
    u32 length = (u32)strlen(features[i].name) + 1;
    if (column + length > 78) {
      kprintf("\n             ");
      column = 13;
    }
    kprintf(" %s", features[i].name);
    column += length;
  }
}
#define LIST(bits, features) list(bits, features, sizeof features / sizeof features[0])

static void put(char *to, u32 value) {
  for (u32 i = 0; i < 4; i++) {
    char c = (char)(value >> (8 * i));
    to[i] = c >= ' ' && c < 0x7F ? c : (c ? '.' : 0);
  }
}

void cpu_brand(char brand[49]) {
  memset(brand, 0, 49);
  if (cpuid(0x80000000).eax < 0x80000004) {
    memcpy(brand, "unnamed", 7);
    return;
  }
  for (u32 i = 0; i < 3; i++) {
    struct cpuid r = cpuid(0x80000002 + i);
    put(brand + 16 * i, r.eax);
    put(brand + 16 * i + 4, r.ebx);
    put(brand + 16 * i + 8, r.ecx);
    put(brand + 16 * i + 12, r.edx);
  }
  u64 spaces = 0; // some processors pad on the left
  while (brand[spaces] == ' ') spaces++;
  memmove(brand, brand + spaces, 49 - spaces);
}

void command_cpu(const char *arguments) {
  (void)arguments;
  struct cpuid base = cpuid(0), one = cpuid(1), extended = cpuid(0x80000001);
  char vendor[13] = "", brand[49], hypervisor[13] = "";
  put(vendor, base.ebx);
  put(vendor + 4, base.edx);
  put(vendor + 8, base.ecx);
  cpu_brand(brand);
  u32 family = one.eax >> 8 & 15, model = one.eax >> 4 & 15;
  if (family == 15 || family == 6) model |= one.eax >> 12 & 0xF0;
  if (family == 15) family += one.eax >> 20 & 0xFF;
  kprintf("vendor        %s\n", vendor);
  kprintf("brand         %s\n", brand);
  kprintf("signature     family %u, model %u, stepping %u; highest leaves %x and %x\n", family, model, one.eax & 15, base.eax,
          cpuid(0x80000000).eax);
  if (cpuid(0x80000000).eax >= 0x80000008) {
    u32 sizes = cpuid(0x80000008).eax;
    kprintf("addresses     %u bits physical, %u bits virtual\n", sizes & 0xFF, sizes >> 8 & 0xFF);
  }
  kprintf("clock         %lu.%02lu MHz, %s\n", tsc_hz / 1000000, tsc_hz / 10000 % 100,
          tsc_from_cpuid ? "as the hypervisor says" : "measured against the 8254 timer");
  kprintf("features     ");
  column = 13;
  LIST(one.edx, leaf1_edx);
  LIST(one.ecx, leaf1_ecx);
  if (base.eax >= 7) LIST(cpuid(7).ebx, leaf7_ebx);
  LIST(extended.edx, extended_edx);
  LIST(extended.ecx, extended_ecx);
  kprintf("\n");
  if (one.ecx & 1u << 31) {
    struct cpuid r = cpuid(0x40000000);
    put(hypervisor, r.ebx);
    put(hypervisor + 4, r.ecx);
    put(hypervisor + 8, r.edx);
    kprintf("hypervisor    %s, highest leaf %x\n", hypervisor[0] ? hypervisor : "without a name", r.eax);
  } else {
    kprintf("hypervisor    does not say that it is there\n");
  }
  kprintf("control       CR0 %08lx  CR4 %08lx  EFER %04lx\n", read_cr0(), read_cr4(), rdmsr(0xC0000080));
}
