#include "export/tables.h"

#include "export/table_builder.h"

#include <fmt/format.h>

namespace numadrift::tables {
namespace {

struct OfCounter {
    Node node;
    const std::string* name;
    CounterRecord::Point point;
};
using NodeEntry = std::pair<const Node, Topology::NodeInfo>;

Table trace_table() {
    return table<Report>(
        "trace", "one row: the recording and its verdict",
        {{"start_unix_ns", Type::integer, "when it began, since 1970",
          [](const Report& r, const Report&) { return count(r.trace.start_unix_ns); }},
         {"duration_ns", Type::integer, "how long it is",
          [](const Report& r, const Report&) { return count(r.duration_ns); }},
         {"kernel", Type::text, "release",
          [](const Report& r, const Report&) { return text_value(r.trace.kernel); }},
         {"version", Type::text, "of the recorder",
          [](const Report& r, const Report&) { return text_value(r.trace.version); }},
         {"targets", Type::text, "what was recorded, with commas",
          [](const Report& r, const Report&) {
              return text_value(fmt::format("{}", fmt::join(r.targets, ",")));
          }},
         {"numa_balancing", Type::integer, "the sysctl; null where the kernel has none",
          [](const Report& r, const Report&) {
              return r.trace.numa_balancing < 0 ? Value() : Value(std::int64_t{r.trace.numa_balancing});
          }},
         {"complete", Type::boolean, "nothing was lost, and it was finished",
          [](const Report& r, const Report&) { return Value(r.complete); }},
         {"lost_events", Type::integer, "events that found a buffer full",
          [](const Report& r, const Report&) {
              std::uint64_t lost = 0;
              for (const auto& [kind, number] : r.lost.events) lost += number;
              return count(lost);
          }},
         {"threads", Type::integer, "threads seen",
          [](const Report& r, const Report&) { return count(r.threads.size()); }},
         {"drifted", Type::integer, "of them, migrated away from their memory (drifted or returned)",
          [](const Report& r, const Report&) { return count(r.drifted); }},
         {"still_away", Type::integer, "of them, not home again at the end",
          [](const Report& r, const Report&) { return count(r.still_away); }},
         {"cpu_ns", Type::integer, "CPU time of all threads",
          [](const Report& r, const Report&) { return count(r.cpu_ns); }},
         {"remote_cpu_ns", Type::integer, "of it, on nodes without the memory used",
          [](const Report& r, const Report&) { return r.locality ? count(r.remote_cpu_ns) : Value(); }},
         {"locality", Type::number, "0 to 1, 1 is all local; null where nothing is known",
          [](const Report& r, const Report&) { return share(r.locality); }},
         {"bpf_ns", Type::integer, "cost of recording: in BPF programs",
          [](const Report& r, const Report&) {
              return r.overhead.bpf_ns > 0 ? count(r.overhead.bpf_ns) : Value();
          }},
         {"reader_cpu_ns", Type::integer, "cost of recording: in the reader",
          [](const Report& r, const Report&) { return count(r.overhead.reader_cpu_ns); }},
         {"summary", Type::text, "the verdict in words",
          [](const Report& r, const Report&) { return Value(r.summary); }}},
        [](const Report& report, const std::function<void(const Report&)>& take) { take(report); });
}

Table node_table() {
    return table<NodeEntry>(
        "node", "one row for each NUMA node",
        {{"node", Type::integer, "id", [](const Report&, const NodeEntry& n) { return node_value(n.first); }},
         {"cpus", Type::integer, "CPUs it has",
          [](const Report& r, const NodeEntry& n) { return count(r.topology.cpus_of(n.first).size()); }},
         {"memory_bytes", Type::integer, "memory it has",
          [](const Report&, const NodeEntry& n) { return count(n.second.memory_bytes); }},
         {"cpu_ns", Type::integer, "CPU time of all threads on it",
          [](const Report& r, const NodeEntry& n) {
              std::uint64_t sum = 0;
              for (const auto& thread : r.threads)
                  if (const auto on = thread.locality.cpu_ns.find(n.first);
                      on != thread.locality.cpu_ns.end())
                      sum += on->second;
              return count(sum);
          }}},
        [](const Report& report, const std::function<void(const NodeEntry&)>& take) {
            for (const auto& node : report.topology.nodes) take(node);
        });
}

Table page_move_table() {
    using Row = PageMoveRecord;
    return table<Row>(
        "page_move", "one row for each batch of pages that moved between nodes",
        {{"start_ns", Type::integer, "from the begin of the trace",
          [](const Report&, const Row& m) { return count(m.begin_ns); }},
         {"from_node", Type::integer, "", [](const Report&, const Row& m) { return node_value(m.from); }},
         {"to_node", Type::integer, "", [](const Report&, const Row& m) { return node_value(m.to); }},
         {"pages", Type::integer, "of 4 KiB", [](const Report&, const Row& m) { return count(m.pages); }},
         {"reason", Type::text, "enum migrate_reason of the kernel",
          [](const Report&, const Row& m) { return Value(std::string(reason_name(m.reason))); }}},
        [](const Report& report, const std::function<void(const Row&)>& take) {
            for (const auto& move : report.page_moves) take(move);
        });
}

Table counter_table() {
    return table<OfCounter>("counter", "what the host counted, when it changed",
                            {{"time_ns", Type::integer, "from the begin of the trace",
                              [](const Report&, const OfCounter& row) { return count(row.point.time_ns); }},
                             {"node", Type::integer, "null for the whole host",
                              [](const Report&, const OfCounter& row) { return node_value(row.node); }},
                             {"name", Type::text, "as the kernel has it: numa_miss, free_bytes, …",
                              [](const Report&, const OfCounter& row) { return Value(*row.name); }},
                             {"value", Type::integer, "so far; of levels: then",
                              [](const Report&, const OfCounter& row) { return count(row.point.value); }}},
                            [](const Report& report, const std::function<void(const OfCounter&)>& take) {
                                for (const auto& [key, record] : report.counters)
                                    for (const auto& point : record.points)
                                        take({key.first, &key.second, point});
                            });
}

Table mark_table() {
    return table<MarkRecord>(
        "mark", "one row for each mark",
        {{"time_ns", Type::integer, "from the begin of the trace",
          [](const Report&, const MarkRecord& m) { return count(m.time_ns); }},
         {"text", Type::text, "", [](const Report&, const MarkRecord& m) { return Value(m.text); }}},
        [](const Report& report, const std::function<void(const MarkRecord&)>& take) {
            for (const auto& mark : report.marks) take(mark);
        });
}

Table advice_table() {
    return table<Advice>(
        "advice", "what to do about it",
        {{"text", Type::text, "", [](const Report&, const Advice& a) { return Value(a.text); }},
         {"command", Type::text, "", [](const Report&, const Advice& a) { return text_value(a.command); }},
         {"why", Type::text, "", [](const Report&, const Advice& a) { return text_value(a.why); }},
         {"left_remote_cpu_ns", Type::integer, "remote CPU time of the whole trace, had it been so",
          [](const Report&, const Advice& a) {
              return a.left_remote_cpu_ns ? count(*a.left_remote_cpu_ns) : Value();
          }}},
        [](const Report& report, const std::function<void(const Advice&)>& take) {
            for (const auto& one : report.advice) take(one);
        });
}

std::string_view type_name(Type type) {
    switch (type) {
    case Type::boolean: return "boolean";
    case Type::integer: return "integer";
    case Type::number: return "number";
    case Type::text: return "text";
    }
    return "text";
}

} // namespace

const std::vector<Table>& all() {
    // Those that are short come first: who loads them looks at the first lines for what there is.
    static const std::vector<Table> kTables = {trace_table(),       episode_table(), node_table(),
                                               advice_table(),      mark_table(),    thread_table(),
                                               thread_node_table(), away_table(),    page_move_table(),
                                               move_table(),        counter_table(), span_table()};
    return kTables;
}

std::string trace_id(const Report& report) {
    return fmt::format("{}-{}", report.trace.host, report.trace.start_unix_ns);
}

std::string render_schema() {
    Json tables = Json::object();
    for (const Table& table : all()) {
        Json columns = Json::array();
        for (const ColumnInfo& column : table.columns)
            columns.push_back(
                {{"name", column.name}, {"type", type_name(column.type)}, {"about", column.about}});
        tables[table.name] = {{"about", table.about}, {"columns", columns}};
    }
    const Json document{{"schema", kSchema}, {"tables", tables}};
    return document.dump(2) + "\n";
}

} // namespace numadrift::tables
