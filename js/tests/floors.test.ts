/** The floors of the house: a file imports only from lower ones, and nobody imports himself by a detour. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/**
 * Lowest first: what stands before a `<` knows nothing of what comes after it, and rooms beside each other (`|`)
 * nothing of each other. A name is a file or a folder of src.
 */
const LAW = "(style | wire) < data < draw < export < session < views < app < index";
const FLOORS: readonly (readonly string[])[] = LAW.split("<").map((floor) => floor.match(/\w+/g) ?? []);
const SRC = fileURLToPath(new URL("../src", import.meta.url));
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => /(?<!\.d)\.(ts|css)$/.test(name))
  .map((name) => relative(SRC, join(SRC, name)).replaceAll("\\", "/"))
  .sort();
const read = (name: string) => readFileSync(join(SRC, name), "utf8");

/** Every spelling, of TypeScript and of CSS: `from "…"` (also of types), `import "…"`, `import("…")`, `require("…")`. */
const IMPORT = /\bfrom\s*(["'])(.*?)\1|\bimport\s*(?:\(\s*)?(["'`])(.*?)\3|\brequire\s*\(\s*(["'`])(.*?)\5/g;

/** Files of src that the code of the file `name` imports, wherever in it. */
function imported(code: string, name: string): readonly string[] {
  const bare = code.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const paths = [...bare.matchAll(IMPORT)].map((match) => (match[2] ?? match[4] ?? match[6]) as string);
  return paths
    .filter((path) => path.startsWith("."))
    .map((path) => posix.join(posix.dirname(name), path))
    .map((path) => [path, `${path}.ts`, `${path}/index.ts`].find((file) => FILES.includes(file)) ?? path);
}

function roomOf(name: string): string {
  return name.split("/")[0]?.replace(/\.\w+$/, "") ?? "";
}

function floorOf(name: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(roomOf(name)));
}

/** What a file imports from its own floor or a higher one, its own room aside. */
function broken(code: string, name: string): readonly string[] {
  return imported(code, name).filter((other) => roomOf(other) !== roomOf(name) && floorOf(other) >= floorOf(name));
}

test("there are files, and every one of them has a floor", () => {
  expect(FILES.length).toBeGreaterThan(60);
  expect(FILES.filter((name) => floorOf(name) < 0)).toEqual([]);
});

test.each(FILES)("%s imports only from lower floors", (name) => {
  const code = read(name);
  expect(imported(code, name).filter((other) => !FILES.includes(other))).toEqual([]);
  expect(broken(code, name)).toEqual([]);
});

test("no file imports itself by a detour", () => {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    expect(way, [...way, name].join(" → ")).not.toContain(name);
    if (done.has(name)) return;
    for (const other of imported(read(name), name)) visit(other, [...way, name]);
    done.add(name);
  };
  for (const name of FILES) visit(name, []);
});

describe("every spelling is seen", () => {
  test.each([
    'import { createBar } from "../views/bar/bar";',
    'import type { Bar } from "../views/bar/bar";',
    'import {\n  type Bar,\n  createBar,\n} from "../views/bar/bar";',
    'import * as bar from "../views/bar/bar";',
    "import bar from '../views/bar/bar'",
    'import "../views/bar/bar.css";',
    'export { createBar } from "../views/bar/bar";',
    'export * from "../views/bar/bar";',
    'export type { Bar } from "../views/bar/bar";',
    'const late = await import("../views/bar/bar");',
    "const late = import(\n  `../views/bar/bar`\n);",
    'type Bar = import("../views/bar/bar").Bar;',
    'const bar = require("../views/bar/bar");',
    '@import "../views/bar/bar.css";',
    'import { mount } from "../app";',
    'import { theme } from "../data/../session/store";',
  ])("%s", (line) => expect(broken(line, "data/table.ts")).toHaveLength(1));

  test("rooms beside each other know nothing of each other; a comment is no import", () => {
    expect(broken('import { floats } from "../wire/decode";', "style/format.ts")).toEqual(["wire/decode.ts"]);
    expect(broken('/** as in import "../views/bar/bar" */\n// from "../app"', "data/table.ts")).toEqual([]);
    expect(broken('import { css } from "../style/colours";', "data/table.ts")).toEqual([]);
  });
});
