import { Page } from "../../ui/Panel";

export default function System() {
  return <Page title="System">{null}</Page>;
}
