import { RouterProvider } from "@tanstack/react-router";
import { router } from "./router";

/** The console of an agent: the members and the configuration of its party. */
export default function Party() {
  return <RouterProvider router={router as never} />;
}
