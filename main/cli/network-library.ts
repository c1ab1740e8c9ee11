// The network and the machines of a library, for commands that change or list them.
import { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import type { VirtualNetwork } from "../../core/hypervisor/network.ts";
import type { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import type { CliHost } from "./cli.ts";
import { networkOf } from "./joined.ts";
import { changing, type LibraryValues } from "./machines.ts";

export interface NetworkLibrary {
  library: VmLibrary;
  hypervisor: Hypervisor;
  network: VirtualNetwork;
}

/** Holds the library for the length of one command, if that changes anything. */
export function withNetwork(values: LibraryValues, host: CliHost, work: (all: NetworkLibrary) => Promise<number>): Promise<number> {
  return changing(values, host, async (library) => {
    const network = networkOf(library, host);
    try {
      return await work({ library, network, hypervisor: new Hypervisor(library, { spawn: host.spawn, demoKernel: host.demoKernel, network }) });
    } finally {
      await network.close();
    }
  });
}
