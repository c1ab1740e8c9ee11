import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { parseHostOptions } from "./host-options.ts";
import { codeCachePath } from "./compiled-modules.mjs";
import { defaultLibraryPath } from "./places.ts";

test("options are read, and wrong ones say what is allowed", () => {
  assert.deepEqual(parseHostOptions(["--library", "x", "--port", "8123", "--headless", "--no-open"], {}), {
    libraryPath: resolve("x"), port: 8123, headless: true, open: false,
  });
  for (const args of [["--port", "70000"], ["--port", "x"], ["--what"], ["extra"]]) assert.ok("fault" in parseHostOptions(args, {}), args.join(" "));
});

test("no browser is opened where nobody looks", () => {
  assert.deepEqual(["true", "1", "", "false"].map((CI) => (parseHostOptions([], { CI }) as { open: boolean }).open), [false, false, true, true]);
});

test("machines are kept where each system keeps such things", () => {
  assert.equal(defaultLibraryPath({ XDG_DATA_HOME: "/data" }, "linux"), "/data/ringfence/machines");
  assert.match(defaultLibraryPath({}, "darwin"), /Application Support/);
  assert.equal(defaultLibraryPath({ RINGFENCE_LIBRARY: "/mine" }, "linux"), "/mine");
});

test("generated code is kept where each system keeps what can be made again, or not at all", () => {
  assert.equal(codeCachePath({ XDG_CACHE_HOME: "/cache" }, "linux"), "/cache/ringfence/code");
  assert.match(codeCachePath({}, "darwin") ?? "", /Library\/Caches/);
  assert.match(codeCachePath({ LOCALAPPDATA: "C:\\Local" }, "win32") ?? "", /Code cache/);
  assert.equal(codeCachePath({ RINGFENCE_CODE_CACHE: "/mine" }, "linux"), "/mine");
  assert.equal(codeCachePath({ RINGFENCE_CODE_CACHE: "off" }, "linux"), undefined);
});
