#include "export/tables.h"

#include "report/json_values.h"
#include "util/policy.h"

#include <algorithm>
#include <fmt/format.h>

namespace numadrift::tables {
namespace {

// A column and where a row has it: one list, so that names and values cannot part.
template <class Row> struct Column {
    const char* name;
    Type type;
    const char* about;
    Value (*of)(const Report& report, const Row& row);
};

template <class Row> using EachRow = void (*)(const Report&, const std::function<void(const Row&)>&);

template <class Row>
Table table(const char* name, const char* about, std::vector<Column<Row>> columns, EachRow<Row> each) {
    Table made{name,
               about,
               {{"trace", Type::text, "host and begin: the same in all rows of a trace"},
                {"host", Type::text, "where it was recorded"}},
               {}};
    for (const auto& column : columns) made.columns.push_back({column.name, column.type, column.about});
    made.for_each_row = [columns = std::move(columns), each](const Report& report, const TakeRow& take) {
        const std::string id = trace_id(report);
        each(report, [&](const Row& row) {
            std::vector<Value> values{id, report.trace.host};
            for (const auto& column : columns) values.push_back(column.of(report, row));
            take(values);
        });
    };
    return made;
}

Value node_value(Node node) {
    return node == kNoNode ? Value() : Value(std::int64_t{raw(node)});
}

Value text_value(const std::string& text) {
    return text.empty() ? Value() : Value(text);
}

Value count(std::uint64_t number) {
    return number;
}

// As the JSON report rounds them.
Value whole_ns(const Locality& locality, double ns) {
    if (!locality.locality()) return {};
    return static_cast<std::uint64_t>(std::llround(std::clamp(ns, 0.0, 9e18)));
}

Value share(const std::optional<double>& value) {
    return value ? Value(rounded(*value)) : Value();
}

template <class Map> Value at_node(const Map& values, Node node) {
    const auto found = values.find(node);
    return found == values.end() ? Value(std::uint64_t{0}) : Value(std::uint64_t{found->second});
}

// ---- rows that are of a thread ----

struct OfNode {
    const ThreadReport* thread;
    Node node;
};
struct OfAway {
    const ThreadReport* thread;
    const AwayInterval* away;
};
struct OfMove {
    const ThreadReport* thread;
    const CpuMoveRecord* move;
};
struct OfSpan {
    const ThreadReport* thread;
    const StandingSpan* span;
};
struct OfCounter {
    Node node;
    const std::string* name;
    CounterRecord::Point point;
};
using NodeEntry = std::pair<const Node, Topology::NodeInfo>;

// pid, tid and comm, in front of the columns of such a row.
template <class Row> std::vector<Column<Row>> with_thread(std::vector<Column<Row>> columns) {
    columns.insert(columns.begin(),
                   {{"pid", Type::integer, "process",
                     [](const Report&, const Row& row) { return count(raw(row.thread->pid)); }},
                    {"tid", Type::integer, "thread",
                     [](const Report&, const Row& row) { return count(raw(row.thread->tid)); }},
                    {"comm", Type::text, "its name",
                     [](const Report&, const Row& row) { return Value(row.thread->comm); }}});
    return columns;
}

// ---- the tables ----

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

std::vector<Column<ThreadReport>> thread_columns() {
    using Row = ThreadReport;
    return {{"pid", Type::integer, "process", [](const Report&, const Row& t) { return count(raw(t.pid)); }},
            {"tid", Type::integer, "thread", [](const Report&, const Row& t) { return count(raw(t.tid)); }},
            {"comm", Type::text, "its name", [](const Report&, const Row& t) { return Value(t.comm); }},
            {"cgroup", Type::text, "of its process",
             [](const Report& r, const Row& t) {
                 const auto found = r.processes.find(t.pid);
                 return found == r.processes.end() ? Value() : text_value(found->second.cgroup);
             }},
            {"verdict", Type::text, "drifted, returned, misplaced, deserted, home, spread, idle or unknown",
             [](const Report&, const Row& t) { return Value(std::string(verdict_name(t.verdict))); }},
            {"home", Type::integer, "node with 2/3 of the memory it uses",
             [](const Report&, const Row& t) { return node_value(t.locality.home.value_or(kNoNode)); }},
            {"confidence", Type::number, "in its memory's place, 0 to 1",
             [](const Report&, const Row& t) { return Value(rounded(t.confidence)); }},
            {"begin_ns", Type::integer, "first seen, from the begin of the trace",
             [](const Report&, const Row& t) { return count(t.begin_ns); }},
            {"end_ns", Type::integer, "its end or the trace's",
             [](const Report&, const Row& t) { return count(t.end_ns); }},
            {"cpu_ns", Type::integer, "CPU time",
             [](const Report&, const Row& t) { return count(t.locality.total_cpu_ns); }},
            {"remote_cpu_ns", Type::integer, "of it, on nodes without the memory used; null where unknown",
             [](const Report&, const Row& t) { return whole_ns(t.locality, t.locality.remote_cpu_ns); }},
            {"distance_cost_ns", Type::integer, "weighted by the distances the firmware tells",
             [](const Report&, const Row& t) { return whole_ns(t.locality, t.locality.distance_cost_ns); }},
            {"locality", Type::number, "0 to 1, 1 is all local",
             [](const Report&, const Row& t) { return share(t.locality.locality()); }},
            {"cross_node_moves", Type::integer, "moves to another node",
             [](const Report&, const Row& t) { return count(t.moves_cross_node); }},
            {"cross_llc_moves", Type::integer, "to another last-level cache of a node",
             [](const Report&, const Row& t) { return count(t.moves_cross_llc); }},
            {"same_llc_moves", Type::integer, "under one last-level cache",
             [](const Report&, const Row& t) { return count(t.moves_same_llc); }},
            {"missed_moves", Type::integer, "it was found where nobody saw it move",
             [](const Report&, const Row& t) { return count(t.missed_moves); }},
            {"allowed_cpus", Type::text, "Cpus_allowed_list",
             [](const Report&, const Row& t) { return t.limits ? text_value(t.limits->cpus) : Value(); }},
            {"allowed_mems", Type::text, "Mems_allowed_list",
             [](const Report&, const Row& t) { return t.limits ? text_value(t.limits->mems) : Value(); }},
            {"policy", Type::text, "memory policy", [](const Report&, const Row& t) {
                 return t.limits ? Value(policy_text(t.limits->policy, t.limits->policy_nodes)) : Value();
             }}};
}

Table thread_table() {
    return table<ThreadReport>(
        "thread", "one row for each thread", thread_columns(),
        [](const Report& report, const std::function<void(const ThreadReport&)>& take) {
            for (const auto& thread : report.threads) take(thread);
        });
}

Table thread_node_table() {
    return table<OfNode>(
        "thread_node", "one row for each thread and node it ran on or has memory on",
        with_thread<OfNode>(
            {{"node", Type::integer, "id",
              [](const Report&, const OfNode& row) { return node_value(row.node); }},
             {"cpu_ns", Type::integer, "CPU time on it",
              [](const Report&, const OfNode& row) {
                  return at_node(row.thread->locality.cpu_ns, row.node);
              }},
             {"weight", Type::number, "share of the memory the thread uses that is there, at the end",
              [](const Report&, const OfNode& row) {
                  const auto weights = row.thread->locality.profile.weights();
                  const auto found = weights.find(row.node);
                  return weights.empty() ? Value()
                                         : Value(found == weights.end() ? 0 : rounded(found->second));
              }},
             {"first_touched_pages", Type::integer, "pages (4 KiB) it touched first",
              [](const Report&, const OfNode& row) { return at_node(row.thread->faults, row.node); }},
             {"hint_fault_pages", Type::integer, "pages it took NUMA hint faults on",
              [](const Report&, const OfNode& row) { return at_node(row.thread->hint_faults, row.node); }}}),
        [](const Report& report, const std::function<void(const OfNode&)>& take) {
            for (const auto& thread : report.threads) {
                const auto weights = thread.locality.profile.weights();
                for (const auto& [node, info] : report.topology.nodes)
                    if (thread.locality.cpu_ns.contains(node) || weights.contains(node) ||
                        thread.faults.contains(node) || thread.hint_faults.contains(node))
                        take({&thread, node});
            }
        });
}

Table away_table() {
    return table<OfAway>(
        "away", "one row for each interval a thread was away from its memory",
        with_thread<OfAway>(
            {{"home", Type::integer, "node of its memory",
              [](const Report&, const OfAway& row) { return node_value(row.away->from); }},
             {"ran_on", Type::integer, "node it ran on instead",
              [](const Report&, const OfAway& row) { return node_value(row.away->to); }},
             {"start_ns", Type::integer, "from the begin of the trace",
              [](const Report&, const OfAway& row) { return count(row.away->start_ns); }},
             {"end_ns", Type::integer, "",
              [](const Report&, const OfAway& row) { return count(row.away->end_ns); }},
             {"open", Type::boolean, "still so at the end",
              [](const Report&, const OfAway& row) { return Value(row.away->open); }},
             {"cpu_ns", Type::integer, "what it ran meanwhile",
              [](const Report&, const OfAway& row) { return count(row.away->cpu_ns); }},
             {"cause", Type::text,
              "wakeup, load_balance, active_balance, numa_balance, affinity, exec, hotplug, rt_push, "
              "rt_pull, "
              "page_move, use_change or unknown",
              [](const Report&, const OfAway& row) { return Value(std::string(cause_of(*row.away))); }},
             {"by_tid", Type::integer, "who moved it, if somebody did",
              [](const Report&, const OfAway& row) {
                  return raw(row.away->by) == 0 ? Value() : count(raw(row.away->by));
              }},
             {"by_comm", Type::text, "its name",
              [](const Report&, const OfAway& row) {
                  return raw(row.away->by) == 0 ? Value() : Value(row.away->by_comm);
              }},
             {"uncorrected", Type::text, "why NUMA balancing did not mend it, with semicolons",
              [](const Report&, const OfAway& row) {
                  return text_value(fmt::format("{}", fmt::join(row.away->uncorrected, "; ")));
              }}}),
        [](const Report& report, const std::function<void(const OfAway&)>& take) {
            for (const auto& thread : report.threads)
                for (const auto& away : thread.locality.away) take({&thread, &away});
        });
}

Table move_table() {
    return table<OfMove>(
        "move", "one row for each move of a thread to another node (of very many, a part)",
        with_thread<OfMove>({{"time_ns", Type::integer, "from the begin of the trace",
                              [](const Report&, const OfMove& row) { return count(row.move->time_ns); }},
                             {"from_cpu", Type::integer, "",
                              [](const Report&, const OfMove& row) { return count(raw(row.move->from)); }},
                             {"to_cpu", Type::integer, "",
                              [](const Report&, const OfMove& row) { return count(raw(row.move->to)); }},
                             {"from_node", Type::integer, "",
                              [](const Report& r, const OfMove& row) {
                                  return node_value(r.topology.node_of(row.move->from));
                              }},
                             {"to_node", Type::integer, "",
                              [](const Report& r, const OfMove& row) {
                                  return node_value(r.topology.node_of(row.move->to));
                              }},
                             {"cause", Type::text, "as in table away",
                              [](const Report&, const OfMove& row) {
                                  return Value(std::string(cause_name(row.move->cause)));
                              }},
                             {"by_tid", Type::integer, "who moved it, if somebody did",
                              [](const Report&, const OfMove& row) {
                                  return raw(row.move->by) == 0 ? Value() : count(raw(row.move->by));
                              }},
                             {"by_comm", Type::text, "its name",
                              [](const Report&, const OfMove& row) {
                                  return raw(row.move->by) == 0 ? Value() : Value(row.move->by_comm);
                              }}}),
        [](const Report& report, const std::function<void(const OfMove&)>& take) {
            for (const auto& thread : report.threads)
                for (const auto& move : thread.moves) take({&thread, &move});
        });
}

Table span_table() {
    return table<OfSpan>(
        "span", "the timeline: one row for each piece of time a thread was on one node and of one standing",
        with_thread<OfSpan>({{"start_ns", Type::integer, "from the begin of the trace",
                              [](const Report&, const OfSpan& row) { return count(row.span->begin_ns); }},
                             {"end_ns", Type::integer, "",
                              [](const Report&, const OfSpan& row) { return count(row.span->end_ns); }},
                             {"node", Type::integer, "where it was; null after a loss",
                              [](const Report&, const OfSpan& row) { return node_value(row.span->node); }},
                             {"standing", Type::text, "home, away, spread or unknown",
                              [](const Report&, const OfSpan& row) {
                                  return Value(std::string(standing_name(row.span->standing)));
                              }},
                             {"cpu_ns", Type::integer, "what it ran",
                              [](const Report&, const OfSpan& row) { return count(row.span->ran_ns); }},
                             {"remote_cpu_ns", Type::integer, "of it, not on the node of the memory used",
                              [](const Report&, const OfSpan& row) {
                                  return count(static_cast<std::uint64_t>(
                                      std::llround(std::max(0.0, row.span->remote_ns))));
                              }}}),
        [](const Report& report, const std::function<void(const OfSpan&)>& take) {
            for (const auto& thread : report.threads)
                for (const auto& span : thread.locality.spans) take({&thread, &span});
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
    static const std::vector<Table> kTables = {trace_table(),   node_table(),      advice_table(),
                                               mark_table(),    thread_table(),    thread_node_table(),
                                               away_table(),    page_move_table(), move_table(),
                                               counter_table(), span_table()};
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
