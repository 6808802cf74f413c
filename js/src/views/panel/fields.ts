/** The prompt as it is edited: one text, or a field for each turn or slot; what cannot be edited is shown, and why. */

import { areaOf, boxOf, element, listen, type Place, setText } from "../../style/dom";
import type { FieldText, Settings } from "../../wire/protocol";

type Edited = Pick<Settings, "prompt" | "texts">;

/** The prompt's fields with their texts as they are now; a text is one field. */
export function fieldsNow({ prompt, texts }: Edited, given: readonly FieldText[] | null): readonly FieldText[] {
  return given && given.length === texts?.length && texts.join("") === prompt
    ? given.map((field, at) => ({ ...field, text: texts[at] as string }))
    : [{ text: prompt, label: "", fixed: "", repeats: null }];
}

/** The prompt once one of its fields has another text, and with it those that repeat it. */
export function fieldEdited(fields: readonly FieldText[], at: number, text: string) {
  const texts = fields.map((field, other) => (other === at || field.repeats === at ? text : field.text));
  return { prompt: texts.join(""), texts };
}

export interface Fields {
  readonly element: HTMLElement;
  update(settings: Edited, given: readonly FieldText[] | null): void;
  focus(): void;
}

export function createFields({ document }: Place, edit: (patch: Edited) => void): Fields {
  const root = element(document, "div");
  let fields: readonly FieldText[] = [];
  let shown: readonly HTMLElement[] = [];
  let laid: readonly FieldText[] | null | undefined;
  const wordsOf = ({ label, fixed, repeats }: FieldText, at: number) => {
    if (fixed || repeats !== null) return element(document, "span");
    const area = areaOf(document, label ? `Prompt: ${label}` : "Prompt", 3, "Write what the model reads…");
    listen(area, "input", () => {
      const edited = fieldEdited(fields, at, area.value);
      edit(laid ? edited : { ...edited, texts: null });
    });
    return area;
  };
  return {
    element: root,
    update(settings, given) {
      fields = fieldsNow(settings, given);
      if (given !== laid) {
        laid = given;
        shown = fields.map(wordsOf);
        root.replaceChildren(...fields.map((field, at) => rowOf(document, field, shown[at] as HTMLElement)));
      }
      shown.forEach((part, at) => {
        const text = fields[at]?.text ?? "";
        if (!("value" in part)) setText(part, text.trim());
        else if (part.value !== text) part.value = text;
      });
    },
    focus: () => root.querySelector("textarea")?.focus(),
  };
}

/** Whose words they are, the words, and why they cannot be edited. A line end between turns says nothing. */
function rowOf(document: Document, { text, label, fixed }: FieldText, words: HTMLElement): HTMLElement {
  if (label === "" && !(fixed && text.trim())) return words;
  return boxOf(document, "turn law-field", label, " ", words, " ", element(document, "small", {}, fixed));
}
