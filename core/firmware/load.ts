// Starts a kernel without firmware: recognises its format and loads it, after leaving in memory what firmware would have left.
import type { DmaView } from "../memory/guest-memory.ts";
import { type AcpiBoard, buildAcpi, buildFacs } from "./acpi.ts";
import { ByteView } from "./byte-view.ts";
import { isElf, parseElf } from "./elf.ts";
import type { EntryState } from "./entry-state.ts";
import { formatMiB, KernelError } from "./kernel-error.ts";
import { isLinux, loadLinux } from "./linux-boot.ts";
import type { KernelImage, LoadJob, LoadOptions } from "./load-options.ts";
import { writeLowMemory } from "./low-memory.ts";
import { ACPI_BYTES, ACPI_NVS_BYTES, EBDA, type MemoryRange, memoryMap, RAM_MIN, ramEnd } from "./memory-map.ts";
import { findMultibootHeader, loadMultiboot } from "./multiboot1.ts";
import { Placement } from "./placement.ts";
import { loadPvh, pvhEntry } from "./pvh.ts";

/** Operating systems search for the RSDP here and in the first KiB of the EBDA. A Xen dom0 sees only this one: the EBDA lies in RAM
 *  that the hypervisor has given it afresh. */
const BIOS_SEGMENT = 0xf0000;
const RSDP_BYTES = 36;

export interface Board {
  ramBytes: number;
  acpi: AcpiBoard;
  hasLongMode: boolean;
  linuxProtocol?: LoadOptions["linuxProtocol"];
  framebuffer?: { base: number; sizeBytes: number };
}

/** Writes BIOS data, ACPI tables and the kernel with all that belongs to it. Throws KernelError if it cannot be started. */
export function bootDirectly(image: KernelImage, memory: DmaView, board: Board): EntryState {
  if (ramEnd(board.ramBytes) < RAM_MIN) {
    const given = formatMiB(board.ramBytes);
    throw new KernelError("notEnoughMemory", `${given} of memory are too few to start ${image.name}: it takes ${formatMiB(RAM_MIN)} at least`);
  }
  const map = memoryMap(board.ramBytes);
  writeLowMemory(memory, { comPorts: board.acpi.comPorts.map(({ base }) => base) });
  const rsdp = memory.isRam(BIOS_SEGMENT, RSDP_BYTES) ? BIOS_SEGMENT : EBDA + 0x10;
  writeAcpi(memory, board, rsdp);
  const { hasLongMode, linuxProtocol, framebuffer } = board;
  return loadKernel(image, memory, {
    map,
    rsdp,
    hasLongMode,
    ...(linuxProtocol ? { linuxProtocol } : {}),
    ...(framebuffer ? { framebuffer } : {}),
  });
}

function writeAcpi(memory: DmaView, board: Board, rsdpAt: number): void {
  const end = ramEnd(board.ramBytes);
  const facs = end - ACPI_NVS_BYTES;
  const { rsdp, tables } = buildAcpi(board.acpi, end - ACPI_BYTES, facs);
  memory.write(rsdpAt, rsdp);
  memory.write(end - ACPI_BYTES, tables);
  memory.write(facs, buildFacs());
}

/** Loads a kernel of any format that we know: Linux bzImage, Multiboot 1, PVH. Throws KernelError if it is none or does not fit. */
export function loadKernel(image: KernelImage, memory: DmaView, options: LoadOptions): EntryState {
  const view = new ByteView(image.kernel);
  const job: LoadJob = { image, memory, options, placement: new Placement(options.map) };
  if (isLinux(view)) return loadLinux(job);
  const multibootHeader = findMultibootHeader(view);
  if (multibootHeader >= 0) return loadMultiboot(job, multibootHeader);
  if (isElf(view)) {
    const elf = parseElf(view, image.name);
    const entry = pvhEntry(view, elf);
    if (entry !== null) return loadPvh(job, view, elf, entry);
    throw new KernelError("notAKernel", `${image.name} is an ELF file, but has neither a Multiboot header nor a PVH entry point`);
  }
  throw new KernelError(
    "notAKernel",
    `${image.name} is not a kernel: it is ${describe(view)}, not a Linux bzImage, a Multiboot kernel or a PVH kernel`,
  );
}

/** What a file that is no kernel is instead, where that helps. */
function describe(view: ByteView): string {
  if (view.length === 0) return "an empty file";
  if (view.u16(0) === 0x8b1f) return "compressed with gzip (unpack it first)";
  if (view.u32(0) === 0x587a37fd) return "compressed with xz (unpack it first)";
  if (view.u32(0) === 0xfd2fb528) return "compressed with zstd (unpack it first)";
  if (view.u32(0x8001) === 0x30304443) return "an ISO 9660 image";
  if (view.u16(0) === 0x5a4d) return "an EFI or DOS program";
  if (view.u16(0x1fe) === 0xaa55) return "a disk image or boot sector";
  return "in a format that is not known";
}

export type { KernelImage, MemoryRange };
