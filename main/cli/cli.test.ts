// The command as a process, around a scripted machine.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FILE_CALLS } from "../../core/hypervisor/atomic-file.ts";
import { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { fakeKernel } from "../../core/testkit/fake-machine.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-cli-"));
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

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

function begin(args: string[], library = join(folder, "none")) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env: { ...process.env, RINGFENCE_LIBRARY: library } });
  let stdout = "";
  let stderr = "";
  const watchers: (() => void)[] = [];
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    stdout += text;
    for (const look of watchers) look();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const done = new Promise<Result>((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
  const shows = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => stdout.includes(text) && resolve();
      watchers.push(look);
      look();
    });
  return { child, done, shows };
}

function cli(args: string[], options: { stdin?: string; library?: string } = {}): Promise<Result> {
  const { child, done } = begin(args, options.library);
  child.stdin.end(options.stdin ?? "");
  return done;
}

/** What a command answered in JSON, as any record: a missing field fails the assertion that asks for it. */
interface Answer {
  id: string;
  name: string;
  status: string | number;
  pid: number | null;
  folder: string;
  path: string;
  config: { memoryMiB: number; boot: unknown; drives: { id: string; controller: string; slot: number; path: string; readOnly: boolean }[] };
  error: { code: string };
}
const json = ({ stdout }: Result) => JSON.parse(Buffer.from(stdout, "latin1").toString()) as Answer;
const jsonList = ({ stdout }: Result) => JSON.parse(Buffer.from(stdout, "latin1").toString()) as Answer[];

test("run: the serial port is stdin and stdout, byte for byte, and a power-off is status 0", async () => {
  const result = await cli(["run", "--kernel", kernel("print ready", "echo", "off")], { stdin: "a long line with more than sixteen bytes\u0004" });
  assert.deepEqual(result, { status: 0, stdout: "ready\na long line with more than sixteen bytes", stderr: "" });
});

test("run: debug exit, triple fault, timeout and engine error have their statuses", async () => {
  assert.equal((await cli(["run", "--kernel", kernel("exit 16"), "--debug-exit", "0xf4"])).status, 33);
  assert.equal((await cli(["run", "--kernel", kernel("exit 255"), "--debug-exit", "244"])).status, 255);
  const crash = await cli(["run", "--kernel", kernel("triple")]);
  assert.equal(crash.status, 125);
  assert.match(crash.stderr, /triple fault[\s\S]*RIP=/);
  const late = await cli(["run", "--kernel", kernel("print here", "idle"), "--timeout", "3", "--expect", "here", "--expect", "never"]);
  assert.deepEqual([late.status, late.stdout], [124, "here\n"]);
  assert.match(late.stderr, /Timeout: the machine still ran after 3 s; still waiting for "never"/);
  const broken = await cli(["run", "--kernel", kernel("engine-error")]);
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /cannot go on: No such form[\s\S]*RIP=2000/);
});

test("run: a timeout ends even a machine whose thread hangs", async () => {
  assert.equal((await cli(["run", "--kernel", kernel("hang"), "--timeout", "0.2"])).status, 124);
});

test("run: the debug console goes to stderr", async () => {
  const result = await cli(["run", "--kernel", kernel("debug from below", "off"), "--debugcon", "0xe9"]);
  assert.deepEqual(result, { status: 0, stdout: "", stderr: "from below\n" });
});

test("run: the screen is printed and written at the end, and at a timeout", async () => {
  const png = join(folder, "end.png");
  const end = await cli(["run", "--kernel", kernel("print on screen", "off"), "--serial", "none", "--screen-text", "--screenshot", png]);
  assert.deepEqual([end.status, end.stdout], [0, "on screen\n"]);
  assert.equal(readFileSync(png).toString("latin1", 1, 4), "PNG");
  const late = join(folder, "late.png");
  const timeout = await cli(["run", "--kernel", kernel("graphics 30 20", "idle"), "--timeout", "4", "--screen-text", "--screenshot", late]);
  assert.equal(timeout.status, 124);
  assert.match(timeout.stderr, /graphics mode/);
  assert.equal(readFileSync(late).readUInt32BE(16), 30);
});

test("run: steps wait, type and send in their order", async () => {
  const script = kernel("print login:", "echo", "print shell", "idle");
  const steps = ["--expect", "login:", "--send", "root\\n\\x04", "--expect", "shell", "--type", "A<ctrl-c>\\n", "--expect", "key Enter up", "--off"];
  const result = await cli(["run", "--kernel", script, "--timeout", "60", ...steps]);
  assert.equal(result.status, 0);
  const keys = ["ShiftLeft down", "KeyA down", "KeyA up", "ShiftLeft up", "ControlLeft down", "KeyC down", "KeyC up", "ControlLeft up", "Enter down", "Enter up"];
  assert.equal(result.stdout, `login:\nroot\nshell\n${keys.map((key) => `key ${key}\n`).join("")}`);
});

test("run: a reader of stdout that goes away ends nothing", async () => {
  const { child, done } = begin(["run", "--kernel", kernel("flood 3000000", "off")]);
  child.stdout.destroy();
  child.stdin.end();
  assert.equal((await done).status, 0);
});

test("run: an interrupt powers the machine off", async () => {
  const { child, done, shows } = begin(["run", "--kernel", kernel("print up", "idle")]);
  await shows("up");
  child.kill("SIGINT");
  assert.equal((await done).status, 130);
});

test("run: files that are missing, folders or no kernels are named", async () => {
  const good = kernel("off");
  const cases: [string[], RegExp][] = [
    [["--kernel", "/no/such/kernel"], /^ringfence: Kernel not found: \/no\/such\/kernel\n$/],
    [["--kernel", folder], /Kernel is a folder/],
    [["--kernel", file("hello")], /is not a kernel/],
    [["--kernel", good, "--initrd", "/no/initrd"], /Initial RAM disk not found: \/no\/initrd/],
    [["--kernel", good, "--module", "/no/module arg"], /Module not found: \/no\/module/],
    [["--kernel", good, "--memory", "4", "--initrd", file("x".repeat(5_000_000))], /does not fit into 4 MiB of memory/],
  ];
  for (const [args, message] of cases) {
    const result = await cli(["run", ...args]);
    assert.equal(result.status, 1, args.join(" "));
    assert.match(result.stderr, message);
  }
});

test("wrong usage is status 2 with one line that says what", async () => {
  const cases: [string[], RegExp][] = [
    [["run", "--cdrom", "x.iso,if=virtio"], /if= of a cd drive is ide, ahci, not "virtio"/],
    [["run", "--disk", "x,if=scsi"], /if= of a disk drive is ide, ahci, virtio/],
    [["run", "--disk", ""], /--disk needs a file/],
    [["run", ...["a", "b", "c", "d", "e"].flatMap((name) => ["--disk", name])], /no room for .*e: ide takes 4/],
    [["run", "--boot", "cd,tape"], /--boot takes floppy, cd, disk, network and menu, .* not "tape"/],
    [["run", "--vgabios", "x"], /--vgabios needs --bios/],
    [["create", "x", "--disk-size", "12Q"], /--disk-size needs a size/],
    [["run", "--cpus", "2"], /--cpus above 1 is not supported yet/],
    [["run", "--engine", "magic"], /not "magic"/],
    [["run", "--serial", "tcp"], /stdio or none/],
    [["run", "--memory", "3585"], /from 4 to 3584/],
    [["run", "--memory", "lots"], /from 4 to 3584, not "lots"/],
    [["run", "--cap", "0"], /from 1 to 100/],
    [["run", "--initrd", "x"], /--initrd needs --kernel/],
    [["run", "--timeout", "soon"], /number of seconds/],
    [["run", "--debug-exit", "70000"], /from 0 to 65535/],
    [["run", "--type", "<hyper-x>"], /does not know the key <hyper-x>/],
    [["run", "--type", "é"], /no key for "é"/],
    [["run", "--screenshot", "/no/folder/x.png"], /there is no folder/],
    [["run", "kernel"], /takes no argument "kernel"/],
    [["run", "--nonsense"], /--nonsense/],
    [["run"], /The demo guest is missing/],
    [["fly"], /no command "fly"/],
    [["vectors"], /at least one file/],
    [["create"], /needs one name/],
    [["show", "a", "b"], /needs one machine/],
  ];
  await Promise.all([[], ["--help"], ["help"]].map(async (args, i) => assert.equal((await cli(args)).status, i === 0 ? 2 : 0)));
  for (const [args, message] of cases) {
    const result = await cli(args);
    assert.equal(result.status, 2, args.join(" "));
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^ringfence: [^\n]*(\n[^\n]*)?\n$/);
  }
});

test("drives take their places in the order given, CDs first, and a new disk is made in the machine's folder", async () => {
  const library = newLibrary();
  const options = ["--disk", "a,b", "--disk", "c.img,if=virtio,readonly", "--disk", "d", "--cdrom", "e.iso", "--floppy", "f", "--disk-size", "2M", "--boot", "cd,disk"];
  const { config, path } = json(await cli(["create", "drives", "--json", ...options], { library }));
  const places = config.drives.map((d) => `${d.id} ${d.controller}${d.slot} ${d.path}${d.readOnly ? " ro" : ""}`);
  assert.deepEqual(places, [
    `cd0 ide2 ${join(folder, "e.iso")} ro`, `disk0 ide0 ${join(folder, "a,b")}`, `disk1 virtio0 ${join(folder, "c.img")} ro`, `disk2 ide1 ${join(folder, "d")}`,
    "disk3 ide3 disk.img", `floppy0 fdc0 ${join(folder, "f")}`,
  ]);
  assert.deepEqual(config.boot, { kind: "firmware", order: ["cd", "disk"] });
  assert.equal(readFileSync(join(path, "disk.img")).length, 2 << 20);
});

test("vectors: failures one a line, a total, status 1 if any failed", async () => {
  const good = file("good\ngood\n");
  assert.deepEqual(await cli(["vectors", good]), { status: 0, stdout: "2 passed, 0 failed\n", stderr: "" });
  assert.deepEqual(await cli(["vectors", good, file("bad 1\ngood\nbad 2\n")]), { status: 1, stdout: "bad 1\nbad 2\n3 passed, 2 failed\n", stderr: "" });
  assert.equal((await cli(["vectors", "-"], { stdin: "good\n" })).stdout, "1 passed, 0 failed\n");
  const missing = await cli(["vectors", "/no/file"]);
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /\/no\/file cannot be read/);
});

test("machines: create, list, show, start, delete, each in JSON", async () => {
  const library = newLibrary();
  const created = await cli(["create", "데모 1", "--kernel", kernel("print booted", "off"), "--memory", "32", "--json"], { library });
  const machine = json(created);
  assert.deepEqual([created.status, machine.name, machine.status, machine.config.memoryMiB], [0, "데모 1", "off", 32]);
  const listed = jsonList(await cli(["list", "--json"], { library }));
  assert.deepEqual(listed, [machine]);
  for (const name of [machine.id, machine.id.slice(0, 8), machine.folder, "데모 1"]) {
    assert.equal(json(await cli(["show", name, "--json"], { library })).id, machine.id);
  }
  assert.deepEqual(await cli(["start", machine.id], { library }), { status: 0, stdout: "booted\n", stderr: "" });
  assert.deepEqual(json(await cli(["start", machine.id, "--json"], { library })), { id: machine.id, status: 0 });
  const trash = json(await cli(["delete", machine.id, "--json"], { library }));
  assert.deepEqual(readdirSync(join(library, ".trash")), [trash.id]);
  assert.equal((await cli(["list"], { library })).stdout, `No machines in ${library}.\n`);
  const gone = await cli(["show", machine.id, "--json"], { library });
  assert.equal(gone.status, 1);
  assert.equal(json(gone).error.code, "notFound");
});

test("machines: in words as well, and --library beats the default", async () => {
  const library = newLibrary();
  const { stdout } = await cli(["create", "plain", "--library", library]);
  assert.match(stdout, /^[0-9a-f-]{36}\n$/);
  assert.match((await cli(["list", "--library", library])).stdout, /^off {6}[0-9a-f-]{36} plain\n$/);
  assert.match((await cli(["show", "plain", "--library", library])).stdout, /memory: +256 MiB\n[\s\S]*boot: +demo guest/);
});

test("machines: one that runs shows as such, runs only once, cannot be deleted, and can be stopped", async () => {
  const library = newLibrary();
  await cli(["create", "once", "--kernel", kernel("print up", "idle")], { library });
  const running = begin(["start", "once"], library);
  await running.shows("up");
  const [row] = jsonList(await cli(["list", "--json"], { library }));
  assert.deepEqual([row?.status, row?.pid], ["running", running.child.pid]);
  const again = await cli(["start", "once"], { library });
  assert.equal(again.status, 1);
  assert.match(again.stderr, /being run by process/);
  assert.equal((await cli(["delete", "once"], { library })).status, 1);
  assert.equal((await cli(["stop", "once"], { library })).status, 0);
  assert.equal((await running.done).status, 130);
  assert.match((await cli(["stop", "once"], { library })).stderr, /does not run/);
});

test("machines: a library that the app holds can be read and started from, not changed", async () => {
  const path = newLibrary();
  // This test's process plays the app.
  const app = new VmLibrary(path, "app", FILE_CALLS);
  const made = await app.create({ name: "held", notes: "", memoryMiB: 16, capPercent: 100, boot: { kind: "kernel", kernel: kernel("print hi", "off"), append: "", modules: [] } });
  assert.equal((await cli(["start", "held"], { library: path })).stdout, "hi\n");
  const refused = await cli(["create", "other", "--json"], { library: path });
  assert.equal(refused.status, 1);
  assert.equal(json(refused).error.code, "libraryBusy");
  const lock = app.lockRunning(made);
  assert.match((await cli(["stop", "held"], { library: path })).stderr, /run by the app/);
  lock.release();
  await app.close();
});

test("machines: a broken folder is listed with its reason and not started", async () => {
  const library = newLibrary();
  mkdirSync(join(library, "bad"), { recursive: true });
  writeFileSync(join(library, "bad", "machine.json"), '{"version": 7}');
  assert.match((await cli(["list"], { library })).stdout, /^broken +folder:bad +bad: .*version 7/);
  const start = await cli(["start", "bad"], { library });
  assert.deepEqual([start.status, /Update the program/.test(start.stderr)], [1, true]);
});
