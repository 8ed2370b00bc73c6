// The page in a real browser, as a person uses it. usage: browser.mjs PAGE REPORT.json BIG-PAGE SHOTS-DIRECTORY
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [, , page, json, bigPage, shots] = process.argv;
const report = JSON.parse(readFileSync(json, "utf8"));
// The one the demo moved: what balancing does to the others is another thing each time.
const moved = report.threads.find((one) => one.comm.startsWith("worker-") && one.verdict === "drifted" && one.away[0].by);
const HOSTILE = "<script>alert(1)</script>\\x1b[31m";
const trouble = [];
let browser = await launch();

// A browser that draws frames at all: one that does not says nothing about the page. Another is started then, and told.
async function launch() {
  for (let tries = 1; ; tries += 1) {
    const fresh = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
    const tab = await fresh.newPage();
    const draws = await Promise.race([tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => done(true)))),
                                      new Promise((done) => setTimeout(done, 20_000, false))]);
    await tab.close();
    if (draws) return fresh;
    console.log(`again: a browser that draws no frame (try ${tries})`);
    if (tries === 3) throw new Error("three browsers drew no frame in 20 s");
    await fresh.close();
  }
}

async function visit(file, size, colorScheme) {
  const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, colorScheme, hasTouch: true, offline: true });
  const tab = await context.newPage();
  tab.on("console", (message) => {
    if (!message.text().includes("willReadFrequently")) trouble.push(`console: ${message.text()}`); // that is ours: pixel()
  });
  tab.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  tab.on("dialog", (dialog) => { trouble.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  tab.on("request", (request) => { if (!request.url().startsWith("file://")) trouble.push(`request: ${request.url()}`); });
  await tab.goto("file://" + file);
  return tab;
}

// Waits for the first picture. A page that drew none, and had nothing to complain of, is tried in another browser.
async function open(file, size, colorScheme = "light", isAgain = false) {
  const tab = await visit(file, size, colorScheme);
  try {
    await tab.waitForFunction(() => window.numadrift && window.numadrift.drawn > 0, null, { polling: 100 });
    return tab;
  } catch (error) {
    const seen = await tab.evaluate(() => ({ figures: document.getElementById("figures").textContent, isBuilt: Boolean(window.numadrift),
                                             drawn: window.numadrift && window.numadrift.drawn, visibility: document.visibilityState }));
    const what = `${file} drew nothing: ${JSON.stringify(seen)}; ${trouble.join("; ")}`;
    if (isAgain || trouble.length > 0) throw new Error(what, { cause: error });
    console.log("again: " + what);
    await browser.close();
    browser = await launch();
    return open(file, size, colorScheme, true);
  }
}
const state = (tab) => tab.evaluate(() => {
  const { model } = window.numadrift;
  return { domain: window.numadrift.x().domain(), rows: model.rows.map((row) => row.one ? row.one.thread.tid : row.group),
           chosen: model.chosen && model.chosen.thread.tid, evidence: document.getElementById("evidence").hidden ? null : document.getElementById("evidence").innerText };
});
const settle = (tab) => tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))));
// What the canvas shows at a place, as red, green, blue.
const pixel = (tab, x, y) => tab.evaluate(([px, py]) => {
  const ratio = window.devicePixelRatio;
  return [...document.getElementById("lanes").getContext("2d").getImageData(px * ratio, py * ratio, 1, 1).data].slice(0, 3);
}, [x, y]);

const tests = {
  async "the verdict comes first, in the words of the report"(tab) {
    assert.equal(await tab.locator("h1").innerText(), report.summary.text);
    assert.ok((await tab.locator("h1").boundingBox()).y < 60);
  },
  async "hostile names and marks are text"(tab) {
    assert.equal(await tab.evaluate(() => document.scripts.length), 3);
    assert.ok((await tab.locator("#axis").textContent()).includes(HOSTILE));
    const names = await tab.evaluate(() => window.numadrift.model.threads.map((one) => one.name));
    assert.ok(names.includes("<script>alert(1") && names.includes("</script>\\x1b[31m"), names.join());
    assert.ok((await tab.locator("#as-text pre").textContent()).includes(HOSTILE));
  },
  async "every thread has a lane, and away is drawn where the report says"(tab) {
    const { rows } = await state(tab);
    assert.deepEqual(new Set(rows), new Set(report.threads.map((thread) => thread.tid)));
    const colours = await tab.evaluate(() => window.numadrift.timeline.colours);
    const away = moved.away[0];
    const at = await tab.evaluate((us) => window.numadrift.x()(us), (away.start_ns + away.end_ns) / 2e3);
    const [red, green, blue] = await pixel(tab, at, rows.indexOf(moved.tid) * 22 + 11);
    assert.ok(red > blue + 60, `away should be ${colours.away}, is ${[red, green, blue]}`);
    const before = await tab.evaluate((us) => window.numadrift.x()(us), away.start_ns / 1e3 - 300_000);
    const home = await pixel(tab, before, rows.indexOf(moved.tid) * 22 + 15);
    assert.ok(home[2] > home[0] + 60, `home should be ${colours.home}, is ${home}`);
  },
  async "hover tells the move, its cause and who did it"(tab) {
    const away = moved.away[0];
    const box = await tab.locator("#lanes").boundingBox();
    const { rows } = await state(tab);
    const at = await tab.evaluate((us) => window.numadrift.x()(us), away.start_ns / 1e3);
    await tab.mouse.move(box.x + at + 1, box.y + rows.indexOf(moved.tid) * 22 + 11);
    const tip = await tab.locator("#tip").innerText();
    assert.ok(tip.includes(`node ${away.from} → node ${away.to}: ${away.cause} by ${away.by.comm} (${away.by.tid})`), tip);
  },
  async "the evidence is one click away"(tab) {
    const box = await tab.locator("#lanes").boundingBox();
    const { rows } = await state(tab);
    await tab.mouse.click(box.x + 40, box.y + rows.indexOf(moved.tid) * 22 + 11);
    const { evidence } = await state(tab);
    for (const words of [`${moved.comm} ${moved.tid}`, "drifted", "cause: " + moved.away[0].cause, moved.away[0].uncorrected[0], "samples"])
      assert.ok(evidence.replace(/\s+/g, " ").includes(words), `no "${words}" in: ${evidence}`);
    await tab.screenshot({ path: shots + "/evidence.png" });
    await tab.locator("#evidence tr[tabindex]").first().click();
    const { domain } = await state(tab);
    assert.ok(domain[0] > 0 && domain[0] <= moved.away[0].start_ns / 1e3 && domain[1] >= moved.away[0].end_ns / 1e3 - 1, "a click on an interval zooms to it");
    await tab.keyboard.press("Escape");
    assert.equal((await state(tab)).evidence, null);
    await tab.keyboard.press("0");
  },
  async "wheel, drag and buttons zoom and pan"(tab) {
    const box = await tab.locator("#lanes").boundingBox();
    const whole = (await state(tab)).domain;
    await tab.mouse.move(box.x + box.width / 2, box.y + 30);
    await tab.keyboard.down("Control");
    await tab.mouse.wheel(0, -300);
    await tab.keyboard.up("Control");
    await settle(tab);
    const zoomed = (await state(tab)).domain;
    assert.ok(zoomed[1] - zoomed[0] < (whole[1] - whole[0]) * 0.8, `wheel: ${zoomed}`);
    await tab.mouse.down();
    await tab.mouse.move(box.x + box.width / 2 - 80, box.y + 30, { steps: 4 });
    await tab.mouse.up();
    const panned = (await state(tab)).domain;
    assert.ok(panned[0] > zoomed[0], `drag: ${panned}`);
    assert.equal((await state(tab)).evidence, null, "a drag is no click");
    await tab.locator("#zoom-out").click();
    await tab.locator("#reset").click();
    assert.deepEqual((await state(tab)).domain.map(Math.round), whole.map(Math.round));
  },
  async "two fingers zoom"(tab) {
    const before = (await state(tab)).domain;
    await tab.evaluate(() => {
      const lanes = document.getElementById("lanes"), box = lanes.getBoundingClientRect();
      const fingers = (apart) => [-1, 1].map((side, id) => new Touch({ identifier: id, target: lanes, clientX: box.left + box.width / 2 + side * apart, clientY: box.top + 20 }));
      const fire = (type, touches) => lanes.dispatchEvent(new TouchEvent(type, { touches, targetTouches: touches, changedTouches: fingers(10), bubbles: true, cancelable: true }));
      fire("touchstart", fingers(20));
      const wide = fingers(80);
      lanes.dispatchEvent(new TouchEvent("touchmove", { touches: wide, targetTouches: wide, changedTouches: wide, bubbles: true, cancelable: true }));
      fire("touchend", []);
    });
    const after = (await state(tab)).domain;
    assert.ok(after[1] - after[0] < (before[1] - before[0]) / 2, `pinch: ${after}`);
    await tab.keyboard.press("0");
  },
  async "keys choose, zoom, pan and open"(tab) {
    await tab.locator("#lanes").focus();
    const { domain: whole, chosen } = await state(tab);
    for (const key of ["ArrowUp", "ArrowDown", "ArrowDown", "+", "+"]) await tab.keyboard.press(key);
    const zoomed = await state(tab);
    const row = [-1, 1, 1].reduce( // at the first and the last row a step further is none
      (at, step) => Math.min(Math.max(at + step, 0), zoomed.rows.length - 1), zoomed.rows.indexOf(chosen));
    assert.equal(zoomed.chosen, zoomed.rows[row]);
    assert.ok(zoomed.domain[1] - zoomed.domain[0] < (whole[1] - whole[0]) / 3);
    await tab.keyboard.press("ArrowRight");
    assert.ok((await state(tab)).domain[0] > zoomed.domain[0]);
    await tab.keyboard.press("Enter");
    assert.ok((await state(tab)).evidence.includes(String(zoomed.chosen)));
    await tab.keyboard.press("Escape");
    await tab.keyboard.press("?");
    assert.ok(await tab.locator("#help").isVisible());
    await tab.keyboard.press("Escape");
    await tab.keyboard.press("0");
  },
  async "search, verdicts and groups"(tab) {
    await tab.keyboard.press("/");
    await tab.keyboard.type("worker");
    const workers = report.threads.filter((thread) => thread.comm.includes("worker")).length;
    assert.equal((await state(tab)).rows.length, workers);
    assert.ok((await tab.locator("#shown").innerText()).includes(`${workers} of ${report.threads.length}`));
    await tab.keyboard.press("Escape");
    assert.equal((await state(tab)).rows.length, report.threads.length);
    await tab.locator('#verdicts [data-verdict="home"]').click();
    const { rows } = await state(tab);
    for (const thread of report.threads) assert.equal(rows.includes(thread.tid), thread.verdict !== "home");
    await tab.locator('#verdicts [data-verdict="home"]').click();
    await tab.locator("#group").selectOption("name");
    const grouped = (await state(tab)).rows;
    assert.ok(grouped.includes("worker-*"), grouped.join());
    const box = await tab.locator("#lanes").boundingBox();
    await tab.mouse.click(box.x + 10, box.y + grouped.indexOf("worker-*") * 22 + 11);
    assert.equal((await state(tab)).rows.length, grouped.length - workers, "a click folds a group");
    await tab.locator("#group").selectOption("");
  },
  async "counters of the host can be charted"(tab) {
    const names = await tab.locator("#counter option").allInnerTexts();
    const before = await tab.locator("#charts svg").count();
    await tab.locator("#counter").selectOption(names[1]);
    assert.equal(await tab.locator("#charts svg").count(), before + 1);
    await tab.locator("#counter").selectOption(names[0]);
  },
  async "the page fits its width, light and dark, wide and narrow"() {
    for (const [name, size] of [["wide", [1600, 900]], ["wall", [2560, 1300]], ["narrow", [390, 800]]])
      for (const scheme of ["light", "dark"]) {
        const tab = await open(page, size, scheme);
        const width = await tab.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= size[0], `${name}: ${width} pixels in ${size[0]}`);
        const [red, , blue] = await pixel(tab, 4, 2);
        assert.ok(scheme === "dark" ? red + blue < 120 : red + blue > 450, `${name} ${scheme}: ${red} ${blue}`);
        await tab.screenshot({ path: `${shots}/${name}-${scheme}.png` });
        await tab.context().close();
      }
  },
  async "2,000 threads of an hour answer within 100 ms"() {
    const tab = await open(bigPage, [1600, 1000]);
    const worst = await tab.evaluate(async () => {
      const page = window.numadrift, times = {};
      // What the page computes and draws, without waiting for the screen.
      const time = (name, action) => {
        const all = [];
        for (let i = 0; i < 5; ++i) {
          const begin = performance.now();
          action(i);
          cancelAnimationFrame(page.frame);
          page.frame = 0;
          const request = window.requestAnimationFrame;
          window.requestAnimationFrame = (draw) => { draw(); return 0; };
          page.redraw();
          window.requestAnimationFrame = request;
          all.push(performance.now() - begin);
        }
        times[name] = all.sort((a, b) => a - b)[2]; // the median
      };
      const search = document.getElementById("search");
      time("zoom", (i) => page.zoomBy(i % 2 ? 0.5 : 2));
      time("whole", () => page.setTransform(d3.zoomIdentity));
      time("pan", () => { page.zoomBy(1.2); page.panBy(0.1); });
      time("scroll", (i) => window.scrollTo(0, 5000 * i));
      time("search", (i) => { search.value = "worker-1" + i; search.dispatchEvent(new Event("input")); });
      search.value = "";
      search.dispatchEvent(new Event("input"));
      time("filter", () => document.querySelector("#verdicts button").click());
      for (const by of ["name", "process", "cgroup"])
        time("group by " + by, () => { const group = document.getElementById("group"); group.value = by; group.dispatchEvent(new Event("change")); });
      time("hover", (i) => document.getElementById("lanes").dispatchEvent(new PointerEvent("pointermove", { clientX: 500 + 50 * i, clientY: 600 })));
      time("choose", () => page.step(1));
      time("theme", () => document.getElementById("theme").click());
      return { times, threads: page.model.threads.length };
    });
    assert.equal(worst.threads, 2000);
    console.log("    ms: " + Object.entries(worst.times).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", "));
    for (const [name, ms] of Object.entries(worst.times)) assert.ok(ms < 100, `${name}: ${ms} ms`);
    await tab.screenshot({ path: shots + "/big.png" });
  },
};

let failed = 0;
const tab = await open(page, [1400, 1800]); // all lanes in sight, however much there is to say above them
for (const [name, test] of Object.entries(tests)) {
  try {
    await test(tab);
    if (trouble.length > 0) throw new Error(trouble.splice(0).join("; "));
    console.log("ok    " + name);
  } catch (error) {
    failed += 1;
    console.log(`WRONG ${name}\n      ${error.stack}`);
  }
}
await browser.close();
process.exit(failed > 0 ? 1 : 0);
