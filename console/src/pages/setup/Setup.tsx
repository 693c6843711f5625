import { Page } from "../../ui/Panel";

export default function Setup() {
  return <Page title="Setup">{null}</Page>;
}
