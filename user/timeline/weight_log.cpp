#include "timeline/weight_log.h"

#include <algorithm>

namespace numadrift {

std::vector<WeightStep> merge_steps(const std::vector<WeightStep>& sorted, std::uint64_t window_ns) {
    std::vector<WeightStep> merged;
    std::map<std::pair<Node, bool>, std::size_t> last; // of each node and kind, in `merged`
    for (const WeightStep& step : sorted) {
        const auto [at, is_first] = last.try_emplace({step.node, step.by_page_move}, merged.size());
        if (!is_first && step.time_ns - merged[at->second].time_ns < window_ns) {
            merged[at->second].pages += step.pages;
            continue;
        }
        at->second = merged.size();
        merged.push_back(step);
    }
    return merged;
}

void WeightLog::add(std::uint64_t time_ns, Node node, std::int64_t pages, bool by_page_move) {
    sums_[node] += pages;
    // A page move is two steps (off one node, onto another), and evidence dated back interleaves
    // with that of now: the step to join is among the last few.
    const std::size_t look_back = std::min<std::size_t>(steps_.size(), 4);
    for (std::size_t i = steps_.size() - look_back; i < steps_.size(); ++i) {
        WeightStep& step = steps_[i];
        if (step.node == node && step.by_page_move == by_page_move && step.time_ns <= time_ns &&
            time_ns - step.time_ns < merge_ns_) {
            step.pages += pages;
            return;
        }
    }
    steps_.push_back({time_ns, node, pages, by_page_move, evidence_});
    if (steps_.size() >= kMost) make_room();
}

void WeightLog::make_room() {
    while (steps_.size() > kMost / 2 && merge_ns_ < UINT64_MAX / 4) {
        merge_ns_ *= 2;
        steps_ = merge_steps(steps(), merge_ns_);
        std::erase_if(steps_, [](const WeightStep& step) { return step.pages == 0; });
    }
}

void WeightLog::clear_at(std::uint64_t time_ns) {
    for (auto& [node, pages] : sums_) {
        if (pages != 0) steps_.push_back({time_ns, node, -pages, false, evidence_});
        pages = 0;
    }
}

std::int64_t WeightLog::sum(Node node) const {
    const auto found = sums_.find(node);
    return found == sums_.end() ? 0 : found->second;
}

std::vector<WeightStep> WeightLog::steps() const {
    auto sorted = steps_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
    return sorted;
}

} // namespace numadrift
