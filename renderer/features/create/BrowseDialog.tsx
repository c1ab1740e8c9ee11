// Picks a file on the host that runs the app, which in a browser is not what the browser's own dialog would show.
import { ActionIcon, Button, Modal, TextInput, Tooltip } from "@mantine/core";
import { CornerLeftUp, File, Folder } from "lucide-react";
import type { KeyboardEvent } from "react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CallReply } from "../../../core/api/contract.ts";
import { useServices } from "../../app/services.ts";
import { dialogPlace } from "../../components/full-screen.ts";
import { formatBytes } from "../../i18n/format.ts";

type Listing = CallReply<"file.list">;

const join = (folder: string, name: string): string => {
  const separator = folder.includes("\\") && !folder.includes("/") ? "\\" : "/";
  return folder.endsWith(separator) ? folder + name : folder + separator + name;
};

/** The folder that a typed path is in. */
const folderOf = (path: string): string => path.replace(/[^/\\]*$/, "") || "~";

export function BrowseDialog({ start, onClose, onChoose }: { start: string; onClose: () => void; onChoose: (path: string) => void }) {
  const { t, i18n } = useTranslation();
  const { bridge, view } = useServices();
  const [listing, setListing] = useState<Listing | null>(null);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const [failure, setFailure] = useState<string | null>(null);
  const [place] = useState(dialogPlace);
  const list = useRef<HTMLDivElement>(null);
  const round = useRef(0);

  const open = async (path: string, fallback: string | null = null): Promise<void> => {
    const mine = ++round.current;
    try {
      const result = await bridge.call("file.list", { path });
      if (mine !== round.current) return;
      setListing(result);
      setTyped(result.path);
      setAt(0);
      setFailure(null);
      list.current?.focus();
    } catch (error) {
      if (mine !== round.current) return;
      if (fallback !== null) await open(fallback);
      else setFailure(error instanceof Error ? error.message : String(error));
    }
  };
  useEffect(() => {
    view.setState({ browsing: true });
    return () => view.setState({ browsing: false });
  }, [view]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the dialog opens.
  useEffect(() => {
    void open(folderOf(start.trim()), "~");
  }, []);

  const entries = listing?.entries ?? [];
  const pick = (index: number): void => {
    const entry = entries[index];
    if (listing === null || entry === undefined) return;
    const path = join(listing.path, entry.name);
    if (entry.isFolder) void open(path);
    else onChoose(path);
  };
  const up = (): void => {
    if (listing !== null && listing.parent !== null) void open(listing.parent);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const last = entries.length - 1;
    const moves: Record<string, number> = {
      ArrowDown: Math.min(last, at + 1),
      ArrowUp: Math.max(0, at - 1),
      Home: 0,
      End: last,
      PageDown: Math.min(last, at + 10),
      PageUp: Math.max(0, at - 10),
    };
    const move = moves[event.key];
    if (move !== undefined) setAt(move);
    else if (event.key === "Enter") pick(at);
    else if (event.key === "Backspace") up();
    else return;
    event.preventDefault();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs because another entry is chosen, which it reads from the page.
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const chosen = entries[at];
  return (
    <Modal
      opened
      {...place}
      zIndex={300}
      onClose={onClose}
      title={t("browse.title")}
      size="lg"
      closeButtonProps={{ "aria-label": t("common.close") }}
      data-testid="browse"
    >
      <form
        className="rf-browse-path"
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation();
          void open(typed);
        }}
      >
        <Tooltip label={t("browse.up")}>
          <ActionIcon variant="default" aria-label={t("browse.up")} disabled={listing === null || listing.parent === null} onClick={up}>
            <CornerLeftUp size={15} aria-hidden="true" />
          </ActionIcon>
        </Tooltip>
        <TextInput
          aria-label={t("browse.path")}
          value={typed}
          spellCheck={false}
          classNames={{ input: "rf-mono" }}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit">{t("browse.go")}</Button>
      </form>
      {failure !== null && (
        <p className="rf-problem" role="alert">
          {t("browse.failed")}: <span lang="en">{failure}</span>
        </p>
      )}
      <div
        className="rf-browse"
        role="listbox"
        tabIndex={0}
        ref={list}
        data-autofocus
        aria-label={t("browse.entries", { path: listing?.path ?? "" })}
        aria-activedescendant={chosen === undefined ? undefined : `entry-${at}`}
        onKeyDown={onKeyDown}
      >
        {entries.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the list has the focus and the keys, and names its active option.
          <div
            key={entry.name}
            id={`entry-${index}`}
            role="option"
            aria-selected={index === at}
            aria-label={
              entry.isFolder
                ? t("browse.folder", { name: entry.name })
                : t("browse.file", { name: entry.name, size: formatBytes(entry.sizeBytes, i18n.language) })
            }
            className="rf-browse-entry"
            data-folder={entry.isFolder}
            onClick={() => setAt(index)}
            onDoubleClick={() => pick(index)}
          >
            {entry.isFolder ? <Folder size={15} aria-hidden="true" /> : <File size={15} aria-hidden="true" />}
            <span>{entry.name}</span>
            {!entry.isFolder && <span className="rf-dim">{formatBytes(entry.sizeBytes, i18n.language)}</span>}
          </div>
        ))}
      </div>
      {listing !== null && entries.length === 0 && <p className="rf-dim">{t("browse.empty")}</p>}
      <div className="rf-modal-buttons">
        <Button onClick={onClose}>{t("common.cancel")}</Button>
        <Button variant="filled" disabled={chosen === undefined} onClick={() => pick(at)} data-testid="browse-choose">
          {t("browse.choose")}
        </Button>
      </div>
    </Modal>
  );
}
