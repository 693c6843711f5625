import { Page } from "../../ui/Panel";

export default function Submit() {
  return <Page title="Submit">{null}</Page>;
}
