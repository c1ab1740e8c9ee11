// The commands of the kernel; the larger ones have files of their own (command-*.c).
#include "kernel.h"

static void list_commands(enum command_group group) {
  for (u64 i = 0; i < command_count; i++) {
    const struct command *c = &commands[i];
    if (c->group != group) continue;
    kprintf("  \x1b[96m%-9s\x1b[0m %-12s %s", c->name, c->arguments, strlen(c->arguments) > 12 ? "\n                         " : "");
    kprintf("%s\n", c->help);
  }
}

static void command_help(const char *arguments) {
  if (strcmp(arguments, "net") == 0) {
    kprintf("\x1b[97mCommands of the network\x1b[0m\n");
    list_commands(GROUP_NETWORK);
    kprintf("A HOST is an address or a name; Ctrl-C ends what takes long.\n");
    return;
  }
  kprintf("\x1b[97mCommands\x1b[0m\n");
  list_commands(GROUP_GENERAL);
  kprintf("Commands of the network: \x1b[96mhelp net\x1b[0m. Programs are commands too: \x1b[96mrun\x1b[0m lists them.\n"
          "Arrows, Tab, Ctrl-C work.\n");
}

static void command_ring(const char *arguments) {
  kprintf("The kernel runs in ring %u: CS %04x, CR0 %08lx, CR3 %08lx, CR4 %08lx.\n", read_cs() & 3, read_cs(), read_cr0(), read_cr3(),
          read_cr4());
  i32 allowed = task_run(program_find("intruder"), arguments, false);
  kprintf("Back in ring %u: %s\n", read_cs() & 3,
          allowed == 0 ? "the system goes on as if nothing had happened." : "\x1b[91mnot everything was as it must be.\x1b[0m");
}

static void size(u64 bytes) {
  if (bytes >= 10UL << 20) kprintf("%8lu MiB", bytes >> 20);
  else kprintf("%8lu KiB", bytes >> 10);
}

static void command_mem(const char *arguments) {
  (void)arguments;
  static const char *const kinds[] = {"unknown", "usable", "reserved", "ACPI tables", "ACPI saved", "bad"};
  kprintf("\x1b[97mMemory map\x1b[0m from %s\n", boot_loader_name[0] ? boot_loader_name : "the Multiboot loader");
  for (u32 i = 0; i < region_count; i++) {
    kprintf("  %012lx-%012lx ", regions[i].base, regions[i].end - 1);
    size(regions[i].end - regions[i].base);
    kprintf("  %s\n", kinds[regions[i].type <= REGION_BAD ? regions[i].type : 0]);
  }
  kprintf("\x1b[97mFrames\x1b[0m of 4 KiB: %lu in all, %lu used, %lu free (%lu MiB)\n", frames_total(), frames_used(),
          frames_total() - frames_used(), (frames_total() - frames_used()) >> 8);
  struct page_counts counts;
  page_count(&counts);
  kprintf("\x1b[97mPage tables\x1b[0m, 4 levels at CR3 %lx: %lu tables; pages: %lu of 4 KiB, %lu of 2 MiB\n", read_cr3(), counts.tables,
          counts.small, counts.large);
  kprintf("  %016lx  kernel code, %lu KiB, read-only\n", (u64)text_start, (u64)(rodata_start - text_start) >> 10);
  kprintf("  %016lx  kernel constants and programs, %lu KiB, read-only, no execute\n", (u64)rodata_start,
          (u64)(data_start - rodata_start) >> 10);
  kprintf("  %016lx  kernel data, %lu KiB, no execute\n", (u64)data_start, (u64)(kernel_end - data_start) >> 10);
  kprintf("  %016lx  all of physical memory, 2 MiB pages, no execute\n", DIRECT_MAP);
  kprintf("  %016lx  a program: code, data; heap from %lx; stack below %lx\n", USER_TEXT, USER_HEAP, USER_STACK_TOP);
}

static void command_uptime(const char *arguments) {
  (void)arguments;
  u64 ms = now_ns() / 1000000;
  kprintf("Up %lu h %02lu min %02lu.%03lu s; %lu interrupts, %lu of them ticks (100 Hz, stopped when idle).\n", ms / 3600000,
          ms / 60000 % 60, ms / 1000 % 60, ms % 1000, interrupt_count, tick_count);
}

static void command_date(const char *arguments) {
  (void)arguments;
  static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  struct date d;
  if (!rtc_read(&d)) kprintf("The real-time clock gives no valid date.\n");
  else kprintf("%s %04u-%02u-%02u %02u:%02u:%02u\n", days[d.weekday], d.year, d.month, d.day, d.hour, d.minute, d.second);
}

static void command_ps(const char *arguments) {
  (void)arguments;
  static const char *const states[] = {"", "ready", "waits for a key", "waits", "sleeps", "waits for net", "ended"};
  kprintf("   ID  RING  STATE            CPU        NAME\n");
  for (u32 i = 0; i < TASKS; i++) {
    const struct task *t = &tasks[i];
    if (t->state == TASK_NONE) continue;
    kprintf("%5u  %4u  %-15s  %3lu.%02lu s   %s\n", t->id, i == 0 ? 0 : 3, t == current ? "runs" : states[t->state], t->ticks / 100,
            t->ticks % 100, t->name);
  }
}

static void command_kill(const char *arguments) {
  u64 id;
  if (!parse_u64(arguments, &id)) {
    kprintf("Which program? Say kill ID; ps shows the IDs.\n");
    return;
  }
  for (u32 i = 1; i < TASKS; i++) {
    if (tasks[i].state == TASK_NONE || tasks[i].id != id) continue;
    bool on = interrupts_save();
    task_stop(&tasks[i]);
    interrupts_restore(on);
    return;
  }
  kprintf("No program has the ID %lu.\n", id);
}

static void command_run(const char *arguments) {
  (void)arguments; // with a name it is handled by the shell
  kprintf("\x1b[97mPrograms\x1b[0m, each in ring 3 and an address space of its own:\n");
  for (u64 i = 0; i < program_count; i++) kprintf("  \x1b[96m%-11s\x1b[0m %s\n", programs[i].name, programs[i].description);
  kprintf("Add & to run one in the background; Ctrl-C ends the one in front.\n");
}

static void command_echo(const char *arguments) { kprintf("%s\n", arguments); }

static void command_clear(const char *arguments) {
  (void)arguments;
  kprintf("\x1b[2J\x1b[H");
}

static void command_color(const char *arguments) {
  static const char *const names[] = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"};
  u64 number;
  if (strcmp(arguments, "off") == 0 || strcmp(arguments, "default") == 0) {
    bool repaint = console_base() >> 4 != 0;
    console_set_base(7, 0);
    kprintf(repaint ? "\x1b[0m\x1b[2J\x1b[H" : "\x1b[0m");
    return;
  }
  for (u8 i = 0; i < 8; i++) {
    if (strcmp(arguments, names[i]) != 0) continue;
    console_set_base((u8)(i == 0 ? 8 : i == 7 ? 7 : i + 8), console_base() >> 4);
    kprintf("\x1b[0m");
    return;
  }
  if (parse_u64(arguments, &number) && number < 8) {
    console_set_base((u8)(number == 7 ? 0 : 15), (u8)number);
    kprintf("\x1b[0m\x1b[2J\x1b[H");
    return;
  }
  for (u32 i = 0; i < 16; i++) kprintf("\x1b[%um  %2u  \x1b[0m%s", (i < 8 ? 40 : 92) + i, i, i % 8 == 7 ? "\n" : "");
  kprintf("color NAME changes the text:");
  for (u32 i = 0; i < 8; i++) kprintf(" %s", names[i]);
  kprintf("\ncolor 0-7 changes the background; color off goes back.\n");
}

static void command_crash(const char *arguments) {
  (void)arguments;
  kprintf("\x1b[93mCrashing on purpose.\x1b[0m The interrupt descriptor table is emptied and INT3 executed: the breakpoint finds no\n"
          "gate, nor does the #GP for that, nor the double fault for that. The processor shuts down: a triple fault.\n");
  console_flush();
  interrupts_off();
  load_null_idt();
  __asm__ volatile("int3");
}

static void command_panic(const char *arguments) {
  (void)arguments;
  kprintf("The kernel reads address 10h, where nothing is mapped.\n");
  u64 value;
  __asm__ volatile("mov 0x10, %0" : "=r"(value));
}

static void command_reboot(const char *arguments) {
  (void)arguments;
  kprintf("Restarting.\n");
  reboot();
}

static void command_poweroff(const char *arguments) {
  (void)arguments;
  kprintf("Powering off.\n");
  power_off();
}

static void command_about(const char *arguments) {
  (void)arguments;
  kprintf("\x1b[1;97mRingfence demo\x1b[0m 1.0, the demonstration system of Ringfence. Apache-2.0.\n"
          "Long mode, 4-level paging, programs in ring 3 behind SYSCALL, pre-emptive tasks, TCP/IP, ACPI power button.\n"
          "Devices: VGA text, 8042 keyboard, 16550 serial port, 8259A, 8254, MC146818 clock, virtio-net.\n");
  kprintf("Started by %s%s%s\n", boot_loader_name[0] ? boot_loader_name : "a Multiboot loader", boot_command_line[0] ? " with: " : "",
          boot_command_line);
}

const struct command commands[] = {
    {"help", "[net]", "this list, or that of the network's commands", command_help, GROUP_GENERAL},
    {"ring", "[all]", "which ring runs what, and what ring 3 is refused", command_ring, GROUP_GENERAL},
    {"mem", "", "memory map, frames and page tables", command_mem, GROUP_GENERAL},
    {"cpu", "", "what the processor says about itself", command_cpu, GROUP_GENERAL},
    {"bench", "", "how fast it is (about two seconds)", command_bench, GROUP_GENERAL},
    {"uptime", "", "time since start, interrupts", command_uptime, GROUP_GENERAL},
    {"date", "", "the real-time clock", command_date, GROUP_GENERAL},
    {"run", "[NAME ...]", "the programs, or run one", command_run, GROUP_GENERAL},
    {"ps", "", "what is running", command_ps, GROUP_GENERAL},
    {"kill", "ID", "end a program", command_kill, GROUP_GENERAL},
    {"echo", "TEXT", "print the text", command_echo, GROUP_GENERAL},
    {"clear", "", "empty the screen", command_clear, GROUP_GENERAL},
    {"color", "[NAME|0-7]", "colours of text and background", command_color, GROUP_GENERAL},
    {"net", "", "the network card: link, addresses, counters (also: ifconfig)", command_net, GROUP_NETWORK},
    {"ifconfig", "", "", command_net, GROUP_ALIAS},
    {"dhcp", "", "ask for an address again", command_dhcp, GROUP_NETWORK},
    {"arp", "", "neighbours and their hardware addresses", command_arp, GROUP_NETWORK},
    {"ping", "HOST [COUNT [MS]]", "round trips; MS 0: at once, only the summary", command_ping, GROUP_NETWORK},
    {"http", "get URL|serve on|off", "fetch a page; our own pages", command_http, GROUP_NETWORK},
    {"flood", "HOST|broadcast [N [BYTES]]", "many frames, and their rate", command_flood, GROUP_NETWORK},
    {"vlan", "ID|off", "tag our frames by IEEE 802.1Q", command_vlan, GROUP_NETWORK},
    {"wait", "SECONDS|net|visitor|[gone] HOST", "until later, an address, a guest of our page, an answer, none", command_wait, GROUP_NETWORK},
    {"crash", "", "triple fault: the machine dies, its neighbours do not", command_crash, GROUP_GENERAL},
    {"panic", "", "a fault inside the kernel", command_panic, GROUP_GENERAL},
    {"reboot", "", "restart the machine", command_reboot, GROUP_GENERAL},
    {"poweroff", "", "power off by ACPI", command_poweroff, GROUP_GENERAL},
    {"about", "", "what this is", command_about, GROUP_GENERAL},
};
const u64 command_count = sizeof commands / sizeof commands[0];
