#include "analysis/verdict.h"

#include <algorithm>

namespace numadrift {
namespace {

std::uint64_t away_cpu_ns(const Locality& locality) {
    std::uint64_t sum = 0;
    for (const auto& [opening, ns] : locality.away_cpu_ns) sum += ns;
    return sum;
}

std::uint64_t away_cpu_ns(const Locality& locality, Opening opening) {
    const auto found = locality.away_cpu_ns.find(opening);
    return found == locality.away_cpu_ns.end() ? 0 : found->second;
}

std::uint64_t cpu_in(const Locality& locality, Standing standing) {
    const auto found = locality.standing_cpu_ns.find(standing);
    return found == locality.standing_cpu_ns.end() ? 0 : found->second;
}

// At home again or, where its memory is on several nodes or not known by now, back on the node that was its
// home last: that is not away.
bool is_back(const Locality& locality) {
    if (locality.last_standing == Standing::home) return true;
    if (locality.last_standing == Standing::away || !locality.home) return false;
    const auto ran = std::ranges::find_if(locality.spans.rbegin(), locality.spans.rend(),
                                          [](const StandingSpan& span) { return span.ran_ns > 0; });
    return ran != locality.spans.rend() && ran->node == *locality.home;
}

} // namespace

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
    case Verdict::drifted: return "drifted";
    case Verdict::returned: return "returned";
    case Verdict::misplaced: return "misplaced";
    case Verdict::deserted: return "deserted";
    case Verdict::home: return "home";
    case Verdict::spread: return "spread";
    case Verdict::idle: return "idle";
    case Verdict::unknown: return "unknown";
    }
    return "unknown";
}

Verdict judge(const Locality& locality, const Topology& topology, const Thresholds& thresholds) {
    if (locality.total_cpu_ns < thresholds.idle_cpu_ns) return Verdict::idle;
    if (topology.is_one_node()) return Verdict::home; // there is nowhere else to be
    if (locality.profiled_cpu_ns == 0) return Verdict::unknown;

    const auto is_noticeable = [&](std::uint64_t ns) {
        return ns >= thresholds.drift_cpu_ns &&
               static_cast<double>(ns) >=
                   thresholds.drift_cpu_share * static_cast<double>(locality.total_cpu_ns);
    };
    const std::uint64_t away_ns = away_cpu_ns(locality);
    const std::uint64_t moved_off_ns = away_cpu_ns(locality, Opening::cpu_move);
    const std::uint64_t moved_away_ns = away_cpu_ns(locality, Opening::page_move);
    const Verdict moved_off = is_back(locality) ? Verdict::returned : Verdict::drifted;
    if (is_noticeable(moved_off_ns) && moved_off_ns >= moved_away_ns) return moved_off;
    if (is_noticeable(moved_away_ns)) return Verdict::deserted;
    if (is_noticeable(moved_off_ns)) return moved_off;
    if (is_noticeable(away_ns)) return Verdict::misplaced; // nothing was seen to move
    const std::uint64_t known_ns =
        cpu_in(locality, Standing::home) + cpu_in(locality, Standing::spread) + away_ns;
    if (known_ns * 2 < locality.total_cpu_ns) return Verdict::unknown;
    // Too short a life to be noticed alone, but all of it away: it is not at home for that.
    if (away_ns * 2 > known_ns)
        return moved_off_ns + moved_away_ns == 0 ? Verdict::misplaced : Verdict::unknown;
    return cpu_in(locality, Standing::spread) > cpu_in(locality, Standing::home) ? Verdict::spread
                                                                                 : Verdict::home;
}

} // namespace numadrift
