import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { EMPTY_TOPOLOGY, type LinkStats, Nic, type NicConnection, Topology } from "../api/network.ts";
import { CONTROL_BYTES, ControlWord } from "../api/worker-protocol.ts";
import { NetworkGuest } from "../testkit/network-guest.ts";
import { NicLinkEnd } from "../worker/nic-link.ts";
import { VirtualNetwork, type NetworkChange, wiringOf } from "./network.ts";
import { NETWORK_FILE, NetworkFile } from "./network-file.ts";
import { networkSpawner, type NetworkWorkerPort, type SpawnNetworkWorker } from "./network-thread.ts";
import { VmLibrary } from "./vm-library.ts";

const root = mkdtempSync(join(tmpdir(), "ringfence-network-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const spawnReal = networkSpawner(new URL("../worker/network-worker.ts", import.meta.url));
const access = (vlan: number): NicConnection => ({ switch: "lan", vlans: { mode: "access", vlan } });
const LAN = Topology.parse({ version: 1, switches: [{ name: "lan" }] });

function bench(t: TestContext, spawn: SpawnNetworkWorker = spawnReal, library = new VmLibrary(join(root, `library-${count++}`), "app")) {
  const ports: NetworkWorkerPort[] = [];
  const network = new VirtualNetwork({
    spawn: (start) => {
      const port = spawn(start);
      ports.push(port);
      return port;
    },
    store: new NetworkFile(library), allowsOutside: false, seed: 1,
  });
  const changes: NetworkChange[] = [];
  const waiting = new Set<() => void>();
  network.subscribe((change) => {
    changes.push(change);
    for (const go of waiting) go();
    waiting.clear();
  });
  let isOver = false;
  t.after(async () => {
    isOver = true;
    await network.close();
    await library.close();
  });
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  };
  const guest = async (name: string, last: number, connection: NicConnection | null) => {
    const nic = Nic.parse({ id: "nic0", mac: `52:54:00:00:00:0${last}`, connection });
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    const words = new Int32Array(control);
    const start = await network.attach(`${name}-id`, name, nic, control);
    const bell = new Int32Array(start.doorbell);
    const end = new NicLinkEnd(start.link, "machine", () => {
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    });
    const card = new NetworkGuest(nic.mac, end);
    const serve = async (): Promise<void> => {
      while (!isOver) {
        const seen = Atomics.load(words, ControlWord.SIGNAL);
        end.poll();
        for (const go of waiting) go();
        waiting.clear();
        const wait = Atomics.waitAsync(words, ControlWord.SIGNAL, seen, 50);
        if (wait.async) await wait.value;
      }
    };
    void serve();
    return { card, nic };
  };
  const path = join(library.path, NETWORK_FILE);
  const problems = () => changes.flatMap((change) => (change.kind === "problem" ? [change.message] : []));
  return { network, library, changes, until, guest, ports, path, problems };
}

test("while nothing runs, a bridge says whether it could be joined", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let isThere = true;
  const network = new VirtualNetwork({
    spawn: () => assert.fail("nothing runs"), store: null, allowsOutside: false,
    findInterface: (name) => (name === "vmtap0" && isThere ? { index: 7, device: "/dev/tap7", numbers: "246:1" } : { fault: "missing", message: `This host has no interface ${name}.`, remedy: [] }),
  });
  t.after(() => network.close());
  const told: NetworkChange[] = [];
  network.subscribe((change) => told.push(change));
  const bridge = { name: "out", switch: "lan", vlans: { mode: "access", vlan: 10 }, interface: "vmtap0" };
  const draw = (changes: object) => network.update(Topology.parse({ ...LAN, bridges: [{ ...bridge, ...changes }] }));
  await draw({});
  assert.deepEqual((await network.watch()).bridges, [{ bridge: "out", interface: "vmtap0", state: "off", fault: null, message: "", remedy: [] }]);
  await draw({ enabled: true });
  await draw({ enabled: true, interface: "eth7" });
  const states = told.flatMap((change) => (change.kind === "stats" ? change.stats.bridges.map(({ state, fault }) => [state, fault]) : []));
  assert.deepEqual(states, [["ready", null], ["failed", "missing"]]);
  await draw({ enabled: true });
  const next = new Promise<NetworkChange>((resolve) => network.subscribe(resolve));
  t.mock.timers.tick(2000);
  isThere = false;
  t.mock.timers.tick(2000);
  const change = await next;
  assert.equal(change.kind === "stats" && change.stats.bridges[0]?.fault, "missing", "what has changed, and nothing else, is told");
});

test("the network is saved, told, and there again; what cannot be changes nothing", async (t) => {
  const { network, library, changes, path, ports } = bench(t);
  assert.deepEqual(await network.get(), EMPTY_TOPOLOGY);
  await network.update(LAN);
  assert.deepEqual(changes, [{ kind: "changed", topology: LAN }]);
  const saved = readFileSync(path, "utf8");
  await assert.rejects(network.update({ ...LAN, switches: [{ name: "a" }, { name: "a" }] }), { code: "badRequest", message: "There are two switches called a." });
  assert.equal(readFileSync(path, "utf8"), saved);
  assert.deepEqual(await network.get(), LAN);
  assert.equal(ports.length, 0);
  assert.deepEqual(await bench(t, spawnReal, library).network.get(), LAN);
});

test("a file that is broken, newer or impossible is told of and never written over", async (t) => {
  const impossible = JSON.stringify({ ...LAN, trunks: [{ name: "t", ends: ["lan", "no"] }] });
  for (const [text, code] of [["{", "configUnreadable"], ['{"version":2}', "configNewer"], ['{"version":1,"switches":7}', "configUnreadable"], [impossible, "configUnreadable"]] as const) {
    const { network, path, guest, problems } = bench(t);
    writeFileSync(path, text);
    await assert.rejects(network.get(), { code });
    await assert.rejects(network.update(LAN), { code });
    assert.equal(readFileSync(path, "utf8"), text);
    // Machines start all the same.
    const { card } = await guest("a", 1, access(10));
    assert.deepEqual(card.carrier, []);
    assert.equal(problems().length, 1);
    writeFileSync(path, JSON.stringify(LAN));
    assert.deepEqual(await network.get(), LAN);
  }
});

test("a library that another program manages keeps its network", async (t) => {
  const { network, library, guest, until } = bench(t);
  await network.update(LAN);
  const other = bench(t, spawnReal, new VmLibrary(library.path, "command"));
  await assert.rejects(other.network.update({ ...LAN, switches: [] }), { code: "libraryBusy" });
  assert.deepEqual(await other.network.get(), LAN);
  // What was refused is not in force either.
  const a = await guest("a", 1, access(10));
  await until(() => (a.card.carrier.length === 1 ? true : undefined));
});

test("cards are joined, moved at once and let go; the topology changes under them", async (t) => {
  const { network, guest, until } = bench(t);
  const a = await guest("a", 1, access(10));
  const b = await guest("b", 2, access(10));
  assert.deepEqual([a.card.carrier, b.card.carrier], [[], []]);
  await network.update(LAN);
  await until(() => (a.card.carrier.length === 1 && b.card.carrier.length === 1 ? true : undefined));
  a.card.send(1);
  await until(() => b.card.markers()[0]);
  await network.wire("b-id", "nic0", wiringOf({ ...b.nic, connection: access(20) }));
  await until(() => (b.card.carrier.length === 3 ? true : undefined));
  await assert.rejects(network.wire("b-id", "nic0", wiringOf({ ...b.nic, connection: { ...access(20), switch: "none" } })), { code: "badRequest", message: "There is no switch none." });
  await assert.rejects(network.wire("c-id", "nic0", wiringOf(b.nic)), { code: "notFound" });
  const links = (stats: { links: LinkStats[] }) => stats.links.map(({ link, up }) => `${link} ${up}`);
  assert.deepEqual(links(await network.watch()), ["a-id/nic0 true", "b-id/nic0 true"]);
  network.detach("b-id");
  await until(() => (b.card.carrier.at(-1) === "down" ? true : undefined));
  assert.deepEqual(links(await network.watch()), ["a-id/nic0 true"]);
  network.unwatch();
});

test("captures have an id and a file, tell rows, and end", async (t) => {
  const { network, guest, until, changes } = bench(t);
  await network.update(LAN);
  const path = join(root, `capture-${count}.pcapng`);
  const { id } = await network.startCapture("a-id/nic0", path, true);
  const a = await guest("a", 1, access(10));
  await until(() => (a.card.carrier.length === 1 ? true : undefined));
  a.card.send(3);
  const change = await until(() => changes.find((each) => each.kind === "packets" && each.rows.length > 0));
  assert.ok(change.kind === "packets" && change.capture.packets === 1 && change.rows[0]?.direction === "out");
  assert.equal((await network.packet(id, 1))?.layers[1]?.name, "Ethernet");
  assert.equal((await network.stopCapture(id)).isRunning, false);
  assert.ok(existsSync(path));
  await assert.rejects(network.stopCapture("capture-99"), { code: "notFound" });
  await assert.rejects(network.startCapture("a-id/nic0", join(root, "no", "x"), false), { code: "ioFailed" });
});

test("a thread that dies is started anew with all that was there, but not for ever", async (t) => {
  const { network, guest, until, ports, problems } = bench(t);
  await network.update(LAN);
  const a = await guest("a", 1, access(10));
  const b = await guest("b", 2, access(10));
  await until(() => (a.card.carrier.length === 1 && b.card.carrier.length === 1 ? true : undefined));
  for (let deaths = 1; deaths < 3; deaths++) {
    await ports.at(-1)!.terminate();
    await until(() => (problems().length === deaths ? true : undefined));
    const arrives = () => {
      a.card.send(deaths);
      return b.card.markers().find((marker) => marker === deaths);
    };
    assert.equal(await until(arrives), deaths);
  }
  await ports.at(-1)!.terminate();
  await until(() => (problems().length === 3 ? true : undefined));
  assert.match(problems()[2]!, /machines go on without a network/);
  assert.equal(ports.length, 3);
  await guest("c", 3, access(10));
  await assert.rejects(network.startCapture("a-id/nic0", null, true), { code: "networkFailed" });
});

test("where no thread can be made, machines start without a network", async (t) => {
  const failing: SpawnNetworkWorker = () => {
    throw new Error("no more threads");
  };
  const { network, guest, problems } = bench(t, failing);
  await network.update(LAN);
  const { card } = await guest("a", 1, access(10));
  assert.deepEqual(card.carrier, []);
  assert.match(problems()[0]!, /could not be started: no more threads/);
});
