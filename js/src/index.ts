/** The widget: `initialize` opens the session, `render` shows it and returns its cleanup. */
import "./index.css";
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { mount } from "./app";
import { NOTHING, type Selection } from "./data/selection";
import { Session } from "./session/session";
import { createStore, type Store } from "./session/store";
import type { State } from "./wire/protocol";

interface Open {
  readonly session: Session;
  readonly selection: Store<Selection>;
}

const open = (model: InitializeProps<State>["model"]): Open => ({
  session: new Session(model),
  selection: createStore(NOTHING),
});

/** Called once a widget, so that two widgets on a page share nothing. */
export default () => {
  let shared: Open | null = null;
  return {
    initialize({ model }: Pick<InitializeProps<State>, "model">) {
      const made = open(model);
      shared = made;
      return () => {
        made.session.close();
        if (shared === made) shared = null;
      };
    },
    render({ model, el }: Pick<RenderProps<State>, "model" | "el">) {
      // A host may render without having initialized (or after it let go): such a view has a session of its own.
      const used = shared ?? open(model);
      const own = used !== shared;
      const unmount = mount(el, used.session, used.selection);
      return () => {
        unmount();
        if (own) used.session.close();
      };
    },
  };
};
