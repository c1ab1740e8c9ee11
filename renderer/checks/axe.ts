// Runs axe-core on a Playwright page and tells each violation of WCAG 2.2 A and AA in one line. The script is evaluated
// through the debugger, so the page's content security policy stays as it is.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

interface AxeResults {
  violations: { id: string; help: string; nodes: { target: unknown[]; failureSummary?: string }[] }[];
}

export async function axeViolations(page: Page, exclude: readonly string[] = []): Promise<string[]> {
  await page.evaluate(source);
  const results = await page.evaluate(
    async ([tags, excluded]) => {
      const axe = (globalThis as unknown as { axe: { run(context: unknown, options: unknown): Promise<AxeResults> } }).axe;
      return axe.run({ exclude: excluded?.map((selector) => [selector]) }, { runOnly: { type: "tag", values: tags } });
    },
    [TAGS, exclude] as [string[], string[]],
  );
  return results.violations.flatMap((v) =>
    v.nodes.map((node) => `${v.id} (${v.help}): ${node.target.join(" ")} ${(node.failureSummary ?? "").split("\n")[1]?.trim() ?? ""}`),
  );
}
