#include "util/policy.h"

#include <array>
#include <fmt/core.h>
#include <string_view>

namespace numadrift {

std::string policy_text(std::int32_t mode, const std::string& nodes) {
    constexpr std::array<std::string_view, 7> kModes = {
        "default", "preferred", "bind", "interleave", "local", "preferred_many", "weighted_interleave"};
    if (mode < 0 || static_cast<std::size_t>(mode) >= kModes.size()) return "unknown";
    const auto name = kModes[static_cast<std::size_t>(mode)];
    return nodes.empty() || mode == 0 ? std::string(name) : fmt::format("{} {}", name, nodes);
}

} // namespace numadrift
