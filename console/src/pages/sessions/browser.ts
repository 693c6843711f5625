const BROWSERS: [RegExp, string][] = [
  [/Edg(?:A|iOS)?\/(\d+)/, "Edge"],
  [/OPR\/(\d+)/, "Opera"],
  [/Firefox\/(\d+)/, "Firefox"],
  [/HeadlessChrome\/(\d+)/, "Headless Chrome"],
  [/(?:Chrome|CriOS)\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari/, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux|X11/, "Linux"],
];

/** Name of the browser and the system in a `User-Agent`, such as `Firefox 140, Linux`. Browsers choose
 *  this text: it is for people only. */
export function browserOf(client: string): string | undefined {
  for (const [pattern, name] of BROWSERS) {
    const version = pattern.exec(client)?.[1];
    if (version === undefined) continue;
    const system = SYSTEMS.find(([each]) => each.test(client))?.[1];
    return [`${name} ${version}`, system].filter(Boolean).join(", ");
  }
  return undefined;
}
