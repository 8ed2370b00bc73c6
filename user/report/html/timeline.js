// The lanes: a row for each thread on a canvas that only draws the rows in sight. Within a pixel, heights
// are shares of time: nothing is left out however far one zooms out.

const ROW = 22, BAR = 14;

class Timeline {
  constructor(model, canvas, space) {
    this.model = model;
    this.canvas = canvas;
    this.space = space;
    this.context = canvas.getContext("2d");
  }

  gutter() { return this.width < 560 ? 118 : 220; }

  // Sizes to the window; `top` is where the lanes stick.
  resize(top) {
    this.top = top;
    const ratio = window.devicePixelRatio || 1;
    this.space.style.height = Math.max(this.model.rows.length * ROW, ROW) + "px";
    this.width = this.space.clientWidth;
    this.height = Math.max(ROW, Math.min(window.innerHeight - top, this.model.rows.length * ROW));
    this.canvas.style.top = top + "px";
    this.canvas.style.height = this.height + "px";
    if (this.canvas.width !== Math.round(this.width * ratio) || this.canvas.height !== Math.round(this.height * ratio)) {
      this.canvas.width = Math.round(this.width * ratio);
      this.canvas.height = Math.round(this.height * ratio);
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    this.colours = {};
    for (const name of ["back", "front", "soft", "line", "lane", "choice", ...STANDINGS])
      this.colours[name] = style.getPropertyValue("--" + name).trim();
  }

  firstRow() { return Math.max(0, (this.top - this.space.getBoundingClientRect().top) / ROW); }

  rowAt(y) { return this.model.rows[Math.floor(this.firstRow() + y / ROW)]; }

  scrollTo(index) {
    const first = this.firstRow();
    if (index >= first && (index + 1 - first) * ROW <= this.height) return;
    const middle = this.space.getBoundingClientRect().top + window.scrollY - this.top + index * ROW - this.height / 2;
    window.scrollTo({ top: Math.max(0, middle) });
  }

  draw(x) {
    const { context, model, colours } = this;
    const first = this.firstRow();
    context.fillStyle = colours.back;
    context.fillRect(0, 0, this.width, this.height);
    context.textBaseline = "middle";
    for (let at = Math.floor(first); at < model.rows.length; ++at) {
      const y = (at - first) * ROW;
      if (y > this.height) break;
      const row = model.rows[at];
      if (row.one) this.drawThread(row.one, x, y); else this.drawGroup(row, y);
    }
    this.drawMarks(x);
  }

  drawMarks(x) {
    const [from, to] = x.domain();
    this.context.strokeStyle = this.colours.front;
    this.context.setLineDash([3, 3]);
    this.context.lineWidth = 1;
    for (const mark of this.model.report.trace.marks) {
      const us = mark.time_ns / 1e3;
      if (us < from || us > to) continue;
      this.context.beginPath();
      this.context.moveTo(x(us), 0);
      this.context.lineTo(x(us), this.height);
      this.context.stroke();
    }
    this.context.setLineDash([]);
  }

  text(words, x, y, width, colour, font) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, width, ROW);
    context.clip();
    context.fillStyle = colour;
    context.font = font || "12px system-ui, sans-serif";
    context.fillText(words, x, y + ROW / 2);
    context.restore();
  }

  drawGroup(row, y) {
    const { model, colours } = this;
    const remote = row.members.reduce((sum, one) => sum + (one.thread.remote_cpu_ns || 0), 0);
    this.context.fillStyle = colours.lane;
    this.context.fillRect(0, y, this.width, ROW);
    this.text((model.closed.has(row.group) ? "▸ " : "▾ ") + row.group + "   " + row.members.length +
      (row.members.length === 1 ? " thread" : " threads") + ", remote " + durationText(remote), 4, y, this.width - 8,
      colours.front, "bold 12px system-ui, sans-serif");
  }

  drawThread(one, x, y) {
    const { context, model, colours } = this;
    const gutter = this.gutter(), thread = one.thread;
    if (model.chosen === one) {
      context.fillStyle = colours.choice;
      context.fillRect(0, y, this.width, ROW);
    }
    const narrow = gutter < 200;
    const bad = VERDICTS.indexOf(thread.verdict) < 4;
    this.text(GLYPHS[thread.verdict], 2, y, 14, bad ? colours.away : colours.soft);
    this.text(one.name, 18, y, narrow ? gutter - 24 : 112, colours.front);
    if (!narrow) {
      this.text(String(thread.tid), 134, y, 52, colours.soft);
      this.text(thread.locality === null ? "" : shareText(thread.locality), 184, y, 36, colours.soft);
    }
    const [from, to] = x.domain(), [left, right] = x.range();
    const begin = Math.max(left, x(thread.begin_ns / 1e3)), end = Math.min(right, x(thread.end_ns / 1e3));
    context.fillStyle = colours.lane;
    if (end > begin) context.fillRect(begin, y + (ROW - BAR) / 2, end - begin, BAR);
    this.drawSpans(one.lane, x, y + (ROW - BAR) / 2, from, to);
    this.drawMoves(one.lane, x, y, from, to);
  }

  colourOf(code) {
    if (this.model.colour === "standing") return this.colours[STANDINGS[(code >> 4) & 3]];
    const index = (code >> 6) - 1;
    return index < 0 ? this.colours.unknown : NODE_COLOURS[index % NODE_COLOURS.length];
  }

  // Not by colour alone: away is high, home is low, unknown is thin.
  static heightOf(code) { return [0.35, 0.6, 0.6, 1][(code >> 4) & 3] * BAR; }

  drawSpans(lane, x, y, from, to) {
    const { context } = this;
    let column = -1, sums = null; // of a pixel: time by code without what it ran
    const flush = () => {
      if (!sums) return;
      let bottom = y + BAR;
      const all = [...sums.values()].reduce((a, b) => a + b, 0);
      for (const [kind, us] of [...sums].sort((a, b) => b[1] - a[1])) {
        const height = Math.max(1, (us / Math.max(all, 1)) * Timeline.heightOf(kind));
        context.fillStyle = this.colourOf(kind);
        context.fillRect(column, bottom - height, 1, height);
        bottom -= height;
      }
      sums = null;
    };
    for (let i = firstAbove(lane.end, from); i < lane.begin.length && lane.begin[i] < to; ++i) {
      const begin = x(Math.max(lane.begin[i], from)), end = x(Math.min(lane.end[i], to)), code = lane.code[i];
      if (end - begin < 1.5) {
        if (Math.floor(begin) !== column) {
          flush();
          column = Math.floor(begin);
          sums = new Map();
        } else if (!sums) sums = new Map();
        const kind = code & ~15;
        sums.set(kind, (sums.get(kind) || 0) + Math.max(lane.end[i] - lane.begin[i], 1));
        continue;
      }
      flush();
      column = -1;
      const height = Timeline.heightOf(code);
      context.globalAlpha = 0.4 + 0.6 * (code & 15) / 15;
      context.fillStyle = this.colourOf(code);
      context.fillRect(begin, y + BAR - height, end - begin, height);
      context.globalAlpha = 1;
    }
    flush();
  }

  drawMoves(lane, x, y, from, to) {
    const { context, colours } = this;
    context.fillStyle = colours.front;
    let last = -9;
    for (let i = 0; i < lane.moves.length; i += 5) {
      const us = lane.moves[i];
      if (us < from || us > to) continue;
      const at = Math.round(x(us));
      if (at - last < 3) continue;
      last = at;
      context.fillRect(at - 0.75, y + 1, 1.5, ROW - 2);
      context.beginPath();
      context.moveTo(at - 3.5, y + 1);
      context.lineTo(at + 3.5, y + 1);
      context.lineTo(at, y + 6);
      context.fill();
    }
  }

  // What is under the pointer: { row, us, span, move } or nothing.
  hit(px, py, x) {
    const row = this.rowAt(py);
    if (!row) return null;
    if (!row.one || px < this.gutter()) return { row };
    const us = x.invert(px), lane = row.one.lane, found = { row, us };
    const at = firstAbove(lane.end, us);
    if (at < lane.begin.length && lane.begin[at] <= us)
      found.span = { begin: lane.begin[at], end: lane.end[at], code: lane.code[at] };
    let nearest = 7;
    for (let i = 0; i < lane.moves.length; i += 5) {
      const away = Math.abs(x(lane.moves[i]) - px);
      if (away >= nearest) continue;
      nearest = away;
      const [time, fromNode, toNode, cause, by] = lane.moves.slice(i, i + 5);
      found.move = { us: time, from: fromNode, to: toNode, cause: this.model.causes[cause], by: by < 0 ? null : this.model.by[by] };
    }
    return found;
  }
}
