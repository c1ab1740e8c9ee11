// Entropy device (virtio 1.1, 5.4): every buffer of the driver gets random bytes, whose source is handed in.
import { z } from "zod";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { VirtioDevice, type VirtioPorts } from "./virtio-device.ts";
import type { Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 64;
/** A buffer need not be filled to its end; more than this at once would only cost time. */
const MOST_AT_ONCE = 4096;

const RngModel = z.strictObject({});
type RngModel = z.infer<typeof RngModel>;

export class VirtioRng extends VirtioDevice<RngModel> {
  private readonly entropy: (into: Uint8Array) => void;
  private readonly buffer = new Uint8Array(MOST_AT_ONCE);

  /** `entropy` fills an array with random bytes. */
  constructor(id: string, ports: VirtioPorts, entropy: (into: Uint8Array) => void) {
    super(
      id,
      ports,
      { kind: "virtio-rng", deviceType: 4, transitionalId: 0x1005, classCode: 0x00ff00, features: [], queues: [{ size: QUEUE_SIZE }], configBytes: 0 },
      RngModel,
    );
    this.entropy = entropy;
  }

  protected override processQueue(queue: Virtqueue): void {
    this.drain(queue, this.serve);
  }

  private readonly serve = (chain: DescriptorChain, queue: Virtqueue): void => {
    const bytes = this.buffer.subarray(0, Math.min(chain.writableBytes, MOST_AT_ONCE));
    this.entropy(bytes);
    queue.push(chain, chain.write(0, bytes));
  };

  override readConfigByte(_offset: number): number {
    return 0;
  }

  protected override resetModel(): void {}

  protected override saveModel(): RngModel {
    return {};
  }

  protected override loadModel(_model: RngModel): void {}
}
