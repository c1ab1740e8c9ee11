// What a switch counts, for each port and each VLAN (after the interface group of RFC 2863). Flat arrays, so that counting allocates nothing.

export const PORT_COUNTERS = [
  "receivedFrames",
  "receivedBytes",
  "sentFrames",
  "sentBytes",
  /** Why frames from the port were dropped. */
  "runt",
  "oversized",
  "forged",
  "wrongVlan",
  "filtered",
  "notForwarding",
  "storm",
  "rateLimit",
  /** Frames for the port that it could not take, and frames that waited at a switch without room. */
  "overrun",
] as const;

export type PortCounter = (typeof PORT_COUNTERS)[number];
export type PortCounts = Readonly<Record<PortCounter, number>>;

export const RECEIVED_FRAMES = 0;
export const RECEIVED_BYTES = 1;
export const SENT_FRAMES = 2;
export const SENT_BYTES = 3;
export const DROP_RUNT = 4;
export const DROP_OVERSIZED = 5;
export const DROP_FORGED = 6;
export const DROP_WRONG_VLAN = 7;
export const DROP_FILTERED = 8;
export const DROP_NOT_FORWARDING = 9;
export const DROP_STORM = 10;
export const DROP_RATE = 11;
export const DROP_OVERRUN = 12;

/** Frames and bytes of a VLAN as they entered the switch, and how many of the frames were flooded. */
export interface VlanCounts {
  readonly frames: number;
  readonly bytes: number;
  readonly flooded: number;
}

export function portCounts(counters: Float64Array): PortCounts {
  return Object.fromEntries(PORT_COUNTERS.map((name, i) => [name, counters[i] ?? 0])) as Record<PortCounter, number>;
}
