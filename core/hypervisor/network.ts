// The virtual network as the fleet sees it.
import type { Nic } from "../api/network.ts";
import type { NicStart, NicWiring } from "../api/network-protocol.ts";

/** What joins the cards of a machine to the network, for whoever starts the machine. */
export interface NicJoiner {
  /** Before the machine's thread starts: what it is to be told of the card. `control` holds its ControlWords; `nic.rom` is absolute.
   *  Never rejects for the network's sake: a card whose switch does not exist, or whose network does not run, has no carrier. */
  attach(vmId: string, machine: string, nic: Nic, control: SharedArrayBuffer): Promise<NicStart>;
  /** Changes what a card that is attached is joined to, at once. Rejects with VmError, and nothing has changed. */
  wire(vmId: string, nicId: Nic["id"], wiring: NicWiring): Promise<void>;
  /** At the machine's end: all its cards. */
  detach(vmId: string): void;
}
