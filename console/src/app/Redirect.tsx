import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";

/** Goes to another page, once: the component is rendered again while the other page is loaded, and a
 *  redirect at each rendering would begin the loading anew without end. */
export function Redirect({ to, back }: { to: "/sign-in" | "/setup"; back?: string | undefined }) {
  const navigate = useNavigate();
  useEffect(() => {
    void navigate({ to, search: { back } as never, replace: true });
    // oxlint-disable-next-line exhaustive-deps
  }, []);
  return null;
}
