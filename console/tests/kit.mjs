// What the browser tests share: a hub with two agents and a real training (the quickstart), accounts,
// Chromium, accessibility checks and pictures.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const run = promisify(execFile);
const repo = fileURLToPath(new URL("../..", import.meta.url));
export const PASSWORD = "correct horse battery";
/** Longest wait for something that a person waits for, in milliseconds. */
export const PATIENCE = 60_000;

const bin = process.env.BIN ?? join(repo, "target/debug");
const shots = process.env.FLOW_SHOTS ?? join(repo, "target/console");

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A hub, two agents and a finished training of digits, as `KEEP=1 make quickstart` leaves them. */
export class Quickstart {
  static async start() {
    const self = new Quickstart();
    self.folder = await mkdtemp(join(tmpdir(), "flow-console-"));
    const [rest, grpc] = [await freePort(), await freePort()];
    self.env = { ...process.env, BIN: bin, RUN_DIR: self.folder, KEEP: "1", REST_PORT: String(rest), GRPC_PORT: String(grpc) };
    self.url = `http://127.0.0.1:${rest}`;
    self.printed = await self.#script();
    return self;
  }

  async #script(verb) {
    const { stdout, stderr } = await run(join(repo, "tools/quickstart.sh"), verb ? [verb] : [], { env: this.env, maxBuffer: 1 << 24 });
    return stdout + stderr;
  }

  /** Runs flowctl as the administrator of the quickstart. */
  async flowctl(...args) {
    const env = { ...process.env, FLOW_SERVER: this.url, FLOW_TOKEN_FILE: join(this.folder, "token") };
    const { stdout } = await run(join(bin, "flowctl"), args, { env, maxBuffer: 1 << 24 });
    return stdout;
  }

  async json(...args) {
    return JSON.parse(await this.flowctl(...args, "-o", "json"));
  }

  /** Gives an account a password, and creates the account if its name is new. */
  async account(name, ...create) {
    const file = join(this.folder, `${name}.password`);
    await writeFile(file, PASSWORD, { mode: 0o600 });
    if (create.length > 0) await this.flowctl("user", "create", name, "--password-file", file, ...create.filter((each) => each !== true));
    else await this.flowctl("user", "set-password", name, "--password-file", file);
  }

  /** The account that the quickstart made. */
  async owner() {
    return (await this.json("whoami")).name;
  }

  /** Kills the hub with SIGKILL. */
  async killHub() {
    for (const pid of await this.#hubs()) process.kill(pid, "SIGKILL");
    for (;;) if ((await this.#hubs()).length === 0) return;
  }

  /** Starts what the quickstart started again, as far as it is not running. */
  async startHub() {
    await this.#hub();
  }

  async #hub() {
    // The quickstart's `start` wants nothing to run; the agents of this one are still up.
    const child = spawn(join(bin, "flow-server"), ["--config", join(this.folder, "hub.toml")], { stdio: "ignore", detached: true });
    child.unref();
    await until("the hub", async () => (await fetch(`${this.url}/readyz`).catch(() => undefined))?.ok);
  }

  async #hubs() {
    const { stdout } = await run("pgrep", ["-f", `flow-server.*${this.folder}/hub.toml`]).catch(() => ({ stdout: "" }));
    return stdout.split("\n").filter(Boolean).map(Number);
  }

  async stop() {
    await this.#script("stop").catch((error) => console.error(error));
    await rm(this.folder, { recursive: true, force: true });
  }

  log(name) {
    return readFile(join(this.folder, `${name}.log`), "utf8");
  }
}

/** Waits until `check` returns a value. */
export async function until(what, check, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Chromium from the distribution. */
export async function browser() {
  const path = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((file) => existsSync(file));
  if (!path) throw new Error("Chromium is missing; install it with: apt-get install chromium");
  return chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

/** A browser window. Errors of the page fail the test, except for failed requests that it provokes. */
export async function open(chrome, url, { theme = "light", width = 1280, language = "en-GB" } = {}) {
  const context = await chrome.newContext({ baseURL: url, viewport: { width, height: 900 }, colorScheme: theme, locale: language });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // A failed request is an error of the network, which the page has to show.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  return { context, page, errors };
}

/** Signs in with name and password. */
export async function signIn(page, name, password = PASSWORD) {
  await page.goto("/sign-in");
  await page.getByLabel("Name", { exact: false }).fill(name);
  await page.getByLabel("Password", { exact: false }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Fails on accessibility faults that axe calls serious or critical. */
export async function accessible(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  if (serious.length > 0) {
    const lines = serious.flatMap(({ id, help, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${help}: ${node.target.join(" ")} ${node.html.slice(0, 200)} ${node.failureSummary ?? ""}`));
    throw new Error(lines.join("\n"));
  }
}

/** Keeps a picture of the page. */
export async function picture(page, name) {
  const file = join(shots, `${name}.png`);
  await mkdir(dirname(file), { recursive: true });
  await page.screenshot({ path: file, fullPage: true });
}

/** Waits until the page shows its content. */
export async function settled(page) {
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await until("the data", async () => (await page.getByText("Loading…").count()) === 0 && (await page.getByText("正在加载").count()) === 0);
}
