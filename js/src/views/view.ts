/** What every view is given, and what it gives back. */
import type { Comparison } from "../data/comparison";
import type { History } from "../data/history";
import type { Selection } from "../data/selection";
import type { Shown } from "../data/shown";
import type { Range } from "../data/sources";
import type { Cell } from "../data/table";
import type { Lighting } from "../draw/lighting";
import type { Picture } from "../draw/picture";
import type { SessionState } from "../session/session";
import type { Palette, ScaleMode } from "../style/colours";
import type { Place } from "../style/dom";
import type { Settings } from "../wire/protocol";
import type { BesideActions } from "./beside/beside";
import type { ContrastActions } from "./panel/contrast";

export interface View {
  readonly element: HTMLElement;
  update(data: PartsData): void;
}

export type MakeView = (place: Place, actions: PartsActions) => View;

/** state: as it is looked at; live: as it is, whichever run is looked at. */
export interface PartsData {
  readonly state: SessionState;
  readonly live: SessionState;
  readonly comparison: Comparison | null;
  readonly busy: boolean;
  readonly shown: Shown | null;
  readonly picture: Picture | null;
  readonly lighting: Lighting | null;
  readonly selection: Selection;
  readonly history: History;
  readonly palette: Palette;
  readonly open: Cell | null;
  readonly listed: boolean;
}

export interface PartsActions extends BesideActions, ContrastActions {
  edit(patch: Partial<Settings>): void;
  run(): void;
  stop(): void;
  write(): void;
  dismiss(): void;
  /** Row and column, -1 for none; `open`: with its tooltip. */
  hover(row: number, column: number, open: boolean): void;
  pin(row: number, column: number): void;
  span(from: number, to: number, more: boolean): void;
  group(from: number, to: number): void;
  brush(from: Cell, to: Cell): void;
  clear(): void;
  /** Stretches of the prompt put together, in the place of all groups there were. */
  groups(ranges: readonly Range[]): void;
  /** Stretches of the prompt left out of the view, beside those that are already; and all of them back. */
  hide(ranges: readonly Range[]): void;
  showAll(): void;
  /** Stretches of the prompt locked from the next run on, or no more. */
  lock(ranges: readonly Range[], on: boolean): void;
  /** Sign by pattern, too, or no more. */
  hatch(): void;
  scale(mode: ScaleMode): void;
  list(): void;
  /** This result as a page of its own. */
  page(): string;
}
