/** Where no kernel answers: that this is a saved picture, and of when. */
import type { SessionState } from "../../session/session";
import { element, setText } from "../../style/dom";
import type { MakeView } from "../view";

/** state: as `withoutKernel` gives it. */
export function savedText({ made_at, phase, progress }: Pick<SessionState, "made_at" | "phase" | "progress">): string {
  const when = made_at && ` of ${new Date(made_at).toLocaleString()}`;
  const midway = phase === "stopped" && progress?.phase !== phase ? ", from the middle of a run" : "";
  return `A saved picture${when}${midway}: no kernel answers, so that nothing can be run or asked.`;
}

export const createSaved: MakeView = ({ document }) => {
  const root = element(document, "div", { class: "law-notice law-saved", role: "status" });
  return {
    element: root,
    update({ live }) {
      root.hidden = !live.absent;
      setText(root, live.absent ? savedText(live) : "");
    },
  };
};
