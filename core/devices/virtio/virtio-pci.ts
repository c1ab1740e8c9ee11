// Virtio over PCI (virtio 1.1, 4.1): the modern structures in BAR 4 behind vendor capabilities, MSI-X in BAR 1, and for transitional
// devices the legacy registers in I/O BAR 0 (4.1.4.8). BAR 4: common configuration at 0, ISR at 1000h, device configuration at
// 2000h, notifications at 3000h, four bytes for each queue. The capability for access through configuration space works on BAR 4.
import type { AccessSize } from "../../bus/device.ts";
import { mmioBar, portBar } from "../../bus/pci-bus.ts";
import { type PciBar, type PciCapability, PciFunction } from "../../bus/pci-function.ts";
import type { MsixRegisters } from "../../bus/pci-msix.ts";
import type { PlainData } from "../../state/device-state.ts";
import type { VirtioDevice, VirtioPorts } from "./virtio-device.ts";
import type { Virtqueue } from "./virtqueue.ts";

export const LEGACY_BANK = 0, MODERN_BANK = 1, MSIX_BANK = 2;
export const MODERN_BYTES = 0x4000;
const VENDOR_ID = 0x1af4;
const MODERN_ID = 0x1040;
const MODERN_BAR = 4, MSIX_BAR = 1;
const COMMON = 0, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000;
const STRUCTURE_BYTES = 0x1000;
const COMMON_BYTES = 56;
const NOTIFY_MULTIPLIER = 4;

/** Capability types, and where in configuration space each lies. */
const CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI = 5;
const CAP_VENDOR = 0x09;
const PCI_ACCESS = 0x84;
const MSIX_CAPABILITY = 0x98;

const LEGACY_HEADER = 20, LEGACY_MSIX_HEADER = 24;
const LEGACY_PAGE = 4096;

/** What the registers need of a device: all but its model. */
type RegisterBacking = Pick<
  VirtioDevice<PlainData>,
  | "identity" | "pci" | "queues" | "driverFeatures" | "configVector" | "status" | "generation" | "offeredFeatures" | "acceptFeatures"
  | "acceptLegacyFeatures" | "writeStatus" | "placeLegacyQueue" | "readIsr" | "vectorFrom" | "notify" | "readConfigByte" | "writeConfigByte"
>;

/** How long the legacy I/O range of a device with so many configuration bytes is. */
export function legacyBytes(configBytes: number): number {
  return 2 ** Math.ceil(Math.log2(LEGACY_MSIX_HEADER + configBytes));
}

function capability(at: number, type: number, start: number, length: number, more: number[] = []): PciCapability {
  const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  const reset = [16 + more.length, type, MODERN_BAR, 0, 0, 0, ...dword(start), ...dword(length), ...more];
  return { offset: at, id: CAP_VENDOR, reset, writable: reset.map(() => 0) };
}

export function virtioPciFunction<M extends PlainData>(
  device: VirtioDevice<M>, ports: VirtioPorts, msix: MsixRegisters, registers: VirtioPciRegisters, onConfigChange: () => void,
): PciFunction {
  const { id, identity } = device;
  const { transitionalId } = identity;
  const bars: PciBar[] = [
    mmioBar(ports.mmio, device, MSIX_BANK, { index: MSIX_BAR, sizeBytes: msix.sizeBytes }, `${id} msix`),
    mmioBar(ports.mmio, device, MODERN_BANK, { index: MODERN_BAR, sizeBytes: MODERN_BYTES }, id),
  ];
  if (transitionalId !== undefined) {
    bars.unshift(portBar(ports.ports, device, LEGACY_BANK, { index: 0, sizeBytes: legacyBytes(identity.configBytes) }, `${id} legacy`));
  }
  // Bar, offset and length of the access are the driver's; the data that follow are the window's.
  const access = capability(PCI_ACCESS, CAP_PCI, 0, 0, [0, 0, 0, 0]);
  const writable = access.reset.map((_, i) => (i === 2 || (i >= 6 && i < 14) ? 0xff : 0));
  const fn: PciFunction = new PciFunction({
    name: id,
    vendorId: VENDOR_ID,
    deviceId: transitionalId ?? MODERN_ID + identity.deviceType,
    revision: transitionalId === undefined ? 1 : 0,
    classCode: identity.classCode,
    subsystemVendorId: VENDOR_ID,
    subsystemId: transitionalId === undefined ? 0x1100 : identity.deviceType,
    interruptPin: 1,
    bars,
    ...(identity.rom ? { rom: identity.rom } : {}),
    capabilities: [
      capability(0x40, CAP_COMMON, COMMON, STRUCTURE_BYTES),
      capability(0x50, CAP_ISR, ISR, STRUCTURE_BYTES),
      capability(0x60, CAP_DEVICE, DEVICE, STRUCTURE_BYTES),
      capability(0x70, CAP_NOTIFY, NOTIFY, STRUCTURE_BYTES, [NOTIFY_MULTIPLIER, 0, 0, 0]),
      { ...access, reset: [access.reset[0] ?? 0, CAP_PCI, ...access.reset.slice(2).map(() => 0)], writable },
    ],
    msix: { offset: MSIX_CAPABILITY, bar: MSIX_BAR, registers: msix },
    window: {
      offset: PCI_ACCESS + 16,
      length: 4,
      read: (offset, size) => {
        const value = throughConfig(fn, (at, length) => registers.read(MODERN_BANK, at, length)) ?? 0;
        return Math.floor(value / 2 ** (8 * offset)) % 2 ** (8 * size);
      },
      write: (_offset, _size, value) => {
        throughConfig(fn, (at, length) => {
          registers.write(MODERN_BANK, at, length, length === 4 ? value : value % 2 ** (8 * length));
          return 0;
        });
      },
    },
    onConfigChange,
  });
  return fn;
}

/** Does the access that the capability's bar, offset and length describe, if they describe one. */
function throughConfig(fn: PciFunction, access: (offset: number, size: AccessSize) => number): number | null {
  const bar = fn.readConfig(PCI_ACCESS + 4, 1);
  const offset = fn.readConfig(PCI_ACCESS + 8, 4);
  const length = fn.readConfig(PCI_ACCESS + 12, 4);
  if (bar !== MODERN_BAR || (length !== 1 && length !== 2 && length !== 4) || offset % length !== 0 || offset >= MODERN_BYTES) return null;
  return access(offset, length);
}

/** The registers as drivers see them, over a device's state. Own state: the selectors. */
export class VirtioPciRegisters {
  private readonly device: RegisterBacking;
  private featureSelect = 0;
  private driverFeatureSelect = 0;
  private queueSelect = 0;

  constructor(device: RegisterBacking) {
    this.device = device;
  }

  reset(): void {
    this.featureSelect = this.driverFeatureSelect = this.queueSelect = 0;
  }

  save(): { featureSelect: number; driverFeatureSelect: number; queueSelect: number } {
    const { featureSelect, driverFeatureSelect, queueSelect } = this;
    return { featureSelect, driverFeatureSelect, queueSelect };
  }

  load(saved: { featureSelect: number; driverFeatureSelect: number; queueSelect: number }): void {
    this.featureSelect = saved.featureSelect;
    this.driverFeatureSelect = saved.driverFeatureSelect;
    this.queueSelect = saved.queueSelect;
  }

  private get queue(): Virtqueue | undefined {
    return this.device.queues[this.queueSelect];
  }

  read(bank: number, offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      const byte = bank === LEGACY_BANK ? this.legacyByte(offset + i) : this.modernByte(offset + i);
      value += byte * 2 ** (8 * i);
    }
    return value;
  }

  write(bank: number, offset: number, size: AccessSize, value: number): void {
    if (bank === LEGACY_BANK) this.writeLegacy(offset, size, value);
    else if (offset >= NOTIFY) this.device.notify((offset - NOTIFY) / NOTIFY_MULTIPLIER);
    else if (offset >= DEVICE) this.writeDeviceConfig(offset - DEVICE, size, value);
    else if (offset < COMMON_BYTES) this.writeCommon(offset, size, value);
  }

  private modernByte(offset: number): number {
    if (offset < COMMON_BYTES) {
      const [start, value] = this.commonField(offset);
      return (value >>> (8 * (offset - start))) & 0xff;
    }
    if (offset === ISR) return this.device.readIsr();
    if (offset >= DEVICE && offset < NOTIFY) return this.deviceConfigByte(offset - DEVICE);
    return 0;
  }

  private deviceConfigByte(offset: number): number {
    return offset < this.device.identity.configBytes ? this.device.readConfigByte(offset) & 0xff : 0;
  }

  private writeDeviceConfig(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size && offset + i < this.device.identity.configBytes; i++) {
      this.device.writeConfigByte(offset + i, (value >>> (8 * i)) & 0xff);
    }
  }

  /** The field that a byte of the common configuration is part of: where it starts, and its value. */
  private commonField(offset: number): [number, number] {
    const { device, queue } = this;
    if (offset >= 32) return [offset & ~3, queue?.areas[(offset - 32) >> 2] ?? 0];
    if (offset < 4) return [0, this.featureSelect];
    if (offset < 8) return [4, device.offeredFeatures(this.featureSelect)];
    if (offset < 12) return [8, this.driverFeatureSelect];
    if (offset < 16) return [12, device.driverFeatures[this.driverFeatureSelect] ?? 0];
    if (offset < 18) return [16, device.configVector];
    if (offset < 20) return [18, device.queues.length];
    if (offset === 20) return [20, device.status];
    if (offset === 21) return [21, device.generation];
    if (offset < 24) return [22, this.queueSelect];
    if (offset < 26) return [24, queue?.size ?? 0];
    if (offset < 28) return [26, queue?.vector ?? 0xffff];
    if (offset < 30) return [28, queue?.isEnabled ? 1 : 0];
    return [30, queue?.index ?? 0];
  }

  /** Writes of whole fields; the 64-bit ones are two of 32 bits. */
  private writeCommon(offset: number, size: AccessSize, value: number): void {
    const { device, queue } = this;
    if (size === 4) {
      if (offset === 0) this.featureSelect = value;
      else if (offset === 8) this.driverFeatureSelect = value;
      else if (offset === 12) device.acceptFeatures(this.driverFeatureSelect, value);
      else if (offset >= 32 && (offset & 3) === 0 && queue && !queue.isEnabled) queue.areas[(offset - 32) >> 2] = value;
    } else if (size === 2) {
      if (offset === 16) device.configVector = device.vectorFrom(value);
      else if (offset === 22) this.queueSelect = value;
      else if (offset === 24) queue?.setSize(value);
      else if (offset === 26 && queue) queue.vector = device.vectorFrom(value);
      else if (offset === 28 && value === 1) queue?.enable();
    } else if (offset === 20) {
      device.writeStatus(value, false);
    }
  }

  // ---- legacy ---------------------------------------------------------------------------------

  private get legacyHeader(): number {
    return this.device.pci.usesMsix ? LEGACY_MSIX_HEADER : LEGACY_HEADER;
  }

  private legacyByte(offset: number): number {
    const { device, queue, legacyHeader } = this;
    if (offset >= legacyHeader) return this.deviceConfigByte(offset - legacyHeader);
    const part = (start: number, value: number): number => (value >>> (8 * (offset - start))) & 0xff;
    if (offset < 4) return part(0, device.offeredFeatures(0, true));
    if (offset < 8) return part(4, device.driverFeatures[0] ?? 0);
    if (offset < 12) return part(8, queue?.isEnabled ? legacyPage(queue) : 0);
    if (offset < 14) return part(12, queue?.maxSize ?? 0);
    if (offset < 16) return part(14, this.queueSelect);
    if (offset < 18) return 0;
    if (offset === 18) return device.status;
    if (offset === 19) return device.readIsr();
    return offset < 22 ? part(20, device.configVector) : part(22, queue?.vector ?? 0xffff);
  }

  private writeLegacy(offset: number, size: AccessSize, value: number): void {
    const { device, queue, legacyHeader } = this;
    if (offset >= legacyHeader) this.writeDeviceConfig(offset - legacyHeader, size, value);
    else if (offset === 4 && size === 4) device.acceptLegacyFeatures(value);
    else if (offset === 8 && size === 4) this.placeLegacy(queue, value);
    else if (offset === 14 && size === 2) this.queueSelect = value;
    else if (offset === 16 && size === 2) device.notify(value);
    else if (offset === 18 && size === 1) device.writeStatus(value, true);
    else if (offset === 20 && size === 2) device.configVector = device.vectorFrom(value);
    else if (offset === 22 && size === 2 && queue) queue.vector = device.vectorFrom(value);
  }

  /** Ring and rings' parts follow one another from a page on; the device's part starts a page of its own. Page 0 takes it away. */
  private placeLegacy(queue: Virtqueue | undefined, page: number): void {
    if (!queue) return;
    const { vector } = queue;
    if (queue.isEnabled || page === 0) queue.reset();
    queue.vector = vector;
    if (page === 0) return;
    const table = page * LEGACY_PAGE;
    const driver = table + 16 * queue.maxSize;
    const device = Math.ceil((driver + 6 + 2 * queue.maxSize) / LEGACY_PAGE) * LEGACY_PAGE;
    [table, driver, device].forEach((address, i) => {
      queue.areas[2 * i] = address;
      queue.areas[2 * i + 1] = Math.floor(address / 2 ** 32);
    });
    this.device.placeLegacyQueue(queue);
  }
}

function legacyPage(queue: Virtqueue): number {
  return ((queue.areas[0] ?? 0) + (queue.areas[1] ?? 0) * 2 ** 32) / LEGACY_PAGE;
}
