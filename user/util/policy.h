// Memory policies in words.
#pragma once

#include <cstdint>
#include <string>

namespace numadrift {

// Modes, as include/uapi/linux/mempolicy.h has them.
inline constexpr std::int32_t kPolicyDefault = 0;
inline constexpr std::int32_t kPolicyBind = 2;
inline constexpr std::int32_t kPolicyInterleave = 3;
inline constexpr std::int32_t kPolicyWeightedInterleave = 6;

// "default", "bind 0-1", "interleave 0,2", …: MPOL_* of include/uapi/linux/mempolicy.h (up to 7.2)
// and a list of nodes. "unknown" for a mode that is not known.
std::string policy_text(std::int32_t mode, const std::string& nodes);

} // namespace numadrift
