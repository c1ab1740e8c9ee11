// What the spanning tree knows of a port: the variables of IEEE 802.1D-2004 clause 17.19 that the machine here needs.
import type { PriorityVector } from "./bpdu.ts";

export type PortRole = "disabled" | "root" | "designated" | "alternate" | "backup";
export type PortState = "discarding" | "learning" | "forwarding";

export interface TreePort {
  readonly number: number;
  readonly id: number;
  readonly cost: number;
  up: boolean;
  role: PortRole;
  state: PortState;
  /** Whether `vector` was heard from the far end, or is what this bridge says itself. */
  heard: boolean;
  vector: PriorityVector;
  messageAge: number;
  heardUntilNs: number;
  /** When a designated port that nobody answers takes its next step to forwarding. */
  forwardAtNs: number;
  helloAtNs: number;
  /** Until when a change of topology is passed on. */
  changeUntilNs: number;
  /** A designated port asks to forward at once; the far end has agreed; this end has agreed to what the far end asked. */
  proposing: boolean;
  agreed: boolean;
  agreeing: boolean;
  sentInSecond: number;
  secondNs: number;
  sendPending: boolean;
}

export function newTreePort(number: number, cost: number, vector: PriorityVector): TreePort {
  return {
    number,
    id: 0x8000 | number,
    cost,
    up: false,
    role: "disabled",
    state: "discarding",
    heard: false,
    vector,
    messageAge: 0,
    heardUntilNs: Infinity,
    forwardAtNs: Infinity,
    helloAtNs: Infinity,
    changeUntilNs: 0,
    proposing: false,
    agreed: false,
    agreeing: false,
    sentInSecond: 0,
    secondNs: 0,
    sendPending: false,
  };
}
