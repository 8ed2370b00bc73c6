#include "sampling/residency.h"

#include <algorithm>
#include <cmath>

namespace numadrift::sampling {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kFirstRound = 24; // pages of every stratum, to learn how mixed it is
constexpr std::size_t kCensus = 64;     // a stratum no larger is asked for whole
constexpr std::size_t kMostAsked = 64; // ranges: which parts of them are populated; a question each, at least
constexpr std::uint64_t kWorthAsking = std::uint64_t{8} << 20; // bytes of such a range, at least
constexpr double kDeviations = 1.96;                           // for 95 %

struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::pair<std::string, std::string> group;
};

// Mappings that hold data, cut where policies change.
std::vector<Range> ranges_of(const Mappings& mappings, const std::vector<PolicyRange>& policies) {
    std::vector<Range> ranges;
    for (const Mapping& mapping : mappings.all()) {
        if (mapping.kind == MappingKind::none) continue;
        const std::string name(mapping_name(mapping.kind));
        std::uint64_t at = mapping.begin;
        for (const PolicyRange& policy : policies) {
            if (policy.end <= at || policy.begin >= mapping.end) continue;
            if (policy.begin > at) ranges.push_back({at, policy.begin, {name, "default"}});
            const std::uint64_t end = std::min(policy.end, mapping.end);
            ranges.push_back({std::max(at, policy.begin), end, {name, policy.policy}});
            at = end;
        }
        if (at < mapping.end) ranges.push_back({at, mapping.end, {name, "default"}});
    }
    return ranges;
}

} // namespace

ResidencySurvey::ResidencySurvey(const Mappings& mappings, const std::vector<PolicyRange>& policies,
                                 std::uint64_t seed, const Populated& populated)
    : random_(seed) {
    auto ranges = ranges_of(mappings, policies);
    std::ranges::sort(ranges, std::greater{}, [](const Range& range) { return range.end - range.begin; });
    std::map<std::pair<std::string, std::string>, std::size_t> lumps;
    std::size_t asked = 0; // the largest ranges come first
    for (const Range& range : ranges) {
        std::size_t at = strata_.size();
        if (strata_.size() >= kMostStrata) { // the many small ones share a stratum by kind and policy
            const auto [lump, is_new] = lumps.try_emplace(range.group, at);
            at = lump->second;
        }
        if (at == strata_.size()) strata_.emplace_back().group = range.group;
        const bool is_asked = populated && asked++ < kMostAsked && range.end - range.begin >= kWorthAsking;
        const AddressRange whole{range.begin, range.end};
        for (const auto& [begin, end] : is_asked ? populated(whole) : std::vector{whole}) {
            strata_[at].pieces.push_back({begin, strata_[at].pages});
            strata_[at].pages += (end - begin) / kPage;
        }
    }
    std::erase_if(strata_, [](const Stratum& stratum) { return stratum.pages == 0; });
    plan_first_round();
}

void ResidencySurvey::plan_first_round() {
    for (Stratum& stratum : strata_)
        stratum.wanted = stratum.pages <= kCensus ? static_cast<std::size_t>(stratum.pages) : kFirstRound;
}

// Neyman's allocation: more where a stratum is large and its answers differ.
void ResidencySurvey::plan_second_round() {
    std::size_t used = 0;
    double sum = 0;
    std::vector<double> weights;
    for (const Stratum& stratum : strata_) {
        used += stratum.asked;
        double deviation = 0;
        const double asked = static_cast<double>(stratum.asked) + 2;
        std::size_t present = 0;
        for (const auto& [node, count] : stratum.found) present += count;
        const auto consider = [&](std::size_t count) {
            const double share = (static_cast<double>(count) + 1) / asked;
            deviation = std::max(deviation, std::sqrt(share * (1 - share)));
        };
        consider(present);
        for (const auto& [node, count] : stratum.found) consider(count);
        weights.push_back(static_cast<double>(stratum.pages) * deviation);
        sum += weights.back();
    }
    const double left = kMostPages > used ? static_cast<double>(kMostPages - used) : 0;
    for (std::size_t i = 0; i < strata_.size() && sum > 0; ++i) {
        const auto more = static_cast<std::uint64_t>(left * weights[i] / sum);
        strata_[i].wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(strata_[i].pages, strata_[i].wanted + more));
    }
}

// A page of the stratum: all of them in order where all are wanted, else at random.
std::uint64_t ResidencySurvey::draw(Stratum& stratum) {
    const std::size_t drawn = stratum.drawn++;
    const std::uint64_t page = stratum.pages <= kCensus ? drawn : random_() % stratum.pages;
    const Piece& piece = *std::prev(std::ranges::upper_bound(stratum.pieces, page, {}, &Piece::before));
    return piece.begin + (page - piece.before) * kPage;
}

std::vector<std::uint64_t> ResidencySurvey::next(std::size_t most) {
    std::vector<std::uint64_t> addresses;
    asked_last_.clear();
    for (; round_ <= 2; ++round_) {
        for (std::size_t i = 0; i < strata_.size() && addresses.size() < most; ++i)
            while (strata_[i].drawn < strata_[i].wanted && addresses.size() < most) {
                addresses.push_back(draw(strata_[i]));
                asked_last_.push_back(i);
            }
        if (!addresses.empty()) return addresses;
        if (round_ == 1) plan_second_round();
    }
    return addresses;
}

void ResidencySurvey::absorb(std::span<const Node> nodes, const std::vector<bool>& pinned) {
    for (std::size_t i = 0; i < nodes.size() && i < asked_last_.size(); ++i) {
        Stratum& stratum = strata_[asked_last_[i]];
        ++stratum.asked;
        if (nodes[i] == kNoNode) continue;
        ++stratum.found[nodes[i]];
        if (i < pinned.size() && pinned[i]) ++stratum.pinned[nodes[i]];
    }
}

std::vector<Residency> ResidencySurvey::result(std::uint64_t resident_pages) const {
    struct Sum {
        double pages = 0;
        double variance = 0;
        double seen = 0; // pages that surely are there
        double pinned = 0;
    };
    std::map<std::pair<std::pair<std::string, std::string>, Node>, Sum> sums;
    for (const Stratum& stratum : strata_)
        for (const auto& [node, count] : stratum.found) sums[{stratum.group, node}];
    for (auto& [key, sum] : sums)
        for (const Stratum& stratum : strata_) {
            if (stratum.group != key.first || stratum.asked == 0) continue;
            const auto found = stratum.found.find(key.second);
            const double count = found == stratum.found.end() ? 0 : static_cast<double>(found->second);
            const auto asked = static_cast<double>(stratum.asked);
            const auto pages = static_cast<double>(stratum.pages);
            const double cautious = (count + 2) / (asked + 4);    // Agresti and Coull
            const double rest = stratum.pages <= kCensus ? 0 : 1; // drawn with replacement
            sum.pages += pages * count / asked;
            sum.variance += pages * pages * cautious * (1 - cautious) / asked * rest;
            if (const auto pinned = stratum.pinned.find(key.second); pinned != stratum.pinned.end())
                sum.pinned += pages * static_cast<double>(pinned->second) / asked;
            sum.seen += stratum.pages <= kCensus ? count : std::min(count, 1.0);
        }
    const double cap = resident_pages > 0 ? static_cast<double>(resident_pages) : 9e18;
    std::vector<Residency> rows;
    for (const auto& [key, sum] : sums) {
        const double margin = kDeviations * std::sqrt(sum.variance);
        const double pages = std::min(sum.pages, cap);
        const double high = std::max(pages, std::min(sum.pages + margin, cap));
        const double low = std::min(pages, std::max(sum.pages - margin, sum.seen));
        const auto rounded = [](double value) { return static_cast<std::uint64_t>(std::llround(value)); };
        rows.push_back({key.first.first, key.first.second, raw(key.second), rounded(pages), rounded(low),
                        rounded(high), rounded(std::min(sum.pinned, pages))});
    }
    return rows;
}

} // namespace numadrift::sampling
