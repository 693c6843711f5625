// Figures of the console, for `make bench ONLY=console`: prints one JSON object.
// usage: node console/tests/figures.mjs URL NAME   (the password is in the variable FLOW_PASSWORD)
//
// The events are synthetic: a proxy before the hub replaces the event stream and passes on all else.
import { createServer, request } from "node:http";
import { once } from "node:events";
import { browser, open, settled, signIn, until } from "./kit.mjs";

const [hub, user] = process.argv.slice(2);
const password = process.env.FLOW_PASSWORD ?? "";

/** Rate and time of the burst, and number of events of the hour: 100 per second. */
const RATE = 1000;
const BURST_S = Number(process.env.FLOW_BENCH_BURST_S ?? 20);
const HOUR_EVENTS = Number(process.env.FLOW_BENCH_EVENTS ?? 360_000);

const streams = new Set();
const proxy = createServer((incoming, outgoing) => {
  const url = new URL(incoming.url, hub);
  if (url.pathname === "/api/v2/events") {
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    outgoing.write(": alive\n\n");
    streams.add(outgoing);
    outgoing.on("close", () => streams.delete(outgoing));
    return;
  }
  const onward = request(url, { method: incoming.method, headers: incoming.headers }, (response) => {
    outgoing.writeHead(response.statusCode, response.headers);
    response.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}).listen(0, "127.0.0.1");
await once(proxy, "listening");
const url = `http://127.0.0.1:${proxy.address().port}`;

let number = 0;
/** Sends `count` events of the given tasks on all streams. */
function send(tasks, count) {
  let text = "";
  for (let index = 0; index < count; index += 1) {
    number += 1;
    const task = tasks[number % tasks.length];
    const event = { number, task: task.id, task_name: task.name, seq: number, at: new Date().toISOString(), kind: "member.phase", party: "party-a", message: "running" };
    text += `id: ${number}\nevent: member.phase\ndata: ${JSON.stringify(event)}\n\n`;
  }
  for (const stream of streams) stream.write(text);
}

const chrome = await browser();
const figures = {};
try {
  // First load: an empty cache, the list of tasks.
  {
    const { context, page } = await open(chrome, url);
    await signIn(page, user, password);
    await page.waitForURL((at) => !at.pathname.endsWith("/sign-in"));
    const state = await context.storageState();
    await context.close();

    const fresh = await chrome.newContext({ baseURL: url, storageState: state, viewport: { width: 1280, height: 900 } });
    const first = await fresh.newPage();
    const cdp = await fresh.newCDPSession(first);
    await cdp.send("Network.enable");
    let bytes = 0;
    cdp.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await chrome.startTracing(first, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"] });
    const began = Date.now();
    await first.goto("/tasks");
    await settled(first);
    const shown = Date.now() - began;
    await new Promise((done) => setTimeout(done, 1500));
    const { traceEvents } = JSON.parse((await chrome.stopTracing()).toString());
    figures.first_load_kb = Math.round(bytes / 100) / 10;
    figures.content_ms = shown;
    figures.interactive_ms = Math.round(interactive(traceEvents, shown));
    await fresh.close();
  }

  const { context, page } = await open(chrome, url);
  await signIn(page, user, password);
  await page.waitForURL((at) => !at.pathname.endsWith("/sign-in"));
  await page.goto("/tasks");
  await settled(page);
  await until("the stream", () => streams.size > 0);
  const tasks = await page.evaluate(async () => (await (await fetch("/api/v2/tasks?limit=200")).json()).items.map(({ id, name }) => ({ id, name })));
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable");
  const metric = async (name) => (await cdp.send("Performance.getMetrics")).metrics.find((each) => each.name === name).value;

  // A burst: 1,000 events each second.
  await page.evaluate(() => {
    window.gaps = [];
    let last = performance.now();
    const frame = (now) => {
      window.gaps.push(now - last);
      last = now;
      window.frames_wanted = requestAnimationFrame(frame);
    };
    window.frames_wanted = requestAnimationFrame(frame);
  });
  const busy = await metric("TaskDuration");
  const began = Date.now();
  let sent = 0;
  while (Date.now() - began < BURST_S * 1000) {
    const due = Math.floor(((Date.now() - began) / 1000) * RATE) - sent;
    send(tasks, due);
    sent += due;
    await new Promise((done) => setTimeout(done, 50));
  }
  const worked = (await metric("TaskDuration")) - busy;
  const gaps = await page.evaluate(() => (cancelAnimationFrame(window.frames_wanted), window.gaps));
  figures.events = sent;
  figures.main_thread_ms_per_1000_events = Math.round((worked * 1000 * 1000) / sent);
  figures.share_of_a_core = Math.round((worked / BURST_S) * 1000) / 1000;
  figures.longest_frame_ms = Math.round(Math.max(...gaps));
  figures.frames_over_100_ms = gaps.filter((gap) => gap > 100).length;

  // Memory: as many events as an hour of 100 per second has, faster.
  const heap = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    return metric("JSHeapUsedSize");
  };
  const before = await heap();
  for (let left = HOUR_EVENTS; left > 0; left -= 2000) {
    send(tasks, Math.min(2000, left));
    await new Promise((done) => setTimeout(done, 25));
  }
  await until("the last event", async () => (await page.evaluate(() => true)) && [...streams].every((stream) => stream.writableLength === 0));
  await new Promise((done) => setTimeout(done, 3000));
  figures.heap_mb_before = Math.round(before / 1e5) / 10;
  figures.heap_mb_after_hour = Math.round((await heap()) / 1e5) / 10;
  await context.close();
} finally {
  await chrome.close();
  proxy.close();
  proxy.closeAllConnections();
}
console.log(JSON.stringify(figures));

/** Time until the content is shown and the last long task of the main thread has ended, in ms. */
function interactive(events, shown) {
  const threads = new Set(events.filter((each) => each.name === "thread_name" && each.args?.name === "CrRendererMain").map((each) => `${each.pid}:${each.tid}`));
  const start = events.find((each) => each.name === "navigationStart" || each.name === "NavigationStart")?.ts ?? Math.min(...events.filter((each) => each.ts > 0).map((each) => each.ts));
  let end = shown * 1000;
  for (const { name, ph, ts, dur, pid, tid } of events) {
    if (ph !== "X" || dur < 50_000 || !/RunTask|Task$/.test(name) || !threads.has(`${pid}:${tid}`)) continue;
    if (ts - start <= end + 5_000_000) end = Math.max(end, ts + dur - start);
  }
  return end / 1000;
}
