/** A value that can be watched. Listeners run at once, in the order they came. */
export interface Store<T> {
  get(): T;
  set(next: T): void;
  /** Returns the function that ends the watching. */
  watch(listener: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let current = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => current,
    set(next) {
      if (Object.is(next, current)) return;
      current = next;
      for (const listener of [...listeners]) listener();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
