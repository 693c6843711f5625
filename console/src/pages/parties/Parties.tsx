import { Page } from "../../ui/Panel";

export default function Parties() {
  return <Page title="Parties">{null}</Page>;
}
