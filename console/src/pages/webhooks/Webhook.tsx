import { Page } from "../../ui/Panel";

export default function Webhook() {
  return <Page title="Webhook">{null}</Page>;
}
