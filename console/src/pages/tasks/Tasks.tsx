import { Page } from "../../ui/Panel";

export default function Tasks() {
  return <Page title="Tasks">{null}</Page>;
}
