// A virtio device behind any transport (virtio 1.1, chapters 2 and 3): device status, feature negotiation, queues, interrupts, device
// reset, DEVICE_NEEDS_RESET, saved state. Subclasses are the device types; the registers are virtio-pci.ts's.
// A legacy driver may use queues before DRIVER_OK and without bus mastering, as Linux did before 2.6.34 and QEMU allows.
import type { ZodType } from "zod";
import type { AccessSize, BusDevice, Device, ResetKind } from "../../bus/device.ts";
import type { MmioBus } from "../../bus/mmio-bus.ts";
import type { PciFunction, PciRom } from "../../bus/pci-function.ts";
import { MsixRegisters } from "../../bus/pci-msix.ts";
import type { PortBus } from "../../bus/port-bus.ts";
import type { DirectDmaView } from "../../memory/guest-memory.ts";
import { type DeviceState, type PlainData, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { MAX_QUEUES, virtioState } from "./virtio-device.state.ts";
import { MSIX_BANK, VirtioPciRegisters, virtioPciFunction } from "./virtio-pci.ts";
import { NO_VECTOR, type QueueHost, type QueueSpec, Virtqueue } from "./virtqueue.ts";

export const STATUS_ACKNOWLEDGE = 0x01, STATUS_DRIVER = 0x02, STATUS_DRIVER_OK = 0x04, STATUS_FEATURES_OK = 0x08;
export const STATUS_NEEDS_RESET = 0x40, STATUS_FAILED = 0x80;
/** Feature bits by number. */
export const F_ANY_LAYOUT = 27, F_INDIRECT = 28, F_EVENT_IDX = 29, F_VERSION_1 = 32;
const ISR_QUEUE = 1, ISR_CONFIG = 2;
const WORK = "work";

/** What a virtio device is given by its machine. */
export interface VirtioPorts {
  memory: DirectDmaView;
  mmio: MmioBus;
  ports: PortBus;
  timers: DeviceTimers;
}

export interface VirtioIdentity {
  kind: string;
  /** Virtio device type: 2 for a block device. */
  deviceType: number;
  /** PCI device id of the transitional device; without it the device is modern only. */
  transitionalId?: number;
  classCode: number;
  /** Numbers of the device type's own feature bits, all below 24. */
  features: readonly number[];
  queues: readonly QueueSpec[];
  configBytes: number;
  rom?: PciRom;
}

export abstract class VirtioDevice<M extends PlainData> implements Device, BusDevice, QueueHost {
  readonly id: string;
  readonly kind: string;
  readonly identity: VirtioIdentity;
  readonly memory: DirectDmaView;
  readonly pci: PciFunction;
  readonly queues: readonly Virtqueue[];
  /** Features of the driver, bits 31:0 and 63:32. */
  readonly driverFeatures: Uint32Array = new Uint32Array(2);
  configVector = NO_VECTOR;
  status = 0;
  /** Why the device needs a reset. */
  trouble: string | null = null;
  isRunning = false;
  usesIndirect = false;
  usesEventIndex = false;
  generation = 0;
  protected readonly timers: DeviceTimers;
  private readonly schema: ReturnType<typeof virtioState<M>>;
  private readonly msix: MsixRegisters;
  private readonly registers: VirtioPciRegisters;
  private readonly offered: readonly [number, number];
  /** The driver has used the legacy registers since the last reset. */
  private isLegacy = false;
  private isr = 0;
  private pendingWork = 0;
  private mustResume = false;
  private isLoading = false;

  constructor(id: string, ports: VirtioPorts, identity: VirtioIdentity, model: ZodType<M>) {
    if (identity.queues.length > MAX_QUEUES) throw new RangeError(`${id} cannot have ${identity.queues.length} queues`);
    this.id = id;
    this.kind = identity.kind;
    this.identity = identity;
    this.memory = ports.memory;
    this.timers = ports.timers;
    this.queues = identity.queues.map((spec, index) => new Virtqueue(index, spec, this));
    const common = identity.features.reduce((bits, bit) => bits | (1 << bit), (1 << F_INDIRECT) | (1 << F_EVENT_IDX));
    this.offered = [common >>> 0, 1 << (F_VERSION_1 - 32)];
    this.schema = virtioState(identity.kind, identity.queues, model);
    this.msix = new MsixRegisters(identity.queues.length + 1);
    this.registers = new VirtioPciRegisters(this);
    this.pci = virtioPciFunction(this, ports, this.msix, this.registers, () => this.configSpaceChanged());
  }

  // ---- what a device type adds ----------------------------------------------------------------

  /** A byte of the device's configuration; `offset` is below configBytes. */
  abstract readConfigByte(offset: number): number;
  writeConfigByte(_offset: number, _value: number): void {}
  /** Called when the queue may have requests: handle them, or some and then continueLater(). */
  protected abstract processQueue(queue: Virtqueue): void;
  /** The driver or the machine has reset the device: forget all requests. */
  protected abstract resetModel(): void;
  /** The machine has been reset; resetModel() has run already. */
  protected machineReset(_kind: ResetKind): void {}
  protected driverReady(): void {}
  protected abstract saveModel(): M;
  /** Throws StateError for a model that its schema accepts and that still cannot be; must not change anything. */
  protected checkModel(_model: M): void {}
  /** Only takes the values; what touches memory or backends waits for resume(), which resumeLater() asks for. */
  protected abstract loadModel(model: M): void;
  protected resume(): void {}

  // ---- registers ------------------------------------------------------------------------------

  readReg(bank: number, offset: number, size: AccessSize): number {
    return bank === MSIX_BANK ? this.msix.readReg(0, offset, size) : this.registers.read(bank, offset, size);
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    if (bank === MSIX_BANK) this.msix.writeReg(0, offset, size, value);
    else this.registers.write(bank, offset, size, value);
  }

  offeredFeatures(select: number, isLegacy = false): number {
    const bits = this.offered[select] ?? 0;
    return isLegacy && select === 0 ? (bits | (1 << F_ANY_LAYOUT)) >>> 0 : bits;
  }

  /** The driver accepts features; without effect once it has been told that they are settled. */
  acceptFeatures(select: number, bits: number): void {
    if (select < 2 && (this.status & STATUS_FEATURES_OK) === 0) this.driverFeatures[select] = bits;
  }

  acceptLegacyFeatures(bits: number): void {
    this.isLegacy = true;
    this.driverFeatures[0] = bits & this.offeredFeatures(0, true);
    this.driverFeatures[1] = 0;
    this.settleFeatures();
  }

  /** True if both sides agreed on the feature. */
  protected has(bit: number): boolean {
    const word = bit >> 5;
    return (((this.driverFeatures[word] ?? 0) & (this.offered[word] ?? 0)) >>> (bit & 31) & 1) !== 0;
  }

  private settleFeatures(): void {
    const isSettled = this.isLegacy || (this.status & STATUS_FEATURES_OK) !== 0;
    this.usesIndirect = isSettled && this.has(F_INDIRECT);
    this.usesEventIndex = isSettled && this.has(F_EVENT_IDX);
  }

  writeStatus(value: number, isLegacy: boolean): void {
    if (value === 0) {
      this.resetDevice();
      return;
    }
    const was = this.status;
    if (isLegacy) this.isLegacy = true;
    let next = (value & ~STATUS_NEEDS_RESET) | (was & (STATUS_NEEDS_RESET | STATUS_FEATURES_OK));
    if (!this.isLegacy && (next & ~was & STATUS_FEATURES_OK) !== 0 && !this.areFeaturesGood()) next &= ~STATUS_FEATURES_OK;
    this.status = next;
    this.settleFeatures();
    this.updateRunning();
    if ((next & ~was & STATUS_DRIVER_OK) !== 0) {
      this.driverReady();
      this.processAll();
    }
  }

  private areFeaturesGood(): boolean {
    const unknown = this.driverFeatures.some((bits, i) => (bits & ~(this.offered[i] ?? 0)) !== 0);
    return !unknown && this.has(F_VERSION_1);
  }

  /** A legacy driver has placed a queue, or taken it away (page 0). */
  placeLegacyQueue(queue: Virtqueue): void {
    this.isLegacy = true;
    this.updateRunning();
    queue.enable();
  }

  readIsr(): number {
    const isr = this.isr;
    this.isr = 0;
    this.pci.setIntx(false);
    return isr;
  }

  vectorFrom(value: number): number {
    return value < this.msix.vectors ? value : NO_VECTOR;
  }

  notify(index: number): void {
    const queue = this.queues[index];
    if (queue?.isEnabled && this.isRunning) this.processQueue(queue);
  }

  // ---- interrupts -----------------------------------------------------------------------------

  queueInterrupt(queue: Virtqueue): void {
    this.interrupt(queue.vector, ISR_QUEUE);
  }

  private interrupt(vector: number, isr: number): void {
    if (this.pci.usesMsix) {
      if (vector !== NO_VECTOR) this.pci.sendMessage(vector);
      return;
    }
    this.isr |= isr;
    this.pci.setIntx(true);
  }

  /** The device has changed its configuration. */
  protected configChanged(): void {
    this.generation = (this.generation + 1) & 0xff;
    if (this.status & STATUS_DRIVER_OK) this.interrupt(this.configVector, ISR_CONFIG);
  }

  queueBroken(queue: Virtqueue, reason: string): void {
    this.fail(`queue ${queue.index}: ${reason}`);
  }

  /** The driver has broken the rules: nothing works until it resets the device. */
  protected fail(reason: string): void {
    if (this.status & STATUS_NEEDS_RESET) return;
    this.trouble = reason;
    this.status |= STATUS_NEEDS_RESET;
    this.updateRunning();
    if (this.status & STATUS_DRIVER_OK) this.interrupt(this.configVector, ISR_CONFIG);
  }

  // ---- work -----------------------------------------------------------------------------------

  private updateRunning(): void {
    const isReady = this.isLegacy || ((this.status & STATUS_DRIVER_OK) !== 0 && this.pci.isBusMaster);
    this.isRunning = isReady && (this.status & STATUS_NEEDS_RESET) === 0;
  }

  private configSpaceChanged(): void {
    const was = this.isRunning;
    this.updateRunning();
    if (this.isRunning && !was && !this.isLoading) this.processAll();
  }

  private processAll(): void {
    for (const queue of this.queues) this.notify(queue.index);
  }

  /** The queue has more requests than one notification may cost: go on in the next slice. */
  protected continueLater(queue: Virtqueue): void {
    this.pendingWork |= 1 << queue.index;
    this.timers.arm(WORK, this.timers.nowNs());
  }

  /** Serves the queue's requests and tells the driver, until there are none, `canServe` says that one more has to wait, or a ring's worth
   *  has been served: a driver whose requests change its own ring gets no more at once. False if `canServe` ended it. */
  protected drain(queue: Virtqueue, serve: (chain: DescriptorChain, queue: Virtqueue) => void, canServe?: () => boolean): boolean {
    let isFree = true;
    for (let count = 0; ; count++) {
      isFree = canServe?.() ?? true;
      if (!isFree) break;
      if (count === queue.size) {
        this.continueLater(queue);
        break;
      }
      const chain = queue.pop();
      if (chain) serve(chain, queue);
      else if (!queue.rearm()) break;
    }
    queue.signal();
    return isFree;
  }

  protected resumeLater(): void {
    this.mustResume = true;
    this.timers.arm(WORK, this.timers.nowNs());
  }

  onTimer(_name: string): void {
    const work = this.pendingWork;
    this.pendingWork = 0;
    if (this.mustResume) {
      this.mustResume = false;
      this.resume();
    }
    for (const queue of this.queues) if (work & (1 << queue.index)) this.notify(queue.index);
  }

  // ---- reset and state ------------------------------------------------------------------------

  private resetDevice(): void {
    this.status = 0;
    this.trouble = null;
    this.driverFeatures.fill(0);
    this.isLegacy = false;
    this.isr = 0;
    this.configVector = NO_VECTOR;
    this.pendingWork = 0;
    this.mustResume = false;
    this.timers.cancel(WORK);
    for (const queue of this.queues) queue.reset();
    this.settleFeatures();
    this.updateRunning();
    this.pci.setIntx(false);
    this.resetModel();
  }

  reset(kind: ResetKind): void {
    this.resetDevice();
    this.generation = 0;
    this.registers.reset();
    this.machineReset(kind);
    this.pci.reset();
  }

  save(): DeviceState {
    return {
      kind: this.kind,
      version: 1,
      pci: this.pci.save(),
      virtio: {
        status: this.status,
        isLegacy: this.isLegacy,
        features: [...this.driverFeatures],
        isr: this.isr,
        configVector: this.configVector,
        generation: this.generation,
        ...this.registers.save(),
        pendingWork: this.pendingWork,
      },
      queues: this.queues.map((queue) => ({ ...queue.save() })),
      model: this.saveModel(),
    };
  }

  load(state: unknown): void {
    const saved = parseState(this.schema, state, this.id);
    const model = saved.model as M; // the schema's own type, which the generic hides
    this.pci.check(saved.pci);
    this.checkModel(model);
    this.isLoading = true;
    const { virtio } = saved;
    this.status = virtio.status;
    this.trouble = virtio.status & STATUS_NEEDS_RESET ? "as saved" : null;
    this.isLegacy = virtio.isLegacy;
    this.driverFeatures.set(virtio.features);
    this.isr = virtio.isr;
    this.configVector = virtio.configVector;
    this.generation = virtio.generation;
    this.registers.load(virtio);
    for (const [i, queue] of saved.queues.entries()) this.queues[i]?.load(queue);
    this.pci.load(saved.pci);
    this.settleFeatures();
    this.updateRunning();
    this.pendingWork = virtio.pendingWork;
    this.mustResume = false;
    if (this.pendingWork === 0) this.timers.cancel(WORK);
    else this.timers.arm(WORK, this.timers.nowNs());
    this.loadModel(model);
    this.isLoading = false;
  }

  describe(): Record<string, string> {
    const driver = this.status & STATUS_DRIVER_OK ? (this.isLegacy ? "legacy" : "modern") : "none";
    return { driver, ...(this.trouble ? { "needs reset": this.trouble } : {}) };
  }
}
