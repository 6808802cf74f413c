// Bundles src/ into the Python package: `node build.mjs`, or `node build.mjs --watch` while working on it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "llm_attr_widget", "widget", "static");

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
    "Number.isNaN": "isNaN",
    "Number.isFinite": "isFinite",
    "Number.POSITIVE_INFINITY": "Infinity",
  },
};

/** The page's lines are indented for those who read page.ts. */
function flattenPage(build) {
  build.onLoad({ filter: /[\\/]page\.ts$/ }, async ({ path }) => ({
    contents: (await readFile(path, "utf8")).replace(/\n +/g, "\n"),
    loader: "ts",
  }));
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
