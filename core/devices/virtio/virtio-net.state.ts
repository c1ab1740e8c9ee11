// What a network card saves besides queues: address, filters, and requests that it holds.
import { z } from "zod";
import { bytes } from "../../state/field-schemas.ts";

export const QUEUE_SIZE = 256;
export const FILTER_ADDRESSES = 64;
export const VLAN_BYTES = 512;

const addresses = bytes(0, 6 * FILTER_ADDRESSES).refine((table) => table.length % 6 === 0, "must be whole addresses");
const head = z.int().min(0).max(QUEUE_SIZE - 1);

export const NetFilterState = z.strictObject({
  /** Receive mode by bit, as the control commands number them. */
  mode: z.int().min(0).max(0x3f),
  unicast: addresses,
  multicast: addresses,
  /** There were more addresses than fit. */
  isUnicastFull: z.boolean(),
  isMulticastFull: z.boolean(),
  vlans: bytes(VLAN_BYTES),
});
export type NetFilterState = z.infer<typeof NetFilterState>;

export const NetModel = z.strictObject({
  mac: bytes(6),
  /** The carrier as the driver knows it. */
  isLinkUp: z.boolean(),
  filter: NetFilterState,
  /** Receive buffers taken from the ring and not filled yet. */
  held: z.array(head).max(QUEUE_SIZE),
  /** A transmission that the port has not taken all of: its descriptor, and how many of its segments have gone out. */
  stalled: z.union([z.strictObject({ head, sent: z.int().min(0).max(0x10000) }), z.null()]),
});
export type NetModel = z.infer<typeof NetModel>;
