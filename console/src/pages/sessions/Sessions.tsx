import { Page } from "../../ui/Panel";

export default function Sessions() {
  return <Page title="Sessions">{null}</Page>;
}
