import { Page } from "../../ui/Panel";

export default function Party() {
  return <Page title="Party">{null}</Page>;
}
