// Linux bzImage by its 16-, 32- and 64-bit boot protocols (Documentation/arch/x86/boot.rst, zero-page.rst), 2.02 and later.
// The 32- and 64-bit protocols start the kernel without any firmware. The 16-bit protocol runs the kernel's real-mode code, which
// calls BIOS services: it is used only where asked for, on a machine with a system BIOS. Not handled: zImage, setup_data.
import { ByteView, cString } from "./byte-view.ts";
import { enterLong64, enterProtected32, takeLow } from "./entry-memory.ts";
import { CR0_ET, type EntryDisplay, type EntryState, noRegisters, type SegmentState } from "./entry-state.ts";
import { formatMiB, KernelError } from "./kernel-error.ts";
import { putScreenInfo, requestedDisplay } from "./linux-video.ts";
import type { LoadJob } from "./load-options.ts";
import { HIGH_MEMORY } from "./memory-map.ts";
import { checkPlace, writeParts } from "./write-image.ts";

const HEADER = 0x1f1;
/** Boot sector and one sector of setup code: less is no kernel of any version. */
const SHORTEST = 0x400;
const SECTOR = 512;
const LOADED_HIGH = 0x01;
const CAN_USE_HEAP = 0x80;
const XLF_KERNEL_64 = 0x01;
const ENTRY64_OFFSET = 0x200;
/** type_of_loader: not one that Linux has given a number. */
const LOADER_UNKNOWN = 0xff;
/** Real-mode code, its stack and heap, and the command line after them, in segment 9000h. */
const SETUP_BASE = 0x90000;
const SETUP_HEAP_END = 0xe000;
const SETUP_COMMAND_LINE_BYTES = 0x1000;

interface LinuxHeader {
  version: number;
  setupBytes: number;
  initrdEnd: number;
  isRelocatable: boolean;
  has64BitEntry: boolean;
  commandLineBytes: number;
  /** Where the protected-mode code goes. */
  loadAddress: number;
  /** What the kernel needs while it unpacks itself. */
  workBase: number;
  workBytes: number;
}

export function isLinux(view: ByteView): boolean {
  return view.u32(0x202) === 0x53726448 && view.u16(0x1fe) === 0xaa55;
}

export function loadLinux(job: LoadJob): EntryState {
  const { image, options } = job;
  const view = new ByteView(image.kernel);
  const header = parseHeader(view, image.name);
  const commandLine = cString(image.append);
  if (commandLine.length - 1 > header.commandLineBytes) {
    const length = commandLine.length - 1;
    throw new KernelError("badRequest", `The command line has ${length} bytes; ${image.name} takes ${header.commandLineBytes}`);
  }
  if (image.modules.length > 0) {
    throw new KernelError("badRequest", `${image.name} is a Linux kernel, which takes an initial RAM disk but no modules`);
  }
  placeKernel(job, view, header);
  const initrd = placeInitrd(job, header);
  const protocol = choose(job, header);
  if (protocol === "real") return enterReal(job, view, header, commandLine, initrd);
  const display = requestedDisplay(image.append, options);
  const bootParams = writeBootParams(job, view, commandLine, initrd, display);
  if (protocol === "long64") {
    return enterLong64(job.memory, job.placement, { registers: { rip: header.loadAddress + ENTRY64_OFFSET, rsi: bootParams }, display });
  }
  return enterProtected32(job.memory, job.placement, { registers: { rip: header.loadAddress, rsi: bootParams }, display });
}

function parseHeader(view: ByteView, name: string): LinuxHeader {
  const refuse = (why: string): never => {
    throw new KernelError("notAKernel", `${name} is a Linux kernel that cannot be started: ${why}`);
  };
  if (view.length < SHORTEST) refuse("the file ends within its header (is it truncated?)");
  const version = view.u16(0x206);
  if (version < 0x202) {
    refuse(`its boot protocol is ${version >> 8}.${String(version & 0xff).padStart(2, "0")}, and 2.02 or later is needed`);
  }
  if ((view.u8(0x211) & LOADED_HIGH) === 0) refuse("it is a zImage, which loads below 640 KiB");
  const setupBytes = ((view.u8(0x1f1) || 4) + 1) * SECTOR;
  const payloadBytes = view.length - setupBytes;
  const paragraphs = version >= 0x204 ? view.u32(0x1f4) : view.u16(0x1f4);
  if (payloadBytes <= ENTRY64_OFFSET || (version >= 0x204 && payloadBytes + 15 < paragraphs * 16)) {
    refuse(`the file has ${view.length} bytes and should have ${setupBytes + paragraphs * 16} (is it truncated?)`);
  }
  const isRelocatable = version >= 0x205 && view.u8(0x234) !== 0;
  const preferred = version >= 0x20a ? view.u64(0x258) : HIGH_MEMORY;
  const loadAddress = isRelocatable ? preferred : HIGH_MEMORY;
  return {
    version,
    setupBytes,
    initrdEnd: version >= 0x203 ? view.u32(0x22c) + 1 : 0x38000000,
    isRelocatable,
    has64BitEntry: version >= 0x20c && (view.u16(0x236) & XLF_KERNEL_64) !== 0,
    commandLineBytes: version >= 0x206 ? view.u32(0x238) : 255,
    loadAddress,
    workBase: Math.max(loadAddress, preferred),
    workBytes: version >= 0x20a ? view.u32(0x260) : 0,
  };
}

function choose(job: LoadJob, header: LinuxHeader): "real" | "protected32" | "long64" {
  const { options, image } = job;
  const asked = options.linuxProtocol ?? "auto";
  const can64 = header.has64BitEntry && options.hasLongMode;
  if (asked === "auto") return can64 ? "long64" : "protected32";
  if (asked === "long64" && !can64) {
    const why = options.hasLongMode ? "has no 64-bit entry point" : "would need a 64-bit processor for its 64-bit entry point";
    throw new KernelError("badRequest", `${image.name} ${why}`);
  }
  return asked;
}

function placeKernel(job: LoadJob, view: ByteView, header: LinuxHeader): void {
  const data = view.bytes.subarray(header.setupBytes);
  checkPlace(job, header.workBase, header.workBytes);
  writeParts(job, [{ base: header.loadAddress, data, memoryBytes: data.length }]);
  job.placement.take(header.workBase, header.workBytes);
}

/** As high as the kernel can reach it. */
function placeInitrd(job: LoadJob, header: LinuxHeader): { base: number; length: number } {
  const { initrd, name } = job.image;
  if (!initrd || initrd.length === 0) return { base: 0, length: 0 };
  const base = job.placement.takeHighest(initrd.length, 0x1000, header.initrdEnd);
  if (base === null || base < HIGH_MEMORY) {
    throw new KernelError(
      "initrdTooLarge",
      `The initial RAM disk (${formatMiB(initrd.length)}) does not fit in memory: ` +
        `beside ${name}, ${formatMiB(roomFor(job, header))} are left for it`,
    );
  }
  job.memory.write(base, initrd);
  return { base, length: initrd.length };
}

function roomFor(job: LoadJob, header: LinuxHeader): number {
  return Math.max(0, Math.min(job.placement.end, header.initrdEnd) - (header.workBase + header.workBytes));
}

/** The setup header as the file has it, cut off where it says that it ends. */
function copySetupHeader(view: ByteView, into: ByteView): void {
  const end = Math.min(0x202 + view.u8(0x201), view.length);
  into.bytes.set(view.bytes.subarray(HEADER, end), HEADER);
}

function fillSetupHeader(params: ByteView, commandLineAt: number, initrd: { base: number; length: number }): void {
  params.put8(0x210, LOADER_UNKNOWN);
  params.put32(0x218, initrd.base);
  params.put32(0x21c, initrd.length);
  params.put32(0x228, commandLineAt);
}

function writeBootParams(
  job: LoadJob,
  view: ByteView,
  commandLine: Uint8Array,
  initrd: { base: number; length: number },
  display: EntryDisplay,
): number {
  const { memory, placement, options } = job;
  const params = new ByteView(new Uint8Array(0x1000));
  copySetupHeader(view, params);
  const base = takeLow(placement, params.length);
  const commandLineAt = takeLow(placement, commandLine.length);
  fillSetupHeader(params, commandLineAt, initrd);
  putScreenInfo(params, display, options);
  params.put16(0x02, Math.min(placement.end - HIGH_MEMORY, 0x3fffc00) / 1024); // ext_mem_k
  params.put32(0x1e0, (placement.end - HIGH_MEMORY) / 1024); // alt_mem_k
  params.put64(0x70, options.rsdp);
  params.put8(0x1e8, options.map.length);
  options.map.forEach((range, i) => {
    params.put64(0x2d0 + 20 * i, range.base);
    params.put64(0x2d8 + 20 * i, range.length);
    params.put32(0x2e0 + 20 * i, range.type);
  });
  memory.write(base, params.bytes);
  memory.write(commandLineAt, commandLine);
  return base;
}

function enterReal(
  job: LoadJob,
  view: ByteView,
  header: LinuxHeader,
  commandLine: Uint8Array,
  initrd: { base: number; length: number },
): EntryState {
  const setup = new ByteView(Uint8Array.from(view.bytes.subarray(0, header.setupBytes)));
  if (setup.length > 0x8000 || commandLine.length > SETUP_COMMAND_LINE_BYTES) {
    throw new KernelError("notAKernel", `${job.image.name} cannot be started in real mode: its setup code or command line is too long`);
  }
  fillSetupHeader(setup, SETUP_BASE + SETUP_HEAP_END, initrd);
  setup.put16(0x1fa, 0xffff); // video mode: normal
  setup.put8(0x211, setup.u8(0x211) | CAN_USE_HEAP);
  setup.put16(0x224, SETUP_HEAP_END - 0x200);
  job.memory.write(SETUP_BASE, setup.bytes);
  job.memory.write(SETUP_BASE + SETUP_HEAP_END, commandLine);
  const at = (paragraph: number, flags: number): SegmentState => ({ selector: paragraph, base: paragraph * 16, limit: 0xffff, flags });
  const data = at(SETUP_BASE / 16, 0x93);
  return {
    mode: "real",
    registers: { ...noRegisters(), rsp: SETUP_HEAP_END },
    segments: { cs: at(SETUP_BASE / 16 + 0x20, 0x9b), ds: data, es: data, fs: data, gs: data, ss: data, tr: { ...at(0, 0x8b) } },
    gdt: { base: 0, limit: 0xffff },
    idt: { base: 0, limit: 0x3ff },
    cr0: CR0_ET,
    cr3: 0,
    cr4: 0,
    efer: 0,
    display: { kind: "text" },
  };
}
