import { Page } from "../../ui/Panel";

export default function Tokens() {
  return <Page title="Tokens">{null}</Page>;
}
