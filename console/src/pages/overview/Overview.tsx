import { Page } from "../../ui/Panel";

export default function Overview() {
  return <Page title="Overview">{null}</Page>;
}
