import { Trans, useLingui } from "@lingui/react/macro";
import { useId, useRef, useState } from "react";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import css from "./yaml.module.css";
import type { YamlError } from "./yaml";

type Props = {
  text: string;
  onChange: (text: string) => void;
  error: YamlError | undefined;
  /** Lines with a value that is not accepted. */
  marks: ReadonlySet<number>;
  /** Writes the text again from the form. */
  restore: () => void;
  /** Name of the file for a download. */
  file: string;
};

/** The document as text, beside the form. */
export function YamlView({ text, onChange, error, marks, restore, file }: Props) {
  const { t } = useLingui();
  const id = useId();
  const [top, setTop] = useState(0);
  const area = useRef<HTMLTextAreaElement>(null);
  const lines = text.split("\n").length;
  const goTo = ({ line, column }: YamlError) => {
    const at = text.split("\n").slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
    area.current?.focus();
    area.current?.setSelectionRange(at, at);
  };
  const download = () => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: `${file.replace(/[^\p{L}\p{N}._-]+/gu, "-") || "document"}.yaml` });
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <section className={css.panel} aria-labelledby={`${id}-title`}>
      <div className={css.head}>
        <h2 id={`${id}-title`}>YAML</h2>
        <Button small onClick={download}>
          <Trans>Download</Trans>
        </Button>
        <Copy text={text} />
      </div>
      <div className={css.editor}>
        <div className={css.gutter} aria-hidden>
          <div style={{ transform: `translateY(${-top}px)` }}>
            {Array.from({ length: lines }, (_, index) => (
              // oxlint-disable-next-line no-array-index-key
              <div key={index} className={css.number} data-tone={error?.line === index + 1 ? "bad" : marks.has(index + 1) ? "warn" : undefined}>
                {index + 1}
              </div>
            ))}
          </div>
        </div>
        <textarea
          ref={area}
          className={css.text}
          value={text}
          rows={Math.max(12, lines + 1)}
          wrap="off"
          spellCheck={false}
          autoCapitalize="none"
          autoComplete="off"
          aria-labelledby={`${id}-title`}
          aria-describedby={`${id}-note`}
          aria-invalid={error ? true : undefined}
          onChange={(event) => onChange(event.target.value)}
          onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        />
      </div>
      <div id={`${id}-note`} className={css.note} role={error ? "alert" : undefined} data-tone={error ? "bad" : undefined}>
        {error ? (
          <>
            <span>
              <Trans>
                Line {error.line}, column {error.column}:
              </Trans>{" "}
              {error.reason === "kind" ? t`the document must have the field kind with the right value` : error.reason === "mapping" ? t`the document must be a mapping of fields` : error.reason === "several" ? t`one document only; apply several with flowctl` : error.reason === "large" ? t`the document is too large` : error.message}
            </span>
            <span className={css.actions}>
              <Button small onClick={() => goTo(error)}>
                <Trans>Go to the error</Trans>
              </Button>
              <Button small onClick={restore}>
                <Trans>Restore from the form</Trans>
              </Button>
            </span>
          </>
        ) : (
          <span>
            <Trans>
              The file for <code>flowctl apply -f</code>. Form and text follow each other.
            </Trans>
          </span>
        )}
      </div>
    </section>
  );
}
