// A keyboard on the screen, for keys that the host's own keyboard or system does not give. Modifiers stay down until the next key.
import { CloseButton, UnstyledButton } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { InputEvent } from "../../../core/api/vm-state.ts";
import { isModifier, SOFT_KEYS } from "../../console/soft-keys.ts";

const key = (code: string, down: boolean): InputEvent => ({ kind: "key", code, down });

export function SoftKeyboard({ send, onClose }: { send: (events: InputEvent[]) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [held, setHeld] = useState<readonly string[]>([]);
  const press = (code: string): void => {
    if (held.includes(code)) {
      setHeld(held.filter((h) => h !== code));
      send([key(code, false)]);
    } else if (isModifier(code)) {
      setHeld([...held, code]);
      send([key(code, true)]);
    } else {
      setHeld([]);
      send([key(code, true), key(code, false), ...held.toReversed().map((h) => key(h, false))]);
    }
  };
  const last = useRef({ held, send });
  last.current = { held, send };
  // Closed with a modifier down: the guest must not keep it.
  useEffect(() => () => {
    if (last.current.held.length > 0) last.current.send(last.current.held.map((code) => key(code, false)));
  }, []);
  const isShifted = held.some((code) => code.startsWith("Shift"));
  return (
    <section className="rf-soft" aria-label={t("console.softKeyboard")} data-testid="soft-keyboard">
      <CloseButton size="sm" className="rf-soft-close" aria-label={t("common.close")} onClick={onClose} />
      {SOFT_KEYS.map((row) => (
        <div key={row[0]?.code} className="rf-soft-row">
          {row.map(({ label, shifted, code, width = 1 }) => (
            <UnstyledButton
              key={code}
              className="rf-soft-key"
              style={{ flexGrow: width, flexBasis: `${width * 2}rem` }}
              aria-label={label === " " ? code : label}
              {...(isModifier(code) ? { "aria-pressed": held.includes(code) } : {})}
              data-code={code}
              // The screen keeps the focus, and with it the keys of the real keyboard.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => press(code)}
            >
              {isShifted && shifted !== undefined ? shifted : label}
            </UnstyledButton>
          ))}
        </div>
      ))}
    </section>
  );
}
