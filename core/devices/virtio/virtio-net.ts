// Network card (virtio 1.1, 5.1): mergeable receive buffers, checksums and TCP segmentation done on transmit, segments of a TCP flow that
// come in a row joined on receive, filters by control queue, carrier, MTU. A port carries whole frames with checksums only.
// Not offered: several queue pairs, UDP fragmentation, announcements. What the port does not take waits in the ring: no frame of the
// guest's is lost for want of room but those a peer drops. Frames that are none, or too long, are let pass unseen.
import type { PciRom } from "../../bus/pci-function.ts";
import type { NetPort, NetPortClient } from "../../network/port.ts";
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES } from "../../network/port.ts";
import { FrameBuffer } from "../../network/offload/frame-buffer.ts";
import { JOINABLE, PLAIN, TcpCoalescer } from "../../network/offload/tcp-coalescer.ts";
import { TcpSegmenter, completeChecksum } from "../../network/offload/tcp-segmenter.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { F_VERSION_1, VirtioDevice, type VirtioPorts } from "./virtio-device.ts";
import { serveNetControl } from "./virtio-net-control.ts";
import { VirtioNetFilter } from "./virtio-net-filter.ts";
import { NetModel, QUEUE_SIZE } from "./virtio-net.state.ts";
import type { Virtqueue } from "./virtqueue.ts";

const RX = 0, TX = 1, CONTROL = 2;
const F_CSUM = 0, F_GUEST_CSUM = 1, F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8, F_MTU = 3, F_MAC = 5, F_HOST_TSO4 = 11, F_HOST_TSO6 = 12, F_HOST_ECN = 13, F_MERGEABLE = 15, F_STATUS = 16;
const F_CONTROL = 17, F_CONTROL_RX = 18, F_CONTROL_VLAN = 19, F_CONTROL_RX_EXTRA = 20, F_CONTROL_MAC = 23;
const FEATURES = [
  F_CSUM, F_MAC, F_HOST_TSO4, F_HOST_TSO6, F_HOST_ECN, F_MERGEABLE, F_STATUS, F_CONTROL, F_CONTROL_RX, F_CONTROL_VLAN, F_CONTROL_RX_EXTRA, F_CONTROL_MAC,
  F_GUEST_CSUM, F_GUEST_TSO4, F_GUEST_TSO6,
];
const CONFIG_BYTES = 12;
const STATUS_AT = 6, PAIRS_AT = 8, MTU_AT = 10;
const HEADER_BYTES = 12, LEGACY_HEADER_BYTES = 10, COUNT_AT = 10;
const NEEDS_CHECKSUM = 1, DATA_VALID = 2, GSO_NONE = 0, GSO_TCP4 = 1, GSO_TCP6 = 4, GSO_ECN = 0x80;
/** A packet to be segmented: the largest IP packet behind a header with two tags. */
const PACKET_MAX_BYTES = 0xffff + FRAME_HEADER_BYTES + 8;
/** Drivers give receive buffers of up to 17 pages. */
const MAX_CHAIN_BYTES = 128 << 10;
const TAG_BYTES = 8;
const ETHERNET_MTU = 1500;
const TCP_CHECKSUM_AT = 16;

export interface VirtioNetOptions {
  mac: Uint8Array;
  /** Told to the driver as the network's; without it the driver may use what it likes. 68 to 9000. */
  mtu?: number;
  port?: NetPort;
  rom?: PciRom;
}

export class VirtioNet extends VirtioDevice<NetModel> implements NetPortClient {
  private readonly ownMac: Uint8Array;
  private readonly mtu: number | undefined;
  private port: NetPort | null = null;
  private mac: Uint8Array<ArrayBuffer>;
  private isLinkUp = false;
  private readonly filter = new VirtioNetFilter();
  private readonly header = new Uint8Array(HEADER_BYTES);
  private readonly legacyHeader = this.header.subarray(0, LEGACY_HEADER_BYTES);
  private readonly headerFields = new DataView(this.header.buffer);
  private readonly rxHeader = new Uint8Array(HEADER_BYTES);
  private readonly legacyRxHeader = this.rxHeader.subarray(0, LEGACY_HEADER_BYTES);
  private readonly rxFields = new DataView(this.rxHeader.buffer);
  private readonly joined = new TcpCoalescer();
  private readonly packet = new FrameBuffer(PACKET_MAX_BYTES);
  private readonly segmenter = new TcpSegmenter();
  /** Receive buffers taken from the ring and not filled yet, and their room; `lost` are such that load() knows by number only. */
  private readonly held: DescriptorChain[] = [];
  private heldBytes = 0;
  private lost: number[] = [];
  private stalled: NetModel["stalled"] = null;
  /** A sender has been told that there is no room. */
  private isStarved = false;
  private isSending = false;

  constructor(id: string, ports: VirtioPorts, options: VirtioNetOptions) {
    const { mac, mtu, port, rom } = options;
    if (mac.length !== 6 || ((mac[0] ?? 0) & 1) !== 0) throw new RangeError(`${id} needs an address of its own`);
    if (mtu !== undefined && (mtu < 68 || mtu > 9000)) throw new RangeError(`${id} cannot have an MTU of ${mtu}`);
    const queue = { size: QUEUE_SIZE, maxChainBytes: MAX_CHAIN_BYTES };
    super(
      id,
      ports,
      {
        kind: "virtio-net", deviceType: 1, transitionalId: 0x1000, classCode: 0x020000, features: mtu === undefined ? FEATURES : [...FEATURES, F_MTU],
        queues: [queue, queue, { size: 64, maxChainBytes: MAX_CHAIN_BYTES }], configBytes: CONFIG_BYTES,
        ...(rom ? { rom } : {}),
      },
      NetModel,
    );
    this.ownMac = Uint8Array.from(mac);
    this.mac = Uint8Array.from(mac);
    this.mtu = mtu;
    if (port) this.attach(port);
    // No driver has seen the carrier come.
    this.generation = 0;
  }

  /** The address that the driver uses now. */
  get address(): Uint8Array {
    return this.mac.slice();
  }

  /** Plugs the card into another port, or into none, while the guest runs. */
  attach(port: NetPort | null): void {
    this.port?.connect(null);
    this.joined.drop();
    this.port = port;
    port?.connect(this);
    this.linkChanged(port?.linkUp ?? false);
    if (port?.linkUp) port.receiveReady();
  }

  // ---- the port's client ----------------------------------------------------------------------

  linkChanged(up: boolean): void {
    if (up !== this.isLinkUp) {
      this.isLinkUp = up;
      this.configChanged();
    }
    this.sendReady();
  }

  sendReady(): void {
    // Within a send of our own, transmission goes on by itself.
    if (!this.isSending) this.notify(TX);
  }

  canReceive(): boolean {
    // A frame in several buffers must not find half of them only; what is being joined has its own.
    const { segments, length } = this.joined;
    const pending = segments > 0 ? HEADER_BYTES + length : 0;
    if (this.reserve(this.isMergeable ? pending + HEADER_BYTES + (this.mtu ?? ETHERNET_MTU) + FRAME_HEADER_BYTES + TAG_BYTES : 1)) return true;
    this.isStarved = true;
    return false;
  }

  receive(frame: Uint8Array): void {
    const queue = this.queues[RX];
    if (!queue?.isEnabled || !this.isRunning || frame.length < FRAME_HEADER_BYTES || frame.length > FRAME_MAX_BYTES) return;
    if (this.has(F_CONTROL_RX) && !this.filter.accepts(frame, this.mac, this.has(F_CONTROL_VLAN))) return;
    if (this.joins) this.join(frame);
    else this.deliver(queue, frame);
  }

  receiveEnd(): void {
    if (this.joined.segments > 0) this.deliverJoined();
  }

  /** The driver takes packets larger than frames, and the port says when a row of frames ends. */
  private get joins(): boolean {
    return this.port?.comesInRows === true && this.isMergeable && this.has(F_GUEST_CSUM) && (this.has(F_GUEST_TSO4) || this.has(F_GUEST_TSO6));
  }

  private join(frame: Uint8Array): void {
    const { joined } = this;
    const kind = joined.look(frame);
    const isWanted = kind === JOINABLE && this.has(joined.frameIsIpv4 ? F_GUEST_TSO4 : F_GUEST_TSO6);
    if (isWanted && joined.follows(frame) && this.reserve(HEADER_BYTES + joined.lengthWith())) {
      joined.take(frame);
      return;
    }
    this.receiveEnd();
    if (isWanted && this.reserve(HEADER_BYTES + frame.length)) {
      joined.take(frame);
      return;
    }
    this.rxFields.setUint8(0, kind === PLAIN ? 0 : DATA_VALID);
    this.deliver(this.queues[RX] as Virtqueue, frame); // receive() has looked
    this.rxHeader.fill(0);
  }

  private deliverJoined(): void {
    const { joined, rxFields } = this;
    const { segments, segmentBytes, tcpAt, isIpv4 } = joined;
    const packet = joined.finish();
    const queue = this.queues[RX];
    if (!queue?.isEnabled || !this.isRunning) return;
    if (segments === 1) rxFields.setUint8(0, DATA_VALID);
    else {
      rxFields.setUint8(0, NEEDS_CHECKSUM);
      rxFields.setUint8(1, isIpv4 ? GSO_TCP4 : GSO_TCP6);
      rxFields.setUint16(2, joined.headerBytes, true);
      rxFields.setUint16(4, segmentBytes, true);
      rxFields.setUint16(6, tcpAt, true);
      rxFields.setUint16(8, TCP_CHECKSUM_AT, true);
    }
    this.deliver(queue, packet);
    this.rxHeader.fill(0);
  }

  /** Hands a frame to the driver, with what the header says now. */
  private deliver(queue: Virtqueue, frame: Uint8Array): void {
    const header = this.headerBytes === HEADER_BYTES ? this.rxHeader : this.legacyRxHeader;
    const needed = header.length + frame.length;
    const { isMergeable } = this;
    if (!this.reserve(isMergeable ? needed : 1)) {
      this.isStarved = true;
      return;
    }
    const first = this.held[0] as DescriptorChain; // reserve() has seen to it
    if (first.writableBytes < header.length) {
      this.fail("a receive buffer is too small for the header");
      return;
    }
    // Without mergeable buffers, one that is too small stays for a shorter frame.
    if (!isMergeable && first.writableBytes < needed) return;
    let used = 1;
    for (let room = first.writableBytes; room < needed; used++) room += (this.held[used] as DescriptorChain).writableBytes;
    this.rxHeader[COUNT_AT] = used & 0xff;
    this.rxHeader[COUNT_AT + 1] = used >> 8;
    first.write(0, header);
    for (let i = 0, done = 0, at = header.length; i < used; i++, at = 0) {
      const chain = this.held[i] as DescriptorChain;
      const count = chain.write(at, done === 0 ? frame : frame.subarray(done));
      done += count;
      this.heldBytes -= chain.writableBytes;
      queue.push(chain, at + count);
    }
    if (used === 1) this.held.shift();
    else this.held.splice(0, used);
    queue.signal();
  }

  /** Takes buffers from the ring until `bytes` fit into those held. False if the driver has not given enough. */
  private reserve(bytes: number): boolean {
    const queue = this.queues[RX];
    if (!queue?.isEnabled || !this.isRunning) return false;
    for (let head = this.lost.shift(); head !== undefined; head = this.lost.shift()) this.hold(queue.again(head));
    while (this.heldBytes < bytes) {
      const chain = queue.pop();
      if (chain) this.hold(chain);
      else if (!queue.rearm()) return false;
    }
    return true;
  }

  private hold(chain: DescriptorChain | null): void {
    if (!chain) return;
    this.held.push(chain);
    this.heldBytes += chain.writableBytes;
  }

  // ---- queues ---------------------------------------------------------------------------------

  private get isMergeable(): boolean {
    return this.has(F_MERGEABLE);
  }

  private get headerBytes(): number {
    return this.isMergeable || this.has(F_VERSION_1) ? HEADER_BYTES : LEGACY_HEADER_BYTES;
  }

  protected override processQueue(queue: Virtqueue): void {
    if (queue.index === TX) this.transmitAll(queue);
    else if (queue.index === CONTROL) this.drain(queue, this.control);
    else if (this.isStarved && this.canReceive()) {
      this.isStarved = false;
      this.port?.receiveReady();
    }
  }

  private transmitAll(queue: Virtqueue): void {
    if (this.isSending) return;
    this.isSending = true;
    const { stalled } = this;
    if (stalled && this.isPortReady()) {
      this.stalled = null;
      const chain = queue.again(stalled.head);
      if (chain) this.transmit(chain, queue, stalled.sent);
      queue.signal();
    }
    if (!this.stalled) this.drain(queue, this.transmit, this.canSend);
    this.isSending = false;
  }

  /** Without carrier frames go nowhere, but they go. */
  private isPortReady(): boolean {
    return this.port === null || !this.port.linkUp || this.port.canSend();
  }

  private readonly canSend = (): boolean => this.stalled === null && this.isPortReady();

  /** Sends a request's frame, or what is left of its segments after `sent`. */
  private readonly transmit = (chain: DescriptorChain, queue: Virtqueue, sent?: unknown): void => {
    const at = this.headerBytes;
    if (chain.readableBytes < at) {
      queue.push(chain, 0);
      this.fail("a packet is shorter than its header");
      return;
    }
    const length = chain.readableBytes - at;
    if (this.port !== null && length >= FRAME_HEADER_BYTES && length <= PACKET_MAX_BYTES) {
      chain.read(0, at === HEADER_BYTES ? this.header : this.legacyHeader);
      const frame = this.packet.frame(length);
      chain.read(at, frame);
      const done = this.sendPacket(this.port, frame, typeof sent === "number" ? sent : 0);
      if (done >= 0) {
        this.stalled = { head: chain.head, sent: done };
        queue.forget(chain);
        return;
      }
    }
    queue.push(chain, 0);
  };

  /** Gives how many segments went out before the port was full, or -1 when all is done. */
  private sendPacket(port: NetPort, frame: Uint8Array, sent: number): number {
    const { header, headerFields, packet, segmenter } = this;
    const type = (header[1] as number) & ~GSO_ECN;
    const start = headerFields.getUint16(6, true);
    const needsChecksum = ((header[0] as number) & NEEDS_CHECKSUM) !== 0 && this.has(F_CSUM);
    if (type === GSO_NONE) {
      if (frame.length > FRAME_MAX_BYTES) return -1;
      if (needsChecksum && !completeChecksum(packet.view, frame.length, start, start + headerFields.getUint16(8, true))) return -1;
      port.send(frame);
      return -1;
    }
    if (!needsChecksum || !((type === GSO_TCP4 && this.has(F_HOST_TSO4)) || (type === GSO_TCP6 && this.has(F_HOST_TSO6)))) return -1;
    if (!segmenter.begin(packet.bytes, packet.view, frame.length, start, headerFields.getUint16(4, true))) return -1;
    for (let i = sent; i < segmenter.count; i++) {
      if (port.linkUp && !port.canSend()) return i;
      port.send(segmenter.segment(i));
    }
    return -1;
  }

  private readonly control = (chain: DescriptorChain, queue: Virtqueue): void => {
    const status = Uint8Array.of(serveNetControl(chain, this.filter, (mac) => this.mac.set(mac)) ? 0 : 1);
    queue.push(chain, chain.write(0, status));
  };

  // ---- registers ------------------------------------------------------------------------------

  override readConfigByte(offset: number): number {
    if (offset < STATUS_AT) return this.mac[offset] ?? 0;
    if (offset === STATUS_AT) return this.isLinkUp ? 1 : 0;
    if (offset === PAIRS_AT) return 1;
    return offset >= MTU_AT ? ((this.mtu ?? 0) >>> (8 * (offset - MTU_AT))) & 0xff : 0;
  }

  /** Legacy drivers set the address here. */
  override writeConfigByte(offset: number, value: number): void {
    if (offset < STATUS_AT && !this.has(F_VERSION_1)) this.mac[offset] = value;
  }

  // ---- reset and state ------------------------------------------------------------------------

  protected override driverReady(): void {
    this.port?.receiveReady();
  }

  protected override resetModel(): void {
    this.held.length = 0;
    this.heldBytes = 0;
    this.joined.drop();
    this.lost = [];
    this.stalled = null;
    this.isStarved = false;
    this.filter.reset();
    this.mac.set(this.ownMac);
  }

  protected override saveModel(): NetModel {
    const held = [...this.held.map((chain) => chain.head), ...this.lost];
    return { mac: this.mac.slice(), isLinkUp: this.isLinkUp, filter: this.filter.save(), held, stalled: this.stalled && { ...this.stalled } };
  }

  protected override loadModel(model: NetModel): void {
    this.mac.set(model.mac);
    this.isLinkUp = model.isLinkUp;
    this.filter.load(model.filter);
    this.held.length = 0;
    this.heldBytes = 0;
    this.lost = [...model.held];
    this.stalled = model.stalled && { ...model.stalled };
    this.isStarved = false;
    this.resumeLater();
  }

  /** The port may be another than when the device was saved. */
  protected override resume(): void {
    this.linkChanged(this.port?.linkUp ?? false);
    this.port?.receiveReady();
  }

  override describe(): Record<string, string> {
    const address = [...this.mac].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    return { ...super.describe(), address, carrier: this.isLinkUp ? "yes" : "no" };
  }
}
