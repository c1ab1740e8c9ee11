// A file that was dropped on a browser's window: the browser does not tell where it is, so the app needs a copy, or the user
// shows the way.
import { Button, Progress } from "@mantine/core";
import { Upload } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { BridgeError } from "../../bridge/bridge.ts";
import { useHost, useServices } from "../../app/services.ts";
import { formatBytes } from "../../i18n/format.ts";
import { BrowseDialog } from "./BrowseDialog.tsx";

type State = { kind: "asking" } | { kind: "sending"; sentBytes: number } | { kind: "failed"; error: BridgeError };

export function UploadPanel({ file, onDone, onClose }: { file: File; onDone: (path: string) => void; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const { bridge } = useServices();
  const folder = useHost((state) => state.info?.mediaPath ?? "");
  const [state, setState] = useState<State>({ kind: "asking" });
  const [browsing, setBrowsing] = useState(false);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const size = formatBytes(file.size, i18n.language);
  const send = async (): Promise<void> => {
    const controller = new AbortController();
    abort.current = controller;
    setState({ kind: "sending", sentBytes: 0 });
    try {
      const path = await bridge.upload(file, (sentBytes) => setState({ kind: "sending", sentBytes }), controller.signal);
      onDone(path);
    } catch (error) {
      if (controller.signal.aborted) setState({ kind: "asking" });
      else setState({ kind: "failed", error: error instanceof BridgeError ? error : new BridgeError("internal", String(error)) });
    }
  };
  return (
    <section className="rf-transfer" aria-label={t("upload.title", { name: file.name })} data-testid="upload">
      <strong>{t("upload.title", { name: file.name })}</strong>
      {state.kind === "sending" ? (
        <>
          <Progress value={file.size === 0 ? 100 : (state.sentBytes / file.size) * 100} aria-label={t("upload.title", { name: file.name })} />
          <div className="rf-transfer-line">
            <span role="status">{t("upload.progress", { sent: formatBytes(state.sentBytes, i18n.language), size })}</span>
            <Button size="compact-xs" onClick={() => abort.current?.abort()}>
              {t("common.cancel")}
            </Button>
          </div>
        </>
      ) : (
        <>
          <p className="rf-dim">{t("upload.text", { size, folder })}</p>
          {state.kind === "failed" && (
            <p className="rf-problem" role="alert">
              {t(`error.${state.error.code}`)} <span lang="en">{state.error.message}</span>
            </p>
          )}
          <div className="rf-transfer-line">
            <Button size="compact-xs" variant="filled" leftSection={<Upload size={13} aria-hidden="true" />} onClick={() => void send()} data-testid="upload-start">
              {t("upload.start", { size })}
            </Button>
            <Button size="compact-xs" onClick={() => setBrowsing(true)}>
              {t("upload.browse")}
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={onClose}>
              {t("common.cancel")}
            </Button>
          </div>
        </>
      )}
      {browsing && <BrowseDialog start="" onClose={() => setBrowsing(false)} onChoose={onDone} />}
    </section>
  );
}
