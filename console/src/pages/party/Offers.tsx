import { Trans, useLingui } from "@lingui/react/macro";
import { safeText } from "../../ui/Copy";
import { Badge, Empty, Panel } from "../../ui/Panel";
import { Table, type Column } from "../../ui/Table";
import type { Configuration } from "./data";

type Image = Configuration["images"][number];
type Dataset = Configuration["datasets"][number];

export function Images({ images }: { images: Image[] }) {
  const { t } = useLingui();
  const columns: Column<Image>[] = [
    { key: "name", title: <Trans>Image</Trans>, cell: (image) => <code>{safeText(image.name)}</code> },
    { key: "allow", title: <Trans>Use</Trans>, cell: (image) => <Use allow={image.allow} /> },
    { key: "meaning", title: <Trans>Meaning at this party</Trans>, cell: (image) => <Meaning text={image.meaning} /> },
    { key: "env", title: <Trans>Variables that templates may set</Trans>, cell: (image) => (image.env.length === 0 ? "–" : <code>{safeText(image.env.join(", "))}</code>) },
  ];
  return (
    <Panel title={<Trans>Images</Trans>} padded={false}>
      {images.length === 0 ? (
        <Empty title={<Trans>The party has no images, and so runs no workload</Trans>}>
          <p>
            <Trans>Add an [images] section to agent.toml and reload the agent.</Trans>
          </p>
        </Empty>
      ) : (
        <Table label={t`Images`} columns={columns} rows={images} rowKey={(image) => image.name} />
      )}
    </Panel>
  );
}

function Use({ allow }: { allow: string }) {
  if (allow === "yes")
    return (
      <Badge tone="good">
        <Trans>allowed</Trans>
      </Badge>
    );
  if (allow === "ask")
    return (
      <Badge tone="warn">
        <Trans>asks for approval</Trans>
      </Badge>
    );
  if (allow === "no")
    return (
      <Badge tone="bad">
        <Trans>refused</Trans>
      </Badge>
    );
  return <Badge>{safeText(allow)}</Badge>;
}

export function Datasets({ datasets }: { datasets: Dataset[] }) {
  const { t } = useLingui();
  const columns: Column<Dataset>[] = [
    { key: "name", title: <Trans>Dataset</Trans>, cell: (dataset) => <code>{safeText(dataset.name)}</code> },
    { key: "meaning", title: <Trans>Meaning at this party</Trans>, cell: (dataset) => <Meaning text={dataset.meaning} /> },
    { key: "path", title: <Trans>Path in API version 1</Trans>, cell: (dataset) => (dataset.v1_path ? <code>{safeText(dataset.v1_path)}</code> : "–") },
  ];
  return (
    <Panel title={<Trans>Datasets</Trans>} padded={false}>
      {datasets.length === 0 ? (
        <Empty title={<Trans>The party offers no datasets</Trans>}>
          <p>
            <Trans>Trainers need data: add a [datasets] section to agent.toml and reload the agent.</Trans>
          </p>
        </Empty>
      ) : (
        <Table label={t`Datasets`} columns={columns} rows={datasets} rowKey={(dataset) => dataset.name} />
      )}
    </Panel>
  );
}

/** A directory, or an object of Kubernetes as JSON. */
function Meaning({ text }: { text: string }) {
  return <code>{safeText(text)}</code>;
}
