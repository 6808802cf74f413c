// Bundles src/ into the Python package: `node build.mjs`, or `node build.mjs --watch` while working on it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "llm_attr_widget", "widget", "static");

/** Used six hundred times, and so by short names; esbuild gives these to nothing else, as it takes them for globals. */
const MATHS = { max: "$M", min: "$m", abs: "$a", round: "$r", floor: "$f", ceil: "$c" };
const OBJECTS = { entries: "$e", fromEntries: "$E", keys: "$k", assign: "$A" };
const OTHERS = {
  Float32Array: "$F",
  Uint32Array: "$U",
  String: "$S",
  "JSON.stringify": "$j",
  "Number.isFinite": "$i",
  "Number.isNaN": "$n",
};
const short = (owner, names) =>
  Object.fromEntries(Object.entries(names).map(([name, letters]) => [`${owner}.${name}`, letters]));
const taken = (owner, names) => `{${Object.entries(names).map((pair) => pair.join(":"))}}=${owner}`;

const options = {
  absWorkingDir: here,
  // Its style sheets, too: index.css, and those that views import.
  entryPoints: [{ in: "src/index.ts", out: "widget" }],
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
  // The same in fewer letters: every saved notebook carries the script.
  plugins: [{ name: "page", setup: flattenPage }],
  define: {
    "Number.NaN": "NaN",
    "Number.POSITIVE_INFINITY": "Infinity",
    ...short("Math", MATHS),
    ...short("Object", OBJECTS),
    ...OTHERS,
  },
  banner: {
    js: `const${taken("Math", MATHS)},${taken("Object", OBJECTS)},${Object.entries(OTHERS).map(([name, letters]) => `${letters}=${name}`)};`,
  },
};

/** The page is written for those who read page.ts: its script in fewer letters, its lines without indent. */
function flattenPage(build) {
  build.onLoad({ filter: /[\\/]page\.ts$/ }, async ({ path }) => {
    const text = await readFile(path, "utf8");
    const [, script] = /<script type="module">(.*?)<\/script>/s.exec(text);
    const { code } = await transform(script, { minify: true, format: "esm", target: "es2022" });
    // It stands in a template literal.
    const small = code.trim().replace(/[`$\\]/g, "\\$&");
    return { contents: text.replace(script, () => small).replace(/\n +/g, "\n"), loader: "ts" };
  });
}

await mkdir(out, { recursive: true });
// The page that Python fills in is the one the front end exports.
const page = await build({
  ...options,
  entryPoints: ["src/export/page.ts"],
  outdir: out,
  write: false,
  logLevel: "warning",
});
const { PAGE } = await import(`data:text/javascript,${encodeURIComponent(page.outputFiles[0].text)}`);
await writeFile(join(out, "page.html"), PAGE);
if (process.argv.includes("--watch")) await (await context(options)).watch();
else await build(options);
