#include "util/lists.h"

#include <algorithm>
#include <fmt/core.h>

namespace numadrift {
namespace {

constexpr std::size_t kMostNumbers = 65536;

} // namespace

std::vector<std::uint32_t> parse_list(std::string_view list) {
    std::vector<std::uint32_t> numbers;
    while (!list.empty()) {
        const auto part = list.substr(0, list.find(','));
        list.remove_prefix(std::min(part.size() + 1, list.size()));
        const auto dash = part.find('-');
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        if (!parse_number(part.substr(0, dash), first)) return {};
        if (dash == std::string_view::npos) last = first;
        else if (!parse_number(part.substr(dash + 1), last)) return {};
        for (std::uint64_t n = first; n <= last && numbers.size() < kMostNumbers; ++n)
            numbers.push_back(static_cast<std::uint32_t>(n));
    }
    return numbers;
}

std::string list_text(const std::vector<std::uint32_t>& numbers) {
    std::string list;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t end = i;
        while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) ++end;
        list += fmt::format("{}{}", list.empty() ? "" : ",", numbers[i]);
        if (end > i) list += fmt::format("-{}", numbers[end]);
        i = end + 1;
    }
    return list;
}

std::vector<std::uint32_t> bits_of(std::uint64_t mask) {
    std::vector<std::uint32_t> bits;
    for (std::uint32_t bit = 0; bit < 64; ++bit)
        if ((mask >> bit & 1) != 0) bits.push_back(bit);
    return bits;
}

} // namespace numadrift
