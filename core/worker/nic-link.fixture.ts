// The far thread of the cable's test: sends back every frame that it gets, sleeping on a word whenever there is nothing to do.
import { workerData } from "node:worker_threads";
import { NicLinkEnd } from "./nic-link.ts";

export interface EchoStart {
  link: SharedArrayBuffer;
  /** What this thread sleeps on, and what the other one does. */
  bell: SharedArrayBuffer;
  farBell: SharedArrayBuffer;
}

const start = workerData as EchoStart; // from the test
const bell = new Int32Array(start.bell);
const farBell = new Int32Array(start.farBell);
const end = new NicLinkEnd(start.link, "network", () => {
  Atomics.add(farBell, 0, 1);
  Atomics.notify(farBell, 0);
});
let isOver = false;
end.connect({
  receive: (frame) => end.send(frame),
  canReceive: () => end.canSend(),
  linkChanged: (up) => (isOver = !up),
  sendReady: () => undefined,
});
while (!isOver) {
  const seen = Atomics.load(bell, 0);
  if (end.poll(64) === 0) Atomics.wait(bell, 0, seen, 60_000);
}
