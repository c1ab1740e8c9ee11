// A link on the drawing: a line in the colour of its VLAN, dashes that move with the traffic (figures instead, where motion is
// not wanted), and a label with what is worth knowing: rate, faults, blocked, cut.
import type { EdgeProps } from "@xyflow/react";
import { EdgeLabelRenderer } from "@xyflow/react";
import { CircleDot, ShieldBan, Unplug, Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMedia, useNetwork } from "../../app/services.ts";
import { formatNumber } from "../../i18n/format.ts";
import { vlansText } from "./edits.ts";
import { formatRate, hasFaults, paceOf } from "./link-text.ts";
import { hueOf, nicOf } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";
import type { SceneLine } from "./scene.ts";
import { linePath } from "./scene.ts";

export function LinkEdge({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, data, selected }: EdgeProps & { data: { line: SceneLine } }) {
  const { t, i18n } = useTranslation();
  const { doc, select, openMenu } = useNetworkUi();
  const isStill = useMedia("(prefers-reduced-motion: reduce)");
  const { line } = data;
  const rate = useNetwork((state) => state.rates[line.id]);
  const stats = useNetwork((state) => state.links[line.id]);
  const isCaptured = useNetwork((state) => Object.values(state.captures).some(({ info }) => info.isRunning && info.link === line.id));
  const [vm = "", card = ""] = line.id.split("/");
  const own = line.kind === "trunk" ? line.trunk : line.kind === "nic" ? nicOf(doc, vm, card) : undefined;
  const isCut = own !== undefined && (!own.cable || own.faults?.cut === true);
  const isBlocked = stats?.blocked === true;
  const isFaulty = hasFaults(own?.faults);
  const pace = isCut || isBlocked ? 0 : paceOf(rate);
  const isInwards = (rate?.received ?? 0) >= (rate?.sent ?? 0);
  const path = linePath({ x: sourceX, y: sourceY, side: sourcePosition }, { x: targetX, y: targetY, side: targetPosition }, line.isInside);
  const trunk = line.kind === "trunk" ? line.trunk : undefined;
  const bits = (rate?.received ?? 0) + (rate?.sent ?? 0);
  const frames = (stats?.receivedFrames ?? 0) + (stats?.sentFrames ?? 0);
  const words: string[] = [];
  if (trunk !== undefined) words.push(trunk.allowed === "all" ? t("net.allVlans") : vlansText(trunk.allowed));
  if (isBlocked) words.push(t("net.blocked"));
  else if (isCut) words.push(t(own.cable ? "net.cut" : "net.unplugged"));
  else if (bits > 0) words.push(formatRate(bits, i18n.language));
  if (isStill && frames > 0 && !line.isInside) words.push(t("net.frames", { frames: formatNumber(frames, i18n.language) }));
  const hasLabel = !line.isInside && line.kind !== "nat" && (words.length > 0 || isFaulty || isCaptured);
  return (
    <>
      <path d={path} className="rf-net-hit" />
      <path
        d={path}
        className="rf-net-line"
        data-kind={line.kind}
        data-hue={line.vlan === null ? undefined : hueOf(line.vlan)}
        data-broken={isCut}
        data-blocked={isBlocked}
        data-up={line.kind === "nat" || stats?.up === true}
        data-selected={selected}
      />
      {pace > 0 && !isStill && (
        <path d={path} className="rf-net-flow" data-hue={line.vlan === null ? undefined : hueOf(line.vlan)} data-pace={pace} data-inwards={isInwards} />
      )}
      {hasLabel && (
        <EdgeLabelRenderer>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: what the line itself can do by keyboard. */}
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: what the line itself can do by keyboard. */}
          <div
            className="rf-net-label nodrag nopan"
            data-selected={selected}
            style={{ transform: `translate(-50%, -50%) translate(${(sourceX + targetX) / 2}px, ${(sourceY + targetY) / 2}px)` }}
            onClick={() => select(`link:${line.id}`)}
            onContextMenu={(event) => {
              event.preventDefault();
              openMenu(`link:${line.id}`, event.clientX, event.clientY);
            }}
          >
            {isCaptured && <CircleDot size={12} aria-hidden="true" className="rf-net-live" />}
            {isBlocked && <ShieldBan size={12} aria-hidden="true" />}
            {isCut && <Unplug size={12} aria-hidden="true" />}
            {isFaulty && !isCut && <Zap size={12} aria-label={t("net.faulty")} className="rf-net-fault" />}
            {words.length > 0 && (
              <span>
                {(line.kind === "trunk" ? words : [words.join(" · ")]).map((word) => (
                  <span key={word}>{word}</span>
                ))}
              </span>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
}
