#include "analysis/silence.h"

#include <algorithm>

namespace numadrift {
namespace {

constexpr double kDue = 12; // samples; of as many none comes with e^-12
constexpr std::uint64_t kAroundNs = SampleLog::kAroundNs;

struct Range {           // of CPU time within a piece of its life, of which the looks at it tell only so much
    double least_ns = 0; // where it ran outside of the piece as much as it can have
    double likely_ns = 0; // where it ran evenly
};

Range cpu_ns_within(const ThreadTrack& track, std::uint64_t begin_ns, std::uint64_t end_ns) {
    const auto& pieces = track.stretches.pieces();
    Range sum;
    for (auto piece = std::ranges::upper_bound(pieces, begin_ns, {}, &Stretch::end_ns);
         piece != pieces.end() && piece->begin_ns < end_ns; ++piece) {
        const auto length_ns = static_cast<double>(piece->end_ns - piece->begin_ns);
        const auto within_ns = static_cast<double>(std::min(piece->end_ns, end_ns)) -
                               static_cast<double>(std::max(piece->begin_ns, begin_ns));
        const auto ran_ns = static_cast<double>(piece->ran_ns);
        if (length_ns > 0) sum.likely_ns += ran_ns * within_ns / length_ns;
        sum.least_ns += std::max(0.0, ran_ns - (length_ns - within_ns));
    }
    return sum;
}

} // namespace

std::vector<Silence> silences_of(const ThreadTrack& track) {
    std::vector<Silence> silences;
    if (track.samples.size() == 0) return silences;
    const double all_ns = cpu_ns_within(track, track.begin_ns, track.end_ns).likely_ns;
    const auto add = [&](const SampleLog::Span& gap, std::uint64_t begin_ns, std::uint64_t end_ns) {
        if (gap.end_ns - gap.begin_ns < 2 * kAroundNs) return;
        const double ran_ns = cpu_ns_within(track, gap.begin_ns, gap.end_ns).least_ns;
        if (ran_ns * static_cast<double>(track.samples.size()) < kDue * (all_ns - ran_ns)) return;
        const auto cpu_ns = static_cast<std::uint64_t>(cpu_ns_within(track, begin_ns, end_ns).likely_ns);
        silences.push_back({begin_ns, end_ns, cpu_ns});
    };
    const SampleLog::Span sampled = track.samples.sampled();
    if (sampled.begin_ns > track.begin_ns)
        add({track.begin_ns, sampled.begin_ns}, track.begin_ns, sampled.begin_ns - kAroundNs);
    for (const SampleLog::Span& gap : track.samples.gaps())
        add(gap, gap.begin_ns + kAroundNs, gap.end_ns - kAroundNs);
    if (track.end_ns > sampled.end_ns)
        add({sampled.end_ns, track.end_ns}, sampled.end_ns + kAroundNs, track.end_ns);
    return silences;
}

} // namespace numadrift
