import { Page } from "../../ui/Panel";

export default function Task() {
  return <Page title="Task">{null}</Page>;
}
