import { Trans, useLingui } from "@lingui/react/macro";
import { useMemo } from "react";
import { safeText } from "./Copy";
import { diffLines, withContext } from "./diff";
import css from "./diff.module.css";

/** What changed between two texts, line by line. */
export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const { t } = useLingui();
  const lines = useMemo(() => withContext(diffLines(before, after)), [before, after]);
  if (before === after)
    return (
      <p className={css.equal}>
        <Trans>There is no difference.</Trans>
      </p>
    );
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line no-noninteractive-tabindex
    <div className={css.diff} role="region" aria-label={label} tabIndex={0}>
      <table>
        <tbody>
          {lines.map((line, index) =>
            line === null ? (
              // oxlint-disable-next-line no-array-index-key
              <tr key={index} className={css.gap}>
                <td colSpan={4}>⋯</td>
              </tr>
            ) : (
              // oxlint-disable-next-line no-array-index-key
              <tr key={index} data-kind={line.kind}>
                <td className={css.number}>{line.from}</td>
                <td className={css.number}>{line.to}</td>
                <td className={css.sign}>
                  <span aria-hidden>{line.kind === "added" ? "+" : line.kind === "removed" ? "−" : ""}</span>
                  <span className="visually-hidden">{line.kind === "added" ? t`added` : line.kind === "removed" ? t`removed` : ""}</span>
                </td>
                <td className={css.text}>{safeText(line.text)}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}
