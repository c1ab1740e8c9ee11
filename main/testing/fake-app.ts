// The real app over a library in a temporary folder, with threads of machines that a test plays. The network's thread is
// a real one, which starts when it is needed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import { VirtualNetwork } from "../../core/hypervisor/network.ts";
import { NetworkFile } from "../../core/hypervisor/network-file.ts";
import { networkSpawner } from "../../core/hypervisor/network-thread.ts";
import { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import type { VmWorkerPort } from "../../core/hypervisor/vm-thread.ts";
import type { VmWorkerStart } from "../../core/api/worker-protocol.ts";
import { type App, createApp } from "../app/create-app.ts";
import { networkEntry, systemsPath } from "../platform/places.ts";

export interface FakeApp<W> {
  app: App;
  path: string;
  logged: string[];
  workers: W[];
  /** The thread that was started last. */
  worker(): W;
  close(): Promise<void>;
}

/** `Thread` is the class of the threads that are played. */
export function fakeApp<W extends VmWorkerPort>(Thread: new (start: VmWorkerStart) => W, path = mkdtempSync(join(tmpdir(), "ringfence-app-"))): FakeApp<W> {
  const workers: W[] = [];
  const logged: string[] = [];
  const spawn = (start: VmWorkerStart) => {
    const worker = new Thread(start);
    workers.push(worker);
    return worker;
  };
  const library = new VmLibrary(path, "app");
  const network = new VirtualNetwork({ spawn: networkSpawner(networkEntry()), store: new NetworkFile(library), allowsOutside: false, seed: 1 });
  const hypervisor = new Hypervisor(library, { spawn, network, demoKernel: "/demo.elf" });
  const app = createApp({ hypervisor, network, version: "1.2.3", host: "headless", systemsPath: systemsPath(), log: (message) => logged.push(message) });
  return {
    app,
    path,
    logged,
    workers,
    worker: () => {
      const last = workers.at(-1);
      if (!last) throw new Error("No machine was started");
      return last;
    },
    close: async () => {
      await app.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}
