// Labs and the network's commands as a process, around scripted machines.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LabFile } from "../../core/api/network.ts";
import { FILE_CALLS } from "../../core/hypervisor/atomic-file.ts";
import { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { fakeKernel } from "../../core/testkit/fake-machine.ts";
import { lineOf } from "./json-file.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-lab-cli-"));
after(() => rmSync(folder, { recursive: true }));
const PROGRAM = fileURLToPath(new URL("../testing/fake-machine-cli.ts", import.meta.url));
let count = 0;
const file = (text: string) => {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, text);
  return path;
};
const kernel = (...commands: string[]) => file(fakeKernel(...commands));
const newLibrary = () => join(folder, `library-${count++}`);
const lab = (machines: object[], rest: object = {}) => file(JSON.stringify({ machines, ...rest }, null, 2));

function cli(args: string[], options: { stdin?: string; library?: string } = {}): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env: { ...process.env, RINGFENCE_LIBRARY: options.library ?? join(folder, "none") } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("latin1").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(options.stdin ?? "");
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
}

const SWITCH = { switches: [{ name: "s1" }] };
const NIC = { nics: [{ switch: "s1", vlan: 10 }] };

test("each machine's lines have its name in front, what is begun is ended, and a capture of each card and gateway is left", async () => {
  const captures = join(folder, "captures");
  const path = lab(
    [
      { name: "one", kernel: kernel("print a", "wait 20", "print b", "off"), memory: 16, nics: [...NIC.nics, { switch: "s1", trunk: "all" }] },
      { name: "two", kernel: kernel("print c", "off"), memory: 16, ...NIC },
    ],
    { ...SWITCH, gateways: [{ switch: "s1", vlan: 10, network: "10.0.10.0/24" }] },
  );
  const { status, stdout, stderr } = await cli(["lab", "run", path, "--capture", captures, "--timeout", "120"]);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(stdout.split("\n").sort(), ["", "[one] a", "[one] b", "[two] c"]);
  const names = ["one.0.pcapng", "one.1.pcapng", "s1-10.gateway.pcapng", "two.0.pcapng"];
  assert.deepEqual(readdirSync(captures).sort(), names);
  for (const name of names) assert.equal(readFileSync(join(captures, name)).readUInt32LE(0), 0x0a0d0d0a, name);
});

test("a lab's bridges are off and said to be, and with leave to join it is said why one cannot be; machines run in any case", async () => {
  const bridges = [{ name: "out", switch: "s1", vlan: 10, interface: "vmtap-none" }];
  const path = lab([{ name: "one", kernel: kernel("print a", "off"), memory: 16, ...NIC }], { ...SWITCH, bridges });
  const kept = await cli(["lab", "run", path, "--timeout", "120"]);
  assert.deepEqual([kept.status, kept.stdout], [0, "[one] a\n"]);
  assert.match(kept.stderr, /^ringfence: Bridge out to the host's interface vmtap-none is off: --allow-bridge lets the machines of this lab into the host's network\.\n$/);
  const allowed = await cli(["lab", "run", path, "--allow-bridge", "--timeout", "120"]);
  assert.deepEqual([allowed.status, allowed.stdout], [0, "[one] a\n"]);
  assert.match(allowed.stderr, /^ringfence: Bridge out to the host's interface vmtap-none is not connected: \S/);
  const meeting = lab([{ name: "one", kernel: kernel("off"), memory: 16 }], { ...SWITCH, bridges, gateways: [{ switch: "s1", vlan: 10, network: "10.0.10.0/24" }] });
  const refused = await cli(["lab", "run", meeting, "--allow-bridge"]);
  assert.deepEqual([refused.status, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /Gateway s1-10 is in VLAN 10, which bridge out joins to the host's network/);
});

test("a line of stdin goes to the machine that it names", async () => {
  const path = lab([{ name: "ear", kernel: kernel("echo", "off"), memory: 16 }, { name: "deaf", kernel: kernel("off"), memory: 16 }]);
  const { status, stdout, stderr } = await cli(["lab", "run", path, "--timeout", "120"], { stdin: "ear: hello there\nnobody: x\near: \x04\n" });
  assert.equal(status, 0);
  assert.equal(stdout, "[ear] hello there\n");
  assert.match(stderr, /begins with its name/);
});

test("how machines end decides the status: a crash 125, a failure 1, the timeout 124; all are told", async () => {
  const crash = await cli(["lab", "run", lab([{ name: "bad", kernel: kernel("triple"), memory: 16 }, { name: "good", kernel: kernel("print ok", "off"), memory: 16 }])]);
  assert.deepEqual([crash.status, crash.stdout], [125, "[good] ok\n"]);
  assert.match(crash.stderr, /bad: The guest crashed with a triple fault/);
  const failed = await cli(["lab", "run", lab([{ name: "bad", kernel: file("no kernel"), memory: 16 }, { name: "good", kernel: kernel("off"), memory: 16 }])]);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /bad: .* is not a kernel/);
  const late = await cli(["lab", "run", lab([{ name: "slow", kernel: kernel("idle"), memory: 16 }]), "--timeout", "1", "--json"]);
  assert.equal(late.status, 124);
  assert.match(late.stderr, /Timeout: slow still ran after 1 s/);
  assert.deepEqual(JSON.parse(late.stdout), { status: 124, machines: [{ name: "slow", end: "stopped" }], captures: [] });
});

test("a lab file that cannot be is refused in one sentence with the line and the field", async () => {
  const cases: [string, RegExp][] = [
    [file('{\n "machines": [\n  {"name": "a"},\n ]\n}'), /line 4: this is not valid JSON/],
    [file('{\n "machines": [\n  {"name": "a", "nics": [\n   {"switch": "s1", "vlan": 9999}]}\n ],\n "switches": [{"name": "s1"}]\n}'), /line 4, machines\[0\]\.nics\[0\]\.vlan: /],
    [file('{\n "machines": [],\n "swiches": []\n}'), /line 1: .*swiches/],
    [lab([{ name: "a", ...NIC }]), /joined to the switch s1, which the lab does not have/],
    [lab([], SWITCH), /no machines/],
    [lab([{ name: "a", kernel: "/no/such/kernel" }]), /Machine a: there is no kernel \/no\/such\/kernel/],
    [join(folder, "missing.json"), /cannot be read/],
  ];
  for (const [path, message] of cases) {
    const { status, stdout, stderr } = await cli(["lab", "run", path]);
    assert.deepEqual([status, stdout, stderr.trim().split("\n").length], [2, "", 1], stderr);
    assert.match(stderr, message);
  }
});

test("a network that cannot be is refused", async () => {
  const path = lab([{ name: "a", kernel: kernel("off"), ...NIC }], { ...SWITCH, trunks: [["s1", "s9"]] });
  const { status, stderr } = await cli(["lab", "run", path]);
  assert.equal(status, 1);
  assert.match(stderr, /leads to the switch s9, which does not exist/);
});

test("a lab runs machines of the library by name", async () => {
  const library = newLibrary();
  await cli(["create", "stored", "--kernel", kernel("print from the library", "off")], { library });
  assert.equal((await cli(["lab", "run", lab([{ name: "x", vm: "stored" }])], { library })).stdout, "[x] from the library\n");
  const missing = await cli(["lab", "run", lab([{ name: "x", vm: "none" }])], { library });
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /there is no "none"/);
});

test("the line of a field is found in any JSON", () => {
  const text = '{ "a": [1, {"b": "}]\\"", "c": null}],\n "d": {\n"e": -1.5e3 , "f": true}}';
  assert.equal(lineOf(text, ["a", 1, "c"]), 1);
  assert.equal(lineOf(text, ["d", "e"]), 3);
  assert.equal(lineOf(text, ["d", "missing"]), 2);
});

test("the network of a library is drawn, listed, broken and exported by commands", async () => {
  const library = newLibrary();
  const does = async (...args: string[]) => {
    const { status, stdout, stderr } = await cli(args, { library });
    assert.equal(status, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  await does("create", "web", "--kernel", kernel("print up", "off"), "--memory", "16");
  for (const name of ["s1", "s2"]) await does("net", "add-switch", name);
  await does("net", "add-trunk", "s1", "s2", "--allowed", "10,20");
  await does("net", "add-gateway", "s1", "10", "10.0.10.0/24", "--nat", "--forward", "tcp:2222:web:22");
  await does("link", "add", "web", "s1", "10");
  await does("link", "add", "web", "--model", "e1000");
  await does("link", "connect", "web/nic1", "s2", "trunk:10,20", "--native", "10");
  await does("link", "unplug", "web/nic0");
  await does("fault", "set", "s1-s2", "loss=0.05", "delay=20");
  const shown = await does("net", "show");
  assert.match(shown, /switch s1\n {2}trunk s1-s2 to s2, VLANs 10,20\n {2}VLAN 10: gateway s1-10, 10\.0\.10\.0\/24, NAT\n {4}tcp 127\.0\.0\.1:2222 to web:22\n {2}VLAN 10: web\/nic0 52:54:00:\S+, unplugged/);
  assert.match(shown, /trunk 10,20: web\/nic1/);
  assert.match(await does("link", "list"), /web\/nic1 +s2 trunk 10,20 +e1000 52:54:00/);
  assert.deepEqual(JSON.parse(await does("fault", "list", "--json")), [{ link: "s1-s2", faults: { loss: 0.05, delayMs: 20 } }]);
  await does("net", "add-bridge", "s2", "30", "vmtap0");
  assert.match(await does("net", "show"), /VLAN 30: bridge vmtap0 to the host's interface vmtap0, (not connected: \S.*|on)\n/);
  await does("net", "bridge", "vmtap0", "off");
  assert.match(await does("net", "show"), /bridge vmtap0 to the host's interface vmtap0, off\n/);
  const exported = LabFile.parse(JSON.parse(await does("lab", "export")));
  assert.equal(exported.machines[0]?.nics.length, 2);
  assert.equal(exported.gateways[0]?.name, "s1-10");
  // Two cannot listen at one port of the host.
  const gateways = exported.gateways.map((gateway) => ({ ...gateway, forwards: [] }));
  const stored = file(JSON.stringify({ ...exported, gateways }));
  assert.equal((await does("lab", "import", stored)).trim().split("\n").length, 1);
  assert.match(await does("list"), /web 2/);
  for (const name of ["s1-s2", "s1-s2-2"]) await does("fault", "clear", name);
  assert.equal(await does("fault", "list"), "No link has faults.\n");
  await does("net", "remove", "s1");
  await does("link", "remove", "web/nic1");
  const network = JSON.parse(await does("net", "show", "--json")) as { topology: { trunks: object[]; gateways: object[] }; machines: { name: string; nics: object[] }[] };
  const { topology, machines } = network;
  assert.deepEqual([topology.trunks.length, topology.gateways.length], [1, 1]);
  const counts = machines.map(({ name, nics }) => `${name} ${nics.length}`);
  assert.deepEqual(counts.sort(), ["web 1", "web 2 2"]);
  const path = join(folder, "web.pcapng");
  assert.equal(await does("capture", "web", path), "up\n");
  assert.ok(existsSync(path));
  await does("net", "add-bridge", "s2", "trunk:40,50", "vmtap5");
  for (const [args, message] of [
    [["net", "add-switch", "s2"], /two switches called s2/],
    [["link", "connect", "web", "nowhere", "1"], /no switch "nowhere"/],
    [["link", "connect", "web", "s2", "5000"], /whole number from 1 to 4094/],
    [["fault", "set", "web", "loss=2"], /loss/],
    [["fault", "set", "web", "gloss=2"], /one of loss/],
    [["net", "add-bridge", "s2", "10", "../tap"], /interface: An interface of the host has a name/],
    [["net", "add-bridge", "s2", "40", "vmtap6"], /Bridges vmtap5 and vmtap6 meet in VLAN 40/],
    [["net", "bridge", "vmtap5", "perhaps"], /on or off, not "perhaps"/],
    [["net", "bridge", "nobody", "on"], /no bridge "nobody"/],
    [["net", "frobnicate"], /net needs one of/],
    [["net", "add-gateway", "s2", "10", "10.0.10.1/24", "--name", "g"], /is an address within a network/],
  ] as const) {
    const { status, stderr } = await cli([...args], { library });
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  }
});

test("while the app has the library, its network is shown but not changed", async () => {
  const path = newLibrary();
  const app = new VmLibrary(path, "app", FILE_CALLS);
  assert.equal(app.open(), undefined);
  assert.equal((await cli(["net", "show"], { library: path })).stdout, "The network is empty.\n");
  const { status, stderr } = await cli(["net", "add-switch", "s1"], { library: path });
  assert.equal(status, 1);
  assert.match(stderr, /is in use by process/);
  await app.close();
});
