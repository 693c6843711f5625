import { Page } from "../../ui/Panel";

export default function NewTemplate() {
  return <Page title="NewTemplate">{null}</Page>;
}
