// Puts the app together as both hosts need it.
import { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import { VirtualNetwork } from "../../core/hypervisor/network.ts";
import { NetworkFile } from "../../core/hypervisor/network-file.ts";
import { networkSpawner } from "../../core/hypervisor/network-thread.ts";
import { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { workerSpawner } from "../../core/hypervisor/vm-thread.ts";
import { type App, createApp } from "../app/create-app.ts";
import { codeCachePath, keepCompiledModules } from "./compiled-modules.mjs";
import { demoKernelPath, networkEntry, systemsPath, VERSION, workerEntry } from "./places.ts";

export interface MakeAppOptions {
  libraryPath: string;
  host: "electron" | "headless";
  log(message: string): void;
  /** See VmWorkerStart. */
  machineModule?: string;
}

/** Throws VmError if the library's folder cannot be used. */
export function makeApp({ libraryPath, host, log, machineModule }: MakeAppOptions): App {
  const library = new VmLibrary(libraryPath, "app");
  keepCompiledModules();
  const spawn = workerSpawner(workerEntry(), codeCachePath());
  const network = new VirtualNetwork({ spawn: networkSpawner(networkEntry()), store: new NetworkFile(library), allowsOutside: true });
  const hypervisor = new Hypervisor(library, { spawn, network, demoKernel: demoKernelPath(), ...(machineModule === undefined ? {} : { machineModule }) });
  return createApp({ hypervisor, network, version: VERSION, host, systemsPath: systemsPath(), log });
}
