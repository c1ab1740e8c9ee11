// How fast the switch is between synthetic ports: pairs of stations that send each other frames as fast as they go, on one thread.
import { NetworkFabric } from "../network/fabric/network-fabric.ts";
import { Cable, type NetPort } from "../network/port.ts";
import { writeEthernet } from "../network/wire/ethernet.ts";
import { Switch } from "../network/switch/switch.ts";

export interface SwitchRate {
  /** A second of processor time. */
  framesPerSecond: number;
  /** Payload of the wire: frames as they are, without preamble and gap. */
  bitsPerSecond: number;
}

export interface SwitchLoad {
  pairs: number;
  frameBytes: number;
  /** Frames in a row from one station. */
  burst: number;
  /** Of processor time. */
  seconds: number;
}

/** Through the switch alone. */
export function switchRate(load: SwitchLoad): SwitchRate {
  const lan = new Switch({ nowNs: () => performance.now() * 1e6 }, { name: "lan", mac: 0x0200_0000_0001 });
  return rate(load, (name, vlan, end) => {
    const port = lan.addPort({ name, vlans: { mode: "access", vlan } });
    if (typeof port === "string") throw new Error(port);
    port.attach(end);
  });
}

/** Through links of the fabric, as cards of machines are joined. */
export function fabricRate(load: SwitchLoad): SwitchRate {
  const fabric = new NetworkFabric({
    clock: { nowNs: () => performance.now() * 1e6 },
    sockets: { connectTcp: unused, listenTcp: unused, openUdp: unused, resolve: unused },
    interfaces: { join: unused },
    tftpFiles: unused,
    seed: 1, random32: () => 1, event: () => undefined, wake: () => undefined,
  });
  const fault = fabric.apply({ version: 1, switches: [{ name: "lan" }], trunks: [], gateways: [], bridges: [], rules: [], vlanNames: {}, places: {} });
  if (fault !== undefined) throw new Error(fault);
  let n = 0;
  return rate(load, (machine, vlan, end) => {
    const mac = `52:54:00:00:00:${(++n).toString(16).padStart(2, "0")}`;
    const wiring = { connection: { switch: "lan", vlans: { mode: "access", vlan } as const }, cable: true };
    const refused = fabric.attach({ link: `${machine}/nic0`, machine, mac, wiring, end });
    if (refused !== undefined) throw new Error(refused);
  });
}

function unused(): never {
  throw new Error("nothing here goes outside");
}

/** Of this thread: what others do on the host does not count. */
function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function rate({ pairs, frameBytes, burst, seconds }: SwitchLoad, join: (name: string, vlan: number, end: NetPort) => void): SwitchRate {
  let received = 0;
  const ring = new Uint8Array(1 << 20);
  let at = 0;
  const senders: { port: NetPort; frame: Uint8Array }[] = [];
  // What a card's ring does.
  const receive = (frame: Uint8Array): void => {
    if (at + frame.length > ring.length) at = 0;
    ring.set(frame, at);
    at += (frame.length + 15) & ~7;
    received++;
  };
  for (let pair = 0; pair < pairs; pair++) {
    for (const side of [0, 1]) {
      const cable = new Cable();
      join(`${pair}.${side}`, 10 + pair, cable.b);
      cable.a.connect({ receive, canReceive: () => true, linkChanged: () => undefined, sendReady: () => undefined });
      const frame = new Uint8Array(frameBytes);
      writeEthernet(frame, 0, 0x5254_0000_0000 + pair * 2 + (1 - side), 0x5254_0000_0000 + pair * 2 + side, 0x0800);
      senders.push({ port: cable.a, frame });
    }
  }
  const round = (): void => {
    for (const { port, frame } of senders) for (let n = 0; n < burst; n++) port.send(frame);
  };
  // Stations become known, and the code hot.
  for (let n = 0; n < 50_000; n += senders.length * burst) round();
  const before = received;
  const startUs = cpuUs();
  let endUs = startUs;
  while (endUs - startUs < seconds * 1e6) {
    for (let n = 0; n < 1000; n += burst) round();
    endUs = cpuUs();
  }
  const framesPerSecond = ((received - before) * 1e6) / (endUs - startUs);
  return { framesPerSecond, bitsPerSecond: framesPerSecond * frameBytes * 8 };
}
