// QEMU's firmware configuration device (QEMU: docs/specs/fw_cfg.rst): items by number behind a selector and a data port, files with a
// directory, and transfers by DMA. Bank 0: ports 510h-511h, bank 1: 514h-51Bh. Items never change while the machine runs.
// Left out: items that the guest may write; such a write fails, as for any read-only item.
import { z } from "zod";
import type { AccessSize, BusDevice, Device } from "../../bus/device.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { u16, u32 } from "../../state/field-schemas.ts";

const FwCfgState = z.strictObject({ kind: z.literal("fw-cfg"), version: z.literal(1), selected: u16, offset: u32, dmaHigh: u32 });

export const FW_CFG_PORTS = [
  { base: 0x510, length: 2, bank: 0 },
  { base: 0x514, length: 8, bank: 1 },
] as const;

const SIGNATURE = 0x00, ID = 0x01, FILE_DIRECTORY = 0x19, FIRST_FILE = 0x20;
const ID_TRADITIONAL = 1, ID_DMA = 2;
/** Bit 15 says which of two tables, bit 14 asked for write access once; the rest is the item's number. */
const KEY_MASK = 0xbfff;
const NAME_BYTES = 56;
const DIRECTORY_ENTRY_BYTES = 64;
/** Bytes of a DMA request: control, length, address, big-endian. */
const REQUEST_BYTES = 16;
const DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16;
const DMA_SIGNATURE = new TextEncoder().encode("QEMU CFG");
/** A request is done in pieces of this size. */
const CHUNK = 0x10000;

export interface FwCfgItems {
  /** By number; SIGNATURE, ID and the directory are the device's own. */
  items: ReadonlyMap<number, Uint8Array>;
  /** By name, as firmware looks for them. */
  files: ReadonlyMap<string, Uint8Array>;
}

export class FwCfg implements Device, BusDevice {
  readonly id: string;
  readonly kind = "fw-cfg";
  private readonly memory: DmaView;
  private readonly items = new Map<number, Uint8Array>();
  private selected = 0;
  private offset = 0;
  private dmaHigh = 0;

  /** Throws RangeError for a file name that does not fit. */
  constructor(id: string, memory: DmaView, content: FwCfgItems) {
    this.id = id;
    this.memory = memory;
    for (const [key, data] of content.items) this.items.set(key & KEY_MASK, data);
    this.items.set(SIGNATURE, DMA_SIGNATURE.subarray(0, 4));
    this.items.set(ID, Uint8Array.of(ID_TRADITIONAL | ID_DMA, 0, 0, 0));
    this.addFiles(content.files);
  }

  private addFiles(files: FwCfgItems["files"]): void {
    const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const directory = new Uint8Array(4 + DIRECTORY_ENTRY_BYTES * sorted.length);
    const view = new DataView(directory.buffer);
    view.setUint32(0, sorted.length);
    for (const [n, [name, data]] of sorted.entries()) {
      const at = 4 + DIRECTORY_ENTRY_BYTES * n;
      const bytes = new TextEncoder().encode(name);
      if (bytes.length >= NAME_BYTES) throw new RangeError(`The name ${name} is too long for a firmware file`);
      view.setUint32(at, data.length);
      view.setUint16(at + 4, FIRST_FILE + n);
      directory.set(bytes, at + 8);
      this.items.set(FIRST_FILE + n, data);
    }
    this.items.set(FILE_DIRECTORY, directory);
  }

  private select(key: number): void {
    this.selected = key & 0xffff;
    this.offset = 0;
  }

  private get data(): Uint8Array | undefined {
    return this.items.get(this.selected & KEY_MASK);
  }

  readReg(bank: number, offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value += this.readByte(bank, offset + i) * 2 ** (8 * i);
    return value;
  }

  private readByte(bank: number, offset: number): number {
    if (bank === 1) return DMA_SIGNATURE[offset] ?? 0xff;
    const byte = this.data?.[this.offset];
    if (byte === undefined) return 0;
    this.offset++;
    return byte;
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    if (bank === 0) {
      if (size === 2 && offset === 0) this.select(value);
      return;
    }
    if (size !== 4) return;
    // The address is big-endian: the high half at the lower port, and the low half starts the transfer.
    if (offset === 0) this.dmaHigh = swap32(value);
    else if (offset === 4) {
      const address = this.dmaHigh * 2 ** 32 + swap32(value);
      this.dmaHigh = 0;
      this.transfer(address);
    }
  }

  private transfer(requestAt: number): void {
    // A request that is not in memory cannot be told of its failure.
    if (!this.memory.isRam(requestAt, REQUEST_BYTES)) return;
    const request = new DataView(new ArrayBuffer(REQUEST_BYTES));
    this.memory.read(requestAt, new Uint8Array(request.buffer));
    const control = request.getUint32(0);
    if (control & DMA_SELECT) this.select(control >>> 16);
    const address = request.getUint32(8) * 2 ** 32 + request.getUint32(12);
    const isDone = this.move(control, address, request.getUint32(4));
    this.memory.write(requestAt, Uint8Array.of(0, 0, 0, isDone ? 0 : DMA_ERROR));
  }

  /** False if it failed. What is beyond an item's end reads as 0. */
  private move(control: number, address: number, length: number): boolean {
    if (control & DMA_READ) {
      if (length > 0 && !this.memory.isRam(address, length)) return false;
      for (let done = 0; done < length; ) {
        const piece = new Uint8Array(Math.min(length - done, CHUNK));
        piece.set(this.data?.subarray(this.offset, this.offset + piece.length) ?? []);
        this.memory.write(address + done, piece);
        this.advance(piece.length);
        done += piece.length;
      }
      return true;
    }
    if (control & DMA_WRITE) return length === 0;
    if (control & DMA_SKIP) this.advance(length);
    return true;
  }

  private advance(length: number): void {
    this.offset = Math.min(this.offset + length, this.data?.length ?? 0);
  }

  reset(): void {
    this.select(0);
    this.dmaHigh = 0;
  }

  save(): DeviceState {
    return { kind: "fw-cfg", version: 1, selected: this.selected, offset: this.offset, dmaHigh: this.dmaHigh };
  }

  load(state: unknown): void {
    const saved = parseState(FwCfgState, state, this.id);
    this.selected = saved.selected;
    this.offset = Math.min(saved.offset, this.data?.length ?? 0);
    this.dmaHigh = saved.dmaHigh;
  }

  describe(): Record<string, string | number> {
    return { items: this.items.size, selected: `${this.selected.toString(16)}h`, offset: this.offset };
  }
}

function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
