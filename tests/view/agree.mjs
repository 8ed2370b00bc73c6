// Text, JSON, page, Perfetto, NDJSON and CSV of one trace, held against each other by value.
// usage: agree.mjs DIRECTORY (with view.txt .json .html .pftrace .ndjson, csv/) PERFETTO.proto
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import protobuf from "protobufjs";

const [, , directory, schema] = process.argv;
const read = (name) => readFileSync(`${directory}/${name}`, "utf8");
const report = JSON.parse(read("view.json"));
const text = read("view.txt");
const database = await (await DuckDBInstance.create(":memory:")).connect();
const query = async (sql) => (await database.runAndReadAll(sql)).getRowObjectsJson();
const ndjson = `read_json('${directory}/view.ndjson', format = 'newline_delimited')`;
const sum = (values) => values.reduce((a, b) => a + b, 0);
const shown = (name) => name.replace(/[\u0000-\u001f\u007f]/g, (c) => "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0"));
const duration = (ns) => ns < 1e9 ? `${(ns / 1e6).toFixed(ns < 1e8 ? 1 : 0)} ms` : `${(ns / 1e9).toFixed(ns < 1e10 ? 2 : 1)} s`;
// JSON has four decimals: a share near a half per cent may be rounded either way in the text.
const percents = (share) => [-5e-5, 5e-5].map((error) => `${((share + error) * 100).toFixed(0)} %`);

// What is compared: of each thread, and of all.
const facts = (thread) => ({
  tid: thread.tid, comm: thread.comm, verdict: thread.verdict, home: thread.home, locality: thread.locality,
  remote_cpu_ns: thread.remote_cpu_ns, moves: thread.moves.cross_node,
  cpu_ns: sum(Object.values(thread.cpu_ns)) + thread.cpu_unattributed_ns,
});
const intervals = report.threads.flatMap((thread) => thread.away.map((away) => ({
  tid: thread.tid, home: away.from, ran_on: away.to, start_ns: away.start_ns, end_ns: away.end_ns, cpu_ns: away.cpu_ns,
  cause: away.cause, by: away.by ? away.by.tid : null })));
const byTid = (a, b) => a.tid - b.tid || a.start_ns - b.start_ns;
const numbers = (row) => Object.fromEntries(Object.entries(row).map(([key, value]) =>
  [key, typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value]));

const tests = {
  async "the text has the summary and the numbers of each thread it tells of"() {
    const flat = text.replace(/\s+/g, " ");
    assert.ok(flat.startsWith(report.summary.text));
    const remote = `Remote: ${duration(report.summary.remote_cpu_ns)} of ${duration(report.summary.cpu_ns)} CPU time`;
    const rest = flat.slice(flat.indexOf(remote) + remote.length).replace(/^, of [^;]* it is not known/, "");
    assert.ok(flat.includes(remote) && percents(report.summary.locality).some((share) => rest.startsWith(`; locality ${share}`)));
    let told = 0;
    for (const thread of report.threads.filter((one) => ["drifted", "returned"].includes(one.verdict))) {
      const { cpu_ns, remote_cpu_ns, locality } = facts(thread);
      const at = flat.indexOf(`${shown(thread.comm)} ${thread.tid} (${thread.verdict})`);
      assert.ok(at > 0, thread.comm);
      const said = `remote ${duration(remote_cpu_ns)} of ${duration(cpu_ns)} CPU time, locality`;
      assert.ok(percents(locality).some((share) => flat.slice(at).includes(`${said} ${share}`)), thread.comm);
      told += 1;
    }
    assert.ok(told > 0);
  },
  async "the page has the report, and its lanes have the run time"() {
    const data = JSON.parse(gunzipSync(Buffer.from(/id="data">([^<]*)</.exec(read("view.html"))[1], "base64")));
    assert.deepEqual(data.report, report);
    data.lanes.threads.forEach((lane, index) => {
      const thread = report.threads[index];
      const slack_us = 1 + lane.step_us; // rounding, and windows where there are too many spans
      let at = 0;
      const ran_us = thread.away.map(() => 0); // by interval; it may have waited in the rest of it
      for (let i = 0; i < lane.spans.length; i += 3) {
        const begin = at + lane.spans[i];
        at = begin + lane.spans[i + 1];
        if (((lane.spans[i + 2] >> 4) & 3) !== 3) continue;
        const inside = thread.away.findIndex((away) => away.start_ns / 1e3 <= begin + slack_us && at <= away.end_ns / 1e3 + slack_us);
        assert.ok(inside >= 0, `${thread.comm}: away from ${begin} to ${at} us in the lane, in none of the intervals told`);
        ran_us[inside] += lane.spans[i + 1] + slack_us;
      }
      assert.ok(at <= thread.end_ns / 1e3 + slack_us, thread.comm);
      thread.away.forEach((away, i) => assert.ok(ran_us[i] >= away.cpu_ns / 1e3, `${thread.comm}: ${ran_us[i]} us in the lane, ${away.cpu_ns} ns told`));
    });
    for (const [node, row] of Object.entries(data.series.ran_ns)) {
      const ran = sum(report.threads.map((thread) => thread.cpu_ns[node] || 0));
      assert.ok(Math.abs(sum(row) - ran) <= 1e-6 * ran + 1000, `node ${node}: ${sum(row)} ns charted, ${ran} ns told`);
    }
  },
  async "DuckDB has the same threads from NDJSON"() {
    const rows = (await query(`SELECT tid, comm, verdict, home, locality, remote_cpu_ns, cross_node_moves AS moves, cpu_ns
      FROM ${ndjson} WHERE record = 'thread' ORDER BY tid`)).map(numbers);
    assert.deepEqual(rows, report.threads.map(facts).sort(byTid));
    const [all] = (await query(`SELECT threads, drifted, still_away, cpu_ns, remote_cpu_ns, locality, summary AS text FROM ${ndjson} WHERE record = 'trace'`)).map(numbers);
    assert.deepEqual(all, report.summary);
    const [sums] = await query(`SELECT sum(cpu_ns)::BIGINT AS cpu, sum(remote_cpu_ns)::BIGINT AS remote FROM ${ndjson} WHERE record = 'span'`);
    assert.equal(Number(sums.cpu), report.summary.cpu_ns);
    assert.ok(Math.abs(Number(sums.remote) - report.summary.remote_cpu_ns) <= 1000, `${sums.remote} ns remote in spans`);
  },
  async "DuckDB has the same intervals and nodes from NDJSON"() {
    const rows = (await query(`SELECT tid, home, ran_on, start_ns, end_ns, cpu_ns, cause, by_tid AS "by" FROM ${ndjson} WHERE record = 'away' ORDER BY tid, start_ns`)).map(numbers);
    assert.deepEqual(rows, intervals.sort(byTid));
    const nodes = (await query(`SELECT tid, node, cpu_ns, weight FROM ${ndjson} WHERE record = 'thread_node'`)).map(numbers);
    for (const { tid, node, cpu_ns, weight } of nodes) {
      const thread = report.threads.find((one) => one.tid === tid);
      assert.equal(cpu_ns, thread.cpu_ns[node] || 0);
      assert.equal(weight, Object.keys(thread.profile.weights).length === 0 ? null : thread.profile.weights[node] || 0);
    }
  },
  async "DuckDB has the same from CSV, names as text"() {
    const rows = (await query(`SELECT tid, comm, verdict, home, locality, remote_cpu_ns, cross_node_moves AS moves, cpu_ns
      FROM '${directory}/csv/thread.csv' ORDER BY tid`)).map(numbers);
    assert.deepEqual(rows, report.threads.map(facts).sort(byTid).map((thread) => ({ ...thread, comm: shown(thread.comm) })));
    const bytes = readFileSync(`${directory}/csv/thread.csv`);
    assert.ok(!bytes.some((byte) => byte < 32 && byte !== 10 && byte !== 13), "no control characters");
    assert.ok((await query(`SELECT text FROM '${directory}/csv/mark.csv'`))[0].text === "<script>alert(1)</script>\\x1b[31m");
  },
  async "episodes are the same in text, page, table and Perfetto"() {
    const told = report.episodes.map((one) => one.text);
    assert.ok(told.length > 0);
    const flat = text.replace(/\s+/g, " ");
    for (const one of told.slice(0, 5)) assert.ok(flat.includes(`* ${one}`), one);
    const markup = (one) => one.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
    for (const one of told.slice(0, 12)) assert.ok(read("view.html").includes(`<li>${markup(one)}</li>`), one);
    const rows = (await query(`SELECT text, cause, threads, still_away, cpu_ns FROM ${ndjson} WHERE record = 'episode'`)).map(numbers);
    assert.deepEqual(rows, report.episodes.map((one) => ({ text: one.text, cause: one.cause, threads: one.tids.length, still_away: one.still_away, cpu_ns: one.cpu_ns })));
    const { packet } = (await protobuf.load(schema)).lookupType("perfetto.protos.Trace").decode(readFileSync(`${directory}/view.pftrace`));
    const slices = packet.filter((one) => one.trackEvent && one.trackEvent.categories.includes("episode")).map((one) => one.trackEvent.name);
    assert.deepEqual(slices, told.slice(0, 50));
  },
  async "the schema names every column there is"() {
    const { tables } = JSON.parse(read("schema.json"));
    for (const [name, table] of Object.entries(tables)) {
      const names = table.columns.map((column) => column.name);
      assert.deepEqual(read(`csv/${name}.csv`).split("\r\n")[0].split(","), names, name);
      for (const column of table.columns) assert.ok(["integer", "number", "text", "boolean"].includes(column.type));
    }
    for (const line of read("view.ndjson").trim().split("\n")) {
      const { record, ...row } = JSON.parse(line);
      const types = Object.fromEntries(tables[record].columns.map((column) => [column.name, column.type]));
      for (const [key, value] of Object.entries(row))
        assert.equal(typeof value, { integer: "number", number: "number", text: "string", boolean: "boolean" }[types[key]], `${record}.${key}`);
    }
  },
  async "Perfetto's schema reads it all, and the numbers are the same"() {
    const Trace = (await protobuf.load(schema)).lookupType("perfetto.protos.Trace");
    const bytes = readFileSync(`${directory}/view.pftrace`);
    const message = Trace.decode(bytes);
    assert.equal(Trace.encode(message).finish().length, bytes.length, "nothing in it is unknown to the schema");
    const { packet } = Trace.toObject(message, { longs: Number, enums: String });
    const begin_ns = report.trace.start_monotonic_ns;
    assert.deepEqual(packet[0].clockSnapshot.clocks.map((clock) => clock.clockId), [3, 1]);
    const tracks = new Map(packet.filter((one) => one.trackDescriptor).map((one) => [one.trackDescriptor.uuid, one.trackDescriptor]));
    const events = packet.filter((one) => one.trackEvent).map((one) => ({ time_ns: one.timestamp - begin_ns, ...one.trackEvent }));
    for (const event of events) assert.ok(tracks.has(event.trackUuid), "every event is on a track that was described");
    const threadOf = (uuid) => tracks.get(uuid).thread || (tracks.get(uuid).parentUuid && threadOf(tracks.get(uuid).parentUuid));
    const noted = (event) => Object.fromEntries((event.debugAnnotations || []).map((one) => [one.name, one.intValue ?? one.stringValue]));
    for (const thread of report.threads) {
      const track = [...tracks.values()].find((one) => one.thread && one.thread.tid === thread.tid && one.thread.pid === thread.pid);
      assert.equal(track.thread.threadName, shown(thread.comm));
      const own = events.filter((event) => event.trackUuid === track.uuid);
      const open = new Map();
      let depth = 0;
      for (const event of own.filter((one) => one.type !== "TYPE_INSTANT")) {
        depth += event.type === "TYPE_SLICE_BEGIN" ? 1 : -1;
        assert.ok(depth === 0 || depth === 1, "stays follow each other");
        if (event.type === "TYPE_SLICE_BEGIN") open.set(event.name, (open.get(event.name) || 0) + noted(event).cpu_ns);
      }
      for (const [node, ns] of Object.entries(thread.cpu_ns)) if (ns > 0) assert.equal(open.get(`node ${node}`), ns, `${thread.comm} on node ${node}`);
      const moves = own.filter((event) => event.type === "TYPE_INSTANT" && noted(event).cause);
      assert.equal(moves.length, thread.moves.cross_node);
      for (const move of moves.filter((event) => event.terminatingFlowIds)) {
        const from = events.find((event) => (event.flowIds || []).includes(move.terminatingFlowIds[0]));
        assert.ok(from && from.time_ns === move.time_ns, "an arrow comes from who moved it");
      }
    }
    const away = events.filter((event) => (event.categories || []).includes("away")).map((event) => ({
      tid: threadOf(event.trackUuid).tid, home: noted(event).home, ran_on: noted(event).ran_on, start_ns: event.time_ns,
      cpu_ns: noted(event).cpu_ns, cause: noted(event).cause })).sort(byTid);
    assert.deepEqual(away, intervals.sort(byTid).map(({ end_ns, by, ...rest }) => rest));
    const counters = [...tracks.values()].filter((track) => track.counter && track.name === "numa_hit");
    for (const track of counters) {
      const node = Number(/\d+/.exec(tracks.get(track.parentUuid).name)[0]);
      const values = events.filter((event) => event.trackUuid === track.uuid).map((event) => event.counterValue);
      const told = report.counters.find((counter) => counter.node === node && counter.name === "numa_hit");
      assert.equal(values[0], told.first);
      assert.equal(values[values.length - 1], told.last);
    }
    assert.ok(counters.length > 0);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log("ok    " + name);
  } catch (error) {
    failed += 1;
    console.log(`WRONG ${name}\n      ${error.stack}`);
  }
}
process.exit(failed > 0 ? 1 : 0);
