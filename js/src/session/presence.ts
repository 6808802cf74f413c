/** Whether a kernel is there: it is asked with a hello, known by any word of it, and given up in silence. */
import type { Timers } from "./timers";

/** ms of silence: after a hello, in a run before hello is said again, and before the second hello. */
const ANSWER_MS = 6_000;
const QUIET_MS = 1_000;
const SECOND_HELLO_MS = 1_500;

export interface PresenceActions {
  /** Sends a hello, which may throw. */
  send(): void;
  /** The kernel is gone (or busy with something else), or it is there. */
  tell(absent: boolean): void;
  isBusy(): boolean;
}

export interface Presence {
  /** Asks for everything, and finds out whether anyone is there. */
  hello(): void;
  /** A word came, whatever it says. In a run more are due. */
  heard(): void;
  /** Does what needs a kernel. Hosts throw what they like where the way to it is gone. */
  attempt(act: () => void): void;
}

export function createPresence(timers: Timers, { send, tell, isBusy }: PresenceActions): Presence {
  const lost = () => {
    timers.cancel("answer", "quiet");
    tell(true);
  };
  const attempt = (act: () => void) => {
    try {
      act();
    } catch {
      timers.cancel("silence");
      lost();
    }
  };
  const hello = () => {
    timers.after("answer", ANSWER_MS, lost);
    // A second hello reaches the kernel through a subshell where there is one, and opens the way for Stop (JupyterLab).
    timers.after("hello", SECOND_HELLO_MS, () => attempt(send));
    attempt(send);
  };
  // Of a run that is silent: asked again, each time after twice as long, and after 15 s given up if no answer comes.
  // A host may drop all that comes between cells but answers (Colab): a run is seen to go on by them.
  const quiet = (ms: number) =>
    timers.after("quiet", ms, () => {
      if (!isBusy()) return;
      if (ms > 4 * QUIET_MS) return hello();
      quiet(2 * ms);
      attempt(send);
    });
  return {
    hello,
    heard() {
      timers.cancel("answer");
      tell(false);
      quiet(QUIET_MS);
    },
    attempt,
  };
}
