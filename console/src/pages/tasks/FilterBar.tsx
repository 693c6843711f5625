import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { partiesQuery, templatesQuery } from "../../api/queries";
import { Button } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { CreatedFilter } from "./CreatedFilter";
import { listOf, orderOf, textOf, type FilterProps } from "./filters";
import { PhaseFilter } from "./PhaseFilter";
import css from "./tasks.module.css";

export function FilterBar({ search, change }: FilterProps) {
  const { t } = useLingui();
  const [isOpen, setOpen] = useState(false);
  const parties = useQuery(partiesQuery);
  const templates = useQuery(templatesQuery);
  const labels = listOf(search.label);
  const count = [search.phase, search.party, search.template, search.label, search.since ?? search.before].filter(Boolean).length;
  const templateItems = templates.data?.items ?? [];
  return (
    <div className={css.filters} role="search" aria-label={t`Filter tasks`}>
      <NameFilter value={search.name ?? ""} change={(name) => change({ name: name || undefined })} />
      <button type="button" className={css.more} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {count > 0 ? <Trans>Filters ({count})</Trans> : <Trans>Filters</Trans>}
      </button>
      <div className={css.choices} data-open={isOpen || undefined}>
        <PhaseFilter search={search} change={change} />
        <Choice
          label={t`Party`}
          none={t`Any party`}
          value={search.party}
          options={(parties.data?.items ?? []).map(({ name }) => [name, name])}
          change={(party) => change({ party })}
        />
        <Choice
          label={t`Template`}
          none={t`Any template`}
          // A link may name the template instead of its id.
          value={templateItems.find(({ id, name }) => id === search.template || name === search.template)?.id ?? search.template}
          options={templateItems.map(({ id, name }) => [id, name])}
          change={(template) => change({ template })}
        />
        <CreatedFilter search={search} change={change} />
        <LabelFilter add={(label) => change({ label: textOf([...new Set([...labels, label])]) })} />
      </div>
      {labels.length > 0 && (
        <div className={css.chips}>
          {labels.map((label) => (
            <Button key={label} small aria-label={t`Remove the filter ${label}`} onClick={() => change({ label: textOf(labels.filter((each) => each !== label)) })}>
              <span className={css.chipText}>{safeText(label)}</span> ×
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}

const TYPING_MS = 250;

/** The beginning of the name. The list follows after a pause in typing. */
function NameFilter({ value, change }: { value: string; change: (name: string) => void }) {
  const { t } = useLingui();
  const [text, setText] = useState(value);
  const sent = useRef(value);
  useEffect(() => {
    // Back, forward or "clear" changed the URL.
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = text;
      change(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, change]);
  return <input type="search" className={`${css.control} ${css.name}`} aria-label={t`Name begins with`} placeholder={t`Name begins with…`} value={text} spellCheck={false} autoComplete="off" onChange={(event) => setText(event.target.value)} />;
}

type ChoiceProps = { label: string; none: string; value: string | undefined; options: [value: string, label: string][]; change: (value: string | undefined) => void };

function Choice({ label, none, value, options, change }: ChoiceProps) {
  const isKnown = value === undefined || options.some(([each]) => each === value);
  return (
    <select className={css.control} aria-label={label} value={value ?? ""} data-set={value !== undefined || undefined} onChange={(event) => change(event.target.value || undefined)}>
      <option value="">{none}</option>
      {!isKnown && <option value={value}>{safeText(value)}</option>}
      {options.map(([each, text]) => (
        <option key={each} value={each}>
          {safeText(text)}
        </option>
      ))}
    </select>
  );
}

function LabelFilter({ add }: { add: (label: string) => void }) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const label = text.trim();
  const isValid = /^[^=,\s]+=[^=,\s]*$/.test(label);
  return (
    <form
      className={css.label}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isValid) return;
        add(label);
        setText("");
      }}
    >
      <input
        className={css.control}
        aria-label={t`Label, as name=value; Enter adds it`}
        placeholder={t`Label name=value`}
        title={label !== "" && !isValid ? t`Write a label as name=value.` : undefined}
        aria-invalid={(label !== "" && !isValid) || undefined}
        value={text}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
      />
    </form>
  );
}

export function SortChoice({ search, change }: FilterProps) {
  const { t } = useLingui();
  const { sort, direction } = orderOf(search);
  const options: [string, string][] = [
    ["created.desc", t`Newest first`],
    ["created.asc", t`Oldest first`],
    ["modified.desc", t`Last edited first`],
    ["modified.asc", t`Last edited last`],
    ["name.asc", t`Name, A to Z`],
    ["name.desc", t`Name, Z to A`],
  ];
  return (
    <select
      className={css.control}
      aria-label={t`Order`}
      value={`${sort}.${direction}`}
      onChange={(event) => {
        const [by, way] = event.target.value.split(".");
        change({ sort: by, direction: way });
      }}
    >
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}
