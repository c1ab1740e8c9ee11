// `networks.json` in the library's folder: the network as it is drawn. What is in it is hostile; a broken or newer file is told of and
// never written over.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { EMPTY_TOPOLOGY, Topology } from "../api/network.ts";
import { topologyFault } from "../network/fabric/topology-check.ts";
import { writeAtomically } from "./atomic-file.ts";
import { messageOf, systemErrorCode, VmError } from "./vm-error.ts";
import type { VmLibrary } from "./vm-library.ts";

export const NETWORK_FILE = "networks.json";
const LARGEST_BYTES = 4 * 1024 * 1024;

/** Where the network is kept. */
export interface TopologyStore {
  /** Rejects with VmError for what cannot be read. */
  load(): Promise<Topology>;
  save(topology: Topology): Promise<void>;
}

export class NetworkFile implements TopologyStore {
  private readonly library: VmLibrary;

  constructor(library: VmLibrary) {
    this.library = library;
  }

  private get path(): string {
    return join(this.library.path, NETWORK_FILE);
  }

  /** No file is an empty network. */
  async load(): Promise<Topology> {
    let text: string;
    try {
      const { size } = await stat(this.path);
      if (size > LARGEST_BYTES) throw new VmError("configUnreadable", `${this.path} is far too large (${size} bytes).`);
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return EMPTY_TOPOLOGY;
      throw error instanceof VmError ? error : new VmError("configUnreadable", `${this.path} cannot be read: ${messageOf(error)}`, { cause: error });
    }
    return parseTopology(text, this.path);
  }

  async save(topology: Topology): Promise<void> {
    const owner = this.library.open();
    if (owner) throw new VmError("libraryBusy", `The library ${this.library.path} is in use by process ${owner.pid} since ${owner.since}; its network can be changed only there.`);
    // Somebody may have put another file there meanwhile.
    await this.load();
    await writeAtomically(this.path, `${JSON.stringify(topology, null, 2)}\n`);
  }
}

function parseTopology(text: string, path: string): Topology {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new VmError("configUnreadable", `${path} is not valid JSON: ${messageOf(error)}`);
  }
  const version = typeof data === "object" && data !== null && "version" in data ? data.version : undefined;
  if (typeof version === "number" && version > 1) {
    throw new VmError("configNewer", `${path} has version ${version}; this program knows versions up to 1. Update the program to use this network.`);
  }
  const result = Topology.safeParse(data);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.join(".") || "(all)"}: ${issue.message}`);
    throw new VmError("configUnreadable", `${path} is not a network: ${faults[0] ?? "unknown fault"}`, { detail: faults.join("\n") });
  }
  const fault = topologyFault(result.data);
  if (fault !== undefined) throw new VmError("configUnreadable", `${path} cannot be: ${fault}`);
  return result.data;
}
