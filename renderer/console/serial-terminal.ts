// The first serial port in a terminal. Tab and every other key go to the guest while it has the focus; the host key alone
// gives the focus back. Left out: telling the guest the terminal's size, for which a serial line has no way.
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { Terminal } from "@xterm/xterm";
import type { HostKey } from "./host-key.ts";
import { latin1ToBytes, typedToLatin1 } from "./serial-text.ts";

export interface SerialTerminalOptions {
  hostKey: HostKey;
  screenReader: boolean;
  inputLabel: string;
  tooMuchLabel: string;
  /** Bytes for the guest, as latin-1. */
  onInput: (latin1: string) => void;
  onSize: (columns: number, rows: number) => void;
  onLeave: () => void;
  onSearch: () => void;
  onCopy: () => void;
}

const DECORATIONS = {
  matchBackground: "#5c4a12",
  matchOverviewRuler: "#f2a33c",
  activeMatchBackground: "#b87414",
  activeMatchColorOverviewRuler: "#f2a33c",
};
const SCROLLBACK = 10_000;

export class SerialTerminal {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #options: SerialTerminalOptions;
  #hostKey: HostKey;
  #hostAlone = false;
  readonly #visibility: IntersectionObserver;
  #isVisible = true;

  constructor(host: HTMLElement, options: SerialTerminalOptions) {
    this.#options = options;
    this.#hostKey = options.hostKey;
    Terminal.strings.promptLabel = options.inputLabel;
    Terminal.strings.tooMuchOutput = options.tooMuchLabel;
    const terminal = new Terminal({
      // Search marks and character widths are behind this in xterm.
      allowProposedApi: true,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", Consolas, Menlo, "Noto Sans Mono CJK KR", monospace',
      fontSize: 13,
      scrollback: SCROLLBACK,
      screenReaderMode: options.screenReader,
      minimumContrastRatio: 4.5,
      theme: { background: "#0d1117", foreground: "#d8dee6", cursor: "#8ab4ff", selectionBackground: "#2b4a7a" },
    });
    this.#terminal = terminal;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.#search);
    terminal.loadAddon(new Unicode11Addon());
    terminal.unicode.activeVersion = "11";
    terminal.onData((data) => options.onInput(typedToLatin1(data)));
    terminal.onBinary((data) => options.onInput(data));
    terminal.onResize(({ cols, rows }) => options.onSize(cols, rows));
    terminal.attachCustomKeyEventHandler((event) => this.#key(event));
    terminal.open(host);
    this.fit();
    options.onSize(terminal.cols, terminal.rows);
    // xterm defers its part of a resize while it believes itself hidden, and then scrolls by the old height. This observer is
    // made after xterm's own, so it is told after it.
    this.#visibility = new IntersectionObserver((entries) => {
      this.#isVisible = entries.at(-1)?.isIntersecting ?? false;
      this.fit();
    });
    this.#visibility.observe(host);
  }

  reset(latin1: string): void {
    this.#terminal.reset();
    this.write(latin1);
  }

  write(latin1: string): void {
    if (latin1 !== "") this.#terminal.write(latin1ToBytes(latin1));
  }

  fit(): void {
    // Hidden elements have no size to fit.
    if (this.#isVisible && (this.#terminal.element?.clientWidth ?? 0) > 0) this.#fit.fit();
  }

  focus(): void {
    this.#terminal.focus();
  }

  get selection(): string {
    return this.#terminal.getSelection();
  }

  paste(text: string): void {
    this.#terminal.paste(text);
    this.#terminal.focus();
  }

  clear(): void {
    this.#terminal.clear();
  }

  /** False when nothing matches. */
  find(query: string, direction: "next" | "previous", incremental = false): boolean {
    if (query === "") {
      this.#search.clearDecorations();
      return true;
    }
    return direction === "next"
      ? this.#search.findNext(query, { decorations: DECORATIONS, incremental })
      : this.#search.findPrevious(query, { decorations: DECORATIONS });
  }

  endSearch(): void {
    this.#search.clearDecorations();
    this.#terminal.focus();
  }

  dispose(): void {
    this.#visibility.disconnect();
    this.#terminal.dispose();
  }

  /** False keeps the key from the terminal. */
  #key(event: KeyboardEvent): boolean {
    if (event.code === this.#hostKey) {
      if (event.type === "keydown" && !event.repeat) this.#hostAlone = true;
      if (event.type === "keyup" && this.#hostAlone) this.#options.onLeave();
      return false;
    }
    if (event.type === "keydown") this.#hostAlone = false;
    if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey) return true;
    if (event.code === "KeyC") this.#options.onCopy();
    else if (event.code === "KeyF") this.#options.onSearch();
    // The browser's own paste event follows; only Ctrl+V's control character must not.
    else return event.code !== "KeyV";
    event.preventDefault();
    return false;
  }
}
