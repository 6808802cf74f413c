/** Things to do later, by name: a new one of a name takes the place of the old. */
export interface Timers {
  after(name: string, ms: number, then: () => void): void;
  cancel(...names: readonly string[]): void;
  has(name: string): boolean;
  /** Nothing is done later any more. */
  clear(): void;
}

export function createTimers(): Timers {
  const running = new Map<string, ReturnType<typeof setTimeout>>();
  const cancel = (...names: readonly string[]) => {
    for (const name of names) {
      clearTimeout(running.get(name));
      running.delete(name);
    }
  };
  return {
    after(name, ms, then) {
      cancel(name);
      const fire = () => {
        running.delete(name);
        then();
      };
      running.set(name, setTimeout(fire, ms));
    },
    cancel,
    has: (name) => running.has(name),
    clear: () => cancel(...running.keys()),
  };
}
