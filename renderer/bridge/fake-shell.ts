// The shell of a scripted machine: a few commands, the same text on screen and serial. Only for the fake bridge.
export interface ShellResult {
  output: string;
  effect?: "crash" | "off";
}

const KEYS: Record<string, string> = { Enter: "\r", Space: " ", Minus: "-", Period: ".", Slash: "/", Backspace: "\b" };
const PROMPT = "ring0> ";

const ANSWERS: Record<string, string[]> = {
  help: ["#Commands", "  cpu  mem  ring  priv  uptime  bench  crash  off"],
  cpu: ["vendor  Ringfence64", "modes   long, compatibility, protected, real", "paging  4 levels, NX, WP, global pages"],
  mem: ["usable  64512 KiB in 2 ranges", "kernel  212 KiB, page tables 36 KiB"],
  ring: ["The shell runs in ring 0; programs run in ring 3."],
  priv: ["ring 3: cli", "!refused: #GP(0) at 0000000000401007, the program was stopped"],
  uptime: ["up 12 min 34 s"],
  bench: ["integer loop  71.4 million instructions a second"],
};

export class FakeShell {
  readonly screen: string[] = [];
  serial = "";
  #line = "";

  boot(memoryMiB: number): ShellResult {
    this.screen.length = 0;
    this.#line = "";
    return this.#print([
      "#Ringfence demo guest",
      `x86-64, ${memoryMiB} MiB, started by direct kernel boot`,
      "Type help for the commands.",
      "",
    ]);
  }

  key(code: string): ShellResult {
    const letter = /^(?:Key([A-Z])|Digit(\d))$/.exec(code);
    return this.type(letter === null ? (KEYS[code] ?? "") : (letter[1] ?? letter[2] ?? "").toLowerCase());
  }

  type(text: string): ShellResult {
    let output = "";
    for (const character of text) {
      if (character === "\r" || character === "\n") {
        const result = this.#run(this.#line.trim());
        output += result.output;
        this.#line = "";
        if (result.effect !== undefined) return { ...result, output };
      } else if (character === "\b" || character === "\x7f") {
        if (this.#line === "") continue;
        this.#line = this.#line.slice(0, -1);
        output += this.#echo("\b \b");
      } else {
        this.#line += character;
        output += this.#echo(character);
      }
      this.screen[this.screen.length - 1] = PROMPT + this.#line;
    }
    return { output };
  }

  #run(command: string): ShellResult {
    this.screen[this.screen.length - 1] = PROMPT + command;
    if (command === "crash") return { output: this.#echo("\r\nloading an empty IDT and raising #UD\r\n"), effect: "crash" };
    if (command === "off") return { output: this.#echo("\r\npower off\r\n"), effect: "off" };
    return this.#print(command === "" ? [] : (ANSWERS[command] ?? [`unknown command: ${command}`]), "\r\n");
  }

  #echo(text: string): string {
    this.serial += text;
    return text;
  }

  #print(lines: readonly string[], before = ""): ShellResult {
    this.screen.push(...lines, PROMPT);
    const colour = (line: string): string =>
      line.startsWith("#") ? `\x1b[1;36m${line.slice(1)}\x1b[0m` : line.startsWith("!") ? `\x1b[1;31m${line.slice(1)}\x1b[0m` : line;
    return { output: this.#echo(before + lines.map((line) => `${colour(line)}\r\n`).join("") + PROMPT) };
  }
}
