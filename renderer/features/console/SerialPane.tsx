// The serial terminal with its search bar and clipboard buttons.
import "@xterm/xterm/css/xterm.css";
import { ActionIcon, Kbd, TextInput, Tooltip } from "@mantine/core";
import { ChevronDown, ChevronUp, ClipboardPaste, Copy, Eraser, Search, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { usePreference, useServices } from "../../app/services.ts";
import type { ConsoleChannel } from "../../console/console-channel.ts";
import { hostKeyName } from "../../console/host-key.ts";
import { SerialSender } from "../../console/serial-text.ts";
import { SerialTerminal } from "../../console/serial-terminal.ts";
import { machineName } from "../../state/machines.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";

export default function SerialPane({
  machine,
  channel,
  hidden,
  onLeave,
}: {
  machine: VmRecord;
  channel: ConsoleChannel;
  hidden: boolean;
  onLeave: () => void;
}) {
  const { t } = useTranslation();
  const { bridge, notices, isMac } = useServices();
  const hostKey = usePreference("hostKey");
  const screenReader = usePreference("screenReader");
  const host = useRef<HTMLDivElement>(null);
  const terminal = useRef<SerialTerminal | null>(null);
  const [size, setSize] = useState({ columns: 80, rows: 24 });
  const [searching, setSearching] = useState(false);
  const { id } = machine;
  const name = machineName(machine);
  const key = hostKeyName(hostKey, isMac);
  const live = useRef({ running: false, copy: () => {} });

  const copy = async (): Promise<void> => {
    const text = terminal.current?.selection ?? "";
    if (text === "") return;
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) {
      addNotice(notices, { level: "warning", title: t("console.copyFailed"), message: String(error) });
    }
  };
  const paste = async (): Promise<void> => {
    try {
      terminal.current?.paste(await navigator.clipboard.readText());
    } catch (error) {
      addNotice(notices, { level: "warning", title: t("console.pasteFailed"), message: String(error) });
    }
  };
  live.current = { running: machine.status === "running", copy: () => void copy() };

  // biome-ignore lint/correctness/useExhaustiveDependencies: labels are read once; the output is kept by the channel, so a new terminal shows all of it.
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const sender = new SerialSender(
      (data) => bridge.call("vm.serialInput", { id, data }),
      (error) => addNotice(notices, errorNotice(t("console.inputFailed", { name }), error)),
    );
    const made = new SerialTerminal(element, {
      hostKey,
      screenReader,
      inputLabel: t("serial.input", { key }),
      tooMuchLabel: t("serial.tooMuch"),
      onInput: (latin1) => {
        if (live.current.running) sender.push(latin1);
      },
      onSize: (columns, rows) => setSize({ columns, rows }),
      onLeave,
      onSearch: () => setSearching(true),
      onCopy: () => live.current.copy(),
    });
    terminal.current = made;
    const stop = channel.onSerial(({ reset, data }) => (reset ? made.reset(data) : made.write(data)));
    const observer = new ResizeObserver(() => made.fit());
    observer.observe(element);
    return () => {
      observer.disconnect();
      stop();
      made.dispose();
      terminal.current = null;
    };
  }, [bridge, channel, id, hostKey, screenReader, notices]);

  const copyKey = isMac ? "⌘C" : "Ctrl+Shift+C";
  const pasteKey = isMac ? "⌘V" : "Ctrl+Shift+V";
  return (
    <section className="rf-serial" hidden={hidden} aria-label={t("serial.label", { name })}>
      {searching && <SearchBar terminal={terminal} onClose={() => setSearching(false)} />}
      <div className="rf-serial-terminal" ref={host} data-testid="serial" />
      <div className="rf-screen-foot">
        <span>
          <Kbd size="xs">{key}</Kbd> {t("console.leave")} · {t("serial.hint", { copyKey, pasteKey })}
        </span>
        <span className="rf-serial-tools">
          <Tool label={t("serial.copy")} onClick={() => void copy()}>
            <Copy size={14} aria-hidden="true" />
          </Tool>
          <Tool label={t("serial.paste")} onClick={() => void paste()}>
            <ClipboardPaste size={14} aria-hidden="true" />
          </Tool>
          <Tool label={t("serial.search")} onClick={() => setSearching(!searching)}>
            <Search size={14} aria-hidden="true" />
          </Tool>
          <Tool label={t("serial.clear")} onClick={() => terminal.current?.clear()}>
            <Eraser size={14} aria-hidden="true" />
          </Tool>
          <span className="rf-mono">{t("serial.size", size)}</span>
        </span>
      </div>
    </section>
  );
}

function Tool({ label, onClick, children }: { label: string; onClick: () => void; children: React.ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon size="sm" aria-label={label} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

function SearchBar({ terminal, onClose }: { terminal: { readonly current: SerialTerminal | null }; onClose: () => void }) {
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  const [found, setFound] = useState(true);
  const find = (direction: "next" | "previous", text = query, incremental = false): void =>
    setFound(terminal.current?.find(text, direction, incremental) ?? false);
  const close = (): void => {
    terminal.current?.endSearch();
    onClose();
  };
  return (
    <search className="rf-search">
      <TextInput
        autoFocus
        aria-label={t("serial.searchField")}
        placeholder={t("serial.searchField")}
        value={query}
        error={!found}
        onChange={(event) => {
          setQuery(event.currentTarget.value);
          find("next", event.currentTarget.value, true);
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter") find(event.shiftKey ? "previous" : "next");
          if (event.key === "Escape") close();
        }}
      />
      <span className="rf-dim" role="status">
        {found ? "" : t("serial.noMatch")}
      </span>
      <Tool label={t("serial.previous")} onClick={() => find("previous")}>
        <ChevronUp size={15} aria-hidden="true" />
      </Tool>
      <Tool label={t("serial.next")} onClick={() => find("next")}>
        <ChevronDown size={15} aria-hidden="true" />
      </Tool>
      <Tool label={t("serial.closeSearch")} onClick={close}>
        <X size={15} aria-hidden="true" />
      </Tool>
    </search>
  );
}
