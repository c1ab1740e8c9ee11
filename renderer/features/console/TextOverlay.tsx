// The text of a text screen, laid over the picture where its characters are: invisible, but there to be selected with the mouse
// and read by a screen reader. Left out: selection of columns.
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ScreenText } from "../../../core/api/vm-state.ts";
import { usePreference } from "../../app/services.ts";
import { newText } from "../../console/spoken-text.ts";

/** A screen in motion is read when it has come to rest, or after this. */
const SPEAK_MS = 400;

export function TextOverlay({ screen, selectable }: { screen: ScreenText; selectable: boolean }) {
  const { t } = useTranslation();
  const advance = useMemo(characterAdvance, []);
  const rows = screen.lines.length;
  return (
    <section
      className="rf-screen-text"
      aria-label={t("console.text")}
      data-testid="screen-text"
      data-selectable={selectable}
      style={{ "--rows": rows, "--columns": screen.columns, "--advance": advance } as React.CSSProperties}
    >
      {screen.lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place on the screen.
        <div key={row}>{line === "" ? "\n" : line}</div>
      ))}
    </section>
  );
}

/** Width of a character of the monospace font, its size being 1. */
function characterAdvance(): number {
  const context = document.createElement("canvas").getContext("2d");
  if (context === null) return 0.6;
  context.font = `100px ${getComputedStyle(document.documentElement).getPropertyValue("--rf-mono")}`;
  return context.measureText("0".repeat(20)).width / 2000;
}

/** Says what is new on a text screen, for those who have asked for it. */
export function ScreenSpeaker({ screen }: { screen: ScreenText | null }) {
  const { t } = useTranslation();
  const wanted = usePreference("screenReader");
  const [spoken, setSpoken] = useState<{ id: number; text: string }[]>([]);
  const said = useRef<readonly string[] | null>(null);
  const count = useRef(0);
  useEffect(() => {
    if (!wanted || screen === null) {
      said.current = screen?.lines ?? null;
      return;
    }
    const timer = setTimeout(() => {
      const lines = newText(said.current ?? [], screen.lines);
      said.current = screen.lines;
      if (lines.length > 0) setSpoken((old) => [...old, ...lines.map((text) => ({ id: count.current++, text }))].slice(-40));
    }, SPEAK_MS);
    return () => clearTimeout(timer);
  }, [wanted, screen]);
  return (
    <div className="rf-visually-hidden" role="log" aria-live="polite" aria-label={t("console.spoken")} data-testid="screen-log">
      {spoken.map((line) => (
        <div key={line.id}>{line.text}</div>
      ))}
    </div>
  );
}
