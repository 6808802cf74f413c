/** What can be done about trust: more calls, and a check of the run on show. */
import { buttonOf, element, listen, type Place, setAttributes, setText, spanOf } from "../../style/dom";
import type { Chart, Phase, Verdict } from "../../wire/protocol";

export interface StepsData {
  readonly chart: Chart | null;
  readonly phase: Phase;
  /** No kernel answers: what needs one is not offered. */
  readonly absent: boolean;
  readonly busy: boolean;
  readonly verdict: Verdict | null;
  readonly checking: boolean;
  /** Chance that the top features are the true ones; NaN where nothing is known. */
  readonly settled: number;
  readonly top: number;
}

export interface StepsActions {
  extend(run: number): void;
  check(run: number): void;
  /** Opens or closes the figures of the check. */
  figures(): void;
}

export interface Steps {
  readonly element: HTMLElement;
  update(data: StepsData): void;
}

export function createSteps({ document }: Place, actions: StepsActions): Steps {
  let data: StepsData | null = null;
  const button = (then: (run: number) => void) => {
    const made = buttonOf(document, "tool");
    listen(made, "click", () => data?.chart && then(data.chart.run));
    return made;
  };
  const settled = element(document, "span", { "data-stat": "settled" });
  const more = button(actions.extend);
  const check = button((run) => (data?.verdict ? actions.figures() : actions.check(run)));
  const root = spanOf(document, "steps", settled, more, check);
  return {
    element: root,
    update(now) {
      data = now;
      const { chart, absent, busy, phase, verdict, checking } = now;
      root.hidden = chart === null;
      const known = chart?.sampled === true && Number.isFinite(now.settled);
      settled.hidden = !known;
      settled.title = "Chance that these are the parts that matter most, were the errors normal and independent";
      const share = now.settled > 0.995 ? "> 99 %" : `${Math.round(now.settled * 100)} %`;
      if (settled.dataset["share"] !== share) {
        settled.replaceChildren(`top ${now.top} settled `, element(document, "b", {}, share));
        settled.dataset["share"] = share;
      }
      more.hidden = absent || !chart?.extendable;
      setText(more, phase === "stopped" ? "Continue" : "+25%");
      more.title =
        phase === "stopped" ? "Play the rest of this run" : "A quarter more model calls: what was played is kept";
      check.hidden = !verdict && (absent || busy || !chart?.askable);
      check.disabled = checking;
      setAttributes(check, { "data-tone": verdict ? (verdict.trusted ? "ok" : "warn") : null });
      setText(
        check,
        checking ? "Checking…" : verdict ? (verdict.trusted ? "✓ predicts well" : "⚠ predicts poorly") : "Check",
      );
      check.title = verdict
        ? "How the numbers predict what they were not made from: show the figures"
        : "About 64 model calls on parts of the prompt that the numbers were not made from";
    },
  };
}
