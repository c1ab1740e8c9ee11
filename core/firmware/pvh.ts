// Kernels with a PVH entry point (Xen: docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/start_info.h): an ELF file whose note
// XEN_ELFNOTE_PHYS32_ENTRY gives a 32-bit entry address; EBX points at hvm_start_info. An uncompressed Linux vmlinux is one.
import { ByteView, cString } from "./byte-view.ts";
import { type ElfFile, type ElfSegment, findNote, loadSegments, PT_LOAD } from "./elf.ts";
import { enterProtected32, takeLow } from "./entry-memory.ts";
import type { EntryState } from "./entry-state.ts";
import { KernelError } from "./kernel-error.ts";
import { InfoBlock, type LoadJob, placeModules } from "./load-options.ts";

const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const START_MAGIC = 0x336ec578;
const START_BYTES = 56;
const MODULE_BYTES = 32;
const MAP_ENTRY_BYTES = 24;

/** The entry address, or null if the file has no PVH note. */
export function pvhEntry(view: ByteView, elf: ElfFile): number | null {
  const note = findNote(view, elf, "Xen", XEN_ELFNOTE_PHYS32_ENTRY);
  if (!note || (note.length !== 4 && note.length !== 8)) return null;
  return note.length === 8 ? view.u64(note.offset) : view.u32(note.offset);
}

export function loadPvh(job: LoadJob, view: ByteView, elf: ElfFile, entry: number): EntryState {
  const { image, memory, placement, options } = job;
  const holdsEntry = ({ physical, memoryBytes }: ElfSegment): boolean => entry >= physical && entry < physical + memoryBytes;
  if (!elf.segments.some((segment) => segment.type === PT_LOAD && holdsEntry(segment))) {
    throw new KernelError("notAKernel", `${image.name} cannot be loaded: its PVH entry point lies outside what it loads`);
  }
  loadSegments(job, view, elf);
  const modules = placeModules(job);
  const block = new InfoBlock();
  const start = new ByteView(new Uint8Array(START_BYTES));
  block.add(start.bytes);
  const commandLine = block.add(cString(image.append));
  const moduleStrings = modules.map((module) => block.add(cString(module.commandLine)));
  const moduleList = new ByteView(new Uint8Array(MODULE_BYTES * modules.length));
  const moduleListAt = block.add(moduleList.bytes);
  const map = new ByteView(new Uint8Array(MAP_ENTRY_BYTES * options.map.length));
  const mapAt = block.add(map.bytes);
  const base = takeLow(placement, block.sizeBytes);

  modules.forEach((module, i) => {
    moduleList.put64(MODULE_BYTES * i, module.base);
    moduleList.put64(MODULE_BYTES * i + 8, module.length);
    moduleList.put64(MODULE_BYTES * i + 16, module.commandLine === "" ? 0 : base + (moduleStrings[i] ?? 0));
  });
  options.map.forEach((range, i) => {
    map.put64(MAP_ENTRY_BYTES * i, range.base);
    map.put64(MAP_ENTRY_BYTES * i + 8, range.length);
    map.put32(MAP_ENTRY_BYTES * i + 16, range.type);
  });
  start.put32(0, START_MAGIC);
  start.put32(4, 1); // version
  start.put32(12, modules.length);
  start.put64(16, modules.length > 0 ? base + moduleListAt : 0);
  start.put64(24, base + commandLine);
  start.put64(32, options.rsdp);
  start.put64(40, base + mapAt);
  start.put32(48, options.map.length);

  memory.write(base, block.bytes());
  return enterProtected32(memory, placement, { registers: { rip: entry, rbx: base }, display: { kind: "text" } });
}
