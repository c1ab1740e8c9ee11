import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { ScreenText } from "../../core/api/vm-state.ts";
import { Peer } from "./peer.ts";
import { TextFanout } from "./text-fanout.ts";

const settled = async () => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

function bench() {
  mock.timers.enable({ apis: ["setTimeout"] });
  const screen: { now: ScreenText | null; isDead: boolean; reads: number } = { now: { columns: 80, lines: ["a"] }, isDead: false, reads: 0 };
  const peers = new Set<Peer>();
  const fanout = new TextFanout(
    {
      screenText: async () => {
        screen.reads++;
        if (screen.isDead) throw new Error("gone");
        return screen.now;
      },
    },
    peers,
  );
  const connect = () => {
    const seen: unknown[] = [];
    const peer = new Peer({ sendEvent: (message) => seen.push((message.data as { screen: ScreenText | null }).screen?.lines ?? null), sendFrame: () => true });
    peers.add(peer);
    return { peer, seen };
  };
  return { screen, fanout, connect };
}

test("a watcher gets the text of now, then only what differs, and not too often", async (t) => {
  const { screen, fanout, connect } = bench();
  t.after(() => mock.timers.reset());
  const { peer, seen } = connect();
  peer.texts.add("m");
  await fanout.begin(peer, "m");
  for (let i = 0; i < 50; i++) fanout.changed("m");
  mock.timers.tick(200);
  await settled();
  assert.deepEqual([seen, screen.reads], [[["a"]], 2]);
  screen.now = { columns: 80, lines: ["b"] };
  fanout.changed("m");
  mock.timers.tick(200);
  await settled();
  assert.deepEqual(seen, [["a"], ["b"]]);
});

test("nobody watches: nothing is asked", () => {
  const { screen, fanout, connect } = bench();
  connect();
  fanout.changed("m");
  mock.timers.tick(1000);
  assert.equal(screen.reads, 0);
  mock.timers.reset();
});

test("a newcomer does not take news away from the others, and a machine that is gone has no text", async (t) => {
  const { screen, fanout, connect } = bench();
  t.after(() => mock.timers.reset());
  const first = connect();
  first.peer.texts.add("m");
  await fanout.begin(first.peer, "m");
  screen.now = { columns: 80, lines: ["b"] };
  const second = connect();
  second.peer.texts.add("m");
  await fanout.begin(second.peer, "m");
  assert.deepEqual([first.seen, second.seen], [[["a"], ["b"]], [["b"]]]);
  screen.isDead = true;
  fanout.changed("m");
  mock.timers.tick(200);
  await settled();
  assert.deepEqual([first.seen.at(-1), second.seen.at(-1)], [null, null]);
});
