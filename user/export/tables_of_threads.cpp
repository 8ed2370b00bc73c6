// The tables of threads, and of what happened to them.
#include "export/table_builder.h"
#include "util/policy.h"

#include <fmt/format.h>

namespace numadrift::tables {
namespace {

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

} // namespace

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

Table episode_table() {
    using Row = Episode;
    return table<Row>(
        "episode", "away intervals that share what parted threads from their memory, the worst first",
        {{"text", Type::text, "the sentence",
          [](const Report&, const Row& e) { return Value(episode_text(e)); }},
         {"cause", Type::text, "as in table away",
          [](const Report&, const Row& e) { return Value(std::string(cause_of(e.opening, e.cause))); }},
         {"by_tid", Type::integer, "who moved them; null for nobody, or several of that name",
          [](const Report&, const Row& e) { return raw(e.by) == 0 ? Value() : count(raw(e.by)); }},
         {"by_comm", Type::text, "its name",
          [](const Report&, const Row& e) { return text_value(e.by_comm); }},
         {"program", Type::text, "whose threads",
          [](const Report&, const Row& e) { return Value(e.program); }},
         {"processes", Type::integer, "of that name",
          [](const Report&, const Row& e) { return count(e.pids.size()); }},
         {"home", Type::integer, "node of their memory",
          [](const Report&, const Row& e) { return node_value(e.from); }},
         {"ran_on", Type::integer, "node they ran on instead",
          [](const Report&, const Row& e) { return node_value(e.to); }},
         {"first_start_ns", Type::integer, "of the first interval, from the begin of the trace",
          [](const Report&, const Row& e) { return count(e.first_start_ns); }},
         {"last_start_ns", Type::integer, "of the last one",
          [](const Report&, const Row& e) { return count(e.last_start_ns); }},
         {"end_ns", Type::integer, "of the last that ended; null: none has",
          [](const Report&, const Row& e) { return e.end_ns == 0 ? Value() : count(e.end_ns); }},
         {"threads", Type::integer, "different ones",
          [](const Report&, const Row& e) { return count(e.tids.size()); }},
         {"of_threads", Type::integer, "that there are",
          [](const Report&, const Row& e) { return count(e.of_threads); }},
         {"still_away", Type::integer, "of them, at the end",
          [](const Report&, const Row& e) { return count(e.still_away); }},
         {"too_briefly", Type::integer, "of them, for a verdict",
          [](const Report&, const Row& e) { return count(e.too_briefly); }},
         {"intervals", Type::integer, "in all", [](const Report&, const Row& e) { return count(e.times); }},
         {"cpu_ns", Type::integer, "CPU time in them",
          [](const Report&, const Row& e) { return count(e.cpu_ns); }}},
        [](const Report& report, const std::function<void(const Row&)>& take) {
            for (const Episode& episode : report.episodes) take(episode);
        });
}

} // namespace numadrift::tables
