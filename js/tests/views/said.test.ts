// @vitest-environment jsdom
/** What Python says of the numbers is what every view shows; none calls a number exact that Python does not. */
import { describe, expect, test } from "vitest";
import { comparison } from "../../src/data/comparison";
import { toJson, toLatex } from "../../src/export/tables";
import { milestoneOf } from "../../src/views/around/milestones";
import { createTrust } from "../../src/views/around/trust";
import { createConvergence } from "../../src/views/beside/convergence";
import { createCourse } from "../../src/views/beside/course";
import { createList } from "../../src/views/matrix/list";
import { factsOf } from "../../src/views/matrix/tooltip";
import { CASES, type Case, keptOf, shownOf } from "../said";

const place = { document, signal: new AbortController().signal };
const UNKNOWN = "error not known, play more";
const UNFINISHED = "error not known, run not finished";

function strip(name: Case): HTMLElement {
  const { matrix, progress } = keptOf(name);
  const trust = createTrust(place);
  trust.update({ chart: matrix.chart, progress, phase: progress.phase, waiting: null });
  return trust.element;
}

function table(name: Case): readonly string[][] {
  const list = createList(place);
  const { table: cells, limit } = shownOf(name);
  list.update(cells, limit, keptOf(name).progress);
  return [...list.element.querySelectorAll("tbody tr")].map((line) =>
    [...line.children].map(({ textContent }) => textContent ?? ""),
  );
}

const certainty = (name: Case) =>
  factsOf({ table: shownOf(name).table, progress: keptOf(name).progress, row: 0, column: 0 }).facts.find(
    (fact) => fact.name === "certainty",
  )?.value;

describe("the sentence", () => {
  test.each(CASES)("%s: in the strip, for screen readers, in files", (name) => {
    const { matrix, progress } = keptOf(name);
    const sentence = progress.said?.sentence ?? "none";
    expect(strip(name).querySelector("[data-stat=said]")?.textContent).toBe(sentence);
    const phase = progress.phase === "running" ? "stopped" : progress.phase;
    expect(milestoneOf({ shown: shownOf(name), progress, phase })).toContain(sentence);
    expect(JSON.parse(toJson(shownOf(name).table, progress))).toMatchObject({ status: sentence });
    expect(toLatex(shownOf(name).table, progress)).toContain(`% ${sentence}.`);
    expect(matrix.chart.run).toBe(progress.run);
  });

  test("a doubt is never under a sign that all is well", () => {
    for (const name of CASES) {
      const said = strip(name).querySelector("[data-stat=said]");
      expect(said?.getAttribute("data-tone") === "ok").toBe(keptOf(name).progress.said?.sound);
    }
    expect(strip("unknown").querySelector("[data-stat=said]")?.getAttribute("data-tone")).toBe("warn");
    expect(strip("unknown").textContent).not.toContain("✓");
  });

  test("a run's sentence is not said of another run's numbers", () => {
    const { matrix, progress } = keptOf("exact");
    const trust = createTrust(place);
    const other = { ...progress, run: 2 };
    trust.update({ chart: matrix.chart, progress: other, phase: "finished", waiting: null });
    expect(trust.element.querySelector<HTMLElement>("[data-stat=said]")?.hidden).toBe(true);
    expect(JSON.parse(toJson(shownOf("exact").table, other))).not.toHaveProperty("status");
  });

  test("nothing is said of a difference of two runs", () => {
    expect(comparison(keptOf("exact"), keptOf("sampled")).difference.progress.said).toBeNull();
  });
});

describe("one number", () => {
  test.each([
    ["unknown", UNKNOWN],
    ["exact", "exact"],
    ["sampled", "± one standard error"],
    ["stopped", UNFINISHED],
    ["running", UNFINISHED],
    ["gap", "exact"],
  ] as const)("%s: %s", (name, said) => {
    expect(certainty(name)).toBe(said);
    const errors = table(name).map((line) => line[3]);
    if (name === "sampled") for (const error of errors) expect(Number(error)).toBeGreaterThan(0);
    else expect(new Set(errors)).toEqual(new Set([said]));
  });

  test("the sign of a number of unknown error is not certain", () => {
    expect(new Set(table("unknown").map((line) => line[4]))).toEqual(new Set(["not certain"]));
  });

  test("an error that one of two runs does not know is not known of their difference", () => {
    const { errors } = comparison(keptOf("unknown"), keptOf("exact")).difference.matrix;
    expect(errors.every(Number.isNaN)).toBe(true);
  });

  test("plots name their bands", () => {
    const at = (error: number) => [1, 2, 3].map((calls) => ({ calls, value: 2, error }));
    const course = createCourse(place);
    const now = (error: number) => {
      course.update(at(error), "a → b", "nats");
      const plot = createConvergence(place);
      plot.update([{ letter: "A", name: "a → b", points: at(error) }], "nats");
      return [course.element.textContent, plot.element.querySelector("li b")?.textContent];
    };
    expect(now(0.1)).toEqual([
      expect.stringContaining("+2.00 ± 0.10 nats (± one standard error)"),
      "+2.00 ± 0.20 nats (95% band)",
    ]);
    expect(now(Number.NaN)).toEqual([expect.stringContaining(`(${UNKNOWN})`), `+2.00 nats (${UNKNOWN})`]);
    expect(now(0)).toEqual([expect.stringContaining("now +2.00 nats, with"), "+2.00 nats"]);
  });
});
