// Ports of the host that lead to guests: opened and closed as the settings change, while connections that are there stay.
import type { IpAddress } from "./address.ts";
import { formatIp } from "./address.ts";
import type { GatewayEvent, PortForward } from "./gateway-settings.ts";
import type { HostListener, HostSockets, HostTcp, HostTcpEvents } from "./host-sockets.ts";
import type { UdpFlows } from "./udp-flows.ts";

export interface ForwardPorts {
  sockets: HostSockets;
  udp: UdpFlows;
  /** The gateway's address as a guest with this one sees it; of IPv4 for one that is known by name only. */
  facing(guest: IpAddress | undefined): IpAddress;
  /** Addresses of a machine by its name. */
  lookup(name: string): IpAddress[] | undefined;
  /** A connection has come that is to go on to a guest; undefined to refuse it. */
  accepted(socket: HostTcp, ours: IpAddress, guest: IpAddress, port: number): HostTcpEvents | undefined;
  event(event: GatewayEvent): void;
}

export class PortForwards {
  private readonly ports: ForwardPorts;
  /** Open ones, by what they say. */
  private readonly open = new Map<string, HostListener>();

  constructor(ports: ForwardPorts) {
    this.ports = ports;
  }

  /** Opens and closes until these are there; one that stays keeps its connections, and so do those of one that goes. */
  set(forwards: readonly PortForward[]): void {
    const wanted = new Map(forwards.map((forward) => [keyOf(forward), forward]));
    for (const [key, listener] of this.open) {
      if (wanted.has(key)) continue;
      listener.close();
      this.open.delete(key);
    }
    for (const [key, forward] of wanted) if (!this.open.has(key)) this.open.set(key, this.listen(forward));
  }

  private listen({ protocol, host, guest }: PortForward): HostListener {
    const { ports } = this;
    const failed = (reason: string): void =>
      ports.event({ kind: "forward-failed", protocol, host: `${formatIp(host.address)} port ${host.port}`, reason });
    // A machine known by name may get another address at any time, so that it is looked up for each connection.
    const target = (): IpAddress | undefined => ("name" in guest ? ports.lookup(guest.name.toLowerCase())?.[0] : guest.address);
    const ours = ports.facing("name" in guest ? undefined : guest.address);
    if (protocol === "udp") return ports.udp.forward(host, ours, target, guest.port, failed);
    const accepted = (socket: HostTcp): HostTcpEvents | undefined => {
      const address = target();
      return address && ports.accepted(socket, ours, address, guest.port);
    };
    return ports.sockets.listenTcp(host, accepted, failed);
  }

  close(): void {
    this.set([]);
  }
}

function keyOf({ protocol, host, guest }: PortForward): string {
  return `${protocol} ${formatIp(host.address)} ${host.port} ${"name" in guest ? guest.name : formatIp(guest.address)} ${guest.port}`;
}
