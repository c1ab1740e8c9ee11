// Start: one part after the other, the banner, the shell.
#include "kernel.h"

static void banner(void) {
  static const char *const ring[] = {
      "        \x1b[36m.-\"\"\"\"\"\"\"\"\"\"-.\x1b[0m", "      \x1b[36m.'    \x1b[96mring 3\x1b[36m    '.\x1b[0m",
      "     \x1b[36m/   \x1b[33m.-\"\"\"\"\"\"-.\x1b[36m   \\\x1b[0m", "    \x1b[36m|   \x1b[33m/          \\\x1b[36m   |\x1b[0m",
      "    \x1b[36m|  \x1b[33m|   \x1b[93mring 0\x1b[33m   |\x1b[36m  |\x1b[0m", "    \x1b[36m|   \x1b[33m\\          /\x1b[36m   |\x1b[0m",
      "     \x1b[36m\\   \x1b[33m'-......-'\x1b[36m   /\x1b[0m", "      \x1b[36m'.              .'\x1b[0m",
      "        \x1b[36m'-..........-'\x1b[0m",
  };
  char brand[49];
  cpu_brand(brand);
  kprintf("\n%s\n", ring[0]);
  kprintf("%s      \x1b[1;97mRingfence demo\x1b[0m 1.0\n", ring[1]);
  kprintf("%s       a small 64-bit system in a virtual machine\n", ring[2]);
  kprintf("%s\n", ring[3]);
  kprintf("%s      processor  %s\n", ring[4], brand);
  kprintf("%s      memory     %lu MiB free\n", ring[5], (frames_total() - frames_used()) >> 8);
  kprintf("%s       started in %lu ms\n", ring[6], now_ns() / 1000000);
  kprintf("%s\n", ring[7]);
  kprintf("%s        Type \x1b[97mhelp\x1b[0m for the commands.\n\n", ring[8]);
}

_Noreturn void kmain(u32 magic, u32 information) {
  console_init();
  bool has_memory = memory_init(magic, information);
  descriptors_init();
  if (!has_memory) panic(magic == 0x2BADB002 ? "no usable memory in the memory map" : "not started by a Multiboot loader", NULL);
  paging_init();
  tasks_init();
  pic_init();
  time_init();
  apic_init();
  acpi_init();
  net_init();
  keyboard_init();
  irq_enable(0);
  irq_enable(1);
  irq_enable(4);
  interrupts_on();
  banner();
  kprintf("Ringfence demo ready\n");
  shell();
}
