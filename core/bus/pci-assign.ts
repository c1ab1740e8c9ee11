// Gives PCI functions their addresses and interrupt lines as a system firmware does before it starts an operating system. Used when
// a kernel is started without firmware.
import { type PciBus, pirqOf } from "./pci-bus.ts";

export interface PciResources {
  memory: { base: number; end: number };
  ports: { base: number; end: number };
  /** The ISA interrupt that each PIRQ line is routed to. */
  pirqIrqs: readonly [number, number, number, number];
}

/** Largest ranges first, so that natural alignment wastes nothing; equal ones in slot order. Throws RangeError if they do not fit. */
export function assignPciResources(bus: PciBus, resources: PciResources): void {
  const functions = bus.list();
  const bars = functions.flatMap(({ fn }) => (fn.spec.bars ?? []).map((bar) => ({ fn, bar })));
  const next = { memory: resources.memory.base, io: resources.ports.base };
  for (const { fn, bar } of bars.sort((a, b) => b.bar.sizeBytes - a.bar.sizeBytes)) {
    const base = Math.ceil(next[bar.space] / bar.sizeBytes) * bar.sizeBytes;
    const end = bar.space === "io" ? resources.ports.end : resources.memory.end;
    if (base + bar.sizeBytes > end) throw new RangeError(`No PCI ${bar.space} space is left for ${fn.spec.name}`);
    next[bar.space] = base + bar.sizeBytes;
    fn.writeConfig(0x10 + 4 * bar.index, 4, base);
  }
  for (const { device, fn } of functions) {
    const pin = fn.spec.interruptPin ?? 0;
    // Function interrupts with a fixed line (ACPI's SCI) say so by a reset value; they keep it.
    if (pin && fn.readConfig(0x3c, 1) === 0) fn.writeConfig(0x3c, 1, resources.pirqIrqs[pirqOf(device, pin)] ?? 0);
    const spaces = new Set((fn.spec.bars ?? []).map((bar) => bar.space));
    const enable = (spaces.has("io") ? 1 : 0) | (spaces.has("memory") ? 2 : 0);
    if (enable) fn.writeConfig(0x04, 2, fn.readConfig(0x04, 2) | enable);
  }
}
