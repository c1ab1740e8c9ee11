// Input device (virtio 1.1, 5.8) that is a tablet: absolute pointer, five buttons, wheel. What the guest sees follows the last known
// place and buttons: while it has no buffers, reports are merged and not queued. Left out: status events (LEDs a tablet has not).
import { z } from "zod";
import { u8, uint } from "../../state/field-schemas.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { VirtioDevice, type VirtioPorts } from "./virtio-device.ts";
import type { Virtqueue } from "./virtqueue.ts";

export const TABLET_MAX = 32767;
const QUEUE_SIZE = 64;
const EVENTS = 0;
const EVENT_BYTES = 8;
/** select, subsel, size, five reserved, then 128 bytes of answer. */
const ANSWER = 8;
const CONFIG_BYTES = ANSWER + 128;

/** Event types and codes of Linux's input layer, which the specification takes over. */
const EV_SYN = 0, EV_KEY = 1, EV_REL = 2, EV_ABS = 3;
const ABS_X = 0, ABS_Y = 1;
const REL_WHEEL = 8;
const BUTTON_CODES = [0x110, 0x111, 0x112, 0x113, 0x114];
const BUTTON_MASK = 2 ** BUTTON_CODES.length - 1;
const ID_NAME = 0x01, ID_DEVIDS = 0x03, EV_BITS = 0x11, ABS_INFO = 0x12;
const NAME = "Ringfence Tablet";
const BUS_VIRTUAL = 0x06, VENDOR = 0x1af4, PRODUCT = 0x0001, VERSION = 0x0001;

const Place = z.strictObject({ x: uint(15), y: uint(15), buttons: z.int().min(0).max(BUTTON_MASK) });
const TabletModel = z.strictObject({ select: u8, subselect: u8, wanted: Place, told: Place, wheel: z.int().min(-127).max(127) });
type TabletModel = z.infer<typeof TabletModel>;

export interface TabletReport {
  /** 0 to TABLET_MAX over the whole screen. */
  x: number;
  y: number;
  /** Notches, away from the user negative. */
  wheel: number;
  /** Bit 0 left, 1 right, 2 middle, 3 and 4 side. */
  buttons: number;
}

export interface TabletHost {
  /** The guest has begun or ceased to use the tablet. Silent in load(): read `isActive` then. */
  onActive?(isActive: boolean): void;
}

export class VirtioTablet extends VirtioDevice<TabletModel> {
  private readonly host: TabletHost;
  private select = 0;
  private subselect = 0;
  private wanted = { x: 0, y: 0, buttons: 0 };
  /** What the guest has been told. */
  private told = { x: 0, y: 0, buttons: 0 };
  private wheel = 0;
  private wasActive = false;
  private readonly event = new Uint8Array(EVENT_BYTES);
  private readonly fields = new DataView(this.event.buffer);

  constructor(id: string, ports: VirtioPorts, host: TabletHost = {}) {
    super(
      id,
      ports,
      {
        kind: "virtio-tablet", deviceType: 18, classCode: 0x098000, features: [], queues: [{ size: QUEUE_SIZE, maxChainBytes: 4096 }, { size: QUEUE_SIZE, maxChainBytes: 4096 }],
        configBytes: CONFIG_BYTES,
      },
      TabletModel,
    );
    this.host = host;
  }

  /** True while a driver listens. */
  get isActive(): boolean {
    return this.isRunning;
  }

  report(report: TabletReport): void {
    this.wanted = { x: bounded(report.x), y: bounded(report.y), buttons: report.buttons & BUTTON_MASK };
    this.wheel = Math.max(-127, Math.min(127, this.wheel + Math.trunc(report.wheel)));
    this.tell();
  }

  /** Sends what has changed as one packet, if the guest has room for all of it. */
  private tell(): void {
    const queue = this.queues[EVENTS];
    if (!queue || !this.isRunning) return;
    const { wanted, told } = this;
    const changed = wanted.buttons ^ told.buttons;
    const buttons = BUTTON_CODES.filter((_, i) => (changed >> i) & 1).length;
    const count = Number(wanted.x !== told.x) + Number(wanted.y !== told.y) + buttons + Number(this.wheel !== 0);
    if (count === 0 || queue.available() < count + 1) return;
    if (wanted.x !== told.x) this.send(queue, EV_ABS, ABS_X, wanted.x);
    if (wanted.y !== told.y) this.send(queue, EV_ABS, ABS_Y, wanted.y);
    BUTTON_CODES.forEach((code, i) => {
      if ((changed >> i) & 1) this.send(queue, EV_KEY, code, (wanted.buttons >> i) & 1);
    });
    if (this.wheel !== 0) this.send(queue, EV_REL, REL_WHEEL, -this.wheel);
    this.send(queue, EV_SYN, 0, 0);
    this.told = { ...wanted };
    this.wheel = 0;
    queue.signal();
  }

  private send(queue: Virtqueue, type: number, code: number, value: number): void {
    const chain = queue.pop();
    if (!chain) return;
    this.fields.setUint16(0, type, true);
    this.fields.setUint16(2, code, true);
    this.fields.setInt32(4, value, true);
    queue.push(chain, chain.write(0, this.event));
  }

  protected override processQueue(queue: Virtqueue): void {
    if (queue.index === EVENTS) {
      queue.rearm();
      this.tell();
    } else {
      this.drain(queue, this.discard);
    }
  }

  private readonly discard = (chain: DescriptorChain, queue: Virtqueue): void => queue.push(chain, 0);

  override readConfigByte(offset: number): number {
    if (offset === 0) return this.select;
    if (offset === 1) return this.subselect;
    const answer = this.answer();
    return offset === 2 ? answer.length : offset < ANSWER ? 0 : (answer[offset - ANSWER] ?? 0);
  }

  override writeConfigByte(offset: number, value: number): void {
    if (offset === 0) this.select = value;
    else if (offset === 1) this.subselect = value;
  }

  /** What the selected piece of configuration holds; empty where there is none. */
  private answer(): readonly number[] {
    switch (this.select) {
      case ID_NAME:
        return this.subselect === 0 ? [...NAME].map((c) => c.charCodeAt(0)) : [];
      case ID_DEVIDS:
        return this.subselect === 0 ? [BUS_VIRTUAL, VENDOR, PRODUCT, VERSION].flatMap((word) => [word & 0xff, word >> 8]) : [];
      case EV_BITS:
        if (this.subselect === EV_KEY) return bitmap(BUTTON_CODES);
        if (this.subselect === EV_REL) return bitmap([REL_WHEEL]);
        return this.subselect === EV_ABS ? bitmap([ABS_X, ABS_Y]) : [];
      case ABS_INFO:
        return this.subselect === ABS_X || this.subselect === ABS_Y ? [0, TABLET_MAX, 0, 0, 0].flatMap((n) => [n & 0xff, n >> 8, 0, 0]) : [];
      default:
        return [];
    }
  }

  protected override driverReady(): void {
    this.wasActive = true;
    this.host.onActive?.(true);
  }

  protected override resetModel(): void {
    this.select = this.subselect = 0;
    this.wanted = { x: 0, y: 0, buttons: 0 };
    this.told = { x: 0, y: 0, buttons: 0 };
    this.wheel = 0;
    if (this.wasActive) this.host.onActive?.(false);
    this.wasActive = false;
  }

  protected override saveModel(): TabletModel {
    const { select, subselect, wanted, told, wheel } = this;
    return { select, subselect, wanted: { ...wanted }, told: { ...told }, wheel };
  }

  protected override loadModel(model: TabletModel): void {
    this.select = model.select;
    this.subselect = model.subselect;
    this.wanted = { ...model.wanted };
    this.told = { ...model.told };
    this.wheel = model.wheel;
    this.wasActive = this.isRunning;
  }
}

function bounded(place: number): number {
  return Math.max(0, Math.min(TABLET_MAX, Math.round(place)));
}

function bitmap(codes: readonly number[]): number[] {
  const bytes = new Array<number>((Math.max(...codes) >> 3) + 1).fill(0);
  for (const code of codes) bytes[code >> 3] = (bytes[code >> 3] ?? 0) | (1 << (code & 7));
  return bytes;
}
