/** What went wrong, in plain words, with the traceback folded. */

import type { Failure } from "../../session/session";
import { closeButton, element, listen, type Place, setText } from "../../style/dom";

export interface FailureView {
  readonly element: HTMLElement;
  update(failure: Failure | null): void;
}

export function createFailure({ document }: Place, dismiss: () => void): FailureView {
  const message = element(document, "p", {});
  const trace = element(document, "pre", { tabindex: 0 });
  const details = element(
    document,
    "details",
    {},
    element(document, "summary", {}, "Details for the developer"),
    trace,
  );
  const close = closeButton(document, "Dismiss");
  listen(close, "click", dismiss);
  const body = element(document, "div", {}, message, details);
  const root = element(document, "div", { class: "law-failure", role: "alert" }, body, close);
  return {
    element: root,
    update(failure) {
      root.hidden = failure === null;
      setText(message, failure?.message ?? "");
      setText(trace, failure?.traceback ?? "");
      details.hidden = !failure?.traceback;
      if (!failure) details.open = false;
    },
  };
}
