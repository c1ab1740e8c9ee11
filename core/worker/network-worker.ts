// Thread entry: the virtual network of the app. One for all machines: it holds the network's end of every card's cable, the switches and
// gateways between them, and the host sockets of NAT. Orders come as messages; frames come through shared rings (nic-link.ts).
import { randomFillSync } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import type { NetworkEvent } from "../api/network.ts";
import type { FromNetworkWorker, NetworkWorkerStart, ToNetworkWorker } from "../api/network-protocol.ts";
import { NetworkFabric } from "../network/fabric/network-fabric.ts";
import { NodeHostSockets } from "../network/host/node-host-sockets.ts";
import { NodeHostInterfaces } from "../network/host/node-host-interfaces.ts";
import { NodeTftpFiles } from "../network/host/node-tftp-files.ts";
import { NetworkCaptures } from "./network-captures.ts";
import { NetworkLoop } from "./network-loop.ts";
import { NicLinkEnd } from "./nic-link.ts";

/** The newest are kept. */
const EVENTS_MAX = 100;

function main(start: NetworkWorkerStart, post: (message: FromNetworkWorker) => void, over: () => void): (message: ToNetworkWorker) => void {
  const nowNs = () => performance.now() * 1e6;
  const events: NetworkEvent[] = [];
  const entropy = new Uint32Array(256);
  let drawn = entropy.length;
  const fabric = new NetworkFabric({
    clock: { nowNs },
    sockets: new NodeHostSockets({ outside: start.allowsOutside }),
    interfaces: new NodeHostInterfaces({ wake: () => loop.wake() }),
    tftpFiles: (folder) => new NodeTftpFiles(folder),
    seed: start.seed,
    random32: () => {
      if (drawn >= entropy.length) {
        randomFillSync(entropy);
        drawn = 0;
      }
      return entropy[drawn++] as number;
    },
    event: (level, subject, message) => {
      events.push({ timeMs: Date.now(), level, subject, message });
      if (events.length > EVENTS_MAX) events.shift();
    },
    wake: () => loop.wake(),
  });
  const failed = (error: unknown) => {
    post({ kind: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    over();
  };
  const loop = new NetworkLoop({ doorbell: new Int32Array(start.doorbell), fabric, nowNs, failed });
  const captures = new NetworkCaptures({ fabric, nowNs, epochMs: () => Date.now(), post });
  const ends = new Map<string, NicLinkEnd>();
  let watch: NodeJS.Timeout | undefined;
  let told = "";

  const tell = (): void => {
    const stats = { ...fabric.stats(), events };
    const text = JSON.stringify(stats);
    if (text === told) return;
    told = text;
    post({ kind: "stats", stats });
  };

  const attach = ({ link, machine, mac, buffer, control, wiring }: Extract<ToNetworkWorker, { kind: "attach" }>): string | undefined => {
    const words = new Int32Array(control);
    const end = new NicLinkEnd(buffer, "network", () => loop.wakeMachine(words));
    const fault = fabric.attach({ link, machine, mac, wiring, end });
    if (fault !== undefined) return fault;
    ends.set(link, end);
    loop.add(end);
    return undefined;
  };

  const answer = (queryId: number, fault: string | undefined | null): void => post({ kind: "done", queryId, failure: fault ?? null });
  /** For captures, which touch files: whatever happens there is an answer. */
  const answerWith = (queryId: number, work: Promise<string | null>): void => {
    work.then(
      (fault) => answer(queryId, fault),
      (error: unknown) => answer(queryId, error instanceof Error ? error.message : String(error)),
    );
  };

  return (message) => {
    switch (message.kind) {
      case "topology":
        answer(message.queryId, fabric.apply(message.topology));
        break;
      case "attach":
        answer(message.queryId, attach(message));
        break;
      case "wire":
        answer(message.queryId, fabric.wire(message.link, message.wiring));
        break;
      case "detach": {
        const end = ends.get(message.link);
        fabric.detach(message.link);
        ends.delete(message.link);
        if (end) loop.remove(end);
        break;
      }
      case "watch":
        clearInterval(watch);
        told = "";
        if (message.intervalMs > 0) {
          watch = setInterval(tell, message.intervalMs);
          tell();
        }
        break;
      case "capture":
        answerWith(message.queryId, captures.start(message.captureId, message.link, message.path, message.isLive));
        break;
      case "stopCapture":
        answerWith(message.queryId, captures.stop(message.captureId));
        break;
      case "packet":
        post({ kind: "packet", queryId: message.queryId, details: captures.packet(message.captureId, message.number) });
        break;
      case "saveCapture":
        answerWith(message.queryId, captures.save(message.captureId, message.path));
        break;
      case "shutdown":
        clearInterval(watch);
        fabric.close();
        loop.stop();
        void captures.close().finally(over);
        break;
    }
  };
}

if (parentPort) {
  const port = parentPort;
  const post = (message: FromNetworkWorker) => port.postMessage(message);
  // The hypervisor starts this file with nothing else in workerData, and posts only what the protocol lists.
  const handle = main(workerData as NetworkWorkerStart, post, () => port.close());
  port.on("message", (message: ToNetworkWorker) => handle(message));
  post({ kind: "running" });
}
