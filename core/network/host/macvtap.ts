// What the host says of an interface that a bridge names: whether it is a macvtap, and where its device is. A macvtap needs no ioctl, unlike
// /dev/net/tun: whoever opens /dev/tapN, N being the interface's number, has a queue of its frames (Linux, drivers/net/tap.c). Only
// /sys/class/net and /dev are looked at, and the name is never taken for a path.
import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type BridgeFault, InterfaceName } from "../../api/network.ts";

export interface Macvtap {
  /** Number of the interface, which another one of the same name does not have. */
  index: number;
  device: string;
  /** Of the device, "246:1". */
  numbers: string;
}

export interface InterfaceFault {
  fault: BridgeFault;
  message: string;
  /** Commands for an administrator. */
  remedy: string[];
}

/** Where to look; tests put folders of their own in place. */
export interface HostView {
  platform: string;
  sys: string;
  dev: string;
  /** Who is to have the device. */
  user: string;
}

const IFF_UP = 1;

export function hostView(): HostView {
  let user = "USER";
  try {
    user = userInfo().username;
  } catch {
    // An account without a name: the command says what belongs there.
  }
  return { platform: process.platform, sys: "/sys", dev: "/dev", user };
}

/** The macvtap of this name, or why a bridge cannot lead to it. */
export function findMacvtap(name: string, view: HostView = hostView()): Macvtap | InterfaceFault {
  if (view.platform !== "linux") {
    return fault("unsupported", "A bridge to the host's network needs Linux and its macvtap interfaces. On this system a gateway with NAT leads outside.");
  }
  if (!InterfaceName.safeParse(name).success) return fault("missing", `"${name}" is not the name of an interface.`);
  const folder = join(view.sys, "class/net", name);
  const index = Number(textOf(join(folder, "ifindex")) ?? Number.NaN);
  if (!Number.isInteger(index)) return fault("missing", `This host has no interface ${name}.`, recipe(name, view));
  const numbers = textOf(join(folder, `macvtap/tap${index}/dev`));
  if (numbers === undefined) return fault("notMacvtap", `The host's interface ${name} is not a macvtap: a program without privileges cannot open it.`, recipe(freeName(name, view), view));
  if ((Number(textOf(join(folder, "flags"))) & IFF_UP) === 0) return fault("down", `The host's interface ${name} is down.`, [`ip link set ${name} up`]);
  const device = join(view.dev, `tap${index}`);
  const found = numbersOf(device);
  if (found === undefined) {
    return fault("noDevice", `The device ${device} of the interface ${name} is not there.`, [`mknod ${device} c ${numbers.replace(":", " ")}`, `chown ${view.user} ${device}`]);
  }
  if (found !== numbers) return fault("foreignDevice", `${device} is not the device of the interface ${name}: it has the numbers ${found}, not ${numbers}.`);
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
  } catch {
    return forbidden(name, device, view);
  }
  return { index, device, numbers };
}

export function forbidden(name: string, device: string, view: HostView = hostView()): InterfaceFault {
  return fault("forbidden", `${device} of the interface ${name} may not be opened by ${view.user}.`, [`chown ${view.user} ${device}`]);
}

/** How an administrator makes a macvtap that takes the frames of any number of machines: over one end of a pair whose other end is a port of a
 *  bridge of the host's. */
export function recipe(name: string, { user }: HostView = hostView()): string[] {
  const [near, far] = [`${name.slice(0, 13)}-a`, `${name.slice(0, 13)}-b`];
  return [
    `ip link add ${near} type veth peer name ${far}`,
    `ip link set ${near} master BRIDGE up`,
    `ip link set ${far} up`,
    `ip link add link ${far} name ${name} type macvtap mode passthru`,
    `ip link set ${name} up`,
    `chown ${user} /dev/tap$(cat /sys/class/net/${name}/ifindex)`,
  ];
}

function freeName(name: string, view: HostView): string {
  const taken = new Set(namesIn(view));
  for (let n = 0; ; n++) if (!taken.has(`vmtap${n}`) && `vmtap${n}` !== name) return `vmtap${n}`;
}

function namesIn(view: HostView): string[] {
  try {
    return readdirSync(join(view.sys, "class/net"));
  } catch {
    return [];
  }
}

function fault(kind: BridgeFault, message: string, remedy: string[] = []): InterfaceFault {
  return { fault: kind, message, remedy };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Major and minor number of a character device, as Linux's dev_t has them. */
export function numbersOf(device: string): string | undefined {
  try {
    const found = statSync(device);
    if (!found.isCharacterDevice()) return "none";
    return deviceNumbers(found.rdev);
  } catch {
    return undefined;
  }
}

export function deviceNumbers(rdev: number): string {
  const number = BigInt(rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xffff_f000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffff_ff00n);
  return `${major}:${minor}`;
}
