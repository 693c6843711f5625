import { Page } from "../../ui/Panel";

export default function Edit() {
  return <Page title="Edit">{null}</Page>;
}
