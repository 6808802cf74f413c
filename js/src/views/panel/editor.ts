/** Where the prompt and the answer are written. */

import type { Waiting } from "../../session/session";
import { buttonOf, element, listen, type Place, setAttributes, setText } from "../../style/dom";
import type { Settings } from "../../wire/protocol";

export interface EditorData {
  readonly settings: Settings;
  readonly busy: boolean;
  readonly waiting: Waiting;
  readonly has_model: boolean;
}

export interface EditorActions {
  edit(patch: Partial<Settings>): void;
  run(): void;
  /** Lets the model write the answer. */
  write(): void;
}

export interface Editor {
  readonly element: HTMLElement;
  update(data: EditorData): void;
  focus(): void;
}

export function createEditor({ document }: Place, actions: EditorActions): Editor {
  const prompt = element(document, "textarea", {
    rows: 4,
    "aria-label": "Prompt",
    dir: "auto",
    spellcheck: "false",
    placeholder: "Write what the model reads…",
  });
  const target = element(document, "textarea", {
    rows: 2,
    "aria-label": "Answer",
    dir: "auto",
    spellcheck: "false",
    placeholder: "Empty: the model writes it when you press Run",
  });
  const against = element(document, "textarea", {
    rows: 1,
    "aria-label": "Why not this answer",
    dir: "auto",
    spellcheck: "false",
    placeholder: "Another answer: explains why the one above and not this",
  });
  const write = buttonOf(document, "link", "Write");
  listen(prompt, "input", () => actions.edit({ prompt: prompt.value }));
  listen(target, "input", () => actions.edit({ target: target.value === "" ? null : target.value }));
  listen(against, "input", () => {
    const other = against.value === "" ? null : against.value;
    // A contrast is a difference of log-probs.
    actions.edit(other === null ? { against: other } : { against: other, value: "log_prob" });
  });
  listen(write, "click", () => actions.write());
  const root = element(document, "div", { class: "law-editor" });
  listen(root, "keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      actions.run();
    }
    // The notebook must not take what is typed here for its own shortcuts.
    event.stopPropagation();
  });
  const heading = (text: string, ...more: Node[]) => element(document, "div", { class: "law-heading" }, text, ...more);
  root.append(heading("Prompt"), prompt, heading("Answer", write), target, heading("Why not"), against);
  return {
    element: root,
    update({ settings, busy, waiting, has_model }) {
      write.hidden = !has_model;
      if (prompt.value !== settings.prompt) prompt.value = settings.prompt;
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
