// What is known about one thread and from where: the panel behind a verdict. Text only: names are from outside.

const MEANINGS = {
  drifted: "had a home, was moved off it, and is not home again", returned: "was moved off its home, and is home again",
  misplaced: "ran away from its memory, and nothing was seen to part them", deserted: "its memory was moved away from it", home: "runs where its memory is",
  spread: "no node has two thirds of its memory", idle: "hardly ran", unknown: "too little is known of its memory",
};

function element(name, text, parent, attributes) {
  const made = document.createElement(name);
  if (text !== null && text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (parent) parent.appendChild(made);
  return made;
}

function tableIn(parent, title, rows) {
  const told = rows.filter((row) => row[1] !== null && row[1] !== undefined && row[1] !== "");
  if (told.length === 0) return;
  element("h3", title, parent);
  const table = element("table", null, parent);
  for (const [name, value] of told) {
    const row = element("tr", null, table);
    element("th", name, row);
    element("td", value, row);
  }
}

// Weights of its memory, each with the 95 % it is known within.
function weightsIn(parent, thread) {
  element("h3", "Memory it uses, at the end", parent);
  const weights = Object.entries(thread.profile.weights);
  if (weights.length === 0) return void element("p", "unknown", parent);
  const table = element("table", null, parent);
  for (const [node, weight] of weights) {
    const row = element("tr", null, table);
    element("th", nodeText(node), row);
    const bar = element("div", null, element("td", null, row), { class: "bar" });
    element("span", null, bar).style.width = weight * 100 + "%";
    const [low, high] = thread.profile.bounds[node] || [0, 1];
    const known = element("em", null, bar);
    known.style.left = low * 100 + "%";
    known.style.width = (high - low) * 100 + "%";
    element("td", shareText(weight) + " (" + shareText(low) + " to " + shareText(high) + ")", row);
  }
}

function awayIn(parent, thread, zoomTo) {
  if (thread.away.length === 0) return;
  const all = thread.away.length + thread.away_left_out;
  element("h3", "Away from its memory" + (all > thread.away.length ? " (" + countText(all) + ", the longest shown)" : ""), parent);
  const table = element("table", null, parent);
  for (const away of thread.away) {
    const row = element("tr", null, table, { tabindex: "0", title: "Show this time" });
    element("td", timeText(away.start_ns / 1e3), row);
    const what = element("td", nodeText(away.from) + " → " + nodeText(away.to) + " for " + durationText(away.end_ns - away.start_ns) +
      (away.open ? " (still)" : "") + ", " + durationText(away.cpu_ns) + " CPU", row);
    element("div", "cause: " + away.cause.replace(/_/g, " ") + (away.by ? " by " + shown(away.by.comm) + " (" + away.by.tid + ")" : ""), what);
    for (const reason of away.uncorrected) element("div", "not corrected: " + shown(reason), what);
    const show = () => zoomTo(away.start_ns / 1e3, away.end_ns / 1e3);
    row.addEventListener("click", show);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") show(); });
  }
}

function showEvidence(panel, one, zoomTo, close) {
  const { thread, lane } = one;
  panel.replaceChildren();
  element("button", "✕", panel, { class: "close", title: "Close ( Esc )", "aria-label": "Close" }).addEventListener("click", close);
  element("h2", one.name + "  " + thread.tid, panel);
  element("div", GLYPHS[thread.verdict] + " " + thread.verdict + ": " + MEANINGS[thread.verdict], panel);
  const remote = thread.remote_cpu_ns === null ? "unknown" : durationText(thread.remote_cpu_ns);
  element("div", "remote " + remote + " of " + durationText(one.cpu) + " CPU time, locality " +
    (thread.locality === null ? "unknown" : shareText(thread.locality)), panel);
  if (lane.stepUs > 0) element("div", "more happened than can be shown: in steps of " + durationText(lane.stepUs * 1e3), panel);
  weightsIn(panel, thread);
  const evidence = thread.profile.evidence;
  tableIn(panel, "Where this is known from", [
    ["samples", evidence.sampled + evidence.sampled_weak > 0 ? countText(evidence.sampled) + " pages, " + countText(evidence.sampled_weak) + " mappings only" : ""],
    ["first touch", evidence.first_touch > 0 ? countText(evidence.first_touch) + " pages" : ""],
    ["hint faults", evidence.hint > 0 ? countText(evidence.hint) + " pages" : ""],
    ["kernel", evidence.kernel > 0 ? countText(evidence.kernel) + " faults counted" : ""],
    ...Object.entries(thread.profile.sources).map(([source, shares]) =>
      ["by " + source, Object.entries(shares).map(([node, share]) => nodeText(node) + " " + shareText(share)).join(", ") +
        " (" + shareText(thread.profile.voices[source] || 0) + " of the say)"]),
    ["unknown", thread.silences.map((silence) => timeText(silence.start_ns / 1e3) + " to " + timeText(silence.end_ns / 1e3)).join(", ") +
      (thread.silences.length > 0 ? ": no samples" : "")],
    ["confidence", shareText(thread.profile.confidence)],
    ["sources disagree", thread.profile.contradiction && shown(thread.profile.contradiction)]]);
  tableIn(panel, "Where it ran", [
    ...Object.entries(thread.cpu_ns).map(([node, ns]) => [nodeText(node), durationText(ns)]),
    ["not known", thread.cpu_unattributed_ns > 0 ? durationText(thread.cpu_unattributed_ns) : ""],
    ["moves", thread.moves.cross_node + " to another node, " + thread.moves.cross_llc + " to another cache, " + thread.moves.same_llc + " under one cache"],
    ["missed moves", thread.moves.missed || ""],
    ["moves not drawn", lane.movesLeftOut || ""]]);
  awayIn(panel, thread, zoomTo);
  if (thread.limits)
    tableIn(panel, "Where it may", [["CPUs", shown(thread.limits.cpus)], ["memory", shown(thread.limits.mems)], ["policy", shown(thread.limits.policy)]]);
  panel.hidden = false;
  panel.scrollTop = 0;
}
