/** What every view is given, and what it gives back. */
import type { Comparison } from "../data/comparison";
import type { Edit } from "../data/edit";
import type { History } from "../data/history";
import type { Selection } from "../data/selection";
import type { Shown } from "../data/shown";
import type { Stretches } from "../data/sight";
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

/** Where the pointer is in a view: there the numbers of what is under it are told. */
export type Where = "matrix" | "panel" | null;

export interface View {
  readonly element: HTMLElement;
  update(data: PartsData): void;
}

export type MakeView = (place: Place, actions: PartsActions) => View;

/**
 * state: with the run on show; live: as it is, whichever run is on show. edit: what of the settings is not its. sight:
 * what of its prompt is put together or out of view.
 */
export interface PartsData {
  readonly state: SessionState;
  readonly edit: Edit;
  readonly sight: Stretches;
  readonly live: SessionState;
  readonly comparison: Comparison | null;
  readonly busy: boolean;
  readonly shown: Shown | null;
  readonly picture: Picture | null;
  readonly lighting: Lighting | null;
  readonly selection: Selection;
  readonly history: History;
  readonly palette: Palette;
  /** Where in this view the pointer is. */
  readonly open: Where;
  readonly listed: boolean;
}

export interface PartsActions extends BesideActions, ContrastActions {
  edit(patch: Partial<Settings>): void;
  /** Takes the edit under way back. */
  revert(): void;
  run(): void;
  stop(): void;
  write(): void;
  dismiss(): void;
  /** Row and column, -1 for none. */
  hover(row: number, column: number, where: Where): void;
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
  unlock(): void;
  /** Sign by pattern, too, or no more. */
  hatch(): void;
  scale(mode: ScaleMode): void;
  list(): void;
  /** This result as a page of its own. */
  page(): string;
}
