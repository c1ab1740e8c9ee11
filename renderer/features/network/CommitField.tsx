// Fields that take effect when they are left or Enter is pressed, and go back with Escape: an edit for each key would fill the
// undo history and the network.
import { NumberInput, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";

interface TextProps {
  label: string;
  value: string;
  onCommit: (value: string) => void;
  placeholder?: string;
  description?: string;
  isMono?: boolean;
  isBare?: boolean;
  maxLength?: number;
  testId?: string;
}

export function TextField({ label, value, onCommit, placeholder = "", description, isMono = false, isBare = false, maxLength, testId }: TextProps) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  const commit = (): void => {
    const wanted = draft.trim();
    if (wanted !== value) onCommit(wanted);
    // What was refused stands as it was.
    setDraft(value);
  };
  return (
    <TextInput
      {...(isBare ? { "aria-label": label } : { label })}
      {...(description === undefined ? {} : { description })}
      {...(maxLength === undefined ? {} : { maxLength })}
      {...(testId === undefined ? {} : { "data-testid": testId })}
      {...(isMono ? { classNames: { input: "rf-mono" } } : {})}
      value={draft}
      placeholder={placeholder}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return;
        if (event.key === "Enter") {
          event.preventDefault();
          commit();
        }
        if (event.key === "Escape") setDraft(value);
      }}
    />
  );
}

interface NumberProps {
  label: string;
  value: number | undefined;
  onCommit: (value: number | undefined) => void;
  min?: number;
  max: number;
  suffix?: string;
  decimals?: number;
  isBare?: boolean;
  testId?: string;
}

/** Empty is undefined. */
export function NumberField({ label, value, onCommit, min = 0, max, suffix = "", decimals = 0, isBare = false, testId }: NumberProps) {
  const [draft, setDraft] = useState<number | string>(value ?? "");
  useEffect(() => setDraft(value ?? ""), [value]);
  const commit = (): void => {
    const wanted = typeof draft === "number" && Number.isFinite(draft) ? Math.max(min, Math.min(max, draft)) : undefined;
    if (wanted !== value) onCommit(wanted);
    setDraft(value ?? "");
  };
  return (
    <NumberInput
      {...(isBare ? { "aria-label": label } : { label })}
      {...(testId === undefined ? {} : { "data-testid": testId })}
      value={draft}
      min={min}
      max={max}
      suffix={suffix}
      decimalScale={decimals}
      allowNegative={false}
      hideControls
      placeholder="–"
      onChange={setDraft}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          commit();
        }
      }}
    />
  );
}
