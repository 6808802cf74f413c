// @vitest-environment jsdom
import { beforeEach, describe, expect, test, vi } from "vitest";
import { toPython } from "../../src/export/tables";
import widget from "../../src/index";
import { createFields, fieldEdited, fieldsNow } from "../../src/views/panel/fields";
import type { Chart, FieldText } from "../../src/wire/protocol";
import { EMPTY, FakeModel, makeChart, makeProgress } from "../model";

const field = (text: string, label = "", fixed = "", repeats: number | null = null): FieldText => ({
  text,
  label,
  fixed,
  repeats,
});
const APART = field("\n", "", "Texts are kept apart.");
const CHAT = [
  field("", "tools", "Tools stay as they are."),
  field("Be brief.", "system"),
  APART,
  field("Ivo has a robot.", "user"),
  field("", "user", "The image here stays."),
];
const SLOTS = [field("Ivo", "name"), field(" is ", "", "The template's own text."), field("Ivo", "name", "", 0)];
const textsOf = (fields: readonly FieldText[]) => fields.map(({ text }) => text);
const settingsOf = (fields: readonly FieldText[]) => ({ prompt: textsOf(fields).join(""), texts: textsOf(fields) });

function made(given: readonly FieldText[] | null, settings = settingsOf(given ?? [])) {
  const edits: { prompt: string; texts: readonly string[] | null }[] = [];
  const fields = createFields({ document, signal: new AbortController().signal }, (patch) => edits.push(patch));
  fields.update(settings, given);
  const areas = [...fields.element.querySelectorAll("textarea")];
  const type = (at: number, text: string) => {
    const area = areas[at] as HTMLTextAreaElement;
    area.value = text;
    area.dispatchEvent(new Event("input"));
    return edits.at(-1);
  };
  return { fields, areas, type };
}

describe("the prompt's fields", () => {
  test("each turn is edited in its own field, under its role", () => {
    const { areas, type } = made(CHAT);
    expect(areas.map((area) => [area.getAttribute("aria-label"), area.value])).toEqual([
      ["Prompt: system", "Be brief."],
      ["Prompt: user", "Ivo has a robot."],
    ]);
    // A line end inside a turn stays inside that turn.
    expect(type(0, "Be brief.\nBe kind.")).toEqual({
      prompt: "Be brief.\nBe kind.\nIvo has a robot.",
      texts: ["", "Be brief.\nBe kind.", "\n", "Ivo has a robot.", ""],
    });
    expect(type(1, "")?.texts).toEqual(["", "Be brief.", "\n", "", ""]);
  });

  test("what cannot be edited is shown with a sentence that says why, and only that", () => {
    const { fields } = made(CHAT);
    const said = (row: Element) => row.textContent.replace(/\s+/g, " ").trim();
    const rows = [...fields.element.querySelectorAll(".law-field")].map(said);
    expect(rows).toEqual(["tools Tools stay as they are.", "system", "user", "user The image here stays."]);
    expect(fields.element.textContent).not.toContain("apart");
    const own = made([field(" f0 f1", "", "The words of a BitsInput cannot be edited here.")]);
    expect(own.areas).toEqual([]);
    expect(said(own.fields.element)).toBe("f0 f1 The words of a BitsInput cannot be edited here.");
  });

  test("a slot that stands in several places changes in all of them", () => {
    const { fields, areas, type } = made(SLOTS);
    expect(areas).toHaveLength(1);
    const edited = type(0, "Eva");
    expect(edited).toEqual({ prompt: "Eva is Eva", texts: ["Eva", " is ", "Eva"] });
    fields.update(edited as never, SLOTS);
    expect([...fields.element.querySelectorAll("span")].map((part) => part.textContent)).toEqual(["is", "Eva"]);
  });

  test("a text is one field, as is what an earlier version saved, without fields", () => {
    const { areas, type } = made(null, { prompt: "Dave", texts: [] });
    expect(areas.map((area) => [area.getAttribute("aria-label"), area.value])).toEqual([["Prompt", "Dave"]]);
    expect(type(0, "Nina")).toEqual({ prompt: "Nina", texts: null });
    const saved = new FakeModel({ prompt: "Dave", fields: undefined as never, texts: undefined as never });
    expect(fieldsNow({ prompt: "Dave", texts: null }, saved.get("fields") ?? null)).toEqual([field("Dave")]);
  });

  test("a field that is written in stays while its text comes back from the kernel", () => {
    const { fields, areas } = made(CHAT);
    fields.update({ ...settingsOf(CHAT) }, CHAT);
    expect([...fields.element.querySelectorAll("textarea")]).toEqual(areas);
    expect(fieldsNow({ prompt: "other", texts: textsOf(CHAT) }, CHAT)).toEqual([field("other")]);
    expect(fieldEdited(CHAT, 1, "x").texts).toEqual(["", "x", "\n", "Ivo has a robot.", ""]);
  });

  test("Python of an edited chat rewrites what was given, and makes no text of it", () => {
    const settings = { ...makeChart(1, ["a"], ["b"]).settings, ...settingsOf(SLOTS) };
    const python = toPython(settings);
    expect(python).toContain("from llm_attr_widget.inputs import rewritten\n");
    expect(python).toContain('    rewritten(prompt, ["Ivo"," is ","Ivo"]),\n');
    expect(python).not.toContain("texts=");
    const locked = toPython({ ...settings, locked_stretches: ["Ivo", " is Ivo"] });
    expect(locked).toContain("import locked_in, make_input, rewritten\n");
    expect(locked).toContain('locked_in(make_input(tokenizer, rewritten(prompt, ["Ivo"," is ","Ivo"]), granularity=');
  });
});

describe("in the widget", () => {
  beforeEach(() => void vi.useFakeTimers());

  function open() {
    const chart = makeChart(1, ["Be brief.", "Ivo has a robot."], ["Ivo"]);
    const settings = { ...chart.settings, ...settingsOf(CHAT), target: "Ivo" };
    const bytes = (...values: number[]) => new DataView(Float32Array.from(values).buffer);
    const model = new FakeModel({
      ...EMPTY,
      ...settings,
      fields: CHAT,
      status: "finished",
      chart: { ...chart, settings },
      progress: makeProgress(1, "finished"),
      values: bytes(1, 2),
      errors: bytes(0, 0),
      ends: bytes(0, 3),
      sequence: bytes(1, 2),
      sequence_errors: bytes(0, 0),
    });
    const { initialize, render } = widget();
    initialize({ model: model as never });
    const el = document.createElement("div");
    document.body.append(el);
    render({ model: model as never, el });
    vi.advanceTimersByTime(20);
    const editor = el.querySelector(".law-editor") as HTMLElement;
    const area = (label: string) => el.querySelector(`[aria-label="${label}"]`) as HTMLTextAreaElement;
    const type = (label: string, text: string) => {
      area(label).value = text;
      area(label).dispatchEvent(new Event("input"));
      vi.advanceTimersByTime(300);
    };
    const leave = () => {
      area("Prompt: user").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
      vi.advanceTimersByTime(20);
    };
    const edit = [...el.querySelectorAll("button")].find(({ textContent }) => textContent === "Edit");
    return { model, editor, area, type, leave, edit: edit as HTMLButtonElement };
  }

  test("Escape gives every text back and shows the run again; so does the text itself", () => {
    const { model, editor, area, type, leave, edit } = open();
    expect(editor.hidden).toBe(true);
    edit.click();
    vi.advanceTimersByTime(20);
    expect(editor.hidden).toBe(false);
    leave();
    expect(editor.hidden).toBe(true);
    type("Prompt: user", "Ivo had a robot.");
    type("Answer", "Max");
    expect(editor.hidden).toBe(false);
    expect(model.get("prompt")).toBe("Be brief.\nIvo had a robot.");
    expect(model.get("texts")).toEqual(["", "Be brief.", "\n", "Ivo had a robot.", ""]);
    leave();
    expect(editor.hidden).toBe(true);
    expect(model.get("texts")).toEqual(textsOf(CHAT));
    expect([model.get("prompt"), model.get("target")]).toEqual(["Be brief.\nIvo has a robot.", "Ivo"]);
    expect(area("Prompt: user").value).toBe("Ivo had a robot."); // hidden, and written anew when it is shown
    type("Prompt: user", "Ivo had a robot.");
    expect(editor.hidden).toBe(false);
    type("Prompt: user", "Ivo has a robot.");
    expect(editor.hidden).toBe(true);
  });

  test("a line end that moves from one turn to the next is an edit, though the prompt as one text is the same", async () => {
    const { model, editor } = open();
    const prompt = "Be brief.\nIvo\nhas a robot.";
    const chart = model.get("chart") as Chart;
    const texts = ["", "Be brief.", "\n", "Ivo\nhas a robot.", ""];
    model.update({ chart: { ...chart, run: 2, settings: { ...chart.settings, prompt, texts } } });
    model.update({ progress: makeProgress(2, "finished"), prompt, texts });
    await Promise.resolve(); // the end of a run is read once all of its traits are in
    vi.advanceTimersByTime(20);
    expect(editor.hidden).toBe(true);
    model.update({ texts: ["", "Be brief.\nIvo", "\n", "has a robot.", ""] });
    vi.advanceTimersByTime(20);
    expect(editor.hidden).toBe(false);
    model.update({ texts });
    vi.advanceTimersByTime(20);
    expect(editor.hidden).toBe(true);
  });
});
