// The drawing as an SVG file, from the same boxes and lines as on the screen, with colours of its own so that it looks the same
// wherever it is opened.
import { vlansText } from "./edits.ts";
import { gatewayAddress, hueOf, vlanName } from "./network-doc.ts";
import type { NetworkDoc } from "./network-doc.ts";
import type { Scene } from "./scene.ts";
import { absolute, lineEnds, linePath } from "./scene.ts";

const MARGIN = 32;
/** As in styles/network.css, of the light theme. */
const LINE = ["#5d6877", "#1e5ecb", "#0f766e", "#a4570b", "#8a2a8c", "#4d7c0f", "#b3261e", "#4338ca"];
const FILL = ["#eef1f5", "#e8f0fe", "#e3f4f1", "#fdf1e2", "#f8eaf8", "#eef6df", "#fdecea", "#ecebfb"];
const FONT = 'system-ui, "Malgun Gothic", "Noto Sans CJK KR", sans-serif';

const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

export function pictureOf(doc: NetworkDoc, scene: Scene, internet: string, vlanWord: (vlan: number) => string): string {
  const boxes = scene.nodes.map((node) => ({ node, box: absolute(scene, node.id) ?? node }));
  const left = Math.min(0, ...boxes.map(({ box }) => box.x)) - MARGIN;
  const top = Math.min(0, ...boxes.map(({ box }) => box.y)) - MARGIN;
  const right = Math.max(0, ...boxes.map(({ box }) => box.x + box.width)) + MARGIN;
  const bottom = Math.max(0, ...boxes.map(({ box }) => box.y + box.height)) + MARGIN;
  const parts: string[] = [];
  const rect = (box: { x: number; y: number; width: number; height: number }, fill: string, stroke: string, dashed = false): void => {
    parts.push(`<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="7" fill="${fill}" stroke="${stroke}"${dashed ? ' stroke-dasharray="5 4"' : ""}/>`);
  };
  const text = (x: number, y: number, words: string, style = ""): void => {
    if (words !== "") parts.push(`<text x="${x}" y="${y}" ${style}>${escaped(words)}</text>`);
  };
  const draw = (isInside: boolean): void => {
    for (const line of scene.lines.filter((l) => l.isInside === isInside)) {
      const ends = lineEnds(scene, line);
      if (ends === null) continue;
      const stroke = line.vlan === null ? "#8592a3" : (LINE[hueOf(line.vlan)] ?? "#8592a3");
      parts.push(`<path d="${linePath(ends.from, ends.to, line.isInside)}" fill="none" stroke="${stroke}" stroke-width="${line.kind === "trunk" ? 4 : 2}"/>`);
      if (line.trunk !== undefined) {
        const label = line.trunk.allowed === "all" ? line.trunk.name : `${line.trunk.name}: ${vlansText(line.trunk.allowed)}`;
        text((ends.from.x + ends.to.x) / 2, (ends.from.y + ends.to.y) / 2 - 8, label, 'text-anchor="middle" fill="#566273"');
      }
    }
  };
  draw(false);
  for (const { node, box } of boxes) {
    switch (node.kind) {
      case "switch":
        rect(box, "#ffffff", "#8592a3");
        text(box.x + 14, box.y + 29, node.name, 'font-weight="600"');
        break;
      case "vlan": {
        const hue = hueOf(node.vlan);
        rect(box, FILL[hue] ?? "#fff", LINE[hue] ?? "#000");
        const name = vlanName(doc, node.vlan);
        text(box.x + 12, box.y + 23, `${vlanWord(node.vlan)}${name === "" ? "" : ` · ${name}`}`, `font-weight="600" fill="${LINE[hue]}"`);
        break;
      }
      case "vm":
        rect(box, "#ffffff", "#b6c0cc");
        text(box.x + 14, box.y + box.height / 2 + 5, node.machine.name, 'font-weight="600"');
        break;
      case "gateway":
        rect(box, "#ffffff", LINE[hueOf(node.gateway.vlan)] ?? "#000");
        text(box.x + 14, box.y + 24, node.gateway.name, 'font-weight="600"');
        text(box.x + 14, box.y + 42, `${gatewayAddress(node.gateway.network)}/${node.gateway.network.split("/")[1] ?? ""}`, 'fill="#566273"');
        break;
      case "bridge": {
        const { name, interface: to, vlans } = node.bridge;
        rect(box, "#ffffff", vlans.mode === "access" ? (LINE[hueOf(vlans.vlan)] ?? "#000") : "#8592a3");
        text(box.x + 14, box.y + 24, name, 'font-weight="600"');
        text(box.x + 14, box.y + 42, to, 'fill="#566273"');
        break;
      }
      case "internet":
        rect(box, "#ffffff", "#8592a3");
        text(box.x + box.width / 2, box.y + box.height / 2 + 5, internet, 'text-anchor="middle" font-weight="600"');
        break;
      case "shelf":
        if (node.members > 0) rect(box, "none", "#b6c0cc", true);
    }
  }
  draw(true);
  const [width, height] = [right - left, bottom - top];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}" font-family='${FONT}' font-size="13" fill="#1b2430"><rect x="${left}" y="${top}" width="${width}" height="${height}" fill="#f4f6f9"/>${parts.join("")}</svg>\n`;
}
