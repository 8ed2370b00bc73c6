// Ids that must not be mixed up. Plain enums: free to copy, to compare and to hash.
#pragma once

#include <cstdint>

namespace numadrift {

enum class Node : std::int32_t {};
enum class Cpu : std::uint32_t {};
enum class Pid : std::uint32_t {};
enum class Tid : std::uint32_t {};

inline constexpr Node kNoNode{-1};

constexpr std::int32_t raw(Node id) {
    return static_cast<std::int32_t>(id);
}
constexpr std::uint32_t raw(Cpu id) {
    return static_cast<std::uint32_t>(id);
}
constexpr std::uint32_t raw(Pid id) {
    return static_cast<std::uint32_t>(id);
}
constexpr std::uint32_t raw(Tid id) {
    return static_cast<std::uint32_t>(id);
}

} // namespace numadrift
