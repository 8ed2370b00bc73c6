#include "report/html/lanes.h"

#include "timeline/coarsen.h"

#include <algorithm>

namespace numadrift::html {
namespace {

constexpr std::uint64_t kFirstWindowNs = 1'000'000;
constexpr std::uint64_t kRanLevels = 15;

// How many pieces each may keep so that all together are within `most`: who has fewer leaves room to others.
std::size_t fair_share(std::vector<std::size_t> sizes, std::size_t most) {
    std::ranges::sort(sizes);
    std::size_t left = most;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const std::size_t share = left / (sizes.size() - i);
        if (sizes[i] > share) return std::max<std::size_t>(share, 1);
        left -= sizes[i];
    }
    return most;
}

template <class Get> std::size_t share_among(const Report& report, std::size_t most, Get&& size_of) {
    std::vector<std::size_t> sizes;
    for (const ThreadReport& thread : report.threads) sizes.push_back(size_of(thread));
    return fair_share(std::move(sizes), most);
}

std::int64_t us(std::uint64_t ns) {
    return static_cast<std::int64_t>(ns / 1000);
}

class Names {
public:
    std::int64_t index_of(const std::string& name) {
        const auto [entry, is_new] = indices_.try_emplace(name, static_cast<std::int64_t>(names_.size()));
        if (is_new) names_.push_back(name);
        return entry->second;
    }
    const Json& names() const { return names_; }

private:
    std::map<std::string, std::int64_t> indices_;
    Json names_ = Json::array();
};

Json spans_json(const std::vector<StandingSpan>& spans, const std::map<Node, std::int64_t>& index_of) {
    std::vector<std::int64_t> flat;
    std::int64_t before_us = 0;
    for (const StandingSpan& span : spans) {
        if (span.ran_ns == 0) continue;
        const std::uint64_t length_ns = std::max<std::uint64_t>(span.end_ns - span.begin_ns, 1);
        const auto ran = static_cast<std::int64_t>(std::min(
            kRanLevels, (span.ran_ns * kRanLevels + length_ns - 1) / length_ns)); // what ran is never none
        const auto found = index_of.find(span.node);
        const std::int64_t node = found == index_of.end() ? 0 : found->second + 1;
        flat.push_back(us(span.begin_ns) - before_us);
        flat.push_back(us(span.end_ns) - us(span.begin_ns));
        flat.push_back(node * 64 + static_cast<std::int64_t>(span.standing) * 16 + ran);
        before_us = us(span.end_ns);
    }
    return flat;
}

} // namespace

Json lanes_json(const Report& report, std::size_t most_spans) {
    std::map<Node, std::int64_t> index_of;
    for (const auto& [node, info] : report.topology.nodes)
        index_of.emplace(node, static_cast<std::int64_t>(index_of.size()));
    const std::size_t spans_each =
        share_among(report, most_spans, [](const auto& thread) { return thread.locality.spans.size(); });
    const std::size_t moves_each =
        share_among(report, kMostMoves, [](const auto& thread) { return thread.moves.size(); });
    Names causes;
    Names movers;
    Json lanes = Json::array();
    for (const ThreadReport& thread : report.threads) {
        std::vector<StandingSpan> spans = thread.locality.spans;
        std::uint64_t window_ns = 0;
        while (spans.size() > spans_each && window_ns < report.duration_ns) {
            window_ns = window_ns == 0 ? kFirstWindowNs : 2 * window_ns;
            spans = blur(spans, window_ns, &StandingSpan::kind);
        }
        std::vector<std::int64_t> moves;
        const std::size_t every =
            (thread.moves.size() + moves_each - 1) / std::max<std::size_t>(moves_each, 1);
        std::size_t told = 0;
        for (std::size_t at = 0; at < thread.moves.size(); at += every, ++told) {
            const CpuMoveRecord& move = thread.moves[at];
            const auto by = raw(move.by) == 0
                                ? std::int64_t{-1}
                                : movers.index_of(fmt::format("{} ({})", move.by_comm, raw(move.by)));
            for (const std::int64_t number :
                 {us(move.time_ns), std::int64_t{raw(report.topology.node_of(move.from))},
                  std::int64_t{raw(report.topology.node_of(move.to))},
                  causes.index_of(std::string(cause_name(move.cause))), by})
                moves.push_back(number);
        }
        lanes.push_back({{"step_us", us(std::max(window_ns, thread.window_ns))},
                         {"spans", spans_json(spans, index_of)},
                         {"moves", moves},
                         {"moves_left_out", thread.moves.size() - told}});
    }
    return {{"threads", lanes}, {"causes", causes.names()}, {"by", movers.names()}};
}

} // namespace numadrift::html
