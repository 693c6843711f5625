import { useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { urlOf } from "../../api/client";
import { choose, LANGUAGES, type Language } from "../../app/i18n";
import { Button } from "../../ui/Button";
import { Guarded } from "../../ui/Panel";
import css from "./front.module.css";

type Props = { title: ReactNode; intro?: ReactNode; children: ReactNode; below?: ReactNode };

/** A page without navigation: sign-in, setup, approval of a device. */
export function FrontPage({ title, intro, children, below }: Props) {
  const { t, i18n } = useLingui();
  return (
    <div className={css.page}>
      <main className={css.column}>
        <div className={css.brand}>
          <img src={urlOf("icon.svg")} alt="" /> Flow
        </div>
        <div className={css.card}>
          <div className={css.head}>
            <h1>{title}</h1>
            {intro && <p>{intro}</p>}
          </div>
          <Guarded>{children}</Guarded>
        </div>
        {below && <div className={css.below}>{below}</div>}
      </main>
      <footer className={css.foot} aria-label={t`Language`}>
        {(Object.keys(LANGUAGES) as Language[]).map((language) => (
          <Button key={language} kind="quiet" small lang={language} aria-pressed={i18n.locale === language} onClick={() => void choose(language)}>
            {LANGUAGES[language]}
          </Button>
        ))}
      </footer>
    </div>
  );
}
