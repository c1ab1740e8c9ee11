import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { deviceNumbers, findMacvtap, type HostView } from "./macvtap.ts";

/** Folders like those of a host, with a device that is there everywhere under the name of a tap. */
function host(t: TestContext): HostView & { add(name: string, index: number, files: Record<string, string>): void } {
  const root = mkdtempSync(join(tmpdir(), "ringfence-sys-"));
  t.after(() => rmSync(root, { recursive: true }));
  const view = { platform: "linux", sys: join(root, "sys"), dev: join(root, "dev"), user: "ada" };
  mkdirSync(view.dev, { recursive: true });
  mkdirSync(join(view.sys, "class/net"), { recursive: true });
  const add = (name: string, index: number, files: Record<string, string>): void => {
    const folder = join(view.sys, "class/net", name);
    mkdirSync(join(folder, `macvtap/tap${index}`), { recursive: true });
    for (const [file, text] of Object.entries({ ifindex: `${index}`, flags: "0x1003", ...files })) writeFileSync(join(folder, file), `${text}\n`);
  };
  return { ...view, add };
}

const NULL = process.platform === "linux" ? deviceNumbers(statSync("/dev/null").rdev) : "1:3";

test("device numbers are those of Linux", () => {
  assert.equal(deviceNumbers(0x103), "1:3");
  assert.equal(deviceNumbers(0xf601), "246:1");
  assert.equal(deviceNumbers(0x1232_3445), `${0x234}:${0x12345}`);
});

test("what an interface is not is told, with what to do", (t) => {
  const view = host(t);
  const look = (name: string, as: Partial<HostView> = {}) => {
    const found = findMacvtap(name, { ...view, ...as });
    return "fault" in found ? found : assert.fail(`${name} was found`);
  };
  assert.equal(look("vmtap0", { platform: "darwin" }).fault, "unsupported");
  const missing = look("vmtap0");
  assert.equal(missing.fault, "missing");
  assert.match(missing.message, /no interface vmtap0/);
  assert.match(missing.remedy.join("\n"), /ip link add link vmtap0-b name vmtap0 type macvtap mode passthru\n.*\nchown ada \/dev\/tap/);
  writeFileSync(join(view.sys, "secret"), "7\n");
  for (const path of ["..", "../secret", "a/b", ""]) assert.deepEqual([look(path).fault, look(path).remedy], ["missing", []]);
  view.add("eth0", 2, {});
  const plain = look("eth0");
  assert.equal(plain.fault, "notMacvtap");
  assert.match(plain.remedy.join("\n"), /name vmtap0 type macvtap/);
  view.add("down", 3, { "macvtap/tap3/dev": NULL, flags: "0x1002" });
  assert.deepEqual([look("down").fault, look("down").remedy], ["down", ["ip link set down up"]]);
  view.add("gone", 4, { "macvtap/tap4/dev": "246:9" });
  assert.deepEqual([look("gone").fault, look("gone").remedy[0]], ["noDevice", `mknod ${join(view.dev, "tap4")} c 246 9`]);
  view.add("file", 5, { "macvtap/tap5/dev": "246:9" });
  writeFileSync(join(view.dev, "tap5"), "");
  assert.equal(look("file").fault, "foreignDevice");
});

test("a macvtap is found by the numbers of its device", { skip: process.platform !== "linux" && "only Linux has them" }, (t) => {
  const view = host(t);
  view.add("vmtap0", 7, { "macvtap/tap7/dev": NULL });
  symlinkSync("/dev/null", join(view.dev, "tap7"));
  assert.deepEqual(findMacvtap("vmtap0", view), { index: 7, device: join(view.dev, "tap7"), numbers: NULL });
  view.add("other", 8, { "macvtap/tap8/dev": "246:9" });
  symlinkSync("/dev/null", join(view.dev, "tap8"));
  const found = findMacvtap("other", view);
  assert.equal("fault" in found && found.fault, "foreignDevice");
});
