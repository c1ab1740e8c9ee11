// Several switches as one network: joined by trunks that speak the spanning tree, so that a loop is safe, and polled together.
import type { Clock } from "../../time/clock.ts";
import { Cable, type NetPort } from "../port.ts";
import { Switch, type SwitchOptions } from "./switch.ts";
import type { SwitchPort } from "./switch-port.ts";

export interface TrunkOptions {
  readonly name: string;
  /** VLANs that pass; all unless given. None goes without a tag, so the two ends cannot disagree about it. */
  readonly allowed?: readonly number[] | "all";
  readonly pathCost?: number;
  /** Puts something between the first switch and the cable: faults, captures. */
  readonly wrap?: (end: NetPort) => NetPort;
}

export interface Trunk {
  readonly name: string;
  readonly cable: Cable;
  readonly ends: readonly [SwitchPort, SwitchPort];
}

export class SwitchFabric {
  private readonly clock: Clock;
  private readonly joined: Switch[] = [];
  private readonly links: Trunk[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get switches(): readonly Switch[] {
    return this.joined;
  }

  get trunks(): readonly Trunk[] {
    return this.links;
  }

  addSwitch(options: SwitchOptions): Switch {
    const added = new Switch(this.clock, options);
    this.joined.push(added);
    return added;
  }

  /** Joins two switches, or says why not. */
  addTrunk(a: Switch, b: Switch, options: TrunkOptions): Trunk | string {
    const config = {
      vlans: { mode: "trunk", allowed: options.allowed ?? "all" },
      spanningTree: true,
      ...(options.pathCost === undefined ? {} : { pathCost: options.pathCost }),
    } as const;
    const first = a.addPort({ ...config, name: a === b ? `${options.name}.0` : options.name });
    if (typeof first === "string") return first;
    const second = b.addPort({ ...config, name: a === b ? `${options.name}.1` : options.name });
    if (typeof second === "string") {
      a.removePort(first);
      return second;
    }
    const cable = new Cable();
    first.attach(options.wrap?.(cable.a) ?? cable.a);
    second.attach(cable.b);
    const trunk: Trunk = { name: options.name, cable, ends: [first, second] };
    this.links.push(trunk);
    return trunk;
  }

  removeTrunk(trunk: Trunk): void {
    const at = this.links.indexOf(trunk);
    if (at < 0) return;
    this.links.splice(at, 1);
    for (const port of trunk.ends) for (const each of this.joined) each.removePort(port);
  }

  /** Removes a switch with its trunks; its other ports are let go of. */
  removeSwitch(removed: Switch): void {
    for (const trunk of this.links.filter(({ ends }) => ends.some((port) => removed.ports.includes(port)))) this.removeTrunk(trunk);
    for (const port of removed.ports) removed.removePort(port);
    const at = this.joined.indexOf(removed);
    if (at >= 0) this.joined.splice(at, 1);
  }

  poll(): void {
    for (const each of this.joined) each.poll();
  }

  nextDeadlineNs(): number {
    return this.joined.reduce((next, each) => Math.min(next, each.nextDeadlineNs()), Infinity);
  }
}
