// pci.c
#pragma once
#include "kernel.h"

struct pci {
  u32 device, number;
};
u32 pci_read(struct pci function, u32 offset); // a whole register of 4 bytes
void pci_write(struct pci function, u32 offset, u32 value);
void pci_have_line_alone(struct pci function, u32 line);
bool pci_find(u32 vendor_device, struct pci *function);
u64 pci_bar(struct pci function, u32 index);
