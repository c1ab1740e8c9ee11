// The machine's ends of its network cables, as its thread holds them.
import type { NicStart } from "../api/network-protocol.ts";
import type { MachineNic } from "../machine/machine.ts";
import { readNicRom } from "./boot-files.ts";
import { NicLinkEnd } from "./nic-link.ts";

/** Frames that a card is handed in one go: some tens of microseconds of work. */
const POLL_LIMIT = 64;

export class NetworkCards {
  readonly nics: readonly MachineNic[];
  private readonly ends: readonly NicLinkEnd[];
  private carried = 0;

  /** Throws MachineError for a ROM that cannot be read. */
  constructor(starts: readonly NicStart[]) {
    this.ends = starts.map(({ link, doorbell }) => {
      const bell = new Int32Array(doorbell);
      return new NicLinkEnd(link, "machine", () => {
        Atomics.add(bell, 0, 1);
        Atomics.notify(bell, 0);
      });
    });
    this.nics = starts.map(({ id, model, mac, rom }, i) => {
      const port = this.ends[i] as NicLinkEnd; // one was made for each
      return { id, model, mac: octets(mac), port, ...(rom === undefined ? {} : { rom: readNicRom(rom, id) }) };
    });
  }

  /** Hands the cards what has arrived. How much that was. */
  poll(): number {
    let done = 0;
    for (const end of this.ends) done += end.poll(POLL_LIMIT);
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
  }
}

function octets(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (octet) => Number.parseInt(octet, 16));
}
