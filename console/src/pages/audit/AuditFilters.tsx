import { Trans, useLingui } from "@lingui/react/macro";
import { SelectField, TextField } from "../../ui/Field";
import { ACTIONS } from "./actions";
import css from "./audit.module.css";
import type { AuditFilter } from "./filter";

type Props = { filter: AuditFilter; change: (part: AuditFilter) => void; projects: string[] };

export function AuditFilters({ filter, change, projects }: Props) {
  const { t } = useLingui();
  const actions = Object.entries(ACTIONS).map(([name, label]) => ({ name, label: t(label) }));
  if (filter.action && !(filter.action in ACTIONS)) actions.push({ name: filter.action, label: filter.action });
  const names = filter.in && !projects.includes(filter.in) ? [...projects, filter.in] : projects;
  return (
    <search className={css.filters} aria-label={t`Filter of the audit`}>
      <TextField label={<Trans>Account</Trans>} type="search" value={filter.actor ?? ""} onChange={(event) => change({ actor: event.target.value || undefined })} autoComplete="off" />
      <SelectField label={<Trans>Action</Trans>} value={filter.action ?? ""} onChange={(event) => change({ action: event.target.value || undefined })}>
        <option value="">{t`All`}</option>
        {actions.map(({ name, label }) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </SelectField>
      <SelectField label={<Trans>Project</Trans>} value={filter.in ?? ""} onChange={(event) => change({ in: event.target.value || undefined })}>
        <option value="">{t`All`}</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </SelectField>
      <TextField label={<Trans>Object, detail or address</Trans>} type="search" value={filter.text ?? ""} onChange={(event) => change({ text: event.target.value || undefined })} autoComplete="off" />
    </search>
  );
}
