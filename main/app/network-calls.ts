// The calls about the network, and who hears of it: changes go to every peer, statistics to those that watch, packets to the one whose
// capture it is.
import { access } from "node:fs/promises";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import { hostPath } from "../../core/hypervisor/host-path.ts";
import { checkLink, createLab, exportLab, setLinkFaults } from "../../core/hypervisor/lab.ts";
import type { NetworkChange, VirtualNetwork } from "../../core/hypervisor/network.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import type { Handlers } from "./create-app.ts";
import type { Peer } from "./peer.ts";

type NetworkCallName = Extract<keyof Handlers, `net.${string}` | `lab.${string}`>;

export interface NetworkCallsOptions {
  hypervisor: Hypervisor;
  network: VirtualNetwork;
  peers: ReadonlySet<Peer>;
  mediaPath: string;
}

export class NetworkCalls {
  readonly handlers: Pick<Handlers, NetworkCallName>;
  private readonly o: NetworkCallsOptions;
  /** Whose capture it is, by its id. */
  private readonly owners = new Map<string, Peer>();
  private readonly unsubscribe: () => void;

  constructor(options: NetworkCallsOptions) {
    this.o = options;
    this.handlers = this.makeHandlers();
    this.unsubscribe = options.network.subscribe((change) => this.fanOut(change));
  }

  /** A peer has gone: what only it wanted ends. */
  forget(peer: Peer): void {
    this.unwatch(peer);
    for (const [id, owner] of this.owners) {
      if (owner !== peer) continue;
      this.owners.delete(id);
      void this.o.network.stopCapture(id).catch(() => undefined); // there is nobody to tell
    }
  }

  close(): void {
    this.unsubscribe();
  }

  private fanOut(change: NetworkChange): void {
    const { peers } = this.o;
    switch (change.kind) {
      case "changed":
        for (const peer of peers) peer.send("net.changed", { topology: change.topology });
        break;
      case "stats":
        for (const peer of peers) if (peer.watchesNetwork) peer.send("net.stats", change.stats);
        break;
      case "packets":
        this.owners.get(change.capture.id)?.send("net.packets", { capture: change.capture, rows: change.rows });
        break;
      case "problem":
        for (const peer of peers) peer.send("app.notice", { level: "error", code: "networkFailed", message: change.message });
        break;
    }
  }

  private unwatch(peer: Peer): void {
    if (!peer.watchesNetwork) return;
    peer.watchesNetwork = false;
    for (const other of this.o.peers) if (other.watchesNetwork) return;
    this.o.network.unwatch();
  }

  private makeHandlers(): Pick<Handlers, NetworkCallName> {
    const { hypervisor, network } = this.o;
    return {
      "net.get": async () => ({ topology: await network.get() }),
      "net.update": async ({ topology }) => ({ topology: await network.update(topology) }),
      "net.watch": async (_, peer) => {
        peer.watchesNetwork = true;
        return network.watch();
      },
      "net.unwatch": async (_, peer) => {
        this.unwatch(peer);
        return {};
      },
      "net.setFaults": async ({ link, faults }) => {
        await setLinkFaults(hypervisor, network, link, faults);
        return {};
      },
      "net.startCapture": async ({ link, path }, peer) => {
        await checkLink(hypervisor, network, link);
        const capture = await network.startCapture(link, path === undefined ? null : hostPath(path, this.mediaFolder()), true);
        this.owners.set(capture.id, peer);
        return { capture };
      },
      "net.stopCapture": async ({ captureId }) => ({ capture: await network.stopCapture(captureId) }),
      "net.packet": async ({ captureId, number }) => ({ packet: await network.packet(captureId, number) }),
      "net.saveCapture": async ({ captureId, path }) => {
        const to = path === undefined ? await this.freePath() : hostPath(path, this.mediaFolder());
        await network.saveCapture(captureId, to);
        return { path: to };
      },
      "lab.create": async ({ lab, folder }) => ({ ids: await createLab(hypervisor, network, lab, hostPath(folder, hypervisor.library.path)) }),
      "lab.export": async () => ({ lab: await exportLab(hypervisor, network) }),
    };
  }

  private mediaFolder(): string {
    const { mediaPath } = this.o;
    try {
      mkdirSync(mediaPath, { recursive: true });
    } catch (error) {
      throw new VmError("ioFailed", `The folder ${mediaPath} cannot be used: ${String(error)}`, { cause: error });
    }
    return mediaPath;
  }

  private async freePath(): Promise<string> {
    const folder = this.mediaFolder();
    for (let n = 1; ; n++) {
      const path = join(folder, n === 1 ? "capture.pcapng" : `capture-${n}.pcapng`);
      const isTaken = await access(path).then(() => true, () => false);
      if (!isTaken) return path;
    }
  }
}
