import assert from "node:assert/strict";
import { test } from "node:test";
import { RECORD_HEADER_BYTES, RECORD_MAX_BYTES, RecordReader, writeRecordLength } from "./tap-records.ts";

function recordOf(payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
  writeRecordLength(record, 0, payload.length);
  record.set(payload, RECORD_HEADER_BYTES);
  return record;
}

test("records come out as they went in, in whatever pieces they arrive", () => {
  const payloads = [0, 1, 60, 1524, 65_559, 3, RECORD_MAX_BYTES, 0, 7].map((length, n) => new Uint8Array(length).fill(n));
  const stream = Buffer.concat(payloads.map(recordOf));
  for (const piece of [1, 3, 4, 5, 63, 1528, 65_536, stream.length]) {
    const reader = new RecordReader();
    const found: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += piece) assert.ok(reader.push(stream.subarray(at, at + piece), (record) => found.push(Uint8Array.from(record))));
    assert.deepEqual(found, payloads, `pieces of ${piece}`);
  }
});

test("a length that cannot be is told, whole or in pieces", () => {
  const length = new Uint8Array(RECORD_HEADER_BYTES);
  for (const wrong of [RECORD_MAX_BYTES + 1, 0xffff_ffff]) {
    writeRecordLength(length, 0, wrong);
    const one = new RecordReader();
    assert.equal(one.push(Buffer.concat([length, new Uint8Array(RECORD_MAX_BYTES * 2)]), () => assert.fail()), false);
    const pieces = new RecordReader();
    assert.equal([...length].every((octet) => pieces.push(Uint8Array.of(octet), () => assert.fail())), false);
  }
});
