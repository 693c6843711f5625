import { Page } from "../../ui/Panel";

export default function Project() {
  return <Page title="Project">{null}</Page>;
}
