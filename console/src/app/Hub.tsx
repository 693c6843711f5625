import { RouterProvider } from "@tanstack/react-router";
import { router } from "./router";

/** The console of a hub. */
export default function Hub() {
  return <RouterProvider router={router} />;
}
