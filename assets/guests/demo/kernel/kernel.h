// What the parts of the kernel offer each other.
#pragma once
#include "cpu.h"

#define KERNEL_BASE 0xFFFFFFFF80000000UL // the kernel image, at physical 0
#define DIRECT_MAP 0xFFFF800000000000UL  // all of physical memory
#define PAGE 4096UL
#define USER_TEXT 0x400000UL
#define USER_HEAP 0x10000000UL
#define USER_HEAP_MAX 0x10000000UL
#define USER_STACK_TOP 0x80000000UL // end of the user's address space
#define USER_STACK_PAGES 4

// Linker symbols (kernel.ld).
extern u8 text_start[], rodata_start[], data_start[], data_end[], kernel_end[], user_sections[];

// Saved registers, in the order entry.S pushes them.
struct frame {
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  u64 vector, error;
  u64 rip, cs, rflags, rsp, ss;
};

// console.c: the session, on the screen and the first serial port at once
void console_init(void);
void console_write(const char *text, u64 length);
void console_flush(void); // brings the screen up to date; called when idle, on the tick, and before anything that may not return
void console_set_base(u8 foreground, u8 background); // ANSI colour numbers 0-15 and 0-7
u8 console_base(void);                               // foreground | background << 4
int console_column(void);
void console_tidy(void); // after a program: base colours, visible cursor, a line of its own
void kprintf(const char *text, ...) __attribute__((format(printf, 1, 2)));

// serial.c
bool serial_init(void);
void serial_write(u8 byte);
void serial_irq(void);
void serial_resume(void);

// keyboard.c
void keyboard_init(void);
void keyboard_irq(void);

// input.c: keys of both sources in one queue, and the line editor. A key is ASCII (control characters included) or one of these.
enum key { KEY_UP = 0x100, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE, KEY_NOTICE, KEY_STOP };
#define LINE_MAX 256
void input_push(u16 key);
u32 input_free(void);
bool input_take(u16 *key);
bool input_waiting(void);
extern bool command_runs;          // a command of the kernel does: Ctrl-C is for it
extern volatile bool command_stop; // and has been pressed
// Reads a line (without its end) into `line` of LINE_MAX bytes. False: Ctrl-C, or the task is being ended.
bool read_line(const char *prompt, char *line, bool with_history);

// memory.c: the memory map and physical page frames
struct multiboot_info;
enum { REGION_USABLE = 1, REGION_RESERVED, REGION_ACPI, REGION_NVS, REGION_BAD };
struct region {
  u64 base, end;
  u32 type;
};
extern struct region regions[];
extern u32 region_count;
#define COMMAND_LINE_MAX 1024
extern char boot_command_line[COMMAND_LINE_MAX];
extern char boot_loader_name[64];
bool memory_init(u32 magic, u32 information);
u64 frame_alloc(void); // zeroed; 0 when there is none
void frame_free(u64 frame);
u64 frames_total(void);
u64 frames_used(void);

// paging.c
enum { PTE_PRESENT = 1, PTE_WRITE = 2, PTE_USER = 4, PTE_NOCACHE = 0x10, PTE_LARGE = 0x80, PTE_GLOBAL = 0x100 };
extern u64 pte_nx;
void paging_init(void);
void *phys_ptr(u64 physical);                                     // inside RAM
void *phys_map(u64 physical, u64 length, bool device);            // tables and device registers, mapped on demand; NULL if absurd
bool map_page(u64 pml4, u64 address, u64 frame, u64 flags);       // false: out of frames
u64 translate(u64 pml4, u64 address, u64 needed_flags);           // physical address, 0 if not mapped so
u64 address_space_new(void);
void address_space_free(u64 pml4);
struct page_counts {
  u64 tables, small, large, user;
};
void page_count(struct page_counts *counts);

// descriptors.c
void descriptors_init(void);
void set_kernel_stack(u64 top);
void load_null_idt(void);
extern u64 syscall_kernel_rsp;

// trap.c
struct exception_name {
  char mnemonic[4];
  const char *name;
};
extern const struct exception_name exception_names[32];
extern u64 interrupt_count;
void trap_dispatch(struct frame *frame);
void pic_init(void);
void irq_enable(u32 irq);
void irq_level(u32 irq);
void apic_init(void);
_Noreturn void panic(const char *reason, struct frame *frame);

// time.c
extern u64 tsc_hz;
extern u64 tick_count;
extern bool tsc_from_cpuid;
void time_init(void);
u64 now_ns(void); // since boot
void tick_start(void);
void tick_stop(void);
struct date {
  u32 year, month, day, hour, minute, second, weekday;
};
bool rtc_read(struct date *date);

// timer.c: one deadline of the network's, by the local APIC's timer or the tick
#define TIMER_VECTOR 0x30
#define NEVER (~0UL)
void timer_init(volatile u32 *apic);
void timer_set(u64 deadline_ns);
void timer_irq(void);
void timer_tick(void);
bool timer_needs_tick(void);

// task.c: task 0 is the shell (in ring 0), the others are programs in ring 3
#define TASKS 8
enum task_state { TASK_NONE, TASK_READY, TASK_WAIT_KEY, TASK_WAIT_TASK, TASK_SLEEP, TASK_WAIT_NET, TASK_ENDED };
struct fault {
  u64 vector, error, rip, address;
};
struct task {
  enum task_state state;
  u64 kernel_rsp, pml4, wake_ns, heap_end, resume_rip, ticks;
  struct fault fault;
  i32 exit_code;
  bool stop, background;
  u32 id;
  const char *name;
};
struct program {
  const char *name, *description;
  const u8 *start, *end;
};
extern const struct program programs[];
extern const u64 program_count;
extern struct task tasks[TASKS];
extern struct task *current;
extern volatile bool power_button;
extern u32 foreground; // index of the task that gets the keys
void tasks_init(void);
i32 task_run(const struct program *program, const char *arguments, bool background); // exit code, or < 0 if it could not start
void task_block(enum task_state state);
void task_wake(struct task *task);
_Noreturn void task_exit(i32 code);
bool task_reap(void); // frees ended tasks; true if a background one was announced
void task_stop(struct task *task);
void tasks_tick(bool from_user);
void before_user(void); // on every way back to ring 3
const struct program *program_find(const char *name);

// syscall.c
void syscall_entry(void);
void syscall_dispatch(struct frame *frame);

// acpi.c
extern bool acpi_present;
extern u32 acpi_sci;
void acpi_init(void);
void acpi_sci_irq(void);
u8 acpi_century_register(void);
void power_off(void); // returns only if the machine stays on
void power_button_pressed(void);
_Noreturn void reboot(void);

// net/: the network. Its work is done within interrupts, or by the shell with interrupts off.
extern u32 net_irq_line; // ~0: no card
void net_init(void);
void net_irq(void);
void net_timer(void);    // the deadline of timer_set has come
bool net_announce(void); // prints what has happened; true if something has
bool net_up(u64 wait_ms); // waits for an address; false: no card, no address in time, or Ctrl-C
void command_net(const char *arguments);
void command_dhcp(const char *arguments);
void command_arp(const char *arguments);
void command_ping(const char *arguments);
void command_wait(const char *arguments);
void command_http(const char *arguments);
void command_flood(const char *arguments);
void command_vlan(const char *arguments);

// options.c: NAME=VALUE or NAME="SOME VALUE" in the command line, where exec= takes the rest. False if it is not there.
bool boot_option(const char *name, char *value, u64 size);

// shell.c, commands.c, command-cpu.c, command-bench.c
_Noreturn void shell(void);
struct command {
  const char *name, *arguments, *help;
  void (*run)(const char *arguments);
  enum command_group { GROUP_GENERAL, GROUP_NETWORK, GROUP_ALIAS } group; // where `help` lists it
};
extern const struct command commands[];
extern const u64 command_count;
void command_bench(const char *arguments);
void command_cpu(const char *arguments);
void cpu_brand(char brand[49]);
void run_line(char *line);
