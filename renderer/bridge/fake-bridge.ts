// Scripted machines for tests and for working on the interface without an engine: power changes after short pauses, made-up
// figures, a small shell on screen and serial. Keeps the contract's legal states, so that the interface meets its refusals.
// Requests and replies pass through the contract's schemas as they would over a wire. Left out: any emulation.
import type { CallInput, CallName, CallReply, CallRequest, EventData, EventName } from "../../core/api/contract.ts";
import { calls } from "../../core/api/contract.ts";
import type { LabBridge, LabFile, LabNic, Nic, PortVlans } from "../../core/api/network.ts";
import { CONFIG_VERSION } from "../../core/api/vm-config.ts";
import type { PendingChange, VmRecord, VmStatus } from "../../core/api/vm-state.ts";
import type { Connection } from "./bridge.ts";
import { BridgeError } from "./bridge.ts";
import { FAKE_SYSTEMS, FakeDownloads, MEDIA_FOLDER } from "./fake-downloads.ts";
import { FakeFiles } from "./fake-files.ts";
import { FakeNetwork, fakeMac } from "./fake-network.ts";
import { FakeShell } from "./fake-shell.ts";
import { COLUMNS, drawText, screenLines, thumbnailOf } from "./fake-screen.ts";
import { readReply } from "./inbox.ts";
import { InboxBridge } from "./inbox-bridge.ts";
import { isOn } from "../state/power.ts";
import { Listeners } from "./listeners.ts";

interface Machine {
  record: VmRecord;
  shell: FakeShell;
  uptimeNs: number;
  watched: boolean;
  thumbnail: boolean;
  text: boolean;
  /** The guest holds the tray of its CD drive. */
  trayHeld: boolean;
  /** Raised by every power change, so that a pause that has been overtaken does nothing. */
  generation: number;
}

/** What `vm.create` can be told besides the name and new disks. */
type MachineOptions = { [K in Exclude<keyof CallInput<"vm.create">, "name" | "newDisks">]?: CallInput<"vm.create">[K] | undefined };

const defined = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };

/** Which cards a machine has, without what they are joined to. */
const cardsOf = (nics: readonly Nic[] | undefined): string => JSON.stringify((nics ?? []).map(({ id, model, mac, rom }) => [id, model, mac, rom]));

type Joined = readonly [name: string, vlan: number | "trunk"];
/** The machines of the scripted lab, and what their cards are joined to. */
const LAB: readonly (readonly [name: string, status: VmStatus, ...joined: Joined[]])[] = [
  ["alice", "running", ["s1", 10]],
  ["bob", "running", ["s1", 10]],
  ["carol", "running", ["s1", 20]],
  ["build-server", "running", ["s2", 20]],
  ["printer", "off", ["s2", 20]],
  ["camera", "paused", ["s2", 30]],
  ["monitor", "running", ["s1", 10], ["s2", 30]],
  ["hypervisor", "running", ["s2", "trunk"]],
  ["spare", "off"],
];

function cardOf(n: number, index: number, [name, vlan]: Joined): Nic {
  const vlans: PortVlans = vlan === "trunk" ? { mode: "trunk", allowed: [10, 20] } : { mode: "access", vlan };
  return { id: `nic${index}`, model: "virtio", mac: fakeMac(n), connection: { switch: name, vlans }, cable: true };
}

function topologyOf(isLab: boolean): CallReply<"net.get">["topology"] {
  const gateway = { forwards: [], hostServices: [], reservations: [], domain: "lab" };
  return {
    version: 1,
    switches: isLab ? [{ name: "s1" }, { name: "s2" }] : [{ name: "s1" }],
    trunks: isLab ? [{ name: "uplink", ends: ["s1", "s2"], allowed: "all", cable: true }] : [],
    gateways: [
      { ...gateway, name: "office", switch: "s1", vlan: 10, network: "10.0.10.0/24", nat: true },
      { ...gateway, name: "guests", switch: "s1", vlan: 20, network: "10.0.20.0/24", nat: false },
    ],
    bridges: [],
    rules: isLab ? [{ from: "office", to: "guests", protocol: "tcp", port: 80 }] : [],
    vlanNames: isLab ? { 10: "Office", 20: "Guests", 30: "Cameras" } : { 10: "Office", 20: "Guests" },
    places: {},
  };
}

const LIBRARY = "/home/user/Ringfence";
const STEP_MS = 400;

type Handlers = { [N in CallName]: (params: CallInput<N>) => CallReply<N> };

export class FakeBridge extends InboxBridge {
  readonly #connections = new Listeners<Connection>();
  readonly #machines = new Map<string, Machine>();
  readonly #trash = new Map<string, { entry: { id: string; name: string; deletedAt: string; path: string }; machine: Machine }>();
  readonly #files = new FakeFiles();
  readonly #downloads = new FakeDownloads((download) => {
    if (download.state === "done") this.#files.add(download.path, download.receivedBytes);
    this.#emit("download.changed", download);
  });
  readonly #network = new FakeNetwork({
    machines: () => [...this.#machines.values()].map((m) => m.record),
    changed: (topology) => this.#emit("net.changed", { topology }),
    stats: (stats) => this.#emit("net.stats", stats),
    packets: (data) => this.#emit("net.packets", data),
  });
  readonly #ticker: ReturnType<typeof setInterval>;
  #connection: Connection = { state: "open" };
  #sequence = 0;
  #made = 0;
  /** Every call, for tests. */
  readonly log: { method: CallName; params: unknown }[] = [];

  constructor(scenario = "") {
    super();
    if (scenario !== "empty") this.#script(scenario);
    this.#ticker = setInterval(() => this.#tick(), 500);
  }

  override async call<N extends CallName>(method: N, params: CallRequest<N>): Promise<CallReply<N>> {
    await Promise.resolve();
    if (this.#connection.state !== "open") throw new BridgeError("disconnected", "Not connected to the app");
    this.log.push({ method, params });
    const parsed = calls[method].request.safeParse(params);
    if (!parsed.success) throw new BridgeError("badRequest", parsed.error.message);
    // The row of the table and the schema belong to the same method.
    const handler = this.#handlers[method] as (params: unknown) => unknown;
    return readReply(method, { ok: true, result: handler(parsed.data) });
  }

  override onConnection(listener: (connection: Connection) => void): () => void {
    listener(this.#connection);
    return this.#connections.add(listener);
  }

  override reconnect(): void {
    this.#connection = { state: "open" };
    this.#connections.emit(this.#connection);
    this.inbox.newConnection();
  }

  override pathOf(): null {
    return null;
  }

  override async upload(file: File, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<string> {
    for (let tenth = 1; tenth <= 10; tenth++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      signal.throwIfAborted();
      onProgress((file.size * tenth) / 10);
    }
    const path = `${MEDIA_FOLDER}/${file.name}`;
    this.#files.add(path, file.size);
    return path;
  }

  /** As if the host had gone. */
  loseConnection(): void {
    this.#connection = { state: "lost", attempt: 1, retryAt: Date.now() + 5000 };
    this.#connections.emit(this.#connection);
  }

  override close(): void {
    clearInterval(this.#ticker);
    this.#downloads.close();
    this.inbox.clear();
  }

  readonly #handlers: Handlers = {
    "app.info": () => ({
      version: "0.1.0",
      platform: "linux",
      hostMemoryMiB: 7936,
      hostFreeMemoryMiB: 3100,
      hostCores: 2,
      libraryPath: LIBRARY,
      mediaPath: MEDIA_FOLDER,
      host: "headless",
    }),
    "vm.list": () => ({ vms: [...this.#machines.values()].map((m) => m.record) }),
    "vm.create": ({ name, newDisks: _made, ...options }) => {
      const { boot } = options;
      if (boot.kind === "kernel" && !this.#files.probe(boot.kernel).exists)
        throw new BridgeError("fileMissing", `No such file: ${boot.kernel}`);
      const machine = this.#add(name, "off", options);
      this.#emit("vm.changed", machine.record);
      return { vm: machine.record };
    },
    "vm.update": ({ id, name, notes, newDisks: _made, cpuModel, engine, ...parts }) => {
      const machine = this.#get(id);
      const { config, status } = machine.record;
      if (config === null) throw new BridgeError("configUnreadable", "The configuration cannot be read");
      const hardware = defined({ ...parts, cpuModel, engine });
      // What a card is joined to changes at once; which cards there are does not.
      const waits = (part: string): boolean => part !== "nics" || cardsOf(parts.nics) !== cardsOf(config.nics);
      const waiting = (Object.keys(hardware) as PendingChange[]).filter(waits);
      const pending = isOn(status) ? [...new Set([...(machine.record.pending ?? []), ...waiting])] : [];
      const cpu = { ...config.cpu, ...defined({ model: cpuModel, engine }) };
      this.#change(machine, { config: { ...config, ...defined({ ...parts, name, notes }), cpu }, ...(pending.length > 0 ? { pending } : {}) });
      return { vm: machine.record };
    },
    "vm.start": ({ id }) => {
      const machine = this.#require(id, ["off", "error"]);
      machine.uptimeNs = 0;
      this.#change(machine, { status: "starting", failure: null });
      this.#later(machine, () => {
        this.#change(machine, { status: "running" });
        this.#print(machine, machine.shell.boot(machine.record.config?.memoryMiB ?? 64));
      });
      return {};
    },
    "vm.pause": ({ id }) => this.#become(this.#require(id, ["running"]), "paused"),
    "vm.resume": ({ id }) => this.#become(this.#require(id, ["paused"]), "running"),
    "vm.reset": ({ id }) => {
      const machine = this.#require(id, ["running", "paused"]);
      this.#change(machine, { status: "running" });
      this.#print(machine, machine.shell.boot(machine.record.config?.memoryMiB ?? 64));
      return {};
    },
    "vm.shutdown": ({ id }) => {
      const machine = this.#require(id, ["running"]);
      this.#change(machine, { status: "stopping" });
      this.#later(machine, () => this.#change(machine, { status: "off" }));
      return {};
    },
    "vm.powerOff": ({ id }) => this.#become(this.#require(id, ["starting", "running", "paused", "stopping"]), "off"),
    "vm.delete": ({ id }) => {
      const machine = this.#require(id, ["off", "error", "broken"]);
      this.#machines.delete(id);
      const { folder } = machine.record;
      const entry = {
        id: folder,
        name: machine.record.config?.name ?? folder,
        deletedAt: new Date().toISOString(),
        path: `${LIBRARY}/.trash/${folder}`,
      };
      this.#trash.set(folder, { entry, machine });
      this.#emit("vm.removed", { id });
      return { trash: entry };
    },
    "vm.setCap": ({ id, capPercent }) => {
      const machine = this.#get(id);
      const { config } = machine.record;
      this.#change(machine, { capPercent, config: config === null ? null : { ...config, cpu: { ...config.cpu, capPercent } } });
      return {};
    },
    "vm.input": ({ id, events }) => {
      const machine = this.#require(id, ["running", "paused"]);
      for (const event of events) if (event.kind === "key" && event.down) this.#print(machine, machine.shell.key(event.code));
      return {};
    },
    "vm.insertMedium": ({ id, driveId, path }) => {
      if (!this.#files.probe(path).exists) throw new BridgeError("fileMissing", `No such file: ${path}`);
      return this.#setMedium(id, driveId, path);
    },
    "vm.ejectMedium": ({ id, driveId, force }) => {
      const machine = this.#get(id);
      if (!force && machine.trayHeld && machine.record.status === "running") throw new BridgeError("wrongState", "The guest holds the tray shut");
      return this.#setMedium(id, driveId, null);
    },
    "vm.typeText": ({ id, text }) => {
      const machine = this.#require(id, ["running"]);
      const untyped = [...new Set(text.match(/[^\t\n -~]/g))].join("");
      this.#print(machine, machine.shell.type(text.replaceAll(/[^\t\n -~]/g, "")));
      return { untyped };
    },
    "vm.watchText": ({ id }) => {
      const machine = this.#get(id);
      machine.text = true;
      queueMicrotask(() => this.#sendText(machine));
      return {};
    },
    "vm.unwatchText": ({ id }) => {
      const machine = this.#machines.get(id);
      if (machine !== undefined) machine.text = false;
      return {};
    },
    "vm.keys": ({ id }) => {
      this.#require(id, ["running", "paused"]);
      return {};
    },
    "vm.serialInput": ({ id, data }) => {
      const machine = this.#require(id, ["running", "paused"]);
      this.#print(machine, machine.shell.type(data));
      return {};
    },
    "vm.watch": ({ id, thumbnail }) => {
      const machine = this.#get(id);
      if (thumbnail) machine.thumbnail = true;
      else machine.watched = true;
      queueMicrotask(() => this.#draw(machine));
      return { serialBacklog: thumbnail ? "" : machine.shell.serial };
    },
    "vm.unwatch": ({ id, thumbnail }) => {
      const machine = this.#machines.get(id);
      if (machine !== undefined) machine[thumbnail ? "thumbnail" : "watched"] = false;
      return {};
    },
    "trash.list": () => ({ entries: [...this.#trash.values()].map((t) => t.entry) }),
    "trash.restore": ({ id }) => {
      const found = this.#trash.get(id);
      if (found === undefined) throw new BridgeError("notFound", `Nothing in the trash is called ${id}`);
      this.#trash.delete(id);
      this.#machines.set(found.machine.record.id, found.machine);
      this.#emit("vm.changed", found.machine.record);
      return { vm: found.machine.record };
    },
    "trash.remove": ({ id }) => {
      if (!this.#trash.delete(id)) throw new BridgeError("notFound", `Nothing in the trash is called ${id}`);
      return {};
    },
    "trash.empty": () => {
      const removed = this.#trash.size;
      this.#trash.clear();
      return { removed };
    },
    "systems.list": () => ({ systems: FAKE_SYSTEMS, problems: [] }),
    "download.list": () => ({ downloads: this.#downloads.list() }),
    "download.start": (what) => ({ download: this.#downloads.start(what) }),
    "download.pause": ({ id }) => {
      this.#downloads.pause(id);
      return {};
    },
    "download.cancel": ({ id }) => {
      this.#downloads.cancel(id);
      return {};
    },
    "net.get": () => ({ topology: this.#network.topology }),
    "net.update": ({ topology }) => ({ topology: this.#network.update(topology) }),
    "net.watch": () => {
      this.#network.isWatched = true;
      return this.#network.stats();
    },
    "net.unwatch": () => {
      this.#network.isWatched = false;
      return {};
    },
    "net.setFaults": ({ link, faults }) => {
      const [id = "", nicId] = link.split("/");
      const { topology } = this.#network;
      if (nicId === undefined) this.#network.update({ ...topology, trunks: topology.trunks.map((t) => (`trunk:${t.name}` === link ? { ...t, faults } : t)) });
      else {
        const machine = this.#get(id);
        const { config } = machine.record;
        this.#change(machine, { config: config && { ...config, nics: config.nics.map((n) => (n.id === nicId ? { ...n, faults } : n)) } });
      }
      return {};
    },
    "net.startCapture": ({ link }) => ({ capture: this.#network.startCapture(link) }),
    "net.stopCapture": ({ captureId }) => ({ capture: this.#network.stopCapture(captureId) }),
    "net.packet": ({ captureId, number }) => ({ packet: this.#network.packet(captureId, number) }),
    "net.saveCapture": ({ captureId, path }) => ({ path: this.#network.saveCapture(captureId, MEDIA_FOLDER, path) }),
    "lab.create": ({ lab }) => {
      const cards = this.#network.addLab(lab);
      const ids = lab.machines.map(({ name, memory }, i) => {
        const machine = this.#add(name, "off", { memoryMiB: memory, nics: cards[i] ?? [] });
        this.#emit("vm.changed", machine.record);
        return machine.record.id;
      });
      return { ids };
    },
    "lab.export": () => ({ lab: this.#exportLab() }),
    "file.probe": ({ path }) => this.#files.probe(path),
    "file.list": ({ path }) => this.#files.list(path),
  };

  #exportLab(): LabFile {
    const { version: _version, ...network } = this.#network.topology;
    const nic = ({ model, mac, connection, faults, guards }: Nic): LabNic[] => {
      if (connection === null) return [];
      const own = { switch: connection.switch, model, mac, ...defined({ faults, guards }) };
      const { vlans } = connection;
      return [vlans.mode === "access" ? { ...own, vlan: vlans.vlan } : { ...own, trunk: vlans.allowed, ...defined({ native: vlans.native }) }];
    };
    const machines = [...this.#machines.values()].flatMap(({ record: { config } }) =>
      config === null ? [] : [{ name: config.name.replaceAll(/[^\w.-]+/g, "-"), memory: config.memoryMiB, nics: config.nics.flatMap(nic) }],
    );
    const bridges = network.bridges.map(({ name, switch: at, vlans, interface: to }): LabBridge => {
      const own = { name, switch: at, interface: to };
      return vlans.mode === "access" ? { ...own, vlan: vlans.vlan } : { ...own, trunk: vlans.allowed, ...defined({ native: vlans.native }) };
    });
    return { machines, ...network, bridges };
  }

  #get(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new BridgeError("notFound", `No machine ${id}`);
    return machine;
  }

  #require(id: string, legal: readonly VmStatus[]): Machine {
    const machine = this.#get(id);
    if (!legal.includes(machine.record.status)) throw new BridgeError("wrongState", `The machine is ${machine.record.status}`);
    return machine;
  }

  #become(machine: Machine, status: VmStatus): Record<string, never> {
    this.#change(machine, { status });
    return {};
  }

  #change(machine: Machine, changes: Partial<VmRecord>): void {
    if (changes.status !== undefined) machine.generation++;
    machine.record = { ...machine.record, ...changes };
    this.#emit("vm.changed", machine.record);
  }

  #setMedium(id: string, driveId: string, path: string | null): { vm: VmRecord } {
    const machine = this.#get(id);
    const { config } = machine.record;
    const drive = config?.drives.find((d) => d.id === driveId);
    if (!config || drive === undefined) throw new BridgeError("notFound", `No drive ${driveId}`);
    this.#change(machine, { config: { ...config, drives: config.drives.map((d) => (d === drive ? { ...d, path } : d)) } });
    if (machine.record.status === "running") this.#emit("vm.activity", { id, lights: [drive.kind] });
    return { vm: machine.record };
  }

  #later(machine: Machine, then: () => void): void {
    const { generation } = machine;
    setTimeout(() => {
      if (machine.generation === generation) then();
    }, STEP_MS);
  }

  #emit<N extends EventName>(event: N, data: EventData<N>): void {
    if (this.#connection.state === "open") this.inbox.receiveEvent({ event, sequence: this.#sequence++, data: structuredClone(data) });
  }

  /** What the shell did: text goes to screen and serial; a crash ends the machine, power-off turns it off. */
  #print(machine: Machine, result: { output: string; effect?: "crash" | "off" }): void {
    if (result.output !== "" && machine.watched) this.#emit("vm.serial", { id: machine.record.id, data: result.output });
    this.#draw(machine);
    if (result.effect === "off") this.#change(machine, { status: "off" });
    if (result.effect === "crash") {
      const detail = [
        "rip=ffffffff80101f3a rsp=ffffffff80208f80 rflags=00010046",
        "rax=0000000000000000 rbx=00000000deadbeef rcx=0000000000000008 rdx=0000000000000000",
        "cr0=80050033 cr2=0000000000000000 cr3=0000000000201000 cr4=000006a0",
        "cs=0008 ss=0010 ds=0010 es=0010  efer=00000d01",
        "idt base=0000000000000000 limit=0000",
      ].join("\n");
      this.#change(machine, {
        status: "error",
        failure: { code: "tripleFault", message: "Triple fault: #PF while delivering #DF (error code 0) at rip ffffffff80101f3a", detail },
      });
    }
  }

  #sendText(machine: Machine): void {
    if (!machine.text) return;
    const { id, status } = machine.record;
    this.#emit("vm.text", { id, screen: isOn(status) ? { columns: COLUMNS, lines: screenLines(machine.shell.screen) } : null });
  }

  #draw(machine: Machine): void {
    this.#sendText(machine);
    if (!machine.watched && !machine.thumbnail) return;
    const frame = drawText(machine.record.id, machine.shell.screen, machine.record.status === "running");
    if (frame === null || this.#connection.state !== "open") return;
    if (machine.watched) this.inbox.frames.emit(frame);
    if (machine.thumbnail) this.inbox.frames.emit(thumbnailOf(frame));
  }

  #tick(): void {
    this.#network.tick();
    for (const machine of this.#machines.values()) {
      const { id, status, capPercent } = machine.record;
      if (status !== "running") continue;
      machine.uptimeNs += 5e8;
      const wave = 0.5 + 0.35 * Math.sin(machine.uptimeNs / 3e9) + 0.1 * Math.sin(machine.uptimeNs / 7e8);
      const hostCpuPercent = Math.min(capPercent, wave * 100);
      this.#emit("vm.stats", {
        id,
        stats: {
          hostCpuPercent,
          instructionsPerSecond: hostCpuPercent * 7.1e5,
          uptimeNs: machine.uptimeNs,
          haltedPercent: 100 - hostCpuPercent,
          counters: { "translator.liveRegions": 120, "translator.liveBytes": 480_000 },
        },
      });
      if (hostCpuPercent > 60 && (machine.record.config?.drives.length ?? 0) > 0) this.#emit("vm.activity", { id, lights: ["disk"] });
    }
  }

  #add(name: string, status: VmStatus, options: MachineOptions = {}): Machine {
    const n = ++this.#made;
    const id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    const folder = name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "-");
    const capPercent = options.capPercent ?? 100;
    const record: VmRecord = {
      id,
      folder,
      path: `${LIBRARY}/${folder}`,
      status,
      failure: null,
      capPercent,
      config: {
        version: CONFIG_VERSION,
        id,
        name,
        notes: options.notes ?? "",
        createdAt: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString(),
        memoryMiB: options.memoryMiB ?? 64,
        cpu: { model: options.cpuModel ?? "ringfence64", capPercent, engine: options.engine ?? "translator" },
        boot: options.boot ?? { kind: "demo" },
        drives: options.drives ?? [],
        firmware: options.firmware ?? { kind: "ringfence" },
        devices: options.devices ?? { tablet: true, balloon: true, entropy: true, paravirtual: true },
        nics: options.nics ?? [],
      },
    };
    const machine: Machine = { record, shell: new FakeShell(), uptimeNs: 0, watched: false, thumbnail: false, text: false, trayHeld: false, generation: 0 };
    this.#machines.set(id, machine);
    return machine;
  }

  #script(scenario: string): void {
    this.#network.topology = topologyOf(scenario === "lab");
    if (scenario === "lab") {
      for (const [name, status, ...joined] of LAB) this.#add(name, status, { memoryMiB: 64, nics: joined.map((to, i) => cardOf(this.#made * 8 + i, i, to)) }).shell.boot(64);
      return;
    }
    const demo = this.#add("Demo guest", "running", { nics: [cardOf(1, 0, ["s1", 10])] });
    demo.uptimeNs = 754e9;
    demo.shell.boot(64);
    for (const command of ["cpu\r", "ring\r", "priv\r"]) demo.shell.type(command);
    const debian = this.#add("Debian 12 kernel", "paused", {
      memoryMiB: 256,
      nics: [cardOf(2, 0, ["s1", 10])],
      capPercent: 40,
      notes: "Installer kernel with a BusyBox initramfs.\nLog in as root, no password.",
      boot: {
        kind: "kernel",
        kernel: "/home/user/images/debian/vmlinuz",
        initrd: "/home/user/images/debian/initrd.gz",
        append: "console=ttyS0 console=tty0",
        modules: [],
      },
    });
    debian.shell.boot(256);
    const crashed = this.#add("Fault lab", "running");
    crashed.shell.boot(64);
    crashed.watched = false;
    this.#print(crashed, crashed.shell.type("crash\r"));
    const installer = this.#add("Alpine Linux", "running", {
      nics: [cardOf(3, 0, ["s1", 20])],
      memoryMiB: 128,
      boot: { kind: "firmware", order: ["cd", "disk"] },
      drives: [
        { id: "disk0", kind: "disk", controller: "ahci", slot: 0, path: "disk0.img", readOnly: false, throwAway: false },
        { id: "cd0", kind: "cd", controller: "ide", slot: 2, path: "/home/user/images/alpine-3.20.iso", readOnly: false, throwAway: false },
        { id: "floppy0", kind: "floppy", controller: "fdc", slot: 0, path: null, readOnly: false, throwAway: false },
      ],
    });
    installer.trayHeld = true;
    installer.record = { ...installer.record, pointer: "absolute" };
    installer.shell.boot(128);
    this.#add("Tiny kernel", "off", {
      memoryMiB: 16,
      boot: { kind: "kernel", kernel: "/home/user/images/tiny.elf", append: "", modules: [] },
    });
    const brokenId = "folder:old-server";
    this.#machines.set(brokenId, {
      record: {
        id: brokenId,
        folder: "old-server",
        path: `${LIBRARY}/old-server`,
        status: "broken",
        config: null,
        capPercent: 100,
        failure: { code: "configUnreadable", message: "machine.json: Unexpected end of JSON input at line 7" },
      },
      shell: new FakeShell(),
      uptimeNs: 0,
      watched: false,
      thumbnail: false,
      text: false,
      trayHeld: false,
      generation: 0,
    });
    if (scenario === "many")
      for (let i = 1; i <= 24; i++) this.#add(`Build node ${i}`, i % 3 === 0 ? "running" : "off", { memoryMiB: 128 }).shell.boot(128);
  }
}
