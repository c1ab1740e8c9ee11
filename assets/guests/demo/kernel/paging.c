// 4-level page tables (Intel SDM volume 3, chapter 4). Upper half, the same in every address space: the kernel image with 4 KiB
// pages (code read-only, data not executable) and a direct map of RAM with 2 MiB pages. Lower half: one program.
#include "kernel.h"

#define LARGE 0x200000UL
#define ADDRESS 0x000FFFFFFFFFF000UL

u64 pte_nx;
static u64 kernel_pml4;

void *phys_ptr(u64 physical) { return (void *)(DIRECT_MAP + physical); }

static u64 *entry_for(u64 pml4, u64 address, u32 level, bool create) {
  u64 *table = phys_ptr(pml4);
  for (u32 l = 4;; l--) {
    u64 *entry = &table[(address >> (12 + 9 * (l - 1))) & 511];
    if (l == level) return entry;
    if (!(*entry & PTE_PRESENT)) {
      u64 frame = create ? frame_alloc() : 0;
      if (!frame) return NULL;
      *entry = frame | PTE_PRESENT | PTE_WRITE | (address < USER_STACK_TOP ? PTE_USER : 0);
    } else if (*entry & PTE_LARGE) return l == 4 ? NULL : entry;
    table = phys_ptr(*entry & ADDRESS);
  }
}

bool map_page(u64 pml4, u64 address, u64 frame, u64 flags) {
  u64 *entry = entry_for(pml4, address, 1, true);
  if (!entry) return false;
  *entry = frame | flags | PTE_PRESENT;
  return true;
}

u64 translate(u64 pml4, u64 address, u64 needed_flags) {
  u64 *entry = entry_for(pml4, address, 1, false);
  if (!entry || (*entry & (needed_flags | PTE_PRESENT)) != (needed_flags | PTE_PRESENT)) return 0;
  return (*entry & ADDRESS) + (address & (PAGE - 1));
}

static bool map_large(u64 physical, u64 flags) {
  u64 *entry = entry_for(kernel_pml4, DIRECT_MAP + physical, 2, true);
  if (!entry) return false;
  if (!(*entry & PTE_PRESENT)) *entry = physical | flags | pte_nx | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
  return true;
}

void *phys_map(u64 physical, u64 length, bool device) {
  if (length > 16 * LARGE || physical + length < physical || physical + length > 1UL << 40) return NULL;
  for (u64 at = physical & ~(LARGE - 1); at < physical + length; at += LARGE)
    if (!map_large(at, device ? PTE_NOCACHE : 0)) return NULL;
  return phys_ptr(physical);
}

static void map_image(u8 *from, u8 *to, u64 flags) {
  for (u64 at = (u64)from; at < (u64)to; at += PAGE) map_page(kernel_pml4, at, at - KERNEL_BASE, flags);
}

void paging_init(void) {
  if (cpuid(0x80000001).edx & 1u << 20) {
    wrmsr(0xC0000080, rdmsr(0xC0000080) | 0x800); // EFER.NXE
    pte_nx = 1UL << 63;
  }
  kernel_pml4 = frame_alloc();
  map_image(text_start, rodata_start, 0);
  map_image(rodata_start, data_start, pte_nx);
  map_image(data_start, kernel_end, PTE_WRITE | pte_nx);
  map_large(0, 0); // firmware tables and the VGA screen, whatever the memory map says
  for (u32 i = 0; i < region_count; i++) {
    if (regions[i].type != REGION_USABLE) continue;
    u64 end = regions[i].end > 64UL << 30 ? 64UL << 30 : regions[i].end;
    for (u64 at = regions[i].base & ~(LARGE - 1); at < end; at += LARGE) map_large(at, 0);
  }
  write_cr3(kernel_pml4);
}

u64 address_space_new(void) {
  u64 pml4 = frame_alloc();
  if (pml4) memcpy((u64 *)phys_ptr(pml4) + 256, (u64 *)phys_ptr(kernel_pml4) + 256, 256 * sizeof(u64));
  return pml4;
}

static void free_table(u64 table, u32 level) {
  u64 *entries = phys_ptr(table);
  u32 count = level == 4 ? 256 : 512; // the kernel's half is shared
  for (u32 i = 0; i < count; i++) {
    if (!(entries[i] & PTE_PRESENT)) continue;
    if (level == 1) frame_free(entries[i] & ADDRESS);
    else free_table(entries[i] & ADDRESS, level - 1);
  }
  frame_free(table);
}

void address_space_free(u64 pml4) { free_table(pml4, 4); }

static void count_table(u64 table, u32 level, struct page_counts *counts) {
  const u64 *entries = phys_ptr(table);
  counts->tables++;
  for (u32 i = 0; i < 512; i++) {
    if (!(entries[i] & PTE_PRESENT)) continue;
    if (level == 1) {
      counts->small++;
      if (entries[i] & PTE_USER) counts->user++;
    } else if (entries[i] & PTE_LARGE) counts->large++;
    else count_table(entries[i] & ADDRESS, level - 1, counts);
  }
}

void page_count(struct page_counts *counts) {
  *counts = (struct page_counts){0};
  count_table(read_cr3() & ADDRESS, 4, counts);
}
