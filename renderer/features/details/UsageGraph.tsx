// The last minute of host CPU and guest speed. The picture has a text with the same figures, renewed seldom enough to be
// listened to.
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useMedia, usePreference } from "../../app/services.ts";
import type { StatsHistory } from "../../state/machines.ts";

const SECONDS = 60;
const HEIGHT = 150;

function build(host: HTMLElement, width: number): uPlot {
  const style = getComputedStyle(host);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--rf-dim"), font: `11px ${style.fontFamily}`, ticks: { show: false }, gap: 4 } as const;
  const grid = { stroke: colour("--rf-line"), width: 1 };
  return new uPlot(
    {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 4, 0, 4],
      scales: {
        x: { time: false, range: (_u, _min, max) => [max - SECONDS, max] },
        percent: { range: [0, 100] },
        mips: { range: (_u, _min, max) => [0, Math.max(10, max * 1.15)] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 20,
          splits: (u) => [0, 15, 30, 45, 60].map((s) => (u.scales["x"]?.max ?? 0) - s),
          values: (u, splits) => splits.map((v) => `${Math.round(v - (u.scales["x"]?.max ?? 0))} s`),
        },
        {
          ...axis,
          scale: "percent",
          grid,
          size: 44,
          splits: () => [0, 25, 50, 75, 100],
          values: (_u, splits) => splits.map((v) => `${v} %`),
        },
        { ...axis, scale: "mips", side: 1, grid: { show: false }, size: 40 },
      ],
      series: [
        {},
        { scale: "percent", stroke: colour("--rf-graph-cpu"), fill: colour("--rf-graph-cpu-fill"), width: 1.5, points: { show: false } },
        { scale: "percent", stroke: colour("--rf-graph-cap"), width: 1, dash: [5, 4], points: { show: false } },
        { scale: "mips", stroke: colour("--rf-graph-mips"), width: 1.5, points: { show: false } },
      ],
    },
    [[], [], [], []],
    host,
  );
}

export function UsageGraph({ stats, capPercent, label }: { stats: StatsHistory; capPercent: number; label: string }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = usePreference("theme");
  const systemDark = useMedia("(prefers-color-scheme: dark)");
  const dark = scheme === "auto" ? systemDark : scheme === "dark";
  // biome-ignore lint/correctness/useExhaustiveDependencies: built anew for the other theme's colours, which are read from the page.
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const made = build(element, element.clientWidth);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a graph that was built anew has no data.
  useEffect(() => {
    plot.current?.setData([stats.time, stats.hostCpuPercent, stats.time.map(() => capPercent), stats.mips]);
  }, [stats, capPercent, dark]);
  return <div ref={host} className="rf-graph" role="img" aria-label={label} data-testid="usage-graph" />;
}
