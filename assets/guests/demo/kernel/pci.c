// PCI configuration space by mechanism #1 (PCI Local Bus 2.3, 3.2.2.3), bus 0 only: what a PC without bridges has.
#include "pci.h"

static void select(struct pci function, u32 offset) { outl(0xCF8, 1u << 31 | function.device << 11 | function.number << 8 | (offset & 0xFC)); }

u32 pci_read(struct pci function, u32 offset) {
  select(function, offset);
  return inl(0xCFC);
}

void pci_write(struct pci function, u32 offset, u32 value) {
  select(function, offset);
  outl(0xCFC, value);
}

// The next function after `at` that is there; begins with the first for device 0, number -1.
static bool next_function(struct pci *at) {
  for (u32 key = at->device * 8 + at->number + 1; key < 256; key++) {
    struct pci candidate = {key / 8, key % 8};
    if (candidate.number > 0) { // only where function 0 says that there are more
      struct pci first = {candidate.device, 0};
      if (pci_read(first, 0) == ~0u || !(pci_read(first, 0x0C) >> 16 & 0x80)) continue;
    }
    if (pci_read(candidate, 0) == ~0u) continue;
    *at = candidate;
    return true;
  }
  return false;
}

bool pci_find(u32 vendor_device, struct pci *function) {
  for (struct pci at = {0, ~0u}; next_function(&at);) {
    if (pci_read(at, 0) != vendor_device) continue;
    *function = at;
    return true;
  }
  return false;
}

// Firmware may have left another function's interrupt on, which nobody here would end.
void pci_have_line_alone(struct pci function, u32 line) {
  for (struct pci at = {0, ~0u}; next_function(&at);) {
    u32 interrupt = pci_read(at, 0x3C), command = pci_read(at, 4) & 0xFFFF; // the status half is cleared by ones
    bool is_other = at.device != function.device || at.number != function.number;
    if (is_other && (interrupt & 0xFF) == line && interrupt >> 8 & 0xFF) pci_write(at, 4, command | 1u << 10);
  }
}

// Where a memory base address register points, or 0.
u64 pci_bar(struct pci function, u32 index) {
  if (index > 5) return 0;
  u32 low = pci_read(function, 0x10 + 4 * index);
  if (low & 1) return 0;
  bool wide = (low & 6) == 4;
  u64 high = wide && index < 5 ? pci_read(function, 0x14 + 4 * index) : 0;
  return high << 32 | (low & ~15u);
}
