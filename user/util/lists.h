// Lists of numbers as the kernel writes them: "0-3,8".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift {

// "0-3,8" as numbers; empty for nonsense. Bounded: hostile input makes at most 65,536.
std::vector<std::uint32_t> parse_list(std::string_view list);

// Numbers in ascending order as "0-3,8".
std::string list_text(const std::vector<std::uint32_t>& numbers);

// The numbers of the bits that are set.
std::vector<std::uint32_t> bits_of(std::uint64_t mask);

} // namespace numadrift
