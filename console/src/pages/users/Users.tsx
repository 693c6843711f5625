import { Page } from "../../ui/Panel";

export default function Users() {
  return <Page title="Users">{null}</Page>;
}
