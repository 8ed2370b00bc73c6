// What the page knows: the report, the lanes, and what of it is shown at present. No drawing here.

const VERDICTS = ["drifted", "returned", "misplaced", "deserted", "spread", "unknown", "home", "idle"];
const GLYPHS = { drifted: "▲", returned: "△", misplaced: "■", deserted: "◆", spread: "≈", unknown: "?", home: "●", idle: "·" };
const STANDINGS = ["unknown", "spread", "home", "away"]; // as analysis/profile.h numbers them
const NODE_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b0a000", "#888888"];
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

// Names come from outside: what a screen would not show, or show elsewhere, is written as \xNN.
function shown(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
  });
}

// As the text report has them: three figures.
function durationText(ns) {
  if (ns < 1e3) return ns.toFixed(0) + " ns";
  if (ns < 1e6) return (ns / 1e3).toFixed(0) + " us";
  if (ns < 1e9) return (ns / 1e6).toFixed(ns < 1e8 ? 1 : 0) + " ms";
  if (ns < 60e9) return (ns / 1e9).toFixed(ns < 1e10 ? 2 : 1) + " s";
  const seconds = Math.floor(ns / 1e9);
  if (seconds < 3600) return Math.floor(seconds / 60) + " min " + (seconds % 60) + " s";
  return Math.floor(seconds / 3600) + " h " + (Math.floor(seconds / 60) % 60) + " min";
}
function timeText(us) { return "+" + (us / 1e6).toFixed(3) + "s"; }
function shareText(share) {
  const percent = share * 100;
  return (percent > 0 && percent < 1) || (percent > 99 && percent < 100) ? percent.toFixed(1) + " %" : percent.toFixed(0) + " %";
}
function countText(count) { return count.toLocaleString("en-US"); }
function nodeText(node) { return node === null || node === undefined || node < 0 ? "node ?" : "node " + node; }

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const unpacker = new DecompressionStream("gzip"), writer = unpacker.writable.getWriter();
  writer.write(bytes);
  writer.close();
  return JSON.parse(await new Response(unpacker.readable).text());
}

// Flat numbers of html/lanes.h as arrays to search in: begin, end and code of each span.
function laneOf(packed) {
  const count = packed.spans.length / 3;
  const lane = { begin: new Float64Array(count), end: new Float64Array(count), code: new Uint16Array(count),
                 moves: packed.moves, stepUs: packed.step_us, movesLeftOut: packed.moves_left_out };
  let at = 0;
  for (let i = 0; i < count; ++i) {
    at += packed.spans[3 * i];
    lane.begin[i] = at;
    at += packed.spans[3 * i + 1];
    lane.end[i] = at;
    lane.code[i] = packed.spans[3 * i + 2];
  }
  return lane;
}

// The first index whose value is beyond.
function firstAbove(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > value) high = middle; else low = middle + 1;
  }
  return low;
}

class Model {
  constructor(data) {
    this.report = data.report;
    this.series = data.series;
    this.causes = data.lanes.causes;
    this.by = data.lanes.by.map(shown);
    this.cgroups = data.cgroups;
    this.file = data.file;
    this.nodes = data.report.topology.nodes.map((node) => node.id);
    this.durationUs = Math.max(data.report.trace.duration_ns / 1e3, 1);
    this.threads = data.report.threads.map((thread, index) => ({
      index, thread, name: shown(thread.comm), lane: laneOf(data.lanes.threads[index]),
      cpu: Object.values(thread.cpu_ns).reduce((a, b) => a + b, 0) + thread.cpu_unattributed_ns }));
    this.leaders = new Map(this.threads.filter((one) => one.thread.tid === one.thread.pid).map((one) => [one.thread.pid, one]));
    this.query = "";
    this.hidden = new Set();
    this.group = "";
    this.sort = "worst";
    this.colour = "standing";
    this.chosen = null;       // a thread
    this.closed = new Set();  // groups
    this.rows = [];
    this.arrange();
  }

  countOf(verdict) { return this.threads.filter((one) => one.thread.verdict === verdict).length; }

  isShown(one) {
    if (this.hidden.has(one.thread.verdict)) return false;
    if (!this.query) return true;
    return one.name.toLowerCase().includes(this.query) || String(one.thread.tid) === this.query ||
           String(one.thread.pid) === this.query;
  }

  groupOf(one) {
    if (this.group === "name") return one.name.replace(/\d+/g, "*");
    if (this.group === "process") {
      const leader = this.leaders.get(one.thread.pid);
      return (leader ? leader.name : "process") + " (" + one.thread.pid + ")";
    }
    return shown(this.cgroups[one.thread.pid] || "(no cgroup known)");
  }

  // Rows from top to bottom: { one } or { group, members }.
  arrange() {
    const orders = {
      worst: () => 0, cpu: (a, b) => b.cpu - a.cpu, begin: (a, b) => a.thread.begin_ns - b.thread.begin_ns,
      moves: (a, b) => b.thread.moves.cross_node - a.thread.moves.cross_node,
      name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
    };
    const order = orders[this.sort];
    const list = this.threads.filter((one) => this.isShown(one)).sort((a, b) => order(a, b) || a.index - b.index);
    this.count = list.length;
    if (!this.group) {
      this.rows = list.map((one) => ({ one }));
      return;
    }
    const groups = new Map();
    for (const one of list) {
      const key = this.groupOf(one);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(one);
    }
    this.rows = [];
    for (const [group, members] of groups) {
      this.rows.push({ group, members });
      if (!this.closed.has(group)) for (const one of members) this.rows.push({ one });
    }
  }

  nodeColour(node) { return NODE_COLOURS[Math.max(this.nodes.indexOf(node), 0) % NODE_COLOURS.length]; }
  dash(node) { return DASHES[Math.max(this.nodes.indexOf(node), 0) % DASHES.length]; }
}
