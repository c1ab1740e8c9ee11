import assert from "node:assert/strict";
import test from "node:test";
import { Cable, FRAME_MAX_BYTES, type NetPortClient } from "./port.ts";

function recorder(): NetPortClient & { log: string[]; open: boolean } {
  const log: string[] = [];
  return {
    log,
    open: true,
    receive: (frame) => log.push(`frame ${frame.length}`),
    canReceive(): boolean {
      return this.open;
    },
    linkChanged: (up) => log.push(up ? "up" : "down"),
    sendReady: () => log.push("ready"),
  };
}

test("a cable has carrier when both ends are held, and loses it when pulled", () => {
  const cable = new Cable();
  const a = recorder();
  const b = recorder();
  cable.a.connect(a);
  assert.equal(cable.a.linkUp, false);
  cable.b.connect(b);
  cable.a.send(new Uint8Array(60));
  cable.setPlugged(false);
  cable.a.send(new Uint8Array(60));
  assert.equal(cable.a.canSend(), false);
  cable.setPlugged(true);
  cable.b.connect(null);
  assert.deepEqual(a.log, ["up", "down", "up", "down"]);
  assert.deepEqual(b.log, ["up", "frame 60", "down", "up"]);
});

test("a full receiver loses frames and says when it is ready again", () => {
  const cable = new Cable();
  const a = recorder();
  const b = recorder();
  cable.a.connect(a);
  cable.b.connect(b);
  b.open = false;
  assert.equal(cable.a.canSend(), false);
  cable.a.send(new Uint8Array(60));
  b.open = true;
  cable.b.receiveReady();
  assert.deepEqual(a.log, ["up", "ready"]);
  assert.deepEqual(b.log, ["up"]);
});

test("a cable carries neither fragments of a header nor more than the largest frame", () => {
  const cable = new Cable();
  const b = recorder();
  cable.a.connect(recorder());
  cable.b.connect(b);
  for (const length of [0, 13, 14, FRAME_MAX_BYTES, FRAME_MAX_BYTES + 1]) cable.a.send(new Uint8Array(length));
  assert.deepEqual(b.log, ["up", "frame 14", `frame ${FRAME_MAX_BYTES}`]);
});
