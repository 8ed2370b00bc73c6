#include "report/json.h"

#include "report/json_values.h"
#include "report/residency.h"
#include "util/policy.h"

#include <cmath>
#include <fmt/core.h>

namespace numadrift {
namespace {

Json node_or_null(const std::optional<Node>& node) {
    return node && *node != kNoNode ? Json(raw(*node)) : Json(nullptr);
}

Json counts_by_kind(const std::map<std::uint32_t, std::uint64_t>& counts) {
    Json object = Json::object();
    for (const auto& [kind, count] : counts) object[kind_name(kind)] = count;
    return object;
}

Json trace_json(const Report& report) {
    Json sources = Json::object();
    Json limits = Json::object();
    for (const auto& state : report.sources) {
        sources[state.source] = state.on ? "on" : "off: " + state.why;
        if (!state.limits.empty()) limits[state.source] = state.limits;
    }
    Json trace{{"start_unix_ns", report.trace.start_unix_ns},
               {"start_monotonic_ns", report.start_monotonic_ns},
               {"duration_ns", report.duration_ns},
               {"host", report.trace.host},
               {"kernel", report.trace.kernel},
               {"version", report.trace.version},
               {"firmware", report.trace.firmware.empty() ? Json(nullptr) : Json(report.trace.firmware)},
               {"complete", report.complete},
               {"finished", report.finished},
               {"targets", report.targets}};
    trace["numa_balancing"] =
        report.trace.numa_balancing < 0 ? Json(nullptr) : Json(report.trace.numa_balancing);
    trace["sources"] = sources;
    trace["limits"] = limits;
    trace["events"] = counts_by_kind(report.events);
    trace["lost"] = counts_by_kind(report.lost.events);
    trace["missed_runs"] = report.missed_runs;
    trace["damaged"] = {{"places", report.lost.damages}, {"bytes", report.lost.damaged_bytes}};
    trace["window"] = report.window_ns == 0 && report.window_end.empty()
                          ? Json(nullptr)
                          : Json{{"from_ns", report.window_ns},
                                 {"to_ns", report.window_ns + report.duration_ns},
                                 {"why", report.window_end}};
    trace["marks"] = Json::array();
    for (const MarkRecord& mark : report.marks)
        trace["marks"].push_back({{"time_ns", mark.time_ns}, {"text", mark.text}});
    trace["sampled"] = Json::array();
    for (const RateRecord& rate : report.rates)
        trace["sampled"].push_back({{"kind", kind_name(rate.event)},
                                    {"one_in", rate.one_in},
                                    {"from_ns", rate.begin_ns},
                                    {"to_ns", rate.end_ns}});
    return trace;
}

Json topology_json(const Report& report) {
    Json nodes = Json::array();
    for (const auto& [node, info] : report.topology.nodes) {
        Json cpus = Json::array();
        for (const Cpu cpu : report.topology.cpus_of(node)) cpus.push_back(raw(cpu));
        nodes.push_back({{"id", raw(node)},
                         {"cpus", cpus},
                         {"memory_bytes", info.memory_bytes},
                         {"distances", by_node(info.distances)}});
    }
    return {{"nodes", nodes}, {"notes", report.notes}};
}

Json overhead_json(const Report& report) {
    const Overhead& cost = report.overhead;
    Json overhead{{"bpf_ns", cost.bpf_ns > 0 ? Json(cost.bpf_ns) : Json(nullptr)},
                  {"reader_cpu_ns", cost.reader_cpu_ns},
                  {"query_ns", cost.query_ns},
                  {"nice", cost.nice}};
    const auto all = static_cast<double>(cost.bpf_ns + cost.reader_cpu_ns);
    overhead["share_of_one_cpu"] =
        report.duration_ns > 0 ? Json(rounded(all / static_cast<double>(report.duration_ns))) : Json(nullptr);
    return overhead;
}

Json away_json(const AwayInterval& interval) {
    Json away{{"from", raw(interval.from)}, {"to", raw(interval.to)}, {"start_ns", interval.start_ns},
              {"end_ns", interval.end_ns},  {"open", interval.open},  {"cpu_ns", interval.cpu_ns},
              {"cause", cause_of(interval)}};
    away["by"] =
        raw(interval.by) == 0 ? Json(nullptr) : Json{{"tid", raw(interval.by)}, {"comm", interval.by_comm}};
    away["uncorrected"] = interval.uncorrected;
    return away;
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

// 95 % of each weight.
Json bounds_json(const Profile& profile) {
    Json bounds = Json::object();
    for (const auto& [node, weight] : profile.weights()) {
        const Bounds known = profile.bounds(node);
        bounds[key(node)] = {rounded(known.low), rounded(known.high)};
    }
    return bounds;
}

// What each source of evidence says by itself.
Json sources_json(const Profile& profile) {
    Json sources = Json::object();
    for (const Evidence evidence : kAllEvidence)
        if (const auto shares = profile.shares(evidence); !shares.empty())
            sources[std::string(evidence_name(evidence))] = by_node(shares);
    return sources;
}

Json limits_json(const std::optional<Limits>& limits) {
    if (!limits) return nullptr;
    return {{"cpus", limits->cpus},
            {"mems", limits->mems},
            {"policy", policy_text(limits->policy, limits->policy_nodes)},
            {"cpuset_cpus", limits->cpuset_cpus.empty() ? Json(nullptr) : Json(limits->cpuset_cpus)}};
}

Json silences_json(const std::vector<Silence>& silences) {
    Json array = Json::array();
    for (const Silence& silence : silences)
        array.push_back(
            {{"start_ns", silence.begin_ns}, {"end_ns", silence.end_ns}, {"cpu_ns", silence.cpu_ns}});
    return array;
}

// What of the weights each source decides.
Json voices_json(const Profile& profile) {
    Json voices = Json::object();
    for (const Evidence evidence : kAllEvidence)
        if (const double voice = profile.voice(evidence); voice > 0)
            voices[std::string(evidence_name(evidence))] = rounded(voice);
    return voices;
}

Json thread_json(const ThreadReport& thread) {
    const Locality& locality = thread.locality;
    Json away = Json::array();
    for (const auto& interval : locality.away) away.push_back(away_json(interval));
    Json evidence{{"hint", thread.evidence_hint},          {"sampled", thread.samples_exact},
                  {"sampled_weak", thread.samples_weak},   {"sampled_cached", by_node(thread.samples_cached)},
                  {"sampled_pages", thread.pages_sampled}, {"first_touch", thread.evidence_first_touch},
                  {"kernel", thread.kernel_faults}};
    const auto share = locality.locality();
    return {
        {"pid", raw(thread.pid)},
        {"tid", raw(thread.tid)},
        {"comm", thread.comm},
        {"verdict", verdict_name(thread.verdict)},
        {"home", node_or_null(locality.home)},
        {"profile",
         {{"weights", by_node(locality.profile.weights())},
          {"bounds", bounds_json(locality.profile)},
          {"evidence", evidence},
          {"sources", sources_json(locality.profile)},
          {"voices", voices_json(locality.profile)},
          {"contradiction", text_or_null(locality.profile.contradiction())},
          {"confidence", rounded(thread.confidence)}}},
        {"samples",
         {{"taken", thread.sampling.taken},
          {"in_kernel", thread.sampling.in_kernel},
          {"opaque", thread.sampling.opaque},
          {"own", thread.sampling.own},
          {"absent", thread.sampling.absent},
          {"unasked", thread.sampling.unasked}}},
        {"silences", silences_json(locality.silences)},
        {"limits", limits_json(thread.limits)},
        {"preferred_node", thread.preferred_node < 0 ? Json(nullptr) : Json(thread.preferred_node)},
        {"begin_ns", thread.begin_ns},
        {"end_ns", thread.end_ns},
        {"cpu_ns", by_node(locality.cpu_ns)},
        {"cpu_unattributed_ns", locality.unattributed_cpu_ns},
        {"locality", rounded_or_null(share)},
        {"remote_cpu_ns", share ? Json(std::llround(std::min(locality.remote_cpu_ns, 9e18))) : Json(nullptr)},
        {"distance_cost_ns",
         share ? Json(std::llround(std::min(locality.distance_cost_ns, 9e18))) : Json(nullptr)},
        {"moves",
         {{"cross_node", thread.moves_cross_node},
          {"cross_llc", thread.moves_cross_llc},
          {"same_llc", thread.moves_same_llc},
          {"missed", thread.missed_moves}}},
        {"faults", by_node(thread.faults)},
        {"hint_faults", by_node(thread.hint_faults)},
        {"away", away},
        {"away_left_out", locality.away_left_out},
        {"told_in_windows_of_ns", thread.window_ns}};
}

Json episodes_json(const Report& report) {
    Json episodes = Json::array();
    for (const Episode& episode : report.episodes) {
        Json pids = Json::array();
        for (const Pid pid : episode.pids) pids.push_back(raw(pid));
        Json tids = Json::array();
        for (const Tid tid : episode.tids) tids.push_back(raw(tid));
        Json by = nullptr;
        if (!episode.by_comm.empty())
            by = {{"comm", episode.by_comm},
                  {"tid", raw(episode.by) == 0 ? Json(nullptr) : Json(raw(episode.by))}};
        episodes.push_back({{"text", episode_text(episode)},
                            {"cause", cause_of(episode.opening, episode.cause)},
                            {"by", by},
                            {"program", episode.program},
                            {"pids", pids},
                            {"from", raw(episode.from)},
                            {"to", raw(episode.to)},
                            {"first_start_ns", episode.first_start_ns},
                            {"last_start_ns", episode.last_start_ns},
                            {"end_ns", episode.end_ns == 0 ? Json(nullptr) : Json(episode.end_ns)},
                            {"tids", tids},
                            {"of_threads", episode.of_threads},
                            {"still_away", episode.still_away},
                            {"too_briefly", episode.too_briefly},
                            {"times", episode.times},
                            {"cpu_ns", episode.cpu_ns}});
    }
    return episodes;
}

Json groups_json(const Report& report, GroupBy by) {
    Json groups = Json::array();
    for (const Group& group : group_threads(report, by)) {
        Json verdicts = Json::object();
        for (const auto& [verdict, count] : group.verdicts)
            verdicts[std::string(verdict_name(verdict))] = count;
        const auto locality = group.locality();
        groups.push_back(
            {{"key", group.key},
             {"threads", group.threads.size()},
             {"verdicts", verdicts},
             {"cpu_ns", by_node(group.cpu_ns)},
             {"memory", by_node(group.memory)},
             {"locality", rounded_or_null(locality)},
             {"remote_cpu_ns", locality ? Json(std::llround(group.remote_cpu_ns)) : Json(nullptr)},
             {"away_cpu_ns", group.away_cpu_ns}});
    }
    return {{"by", group_by_name(by)}, {"of", groups}};
}

Json memory_json(const Report& report) {
    Json moved = Json::array();
    for (const auto& move : report.page_moves)
        moved.push_back({{"start_ns", move.begin_ns},
                         {"from", node_or_null(move.from)},
                         {"to", node_or_null(move.to)},
                         {"pages", move.pages},
                         {"reason", reason_name(move.reason)}});
    Json residency = Json::array();
    for (const auto& [pid, record] : report.residency)
        for (const auto& [group, pages] : by_mapping(record.rows)) {
            Json bounds = Json::object();
            for (const auto& [node, row] : pages.bounds) bounds[key(node)] = {row.low, row.high};
            residency.push_back({{"pid", raw(pid)},
                                 {"mapping", group.first},
                                 {"policy", group.second},
                                 {"pages", by_node(pages.pages)},
                                 {"bounds", bounds},
                                 {"time_ns", record.time_ns}});
        }
    return {{"moved", moved}, {"residency", residency}};
}

// per_s: null for what is a level, or was seen once only.
Json counters_json(const Report& report) {
    Json counters = Json::array();
    for (const auto& [key, record] : report.counters) {
        const auto rate = rate_of(report, key.first, key.second);
        counters.push_back({{"node", node_or_null(key.first)},
                            {"name", key.second},
                            {"first", record.first},
                            {"last", record.last},
                            {"per_s", rounded_or_null(rate)}});
    }
    return counters;
}

Json thresholds_json(const Thresholds& limits) {
    return {{"home_share", rounded(limits.home_share)},  {"away_share", rounded(limits.away_share)},
            {"drift_cpu_share", limits.drift_cpu_share}, {"drift_cpu_ns", limits.drift_cpu_ns},
            {"idle_cpu_ns", limits.idle_cpu_ns},         {"evidence_pages", limits.evidence_pages}};
}

} // namespace

Json to_json(const Report& report, std::optional<GroupBy> group_by) {
    Json threads = Json::array();
    for (const auto& thread : report.threads) threads.push_back(thread_json(thread));
    Json advice = Json::array();
    for (const auto& item : report.advice)
        advice.push_back(
            {{"text", item.text},
             {"command", item.command},
             {"why", item.why},
             {"what_if",
              item.left_remote_cpu_ns ? Json{{"remote_cpu_ns", *item.left_remote_cpu_ns}} : Json(nullptr)}});
    Json summary{{"threads", report.threads.size()},
                 {"drifted", report.drifted},
                 {"still_away", report.still_away},
                 {"cpu_ns", report.cpu_ns},
                 {"remote_cpu_ns", report.remote_cpu_ns},
                 {"locality", rounded_or_null(report.locality)},
                 {"text", report.summary}};
    Json document{{"schema", "numadrift.report/1"},
                  {"trace", trace_json(report)},
                  {"topology", topology_json(report)},
                  {"overhead", overhead_json(report)},
                  {"thresholds", thresholds_json(report.thresholds)},
                  {"summary", summary},
                  {"episodes", episodes_json(report)},
                  {"threads", threads},
                  {"memory", memory_json(report)},
                  {"counters", counters_json(report)},
                  {"advice", advice}};
    if (group_by) document["groups"] = groups_json(report, *group_by);
    return document;
}

std::string render_json(const Report& report, std::optional<GroupBy> group_by) {
    return to_json(report, group_by).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace numadrift
