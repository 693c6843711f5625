import { Page } from "../../ui/Panel";

export default function Templates() {
  return <Page title="Templates">{null}</Page>;
}
