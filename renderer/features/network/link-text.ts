// Words and figures for links: what a link joins, how fast it goes, how fast its dashes move.
import type { BridgeConfig, BridgeInfo, LinkFaults } from "../../../core/api/network.ts";
import { formatNumber } from "../../i18n/format.ts";
import type { Rate } from "../../state/network.ts";
import type { NetworkDoc } from "./network-doc.ts";
import { machineOf } from "./network-doc.ts";

const UNITS = ["b/s", "kb/s", "Mb/s", "Gb/s"];

/** In decimal units, as line speeds are told. */
export function formatRate(bitsPerSecond: number, language: string): string {
  let unit = 0;
  let value = bitsPerSecond;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatNumber(value, language, unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** "alice · nic0", "s1 – s2", "gw10": names, which need no translation. */
export function linkTitle(doc: NetworkDoc, link: string): string {
  if (link.startsWith("gateway:")) return link.slice(8);
  if (link.startsWith("bridge:")) return link.slice(7);
  if (link.startsWith("trunk:")) {
    const trunk = doc.topology.trunks.find((t) => `trunk:${t.name}` === link);
    return trunk === undefined ? link.slice(6) : `${trunk.ends[0]} – ${trunk.ends[1]}`;
  }
  const [id = "", nic = ""] = link.split("/");
  return `${machineOf(doc, id)?.name ?? id} · ${nic}`;
}

/** What has just been turned on, and nothing has been heard of, is on its way. */
export function bridgeState({ name, enabled }: BridgeConfig, bridges: readonly BridgeInfo[]): BridgeInfo["state"] {
  if (!enabled) return "off";
  const state = bridges.find((each) => each.bridge === name)?.state ?? "off";
  return state === "off" ? "connecting" : state;
}

/** 0 to 4: still, and how fast the dashes move. Steps, because a changed speed makes an animation jump. */
export function paceOf(rate: Rate | undefined): number {
  const bits = rate === undefined ? 0 : rate.received + rate.sent;
  if (bits < 1) return 0;
  return bits < 100_000 ? 1 : bits < 2_000_000 ? 2 : bits < 50_000_000 ? 3 : 4;
}

export const FAULT_FIELDS = ["loss", "duplication", "reordering", "delayMs", "jitterMs", "bitsPerSecond"] as const;

export function hasFaults(faults: LinkFaults | undefined): boolean {
  return faults !== undefined && (faults.cut === true || FAULT_FIELDS.some((field) => (faults[field] ?? 0) > 0));
}

/** What the menu offers at once; all else is in the inspector. */
export const FAULT_PRESETS = {
  lossy: { loss: 0.05 },
  far: { delayMs: 150, jitterMs: 20 },
  slow: { bitsPerSecond: 1_000_000 },
  cut: { cut: true },
} as const satisfies Record<string, LinkFaults>;
export const PRESET_NAMES = ["lossy", "far", "slow", "cut"] as const;
