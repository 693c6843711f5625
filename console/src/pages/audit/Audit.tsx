import { Page } from "../../ui/Panel";

export default function Audit() {
  return <Page title="Audit">{null}</Page>;
}
