import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bridge, BridgeEvent } from "../bridge/bridge.ts";
import { Listeners } from "../bridge/listeners.ts";
import { ConsoleChannel } from "./console-channel.ts";
import { bytesToLatin1, latin1ToBytes, SERIAL_CHUNK, SerialSender, typedToLatin1 } from "./serial-text.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));
const unexpected = (error: unknown): never => assert.fail(String(error));

test("typed text is UTF-8 bytes on the line, and comes back as it was", () => {
  assert.deepEqual([...latin1ToBytes(typedToLatin1("é한"))], [0xc3, 0xa9, 0xed, 0x95, 0x9c]);
  const bytes = Uint8Array.from({ length: 20000 }, (_, i) => i & 0xff);
  assert.deepEqual(latin1ToBytes(bytesToLatin1(bytes)), bytes);
});

test("a long paste goes in chunks, each after the one before was taken", async () => {
  const sent: number[] = [];
  let take = () => {};
  const sender = new SerialSender((data) => {
    sent.push(data.length);
    return new Promise<void>((resolve) => {
      take = resolve;
    });
  }, unexpected);
  sender.push("x".repeat(SERIAL_CHUNK + 10));
  await settle();
  assert.deepEqual(sent, [SERIAL_CHUNK]);
  sender.push("yz");
  take();
  await settle();
  assert.deepEqual(sent, [SERIAL_CHUNK, 12]);
});

function setUp() {
  const events = new Listeners<BridgeEvent>();
  const resyncs = new Listeners<void>();
  const calls: string[] = [];
  const watches: ((backlog: string) => void)[] = [];
  const bridge = {
    call: (method: string) => {
      calls.push(method);
      return method === "vm.watch"
        ? new Promise((resolve) => watches.push((serialBacklog) => resolve({ serialBacklog })))
        : Promise.resolve({});
    },
    onEvent: (l: (event: BridgeEvent) => void) => events.add(l),
    onFrame: () => () => {},
    onResync: (l: () => void) => resyncs.add(l),
  } as unknown as Bridge;
  const channel = new ConsoleChannel(bridge, "a", unexpected);
  let shown = "";
  channel.onSerial(({ reset, data }) => {
    shown = reset ? data : shown + data;
  });
  const serial = (data: string, id = "a") => events.emit({ name: "vm.serial", data: { id, data } });
  return { channel, calls, watches, resyncs, serial, shown: () => shown };
}

test("output before the reply to the watch follows the backlog, and other machines' is not shown", async () => {
  const { serial, watches, shown } = setUp();
  serial("two ");
  serial("other", "b");
  watches[0]?.("one ");
  await settle();
  serial("three");
  assert.equal(shown(), "one two three");
});

test("after a lost connection the output is shown once, not twice", async () => {
  const { serial, watches, resyncs, shown, calls } = setUp();
  watches[0]?.("one ");
  await settle();
  resyncs.emit();
  serial("late ");
  await settle();
  watches[1]?.("one late two ");
  await settle();
  assert.equal(shown(), "one late two ");
  assert.deepEqual(calls, ["vm.watch", "vm.unwatch", "vm.watch"]);
});

test("a terminal that opens later sees what came before; a closed channel stops the watch", async () => {
  const { channel, serial, watches, calls } = setUp();
  watches[0]?.("one ");
  await settle();
  serial("two");
  const seen: string[] = [];
  channel.onSerial(({ data }) => seen.push(data));
  assert.deepEqual(seen, ["one two"]);
  channel.close();
  serial("three");
  assert.deepEqual(seen, ["one two"]);
  assert.equal(calls.at(-1), "vm.unwatch");
});
