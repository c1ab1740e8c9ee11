// `npm run --silent cli -- ARGS`. What it takes to start is compiled once on this host and found by every later start.
import { keepCompiledModules } from "../platform/compiled-modules.ts";

keepCompiledModules();
await import("./process.ts");
