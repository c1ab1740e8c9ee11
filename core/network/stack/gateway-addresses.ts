// Which addresses are a gateway's own, its guests' or of a group, in either version of IP.
import type { IpAddress } from "./address.ts";
import { addressAt, inPrefix } from "./address.ts";
import type { GatewaySettings } from "./gateway-settings.ts";
import type { IpPacket } from "./ip-packet.ts";
import type { NeighbourDiscovery } from "./neighbour-discovery.ts";
import { equalOctets } from "./octets.ts";

export class GatewayAddresses {
  /** The first address of the network. */
  readonly own: IpAddress;
  readonly broadcast: IpAddress;
  private readonly settings: Pick<GatewaySettings, "network">;
  private readonly discovery: NeighbourDiscovery | undefined;

  constructor(settings: Pick<GatewaySettings, "network">, discovery: NeighbourDiscovery | undefined) {
    this.settings = settings;
    this.discovery = discovery;
    this.own = addressAt(settings.network, 1);
    this.broadcast = addressAt(settings.network, 2 ** (32 - settings.network.length) - 1);
  }

  isOwn(address: IpAddress): boolean {
    return address.length === 4 ? equalOctets(address, this.own) : (this.discovery?.isOwn(address) ?? false);
  }

  isGuest(address: IpAddress): boolean {
    return address.length === 4 ? inPrefix(address, this.settings.network) : (this.discovery?.isOnLink(address) ?? false);
  }

  isGroup(address: IpAddress): boolean {
    const first = address[0] as number;
    return address.length === 16 ? first === 0xff : first >= 224 || equalOctets(address, this.broadcast);
  }

  /** Whether a guest may send from it. */
  maySend(address: IpAddress): boolean {
    return this.isGuest(address) && !this.isOwn(address) && !equalOctets(address, this.broadcast);
  }

  /** The own address of the packet's version and scope. */
  towards(packet: IpPacket): IpAddress {
    return packet.source.length === 4 || this.discovery === undefined ? this.own : this.discovery.addressTowards(packet.source);
  }

  /** The own address that a guest with this one reaches. */
  facing(guest: IpAddress): IpAddress {
    return guest.length === 16 && this.discovery !== undefined ? this.discovery.address : this.own;
  }
}
