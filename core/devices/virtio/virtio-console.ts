// Console (virtio 1.1, 5.3): port 0 is a console, further ports are named byte channels; size, emergency write, control messages of the
// multiport feature. A driver without that feature has port 0 alone. The resize message has columns first, as the specification
// says; Linux has read it both ways. Output leaves at once; input waits at the host until the guest has buffers.
import { z } from "zod";
import { StateError } from "../../state/device-state.ts";
import { u16 } from "../../state/field-schemas.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { VirtioDevice, type VirtioPorts } from "./virtio-device.ts";
import type { Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 64;
const MAX_PORTS = 8;
const MAX_CHAIN_BYTES = 1 << 20;
const SCRATCH_BYTES = 32 << 10;
const CONFIG_BYTES = 12;
const EMERGENCY = 8;
const F_SIZE = 0, F_MULTIPORT = 1, F_EMERGENCY = 2;
const CONTROL_IN = 2, CONTROL_OUT = 3;
const DEVICE_READY = 0, PORT_ADD = 1, PORT_READY = 3, CONSOLE_PORT = 4, RESIZE = 5, PORT_OPEN = 6, PORT_NAME = 7;
const CONTROL_BYTES = 8;
/** Answers to the driver that wait for its buffers. More, and its messages wait, too. */
const MAX_WAITING = 64;
const MAX_NAME_BYTES = 64;

const ConsoleModel = z.strictObject({
  columns: u16,
  rows: u16,
  ports: z.array(z.strictObject({ isReady: z.boolean(), isOpen: z.boolean() })).min(1).max(MAX_PORTS),
  /** Control messages not taken yet. */
  waiting: z.array(z.instanceof(Uint8Array).refine((m) => m.length >= CONTROL_BYTES && m.length <= CONTROL_BYTES + MAX_NAME_BYTES)).max(MAX_WAITING * 2),
});
type ConsoleModel = z.infer<typeof ConsoleModel>;

export interface VirtioConsoleOptions {
  /** Port 0 is the console and comes first; the guest finds the others by name (/dev/virtio-ports). 1 to 8. */
  portNames?: readonly string[];
  /** The guest has written; the bytes are valid during the call only. */
  onOutput(port: number, bytes: Uint8Array): void;
  /** A program in the guest has opened or closed a port. */
  onOpen?(port: number, isOpen: boolean): void;
  /** The guest has room for input again. */
  onReceiveRoom?(port: number): void;
}

export class VirtioConsole extends VirtioDevice<ConsoleModel> {
  private readonly options: VirtioConsoleOptions;
  private readonly names: readonly string[];
  private columns = 80;
  private rows = 25;
  private portStates: { isReady: boolean; isOpen: boolean }[] = [];
  private waiting: Uint8Array[] = [];
  private readonly scratch = new Uint8Array(SCRATCH_BYTES);

  constructor(id: string, ports: VirtioPorts, options: VirtioConsoleOptions) {
    const names = options.portNames ?? ["console"];
    if (names.length < 1 || names.length > MAX_PORTS) throw new RangeError(`${id} cannot have ${names.length} ports`);
    super(
      id,
      ports,
      {
        kind: "virtio-console", deviceType: 3, transitionalId: 0x1003, classCode: 0x078000, features: [F_SIZE, F_MULTIPORT, F_EMERGENCY],
        queues: Array.from({ length: 2 + 2 * names.length }, () => ({ size: QUEUE_SIZE, maxChainBytes: MAX_CHAIN_BYTES })), configBytes: CONFIG_BYTES,
      },
      ConsoleModel,
    );
    this.options = options;
    this.names = names.map((name) => name.slice(0, MAX_NAME_BYTES));
    this.portStates = this.closedPorts();
  }

  private closedPorts(): { isReady: boolean; isOpen: boolean }[] {
    return this.names.map(() => ({ isReady: false, isOpen: false }));
  }

  // ---- the host's side ------------------------------------------------------------------------

  /** True if the guest would take input now. */
  canReceive(port: number): boolean {
    const queue = this.queues[inputQueue(port)];
    return queue !== undefined && this.isListening(port) && queue.available() > 0;
  }

  /** A named port takes bytes only while a program has it open. */
  private isListening(port: number): boolean {
    return port in this.portStates && (port === 0 || this.portStates[port]?.isOpen === true);
  }

  /** Offers bytes; gives how many were taken. The rest is to be offered again (onReceiveRoom). */
  receive(port: number, bytes: Uint8Array): number {
    const queue = this.queues[inputQueue(port)];
    if (!queue || !this.isListening(port)) return 0;
    let taken = 0;
    while (taken < bytes.length) {
      const chain = queue.pop();
      if (!chain) break;
      const count = chain.write(0, bytes.subarray(taken));
      taken += count;
      queue.push(chain, count);
    }
    queue.signal();
    return taken;
  }

  resize(columns: number, rows: number): void {
    if (columns === this.columns && rows === this.rows) return;
    this.columns = columns & 0xffff;
    this.rows = rows & 0xffff;
    if (this.has(F_MULTIPORT) && this.portStates[0]?.isReady && this.waiting.length < MAX_WAITING) this.sendSize();
    this.configChanged();
  }

  // ---- registers ------------------------------------------------------------------------------

  override readConfigByte(offset: number): number {
    if (offset < 4) return ((this.columns | (this.rows << 16)) >>> (8 * offset)) & 0xff;
    return offset === 4 ? this.names.length : 0;
  }

  override writeConfigByte(offset: number, value: number): void {
    if (offset === EMERGENCY) this.options.onOutput(0, Uint8Array.of(value));
  }

  protected override processQueue(queue: Virtqueue): void {
    if (queue.index === CONTROL_IN) this.sendWaiting(queue);
    else if (queue.index === CONTROL_OUT) this.drain(queue, this.control, this.canAnswer);
    else if (queue.index & 1) this.drain(queue, this.output);
    else if (queue.rearm()) this.options.onReceiveRoom?.(portOf(queue));
  }

  private readonly output = (chain: DescriptorChain, queue: Virtqueue): void => {
    for (let offset = 0; offset < chain.readableBytes; offset += SCRATCH_BYTES) {
      const count = chain.read(offset, this.scratch);
      this.options.onOutput(portOf(queue), this.scratch.subarray(0, count));
    }
    queue.push(chain, 0);
  };

  // ---- control messages -----------------------------------------------------------------------

  private readonly canAnswer = (): boolean => this.waiting.length < MAX_WAITING;

  private readonly control = (chain: DescriptorChain, queue: Virtqueue): void => {
    const message = this.scratch.subarray(0, CONTROL_BYTES);
    const bytes = chain.read(0, message);
    queue.push(chain, 0);
    if (bytes < CONTROL_BYTES) return;
    const view = new DataView(message.buffer);
    this.hear(view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true));
    const answers = this.queues[CONTROL_IN];
    if (answers) this.flushWaiting(answers);
  };

  private hear(port: number, event: number, value: number): void {
    if (event === DEVICE_READY) {
      if (value === 1) for (let n = 0; n < this.names.length; n++) this.queueMessage(n, PORT_ADD, 1);
      return;
    }
    const state = this.portStates[port];
    if (!state) return;
    if (event === PORT_READY) {
      state.isReady = value === 1;
      if (state.isReady) this.introduce(port);
    } else if (event === PORT_OPEN) {
      state.isOpen = value === 1;
      this.options.onOpen?.(port, state.isOpen);
    }
  }

  private introduce(port: number): void {
    if (port === 0) {
      this.queueMessage(port, CONSOLE_PORT, 1);
      this.sendSize();
    } else {
      this.queueMessage(port, PORT_NAME, 1, Uint8Array.from([...(this.names[port] ?? "")], (c) => c.charCodeAt(0) & 0x7f));
    }
    this.queueMessage(port, PORT_OPEN, 1);
  }

  private sendSize(): void {
    this.queueMessage(0, RESIZE, 0, Uint8Array.of(this.columns & 0xff, this.columns >> 8, this.rows & 0xff, this.rows >> 8));
    const queue = this.queues[CONTROL_IN];
    if (queue) this.flushWaiting(queue);
  }

  private queueMessage(port: number, event: number, value: number, more: Uint8Array = new Uint8Array(0)): void {
    const message = new Uint8Array(CONTROL_BYTES + more.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, port, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    message.set(more, CONTROL_BYTES);
    this.waiting.push(message);
  }

  private flushWaiting(queue: Virtqueue): void {
    for (let message = this.waiting[0]; message; message = this.waiting[0]) {
      const chain = queue.pop();
      if (!chain) break;
      this.waiting.shift();
      queue.push(chain, chain.write(0, message));
    }
    queue.signal();
  }

  /** The driver has given buffers for control messages: what waits goes out, and its own messages may go on. */
  private sendWaiting(queue: Virtqueue): void {
    queue.rearm();
    this.flushWaiting(queue);
    const incoming = this.queues[CONTROL_OUT];
    if (incoming?.isEnabled && this.canAnswer()) this.drain(incoming, this.control, this.canAnswer);
  }

  // ---- reset and state ------------------------------------------------------------------------

  protected override resetModel(): void {
    this.portStates.forEach((state, port) => {
      if (state.isOpen) this.options.onOpen?.(port, false);
    });
    this.portStates = this.closedPorts();
    this.waiting = [];
  }

  protected override machineReset(): void {
    this.columns = 80;
    this.rows = 25;
  }

  protected override saveModel(): ConsoleModel {
    const { columns, rows } = this;
    return { columns, rows, ports: this.portStates.map((state) => ({ ...state })), waiting: this.waiting.map((message) => message.slice()) };
  }

  protected override checkModel(model: ConsoleModel): void {
    if (model.ports.length !== this.names.length) throw new StateError(`Saved state of ${this.id} is not usable: it has ${model.ports.length} ports`);
  }

  protected override loadModel(model: ConsoleModel): void {
    this.columns = model.columns;
    this.rows = model.rows;
    this.portStates = model.ports.map((state) => ({ ...state }));
    this.waiting = model.waiting.map((message) => message.slice());
  }
}

/** Queues come in pairs of input and output; the control queues are the second pair. */
function inputQueue(port: number): number {
  return port === 0 ? 0 : 2 * port + 2;
}

function portOf(queue: Virtqueue): number {
  return queue.index < 2 ? 0 : (queue.index >> 1) - 1;
}
