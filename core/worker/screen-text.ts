// A text screen as lines of Unicode.
import { CP437 } from "../display/cp437.ts";
import type { TextScreen } from "../display/display.ts";

/** Lines without trailing blanks, joined by line feeds. */
export function screenText(screen: TextScreen): string {
  const lines: string[] = [];
  for (let row = 0; row < screen.rows; row++) {
    let line = "";
    for (let column = 0; column < screen.columns; column++) {
      line += CP437[screen.cells[(row * screen.columns + column) * 2] ?? 0] ?? " ";
    }
    lines.push(line.trimEnd());
  }
  return lines.join("\n");
}
