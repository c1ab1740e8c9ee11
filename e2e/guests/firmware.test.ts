// Boot media through firmware, headless by the command line: the project's own and Debian's SeaBIOS start the same ones.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { missingPackages, packageFile } from "../fixtures/packages.ts";
import { GUESTS, memtest } from "./firmware-guests.ts";

const SEABIOS = ["seabios", "usr/share/seabios/bios-256k.bin"] as const;
const FIRMWARE = [
  { name: "our own firmware", missing: () => false as const, options: () => [] },
  { name: "SeaBIOS", missing: () => missingPackages(SEABIOS), options: () => ["--bios", packageFile(...SEABIOS) ?? ""] },
];
const TIMEOUT_S = Number(process.env["RINGFENCE_GUEST_TIMEOUT"] ?? 240);

for (const firmware of FIRMWARE) {
  describe(firmware.name, () => {
    for (const guest of GUESTS) {
      const skip = firmware.missing() || guest.missing();
      test(guest.name, { skip, timeout: (TIMEOUT_S + 30) * 1000 }, async () => {
        const args = ["run", ...firmware.options(), ...guest.options(), "--memory", "64", "--serial", "none"];
        const session = new Session([...args, "--timeout", String(TIMEOUT_S), ...guest.steps, "--screen-text", "--off"]);
        assert.equal(await session.exit(), 0, `${session.errors}\n${session.output}`);
        for (const pattern of guest.shows) assert.match(session.output, pattern);
        if (guest.never) assert.doesNotMatch(session.output, guest.never);
      });
    }
  });
}

// The frame shows "Pass" and "Testing" while it is still empty: the mark is a count above 0 with no errors.
for (const bits of ["x64", "ia32"] as const) {
  const image = memtest(bits);
  test(`memtest86+ (${bits}) completes a pass of 64 MiB without an error`, { skip: missingPackages(image), timeout: 1_830_000 }, async () => {
    const medium = packageFile(...image) ?? "";
    const args = ["run", "--engine", "translator", "--memory", "64", "--cdrom", medium, "--serial", "none", "--timeout", "1800"];
    const session = new Session([...args, "--expect", "Pass:  1 ", "--screen-text", "--off"]);
    assert.equal(await session.exit(), 0, `${session.errors}\n${session.output}`);
    assert.match(session.output, /Pass: {2}1 +Errors: 0$/m);
  });
}

for (const firmware of FIRMWARE) {
  const medium = ["grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-cdrom.iso"] as const;
  test(`a reset comes back to ${firmware.name}, and power goes off by ACPI`, { skip: firmware.missing() || missingPackages(medium), timeout: 270_000 }, async () => {
    const command = ["--expect", "GNU GRUB", "--wait", "1", "--type", "c", "--expect", "grub>", "--type"];
    const args = ["run", ...firmware.options(), "--cdrom", packageFile(...medium) ?? "", "--memory", "64", "--timeout", "240"];
    const session = new Session([...args, ...command, "reboot<enter>", "--expect", "Microsoft Windows", ...command, "halt<enter>"]);
    assert.equal(await session.exit(), 0, `${session.errors}\n${session.output}`);
  });
}
