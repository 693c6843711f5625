import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { api, ApiError, bodyOf } from "../api/client";
import { keys } from "../api/queries";
import { Button, buttonClass } from "../ui/Button";
import controls from "../ui/controls.module.css";
import { Loaded } from "../ui/Problem";
import { numberOf, textOf } from "./Fields";
import { useForm, useText, type FieldProps } from "./form";
import css from "./forms.module.css";
import { pointerOf } from "./schema";
import { useTaskTemplate } from "./template";

/** The name, which files use, unless it reads like an id. */
export function referenceOf({ id, name }: { id: string; name: string }): string {
  return /^[0-9a-f]{32}$/.test(name) ? id : name;
}

/** The chosen template, or the list to choose one from. */
export function TemplateField({ path, value, label }: FieldProps) {
  const form = useForm();
  const { t } = useLingui();
  const text = useText();
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const revision = form.schema.properties?.["revision"];
  const { template, content, error } = useTaskTemplate(form.value);
  const name = textOf(value);
  const message = form.errorAt(path) ?? form.errorAt(["revision"]) ?? (error instanceof ApiError && error.status === 404 ? error.message : undefined);
  const isOld = template && content && content.revision !== template.revision;
  return (
    <div className={`${controls.field} ${css.wide}`} data-pointer={pointerOf(path)}>
      <span className={`${controls.label} ${controls.required}`}>{label}</span>
      {name !== "" && (
        <div className={css.chosen}>
          <div className={css.chosenText}>
            <strong>{template?.name ?? name}</strong>
            {content && (
              <span className={controls.help}>
                {content.framework} · {content.image} · <Trans>revision {content.revision}</Trans>
              </span>
            )}
            {content?.remark && <span className={controls.help}>{content.remark}</span>}
          </div>
          <div className={css.revision} data-pointer="/revision">
            <label htmlFor={id}>
              <Trans>Revision</Trans>
            </label>
            <input
              id={id}
              className={controls.input}
              type="text"
              inputMode="numeric"
              autoComplete="off"
              title={text(revision?.description)}
              placeholder={template ? t`${template.revision} (newest)` : ""}
              aria-invalid={form.errorAt(["revision"]) ? true : undefined}
              value={textOf(form.value["revision"])}
              onChange={(event) => form.set(["revision"], numberOf(event.target.value))}
              onBlur={() => form.touch(["revision"])}
            />
          </div>
          {isOld && (
            <Button small onClick={() => form.set(["revision"], template.revision)}>
              <Trans>Use revision {template.revision}</Trans>
            </Button>
          )}
          <Button small onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
            <Trans>Change</Trans>
          </Button>
        </div>
      )}
      {(name === "" || isOpen) && (
        <Choose
          current={template?.id}
          choose={(chosen) => {
            form.set(path, chosen);
            form.set(["revision"], undefined);
            setOpen(false);
          }}
        />
      )}
      {message && <div className={controls.error}>{message}</div>}
    </div>
  );
}

function Choose({ current, choose }: { current: string | undefined; choose: (name: string) => void }) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const prefix = text.trim();
  const templates = useQuery({
    queryKey: [...keys.templates, "list", prefix],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/templates", { params: { query: { limit: 50, ...(prefix === "" ? {} : { name: prefix }) } }, signal })),
    placeholderData: keepPreviousData,
  });
  return (
    <Loaded query={templates}>
      {({ items, next }) => (
        <div className={css.picker}>
          {(prefix !== "" || items.length > 5) && <input className={controls.input} type="search" aria-label={t`Search templates by name`} placeholder={t`Search templates by name`} value={text} onChange={(event) => setText(event.target.value)} />}
          {items.length === 0 ? (
            <div className={css.pickerEmpty}>
              {prefix === "" ? <Trans>The project has no templates yet. A template names the program that the parties run.</Trans> : <Trans>No template has a name that begins like this.</Trans>}
              {prefix === "" && (
                <Link to="/templates/new" className={buttonClass({ small: true })}>
                  <Trans>New template</Trans>
                </Link>
              )}
            </div>
          ) : (
            <ul className={css.options}>
              {items.map((template) => (
                <li key={template.id}>
                  <button type="button" className={css.option} aria-pressed={template.id === current} onClick={() => choose(referenceOf(template))}>
                    <strong>{template.name}</strong>
                    <span className={controls.help}>
                      {template.framework} · {template.image} · <Trans>revision {template.revision}</Trans> · <Plural value={Object.keys(template.parameters).length} one="# parameter" other="# parameters" />
                    </span>
                    {template.remark && <span className={controls.help}>{template.remark}</span>}
                  </button>
                </li>
              ))}
            </ul>
          )}
          {next && (
            <div className={controls.help}>
              <Trans>There are more: search by name.</Trans>
            </div>
          )}
        </div>
      )}
    </Loaded>
  );
}
