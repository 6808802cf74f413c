/** Where the prompt and the answer are written. */

import type { Waiting } from "../../session/session";
import { areaOf, boxOf, buttonOf, element, listen, type Place, setAttributes, setText } from "../../style/dom";
import type { FieldText, Settings } from "../../wire/protocol";
import { createFields } from "./fields";

export interface EditorData {
  readonly settings: Settings;
  /** Whether this is not what the run on show was made from, and no run of it was asked for. */
  readonly edited: boolean;
  /** Whether a run is on show, which has texts of its own. */
  readonly ran: boolean;
  readonly fields: readonly FieldText[] | null;
  readonly busy: boolean;
  readonly waiting: Waiting;
  readonly has_model: boolean;
}

export interface EditorActions {
  edit(patch: Partial<Settings>): void;
  run(): void;
  /** Everything as it was before it was edited. */
  cancel(): void;
  /** Lets the model write the answer. */
  write(): void;
}

export interface Editor {
  readonly element: HTMLElement;
  update(data: EditorData): void;
  focus(): void;
}

export function createEditor(place: Place, actions: EditorActions): Editor {
  const { document } = place;
  const prompt = createFields(place, actions.edit);
  const target = areaOf(document, "Answer", 2, "Empty: the model writes it when you press Run");
  const instead = "Another answer: explains why the one above and not this";
  const against = areaOf(document, "Why not this answer", 1, instead);
  const write = buttonOf(document, "link", "Write");
  const cancel = buttonOf(document, "link", "Cancel", { title: "As it was run (Escape)" });
  const mark = element(document, "p", { class: "law-edited", role: "status" });
  listen(cancel, "click", () => actions.cancel());
  listen(target, "input", () => actions.edit({ target: target.value === "" ? null : target.value }));
  listen(against, "input", () => {
    const other = against.value === "" ? null : against.value;
    // A contrast is a difference of log-probs.
    actions.edit(other === null ? { against: other } : { against: other, value: "log_prob" });
  });
  listen(write, "click", () => actions.write());
  const root = boxOf(document, "editor");
  listen(root, "keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      actions.run();
    } else if (event.key === "Escape") actions.cancel();
    // The notebook must not take what is typed here for its own shortcuts.
    event.stopPropagation();
  });
  const heading = (text: string, ...more: Node[]) => boxOf(document, "heading", text, ...more);
  root.append(
    mark,
    heading("Prompt", cancel),
    prompt.element,
    heading("Answer", write),
    target,
    heading("Why not"),
    against,
  );
  return {
    element: root,
    update({ settings, edited, ran, fields, busy, waiting, has_model }) {
      cancel.hidden = !ran;
      setText(mark, edited ? "Edited, not run yet: the numbers are those of the texts below." : "");
      write.hidden = !has_model;
      prompt.update(settings, fields);
      const text = settings.target ?? "";
      if (target.value !== text) target.value = text;
      if (against.value !== (settings.against ?? "")) against.value = settings.against ?? "";
      setText(write, waiting === "generate" ? "Writing…" : "Write");
      write.title = "Let the model write the answer";
      write.disabled = busy || waiting === "generate" || settings.prompt === "";
      setAttributes(write, { "aria-label": "Write" });
    },
    focus: () => prompt.focus(),
  };
}
