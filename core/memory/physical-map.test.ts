import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE_SIZE, PhysicalMap } from "./physical-map.ts";

const TABLE = 0x1000;
const RAM = 0x500000;
const READ_ONLY = 1, HAS_CODE = 2;

/** 8 pages of RAM at 0, page 2 missing, page 5 read-only, pages 6 and 7 swapped in the host. */
function machine() {
  const buffer = new ArrayBuffer(RAM + 16 * PAGE_SIZE);
  const map = new PhysicalMap(buffer, { tableOffset: TABLE, readOnlyBit: READ_ONLY, hasCodeBit: HAS_CODE }, 8 * PAGE_SIZE);
  map.map(0, 8 * PAGE_SIZE, RAM);
  map.unmap(2 * PAGE_SIZE, PAGE_SIZE);
  map.map(5 * PAGE_SIZE, PAGE_SIZE, RAM + 5 * PAGE_SIZE, true);
  map.map(6 * PAGE_SIZE, PAGE_SIZE, RAM + 7 * PAGE_SIZE);
  map.map(7 * PAGE_SIZE, PAGE_SIZE, RAM + 6 * PAGE_SIZE);
  const written: string[] = [];
  map.onCodeWritten = (gpa, length) => written.push(`${gpa.toString(16)}+${length}`);
  const host = new Uint8Array(buffer, RAM, 8 * PAGE_SIZE);
  const table = new Int32Array(buffer, TABLE);
  return { map, host, written, markCode: (page: number) => (table[page] = (table[page] ?? 0) | HAS_CODE) };
}

const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

test("copies cross pages, skip what is not there or ROM, and read FFh where nothing is", () => {
  const { map, host } = machine();
  const data = counted(8 * PAGE_SIZE);
  map.write(0, data);
  assert.deepEqual(host.subarray(0, 2 * PAGE_SIZE), data.subarray(0, 2 * PAGE_SIZE));
  assert.ok(host.subarray(2 * PAGE_SIZE, 3 * PAGE_SIZE).every((b) => b === 0));
  assert.ok(host.subarray(5 * PAGE_SIZE, 6 * PAGE_SIZE).every((b) => b === 0));
  assert.deepEqual(host.subarray(7 * PAGE_SIZE), data.subarray(6 * PAGE_SIZE, 7 * PAGE_SIZE));
  const back = new Uint8Array(8 * PAGE_SIZE);
  map.read(0, back);
  const expected = data.slice();
  expected.fill(0xff, 2 * PAGE_SIZE, 3 * PAGE_SIZE);
  expected.fill(0, 5 * PAGE_SIZE, 6 * PAGE_SIZE);
  assert.deepEqual(back, expected);
});

test("short copies, also over a page's end and past the address space", () => {
  const { map, host } = machine();
  map.write(PAGE_SIZE - 2, Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual([...host.subarray(PAGE_SIZE - 2, PAGE_SIZE + 2)], [1, 2, 3, 4]);
  const into = new Uint8Array(4);
  map.read(PAGE_SIZE - 2, into);
  assert.deepEqual([...into], [1, 2, 3, 4]);
  for (const gpa of [2 * PAGE_SIZE, 0xffff_fffe, 0x1_0000_0000, -1]) {
    map.write(gpa, into);
    const read = new Uint8Array(4);
    map.read(gpa < 0 ? 0x1_0000_0000 : gpa, read);
    assert.deepEqual([...read], [255, 255, 255, 255]);
  }
});

test("bytes are lent only where they are writable RAM in one piece", () => {
  const { map, host } = machine();
  const lent = map.direct(100, PAGE_SIZE + 50);
  assert.ok(lent);
  assert.equal(lent.length, PAGE_SIZE + 50);
  lent[0] = 0x77;
  assert.equal(host[100], 0x77);
  assert.equal(map.direct(PAGE_SIZE, PAGE_SIZE + 1), null, "runs into a hole");
  assert.equal(map.direct(4 * PAGE_SIZE + 10, PAGE_SIZE), null, "runs into ROM");
  assert.equal(map.direct(5 * PAGE_SIZE, 1), null);
  assert.equal(map.direct(6 * PAGE_SIZE, 2 * PAGE_SIZE), null, "apart in the host");
  assert.equal(map.direct(7 * PAGE_SIZE, 2 * PAGE_SIZE), null, "past the end");
  assert.equal(map.direct(7 * PAGE_SIZE, PAGE_SIZE)?.length, PAGE_SIZE);
});

test("changes of pages that hold code are told, and no others", () => {
  const { map, written, markCode } = machine();
  markCode(1);
  map.write(0, new Uint8Array(PAGE_SIZE + 10));
  assert.deepEqual(written, ["1000+10"]);
  written.length = 0;
  map.changed(10, 2 * PAGE_SIZE);
  assert.deepEqual(written, ["1000+4096"]);
  map.changed(3 * PAGE_SIZE, PAGE_SIZE);
  assert.equal(written.length, 1);
});
