// Tasks: the shell in ring 0 and up to seven programs in ring 3, each in an address space of its own. Round robin with a quantum of
// one tick among programs; the kernel itself is never pre-empted. When nothing can run the processor halts, and the tick stops too
// unless somebody sleeps. The network's work is done within interrupts; the shell waits for it in TASK_WAIT_NET.
#include "kernel.h"

enum { KERNEL_STACK = 8192 };

struct task tasks[TASKS];
struct task *current = &tasks[0];
u32 foreground;
volatile bool power_button;
static bool reschedule;
static u8 kernel_stacks[TASKS][KERNEL_STACK] __attribute__((aligned(16)));
static u32 next_id = 1;

extern u8 frame_return[];
extern u8 boot_stack_top[];
void switch_stack(u64 *saved_rsp, u64 next_rsp);

void tasks_init(void) {
  tasks[0].state = TASK_READY;
  tasks[0].name = "shell";
  tasks[0].pml4 = read_cr3();
  set_kernel_stack((u64)boot_stack_top);
}

const struct program *program_find(const char *name) {
  for (u64 i = 0; i < program_count; i++)
    if (strcmp(programs[i].name, name) == 0) return &programs[i];
  return NULL;
}

static struct task *pick(void) {
  if (tasks[0].state == TASK_READY) return &tasks[0];
  u64 here = (u64)(current - tasks);
  for (u64 i = 1; i <= TASKS; i++)
    if (tasks[(here + i) % TASKS].state == TASK_READY) return &tasks[(here + i) % TASKS];
  return NULL;
}

static bool anyone_sleeps(void) {
  for (u32 i = 0; i < TASKS; i++)
    if (tasks[i].state == TASK_SLEEP) return true;
  return false;
}

// Interrupts are off, here and on return.
static void schedule(void) {
  struct task *next;
  reschedule = false;
  while (!(next = pick())) {
    console_flush();
    if (anyone_sleeps() || timer_needs_tick()) tick_start();
    else tick_stop();
    wait_for_interrupt();
  }
  if (next != &tasks[0]) tick_start();
  if (next == current) return;
  struct task *previous = current;
  current = next;
  u64 index = (u64)(next - tasks);
  set_kernel_stack(index == 0 ? (u64)boot_stack_top : (u64)(kernel_stacks[index] + KERNEL_STACK));
  write_cr3(next->pml4);
  switch_stack(&previous->kernel_rsp, next->kernel_rsp);
}

void task_block(enum task_state state) {
  current->state = state;
  schedule();
}

void task_wake(struct task *task) {
  if (task->state == TASK_NONE || task->state == TASK_ENDED || task->state == TASK_READY) return;
  task->state = TASK_READY;
  reschedule = true;
}

void task_stop(struct task *task) {
  task->stop = true;
  task_wake(task);
}

void before_user(void) {
  if (current->stop) task_exit(130);
  if (reschedule) schedule();
  if (current->stop) task_exit(130);
}

void tasks_tick(bool from_user) {
  tick_count++;
  if (from_user) current->ticks++;
  u64 now = now_ns();
  for (u32 i = 0; i < TASKS; i++)
    if (tasks[i].state == TASK_SLEEP && tasks[i].wake_ns <= now) task_wake(&tasks[i]);
  timer_tick();
  reschedule = true;
  console_flush();
}

void task_exit(i32 code) {
  interrupts_off();
  current->exit_code = code;
  current->state = TASK_ENDED;
  if (&tasks[foreground] == current) foreground = 0;
  task_wake(&tasks[0]); // it frees our address space, which is still in use here
  schedule();
  panic("an ended task was run again", NULL);
}

bool task_reap(void) {
  bool announced = net_announce();
  for (u32 i = 1; i < TASKS; i++) {
    struct task *task = &tasks[i];
    if (task->state != TASK_ENDED) continue;
    if (task->background) {
      kprintf("\r\x1b[K[%u] %s ended, code %d\n", task->id, task->name, task->exit_code);
      announced = true;
    }
    address_space_free(task->pml4);
    task->state = TASK_NONE;
  }
  return announced;
}

struct elf_header {
  u8 ident[16];
  u16 type, machine;
  u32 version;
  u64 entry, program_headers, section_headers;
  u32 flags;
  u16 header_size, program_header_size, program_header_count;
};
struct elf_segment {
  u32 type, flags;
  u64 offset, address, physical, file_size, memory_size, align;
};

static bool load_segment(u64 pml4, const u8 *image, const struct elf_segment *segment) {
  u64 flags = PTE_USER | (segment->flags & 2 ? PTE_WRITE : 0) | (segment->flags & 1 ? 0 : pte_nx);
  u64 end = segment->address + segment->memory_size, file_end = segment->address + segment->file_size;
  for (u64 page = segment->address & ~(PAGE - 1); page < end; page += PAGE) {
    u64 frame = frame_alloc();
    if (!frame) return false;
    if (!map_page(pml4, page, frame, flags)) {
      frame_free(frame);
      return false;
    }
    u64 from = page < segment->address ? segment->address : page;
    u64 to = page + PAGE < file_end ? page + PAGE : file_end;
    if (from < to) memcpy((u8 *)phys_ptr(frame) + (from - page), image + segment->offset + (from - segment->address), to - from);
  }
  return true;
}

static bool load(u64 pml4, const struct program *program, const char *arguments, u64 *entry, u64 *argument_address) {
  const struct elf_header *elf = (const struct elf_header *)program->start;
  *entry = elf->entry;
  for (u32 i = 0; i < elf->program_header_count; i++) {
    const struct elf_segment *segment = (const struct elf_segment *)(program->start + elf->program_headers) + i;
    if (segment->type == 1 && segment->memory_size && !load_segment(pml4, program->start, segment)) return false;
  }
  u64 frame = 0;
  for (u64 i = 1; i <= USER_STACK_PAGES; i++) {
    u64 stack = frame_alloc();
    if (!stack) return false;
    if (!map_page(pml4, USER_STACK_TOP - i * PAGE, stack, PTE_USER | PTE_WRITE | pte_nx)) {
      frame_free(stack);
      return false;
    }
    if (i == 1) frame = stack;
  }
  u64 length = strlen(arguments) + 1;
  memcpy((u8 *)phys_ptr(frame) + PAGE - LINE_MAX, arguments, length < LINE_MAX ? length : LINE_MAX);
  *argument_address = USER_STACK_TOP - LINE_MAX;
  return true;
}

i32 task_run(const struct program *program, const char *arguments, bool background) {
  task_reap();
  u32 index = 1;
  while (index < TASKS && tasks[index].state != TASK_NONE) index++;
  if (index == TASKS) {
    kprintf("No free task: %u programs run already.\n", TASKS - 1);
    return -1;
  }
  u64 pml4 = address_space_new(), entry, argument_address;
  if (!pml4 || !load(pml4, program, arguments, &entry, &argument_address)) {
    if (pml4) address_space_free(pml4);
    kprintf("Not enough memory to run %s.\n", program->name);
    return -1;
  }
  struct frame *frame = (struct frame *)(kernel_stacks[index] + KERNEL_STACK) - 1;
  *frame = (struct frame){.rip = entry, .cs = 0x23, .rflags = 0x202, .rsp = argument_address - 8, .ss = 0x1B, .rdi = argument_address};
  u64 *stack = (u64 *)frame;
  *--stack = (u64)frame_return;
  for (u32 i = 0; i < 6; i++) *--stack = 0; // what switch_stack pops
  interrupts_off();
  tasks[index] = (struct task){.state = TASK_READY, .kernel_rsp = (u64)stack, .pml4 = pml4, .heap_end = USER_HEAP, .id = next_id++,
                               .name = program->name, .background = background};
  i32 code = 0;
  if (background) {
    kprintf("[%u] %s runs in the background\n", tasks[index].id, program->name);
  } else {
    foreground = index;
    while (tasks[index].state != TASK_ENDED) {
      task_block(TASK_WAIT_TASK);
      if (power_button) power_button_pressed();
    }
    if (tasks[index].stop) kprintf("^C\n");
    console_tidy();
    code = tasks[index].exit_code;
  }
  task_reap();
  interrupts_on();
  return code;
}
