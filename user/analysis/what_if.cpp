#include "analysis/what_if.h"

#include <algorithm>

namespace numadrift {

double remote_if_pinned(const Locality& locality, Node to) {
    double remote_ns = 0;
    for (const auto& [way, ns] : locality.use_ns)
        if (way.memory != to) remote_ns += ns;
    return remote_ns;
}

double remote_if_migrated(const Locality& locality, Node from, Node to) {
    double remote_ns = 0;
    for (const auto& [way, ns] : locality.use_ns)
        if (way.cpu != (way.memory == from ? to : way.memory)) remote_ns += ns;
    return remote_ns;
}

std::optional<Shares> remote_shares_at_end(const Locality& locality, Node from, Node to) {
    const Profile& profile = locality.profile;
    if (locality.spans.empty() || locality.spans.back().node == kNoNode || profile.weights().empty())
        return std::nullopt;
    const Node on = locality.spans.back().node;
    const double follows = profile.weight(from);
    Shares shares{1 - profile.weight(on), 1 - profile.weight(on)};
    if (on == to) shares.after -= follows;
    if (on == from) shares.after += follows;
    return shares;
}

double remote_if_interleaved(const Locality& locality, const std::vector<Node>& nodes) {
    if (nodes.empty()) return 0;
    double remote_ns = 0;
    for (const auto& [way, ns] : locality.use_ns) {
        const bool has_part = std::ranges::find(nodes, way.cpu) != nodes.end();
        remote_ns += ns * (1 - (has_part ? 1 / static_cast<double>(nodes.size()) : 0));
    }
    return remote_ns;
}

} // namespace numadrift
