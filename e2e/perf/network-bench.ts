// `npm run bench -- --network`: the switch on one thread, the network's thread between the rings of two cards, and streams through the
// gateway to the host's loopback, without guests.
// Rates of the switch are per second of processor time; those of threads are of the clock, so that a busy host shows in them.
import { type StreamRate, streamRate } from "../../core/testkit/gateway-bench.ts";
import { fabricRate, switchRate } from "../../core/testkit/switch-bench.ts";
import { idlePercent, threadRate, threadRoundTrips } from "../../core/testkit/network-thread-bench.ts";

const SMALL = 60;
const LARGE = 1514;
const JUMBO = 9014;
const PAIRS = [1, 4, 16, 64];
const BURST = 32;
const ROUND_TRIPS = 5000;

export const NETWORK_AIMS = { smallFramesPerSecond: 2e6, largeBitsPerSecond: 8e9, gatewayBitsPerSecond: 1e9, roundTripMicroseconds: 300, idlePercent: 1 };

export interface NetworkResults {
  /** Between ports of the switch alone, and of links as cards have them. */
  switch: { through: "switch" | "links"; pairs: number; frameBytes: number; framesPerSecond: number; bitsPerSecond: number }[];
  thread: { frameBytes: number; framesPerSecond: number; bitsPerSecond: number }[];
  /** TCP between a stack on the gateway's thread and a server on the host's loopback. */
  gateway: { guestToHost: StreamRate; hostToGuest: StreamRate };
  roundTripMicroseconds: { median: number; ninetieth: number; rounds: number };
  idlePercent: number;
}

const STREAM_MEGABYTES = 256;
const NO_RATE: StreamRate = { bitsPerSecond: 0, bitsPerCpuSecond: 0 };

const rateText = (frames: number, bits: number): string => `${(frames / 1e6).toFixed(2).padStart(6)} million frames/s ${(bits / 1e9).toFixed(2).padStart(7)} Gb/s`;

export async function measureNetwork(say: (line: string) => void, seconds = 1): Promise<NetworkResults> {
  const results: NetworkResults = { switch: [], thread: [], gateway: { guestToHost: NO_RATE, hostToGuest: NO_RATE }, roundTripMicroseconds: { median: 0, ninetieth: 0, rounds: 0 }, idlePercent: 0 };
  say(`Switch, one thread, CPU time (aims: ${NETWORK_AIMS.smallFramesPerSecond / 1e6} million small frames/s, ${NETWORK_AIMS.largeBitsPerSecond / 1e9} Gb/s of large ones)`);
  for (const through of ["switch", "links"] as const) {
    for (const frameBytes of [SMALL, LARGE]) {
      for (const pairs of PAIRS) {
        const measured = (through === "switch" ? switchRate : fabricRate)({ pairs, frameBytes, burst: BURST, seconds });
        results.switch.push({ through, pairs, frameBytes, ...measured });
        say(`  ${through.padEnd(6)} ${String(pairs * 2).padStart(4)} ports ${String(frameBytes).padStart(5)} bytes ${rateText(measured.framesPerSecond, measured.bitsPerSecond)}`);
      }
    }
  }
  say("Between the rings of two cards, through the network's thread");
  for (const frameBytes of [SMALL, LARGE, JUMBO]) {
    const framesPerSecond = await threadRate(frameBytes, seconds * 2);
    const bitsPerSecond = framesPerSecond * frameBytes * 8;
    results.thread.push({ frameBytes, framesPerSecond, bitsPerSecond });
    say(`  ${String(frameBytes).padStart(5)} bytes ${rateText(framesPerSecond, bitsPerSecond)}`);
  }
  say(`TCP through the gateway to the host's loopback, both ends of it on one thread (aim: ${NETWORK_AIMS.gatewayBitsPerSecond / 1e9} Gb/s)`);
  const megabytes = Math.max(8, Math.round(STREAM_MEGABYTES * seconds));
  for (const [name, direction] of [["guestToHost", "guest-to-host"], ["hostToGuest", "host-to-guest"]] as const) {
    const rate = await streamRate(direction, megabytes);
    results.gateway[name] = rate;
    say(`  ${direction} ${(rate.bitsPerSecond / 1e9).toFixed(2).padStart(6)} Gb/s, ${(rate.bitsPerCpuSecond / 1e9).toFixed(2)} Gb/s of CPU time`);
  }
  const times = (await threadRoundTrips(ROUND_TRIPS)).sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  results.roundTripMicroseconds = { median: at(0.5), ninetieth: at(0.9), rounds: times.length };
  say(`Round trip between two threads: median ${at(0.5).toFixed(0)} us, nine of ten within ${at(0.9).toFixed(0)} us (aim: ${NETWORK_AIMS.roundTripMicroseconds} us)`);
  results.idlePercent = await idlePercent(seconds * 5);
  say(`Idle network: ${results.idlePercent.toFixed(2)} % of a core`);
  return results;
}
