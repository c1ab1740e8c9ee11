// A machine that starts from the reset vector with ROMs of a few bytes: what the first megabyte shows, shadow RAM, A20, resets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf } from "../testkit/engine-bench.ts";
import { MachineBench } from "../testkit/machine-bench.ts";
import { MachineError } from "./machine.ts";

const ROM_BYTES = 0x20000;
const DEBUG_PORT = 0xe9;

/** A system ROM whose code starts at F000:0000, and the byte at F000:8000. */
function rom(hex: string, at8000 = "ff"): Uint8Array {
  const image = new Uint8Array(ROM_BYTES).fill(0xff);
  const at = (offset: number, bytes: number[]): void => image.set(bytes, 0x10000 + offset);
  at(0, bytesOf(hex));
  // jmp F000:0000
  at(0xfff0, bytesOf("ea 0000 00f0"));
  at(0x8000, bytesOf(at8000));
  return image;
}
function boot(bios: Uint8Array, videoBios?: Uint8Array): MachineBench {
  const firmware = videoBios ? { bios, videoBios } : { bios };
  return new MachineBench(new Uint8Array(0), { boot: { kind: "firmware", order: [] }, firmware, debugConsolePort: DEBUG_PORT });
}
/** Runs until the guest halts and gives what it wrote to the debug port, as hex. */
function output(bench: MachineBench): string {
  const result = bench.run(200, () => false);
  assert.equal(result, undefined);
  return [...bench.debug].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}

const HALT = "f4 ebfd";
/** out 0E9h,al */
const OUT = "e6e9";
/** Sets register `r` of the host bridge to `v`: mov eax,800000rr; mov dx,0CF8h; out dx,eax; mov dx,0CFCh+n; mov al,v; out dx,al */
function bridge(register: number, value: number): string {
  const hex = (n: number): string => n.toString(16).padStart(2, "0");
  return `66b8 ${hex(register & 0xfc)}000080 baf80c 66ef ba ${hex(0xfc + (register & 3))}0c b0${hex(value)} ee`;
}
/** mov ax,seg; mov ds,ax */
const DS = (segment: string): string => `b8 ${segment} 8ed8`;

test("execution starts at the end of the ROM, which also shows below 1 MiB", () => {
  const code = `b041 ${OUT} ${DS("00f0")} a00080 ${OUT} ${DS("00e0")} a00000 ${OUT} ${HALT}`;
  const image = rom(code, "77");
  image[0] = 0x66;
  assert.equal(output(boot(image)), "41 77 66");
});

test("ROM ignores stores until PAM sends them to DRAM, and DRAM shows once loads go there", () => {
  const code = [
    DS("00f0"),
    `c606 0080 11 a00080 ${OUT}`, // ROM stays: 77
    bridge(0x59, 0x20), // write DRAM, read ROM
    `c606 0080 22 a00080 ${OUT}`, // still 77
    // copy the code to DRAM, byte by byte, then read DRAM
    "8ec0 b8 00f0 8ec0 31f6 31ff b9 0002 f3a4",
    bridge(0x59, 0x30),
    `a00080 ${OUT}`, // 22
    `c606 0080 33 a00080 ${OUT}`, // 33
    bridge(0x59, 0x10), // read only
    `c606 0080 44 a00080 ${OUT}`, // 33
    bridge(0x59, 0x00),
    `a00080 ${OUT}`, // 77
    HALT,
  ].join(" ");
  assert.equal(output(boot(rom(code, "77"))), "77 77 22 33 33 77");
});

test("the video ROM shows at C0000h, and what nothing answers reads as ones", () => {
  const video = new Uint8Array(0x1000).fill(0x5a);
  video.set([0x55, 0xaa, 0x08]);
  const code = `${DS("00c0")} a00000 ${OUT} a0ff0f ${OUT} ${DS("00d0")} a00000 ${OUT} c606 0000 12 a00000 ${OUT} ${HALT}`;
  assert.equal(output(boot(rom(code), video)), "55 5a ff ff");
});

test("segments of 16 KiB are switched one by one", () => {
  const code = `${bridge(0x5c, 0x33)} ${DS("00d0")} c606 0000 12 a00000 ${OUT} ${DS("00d4")} c606 0000 13 a00000 ${OUT} ${DS("00d8")} c606 0000 14 a00000 ${OUT} ${HALT}`;
  assert.equal(output(boot(rom(code))), "12 13 ff");
});

test("SMRAM's D_OPEN shows DRAM in place of the VGA window", () => {
  const code = `${bridge(0x72, 0x4a)} ${DS("00a0")} c606 0000 12 a00000 ${OUT} ${bridge(0x72, 0x0a)} a00000 ${OUT} ${bridge(0x72, 0x4a)} a00000 ${OUT} ${HALT}`;
  const bytes = output(boot(rom(code))).split(" ");
  assert.deepEqual([bytes[0], bytes[2]], ["12", "12"]);
  assert.notEqual(bytes[1], "12");
});

/** [0:500h] = 1, [FFFF:510h] = 2, then what 0:500h reads */
const WRAP = `${DS("0000")} c606 0005 01 b8 ffff 8ec0 26c606 1005 02 a00005 ${OUT}`;

test("A20 is on after reset, and port 92h and the keyboard controller switch it", () => {
  const by92 = `${WRAP} b000 e692 b002 e692 b000 e692 ${WRAP} b002 e692 ${WRAP}`;
  assert.equal(output(boot(rom(`${by92} ${HALT}`))), "01 02 01");
  // DDh and DFh to the keyboard controller
  assert.equal(output(boot(rom(`${WRAP} b0dd e664 ${WRAP} b0df e664 ${WRAP} ${HALT}`))), "01 02 01");
});

for (const [name, reset] of [["port CF9h", "baf90c b002 ee b006 ee"], ["the keyboard controller", "b0fe e664"], ["port 92h", "b001 e692"]] as const) {
  test(`a reset by ${name} starts at the reset vector with ROM shown and DRAM kept`, () => {
    // The first time round: mark DRAM, shadow F0000h, switch A20 off, reset. The second: say what is found.
    const mark = "c606 0006 a5";
    const body = `${mark} b0dd e664 ${reset} ebfe`;
    const length = bytesOf(body).length;
    const code = `${DS("0000")} 803e 0006 a5 74 ${length.toString(16).padStart(2, "0")} ${body} b0aa ${OUT} ${WRAP} ${DS("00f0")} a00080 ${OUT} ${HALT}`;
    assert.equal(output(boot(rom(code, "77"))), "aa 01 77");
  });
}

for (const [name, reset] of [["port 92h", "b001 e692"], ["the keyboard controller", "b0fe e664"], ["a triple fault", "0f011e 0090 cd03"]] as const) {
  test(`with a shutdown code in CMOS, ${name} resets the processor alone`, () => {
    // As programs of the 286 came back to real mode. The first time round: set a timer, shadow F0000h, reset. The second: is all still there?
    const first = `b08f e670 b00a e671 b034 e643 ${DS("00f0")} 8ec0 ${bridge(0x59, 0x20)} be0000 bf0000 b90080 f3a5 ${bridge(0x59, 0x30)} c606 0080 66`;
    // IDTR from 9000h, which is empty
    const body = `${first} ${DS("0000")} c606 0006 a5 ${reset} ebfe`;
    const length = bytesOf(body).length;
    const code = `${DS("0000")} 803e 0006 a5 0f84 ${(length & 255).toString(16).padStart(2, "0")}${(length >> 8).toString(16).padStart(2, "0")} ${body} ${DS("00f0")} a00080 ${OUT} ${HALT}`;
    assert.equal(output(boot(rom(code, "77"))), "66");
  });
}

test("fw_cfg tells how much RAM there is, and names the boot order file", () => {
  const read = `ba1105 ${`ec ${OUT} `.repeat(8)}`;
  assert.equal(output(boot(rom(`ba1005 b8 0300 ef ${read} ${HALT}`))), "00 00 00 01 00 00 00 00");
});

test("images that no machine can hold are refused", () => {
  for (const length of [0, 1, 0xffff, 0x18000, 0x110000]) {
    assert.throws(() => boot(new Uint8Array(length)), (error) => error instanceof MachineError && error.code === "badRequest", `${length}`);
  }
  const bad = [new Uint8Array(0), new Uint8Array(512), Uint8Array.of(0x55, 0xaa, 200), new Uint8Array(0x20000).fill(0x55)];
  for (const video of bad) assert.throws(() => boot(rom(HALT), video), MachineError);
});
