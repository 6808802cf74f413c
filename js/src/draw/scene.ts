/** From what is shown to the scene that is drawn, on the screen and in files. */

import type { Shown } from "../data/shown";
import type { Table } from "../data/table";
import type { Palette } from "../style/colours";
import { featureLabel, tokenLabel } from "../style/format";
import { shortLabels } from "./edges";
import type { Layout } from "./layout";
import type { Scene } from "./paint";

/** Short enough to draw. */
export interface Labels {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
}

export function labelsOf({ rows, columns }: Table): Labels {
  return {
    rows: shortLabels(rows.map(({ text }) => tokenLabel(text))),
    columns: shortLabels(columns.map(({ text }) => featureLabel(text))),
  };
}

export function sceneOf(shown: Shown, palette: Palette, layout: Layout, labels: Labels): Scene {
  const { table, limits, sequenceLimit, figures, rowBands, columnBands, spanned } = shown;
  return {
    layout,
    table,
    palette,
    limits,
    sequenceLimit,
    totalName: spanned.size > 0 ? "span" : "total",
    sums: figures.sums,
    rowLabels: labels.rows,
    columnLabels: labels.columns,
    rowBands,
    columnBands,
  };
}
