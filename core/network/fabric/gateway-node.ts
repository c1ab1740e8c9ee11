// A gateway of the topology: the user-mode gateway with its cable, and what its configuration means as settings.
import type { GatewayConfig, LeaseInfo } from "../../api/network.ts";
import { Cable } from "../port.ts";
import type { TftpFiles } from "../services/tftp-files.ts";
import { formatIp, formatMac, parseIp, parseMac, parsePrefix } from "../stack/address.ts";
import { DEFAULT_LIMITS, Gateway, type GatewayEvent, type GatewayHost, type GatewaySettings } from "../stack/gateway.ts";
import type { Router } from "../stack/router.ts";
import type { SwitchPort } from "../switch/switch-port.ts";
import { Link, type LinkHost } from "./link.ts";
import { networkOf } from "./topology-check.ts";

const MTU = 1500;
const LEASE_SECONDS = 3600;

export interface GatewayNodeHost extends Omit<GatewayHost, "event"> {
  readonly router: Router;
  /** Of a folder that TFTP serves. */
  tftpFiles(folder: string): TftpFiles;
  event(gateway: string, event: GatewayEvent): void;
  /** The machine that has a card with this address, as one DNS label. */
  machineOf(mac: string): string | undefined;
}

export class GatewayNode {
  readonly mac: number;
  readonly cable: Cable;
  readonly link: Link;
  readonly gateway: Gateway;
  port: SwitchPort | null = null;
  private current: GatewayConfig;
  private readonly settings: GatewaySettings;
  private readonly host: GatewayNodeHost;

  /** `config` has been checked. */
  constructor(config: GatewayConfig, mac: number, host: GatewayNodeHost, links: LinkHost) {
    this.current = config;
    this.mac = mac;
    this.host = host;
    this.cable = new Cable();
    this.link = new Link(`gateway:${config.name}`, this.cable.b, links);
    this.settings = this.settingsOf(config);
    this.gateway = new Gateway(this.settings, this.cable.a, { ...host, event: (event) => host.event(config.name, event) });
  }

  get config(): GatewayConfig {
    return this.current;
  }

  /** Takes up a configuration, and keeps its connections and leases. False: that takes a new gateway. */
  update(config: GatewayConfig): boolean {
    if (fixedPart(config) !== fixedPart(this.current)) return false;
    const { nat, reservations, hostServices, forwards } = this.settingsOf(config);
    this.settings.nat = nat;
    this.settings.hostServices = hostServices;
    this.settings.reservations.splice(0, Infinity, ...reservations);
    this.gateway.setForwards(forwards);
    this.current = config;
    return true;
  }

  leases(nowNs: number): LeaseInfo[] {
    const rows: LeaseInfo[] = [];
    for (const { state, expiresNs, mac, address, name } of this.gateway.leases) {
      if (state !== "bound" || expiresNs <= nowNs) continue;
      rows.push({ gateway: this.config.name, mac: formatMac(mac), address: formatIp(address), name: this.host.machineOf(formatMac(mac)) ?? name });
    }
    return rows;
  }

  private settingsOf(config: GatewayConfig): GatewaySettings {
    const { host } = this;
    const network6 = config.network6 === undefined ? undefined : parsePrefix(config.network6);
    return {
      mac: Uint8Array.from({ length: 6 }, (_, i) => Math.floor(this.mac / 2 ** (40 - 8 * i)) & 0xff),
      network: networkOf(config),
      network6,
      mtu: MTU,
      nat: config.nat,
      domain: config.domain,
      leaseSeconds: LEASE_SECONDS,
      bootFile: config.bootFile ?? "",
      tftp: config.tftpFolder === undefined ? undefined : host.tftpFiles(config.tftpFolder),
      router: { router: host.router, name: config.name },
      machineName: (mac) => host.machineOf(formatMac(mac)),
      reservations: config.reservations.flatMap(({ mac, address, name }) => {
        const [octets, ip] = [parseMac(mac), parseIp(address)];
        return octets === undefined || ip === undefined ? [] : [{ mac: octets, address: ip, ...(name === undefined ? {} : { name: dnsLabel(name) }) }];
      }),
      forwards: config.forwards.flatMap(({ protocol, hostAddress, hostPort, guest, guestPort }) => {
        const at = parseIp(hostAddress);
        const address = parseIp(guest);
        const to = address === undefined ? { name: dnsLabel(guest), port: guestPort } : { address, port: guestPort };
        return at === undefined ? [] : [{ protocol, host: { address: at, port: hostPort }, guest: to }];
      }),
      hostServices: config.hostServices.flatMap(({ protocol, port, hostAddress, hostPort }) => {
        const address = parseIp(hostAddress);
        return address === undefined ? [] : [{ protocol, port, host: { address, port: hostPort } }];
      }),
      allows: () => true,
      limits: DEFAULT_LIMITS,
    };
  }
}

/** What a gateway is made with, as text. */
function fixedPart({ network, network6, domain, tftpFolder, bootFile }: GatewayConfig): string {
  return JSON.stringify([network, network6, domain, tftpFolder, bootFile]);
}

/** A name as one DNS label in lower case. */
export function dnsLabel(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 63);
}
