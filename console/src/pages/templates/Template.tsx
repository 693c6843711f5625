import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { hasRole, useMe } from "../../app/session";
import { templateQuery, type Template as Content } from "../../forms/template";
import { Button, buttonClass } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Page } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Tabs } from "../../ui/Tabs";
import { usePageTitle } from "../../ui/usePageTitle";
import { ContentTab } from "./ContentTab";
import { DeleteTemplate } from "./DeleteTemplate";
import { EditTab } from "./EditTab";
import { RevisionsTab } from "./RevisionsTab";

/** A template: its content and tasks, its revisions with what changed, a new revision. */
export default function Template() {
  const { t } = useLingui();
  const { template: reference = "" } = useParams({ strict: false }) as { template?: string };
  const template = useQuery(templateQuery(reference));
  usePageTitle(template.data?.name ?? t`Template`);
  if (template.data === undefined)
    return (
      <Page title={<Trans>Template</Trans>}>
        <Loaded query={template}>{() => null}</Loaded>
      </Page>
    );
  return <Found template={template.data} />;
}

function Found({ template }: { template: Content }) {
  const { t } = useLingui();
  const me = useMe();
  const { tab = "content" } = useSearch({ strict: false }) as { tab?: string };
  const [isDeleting, setDeleting] = useState(false);
  return (
    <Page
      title={safeText(template.name)}
      intro={template.remark ? safeText(template.remark) : undefined}
      actions={
        <>
          <Link to="/tasks/new" search={{ template: template.id } as never} className={buttonClass({ kind: "primary" })}>
            <Trans>New task from this template</Trans>
          </Link>
          <Link to="/templates/new" search={{ from: template.id } as never} className={buttonClass({})}>
            <Trans>Copy as new</Trans>
          </Link>
          <Button kind="danger" disabledReason={hasRole(me, "operator") ? undefined : t`Only operators of the project may delete templates.`} onClick={() => setDeleting(true)}>
            <Trans>Delete</Trans>
          </Button>
        </>
      }
    >
      <Tabs
        label={t`Views of the template`}
        current={tab}
        tabs={[
          { key: "content", title: <Trans>Content</Trans> },
          { key: "revisions", title: <Trans>Revisions ({template.revision})</Trans> },
          { key: "edit", title: <Trans>Edit</Trans> },
        ]}
      />
      {tab === "revisions" ? <RevisionsTab template={template} /> : tab === "edit" ? <EditTab template={template} /> : <ContentTab template={template} />}
      <DeleteTemplate template={template} open={isDeleting} onClose={() => setDeleting(false)} />
    </Page>
  );
}
