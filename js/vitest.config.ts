import { defineConfig } from "vitest/config";

// A busy machine must not fail a test: what hangs is found all the same.
export default defineConfig({
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
