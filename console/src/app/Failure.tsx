import { Trans } from "@lingui/react/macro";
import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { buttonClass } from "../ui/Button";
import { Page } from "../ui/Panel";
import { Problem } from "../ui/Problem";

export function NotFound() {
  return (
    <Page title={<Trans>There is no such page</Trans>}>
      <div>
        <Link to="/" className={buttonClass({})}>
          <Trans>Go to the overview</Trans>
        </Link>
      </div>
    </Page>
  );
}

/** A page that cannot be shown: a fault of the console, or a file of an earlier version. */
export function PageFailure({ error, reset }: ErrorComponentProps) {
  // After an upgrade of the hub the files of the old version are gone.
  const isOld = /dynamically imported module|Importing a module script failed/.test(String(error));
  return (
    <Page title={isOld ? <Trans>The hub has a newer console</Trans> : <Trans>This page cannot be shown</Trans>}>
      {!isOld && <Problem error={error} />}
      <div>
        <button type="button" className={buttonClass({})} onClick={isOld ? () => location.reload() : reset}>
          {isOld ? <Trans>Load it</Trans> : <Trans>Try again</Trans>}
        </button>
      </div>
    </Page>
  );
}
