import { Page } from "../../ui/Panel";

export default function Template() {
  return <Page title="Template">{null}</Page>;
}
