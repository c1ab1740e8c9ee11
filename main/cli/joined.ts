// One machine in the foreground, joined to a network.
import type { LinkId, Nic } from "../../core/api/network.ts";
import type { NicStart } from "../../core/api/network-protocol.ts";
import { VirtualNetwork } from "../../core/hypervisor/network.ts";
import { NetworkFile } from "../../core/hypervisor/network-file.ts";
import type { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { newControl } from "../../core/hypervisor/vm-thread.ts";
import { tellOfBridges } from "./bridge-state.ts";
import type { CliHost } from "./cli.ts";
import { type ForegroundOptions, runInForeground } from "./foreground.ts";

export interface JoinedMachine {
  id: string;
  /** As DNS is to know it. */
  name: string;
  nics: readonly Nic[];
  /** The card to watch, and the pcapng file. */
  capture?: { nic: Nic["id"]; path: string };
}

/** Gives the exit status. The network is closed at the end. */
export async function runJoined(network: VirtualNetwork, { id, name, nics, capture }: JoinedMachine, options: ForegroundOptions): Promise<number> {
  try {
    await tellOfBridges(network, options.streams);
    const control = newControl();
    const cards: NicStart[] = [];
    for (const nic of nics) cards.push(await network.attach(id, name, nic, control));
    const link: LinkId | undefined = capture && `${id}/${capture.nic}`;
    const running = link === undefined || !capture ? undefined : await network.startCapture(link, capture.path, false);
    const status = await runInForeground({ ...options, control, start: { ...options.start, nics: cards } });
    if (running) await network.stopCapture(running.id);
    return status;
  } finally {
    await network.close();
  }
}

/** What goes wrong in the network itself is told on stderr. */
export function networkOf(library: VmLibrary | null, host: CliHost): VirtualNetwork {
  const network = new VirtualNetwork({ spawn: host.spawnNetwork, store: library && new NetworkFile(library), allowsOutside: true });
  network.subscribe((change) => {
    if (change.kind === "problem") host.streams.stderr.write(`ringfence: ${change.message}\n`);
  });
  return network;
}
