// `npm run --silent cli -- ARGS`. What it takes to start is compiled once on this host and found by every later start.
import { enableCompileCache } from "node:module";

enableCompileCache();
await import("./process.ts");
