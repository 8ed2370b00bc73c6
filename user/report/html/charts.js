// Small charts above the lanes, on the same axis of time: CPUs used and memory by node, locality, page
// migrations, counters of the host.

const CHART_HEIGHT = 62;

// [{ title, unit, series: [{ name, colour, dash, points: [[us, value], …] }], bars }]
function chartsOf(model) {
  const { series, report } = model;
  const sliceUs = model.durationUs / Math.max(series.slices, 1);
  const byNode = (values) => model.nodes.filter((node) => values(node)).map((node) => ({
    name: nodeText(node), colour: model.nodeColour(node), dash: model.dash(node), points: values(node) }));
  const charts = [{
    title: "CPUs used", series: byNode((node) => series.ran_ns[node] &&
      series.ran_ns[node].map((ns, i) => [i * sliceUs, ns / 1e3 / sliceUs])) }];
  if (series.locality.some((share) => share !== null))
    charts.push({ title: "Locality", max: 1, series: [{ name: "all threads", colour: "var(--home)", dash: "",
      points: series.locality.map((share, i) => [i * sliceUs, share]) }] });
  const steps = (flat, scale) => flat && d3.range(0, flat.length, 2).map((i) => [flat[i] / 1e3, flat[i + 1] * scale]);
  if (Object.keys(series.memory_pages).length > 0)
    charts.push({ title: "Memory, MiB", series: byNode((node) => steps(series.memory_pages[node], 4096 / 1048576)) });
  if (report.memory.moved.length > 0) {
    const sums = new Array(Math.max(series.slices, 1)).fill(0);
    for (const move of report.memory.moved)
      sums[Math.min(Math.floor(move.start_ns / 1e3 / sliceUs), sums.length - 1)] += move.pages;
    charts.push({ title: "Pages migrated", bars: true, series: [{ name: "pages", colour: "var(--spread)", dash: "",
      points: sums.map((pages, i) => [i * sliceUs, pages]) }] });
  }
  return charts;
}

// Of one counter by node: its rate, or its level.
function counterChart(model, name) {
  const all = model.series.counters.filter((counter) => counter.name === name && counter.points.length > 2);
  const level = all.some((counter) => counter.is_level);
  const series = all.map((counter) => {
    const points = [];
    for (let i = level ? 0 : 2; i < counter.points.length; i += 2) {
      const us = counter.points[i] / 1e3, value = counter.points[i + 1];
      const seconds = (counter.points[i] - counter.points[i - 2]) / 1e9;
      points.push([us, level ? value : Math.max(0, value - counter.points[i - 1]) / Math.max(seconds, 1e-9)]);
    }
    const host = counter.node === null;
    return { name: host ? "host" : nodeText(counter.node), points, dash: host ? "" : model.dash(counter.node),
             colour: host ? "var(--soft)" : model.nodeColour(counter.node) };
  });
  return { title: shown(name) + (level ? "" : " a second"), series };
}

class Charts {
  constructor(model, container) {
    this.model = model;
    this.container = container;
    this.charts = chartsOf(model);
    const names = [...new Set(model.series.counters.filter((c) => c.points.length > 2).map((c) => c.name))];
    if (names.length > 0) {
      const label = d3.select(container).append("label").text("Counter of the host ");
      const select = label.append("select").attr("id", "counter");
      select.selectAll("option").data(["–", ...names]).enter().append("option").text((name) => shown(name));
      select.on("change", () => this.showCounter(select.property("value"), names));
    }
    this.build();
  }

  showCounter(name, names) {
    this.charts = chartsOf(this.model);
    if (names.includes(name)) this.charts.push(counterChart(this.model, name));
    this.build();
    if (this.x) this.draw(this.x);
    if (this.onBuild) this.onBuild();
  }

  build() {
    d3.select(this.container).selectAll("svg").remove();
    for (const chart of this.charts) {
      chart.svg = d3.select(this.container).append("svg").attr("height", CHART_HEIGHT).attr("role", "img")
        .attr("aria-label", chart.title);
      chart.svg.append("text").attr("x", 0).attr("y", 14).text(chart.title);
      chart.series.forEach((one, i) => {
        if (chart.series.length < 2) return;
        chart.svg.append("line").attr("x1", 0).attr("x2", 22).attr("y1", 24 + 11 * i).attr("y2", 24 + 11 * i)
          .attr("stroke", one.colour).attr("stroke-width", 2.5).attr("stroke-dasharray", one.dash);
        chart.svg.append("text").attr("x", 27).attr("y", 28 + 11 * i).text(one.name);
      });
      chart.axis = chart.svg.append("g").attr("class", "axis");
      chart.plot = chart.svg.append("g");
    }
  }

  // x: scale from us to pixels.
  draw(x) {
    this.x = x;
    const [left, right] = x.range(), [from, to] = x.domain();
    for (const chart of this.charts) {
      const inside = (points) => { // and one to each side
        const at = d3.bisector((point) => point[0]);
        return points.slice(Math.max(0, at.left(points, from) - 1), at.right(points, to) + 1);
      };
      const parts = chart.series.map((one) => inside(one.points));
      const most = chart.max || d3.max(parts.flat(), (point) => point[1]) || 1;
      const y = d3.scaleLinear().domain([0, most]).range([CHART_HEIGHT - 6, 8]);
      chart.axis.attr("transform", "translate(" + left + ",0)")
        .call(d3.axisLeft(y).ticks(2, most >= 10 ? "~s" : undefined).tickSize(-(right - left)));
      const clipped = (point) => [Math.min(Math.max(x(point[0]), left), right), y(point[1] || 0)];
      const line = d3.line().x((point) => clipped(point)[0]).y((point) => clipped(point)[1])
        .defined((point) => point[1] !== null).curve(d3.curveStepAfter);
      const drawn = chart.plot.selectAll("path").data(parts);
      drawn.enter().append("path").merge(drawn)
        .attr("d", (points) => chart.bars
          ? points.filter((point) => point[1] > 0).map((point) => "M" + clipped(point)[0] + "," + y(0) + "V" + y(point[1])).join("")
          : line(points.length > 0 ? [...points, [Math.max(to, points[points.length - 1][0]), points[points.length - 1][1]]] : points))
        .attr("fill", "none").attr("stroke-width", chart.bars ? 3 : 1.8)
        .attr("stroke", (_, i) => chart.series[i].colour).attr("stroke-dasharray", (_, i) => chart.series[i].dash);
    }
  }
}
