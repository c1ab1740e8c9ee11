// What a capture's filter box finds, and how bytes are shown.
import type { PacketRow } from "../../../core/api/network.ts";

/** Every word must be in the row somewhere, whatever its case; "vlan 10" finds the tag. */
export function matches(row: PacketRow, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return true;
  const text = [row.source, row.destination, row.protocol, row.info, row.vlan === null ? "" : `vlan${row.vlan} vlan ${row.vlan}`].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

export interface HexLine {
  offset: string;
  /** Each byte as two digits. */
  bytes: string[];
  text: string;
}

export function hexLines(hex: string): HexLine[] {
  const lines: HexLine[] = [];
  const bytes = hex.match(/../g) ?? [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16);
    const text = row.map((byte) => {
      const code = Number.parseInt(byte, 16);
      return code >= 32 && code < 127 ? String.fromCharCode(code) : ".";
    });
    lines.push({ offset: at.toString(16).padStart(4, "0"), bytes: row, text: text.join("") });
  }
  return lines;
}

/** The rows to draw of a long list, and where. */
export function visibleRows(count: number, top: number, height: number, rowHeight: number): { first: number; last: number } {
  const first = Math.max(0, Math.floor(top / rowHeight) - 8);
  return { first, last: Math.min(count, Math.ceil((top + height) / rowHeight) + 8) };
}
