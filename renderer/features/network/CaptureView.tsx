// A live capture: packets as they pass, one of them in full. Only the rows in view are drawn. Follows the newest until the user
// scrolls or selects; arrow keys move in the list.
import { ActionIcon, Button, Select, TextInput } from "@mantine/core";
import { ArrowDownToLine, CircleDot, Save, Search, Square, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { PacketDetails, PacketRow } from "../../../core/api/network.ts";
import { useNetwork, useServices } from "../../app/services.ts";
import { formatBytes, formatNumber } from "../../i18n/format.ts";
import { hueOf } from "./network-doc.ts";
import { linkTitle } from "./link-text.ts";
import { saveCapture, startCapture, stopCapture } from "./network-actions.ts";
import { useNetworkUi } from "./network-ui.ts";
import { hexLines, matches, visibleRows } from "./packet-filter.ts";

const ROW_HEIGHT = 22;

export function CaptureView({ captureId }: { captureId: string }) {
  const { t, i18n } = useTranslation();
  const services = useServices();
  const { doc } = useNetworkUi();
  const capture = useNetwork((state) => state.captures[captureId]);
  const captures = useNetwork((state) => state.captures);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<number | null>(null);
  if (capture === undefined) return null;
  const { info, rows } = capture;
  const shown = rows.filter((row) => matches(row, query));
  return (
    <section className="rf-capture" aria-label={t("capture.title", { link: linkTitle(doc, info.link) })} data-testid="capture">
      <header>
        <CircleDot size={15} aria-hidden="true" className={info.isRunning ? "rf-net-live" : "rf-dim"} />
        {Object.keys(captures).length > 1 ? (
          <Select
            aria-label={t("capture.which")}
            data={Object.values(captures).map((c) => ({ value: c.info.id, label: linkTitle(doc, c.info.link) }))}
            value={captureId}
            onChange={(id) => id !== null && services.network.setState({ shownCapture: id })}
          />
        ) : (
          <strong>{linkTitle(doc, info.link)}</strong>
        )}
        <span className="rf-dim rf-net-small" data-testid="capture-count">
          {t("capture.amount", { count: info.packets, packets: formatNumber(info.packets, i18n.language), size: formatBytes(info.bytes, i18n.language) })}
        </span>
        <span className="rf-bar-gap" />
        <TextInput
          type="search"
          aria-label={t("capture.filter")}
          placeholder={t("capture.filter")}
          leftSection={<Search size={13} aria-hidden="true" />}
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          data-testid="capture-filter"
        />
        {info.isRunning ? (
          <Button leftSection={<Square size={12} aria-hidden="true" />} onClick={() => void stopCapture(services, captureId)} data-testid="capture-stop">
            {t("capture.stop")}
          </Button>
        ) : (
          <Button leftSection={<CircleDot size={12} aria-hidden="true" />} onClick={() => void startCapture(services, info.link)}>
            {t("capture.again")}
          </Button>
        )}
        <Button leftSection={<Save size={13} aria-hidden="true" />} onClick={() => void saveCapture(services, captureId)} disabled={info.packets === 0} data-testid="capture-save">
          {t("capture.save")}
        </Button>
        <ActionIcon
          aria-label={t("capture.close")}
          title={t("capture.close")}
          onClick={() => {
            if (info.isRunning) void stopCapture(services, captureId);
            services.network.setState({ shownCapture: null });
          }}
        >
          <X size={16} aria-hidden="true" />
        </ActionIcon>
      </header>
      {info.path !== null && (
        <p className="rf-capture-path rf-net-small" data-testid="capture-path">
          {t("capture.savedAt")} <span className="rf-mono">{info.path}</span>
        </p>
      )}
      <div className="rf-capture-panes">
        <PacketList rows={shown} chosen={chosen} onChoose={setChosen} isRunning={info.isRunning} isFiltered={query.trim() !== ""} />
        <PacketPane captureId={captureId} number={chosen} />
      </div>
    </section>
  );
}

interface ListProps {
  rows: readonly PacketRow[];
  chosen: number | null;
  onChoose: (number: number) => void;
  isRunning: boolean;
  isFiltered: boolean;
}

function PacketList({ rows, chosen, onChoose, isRunning, isFiltered }: ListProps) {
  const { t, i18n } = useTranslation();
  const list = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 300 });
  const [follows, setFollows] = useState(true);
  const count = rows.length;
  useEffect(() => {
    const box = list.current;
    if (box === null) return;
    if (follows) box.scrollTop = count * ROW_HEIGHT;
    setView({ top: box.scrollTop, height: box.clientHeight });
  }, [count, follows]);
  const at = rows.findIndex((row) => row.number === chosen);
  const go = (index: number): void => {
    const row = rows[Math.max(0, Math.min(count - 1, index))];
    const box = list.current;
    if (row === undefined || box === null) return;
    setFollows(false);
    onChoose(row.number);
    const top = Math.max(0, Math.min(count - 1, index)) * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
  };
  const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at < 0 ? count - 1 : at - 1, Home: 0, End: count - 1, PageDown: at + 10, PageUp: at - 10 };
  const { first, last } = visibleRows(count, view.top, view.height, ROW_HEIGHT);
  return (
    <div className="rf-capture-list">
      <div className="rf-packet rf-packet-head" aria-hidden="true">
        <span>{t("capture.number")}</span>
        <span>{t("capture.time")}</span>
        <span>{t("capture.source")}</span>
        <span>{t("capture.destination")}</span>
        <span>{t("capture.protocol")}</span>
        <span>{t("capture.length")}</span>
        <span>{t("capture.info")}</span>
      </div>
      <div
        className="rf-capture-rows"
        role="listbox"
        aria-label={t("capture.packets")}
        tabIndex={0}
        ref={list}
        {...(chosen === null ? {} : { "aria-activedescendant": `packet-${chosen}` })}
        onScroll={(event) => {
          const { scrollTop, clientHeight } = event.currentTarget;
          setView({ top: scrollTop, height: clientHeight });
          setFollows(scrollTop + clientHeight >= count * ROW_HEIGHT - ROW_HEIGHT);
        }}
        onKeyDown={(event) => {
          const to = moves[event.key];
          if (to === undefined) return;
          event.preventDefault();
          go(to);
        }}
        data-testid="packets"
      >
        {count === 0 && <p className="rf-list-none">{t(isFiltered ? "capture.noMatch" : isRunning ? "capture.waiting" : "capture.nothing")}</p>}
        <div role="presentation" style={{ height: first * ROW_HEIGHT }} />
        {rows.slice(first, last).map((row) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its options.
          <div
            key={row.number}
            id={`packet-${row.number}`}
            className="rf-packet"
            role="option"
            tabIndex={-1}
            aria-selected={row.number === chosen}
            data-protocol={row.protocol}
            onClick={() => {
              setFollows(false);
              onChoose(row.number);
            }}
          >
            <span>{row.number}</span>
            <span>{formatNumber(row.time, i18n.language, 6)}</span>
            <span>{row.source}</span>
            <span>{row.destination}</span>
            <span>{row.protocol}</span>
            <span>{row.length}</span>
            <span>
              {row.vlan !== null && (
                <span className="rf-net-tag" data-hue={hueOf(row.vlan)}>
                  {row.vlan}
                </span>
              )}{" "}
              {row.info}
            </span>
          </div>
        ))}
        <div role="presentation" style={{ height: (count - last) * ROW_HEIGHT }} />
      </div>
      {!follows && isRunning && (
        <Button className="rf-capture-follow" leftSection={<ArrowDownToLine size={13} aria-hidden="true" />} onClick={() => setFollows(true)}>
          {t("capture.follow")}
        </Button>
      )}
    </div>
  );
}

function PacketPane({ captureId, number }: { captureId: string; number: number | null }) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const [packet, setPacket] = useState<PacketDetails | null>(null);
  const [isGone, setGone] = useState(false);
  const [marked, setMarked] = useState<{ offset: number; length: number } | null>(null);
  useEffect(() => {
    if (number === null) return;
    let isWanted = true;
    setMarked(null);
    bridge.call("net.packet", { captureId, number }).then(
      (reply) => {
        if (!isWanted) return;
        setPacket(reply.packet);
        setGone(reply.packet === null);
      },
      () => isWanted && setGone(true),
    );
    return () => {
      isWanted = false;
    };
  }, [bridge, captureId, number]);
  if (number === null || isGone || packet === null) return <div className="rf-packet-pane rf-packet-none rf-dim">{t(isGone ? "capture.gone" : "capture.choose")}</div>;
  return (
    <div className="rf-packet-pane" data-testid="packet-details">
      <div className="rf-packet-tree">
        {packet.layers.map((layer, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: headers may repeat.
          <details key={`${packet.number}-${n}`} open>
            <summary>{layer.name}</summary>
            <ul>
              {layer.fields.map((field, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: fields may repeat.
                <li key={i}>
                  <button
                    type="button"
                    aria-pressed={marked?.offset === field.offset && marked.length === field.length}
                    onClick={() => setMarked({ offset: field.offset, length: field.length })}
                  >
                    <span className="rf-dim">{field.name}</span> <span className="rf-mono">{field.value}</span>
                  </button>
                </li>
              ))}
            </ul>
          </details>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable. */}
      <section className="rf-hex" aria-label={t("capture.bytes")} tabIndex={0}>
        {hexLines(packet.bytes).map((line, row) => (
          <div key={line.offset}>
            <span className="rf-dim">{line.offset}</span>
            <span className="rf-hex-bytes">
              {line.bytes.map((byte, column) => {
                const place = row * 16 + column;
                const isMarked = marked !== null && place >= marked.offset && place < marked.offset + marked.length;
                return (
                  <span key={place} data-marked={isMarked}>
                    {byte}
                  </span>
                );
              })}
            </span>
            <span>{line.text}</span>
          </div>
        ))}
      </section>
    </div>
  );
}
