// Puts the page together: what a person does becomes a change of the model, and that a new picture.

const KEYS = [["← →, a d", "pan"], ["+ −, w s", "zoom"], ["0", "the whole recording"], ["↑ ↓", "choose a thread"],
              ["Enter", "the evidence behind its verdict"], ["/", "search"], ["Esc", "close, clear the search"], ["?", "this help"],
              ["Ctrl + wheel, pinch", "zoom"], ["drag", "pan"], ["double click", "zoom in"]];

class Page {
  constructor(model) {
    this.model = model;
    this.by = (id) => document.getElementById(id);
    this.timeline = new Timeline(model, this.by("lanes"), this.by("space"));
    this.charts = new Charts(model, this.by("charts"));
    this.transform = d3.zoomIdentity;
    this.frame = 0;
    this.tellHeading();
    this.tellLegend();
    this.buildTools();
    this.buildZoom();
    this.charts.onBuild = () => this.buildZoom();
    this.listen();
    this.resize();
  }

  // ---- words ----

  tellHeading() {
    const { report, file } = this.model, { trace, summary, overhead } = report;
    this.by("summary").textContent = shown(summary.text);
    this.by("figures").textContent = summary.locality === null ? durationText(summary.cpu_ns) + " CPU time; locality unknown"
      : "Remote: " + durationText(summary.remote_cpu_ns) + " of " + durationText(summary.cpu_ns) + " CPU time; locality " + shareText(summary.locality);
    const began = new Date(trace.start_unix_ns / 1e6).toISOString().replace("T", " ").replace("Z", " UTC");
    this.by("about").textContent = [file, shown(trace.host), "kernel " + shown(trace.kernel), began, durationText(trace.duration_ns) + " recorded",
      !trace.complete ? "" : trace.lost.access_sample ? "complete but for " + countText(trace.lost.access_sample) + " samples" : "complete: nothing was lost",
      overhead.share_of_one_cpu === null ? "" : "cost " + shareText(overhead.share_of_one_cpu) + " of one CPU"].filter((text) => text).join(" · ");
    const trouble = [];
    if (!trace.finished) trouble.push("INCOMPLETE: the recorder did not finish this trace; the end is missing.");
    for (const [kind, count] of Object.entries(trace.lost)) if (kind !== "access_sample") trouble.push("LOST: " + countText(count) + " " + kind + " events found the ring full.");
    if (!trace.complete && trouble.length === 0) trouble.push("INCOMPLETE: events are missing; see the report as text.");
    for (const [source, state] of Object.entries(trace.sources)) if (state !== "on") trouble.push(source + ": " + shown(state));
    for (const text of trouble) element("li", text, this.by("trouble"));
    for (const item of report.advice) {
      const line = element("li", shown(item.text), this.by("advice").querySelector("ol"));
      if (item.command) element("code", shown(item.command), element("div", null, line));
      element("div", shown(item.why) + (item.what_if ? "; had it been so, " + durationText(item.what_if.remote_cpu_ns) + " remote CPU time would be left" : ""), line);
    }
    this.by("advice").hidden = report.advice.length === 0;
  }

  tellLegend() {
    const legend = this.by("legend");
    legend.replaceChildren();
    const entry = (colour, height, text) => {
      const item = element("span", null, legend), box = element("i", null, item);
      box.style.background = "linear-gradient(to top, " + colour + " " + height + "%, transparent 0)";
      item.append(text);
    };
    if (this.model.colour === "node") for (const node of this.model.nodes) entry(this.model.nodeColour(node), 100, nodeText(node));
    else for (const [standing, height, text] of [["home", 60, "at home"], ["away", 100, "away from its memory"], ["spread", 60, "memory is spread"], ["unknown", 35, "unknown"]])
      entry("var(--" + standing + ")", height, text);
    element("span", "▾ move to another node", legend);
    element("span", "blank: did not run", legend);
  }

  // ---- tools ----

  buildTools() {
    const { model } = this;
    const change = (what) => { what(); model.arrange(); this.resize(); };
    this.by("search").addEventListener("input", (event) => change(() => { model.query = event.target.value.trim().toLowerCase(); }));
    for (const id of ["group", "sort", "colour"])
      this.by(id).addEventListener("change", (event) => change(() => { model[id] = event.target.value; this.tellLegend(); }));
    for (const verdict of VERDICTS) {
      const count = model.countOf(verdict);
      if (count === 0) continue;
      const button = element("button", GLYPHS[verdict] + " " + verdict + " " + count, this.by("verdicts"), { "aria-pressed": "true", "data-verdict": verdict, title: MEANINGS[verdict] });
      button.addEventListener("click", () => change(() => {
        if (!model.hidden.delete(verdict)) model.hidden.add(verdict);
        button.setAttribute("aria-pressed", String(!model.hidden.has(verdict)));
      }));
    }
    this.by("zoom-in").addEventListener("click", () => this.zoomBy(2));
    this.by("zoom-out").addEventListener("click", () => this.zoomBy(0.5));
    this.by("reset").addEventListener("click", () => this.setTransform(d3.zoomIdentity));
    this.by("theme").addEventListener("click", () => {
      const root = document.documentElement;
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      this.resize();
    });
    const help = this.by("help"), table = element("table", null, help);
    for (const [keys, what] of KEYS) {
      const row = element("tr", null, table);
      element("td", keys, row);
      element("td", what, row);
    }
    element("button", "Close", help).addEventListener("click", () => help.close());
    this.by("help-button").addEventListener("click", () => help.showModal());
  }

  // ---- time ----

  x() {
    const base = d3.scaleLinear().domain([0, this.model.durationUs]).range([this.timeline.gutter(), this.timeline.width - 2]);
    return this.transform.rescaleX(base);
  }

  buildZoom() {
    const surfaces = () => d3.selectAll("#lanes, #charts svg");
    this.zoom = d3.zoom().scaleExtent([1, Math.max(2, this.model.durationUs / 50)])
      .filter(() => {
        const event = d3.event;
        if (event.type === "wheel") return event.ctrlKey || event.metaKey || event.shiftKey; // else the page scrolls
        return !event.button && (!event.touches || event.touches.length > 0);
      })
      .wheelDelta(() => -(d3.event.deltaY || d3.event.deltaX) * (d3.event.deltaMode === 1 ? 0.05 : d3.event.deltaMode ? 1 : 0.002) * (d3.event.ctrlKey ? 3 : 1))
      .on("zoom", () => {
        if (this.transform === d3.event.transform) return;
        this.transform = d3.event.transform;
        surfaces().property("__zoom", this.transform);
        this.tip(null);
        this.redraw();
      });
    surfaces().call(this.zoom).property("__zoom", this.transform);
    this.limitZoom();
  }

  limitZoom() {
    const extent = [[this.timeline.width ? this.timeline.gutter() : 0, 0], [Math.max(this.timeline.width || 1, 1), 1]];
    this.zoom.extent(extent).translateExtent(extent);
  }

  setTransform(transform) {
    d3.select("#lanes").call(this.zoom.transform, transform);
  }

  zoomBy(factor) { d3.select("#lanes").call(this.zoom.scaleBy, factor); }
  panBy(share) { d3.select("#lanes").call(this.zoom.translateBy, (share * (this.timeline.width - this.timeline.gutter())) / this.transform.k, 0); }

  // Shows this time, with a margin to both sides.
  zoomTo(fromUs, toUs) {
    const left = this.timeline.gutter(), width = this.timeline.width - 2 - left;
    const margin = Math.max((toUs - fromUs) * 0.25, 1000);
    const k = Math.min(this.model.durationUs / (toUs - fromUs + 2 * margin), this.zoom.scaleExtent()[1]);
    const begin = left + (width * Math.max(0, fromUs - margin)) / this.model.durationUs;
    this.setTransform(d3.zoomIdentity.translate(left - Math.max(1, k) * begin, 0).scale(Math.max(1, k)));
  }

  // ---- hands ----

  listen() {
    const lanes = this.by("lanes");
    window.addEventListener("resize", () => this.resize());
    window.addEventListener("scroll", () => this.redraw(), { passive: true });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.followTheme());
    lanes.addEventListener("pointermove", (event) => this.hover(event));
    lanes.addEventListener("pointerleave", () => this.tip(null));
    lanes.addEventListener("click", (event) => this.click(event));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  followTheme() {
    document.documentElement.dataset.theme = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    this.resize();
  }

  hover(event) {
    const box = this.by("lanes").getBoundingClientRect();
    const hit = this.timeline.hit(event.clientX - box.left, event.clientY - box.top, this.x());
    this.tip(hit && hit.row.one ? hit : null, event.clientX, event.clientY);
  }

  tip(hit, px, py) {
    const tip = this.by("tip");
    tip.hidden = !hit;
    if (!hit) return;
    const { one } = hit.row;
    tip.replaceChildren();
    element("b", one.name + " (" + one.thread.tid + "): " + one.thread.verdict, tip);
    if (hit.us !== undefined) {
      const when = new Date(this.model.report.trace.start_unix_ns / 1e6 + hit.us / 1e3).toISOString().slice(11, 23);
      element("div", timeText(hit.us) + "  " + when + " UTC", tip);
    }
    if (hit.span) {
      const node = (hit.span.code >> 6) - 1;
      element("div", STANDINGS[(hit.span.code >> 4) & 3] + " on " + nodeText(this.model.nodes[node]) + ", " +
        durationText((hit.span.end - hit.span.begin) * 1e3) + ", ran " + shareText((hit.span.code & 15) / 15) + " of it", tip);
    } else if (hit.us !== undefined) element("div", "did not run", tip);
    if (hit.move)
      element("div", "▾ " + timeText(hit.move.us) + " " + nodeText(hit.move.from) + " → " + nodeText(hit.move.to) + ": " + hit.move.cause.replace(/_/g, " ") +
        (hit.move.by ? " by " + hit.move.by : ""), tip);
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(px + 14, window.innerWidth - box.width - 6)) + "px";
    tip.style.top = Math.max(4, py + 16 + box.height > window.innerHeight ? py - box.height - 10 : py + 16) + "px";
  }

  click(event) {
    if (event.defaultPrevented) return; // it was a drag
    const box = this.by("lanes").getBoundingClientRect();
    const row = this.timeline.rowAt(event.clientY - box.top);
    if (!row) return;
    if (row.one) return this.choose(row.one, true);
    if (!this.model.closed.delete(row.group)) this.model.closed.add(row.group);
    this.model.arrange();
    this.resize();
  }

  choose(one, open) {
    this.model.chosen = one;
    const panel = this.by("evidence");
    if (one && (open || !panel.hidden)) showEvidence(panel, one, (from, to) => this.zoomTo(from, to), () => this.close());
    this.redraw();
  }

  close() {
    this.by("evidence").hidden = true;
    this.by("lanes").focus();
  }

  step(by) {
    const rows = this.model.rows;
    let at = rows.findIndex((row) => row.one && row.one === this.model.chosen);
    if (at < 0) at = by > 0 ? -1 : rows.length;
    for (at += by; at >= 0 && at < rows.length; at += by) {
      if (!rows[at].one) continue;
      this.timeline.scrollTo(at);
      return this.choose(rows[at].one, false);
    }
  }

  key(event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape") {
      if (!this.by("evidence").hidden) this.close();
      else if (this.by("search").value) {
        this.by("search").value = "";
        this.by("search").dispatchEvent(new Event("input"));
      }
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || this.by("help").open) return;
    const actions = {
      "/": () => this.by("search").focus(), "?": () => this.by("help").showModal(),
      "+": () => this.zoomBy(2), "=": () => this.zoomBy(2), w: () => this.zoomBy(2), "-": () => this.zoomBy(0.5), s: () => this.zoomBy(0.5),
      ArrowLeft: () => this.panBy(0.2), a: () => this.panBy(0.2), ArrowRight: () => this.panBy(-0.2), d: () => this.panBy(-0.2),
      0: () => this.setTransform(d3.zoomIdentity), ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1),
    };
    const isControl = event.target.closest("button, summary, tr[tabindex], a");
    if (!isControl) actions.Enter = () => this.model.chosen && this.choose(this.model.chosen, true);
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // ---- pictures ----

  resize() {
    const tools = this.by("tools");
    const below = getComputedStyle(tools).position === "sticky" ? tools.offsetHeight : 0;
    this.by("axis").style.top = below + "px";
    this.timeline.resize(below + this.by("axis").clientHeight);
    this.limitZoom();
    this.by("shown").textContent = this.model.count === this.model.threads.length ? countText(this.model.count) + " threads"
      : countText(this.model.count) + " of " + countText(this.model.threads.length) + " threads shown";
    this.redraw();
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const x = this.x();
      if (this.drawnDomain !== x.domain().join() + this.timeline.width) {
        this.drawnDomain = x.domain().join() + this.timeline.width;
        this.charts.draw(x);
      }
      this.drawAxis(x);
      this.timeline.draw(x);
      this.drawn = (this.drawn || 0) + 1;
    });
  }

  drawAxis(x) {
    const svg = d3.select("#axis"), [from, to] = x.domain(), [left, right] = x.range();
    const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10((to - from) / 1e6 / 8))));
    let g = svg.select("g.time");
    if (g.empty()) g = svg.append("g").attr("class", "time").attr("transform", "translate(0,38)");
    g.call(d3.axisTop(x).ticks(Math.max(2, (right - left) / 110)).tickFormat((us) => "+" + (us / 1e6).toFixed(digits) + "s"));
    const marks = this.model.report.trace.marks.filter((mark) => mark.time_ns / 1e3 >= from && mark.time_ns / 1e3 <= to);
    const drawn = svg.selectAll("g.mark").data(marks);
    drawn.exit().remove();
    const fresh = drawn.enter().append("g").attr("class", "mark");
    fresh.append("line").attr("y1", 2).attr("y2", 40).attr("stroke-dasharray", "3 3");
    fresh.append("text").attr("y", 12).attr("x", 4);
    fresh.append("title");
    const all = fresh.merge(drawn).attr("transform", (mark) => "translate(" + x(mark.time_ns / 1e3) + ",0)");
    let free = -1; // to the left of it words stand already
    all.select("text").text((mark) => {
      const words = shown(mark.text).slice(0, 40), at = x(mark.time_ns / 1e3);
      if (at < free) return "";
      free = at + 8 + 6.5 * words.length;
      return words;
    });
    all.select("title").text((mark) => shown(mark.text));
  }
}

async function start() {
  document.documentElement.dataset.theme = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  try {
    const model = new Model(await unpack(document.getElementById("data").textContent));
    window.numadrift = new Page(model);
  } catch (error) {
    document.getElementById("as-text").open = true;
    document.getElementById("figures").textContent = "This browser cannot draw the timelines (" + error.message + "); the report as text is below.";
    throw error;
  }
}
start();
