// Text that the guest gets as keystrokes: for guests that share no clipboard.
import { Button, Modal, Textarea } from "@mantine/core";
import { ClipboardPaste } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { typeText } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { dialogPlace } from "../../components/full-screen.ts";
import { addNotice } from "../../state/notices.ts";

const MOST = 4096;

export function TypeTextDialog({ machine, onClose }: { machine: VmRecord; onClose: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const [text, setText] = useState("");
  const [place] = useState(dialogPlace);
  const [typing, setTyping] = useState(false);
  const paste = async (): Promise<void> => {
    try {
      setText((await navigator.clipboard.readText()).slice(0, MOST));
    } catch (error) {
      addNotice(services.notices, { level: "warning", title: t("console.pasteFailed"), message: String(error) });
    }
  };
  const type = async (): Promise<void> => {
    setTyping(true);
    if (await typeText(services, machine, text)) onClose();
    else setTyping(false);
  };
  return (
    <Modal opened {...place} onClose={onClose} title={t("console.typeText")} closeButtonProps={{ "aria-label": t("common.close") }} data-testid="type-text">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text !== "" && !typing) void type();
        }}
      >
        <Textarea
          data-autofocus
          label={t("console.typeTextLabel")}
          description={t("console.typeTextHint")}
          value={text}
          maxLength={MOST}
          autosize
          minRows={4}
          maxRows={12}
          spellCheck={false}
          classNames={{ input: "rf-mono" }}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
          }}
        />
        <div className="rf-modal-buttons">
          <Button leftSection={<ClipboardPaste size={14} aria-hidden="true" />} onClick={() => void paste()}>
            {t("serial.paste")}
          </Button>
          <span className="rf-bar-gap" />
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="filled" type="submit" disabled={text === ""} loading={typing}>
            {t("console.type")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
