// DHCP server of one network (RFC 2131): a pool, reservations by MAC, names as the clients give them. A lease belongs to a MAC, whatever
// client identifier comes with it, so that a boot ROM and the system it starts get the same address. Relays are not served.
// An offer holds an address for a minute only, and offers never take more than half the pool from those who mean it.
import type { IpAddress, IpPrefix, MacAddress } from "../stack/address.ts";
import { addressAt, formatIp, formatMac } from "../stack/address.ts";
import { equalOctets } from "../stack/octets.ts";
import { readU32, writeU16, writeU32 } from "../wire/bytes.ts";
import type { DhcpMessage } from "./dhcp-message.ts";
import { ACKNOWLEDGE, DECLINE, DISCOVER, INFORM, NAK, OFFER, RELEASE, REQUEST } from "./dhcp-message.ts";

export interface DhcpSettings {
  network: IpPrefix;
  gateway: IpAddress;
  /** Indexes in the network of the first and last address of the pool. */
  poolFirst: number;
  poolLast: number;
  reservations: { mac: MacAddress; address: IpAddress; name?: string }[];
  leaseSeconds: number;
  domain: string;
  mtu: number;
  /** What network boot loads from the gateway; "" for none. */
  bootFile: string;
  leaseChanged(lease: Lease, bound: boolean): void;
  poolExhausted(): void;
}

export interface Lease {
  mac: MacAddress;
  address: IpAddress;
  name: string;
  /** "declined": somebody else was found to use it. */
  state: "offered" | "bound" | "declined";
  expiresNs: number;
}

const OFFER_NS = 60e9;
const DECLINED_NS = 600e9;
/** How often it is told that the pool is used up. */
const COMPLAINT_NS = 60e9;
const REQUESTED_ADDRESS = 50;
const SERVER_ID = 54;

export class DhcpServer {
  private readonly settings: DhcpSettings;
  private readonly byAddress = new Map<string, Lease>();
  private readonly byMac = new Map<string, Lease>();
  private next: number;
  /** No address is free before; a lease that is given back changes that. */
  private fullUntilNs = -Infinity;
  private complainedNs = -Infinity;

  constructor(settings: DhcpSettings) {
    this.settings = settings;
    this.next = settings.poolFirst;
  }

  get leases(): Iterable<Lease> {
    return this.byAddress.values();
  }

  /** Takes over leases of another server, as far as their addresses are to be had here. */
  restore(leases: Iterable<Lease>, nowNs: number): void {
    for (const { mac, address, name, state, expiresNs } of leases) {
      const reserved = this.reservation(mac);
      const isOurs = reserved === undefined ? this.isFree(address, nowNs) : equalOctets(reserved.address, address);
      if (state !== "bound" || expiresNs <= nowNs || !isOurs || this.byMac.has(formatMac(mac))) continue;
      Object.assign(this.add(mac, address, name, nowNs), { state, expiresNs });
    }
  }

  /** The answer to a client's message, or undefined for none. */
  answer(message: DhcpMessage, nowNs: number): DhcpMessage | undefined {
    if (message.operation !== 1 || message.relayAddress.some((octet) => octet !== 0)) return undefined;
    const server = message.options.get(SERVER_ID);
    const forUs = server === undefined || equalOctets(server, this.settings.gateway);
    switch (message.options.get(53)?.[0]) {
      case DISCOVER: {
        const lease = this.find(message, nowNs);
        if (lease === undefined) return undefined;
        if (lease.state !== "bound") lease.expiresNs = nowNs + OFFER_NS;
        return this.reply(message, OFFER, lease.address, lease.name);
      }
      case REQUEST:
        return this.request(message, forUs, server !== undefined, nowNs);
      case DECLINE: {
        const lease = this.byMac.get(formatMac(message.mac));
        const address = message.options.get(REQUESTED_ADDRESS);
        if (!forUs || lease === undefined || address === undefined || !equalOctets(address, lease.address)) return undefined;
        if (this.reservation(message.mac) !== undefined) return undefined;
        this.byMac.delete(formatMac(lease.mac));
        lease.state = "declined";
        lease.expiresNs = nowNs + DECLINED_NS;
        this.settings.leaseChanged(lease, false);
        return undefined;
      }
      case RELEASE: {
        const lease = this.byMac.get(formatMac(message.mac));
        if (forUs && lease !== undefined && equalOctets(lease.address, message.clientAddress)) this.drop(lease);
        return undefined;
      }
      case INFORM:
        return this.reply(message, ACKNOWLEDGE, undefined, "");
      default:
        return undefined;
    }
  }

  private request(message: DhcpMessage, forUs: boolean, isSelecting: boolean, nowNs: number): DhcpMessage | undefined {
    const lease = this.byMac.get(formatMac(message.mac));
    if (!forUs) {
      if (lease?.state === "offered") this.drop(lease);
      return undefined;
    }
    const isRenewing = message.clientAddress.some((octet) => octet !== 0);
    const wanted = isRenewing ? message.clientAddress : message.options.get(REQUESTED_ADDRESS);
    if (wanted === undefined || wanted.length !== 4) return undefined;
    const granted = isSelecting && lease !== undefined ? lease : this.find(message, nowNs, wanted);
    if (granted === undefined || !equalOctets(granted.address, wanted)) return this.reply(message, NAK, undefined, "");
    const isNew = granted.state !== "bound";
    granted.state = "bound";
    granted.expiresNs = nowNs + this.settings.leaseSeconds * 1e9;
    const name = hostName(message);
    const nameChanged = name !== "" && name !== granted.name && this.reservation(message.mac)?.name === undefined;
    if (nameChanged) granted.name = name;
    if (isNew || nameChanged) this.settings.leaseChanged(granted, true);
    return this.reply(message, ACKNOWLEDGE, granted.address, granted.name);
  }

  private reservation(mac: MacAddress): DhcpSettings["reservations"][number] | undefined {
    return this.settings.reservations.find((entry) => equalOctets(entry.mac, mac));
  }

  private find(message: DhcpMessage, nowNs: number, wanted?: IpAddress): Lease | undefined {
    const key = formatMac(message.mac);
    const reserved = this.reservation(message.mac);
    const known = this.byMac.get(key);
    if (known !== undefined) return known;
    if (reserved !== undefined) return this.add(message.mac, reserved.address, reserved.name ?? hostName(message), nowNs);
    const hint = wanted ?? message.options.get(REQUESTED_ADDRESS);
    if (hint?.length === 4 && this.isFree(hint, nowNs)) return this.add(message.mac, hint, hostName(message), nowNs);
    const { poolFirst, poolLast, network } = this.settings;
    const size = poolLast - poolFirst + 1;
    this.limitOffers(size);
    if (nowNs < this.fullUntilNs) return undefined;
    for (let tried = 0; tried < Math.min(size, 65536); tried++) {
      const address = addressAt(network, this.next);
      this.next = this.next >= poolLast ? poolFirst : this.next + 1;
      if (this.isFree(address, nowNs)) return this.add(message.mac, address, hostName(message), nowNs);
    }
    this.fullUntilNs = Infinity;
    for (const lease of this.byAddress.values()) this.fullUntilNs = Math.min(this.fullUntilNs, lease.expiresNs);
    if (nowNs - this.complainedNs >= COMPLAINT_NS) {
      this.complainedNs = nowNs;
      this.settings.poolExhausted();
    }
    return undefined;
  }

  /** In the pool, not reserved, and not leased; a lease that has run out is taken back. */
  private isFree(address: IpAddress, nowNs: number): boolean {
    const { network, poolFirst, poolLast, gateway, reservations } = this.settings;
    const index = readU32(address, 0) - readU32(network.address, 0);
    if (index < poolFirst || index > poolLast || equalOctets(address, gateway)) return false;
    if (reservations.some((entry) => equalOctets(entry.address, address))) return false;
    const lease = this.byAddress.get(formatIp(address));
    if (lease === undefined) return true;
    if (lease.expiresNs > nowNs) return false;
    this.drop(lease);
    return true;
  }

  private limitOffers(size: number): void {
    const offered = [...this.byAddress.values()].filter((lease) => lease.state === "offered");
    if (offered.length >= Math.max(1, Math.min(size >> 1, 1024))) this.drop(offered[0] as Lease);
  }

  private add(mac: MacAddress, address: IpAddress, name: string, nowNs: number): Lease {
    const lease: Lease = { mac: mac.slice(), address: address.slice(), name, state: "offered", expiresNs: nowNs + OFFER_NS };
    this.byAddress.set(formatIp(address), lease);
    this.byMac.set(formatMac(mac), lease);
    return lease;
  }

  private drop(lease: Lease): void {
    this.fullUntilNs = -Infinity;
    this.byAddress.delete(formatIp(lease.address));
    if (this.byMac.get(formatMac(lease.mac)) === lease) this.byMac.delete(formatMac(lease.mac));
    if (lease.state === "bound") this.settings.leaseChanged(lease, false);
  }

  private reply(message: DhcpMessage, type: number, address: IpAddress | undefined, name: string): DhcpMessage {
    const { settings } = this;
    const options = new Map<number, Uint8Array>([
      [53, Uint8Array.of(type)],
      [SERVER_ID, settings.gateway],
    ]);
    if (type !== NAK) {
      const mask = new Uint8Array(4);
      writeU32(mask, 0, settings.network.length === 0 ? 0 : (-1 << (32 - settings.network.length)) >>> 0);
      const mtu = new Uint8Array(2);
      writeU16(mtu, 0, settings.mtu);
      if (address !== undefined) {
        for (const [code, factor] of [[51, 1], [58, 0.5], [59, 0.875]] as const) {
          const seconds = new Uint8Array(4);
          writeU32(seconds, 0, Math.floor(settings.leaseSeconds * factor));
          options.set(code, seconds);
        }
      }
      options.set(1, mask);
      options.set(3, settings.gateway);
      options.set(6, settings.gateway);
      if (name !== "") options.set(12, new TextEncoder().encode(name));
      if (settings.domain !== "") options.set(15, new TextEncoder().encode(settings.domain));
      options.set(26, mtu);
      if (settings.bootFile !== "") {
        options.set(66, new TextEncoder().encode(formatIp(settings.gateway)));
        options.set(67, new TextEncoder().encode(settings.bootFile));
      }
    }
    return {
      operation: 2,
      transaction: message.transaction,
      seconds: 0,
      flags: message.flags,
      clientAddress: type === ACKNOWLEDGE ? message.clientAddress : new Uint8Array(4),
      yourAddress: address ?? new Uint8Array(4),
      serverAddress: type === NAK ? new Uint8Array(4) : settings.gateway,
      relayAddress: new Uint8Array(4),
      mac: message.mac,
      bootFile: type === NAK ? "" : settings.bootFile,
      options,
    };
  }
}

/** The client's name as one DNS label in lower case, or "". */
function hostName(message: DhcpMessage): string {
  const text = String.fromCharCode(...(message.options.get(12) ?? []).slice(0, 63)).toLowerCase();
  const label = text.split(".")[0] ?? "";
  return /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label) ? label : "";
}
