// Bridges of the topology: ports of switches whose cable ends at an interface of the host. The port does not speak the spanning tree, and so
// filters it: no message of ours goes to the host's network, and none from there moves our root or shuts the port, as a guard would on
// every network whose switches send them to all their ports. A loop is refused as it is drawn (bridge-check.ts); what a guest makes
// by bridging two of its own cards is bounded by the port's limit for floods.
import type { BridgeConfig, BridgeInfo, LinkStats } from "../../api/network.ts";
import { Cable, type NetPort } from "../port.ts";
import type { PortConfig } from "../switch/port-config.ts";
import type { Switch } from "../switch/switch.ts";
import type { SwitchPort } from "../switch/switch-port.ts";
import { Link, type LinkHost, setFaults } from "./link.ts";
import { linkStats } from "./link-stats.ts";

/** Broadcasts, multicasts and frames for nobody known that are taken from the host's network in a second. */
const FLOOD_FRAMES = 20_000;

export type JointState = Pick<BridgeInfo, "state" | "fault" | "message" | "remedy">;

/** Interfaces of the host, as whoever can open them provides them. */
export interface HostInterfaces {
  /** Joins the end of a cable to an interface until close(): holds the end while frames can pass, and tells how it stands. Never throws. */
  join(name: string, end: NetPort, changed: (state: JointState) => void): { close(): void };
}

interface BridgesHost {
  readonly interfaces: HostInterfaces;
  event(level: "info" | "warning" | "error", subject: string, message: string): void;
}

const OFF: JointState = { state: "off", fault: null, message: "", remedy: [] };

interface Bridge {
  config: BridgeConfig;
  readonly cable: Cable;
  readonly line: Link;
  at: { on: Switch; port: SwitchPort } | null;
  joint: { close(): void } | null;
  state: JointState;
  /** What the user has been told last. */
  told: string;
}

export class Bridges {
  private readonly host: BridgesHost;
  private readonly links: LinkHost;
  private readonly switchNamed: (name: string) => Switch | undefined;
  private readonly byName = new Map<string, Bridge>();

  constructor(host: BridgesHost, links: LinkHost, switchNamed: (name: string) => Switch | undefined) {
    this.host = host;
    this.links = links;
    this.switchNamed = switchNamed;
  }

  /** Before the others are applied: an interface that one lets go of may be another's. */
  dropWhatIsGone(wanted: readonly BridgeConfig[]): void {
    for (const [name, bridge] of this.byName) {
      const next = wanted.find((each) => each.name === name);
      if (next === undefined || next.interface !== bridge.config.interface || !next.enabled) part(bridge);
      if (next === undefined || next.switch !== bridge.config.switch) unplug(bridge);
      if (next === undefined) this.byName.delete(name);
    }
  }

  /** `config` has been checked. */
  apply(config: BridgeConfig): void {
    const bridge = this.byName.get(config.name) ?? this.make(config);
    bridge.config = config;
    setFaults(bridge.line, bridge.cable, config.faults, true);
    this.plug(bridge);
    if (config.enabled && bridge.joint === null) this.join(bridge);
  }

  private make(config: BridgeConfig): Bridge {
    const cable = new Cable();
    const bridge: Bridge = { config, cable, line: new Link(`bridge:${config.name}`, cable.b, this.links), at: null, joint: null, state: OFF, told: "" };
    this.byName.set(config.name, bridge);
    return bridge;
  }

  private plug(bridge: Bridge): void {
    const { config, line } = bridge;
    const on = this.switchNamed(config.switch);
    if (on === undefined) return;
    const port: PortConfig = { name: line.id, vlans: portVlans(config), stormFramesPerSecond: FLOOD_FRAMES };
    if (bridge.at !== null) {
      if (JSON.stringify(bridge.at.port.config) !== JSON.stringify(port)) on.configure(bridge.at.port, port);
      return;
    }
    const added = on.addPort(port);
    if (typeof added === "string") {
      this.host.event("error", config.name, added);
      return;
    }
    bridge.at = { on, port: added };
    added.attach(line.end);
  }

  private join(bridge: Bridge): void {
    const { config, cable } = bridge;
    // Tells how it stands before join() returns, too.
    bridge.joint = this.host.interfaces.join(config.interface, cable.a, (state) => {
      bridge.state = state;
      const isJoined = state.state === "connected";
      const message = isJoined ? `Joined to the host's network at ${config.interface}.` : state.message;
      if (message === "" || message === bridge.told) return;
      bridge.told = message;
      this.host.event(isJoined ? "info" : "warning", config.name, message);
    });
  }

  lineOf(name: string): Link | undefined {
    return this.byName.get(name)?.line;
  }

  stats(): LinkStats[] {
    return [...this.byName.values()].map(({ line, at }) => linkStats(line, at?.port ?? null));
  }

  infos(): BridgeInfo[] {
    return [...this.byName.values()].map(({ config, state }) => ({ bridge: config.name, interface: config.interface, ...state }));
  }

  close(): void {
    for (const bridge of this.byName.values()) part(bridge);
  }
}

/** As the switch takes them: a native VLAN is there or not. */
function portVlans({ vlans }: BridgeConfig): PortConfig["vlans"] {
  if (vlans.mode === "access") return vlans;
  const { mode, allowed, native } = vlans;
  return native === undefined ? { mode, allowed } : { mode, allowed, native };
}

function part(bridge: Bridge): void {
  bridge.joint?.close();
  bridge.joint = null;
  bridge.state = OFF;
  bridge.told = "";
}

function unplug(bridge: Bridge): void {
  bridge.at?.on.removePort(bridge.at.port);
  bridge.at = null;
}
