// Systems that can be had from the network: a list with search, where each comes from, and its download. What has been fetched
// goes on as an image file.
import { Badge, Button, Progress, TextInput } from "@mantine/core";
import { CircleAlert, CircleCheck, CloudDownload, Pause, Play, Search, ShieldAlert, ShieldCheck, X } from "lucide-react";
import type { KeyboardEvent } from "react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CallName, CallRequest } from "../../../core/api/contract.ts";
import type { KnownSystem } from "../../../core/api/known-systems.ts";
import type { Download } from "../../../core/api/vm-state.ts";
import { useServices } from "../../app/services.ts";
import { CopyIcon } from "../../components/CopyIcon.tsx";
import { formatBytes, formatNumber } from "../../i18n/format.ts";
import { followDownloads } from "../../state/downloads.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";
import type { Change } from "./wizard-state.ts";

export function DownloadFields({ change, systems }: { change: (change: Change) => void; systems: readonly KnownSystem[] }) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const [downloads, setDownloads] = useState<readonly Download[]>([]);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => followDownloads(bridge, setDownloads), [bridge]);
  const wanted = query.trim().toLowerCase();
  const offered = systems.filter((s) => s.download !== undefined || s.homePage !== undefined);
  const matching = offered.filter((s) => `${s.name} ${s.family}`.toLowerCase().includes(wanted));
  const system = matching.find((s) => s.id === chosen) ?? matching[0];
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = system === undefined ? -1 : matching.indexOf(system);
    const moves: Record<string, KnownSystem | undefined> = {
      ArrowDown: matching[at + 1],
      ArrowUp: matching[at - 1],
      Home: matching[0],
      End: matching.at(-1),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = moves[event.key];
    if (next === undefined) return;
    setChosen(next.id);
    list.current?.querySelector(`#system-${next.id}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <div className="rf-fields">
      <TextInput
        type="search"
        aria-label={t("download.search")}
        placeholder={t("download.search")}
        leftSection={<Search size={14} aria-hidden="true" />}
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") onKeyDown(event);
        }}
        data-testid="system-search"
      />
      <div className="rf-systems">
        <div
          className="rf-browse rf-system-list"
          role="listbox"
          tabIndex={0}
          ref={list}
          aria-label={t("download.systems")}
          aria-activedescendant={system === undefined ? undefined : `system-${system.id}`}
          onKeyDown={onKeyDown}
        >
          {matching.map((s) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the list has the focus and the keys, and names its active option.
            <div
              key={s.id}
              id={`system-${s.id}`}
              role="option"
              className="rf-browse-entry rf-system"
              aria-selected={s === system}
              onClick={() => setChosen(s.id)}
            >
              <span>{s.name}</span>
              {s.download?.sizeBytes !== undefined && <Size bytes={s.download.sizeBytes} />}
            </div>
          ))}
        </div>
        {system === undefined ? (
          <p className="rf-dim">{t("download.none")}</p>
        ) : (
          <SystemPanel key={system.id} system={system} download={downloads.find((d) => d.url === system.download?.url)} change={change} />
        )}
      </div>
    </div>
  );
}

function Size({ bytes }: { bytes: number }) {
  const { i18n } = useTranslation();
  return <span className="rf-dim">{formatBytes(bytes, i18n.language)}</span>;
}

function SystemPanel({ system, download, change }: { system: KnownSystem; download: Download | undefined; change: (change: Change) => void }) {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const source = system.download;
  const call = <N extends CallName>(method: N, params: CallRequest<N>): void => {
    bridge.call(method, params).catch((error: unknown) => addNotice(notices, errorNotice(t("download.failed", { name: system.name }), error)));
  };
  return (
    <section className="rf-system-panel" aria-label={system.name} data-testid="system-panel">
      <div className="rf-system-title">
        <strong>{system.name}</strong>
        <Badge size="xs" variant="default">
          {t("download.bits", { bits: system.bits })}
        </Badge>
      </div>
      {system.note !== undefined && (
        <p className="rf-dim" lang="en">
          {system.note}
        </p>
      )}
      {source === undefined ? (
        <>
          <p>{t("download.noAddress")}</p>
          {system.homePage !== undefined && (
            <p className="rf-mono">
              {system.homePage} <CopyIcon text={system.homePage} label={t("common.copy")} />
            </p>
          )}
        </>
      ) : (
        <>
          <p className="rf-mono rf-dim">{source.url}</p>
          <p className={source.sha256 === undefined ? "rf-warning" : "rf-good"}>
            {source.sha256 === undefined ? <ShieldAlert size={13} aria-hidden="true" /> : <ShieldCheck size={13} aria-hidden="true" />}{" "}
            {t(source.sha256 === undefined ? "download.unverified" : "download.verified")}
          </p>
          {download === undefined ? (
            <Button
              variant="filled"
              leftSection={<CloudDownload size={14} aria-hidden="true" />}
              onClick={() => call("download.start", source)}
              data-testid="download-start"
            >
              {t("download.start")}
            </Button>
          ) : (
            <DownloadProgress
              download={download}
              onPause={() => call("download.pause", { id: download.id })}
              onResume={() => call("download.start", source)}
              onCancel={() => call("download.cancel", { id: download.id })}
              onUse={() => change({ type: "medium", path: download.path, system: system.id })}
            />
          )}
        </>
      )}
    </section>
  );
}

interface ProgressProps {
  download: Download;
  onPause: () => void;
  onResume: () => void;
  onCancel: () => void;
  onUse: () => void;
}

function DownloadProgress({ download, onPause, onResume, onCancel, onUse }: ProgressProps) {
  const { t, i18n } = useTranslation();
  const { state, receivedBytes, totalBytes, bytesPerSecond, failure, isVerified } = download;
  const { language } = i18n;
  const percent = totalBytes === null || totalBytes === 0 ? null : Math.min(100, (receivedBytes / totalBytes) * 100);
  const wasRunning = useRef(state === "running");
  const use = useRef(onUse);
  use.current = onUse;
  useEffect(() => {
    // One that ends while it is looked at is what the user waits for.
    if (state === "done" && wasRunning.current) use.current();
    wasRunning.current = state === "running";
  }, [state]);
  const words = {
    running: t("download.running", { speed: formatBytes(bytesPerSecond, language) }),
    paused: t("download.paused"),
    done: t(isVerified ? "download.doneVerified" : "download.done"),
    failed: t("download.broken"),
    cancelled: "",
  };
  return (
    <div className="rf-transfer" data-testid="download" data-state={state}>
      <Progress
        value={percent ?? 100}
        animated={state === "running" && percent === null}
        aria-label={t("download.progress")}
        {...(state === "failed" ? { color: "red" } : {})}
      />
      <p role="status">
        {state === "failed" && <CircleAlert size={13} aria-hidden="true" />}
        {state === "done" && <CircleCheck size={13} aria-hidden="true" />} {words[state]}{" "}
        <span className="rf-dim">
          {totalBytes === null
            ? formatBytes(receivedBytes, language)
            : t("download.amount", {
                received: formatBytes(receivedBytes, language),
                total: formatBytes(totalBytes, language),
                percent: formatNumber(percent ?? 0, language),
              })}
        </span>
      </p>
      {failure !== null && (
        <p className="rf-problem" role="alert">
          {t(`error.${failure.code}`)} <span lang="en">{failure.message}</span>
        </p>
      )}
      <div className="rf-transfer-line">
        {state === "running" && (
          <Button size="compact-xs" leftSection={<Pause size={13} aria-hidden="true" />} onClick={onPause} data-testid="download-pause">
            {t("download.pause")}
          </Button>
        )}
        {(state === "paused" || state === "failed") && (
          <Button
            size="compact-xs"
            variant="filled"
            leftSection={<Play size={13} aria-hidden="true" />}
            onClick={onResume}
            data-testid="download-resume"
          >
            {t("download.resume")}
          </Button>
        )}
        {state === "done" ? (
          <Button size="compact-xs" variant="filled" onClick={onUse} data-testid="download-use">
            {t("download.use")}
          </Button>
        ) : (
          <Button size="compact-xs" leftSection={<X size={13} aria-hidden="true" />} onClick={onCancel} data-testid="download-cancel">
            {t("common.cancel")}
          </Button>
        )}
      </div>
    </div>
  );
}
