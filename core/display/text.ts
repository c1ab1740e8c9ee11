// A text screen as lines of Unicode, for search, copying, tests and screen readers.
import { CP437 } from "./cp437.ts";
import type { TextScreen } from "./display.ts";

/** One string a row, without trailing blanks. */
export function textLines(screen: TextScreen): string[] {
  return Array.from({ length: screen.rows }, (_, row) => {
    let line = "";
    for (let column = 0; column < screen.columns; column++) line += CP437[screen.cells[(row * screen.columns + column) * 2] ?? 0] ?? " ";
    return line.replace(/[ \u00a0]+$/, "");
  });
}
