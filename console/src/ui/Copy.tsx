import { Trans } from "@lingui/react/macro";
import { useState } from "react";
import { Button } from "./Button";

/** A button that copies a text. Without access to the clipboard it says so. */
export function Copy({ text }: { text: string }) {
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("done");
    } catch {
      setState("failed");
    }
  };
  return (
    <Button small onClick={() => void copy()}>
      {state === "done" ? <Trans>Copied</Trans> : state === "failed" ? <Trans>Select and copy it</Trans> : <Trans>Copy</Trans>}
    </Button>
  );
}

/** A text whose control characters and marks of direction are visible: names and messages of others. */
export function safeText(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
