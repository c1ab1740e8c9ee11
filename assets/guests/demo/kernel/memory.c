// The Multiboot 1 information (specification 0.6.96, section 3.3: memory map, command line, loader name) and the allocator of
// 4 KiB frames: each usable region is handed out from its start, and frames given back go on a list kept in the frames themselves.
#include "kernel.h"

struct multiboot_info {
  u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
  u32 drives_length, drives_addr, config_table, boot_loader_name;
} __attribute__((packed));

struct map_entry {
  u32 size;
  u64 base, length;
  u32 type;
} __attribute__((packed));

enum { MAX_REGIONS = 32, BOOT_MAPPED = 0x40000000 };
#define MAX_RAM (64UL << 30)

struct region regions[MAX_REGIONS];
u32 region_count;
char boot_command_line[COMMAND_LINE_MAX];
char boot_loader_name[64];

static u64 next_frame[MAX_REGIONS]; // never handed out from here on, per region
static u64 free_list, total, used;

static void copy_text(char *to, u64 size, u32 from) {
  if (from == 0 || from > BOOT_MAPPED - size) return;
  const char *text = (const char *)(DIRECT_MAP + from);
  for (u64 i = 0; i + 1 < size && text[i]; i++) to[i] = text[i] >= ' ' && text[i] < 0x7F ? text[i] : '?';
}

static void add_region(u64 base, u64 length, u32 type) {
  if (length == 0 || base + length < base || region_count == MAX_REGIONS) return;
  regions[region_count++] = (struct region){base, base + length, type};
}

static u64 usable_start(const struct region *r) {
  u64 start = (r->base + PAGE - 1) & ~(PAGE - 1);
  u64 kernel = (u64)kernel_end - KERNEL_BASE;
  return start < kernel ? kernel : start; // the first MiB stays as the firmware left it
}

static u64 usable_end(const struct region *r) {
  u64 end = r->end & ~(PAGE - 1);
  return end > MAX_RAM ? MAX_RAM : end;
}

bool memory_init(u32 magic, u32 information) {
  if (magic != 0x2BADB002 || information == 0 || information > BOOT_MAPPED - PAGE) return false;
  const struct multiboot_info *info = (const struct multiboot_info *)(DIRECT_MAP + information);
  if (info->flags & 4) copy_text(boot_command_line, sizeof boot_command_line, info->cmdline);
  if (info->flags & 0x200) copy_text(boot_loader_name, sizeof boot_loader_name, info->boot_loader_name);
  if ((info->flags & 0x40) && info->mmap_length <= 0x10000 && info->mmap_addr <= BOOT_MAPPED - 0x20000) {
    for (u32 at = 0; at + sizeof(struct map_entry) <= info->mmap_length;) {
      const struct map_entry *entry = (const struct map_entry *)(DIRECT_MAP + info->mmap_addr + at);
      if (entry->size < sizeof *entry - 4 || entry->size > 0x1000) break;
      add_region(entry->base, entry->length, entry->type);
      at += entry->size + 4;
    }
  }
  if (region_count == 0 && (info->flags & 1)) {
    add_region(0, (u64)info->mem_lower << 10, REGION_USABLE);
    add_region(0x100000, (u64)info->mem_upper << 10, REGION_USABLE);
  }
  for (u32 i = 0; i < region_count; i++) {
    u64 start = usable_start(&regions[i]), end = usable_end(&regions[i]);
    next_frame[i] = start;
    if (regions[i].type == REGION_USABLE && start < end) total += (end - start) / PAGE;
  }
  return total >= 64;
}

u64 frame_alloc(void) {
  u64 frame = 0;
  if (free_list) {
    frame = free_list;
    free_list = *(u64 *)phys_ptr(frame);
  } else {
    for (u32 i = 0; i < region_count && !frame; i++) {
      if (regions[i].type != REGION_USABLE || next_frame[i] >= usable_end(&regions[i])) continue;
      frame = next_frame[i];
      next_frame[i] += PAGE;
    }
    if (!frame) return 0;
  }
  used++;
  memset(phys_ptr(frame), 0, PAGE);
  return frame;
}

void frame_free(u64 frame) {
  *(u64 *)phys_ptr(frame) = free_list;
  free_list = frame;
  used--;
}

u64 frames_total(void) { return total; }
u64 frames_used(void) { return used; }
