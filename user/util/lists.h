// Lists of numbers as the kernel writes them: "0-3,8".
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift {

// The whole text as a decimal number.
template <class Number> bool parse_number(std::string_view text, Number& value) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// "0-3,8" as numbers; empty for nonsense. Bounded: hostile input makes at most 65,536.
std::vector<std::uint32_t> parse_list(std::string_view list);

// Is the number in a list of what is allowed? One that is empty or not known allows all.
inline bool allows(const std::vector<std::uint32_t>& list, std::uint32_t number) {
    return list.empty() || std::ranges::find(list, number) != list.end();
}

// Numbers in ascending order as "0-3,8".
std::string list_text(const std::vector<std::uint32_t>& numbers);

// The numbers of the bits that are set.
std::vector<std::uint32_t> bits_of(std::uint64_t mask);

} // namespace numadrift
