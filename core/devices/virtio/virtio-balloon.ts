// Memory balloon (virtio 1.1, 5.5; free page reporting: 1.2, 5.5.6.7): pages that the guest does without are named to the host, which
// may take them back; statistics on request. Queue 3 is reporting, as Linux counts it when free page hints are not offered. Left
// out: free page hints, page poisoning. What the host takes back reads as zero, or as it was, when the guest uses it again.
import { z } from "zod";
import type { ResetKind } from "../../bus/device.ts";
import { u32 } from "../../state/field-schemas.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { VirtioDevice, type VirtioPorts } from "./virtio-device.ts";
import type { Virtqueue } from "./virtqueue.ts";

const PAGE = 4096;
const QUEUE_SIZE = 128, REPORTING_SIZE = 64;
const INFLATE = 0, DEFLATE = 1, STATS = 2, REPORTING = 3;
const F_STATS = 1, F_DEFLATE_ON_OOM = 2, F_REPORTING = 5;
/** Page numbers in one request, and bytes in one report: Linux sends 256, and 32 blocks of 4 MiB. */
const MAX_LIST_BYTES = 64 << 10;
const MAX_REPORT_BYTES = 512 << 20;
const ACTUAL = 4;
const CONFIG_BYTES = 8;
const STAT_BYTES = 10;
/** Names of the statistics, by tag. */
const STAT_NAMES = [
  "swapIn", "swapOut", "majorFaults", "minorFaults", "freeBytes", "totalBytes", "availableBytes", "cacheBytes", "hugetlbAllocations", "hugetlbFailures",
] as const;

export type BalloonStats = Partial<Record<(typeof STAT_NAMES)[number], number>>;

export interface BalloonHost {
  /** The guest does without these pages of RAM until it writes to them again. Page-aligned. */
  pagesReleased(gpa: number, length: number): void;
  /** How many pages of 4 KiB the balloon has now. */
  onActual?(pages: number): void;
  onStats?(stats: BalloonStats): void;
}

const BalloonModel = z.strictObject({
  target: u32,
  actual: u32,
  /** The request that waits until statistics are wanted. */
  statsHead: z.union([z.int().min(0).max(QUEUE_SIZE - 1), z.null()]),
});
type BalloonModel = z.infer<typeof BalloonModel>;

export class VirtioBalloon extends VirtioDevice<BalloonModel> {
  private readonly host: BalloonHost;
  private target = 0;
  private actual = 0;
  private statsHead: number | null = null;
  private readonly list = new Uint8Array(PAGE);
  private readonly listFields = new DataView(this.list.buffer);

  constructor(id: string, ports: VirtioPorts, host: BalloonHost) {
    super(
      id,
      ports,
      {
        kind: "virtio-balloon", deviceType: 5, transitionalId: 0x1002, classCode: 0x00ff00, features: [F_STATS, F_DEFLATE_ON_OOM, F_REPORTING],
        queues: [
          { size: QUEUE_SIZE, maxChainBytes: MAX_LIST_BYTES },
          { size: QUEUE_SIZE, maxChainBytes: MAX_LIST_BYTES },
          { size: QUEUE_SIZE, maxChainBytes: MAX_LIST_BYTES },
          { size: REPORTING_SIZE, maxChainBytes: MAX_REPORT_BYTES },
        ],
        configBytes: CONFIG_BYTES,
      },
      BalloonModel,
    );
    this.host = host;
  }

  /** Asks the guest to give up (or take back) pages of 4 KiB until the balloon has this many. */
  setTarget(pages: number): void {
    const target = Math.max(0, Math.min(Math.floor(pages), 0xffffffff));
    if (target === this.target) return;
    this.target = target;
    this.configChanged();
  }

  /** Asks for statistics; onStats hears them later. False while the guest has none to give. */
  requestStats(): boolean {
    const queue = this.queues[STATS];
    if (this.statsHead === null || !queue || !this.isRunning) return false;
    queue.pushHead(this.statsHead, 0);
    this.statsHead = null;
    queue.signal();
    return true;
  }

  override readConfigByte(offset: number): number {
    return (offset < ACTUAL ? this.target : this.actual) >>> (8 * (offset & 3));
  }

  override writeConfigByte(offset: number, value: number): void {
    if (offset < ACTUAL) return;
    const shift = 8 * (offset - ACTUAL);
    this.actual = ((this.actual & ~(0xff << shift)) | (value << shift)) >>> 0;
    if (offset === CONFIG_BYTES - 1) this.host.onActual?.(this.actual);
  }

  protected override processQueue(queue: Virtqueue): void {
    this.drain(queue, this.serve);
  }

  private readonly serve = (chain: DescriptorChain, queue: Virtqueue): void => {
    if (queue.index === STATS) {
      this.takeStats(chain, queue);
      return;
    }
    if (queue.index === INFLATE) this.inflate(chain);
    else if (queue.index === REPORTING) chain.eachWritable(this.releaseRange);
    else if (queue.index !== DEFLATE) return;
    queue.push(chain, 0);
  };

  private inflate(chain: DescriptorChain): void {
    let start = -1;
    let end = -1;
    for (let offset = 0; offset < chain.readableBytes; offset += PAGE) {
      const bytes = chain.read(offset, this.list);
      for (let at = 0; at + 4 <= bytes; at += 4) {
        const gpa = this.listFields.getUint32(at, true) * PAGE;
        // Neighbours, in either direction, are one range.
        if (gpa === end) end += PAGE;
        else if (gpa === start - PAGE) start = gpa;
        else {
          if (end > start) this.releaseRange(start, end - start);
          start = gpa;
          end = gpa + PAGE;
        }
      }
    }
    if (end > start) this.releaseRange(start, end - start);
  }

  /** Only whole pages, and only RAM. */
  private readonly releaseRange = (gpa: number, length: number): void => {
    const start = Math.ceil(gpa / PAGE) * PAGE;
    const end = Math.floor((gpa + length) / PAGE) * PAGE;
    if (end > start && end <= 2 ** 32 && this.memory.isRam(start, end - start)) this.host.pagesReleased(start, end - start);
  };

  /** The driver gives statistics of the last time; the buffer is kept until new ones are wanted. */
  private takeStats(chain: DescriptorChain, queue: Virtqueue): void {
    if (this.statsHead !== null) queue.pushHead(this.statsHead, 0);
    this.statsHead = chain.head;
    const bytes = chain.read(0, this.list);
    const stats: BalloonStats = {};
    for (let at = 0; at + STAT_BYTES <= bytes; at += STAT_BYTES) {
      const name = STAT_NAMES[this.listFields.getUint16(at, true)];
      if (name) stats[name] = this.listFields.getUint32(at + 2, true) + this.listFields.getUint32(at + 6, true) * 2 ** 32;
    }
    queue.forget(chain);
    this.host.onStats?.(stats);
  }

  protected override resetModel(): void {
    this.actual = 0;
    this.statsHead = null;
  }

  protected override machineReset(kind: ResetKind): void {
    if (kind === "power") this.target = 0;
  }

  protected override saveModel(): BalloonModel {
    const { target, actual, statsHead } = this;
    return { target, actual, statsHead };
  }

  protected override loadModel(model: BalloonModel): void {
    this.target = model.target;
    this.actual = model.actual;
    this.statsHead = model.statsHead;
  }

  override describe(): Record<string, string> {
    return { ...super.describe(), target: `${this.target} pages`, actual: `${this.actual} pages` };
  }
}
