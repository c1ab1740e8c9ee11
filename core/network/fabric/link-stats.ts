// Counters of links as the app shows them.
import type { LinkStats } from "../../api/network.ts";
import type { Trunk } from "../switch/switch-fabric.ts";
import { PORT_COUNTERS, type PortCounts } from "../switch/counters.ts";
import type { SwitchPort } from "../switch/switch-port.ts";
import type { Link } from "./link.ts";

const TRAFFIC: ReadonlySet<string> = new Set(["receivedFrames", "receivedBytes", "sentFrames", "sentBytes"]);

/** Of a card or gateway; without a port it has no carrier. */
export function linkStats(link: Link, port: SwitchPort | null): LinkStats {
  const counts = port?.counts;
  return {
    link: link.id,
    up: port?.linkUp === true,
    blocked: false,
    receivedFrames: counts?.receivedFrames ?? 0,
    receivedBytes: counts?.receivedBytes ?? 0,
    sentFrames: counts?.sentFrames ?? 0,
    sentBytes: counts?.sentBytes ?? 0,
    drops: drops(link, counts === undefined ? [] : [counts]),
  };
}

/** What its first end sent counts as received. */
export function trunkStats(link: Link, { ends: [first, second] }: Trunk): LinkStats {
  const [a, b] = [first.counts, second.counts];
  return {
    link: link.id,
    up: first.linkUp && second.linkUp,
    blocked: [first, second].some((end) => end.linkUp && end.spanningTree?.state === "discarding"),
    receivedFrames: a.sentFrames,
    receivedBytes: a.sentBytes,
    sentFrames: b.sentFrames,
    sentBytes: b.sentBytes,
    drops: drops(link, [a, b]),
  };
}

/** Only what there was. */
function drops(link: Link, counts: readonly PortCounts[]): Record<string, number> {
  const found: Record<string, number> = {};
  const add = (name: string, count: number): void => {
    if (count > 0) found[name] = (found[name] ?? 0) + count;
  };
  for (const name of PORT_COUNTERS) if (!TRAFFIC.has(name)) for (const each of counts) add(name, each[name]);
  const { lost, overrun } = link.end.counts;
  add("lost", lost);
  add("overrun", overrun);
  return found;
}
