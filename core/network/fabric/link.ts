// The cable between a switch and a card, a gateway or another switch, with what can be done to it: captures and faults. Captures lie
// at the far end from the switch, so that they show what a machine sends before faults and what it gets after them.
import type { LinkFaults as FaultsConfig, LinkId } from "../../api/network.ts";
import type { Clock } from "../../time/clock.ts";
import { CapturePort, type FrameObserver } from "../capture/capture-port.ts";
import { FaultPort, type LinkFaults } from "../capture/fault-port.ts";
import type { Cable, NetPort } from "../port.ts";

/** What all links of a network share. */
export interface LinkHost {
  readonly clock: Clock;
  readonly seed: number;
  /** Those of a link, whether it is there or not. */
  observersOf(id: LinkId): ReadonlySet<FrameObserver> | undefined;
  /** Frames wait in this link: poll() is due at its nextDeadlineNs(). */
  waits(link: FaultPort): void;
}

export class Link {
  readonly id: LinkId;
  /** What the switch's port takes hold of. */
  readonly end: FaultPort;
  private readonly host: LinkHost;
  private readonly capture: CapturePort;
  private readonly isTrunk: boolean;

  /** A trunk's far end is a switch too: it is seen from the near one. */
  constructor(id: LinkId, inner: NetPort, host: LinkHost, isTrunk = false) {
    this.id = id;
    this.host = host;
    this.isTrunk = isTrunk;
    this.capture = new CapturePort(inner);
    this.end = new FaultPort(this.capture, host.clock, host.seed ^ hashOf(id));
    this.end.onEarlier = () => host.waits(this.end);
    this.observe();
  }

  /** Takes up who observes it now. What the switch sends goes into the machine, so directions turn round. */
  observe(): void {
    const observers = this.host.observersOf(this.id);
    const { isTrunk } = this;
    this.capture.observer =
      observers === undefined
        ? null
        : (frame, direction) => {
            for (const observer of observers) observer(frame, (direction === "in") === isTrunk ? "in" : "out");
          };
  }

  /** All but `cut`, which takes the carrier from both ends and so is its owner's business. */
  setFaults(faults: FaultsConfig | undefined): string | undefined {
    return this.end.setFaults(faultsOf(faults ?? {}));
  }
}

/** A cut takes the carrier from both ends, as pulling the cable does. Other faults have been checked with the topology. */
export function setFaults(line: Link, cable: Cable, faults: FaultsConfig | undefined, isPlugged: boolean): void {
  line.setFaults(faults);
  const isWhole = isPlugged && faults?.cut !== true;
  if (cable.isPlugged !== isWhole) cable.setPlugged(isWhole);
}

function faultsOf({ loss, duplication, reordering, delayMs, jitterMs, bitsPerSecond, seed }: FaultsConfig): LinkFaults {
  return {
    ...(loss === undefined ? {} : { loss }),
    ...(duplication === undefined ? {} : { duplication }),
    ...(reordering === undefined ? {} : { reordering }),
    ...(delayMs === undefined ? {} : { delayNs: delayMs * 1e6 }),
    ...(jitterMs === undefined ? {} : { jitterNs: jitterMs * 1e6 }),
    ...(bitsPerSecond === undefined ? {} : { bitsPerSecond }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** FNV-1a, for seeds and addresses that follow from a name. */
export function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
