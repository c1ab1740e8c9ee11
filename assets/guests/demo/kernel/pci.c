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

bool pci_find(u32 vendor_device, struct pci *function) {
  for (u32 device = 0; device < 32; device++) {
    for (u32 number = 0; number < 8; number++) {
      struct pci candidate = {device, number};
      u32 id = pci_read(candidate, 0);
      if (id == vendor_device) {
        *function = candidate;
        return true;
      }
      bool many = pci_read(candidate, 0x0C) >> 16 & 0x80;
      if (number == 0 && (id == ~0u || !many)) break;
    }
  }
  return false;
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
