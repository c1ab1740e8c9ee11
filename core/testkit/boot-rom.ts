// An expansion ROM for network cards in tests (boot-rom.asm): what it prints says how firmware has called it.
import { decodeBase64 } from "../base/base64.ts";

/** What boot-rom.asm assembles to: nasm -f bin boot-rom.asm. */
const CODE =
  "VaoE6YUAAAAAAAAAAAAAAAAAAAAAAAAAHAA0AFBDSVL0GgAQAAAYAAAAAAIEAAAAAIAAACRQblABAgAAAAAAAAAAAABUAAIAABQAAAAAewAAAAAAVGVzdCBST00AUroCBO5a" +
  "w1G5BADBwARQJA88ChxpL+jn/1ji71nDULBb6Nz/WOjf/7Bd6NP/y2ZgBh4OH1CwPOjG/1joyf8mZoE9JFBuUA+FwQCwUOix/2gA8Acx/yZmgT0kUE1NdAiDxxB18emkAIn7" +
  "uRAAMMAmAgdD4voIwA+FkQAmZotFB2ajlwFmuwAADWCMy7kAAb4GAOiEAFJQ6I8AZlNqAf8elwGDxAbogQDobgDoewBmjwabAWb/NpsBagL/HpcBg8QG6GUAZlNqAf8elwGD" +
  "xAboVwC5QAC+AQDoPgDoSwDB6ATB4gwJ0I7AJmbHBgAAdXNlZLn/f+ghAOguAGoH/x6XAYPEAugiAMYGAgABsD7o8P4fB2ZhuCAAy1ZmU2oAUWoA/x6XAYPEDMNQsCDo0v6J" +
  "0OjU/lhQ6M/+WMMAAAAAAAAAAA==";
export const BOOT_ROM_BYTES = 2048;

/** The ROM with its checksum. */
export function bootRom(): Uint8Array {
  const rom = new Uint8Array(BOOT_ROM_BYTES);
  rom.set(decodeBase64(CODE));
  rom[BOOT_ROM_BYTES - 1] = -rom.reduce((sum, byte) => sum + byte, 0);
  return rom;
}
