import type { ReactNode } from "react";
import css from "./layout.module.css";

export type Column<Row> = {
  key: string;
  title: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Aligns numbers at the right. */
  number?: boolean;
  /** As narrow as its content: check boxes, buttons. */
  narrow?: boolean;
  /** Sorting of the list by this column, if the API can. */
  sort?: { state: "ascending" | "descending" | "none"; toggle: () => void };
};

type Props<Row> = { label: string; columns: Column<Row>[]; rows: Row[]; rowKey: (row: Row) => string };

/** A table of at most a page of rows. It scrolls sideways on narrow screens. */
export function Table<Row>({ label, columns, rows, rowKey }: Props<Row>) {
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line no-noninteractive-tabindex
    <div className={css.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ key, title, number, narrow, sort }) => (
              <th key={key} scope="col" className={classOf(number, narrow)} aria-sort={sort?.state}>
                {sort ? (
                  <button type="button" className={css.sort} onClick={sort.toggle}>
                    {title} {sort.state === "ascending" ? "↑" : sort.state === "descending" ? "↓" : ""}
                  </button>
                ) : (
                  title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map(({ key, cell, number, narrow }) => (
                <td key={key} className={classOf(number, narrow)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf(number: boolean | undefined, narrow: boolean | undefined): string | undefined {
  return [number && css.number, narrow && css.narrow].filter(Boolean).join(" ") || undefined;
}
