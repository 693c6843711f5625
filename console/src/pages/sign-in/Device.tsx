import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useLocation, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, ApiError, bodyOf, type Schemas } from "../../api/client";
import { meQuery } from "../../api/queries";
import { Button, buttonClass } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { TextField } from "../../ui/Field";
import { Facts, Note } from "../../ui/Panel";
import { Loaded, Problem } from "../../ui/Problem";
import { Time } from "../../ui/Time";
import { Redirect } from "../../app/Redirect";
import { usePageTitle } from "../../ui/usePageTitle";
import css from "./front.module.css";
import { FrontPage } from "./FrontPage";

/** Approves or denies the sign-in of a device, such as `flowctl login --device` on a remote machine. */
export default function Device() {
  const { t } = useLingui();
  usePageTitle(t`Sign in a device`);
  const me = useQuery({ ...meQuery, retry: false, retryOnMount: false });
  const { pathname, searchStr } = useLocation();
  const { user_code: code } = useSearch({ strict: false }) as { user_code?: string };
  const [decision, setDecision] = useState<"approved" | "denied">();
  if (me.error instanceof ApiError && me.error.status === 401) return <Redirect to="/sign-in" back={pathname + searchStr} />;
  if (!me.data)
    return me.error ? (
      <FrontPage title={<Trans>Sign in a device</Trans>}>
        <Problem error={me.error} retry={() => void me.refetch()} />
      </FrontPage>
    ) : null;
  if (decision) return <Decided decision={decision} name={me.data.name} />;
  return (
    <FrontPage
      title={<Trans>Sign in a device</Trans>}
      intro={<Trans>A program without a browser, such as flowctl in an SSH session, shows a code of eight letters.</Trans>}
      below={
        <Trans>
          Signed in as {me.data.name} · <Link to="/">Open the console</Link>
        </Trans>
      }
    >
      {code === undefined ? <CodeEntry /> : <Request code={code} name={me.data.name} onDecided={setDecision} />}
    </FrontPage>
  );
}

function CodeEntry() {
  const [code, setCode] = useState("");
  const navigate = useNavigate();
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (code.trim() !== "") void navigate({ to: "/device", search: { user_code: code.trim() } as never });
      }}
    >
      <div className={css.code}>
        <TextField label={<Trans>Code of the device</Trans>} value={code} onChange={(event) => setCode(event.target.value)} placeholder="WDJB-MJHT" autoComplete="off" autoCapitalize="characters" maxLength={16} required />
      </div>
      <Button kind="primary" type="submit">
        <Trans>Continue</Trans>
      </Button>
    </form>
  );
}

type RequestProps = { code: string; name: string; onDecided: (decision: "approved" | "denied") => void };

function Request({ code, name, onDecided }: RequestProps) {
  const request = useQuery({
    queryKey: ["device", code],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/device-sign-ins/{user_code}", { params: { path: { user_code: code } }, signal })),
    retry: false,
  });
  const other = (
    <Link to="/device" search={{} as never} className={buttonClass({})}>
      <Trans>Enter another code</Trans>
    </Link>
  );
  if (request.error)
    return (
      <>
        <Problem error={request.error} />
        <div className={css.actions}>{other}</div>
      </>
    );
  return <Loaded query={request}>{(device) => <Decision device={device} name={name} onDecided={onDecided} />}</Loaded>;
}

function Decision({ device, name, onDecided }: { device: Schemas["DeviceRequest"]; name: string; onDecided: RequestProps["onDecided"] }) {
  const path = { user_code: device.user_code };
  const decide = useMutation({
    mutationFn: async (decision: "approved" | "denied") => {
      await (decision === "approved" ? api.POST("/api/v2/device-sign-ins/{user_code}/approve", { params: { path } }) : api.POST("/api/v2/device-sign-ins/{user_code}/deny", { params: { path } }));
      return decision;
    },
    onSuccess: onDecided,
  });
  return (
    <>
      <Facts
        items={[
          [<Trans>Code</Trans>, <code>{device.user_code}</code>],
          [<Trans>Device</Trans>, safeText(device.client) || <Trans>without a name</Trans>],
          [<Trans>Address</Trans>, <code>{device.address}</code>],
          [<Trans>Asked</Trans>, <Time at={device.created_at} />],
          [<Trans>Code expires</Trans>, <Time at={device.expires_at} />],
        ]}
      />
      <Note tone="warn">
        <Trans>Approve only a code that your own device shows now. The device then acts as {name}, with all rights of this account.</Trans>
      </Note>
      <Problem error={decide.error} />
      <div className={css.actions}>
        <Button kind="primary" pending={decide.isPending} onClick={() => decide.mutate("approved")}>
          <Trans>Approve</Trans>
        </Button>
        <Button kind="danger" pending={decide.isPending} onClick={() => decide.mutate("denied")}>
          <Trans>Deny</Trans>
        </Button>
      </div>
    </>
  );
}

function Decided({ decision, name }: { decision: "approved" | "denied"; name: string }) {
  return (
    <FrontPage
      title={decision === "approved" ? <Trans>The device is approved</Trans> : <Trans>The device is denied</Trans>}
      intro={
        decision === "approved" ? (
          <Trans>It signs in as {name} within a few seconds and has an API token for 90 days. Delete the token to sign the device out.</Trans>
        ) : (
          <Trans>It gets no access. Its code is not valid any more.</Trans>
        )
      }
    >
      <div className={css.actions}>
        <Link to="/tokens" className={buttonClass({})}>
          <Trans>API tokens</Trans>
        </Link>
        <Link to="/" className={buttonClass({})}>
          <Trans>Open the console</Trans>
        </Link>
      </div>
    </FrontPage>
  );
}
