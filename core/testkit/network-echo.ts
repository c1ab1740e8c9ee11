// Thread of the network's benchmark: a machine that sends back what it gets, and sleeps on its SIGNAL word while there is nothing.
import { workerData } from "node:worker_threads";
import type { NicStart } from "../api/network-protocol.ts";
import { ControlWord } from "../api/worker-protocol.ts";
import { readU48, writeU48 } from "../network/wire/bytes.ts";
import { NicLinkEnd } from "../worker/nic-link.ts";

export interface EchoStart {
  nic: NicStart;
  control: SharedArrayBuffer;
}

const { nic, control } = workerData as EchoStart; // from the benchmark
const words = new Int32Array(control);
const bell = new Int32Array(nic.doorbell);
const end = new NicLinkEnd(nic.link, "machine", () => {
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
});
const answer = new Uint8Array(9022);
end.connect({
  receive: (frame) => {
    answer.set(frame);
    writeU48(answer, 0, readU48(frame, 6));
    writeU48(answer, 6, readU48(frame, 0));
    end.send(answer.subarray(0, frame.length));
  },
  canReceive: () => end.canSend(),
  linkChanged: () => undefined,
  sendReady: () => undefined,
});
for (;;) {
  const seen = Atomics.load(words, ControlWord.SIGNAL);
  if (end.poll() === 0) Atomics.wait(words, ControlWord.SIGNAL, seen);
}
