// Boot media through firmware, headless by the command line: the project's own and Debian's SeaBIOS start the same ones.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Session } from "../fixtures/cli.ts";
import { missingPackages, packageFile } from "../fixtures/packages.ts";
import { GUESTS } from "./firmware-guests.ts";

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
