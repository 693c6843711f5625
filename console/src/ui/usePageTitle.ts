import { useEffect } from "react";

/** Sets the title of the document, which screen readers announce after a navigation. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} – Flow`;
  }, [title]);
}
