// `npm run --silent cli -- ARGS`. What it takes to start is compiled once on this host and found by every later start. Up to there it is
// plain JavaScript: for a single TypeScript file Node loads a compiler, 14 MiB and a quarter of the start's time.
import { keepCompiledModules } from "../platform/compiled-modules.mjs";

keepCompiledModules();
await import("./process.ts");
