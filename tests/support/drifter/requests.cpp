#include "truth.h"

#include <algorithm>
#include <cmath>

namespace drifter {
namespace {

constexpr double kTolerance = 0.2;

const nlohmann::json* group_of(const nlohmann::json& report, const std::string& key) {
    const auto& groups = report.at("groups").at("of");
    const auto found =
        std::ranges::find_if(groups, [&](const auto& group) { return group.at("key") == key; });
    return found == groups.end() ? nullptr : &*found;
}

// Of the memory on the node of its worker, over the whole run: NUMA balancing moves it. A look that few pages
// answer, because they await a hint fault, finds it where the one before did.
double local_share(const WorkerTruth& worker, int node) {
    const int known = worker.known_pages();
    double share = 0;
    double sum = 0;
    for (const MemorySample& sample : worker.memory) {
        const int pages = sample.answered();
        if (pages > 0 && kFewAnswer * pages >= known)
            share = static_cast<double>(sample.pages[static_cast<std::size_t>(node)]) / pages;
        sum += share;
    }
    return worker.memory.empty() ? 0 : sum / static_cast<double>(worker.memory.size());
}

} // namespace

void check_requests(const Truth& truth, const nlohmann::json& report, std::vector<std::string>& wrong,
                    Score& score) {
    const int per_node = truth.cpus / truth.nodes;
    for (const WorkerTruth& one : truth.workers) {
        const Worker& worker = one.worker;
        if (worker.request_ms == 0) continue;
        ++score.threads;
        const std::string name = request_name(worker);
        const double truth_share = local_share(one, worker.cpu / per_node);
        const nlohmann::json* group = group_of(report, name);
        const bool is_known = group && !group->at("locality").is_null();
        const double locality = is_known ? group->at("locality").get<double>() : 0;
        const bool is_right = is_known && std::abs(locality - truth_share) <= kTolerance;
        score.verdicts_right += is_right;
        score.verdicts_unknown += !is_known;
        if (!is_right)
            wrong.push_back("seed " + std::to_string(truth.scenario.seed) + ": requests " + name + " are " +
                            std::to_string(truth_share) + " local, said is " +
                            (is_known ? std::to_string(locality)
                             : group  ? "unknown"
                                      : "nothing"));
        for (const auto& thread : report.at("threads"))
            if (thread.at("comm") == name &&
                (thread.at("verdict") == "drifted" || thread.at("verdict") == "returned"))
                wrong.push_back("request " + thread.at("tid").dump() + " is said to migrate");
    }
}

} // namespace drifter
