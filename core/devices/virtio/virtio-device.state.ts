// What every virtio device saves besides its own model: the PCI function, status, features, the transport's selectors and the queues.
import { z } from "zod";
import { PciFunctionState } from "../../bus/pci-function.ts";
import { u8, u16, u32 } from "../../state/field-schemas.ts";
import { NO_VECTOR, type QueueSpec } from "./virtqueue.ts";

function vectorOf(count: number): z.ZodType<number> {
  return z.union([z.int().min(0).max(count - 1), z.literal(NO_VECTOR)]);
}

function queueState(spec: QueueSpec, vectors: number) {
  return z.strictObject({
    size: z.int().min(1).max(spec.size).refine((size) => (size & (size - 1)) === 0, "must be a power of two"),
    isEnabled: z.boolean(),
    vector: vectorOf(vectors),
    areas: z.array(u32).length(6),
    nextAvailable: u16,
    nextUsed: u16,
    signalled: u16,
    outstanding: z.int().min(0).max(spec.size),
  });
}

export const MAX_QUEUES = 30;

/** Schema of a whole device; `model` is that of its own part. */
export function virtioState<M>(kind: string, queues: readonly QueueSpec[], model: z.ZodType<M>) {
  const vectors = queues.length + 1;
  const [first, ...rest] = queues.map((spec) => queueState(spec, vectors));
  if (!first) throw new RangeError(`${kind} has no queue`);
  return z.strictObject({
    kind: z.literal(kind),
    version: z.literal(1),
    pci: PciFunctionState,
    virtio: z.strictObject({
      status: u8,
      isLegacy: z.boolean(),
      features: z.array(u32).length(2),
      isr: z.int().min(0).max(3),
      configVector: vectorOf(vectors),
      generation: u8,
      featureSelect: u32,
      driverFeatureSelect: u32,
      queueSelect: u16,
      /** Queues that have work left over, by bit. */
      pendingWork: z.int().min(0).max(2 ** queues.length - 1),
    }),
    queues: z.tuple([first, ...rest]),
    model,
  });
}
