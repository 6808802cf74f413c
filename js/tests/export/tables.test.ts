/** What tests/exports holds is what Python writes, too: tests/export/test_tables.py reads the same files. */
import { readFileSync, writeFileSync } from "node:fs";
import { createCanvas } from "@napi-rs/canvas";
import { describe, expect, test } from "vitest";
import { fullMatrix, type Matrix } from "../../src/data/matrix";
import { shownFrom } from "../../src/data/shown";
import { filePalette, toSvg } from "../../src/export/matrix";
import { PAGE, pageOf } from "../../src/export/page";
import { toCsv, toJson, toLatex, toPython } from "../../src/export/tables";
import { named } from "../../src/wire/decode";
import { NUMBERS } from "../../src/wire/protocol";
import { makeChart, makeProgress } from "../model";

const folder = new URL("../../../tests/exports/", import.meta.url);

function matrix(name: string): Matrix {
  const input = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
  const { features, outputs, roles, label, unit, baseline, model, seed } = input;
  const base = makeChart(1, features, outputs);
  const pieces = features.map((text: string, feature: number) => ({ text, feature, role: roles[feature] }));
  const chart = { ...base, pieces, label, unit, baseline, model, settings: { ...base.settings, seed } };
  const flat = (rows: (number | null)[][]) => Float32Array.from(rows.flat(), (value) => value ?? Number.NaN);
  const buffers = [input.values, input.errors, input.ends, [input.total], [input.total_errors]].map(flat);
  return fullMatrix(chart, named(NUMBERS, buffers, "test"));
}

const picture = (name = "case") =>
  shownFrom(null, matrix(name), { level: "word", groups: [], hidden: [], span: [], scale: "whole", streaming: false });
const table = (name = "case") => picture(name).table;

/** Written anew with UPDATE=1, to be looked at before it is committed. */
function golden(name: string, text: string): void {
  const path = new URL(name, folder);
  if (process.env["UPDATE"]) writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, "utf8"));
}

describe("files", () => {
  test.each(["case", "formulas"])("CSV: %s", (name) => golden(`${name}.csv`, toCsv(table(name))));
  test("JSON", () => golden("written.json", toJson(table(), makeProgress(1, "finished", { calls: 100 }))));
  test.each(["case", "hostile", "unknown"])("LaTeX: %s", (name) => golden(`${name}.tex`, toLatex(table(name))));

  test.each([
    ["case", "light"],
    ["case", "dark"],
    ["hostile", "light"],
    ["unknown", "light"],
  ] as const)("SVG: %s, %s", (name, theme) => {
    const canvas = () => createCanvas(1, 1) as unknown as HTMLCanvasElement;
    golden(`${name}-${theme}.svg`, toSvg(picture(name), filePalette(theme, false), canvas));
  });

  test("Python that makes the result again", () => {
    const settings = { ...table().chart.settings, prompt: 'say "hi"\n\u0007', target: null, budget: 400 };
    expect(toPython(settings)).toBe(
      [
        "from llm_attr_widget import attribute",
        "",
        "result = attribute(",
        "    model,",
        "    tokenizer,",
        '    "say \\"hi\\"\\n\\u0007",',
        "    None,",
        '    method="shapley",',
        '    granularity="word",',
        '    value="log_prob",',
        "    budget=400,",
        "    trials=4,",
        "    seed=3,",
        ")",
        "",
      ].join("\n"),
    );
  });
});

describe("the page", () => {
  test("markup in the state can't leave its script, buffers become base64", () => {
    const evil = "</script><script>alert(1)</script>";
    const page = pageOf(evil, `"${evil}$&"`, "", { prompt: evil, values: Float32Array.from([1]), has_model: true });
    expect(page.split("</script>")).toHaveLength(PAGE.split("</script>").length);
    const content = JSON.parse(/id="content">(.*?)<\/script>/s.exec(page)?.[1] ?? "");
    expect(content).toEqual({
      esm: `"${evil}$&"`,
      css: "",
      state: { prompt: evil, values: { base64: "AACAPw==" }, has_model: false },
    });
  });
});
