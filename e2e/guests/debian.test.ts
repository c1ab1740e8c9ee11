// Debian 12's installer kernels with a busybox initramfs, booted headless through the command line: they reach a shell, see a
// healthy machine, compute right results and power off. And the installer's own initrd up to its first dialog, keyboard in hand.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { type Architecture, busyboxInitramfs, installerFile, missingGuest } from "../fixtures/debian.ts";

const SCRIPT = `
echo @@SHELL
uname -a
cat /proc/cpuinfo
echo @@DMESG
dmesg
echo @@LOOP
i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; echo "loop $i"
seq 1 20000 > /tmp/numbers
sha256sum /tmp/numbers
free
echo @@TYPE
read -t 60 line </dev/ttyS0
echo "heard: $line"
poweroff -f
`;
const NUMBERS = `${Array.from({ length: 20000 }, (_, i) => i + 1).join("\n")}\n`;
const DIGEST = createHash("sha256").update(NUMBERS).digest("hex");
const TROUBLE = /Oops|BUG: |general protection|Call Trace|unable to handle|WARNING: |unchecked MSR|Kernel panic|segfault/;

async function bootToPowerOff(architecture: Architecture, memoryMiB: number): Promise<void> {
  const session = new Session([
    "run", "--kernel", installerFile(architecture, "linux"), "--initrd", busyboxInitramfs(architecture, SCRIPT),
    "--append", "console=ttyS0 panic=-1", "--memory", String(memoryMiB), "--serial", "stdio", "--timeout", "400",
  ]);
  await session.expect(/@@TYPE/, 400);
  session.type("typed words\n");
  await session.expect(/heard: typed words/, 60);
  assert.equal(await session.exit(), 0, `power off should end with status 0; errors: ${session.errors}`);
  const { output } = session;
  assert.match(output, architecture === "amd64" ? /Linux .*x86_64 GNU\/Linux/ : /Linux .*i686 GNU\/Linux/);
  assert.match(output, /model name\s*: Ringfence Virtual CPU/);
  assert.match(output, /loop 5000/);
  assert.ok(output.includes(DIGEST), `sha256sum must give ${DIGEST}`);
  const dmesg = output.slice(output.indexOf("@@DMESG"), output.indexOf("@@LOOP"));
  assert.deepEqual(dmesg.split("\n").filter((line) => TROUBLE.test(line)), []);
  const total = Number(/Mem:\s+(\d+)/.exec(output)?.[1] ?? 0) / 1024;
  assert.ok(total > memoryMiB * 0.4 && total <= memoryMiB, `the guest sees ${total} MiB of ${memoryMiB}`);
}

for (const [architecture, sizes] of [["amd64", [96, 256, 3072]], ["i386", [64, 256]]] as const) {
  for (const memoryMiB of sizes) {
    const skip = missingGuest(architecture) ?? false;
    test(`the ${architecture} kernel boots to a shell and powers off with ${memoryMiB} MiB`, { skip, timeout: 600_000 }, () =>
      bootToPowerOff(architecture, memoryMiB),
    );
  }
}

test("the amd64 kernel shows its console on the screen", { skip: missingGuest("amd64") ?? false, timeout: 600_000 }, async () => {
  const session = new Session([
    "run", "--kernel", installerFile("amd64", "linux"), "--initrd", busyboxInitramfs("amd64", "echo 'on the screen' > /dev/console; sleep 1; poweroff -f"),
    "--append", "console=tty0 panic=-1", "--memory", "256", "--screen-text", "--timeout", "300",
  ]);
  assert.equal(await session.exit(), 0, session.errors);
  assert.match(session.output, /on the screen/);
});

test("Debian's installer shows its first dialog and the keyboard moves in it", { skip: missingGuest("amd64") ?? false, timeout: 900_000 }, async () => {
  // One step down from English is Finnish, and the next dialog then speaks it.
  const session = new Session([
    "run", "--kernel", installerFile("amd64", "linux"), "--initrd", installerFile("amd64", "initrd.gz"), "--append", "nomodeset fb=false",
    "--memory", "1024", "--serial", "none", "--timeout", "800", "--expect", "Select a language", "--wait", "3",
    "--type", "<down><enter>", "--expect", "Valitse olinpaikkasi", "--screen-text", "--off",
  ]);
  assert.equal(await session.exit(), 0, `${session.errors}\n${session.output.slice(-3000)}`);
  assert.match(session.output, /Suomi/);
});
