#include "analysis/profile.h"

#include "timeline/sample_log.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace numadrift {
namespace {

constexpr double kPagesVoice = 64;
constexpr double kHalfPages = 64;
constexpr double kKernelVoice = 16;
constexpr double kHalfFaults = 512;
constexpr double kProcessVoice = 8;
constexpr double kHalfFade = 32;     // samples that halve the voice of pages
constexpr double kHalfPriorFade = 8; // voices heard before, that halve the kernel's and the process'
// What one sample, or one fault NUMA balancing counted, is worth in pages of evidence.
constexpr double kPagesASample = 4;
constexpr double kFaultsAPage = 4;
constexpr double kSurelyOneNode = 0.95; // of a process' memory, to be each thread's home
// Below so many samples a share near a limit could as well be on the other side of it. From there on two
// thirds are not what a lot makes of one half: 3.8 standard deviations, in each of the moments that are
// looked at.
constexpr double kFewSamples = 128;
constexpr double kFewForSpread = 20; // voices below which being on no node in particular is no news
constexpr double kDecided = 1.28;    // standard deviations off the limit: nine times out of ten
constexpr double kZ = 1.96;
// Samples are no perfect lot: the clock favours some instructions. Measured: tests/guest.
constexpr double kSystematic = 0.02;
// Each with so much to say, and a third of it elsewhere.
constexpr double kContradiction = 1.0 / 3.0;
constexpr std::array<double, kEvidences> kOutspoken = {256, 48, 1024, 1e18};

constexpr std::size_t at(Evidence evidence) {
    return static_cast<std::size_t>(evidence);
}

} // namespace

std::string_view evidence_name(Evidence evidence) {
    switch (evidence) {
    case Evidence::pages: return "pages";
    case Evidence::sampled: return "sampled";
    case Evidence::kernel: return "kernel";
    case Evidence::process: return "process";
    }
    return "pages";
}

std::string_view standing_name(Standing standing) {
    switch (standing) {
    case Standing::unknown: return "unknown";
    case Standing::spread: return "spread";
    case Standing::home: return "home";
    case Standing::away: return "away";
    }
    return "unknown";
}

void Profile::add(Evidence evidence, Node node, std::int64_t amount) {
    amounts_[at(evidence)][node] += amount;
    fused_.reset();
}

double Profile::amount(Evidence evidence) const {
    double sum = 0;
    for (const auto& [node, amount] : amounts_[at(evidence)])
        sum += static_cast<double>(std::max<std::int64_t>(amount, 0));
    return evidence == Evidence::sampled ? sum / SampleLog::kExact : sum;
}

std::map<Node, double> Profile::shares(Evidence evidence) const {
    double sum = 0;
    std::map<Node, double> shares;
    for (const auto& [node, amount] : amounts_[at(evidence)])
        if (amount > 0) sum += shares[node] = static_cast<double>(amount);
    for (auto& [node, share] : shares) share /= sum;
    return shares;
}

const Profile::Fused& Profile::fused() const {
    if (fused_) return *fused_;
    Fused result;
    const double sampled = amount(Evidence::sampled);
    const double pages = amount(Evidence::pages);
    const double faults = amount(Evidence::kernel);
    const double fade_pages = 1 / (1 + (sampled / kHalfFade) * (sampled / kHalfFade));
    const double voice_pages = kPagesVoice * pages / (pages + kHalfPages) * fade_pages;
    const double fade_kernel = kHalfPriorFade / (kHalfPriorFade + sampled + voice_pages);
    const double voice_kernel = kKernelVoice * faults / (faults + kHalfFaults) * fade_kernel;
    const double heard = sampled + voice_pages + voice_kernel;
    const double voice_process =
        amount(Evidence::process) > 0 ? kProcessVoice * kHalfPriorFade / (kHalfPriorFade + heard) : 0;
    result.voices = {voice_pages, sampled, voice_kernel, voice_process};
    for (const double voice : result.voices) result.voice += voice;
    for (const Evidence evidence : kAllEvidence)
        for (const auto& [node, share] : shares(evidence))
            if (result.voices[at(evidence)] > 0)
                result.weights[node] += share * result.voices[at(evidence)] / result.voice;
    return fused_.emplace(std::move(result));
}

const std::map<Node, double>& Profile::weights() const {
    return fused().weights;
}

double Profile::voice(Evidence evidence) const {
    return fused().voice > 0 ? fused().voices[at(evidence)] / fused().voice : 0;
}

double Profile::weight(Node node) const {
    const auto found = fused().weights.find(node);
    return found == fused().weights.end() ? 0 : found->second;
}

// Wilson's interval of a share known from so many samples, widened by what sampling gets wrong.
Bounds Profile::bounds(Node node) const {
    const double n = fused().voice;
    if (n <= 0) return {};
    const double share = weight(node);
    const double spread = 1 + kZ * kZ / n;
    const double centre = (share + kZ * kZ / (2 * n)) / spread;
    const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / spread;
    return {std::clamp(std::min(centre - half, share) - kSystematic, 0.0, 1.0),
            std::clamp(std::max(centre + half, share) + kSystematic, 0.0, 1.0)};
}

double Profile::confidence() const {
    double greatest = 0;
    Node node = kNoNode;
    for (const auto& [candidate, share] : weights())
        if (share > greatest) {
            greatest = share;
            node = candidate;
        }
    if (node == kNoNode) return 0;
    const Bounds known = bounds(node);
    return 1 - (known.high - known.low);
}

// What is known of the thread itself, not of its process.
bool Profile::is_enough_of_its_own(const Thresholds& thresholds) const {
    const double pages = amount(Evidence::pages) + kPagesASample * amount(Evidence::sampled) +
                         amount(Evidence::kernel) / kFaultsAPage;
    return pages >= static_cast<double>(thresholds.evidence_pages);
}

bool Profile::is_enough(const Thresholds& thresholds) const {
    if (is_enough_of_its_own(thresholds)) return true;
    return std::ranges::any_of(shares(Evidence::process),
                               [](const auto& entry) { return entry.second >= kSurelyOneNode; });
}

// Is the node's weight surely on its side of a limit? Pages are counted, not sampled: enough of them need no
// statistics where they decide, and where they say by themselves what few samples say.
bool Profile::is_decided(Node node, double limit, const Thresholds& thresholds) const {
    const Fused& all = fused();
    const bool has_pages = amount(Evidence::pages) >= static_cast<double>(thresholds.evidence_pages);
    const bool by_pages = has_pages && all.voices[at(Evidence::pages)] >= all.voices[at(Evidence::sampled)];
    if (by_pages || all.voice >= kFewSamples) return true;
    const double share = weight(node);
    const double variance = std::max(0.0, share * (1 - share)); // the sum of parts may be a little above 1
    if (std::abs(share - limit) >= kDecided * std::sqrt(variance / all.voice)) return true;
    return has_pages && (shares(Evidence::pages)[node] >= limit) == (share >= limit);
}

bool Profile::is_spread(const Thresholds& thresholds) const {
    const Fused& all = fused();
    if (all.voice - all.voices[at(Evidence::process)] < kFewForSpread) return false;
    return std::ranges::all_of(weights(), [&](const auto& entry) {
        return entry.second < 0.5 || is_decided(entry.first, thresholds.home_share, thresholds);
    });
}

std::optional<Node> Profile::home(const Thresholds& thresholds) const {
    if (!is_enough(thresholds)) return std::nullopt;
    for (const auto& [node, share] : weights())
        if (share >= thresholds.home_share && is_decided(node, thresholds.home_share, thresholds))
            return node;
    return std::nullopt;
}

Standing Profile::standing(Node on, const Thresholds& thresholds) const {
    if (on == kNoNode || !is_enough(thresholds)) return Standing::unknown;
    const auto at_home = home(thresholds);
    if (!at_home) return is_spread(thresholds) ? Standing::spread : Standing::unknown;
    if (on == *at_home) return Standing::home;
    if (!is_enough_of_its_own(thresholds)) return Standing::unknown; // nobody is away by the prior alone
    return weight(on) <= thresholds.away_share ? Standing::away : Standing::spread;
}

std::string Profile::contradiction() const {
    for (const Evidence one : kAllEvidence)
        for (const Evidence other : kAllEvidence) {
            if (at(other) <= at(one)) continue;
            if (amount(one) < kOutspoken[at(one)] || amount(other) < kOutspoken[at(other)]) continue;
            const auto ours = shares(one);
            auto theirs = shares(other);
            double elsewhere = 0;
            for (const auto& [node, share] : ours) elsewhere += std::max(0.0, share - theirs[node]);
            if (elsewhere <= kContradiction) continue;
            const auto most = [](const std::map<Node, double>& shares) {
                return *std::ranges::max_element(shares, {}, [](const auto& entry) { return entry.second; });
            };
            const auto [node, share] = most(ours);
            const auto [other_node, other_share] = most(theirs);
            return fmt::format("{}: {:.0f} % on node {}; {}: {:.0f} % on node {}", evidence_name(one),
                               share * 100, raw(node), evidence_name(other), other_share * 100,
                               raw(other_node));
        }
    return {};
}

} // namespace numadrift
