// What a screen reader is told when a text screen changes: the lines that are new, after finding out how far the screen has
// scrolled, and of a line that has only grown the part that was added.

/** More than this at once is a screen redrawn, not read out. */
const MOST_LINES = 20;

export function newText(before: readonly string[], after: readonly string[]): string[] {
  const shift = scrolledBy(before, after);
  const spoken: string[] = [];
  after.forEach((line, row) => {
    const old = before[row + shift] ?? "";
    if (line === old || line.trim() === "") return;
    spoken.push((old !== "" && line.startsWith(old) ? line.slice(old.length) : line).trim());
  });
  return spoken.filter((line) => line !== "").slice(-MOST_LINES);
}

/** Rows that the old screen has moved up: where most of its characters are found again, in whole lines. */
function scrolledBy(before: readonly string[], after: readonly string[]): number {
  let best = 0;
  let mostSame = 0;
  for (let shift = 0; shift < before.length; shift++) {
    let same = 0;
    for (let row = 0; row + shift < before.length; row++) if (after[row] === before[row + shift]) same += after[row]?.length ?? 0;
    if (same > mostSame) {
      mostSame = same;
      best = shift;
    }
  }
  return best;
}
