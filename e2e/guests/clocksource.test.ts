// Which clocks Debian's kernels find and choose with and without the paravirtual interface, and that nothing complains of one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { type Architecture, busyboxInitramfs, installerFile, missingGuest } from "../fixtures/debian.ts";

// The kernel puts the TSC into use about a second after its driver for it has started, which may be after the first
// program runs: until then it says "tsc-early".
const SCRIPT = `
clock=/sys/devices/system/clocksource/clocksource0/current_clocksource
for second in $(seq 20); do grep -q early $clock || break; sleep 1; done
echo "@@CLOCK $(cat $clock) of $(cat \${clock%/*}/available_clocksource)"
a=$(cut -d. -f1 /proc/uptime); sleep 3; b=$(cut -d. -f1 /proc/uptime); echo "@@SLEPT $((b - a))"
date +@@DATE%s
dmesg
poweroff -f
`;
const TROUBLE = /clocksource.*(unstable|skew)|TSC.*unstable|TSC synchronization|time jumped|soft lockup|rcu.*stall|Unchecked|BUG:|Oops/i;

for (const [architecture, isParavirtual] of [["amd64", true], ["amd64", false], ["i386", true], ["i386", false]] as const satisfies [Architecture, boolean][]) {
  const skip = missingGuest(architecture) ?? false;
  test(`the ${architecture} kernel ${isParavirtual ? "finds KVM's clock and uses the TSC" : "calibrates and uses the TSC"}`, { skip, timeout: 400_000 }, async () => {
    const session = new Session([
      "run", "--kernel", installerFile(architecture, "linux"), "--initrd", busyboxInitramfs(architecture, SCRIPT),
      "--append", "console=ttyS0 panic=-1", "--timeout", "300", ...(isParavirtual ? [] : ["--no-paravirtual"]),
    ]);
    assert.equal(await session.exit(), 0, session.errors);
    const { output } = session;
    const [, used, found] = /@@CLOCK (\S+) of (.*)/.exec(output) ?? [];
    assert.equal(used, "tsc");
    assert.equal(found?.split(" ").includes("kvm-clock"), isParavirtual, found);
    const slept = Number(/@@SLEPT (\d+)/.exec(output)?.[1]);
    assert.ok(slept >= 3 && slept <= 8, `slept ${slept} s instead of 3`);
    assert.ok(Math.abs(Number(/@@DATE(\d+)/.exec(output)?.[1]) - Date.now() / 1000) < 60, "wall time is the host's");
    assert.deepEqual(output.split("\n").filter((line) => TROUBLE.test(line)), []);
    // The TSC's rate is known from KVM's clock, or it is measured.
    if (isParavirtual) assert.match(output, /kvm-clock: Using msrs/);
    else assert.match(output, /tsc: (Detected|Refined TSC clocksource calibration:) (999\.|1000\.)/);
  });
}
