import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import css from "./dialog.module.css";

type Props = { label: string; current: string; tabs: { key: string; title: ReactNode }[]; param?: string };

/** Views of a page, as links: the chosen one is in the URL (`?tab=`). */
export function Tabs({ label, current, tabs, param = "tab" }: Props) {
  return (
    <nav aria-label={label} className={css.tabs}>
      {tabs.map(({ key, title }) => (
        <Link
          key={key}
          to="."
          search={(search: Record<string, unknown>) => ({ ...search, [param]: key }) as never}
          className={css.tab ?? ""}
          aria-current={key === current ? "page" : undefined}
          activeOptions={{ includeSearch: true, exact: true }}
          replace
        >
          {title}
        </Link>
      ))}
    </nav>
  );
}
