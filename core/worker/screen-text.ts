// A text screen as Unicode lines: code page 437 as the video BIOS's font draws it, control codes included.
import type { Machine } from "../machine/machine.ts";

type TextScreen = NonNullable<ReturnType<Machine["display"]["text"]>>;

const CP437 =
  " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂" +
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

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
