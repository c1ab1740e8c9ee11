// Draws a results file as assets/brand/benchmark.svg, the picture in the README: `node e2e/perf/chart.ts results/VERSION.json`.
// Bars are ratios of CPU seconds on a logarithmic scale: left of the line at 1, Ringfence needs less than its peer.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Architecture } from "../fixtures/debian.ts";
import type { EngineName } from "./engines.ts";
import { type BenchmarkResults, bootOf, meanRatio, median, ratio, roundsText } from "./results.ts";
import { GROUP_NAMES, GROUPS, TESTS } from "./suite.ts";

const WIDTH = 860;
const LABELS = 150;
const ROW = 24;
const BAR = 14;
const SCALE = { left: LABELS, right: WIDTH - 70, from: 1 / 32, to: 4 };
const TICKS = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4];
const STYLE = `
  text { font: 13px system-ui, "Segoe UI", "Helvetica Neue", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .quiet { fill: #59636e; font-size: 12px; }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
  .grid { stroke: #d1d9e0; }
  .even { stroke: #1f2328; stroke-width: 1.5; }
  .faster { fill: #1a7f5a; } .slower { fill: #b35900; } .ground { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; } .even { stroke: #e6edf3; } .value { stroke: #0d1117; }
    .faster { fill: #3fb68b; } .slower { fill: #e0913b; } .ground { fill: #0d1117; }
  }`;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const round = (n: number): string => n.toFixed(1).replace(/\.0$/, "");
function x(value: number): number {
  const within = Math.min(Math.max(value, SCALE.from), SCALE.to);
  return SCALE.left + ((SCALE.right - SCALE.left) * Math.log(within / SCALE.from)) / Math.log(SCALE.to / SCALE.from);
}
const text = (at: number, y: number, words: string, style = "", anchor = "start"): string =>
  `<text x="${round(at)}" y="${round(y)}"${style ? ` class="${style}"` : ""}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}>${escaped(words)}</text>`;

interface Bar {
  label: string;
  value: number | undefined;
}
function bars(results: BenchmarkResults, architecture: Architecture, peer: EngineName): Bar[] {
  return [
    ...GROUP_NAMES.map((group) => ({ label: group, value: meanRatio(results, architecture, "ringfence", peer, GROUPS[group]) })),
    { label: "all tests", value: meanRatio(results, architecture, "ringfence", peer, TESTS) },
    { label: "boot to userspace", value: ratio(bootOf(results, architecture, "ringfence"), bootOf(results, architecture, peer)) },
  ].filter((bar) => bar.value !== undefined);
}
function panel(top: number, title: string, rows: readonly Bar[]): { svg: string; bottom: number } {
  const first = top + 18;
  const bottom = first + rows.length * ROW;
  const parts = [text(0, top, title, "title")];
  for (const tick of TICKS) {
    const at = round(x(tick));
    parts.push(`<line x1="${at}" x2="${at}" y1="${first}" y2="${bottom}" class="${tick === 1 ? "even" : "grid"}"/>`);
    parts.push(text(x(tick), bottom + 16, tick < 1 ? `1/${1 / tick}` : `${tick}`, "quiet", "middle"));
  }
  for (const [n, { label, value = 1 }] of rows.entries()) {
    const y = first + n * ROW + (ROW - BAR) / 2;
    const [from, to] = value < 1 ? [x(value), x(1)] : [x(1), x(value)];
    parts.push(text(LABELS - 10, y + BAR - 3, label, "value", "end"));
    parts.push(`<rect x="${round(from)}" y="${round(y)}" width="${round(Math.max(to - from, 1))}" height="${BAR}" rx="2" class="${value < 1 ? "faster" : "slower"}"/>`);
    parts.push(value < 1 ? text(from - 6, y + BAR - 3, value.toFixed(2), "value", "end") : text(to + 6, y + BAR - 3, value.toFixed(2), "value"));
  }
  return { svg: parts.join("\n"), bottom: bottom + 16 };
}

export function drawChart(results: BenchmarkResults): string {
  const { host, load } = results;
  const wide = panel(58, "64-bit guest, Ringfence against QEMU TCG", bars(results, "amd64", "tcg"));
  const narrow = panel(wide.bottom + 36, "32-bit guest, Ringfence against v86", bars(results, "i386", "v86"));
  const height = narrow.bottom + 44;
  const peers = [host.qemu && `QEMU ${host.qemu}`, host.v86 && `v86 ${host.v86}`].filter(Boolean).join(", ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 0 ${WIDTH + 32} ${height + 12}" role="img" aria-label="CPU time of guests in Ringfence relative to QEMU TCG and v86">
<style>${STYLE}
</style>
<rect x="-16" width="${WIDTH + 32}" height="${height + 12}" class="ground"/>
${text(0, 26, "CPU time relative to the peer's, geometric means: left of 1, Ringfence needs less", "quiet")}
${wide.svg}
${narrow.svg}
${text(0, height, `Ringfence ${results.version}, ${results.date}; ${peers}; ${host.processor}, load ${median(load)?.toFixed(1)}; ${roundsText(results)}, CPU seconds of all threads`, "quiet")}
</svg>
`;
}

/** Gives the picture's path. */
export function writeChart(results: BenchmarkResults): string {
  const picture = join(dirname(fileURLToPath(import.meta.url)), "../../assets/brand/benchmark.svg");
  writeFileSync(picture, drawChart(results));
  return picture;
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error("Which results file? e2e/perf/results/VERSION.json");
  console.log(`Drew ${writeChart(JSON.parse(readFileSync(file, "utf8")) as BenchmarkResults)}`);
}
