// The cards of machines at the switches: which port each has, and the pause without carrier when one is moved.
import type { LinkFaults, LinkId, LinkStats, NicConnection } from "../../api/network.ts";
import type { NicWiring } from "../../api/network-protocol.ts";
import type { Clock } from "../../time/clock.ts";
import type { NetPort } from "../port.ts";
import { type PortConfig, portConfigFault } from "../switch/port-config.ts";
import type { Switch } from "../switch/switch.ts";
import type { SwitchPort } from "../switch/switch-port.ts";
import { parseMac } from "../wire/ethernet.ts";
import { dnsLabel } from "./gateway-node.ts";
import { Link, type LinkHost } from "./link.ts";
import { linkStats } from "./link-stats.ts";

/** A card that loses its carrier does so for this long: guests tell their DHCP clients of no more than one change a second. */
export const FLAP_NS = 1e9;

/** A card as its machine's thread has it. */
export interface CardStart {
  readonly link: LinkId;
  /** The machine's name, for captures and DNS. */
  readonly machine: string;
  readonly mac: string;
  readonly wiring: NicWiring;
  /** The network's end of its cable. */
  readonly end: NetPort;
}

interface Card {
  readonly start: CardStart;
  readonly mac: number;
  readonly line: Link;
  wiring: NicWiring;
  at: { on: Switch; port: SwitchPort } | null;
  /** Not joined before. */
  restsUntilNs: number;
}

export class Cards {
  /** When poll() is due. */
  dueNs = Infinity;
  private readonly clock: Clock;
  private readonly links: LinkHost;
  private readonly switchNamed: (name: string) => Switch | undefined;
  private readonly byLink = new Map<LinkId, Card>();

  constructor(clock: Clock, links: LinkHost, switchNamed: (name: string) => Switch | undefined) {
    this.clock = clock;
    this.links = links;
    this.switchNamed = switchNamed;
  }

  attach(start: CardStart): string | undefined {
    const { link, wiring } = start;
    const mac = parseMac(start.mac);
    if (mac === undefined) return `${start.mac} is not the address of a card.`;
    if (this.byLink.has(link)) return `The card ${link} is attached already.`;
    const card: Card = { start, mac, line: new Link(link, start.end, this.links), wiring, at: null, restsUntilNs: -Infinity };
    const fault = this.fault(card, wiring) ?? card.line.setFaults(withoutCut(wiring.faults));
    if (fault !== undefined) return fault;
    this.byLink.set(link, card);
    this.join(card);
    return undefined;
  }

  wire(link: LinkId, wiring: NicWiring): string | undefined {
    const card = this.byLink.get(link);
    if (card === undefined) return `There is no link ${link}.`;
    const name = wiring.connection?.switch;
    if (name !== undefined && this.switchNamed(name) === undefined) return `There is no switch ${name}.`;
    const fault = this.fault(card, wiring) ?? card.line.setFaults(withoutCut(wiring.faults));
    if (fault !== undefined) return fault;
    const isMoved = placeOf(wiring.connection) !== placeOf(card.wiring.connection);
    card.wiring = wiring;
    if (isMoved || !isPlugged(wiring)) this.part(card);
    this.join(card);
    return undefined;
  }

  detach(link: LinkId): void {
    const card = this.byLink.get(link);
    if (card === undefined) return;
    this.byLink.delete(link);
    this.part(card);
  }

  /** Switches have come: joins the cards that wait for them. */
  refresh(): void {
    for (const card of this.byLink.values()) this.join(card);
  }

  /** A switch goes. */
  leave(on: Switch): void {
    for (const card of this.byLink.values()) if (card.at?.on === on) this.part(card);
  }

  poll(nowNs: number): void {
    if (nowNs < this.dueNs) return;
    this.dueNs = Infinity;
    this.refresh();
  }

  lineOf(link: LinkId): Link | undefined {
    return this.byLink.get(link)?.line;
  }

  titleOf(link: LinkId): string | undefined {
    const card = this.byLink.get(link);
    return card && portNameOf(card.start);
  }

  /** The machine with a card of this address, as one DNS label. */
  machineOf(mac: string): string | undefined {
    for (const { start } of this.byLink.values()) if (start.mac === mac) return dnsLabel(start.machine);
    return undefined;
  }

  stats(): LinkStats[] {
    return [...this.byLink.values()].map((card) => linkStats(card.line, card.at?.port ?? null));
  }

  private fault(card: Card, wiring: NicWiring): string | undefined {
    return wiring.connection === null ? undefined : portConfigFault(configOf(card, wiring, wiring.connection));
  }

  /** Gives the card the port that its wiring asks for, now or when its pause is over. */
  private join(card: Card): void {
    const { connection } = card.wiring;
    const on = connection === null || !isPlugged(card.wiring) ? undefined : this.switchNamed(connection.switch);
    if (connection === null || on === undefined) return;
    const config = configOf(card, card.wiring, connection);
    if (card.at !== null) {
      if (JSON.stringify(card.at.port.config) !== JSON.stringify(config)) card.at.on.configure(card.at.port, config);
      return;
    }
    if (this.clock.nowNs() < card.restsUntilNs) {
      this.dueNs = Math.min(this.dueNs, card.restsUntilNs);
      return;
    }
    const port = on.addPort(config);
    if (typeof port === "string") return;
    card.at = { on, port };
    port.attach(card.line.end);
  }

  private part(card: Card): void {
    const { at } = card;
    if (at === null) return;
    card.at = null;
    card.restsUntilNs = this.clock.nowNs() + FLAP_NS;
    at.on.removePort(at.port);
  }
}

/** A cut takes the carrier, as pulling the cable does. */
function isPlugged({ cable, faults }: NicWiring): boolean {
  return cable && faults?.cut !== true;
}

function withoutCut(faults: LinkFaults | undefined): LinkFaults {
  const { cut: _, ...rest } = faults ?? {};
  return rest;
}

/** What a guest would notice: with another one it has to ask for its address anew. */
function placeOf(connection: NicConnection | null): string {
  if (connection === null) return "";
  const { vlans } = connection;
  return `${connection.switch} ${vlans.mode} ${vlans.mode === "access" ? vlans.vlan : (vlans.native ?? "")}`;
}

/** "web.0" */
function portNameOf({ machine, link }: CardStart): string {
  return `${machine}.${link.replace(/^.*nic/s, "")}`;
}

function configOf(card: Card, { guards = {} }: NicWiring, { vlans }: NicConnection): PortConfig {
  const { isolated, antiSpoofing, blockedMacs, stormFramesPerSecond, rateBitsPerSecond } = guards;
  return {
    // Machines may have the same name, links are unique.
    name: card.start.link,
    vlans: vlans.mode === "access" ? vlans : { mode: "trunk", allowed: vlans.allowed, ...(vlans.native === undefined ? {} : { native: vlans.native }) },
    ...(isolated === undefined ? {} : { isolated }),
    ...(antiSpoofing === true ? { macs: [card.mac] } : {}),
    ...(blockedMacs === undefined ? {} : { blockedMacs: blockedMacs.map((mac) => parseMac(mac) ?? -1) }),
    ...(stormFramesPerSecond === undefined ? {} : { stormFramesPerSecond }),
    ...(rateBitsPerSecond === undefined ? {} : { rateBitsPerSecond }),
  };
}
