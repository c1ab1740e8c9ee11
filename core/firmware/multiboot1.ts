// Multiboot 1 kernels (Multiboot Specification 0.6.96): ELF, or any file by the header's address fields; modules, memory map, command
// line, framebuffer information. Not given: boot device, ELF section headers, drives, APM, VBE tables.
import { ByteView, cString } from "./byte-view.ts";
import { isElf, loadSegments, parseElf, physicalEntry } from "./elf.ts";
import { enterProtected32, takeLow } from "./entry-memory.ts";
import type { EntryDisplay, EntryState } from "./entry-state.ts";
import { KernelError } from "./kernel-error.ts";
import { componentMasks } from "./linux-video.ts";
import { fitsFramebuffer, InfoBlock, linearDisplay, type LoadJob, pitchBytes, placeModules } from "./load-options.ts";
import { EBDA, HIGH_MEMORY } from "./memory-map.ts";
import { writeParts } from "./write-image.ts";

const HEADER_MAGIC = 0x1badb002;
const LOADER_MAGIC = 0x2badb002;
const SEARCH_BYTES = 8192;
const WANTS_VIDEO = 0x04;
/** Modules on pages, memory information, video mode: the required features that exist. */
const KNOWN_REQUIRED = 0x07;
const HAS_ADDRESSES = 0x10000;
const INFO_BYTES = 116;
/** Memory sizes, command line, modules, memory map, loader name, framebuffer. */
const INFO_FLAGS = 0x01 | 0x04 | 0x08 | 0x40 | 0x200 | 0x1000;
const LOADER_NAME = "Ringfence";

/** Offset of the Multiboot header, or -1. */
export function findMultibootHeader(view: ByteView): number {
  const end = Math.min(view.length, SEARCH_BYTES) - 12;
  for (let at = 0; at <= end; at += 4) {
    if (view.u32(at) === HEADER_MAGIC && (HEADER_MAGIC + view.u32(at + 4) + view.u32(at + 8)) % 2 ** 32 === 0) return at;
  }
  return -1;
}

export function loadMultiboot(job: LoadJob, headerAt: number): EntryState {
  const view = new ByteView(job.image.kernel);
  const flags = view.u32(headerAt + 4);
  const unknown = flags & 0xffff & ~KNOWN_REQUIRED;
  if (unknown) {
    throw new KernelError("notAKernel", `${job.image.name} requires Multiboot features that do not exist (flags ${unknown.toString(16)}h)`);
  }
  const entry = flags & HAS_ADDRESSES ? loadByAddresses(job, view, headerAt) : loadElf(job, view);
  const display = flags & WANTS_VIDEO ? requestedMode(job, view, headerAt) : ({ kind: "text" } as const);
  const info = writeInfo(job, display);
  return enterProtected32(job.memory, job.placement, { registers: { rip: entry, rax: LOADER_MAGIC, rbx: info }, display });
}

function loadElf(job: LoadJob, view: ByteView): number {
  const { name } = job.image;
  if (!isElf(view)) throw new KernelError("notAKernel", `${name} has a Multiboot header, but is no ELF file and gives no load addresses`);
  const elf = parseElf(view, name);
  const entry = physicalEntry(elf, name);
  loadSegments(job, view, elf);
  return entry;
}

/** "a.out kludge": the header says where the file goes. */
function loadByAddresses(job: LoadJob, view: ByteView, headerAt: number): number {
  const [headerAddress, loadAddress, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map((offset) => view.u32(headerAt + offset)) as [
    number, number, number, number, number,
  ];
  const fileOffset = headerAt - (headerAddress - loadAddress);
  const length = loadEnd === 0 ? view.length - fileOffset : loadEnd - loadAddress;
  const memoryBytes = bssEnd === 0 ? length : bssEnd - loadAddress;
  const refuse = (why: string): never => {
    throw new KernelError("notAKernel", `${job.image.name} cannot be loaded: ${why}`);
  };
  const isSound = fileOffset >= 0 && fileOffset <= headerAt && length > 0 && memoryBytes >= length;
  if (!isSound) refuse("the addresses in its Multiboot header contradict each other");
  if (fileOffset + length > view.length) refuse("the file is shorter than its Multiboot header says");
  if (entry < loadAddress || entry >= loadAddress + memoryBytes) refuse("its entry point lies outside what it loads");
  writeParts(job, [{ base: loadAddress, data: view.bytes.subarray(fileOffset, fileOffset + length), memoryBytes }]);
  return entry;
}

/** The mode that the header asks for; 0 means no preference. A mode that the adapter has not becomes text, which kernels must expect. */
function requestedMode(job: LoadJob, view: ByteView, headerAt: number): EntryDisplay {
  const [type, width, height, depth] = [32, 36, 40, 44].map((offset) => view.u32(headerAt + offset)) as [number, number, number, number];
  const bitsPerPixel = depth === 8 || depth === 15 || depth === 16 || depth === 24 ? depth : 32;
  const display = linearDisplay(Math.ceil((width || 1024) / 8) * 8, height || 768, bitsPerPixel);
  const isReal = display.width <= 2560 && display.height <= 1600;
  return type === 0 && isReal && fitsFramebuffer(display, job.options) ? display : { kind: "text" };
}

function writeInfo(job: LoadJob, display: EntryDisplay): number {
  const { image, memory, placement, options } = job;
  const modules = placeModules(job);
  const block = new InfoBlock();
  const info = new ByteView(new Uint8Array(INFO_BYTES));
  block.add(info.bytes);
  const commandLine = block.add(cString(`${image.name} ${image.append}`.trimEnd()));
  const loaderName = block.add(cString(LOADER_NAME));
  const moduleList = new ByteView(new Uint8Array(16 * modules.length));
  const moduleStrings = modules.map((module) => block.add(cString(module.commandLine)));
  const moduleListAt = block.add(moduleList.bytes);
  const map = new ByteView(new Uint8Array(24 * options.map.length));
  const mapAt = block.add(map.bytes);
  const base = takeLow(placement, block.sizeBytes);

  modules.forEach((module, i) => {
    moduleList.put32(16 * i, module.base);
    moduleList.put32(16 * i + 4, module.base + module.length);
    moduleList.put32(16 * i + 8, base + (moduleStrings[i] ?? 0));
  });
  options.map.forEach((range, i) => {
    map.put32(24 * i, 20); // the entry's size without this field
    map.put64(24 * i + 4, range.base);
    map.put64(24 * i + 12, range.length);
    map.put32(24 * i + 20, range.type);
  });
  info.put32(0, INFO_FLAGS);
  info.put32(4, EBDA / 1024);
  info.put32(8, (placement.end - HIGH_MEMORY) / 1024);
  info.put32(16, base + commandLine);
  info.put32(20, modules.length);
  info.put32(24, base + moduleListAt);
  info.put32(44, map.length);
  info.put32(48, base + mapAt);
  info.put32(64, base + loaderName);
  putFramebuffer(info, display, options.framebuffer?.base ?? 0);

  memory.write(base, block.bytes());
  return base;
}

function putFramebuffer(info: ByteView, display: EntryDisplay, framebuffer: number): void {
  const isText = display.kind === "text";
  info.put64(88, isText ? 0xb8000 : framebuffer);
  info.put32(96, isText ? 160 : pitchBytes(display));
  info.put32(100, isText ? 80 : display.width);
  info.put32(104, isText ? 25 : display.height);
  info.put8(108, isText ? 16 : display.bitsPerPixel);
  info.put8(109, isText ? 2 : 1); // EGA text or direct colour
  if (isText) return;
  const masks = componentMasks(display.bitsPerPixel);
  // Here position comes before size.
  for (let i = 0; i < 6; i++) info.put8(110 + i, masks[i ^ 1] ?? 0);
}
