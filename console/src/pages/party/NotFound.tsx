import { Trans } from "@lingui/react/macro";
import { buttonClass } from "../../ui/Button";
import { Page } from "../../ui/Panel";
import { PageLink } from "./links";

export function NotFound() {
  return (
    <Page title={<Trans>There is no such page</Trans>}>
      <div>
        <PageLink to="/" className={buttonClass({})}>
          <Trans>Go to the members</Trans>
        </PageLink>
      </div>
    </Page>
  );
}
