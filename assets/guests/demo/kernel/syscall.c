// System calls: number in RAX, arguments in RDI and RSI, result in RAX. Every pointer of a program is checked page by page.
#include "kernel.h"
#include "../lib/syscalls.h"

static bool user_range(u64 address, u64 length, u64 flags) {
  if (length > USER_STACK_TOP || address > USER_STACK_TOP - length) return false;
  for (u64 page = address & ~(PAGE - 1); page < address + length; page += PAGE)
    if (!translate(current->pml4, page, PTE_USER | flags)) return false;
  return true;
}

static i64 write_text(u64 address, u64 length) {
  if (length > 65536 || !user_range(address, length, 0)) return -1;
  console_write((const char *)address, length);
  return (i64)length;
}

static i64 read_text(u64 address, u64 prompt) {
  char line[LINE_MAX], prompt_text[40] = "";
  if (!user_range(address, LINE_MAX, PTE_WRITE) || current != &tasks[foreground]) return -1;
  for (u64 i = 0; i + 1 < sizeof prompt_text && user_range(prompt + i, 1, 0); i++) {
    char c = *(const char *)(prompt + i);
    if (!c) break;
    prompt_text[i] = c >= ' ' && c < 0x7F ? c : '?';
  }
  if (!read_line(prompt_text, line, false)) return -1;
  memcpy((void *)address, line, LINE_MAX);
  return (i64)strlen(line);
}

// At most half of what is free at a time, and 256 MiB in all, so that one program does not take everything at once.
static i64 grow_heap(u64 bytes) {
  u64 start = current->heap_end, end = start + ((bytes + PAGE - 1) & ~(PAGE - 1));
  if (bytes > USER_HEAP_MAX || end > USER_HEAP + USER_HEAP_MAX) return -1;
  if ((end - start) / PAGE > (frames_total() - frames_used()) / 2) return -1;
  for (; current->heap_end < end; current->heap_end += PAGE) {
    u64 frame = frame_alloc();
    if (!frame) return -1;
    if (!map_page(current->pml4, current->heap_end, frame, PTE_USER | PTE_WRITE | pte_nx)) {
      frame_free(frame);
      return -1;
    }
  }
  return (i64)start;
}

static i64 sleep(u64 milliseconds) {
  current->wake_ns = now_ns() + (milliseconds > 3600000 ? 3600000 : milliseconds) * 1000000;
  task_block(TASK_SLEEP);
  return 0;
}

static i64 fault_info(u64 address) {
  struct fault_info info = {current->fault.vector, current->fault.error, current->fault.rip, current->fault.address, "", ""};
  const struct exception_name *name = &exception_names[info.vector & 31];
  memcpy(info.mnemonic, name->mnemonic, sizeof name->mnemonic);
  memcpy(info.name, name->name, strlen(name->name));
  if (!user_range(address, sizeof info, PTE_WRITE)) return -1;
  memcpy((void *)address, &info, sizeof info);
  return 0;
}

void syscall_dispatch(struct frame *f) {
  i64 result = -1;
  switch (f->rax) {
  case SYS_EXIT: task_exit((i32)f->rdi);
  case SYS_WRITE: result = write_text(f->rdi, f->rsi); break;
  case SYS_READ_LINE: result = read_text(f->rdi, f->rsi); break;
  case SYS_TIME: result = (i64)now_ns(); break;
  case SYS_SLEEP: result = sleep(f->rdi); break;
  case SYS_HEAP: result = grow_heap(f->rdi); break;
  case SYS_ON_FAULT:
    current->resume_rip = f->rdi < USER_STACK_TOP ? f->rdi : 0;
    result = 0;
    break;
  case SYS_FAULT_INFO: result = fault_info(f->rdi); break;
  case SYS_NOTHING: result = 0; break;
  default: break;
  }
  f->rax = (u64)result;
  before_user();
}
