import { Page } from "../../ui/Panel";

export default function Compare() {
  return <Page title="Compare">{null}</Page>;
}
