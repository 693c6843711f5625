import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { safeText } from "../../ui/Copy";
import { Badge, Empty, Facts, Panel } from "../../ui/Panel";
import { bytes } from "../../ui/Time";
import type { Party } from "./data";
import css from "./parties.module.css";

/** What the agent reports. A newer agent may report more: it is shown as it is. */
export function Inventory({ party: { inventory, agent } }: { party: Party }) {
  if (!inventory)
    return (
      <Panel title={<Trans>Inventory</Trans>} padded={false}>
        <Empty title={<Trans>There is no inventory</Trans>}>
          <p>{agent ? <Trans>The agent has not reported one yet.</Trans> : <Trans>The agent reports its images, datasets and resources when it connects for the first time.</Trans>}</p>
        </Empty>
      </Panel>
    );
  const { images, datasets, resources, runtime, v1_paths: paths, ...others } = inventory as Record<string, unknown>;
  return (
    <Panel title={<Trans>Inventory</Trans>}>
      <Facts
        items={[
          [<Trans>Images</Trans>, <Images value={images} />],
          [<Trans>Datasets</Trans>, <Datasets value={datasets} />],
          [<Trans>Resources</Trans>, <Resources value={resources} />],
          [<Trans>Runtime</Trans>, <Pairs value={runtime} />],
          ...(paths === undefined ? [] : [[<Trans>Paths of API version 1</Trans>, <Pairs value={paths} />] as [ReactNode, ReactNode]]),
          ...Object.entries(others).map(([name, value]): [ReactNode, ReactNode] => [safeText(name), <code>{safeText(JSON.stringify(value))}</code>]),
        ]}
      />
    </Panel>
  );
}

function Images({ value }: { value: unknown }) {
  if (value === undefined) return <Hidden />;
  const images = entriesOf(value);
  if (images.length === 0) return <Trans>none: the party runs no program yet</Trans>;
  return (
    <ul className={css.names}>
      {images.map(([name, allow]) => (
        <li key={name}>
          <code>{safeText(name)}</code> <Permission allow={allow} />
        </li>
      ))}
    </ul>
  );
}

function Permission({ allow }: { allow: unknown }) {
  if (allow === true) return null;
  if (allow === "ask")
    return (
      <Badge tone="warn">
        <Trans>asks a person</Trans>
      </Badge>
    );
  if (allow === false)
    return (
      <Badge tone="bad">
        <Trans>refused</Trans>
      </Badge>
    );
  return <Badge>{safeText(textOf(allow))}</Badge>;
}

function Datasets({ value }: { value: unknown }) {
  if (value === undefined) return <Hidden />;
  const names = Array.isArray(value) ? value : [];
  if (names.length === 0) return <Trans>none</Trans>;
  return (
    <ul className={css.names}>
      {names.map((name) => (
        <li key={textOf(name)}>
          <code>{safeText(textOf(name))}</code>
        </li>
      ))}
    </ul>
  );
}

function Hidden() {
  return <Trans>The party does not disclose names.</Trans>;
}

function Resources({ value }: { value: unknown }) {
  const { i18n } = useLingui();
  const { cpu_millis: cpu, memory_mib: memory, ...others } = Object.fromEntries(entriesOf(value));
  const parts = [
    typeof cpu === "number" && cpu > 0 ? <Trans>{i18n.number(cpu / 1000)} cores</Trans> : <Trans>processor without limit</Trans>,
    typeof memory === "number" && memory > 0 ? <Trans>{bytes(memory * 1024 * 1024)} memory</Trans> : <Trans>memory without limit</Trans>,
  ];
  return (
    <>
      <Trans>
        {parts[0]}, {parts[1]}
      </Trans>
      {Object.keys(others).length > 0 && (
        <div>
          <Pairs value={others} />
        </div>
      )}
    </>
  );
}

function Pairs({ value }: { value: unknown }) {
  const pairs = entriesOf(value);
  if (pairs.length === 0) return <>–</>;
  return (
    <ul className={css.names}>
      {pairs.map(([name, each]) => (
        <li key={name}>
          {safeText(name)} <code>{safeText(textOf(each))}</code>
        </li>
      ))}
    </ul>
  );
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
