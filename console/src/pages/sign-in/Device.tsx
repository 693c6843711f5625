import { Page } from "../../ui/Panel";

export default function Device() {
  return <Page title="Device">{null}</Page>;
}
