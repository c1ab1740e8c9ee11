// Bridge protocol data units: RST BPDUs, and configuration BPDUs as they are received from an old bridge. IEEE 802.1D-2004 clause 9.3,
// in 802.3 frames with LLC (clause 7.12.3). Topology change notifications of old bridges are taken as a topology change.
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from "../wire/bytes.ts";

export const BPDU_ADDRESS = 0x0180_c200_0000;
const LLC = 0x42_42_03;
const BPDU_AT = 17;
const CONFIG_BYTES = 35;
const RST_BYTES = 36;
/** Times are in 256ths of a second. */
const UNIT = 256;

/** Priority and address of the root, cost to it, priority and address of the sending bridge, its port: less is better, from the left. */
export type PriorityVector = readonly [number, number, number, number, number, number];

export type BpduRole = "unknown" | "alternate" | "root" | "designated";
const ROLES: readonly BpduRole[] = ["unknown", "alternate", "root", "designated"];

export interface Bpdu {
  readonly vector: PriorityVector;
  readonly role: BpduRole;
  readonly topologyChange: boolean;
  readonly proposal: boolean;
  readonly agreement: boolean;
  readonly learning: boolean;
  readonly forwarding: boolean;
  /** Hops from the root, one second each. */
  readonly messageAge: number;
}

/** -1 if `a` is better, 1 if it is worse. */
export function compareVectors(a: PriorityVector, b: PriorityVector): number {
  for (let i = 0; i < 6; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}

/** The BPDU in a frame, "notification" for one of topology change, or undefined if the frame holds none that is in order. */
export function readBpdu(frame: Uint8Array): Bpdu | "notification" | undefined {
  const length = readU16(frame, 12);
  if (frame.length < BPDU_AT + 4 || length < 7 || 14 + length > frame.length) return undefined;
  if (readU32(frame, 13) % 0x100_0000 !== LLC || readU16(frame, BPDU_AT) !== 0) return undefined;
  const type = frame[BPDU_AT + 3];
  if (type === 0x80) return "notification";
  const isRst = type === 2 && frame[BPDU_AT + 2]! >= 2;
  if (!isRst && type !== 0) return undefined;
  if (length - 3 < (isRst ? RST_BYTES : CONFIG_BYTES)) return undefined;
  const flags = frame[BPDU_AT + 4]!;
  const at = BPDU_AT + 5;
  return {
    vector: [
      readU16(frame, at),
      readU48(frame, at + 2),
      readU32(frame, at + 8),
      readU16(frame, at + 12),
      readU48(frame, at + 14),
      readU16(frame, at + 20),
    ],
    role: isRst ? ROLES[(flags >>> 2) & 3]! : "designated",
    topologyChange: (flags & 1) !== 0,
    proposal: isRst && (flags & 2) !== 0,
    learning: isRst && (flags & 0x10) !== 0,
    forwarding: isRst && (flags & 0x20) !== 0,
    agreement: isRst && (flags & 0x40) !== 0,
    messageAge: readU16(frame, at + 22) / UNIT,
  };
}

/** A frame with an RST BPDU. Times in seconds. */
export function writeBpdu(bpdu: Bpdu, source: number, maxAge: number, hello: number, forwardDelay: number): Uint8Array {
  const frame = new Uint8Array(60);
  writeU48(frame, 0, BPDU_ADDRESS);
  writeU48(frame, 6, source);
  writeU16(frame, 12, 3 + RST_BYTES);
  frame.set([0x42, 0x42, 0x03], 14);
  frame[BPDU_AT + 2] = 2;
  frame[BPDU_AT + 3] = 2;
  frame[BPDU_AT + 4] =
    (bpdu.topologyChange ? 1 : 0) |
    (bpdu.proposal ? 2 : 0) |
    (ROLES.indexOf(bpdu.role) << 2) |
    (bpdu.learning ? 0x10 : 0) |
    (bpdu.forwarding ? 0x20 : 0) |
    (bpdu.agreement ? 0x40 : 0);
  const at = BPDU_AT + 5;
  const [rootPriority, root, cost, priority, bridge, port] = bpdu.vector;
  writeU16(frame, at, rootPriority);
  writeU48(frame, at + 2, root);
  writeU32(frame, at + 8, Math.min(cost, 0xffff_ffff));
  writeU16(frame, at + 12, priority);
  writeU48(frame, at + 14, bridge);
  writeU16(frame, at + 20, port);
  writeU16(frame, at + 22, Math.min(bpdu.messageAge * UNIT, 0xffff));
  writeU16(frame, at + 24, maxAge * UNIT);
  writeU16(frame, at + 26, hello * UNIT);
  writeU16(frame, at + 28, forwardDelay * UNIT);
  return frame;
}
