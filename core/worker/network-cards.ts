// The machine's ends of its network cables, as its thread holds them.
import { DoorbellWord, type NicStart } from "../api/network-protocol.ts";
import type { MachineNic } from "../machine/machine.ts";
import { readNicRom } from "./boot-files.ts";
import { NicLinkEnd } from "./nic-link.ts";

/** Frames that a card is handed in one go: some tens of microseconds of work. */
const POLL_LIMIT = 64;

export class NetworkCards {
  readonly nics: readonly MachineNic[];
  private readonly ends: readonly NicLinkEnd[];
  private readonly bells: readonly Int32Array[];
  private mustRing = false;
  private carried = 0;

  /** Throws MachineError for a ROM that cannot be read. */
  constructor(starts: readonly NicStart[]) {
    this.bells = [...new Set(starts.map(({ doorbell }) => doorbell))].map((doorbell) => new Int32Array(doorbell));
    this.ends = starts.map(({ link }) => new NicLinkEnd(link, "machine", () => (this.mustRing = true)));
    this.nics = starts.map(({ id, model, mac, rom }, i) => {
      const port = this.ends[i] as NicLinkEnd; // one was made for each
      return { id, model, mac: octets(mac), port, ...(rom === undefined ? {} : { rom: readNicRom(rom, id) }) };
    });
  }

  /** Hands the cards what has arrived; how much that was. Then wakes the network's thread for what they have sent since the last time: once
   *  for many frames, because waking it costs more than a frame does. */
  poll(): number {
    let done = 0;
    for (const end of this.ends) done += end.poll(POLL_LIMIT);
    if (this.mustRing) this.ring();
    return done;
  }

  /** Whether frames have passed since the last look. */
  hasWorked(): boolean {
    const carried = this.ends.reduce((sum, end) => sum + end.carried, 0);
    const has = carried !== this.carried;
    this.carried = carried;
    return has;
  }

  /** The machine has ended: the network sees its carrier go. */
  disconnect(): void {
    for (const end of this.ends) end.connect(null);
    this.ring();
  }

  private ring(): void {
    this.mustRing = false;
    for (const bell of this.bells) {
      Atomics.add(bell, DoorbellWord.RUNG, 1);
      if (Atomics.load(bell, DoorbellWord.ASLEEP) !== 0) Atomics.notify(bell, DoorbellWord.RUNG);
    }
  }
}

function octets(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (octet) => Number.parseInt(octet, 16));
}
