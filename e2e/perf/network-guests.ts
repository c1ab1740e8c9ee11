// `node e2e/perf/network-guests.ts`: TCP between two Debian guests and from a guest to the host, by iperf3, in Ringfence and in QEMU's TCG.
// All four guests run at once and idle while another measures, so that in each round the engines see the same load of the host.
import { type ChildProcess, spawn } from "node:child_process";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Session } from "../fixtures/cli.ts";
import { DebianPrograms } from "../fixtures/debian-programs.ts";
import { freePort } from "../fixtures/free-port.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { qemuVersion } from "./engines.ts";

const USAGE = `Usage: node e2e/perf/network-guests.ts [--rounds N] [--seconds S] [--engines ringfence,tcg] [--json]
  --rounds N    turns of each engine (default: 3); the median is given
  --seconds S   of each stream (default: 5)
  --json        figures as JSON at the end`;

export const GUEST_AIMS = { guestToGuestBitsPerSecond: 1.5e9, natBitsPerSecond: 1e9 };

const BOOT_S = 300;
const GATEWAY = "10.0.2.1";
const STREAMS = [
  { name: "guest to guest", target: "10.0.9.11", reverse: false, port: "guest" },
  { name: "guest to host, NAT", target: GATEWAY, reverse: false, port: "host" },
  { name: "host to guest, NAT", target: GATEWAY, reverse: true, port: "host" },
] as const;
type StreamName = (typeof STREAMS)[number]["name"];
type EngineName = "ringfence" | "tcg";
const GUEST_PORT = 5201;
const MEMORY_MIB = 384;

/** Both guests boot the same files; "address" of the kernel's command line is of the card that joins them, the other card leads to the host. */
const SCRIPT = `
for word in $(cat /proc/cmdline); do case $word in address=*) address=\${word#*=};; esac; done
ip link set eth0 up; ip addr add $address/24 dev eth0
[ -d /sys/class/net/eth1 ] && lease eth1
iperf3 -s -D
echo @@READY
while read target port seconds more; do
  [ "$target" = end ] && break
  iperf3 -c $target -p $port -t $seconds -J $more > /tmp/result
  # The last figure is what has been received.
  echo "@@RATE $(grep bits_per_second /tmp/result | tail -n 1 | tr -dc 0-9.)"
done
`;

/** What the guests of one engine are asked. */
interface Lab {
  say(line: string): void;
  output(): string;
  wait(pattern: RegExp, seconds: number, from: number): Promise<string | undefined>;
  end(): void;
}

function ringfence(initrd: Guest, hostPort: number): Lab {
  const machine = (name: string, address: string, nics: object[]) => ({ ...initrd, name, append: `${initrd.append} address=${address}`, memory: MEMORY_MIB, nics });
  const file = labFile({
    machines: [
      machine("server", "10.0.9.11", [{ switch: "s1", vlan: 10 }]),
      machine("client", "10.0.9.12", [{ switch: "s1", vlan: 10 }, { switch: "s1", vlan: 20 }]),
    ],
    switches: [{ name: "s1" }],
    gateways: [{ switch: "s1", vlan: 20, network: "10.0.2.0/24", nat: true, hostServices: [{ port: hostPort, hostPort }] }],
  });
  const session = new Session(["lab", "run", file]);
  return {
    say: (line) => session.type(`client: ${line}\n`),
    output: () => session.output,
    wait: async (pattern, seconds, from) => (await session.expect(pattern, seconds, from))[1],
    end: () => void session.process.kill("SIGTERM"),
  };
}

/** Joined by a socket of the host, with user networking beside it. */
async function qemu(initrd: Guest, joined: number): Promise<Lab> {
  const start = (address: string, devices: string[]): { process: ChildProcess; said: () => string } => {
    const child = spawn("qemu-system-x86_64", [
      "-accel", "tcg", "-cpu", "max", "-M", "pc", "-smp", "1", "-m", `${MEMORY_MIB}`, "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
      "-kernel", initrd.kernel, "-initrd", initrd.initrd, "-append", `${initrd.append} address=${address}`, ...devices,
    ], { stdio: ["pipe", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    child.stdin.on("error", () => {});
    return { process: child, said: () => text };
  };
  const card = (id: string, mac: string, backend: string): string[] => ["-netdev", `${backend},id=${id}`, "-device", `virtio-net-pci,netdev=${id},mac=52:54:00:00:09:${mac},romfile=`];
  const server = start("10.0.9.11", card("n0", "11", `socket,listen=127.0.0.1:${joined}`));
  const until = async (said: () => string, pattern: RegExp, seconds: number, from: number): Promise<string | undefined> => {
    for (let left = seconds * 20; left > 0; left--) {
      const match = pattern.exec(said().slice(from));
      if (match) return match[1];
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`QEMU's guest did not say ${pattern}:\n${said().slice(-2000)}`);
  };
  await until(server.said, /@@READY/, BOOT_S, 0);
  const client = start("10.0.9.12", [...card("n0", "12", `socket,connect=127.0.0.1:${joined}`), ...card("n1", "02", `user,net=10.0.2.0/24,host=${GATEWAY}`)]);
  return {
    say: (line) => void client.process.stdin?.write(`${line}\n`),
    output: client.said,
    wait: (pattern, seconds, from) => until(client.said, pattern, seconds, from),
    end: () => {
      for (const { process: each } of [server, client]) each.kill("SIGKILL");
    },
  };
}

type Guest = ReturnType<typeof networkGuest>;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, seconds: { type: "string", default: "5" }, engines: { type: "string", default: "ringfence,tcg" }, json: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
});
const rounds = Number(options.rounds), seconds = Number(options.seconds);
const engines = new Set(options.engines.split(","));
const missing = missingNetworkGuest();
if (options.help || !Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seconds) || seconds < 1) {
  console.log(USAGE);
  process.exit(options.help ? 0 : 2);
}
if (missing !== undefined || process.arch !== "x64") {
  console.error(`Left out: ${missing ?? "Debian's programs for amd64 do not run on this host"}`);
  process.exit(1);
}

const programs = new DebianPrograms(["iperf3"]);
const guest = networkGuest("guest", [], SCRIPT, ["virtio"], programs.entries(["iperf3"]));
const hostPort = await freePort();
const host = spawn(...programs.command("iperf3", "-s", "-B", "127.0.0.1", "-p", `${hostPort}`), { stdio: "ignore" });
const labs = new Map<EngineName, Lab>();
const figures: Record<StreamName, Record<EngineName, number[]>> = {
  "guest to guest": { ringfence: [], tcg: [] }, "guest to host, NAT": { ringfence: [], tcg: [] }, "host to guest, NAT": { ringfence: [], tcg: [] },
};
try {
  if (engines.has("ringfence")) {
    const own = ringfence(guest, hostPort);
    labs.set("ringfence", own);
    await own.wait(/\[client\] (@@READY)/, BOOT_S, 0);
    await own.wait(/\[server\] (@@READY)/, BOOT_S, 0);
  }
  if (engines.has("tcg") && qemuVersion("amd64") === undefined) console.log("QEMU (qemu-system-x86_64) is not here and left out: apt-get install qemu-system-x86");
  else if (engines.has("tcg")) {
    const other = await qemu(guest, await freePort());
    labs.set("tcg", other);
    await other.wait(/(@@READY)/, BOOT_S, 0);
  }
  // A round of warming up is not counted: the translator's code, caches, the streams' windows.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, target, reverse, port } of STREAMS) {
      for (const [engine, lab] of labs) {
        const from = lab.output().length;
        lab.say(`${target} ${port === "guest" ? GUEST_PORT : hostPort} ${seconds} ${reverse ? "-R" : ""}`);
        const rate = Number(await lab.wait(/@@RATE ([\d.]*)\s/, seconds + 120, from));
        const load = (loadavg()[0] ?? 0).toFixed(1);
        console.log(`  ${round === 0 ? "warm-up" : `round ${round}`} ${name.padEnd(18)} ${engine.padEnd(9)} ${(rate / 1e9).toFixed(2).padStart(6)} Gb/s, load ${load}`);
        if (round > 0) figures[name][engine].push(rate);
      }
    }
  }
} finally {
  for (const lab of labs.values()) lab.end();
  host.kill();
}
console.log(`\nMedians of ${rounds} rounds (aims: ${GUEST_AIMS.guestToGuestBitsPerSecond / 1e9} Gb/s between guests, ${GUEST_AIMS.natBitsPerSecond / 1e9} Gb/s through NAT, and no less than QEMU)`);
for (const [name, byEngine] of Object.entries(figures)) {
  const own = median(byEngine.ringfence), other = median(byEngine.tcg);
  const ratios = byEngine.ringfence.map((rate, i) => rate / (byEngine.tcg[i] ?? Number.NaN));
  const text = (rate: number): string => (Number.isNaN(rate) ? "-" : `${(rate / 1e9).toFixed(2)} Gb/s`);
  console.log(`  ${name.padEnd(18)} Ringfence ${text(own)}, QEMU TCG ${text(other)}${Number.isNaN(own + other) ? "" : `, ${median(ratios).toFixed(2)} times as much`}`);
}
if (options.json) console.log(JSON.stringify(figures));
