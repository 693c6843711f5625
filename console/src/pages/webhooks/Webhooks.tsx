import { Page } from "../../ui/Panel";

export default function Webhooks() {
  return <Page title="Webhooks">{null}</Page>;
}
