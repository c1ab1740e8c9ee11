// Demo guests on a drawn network, all in this thread and in fake time: a run is the same each time. Frames pass at once.
import { readFileSync } from "node:fs";
import { EMPTY_TOPOLOGY, type LinkFaults, type NicConnection, Topology } from "../api/network.ts";
import { NetworkFabric } from "../network/fabric/network-fabric.ts";
import { Cable, type NetPort } from "../network/port.ts";
import { FakeSockets } from "../network/stack/testbed.ts";
import { FakeInterfaces } from "./fake-interfaces.ts";
import { MachineBench } from "./machine-bench.ts";

export type { NicConnection };

const image = new Uint8Array(readFileSync(new URL("../../assets/guests/demo/demo.elf", import.meta.url)));
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is removed
const escapes = /\x1b\[[0-9;?]*[A-Za-z]/g;

const STEP_NS = 100_000;

export class DemoGuest {
  readonly name: string;
  readonly bench: MachineBench;
  isOff = false;
  instructions = 0;
  private keys = "";

  constructor(name: string, mac: Uint8Array, port: NetPort, append: string) {
    this.name = name;
    this.bench = new MachineBench(image, { append: `name=${name} ${append}`, engine: "translator", nics: [{ id: "nic0", model: "virtio", mac, port }] });
  }

  /** The session without colours. */
  get text(): string {
    return this.bench.serial.replaceAll("\r", "").replace(escapes, "");
  }

  type(line: string): void {
    this.keys = `${this.keys}${line}\r`;
  }

  /** Runs a slice. The time of the host until which it has nothing to do unless a frame comes; now, if it has done something. */
  run(nowNs: number): number {
    if (this.isOff) return Infinity;
    const { bench } = this;
    bench.hostNs = nowNs;
    if (this.keys) this.keys = this.keys.slice(bench.machine.serialInput(0, new TextEncoder().encode(this.keys)));
    const result = bench.machine.runSlice(STEP_NS);
    this.instructions += result.instructions;
    if (result.kind === "ended") this.isOff = true;
    if (this.isOff) return Infinity;
    if (result.instructions > 0) return nowNs;
    return nowNs + Math.max(0, result.wakeNs - bench.machine.nowNs());
  }
}

export class DemoLab {
  readonly events: string[] = [];
  readonly fabric: NetworkFabric;
  readonly guests: DemoGuest[] = [];
  private readonly clock = { now: 1e9, nowNs: () => this.clock.now };
  private random = 1;

  constructor(topology: object) {
    this.fabric = new NetworkFabric({
      clock: this.clock,
      sockets: new FakeSockets(),
      interfaces: new FakeInterfaces(),
      seed: 7,
      tftpFiles: () => ({ open: (_, opened) => opened("not-found") }),
      random32: () => (this.random = (Math.imul(this.random, 1_664_525) + 1_013_904_223) >>> 0),
      event: (level, subject, message) => this.events.push(`${level} ${subject}: ${message}`),
      wake: () => undefined,
    });
    const fault = this.fabric.apply(Topology.parse({ ...EMPTY_TOPOLOGY, ...topology }));
    if (fault !== undefined) throw new RangeError(fault);
  }

  /** Starts a machine on an access port of a VLAN. */
  add(name: string, connection: NicConnection, append = ""): DemoGuest {
    const cable = new Cable();
    const last = this.guests.length + 1;
    const guest = new DemoGuest(name, Uint8Array.of(0x52, 0x54, 0, 0, 0, last), cable.a, append);
    const mac = `52:54:00:00:00:${last.toString(16).padStart(2, "0")}`;
    const fault = this.fabric.attach({ link: `${name}/nic0`, machine: name, mac, wiring: { connection, cable: true }, end: cable.b });
    if (fault !== undefined) throw new RangeError(fault);
    this.guests.push(guest);
    return guest;
  }

  /** Plugs a machine's cable into another port, or the same one by a bad cable. */
  move(guest: DemoGuest, connection: NicConnection, faults: LinkFaults = {}): void {
    const fault = this.fabric.wire(`${guest.name}/nic0`, { connection, cable: true, faults });
    if (fault !== undefined) throw new RangeError(fault);
  }

  /** Records what passes a machine's card from now on, in both directions. */
  observe(guest: DemoGuest): Uint8Array[] {
    const frames: Uint8Array[] = [];
    this.fabric.observe(`${guest.name}/nic0`, (frame) => frames.push(frame.slice()));
    return frames;
  }

  /** A cable of the test's own, plugged into an access port. */
  plug(name: string, connection: NicConnection): NetPort {
    const cable = new Cable();
    const fault = this.fabric.attach({ link: `${name}/nic0`, machine: name, mac: "52:54:00:00:01:01", wiring: { connection, cable: true }, end: cable.b });
    if (fault !== undefined) throw new RangeError(fault);
    return cable.a;
  }

  /** Runs all machines and the network until `isDone`, or for `seconds` of their time; false if that was not enough. */
  run(isDone: () => boolean, seconds = 120): boolean {
    const end = this.clock.now + seconds * 1e9;
    while (this.clock.now < end) {
      if (isDone()) return true;
      this.fabric.poll();
      let next = Infinity;
      for (const guest of this.guests) next = Math.min(next, guest.run(this.clock.now));
      this.clock.now = Math.max(this.clock.now + STEP_NS, Math.min(next, this.fabric.nextDeadlineNs(), end));
    }
    return isDone();
  }
}
