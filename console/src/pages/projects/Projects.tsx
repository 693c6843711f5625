import { Page } from "../../ui/Panel";

export default function Projects() {
  return <Page title="Projects">{null}</Page>;
}
