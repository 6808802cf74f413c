/** What stands where the matrix will be. */
import { boxOf, element, type Place, setText } from "../../style/dom";

export interface Empty {
  readonly element: HTMLElement;
  update(data: { readonly absent: boolean; readonly busy: boolean; readonly ready: boolean }): void;
}

export function createEmpty({ document }: Place): Empty {
  const title = element(document, "b", {});
  const text = element(document, "p", {});
  const ghost = element(document, "div", { class: "law-ghost", "aria-hidden": "true" });
  ghost.append(...Array.from({ length: 40 }, () => element(document, "i")));
  const root = boxOf(document, "empty", ghost, title, text);
  return {
    element: root,
    update({ absent, busy, ready }) {
      setText(title, absent ? "No numbers were saved" : busy ? "Asking the model…" : "What made the model say it?");
      const next = ready ? "Press Run" : "Write a prompt, press Run";
      setText(
        text,
        // Without a kernel, or with a host that drops what comes between cells (Colab).
        absent
          ? "Run them in a cell: w.run(); w.wait()"
          : busy
            ? "The first colours come in a moment."
            : `${next}, and see which parts of the prompt speak for each word of the answer, and which against.`,
      );
    },
  };
}
