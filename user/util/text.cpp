#include "util/text.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace numadrift {
namespace {

// Length of the valid UTF-8 sequence at the start, 0 if there is none. No overlong forms, no
// surrogates, no C1 controls (which terminals obey), nothing that turns the direction of text.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                               : lead >= 0xe0 && lead <= 0xef ? 3
                               : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                              : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    if ((lead == 0xc2 && byte(1) < 0xa0) || (lead == 0xe0 && byte(1) < 0xa0) ||
        (lead == 0xed && byte(1) >= 0xa0) || (lead == 0xf0 && byte(1) < 0x90) ||
        (lead == 0xf4 && byte(1) >= 0x90))
        return 0;
    // U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: what follows is shown in another order.
    if (lead == 0xe2 && byte(1) == 0x80 && ((byte(2) & 0xfe) == 0x8e || (byte(2) >= 0xaa && byte(2) <= 0xae)))
        return 0;
    if (lead == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9) return 0;
    return length;
}

} // namespace

std::string printable(std::string_view name) {
    std::string text;
    while (!name.empty()) {
        const auto first = static_cast<unsigned char>(name.front());
        std::size_t length = 1;
        if (first >= 0x20 && first < 0x7f) text += name.front();
        else if (length = first >= 0x80 ? utf8_length(name) : 0; length > 0) text += name.substr(0, length);
        else {
            text += fmt::format("\\x{:02x}", first);
            length = 1;
        }
        name.remove_prefix(length);
    }
    return text;
}

std::string shortened(std::string text, std::size_t most_bytes) {
    static constexpr std::string_view kLeftOut = "…";
    if (text.size() <= most_bytes) return text;
    const std::size_t kept = most_bytes - std::min(most_bytes, kLeftOut.size());
    const auto is_within_a_letter = [&text](std::size_t at) {
        return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
    };
    std::size_t head = (kept + 1) / 2;
    std::size_t tail = text.size() - kept / 2;
    while (head > 0 && is_within_a_letter(head)) --head;
    while (is_within_a_letter(tail)) ++tail;
    return text.replace(head, tail - head, kLeftOut);
}

std::string duration_text(double ns) {
    if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
    if (ns < 1e6) return fmt::format("{:.0f} us", ns / 1e3);
    if (ns < 1e9) return fmt::format("{:.{}f} ms", ns / 1e6, ns < 1e8 ? 1 : 0);
    if (ns < 60e9) return fmt::format("{:.{}f} s", ns / 1e9, ns < 1e10 ? 2 : 1);
    const auto seconds = static_cast<std::uint64_t>(ns / 1e9);
    if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
    return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto size = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (size >= 1024 && unit + 1 < kUnits.size()) {
        size /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", size, unit > 0 && size < 100 ? 1 : 0, kUnits.at(unit));
}

std::string count_text(std::uint64_t count) {
    const std::string digits = std::to_string(count);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string share_text(double share) {
    const double percent = share * 100;
    const bool near_an_end = (percent > 0 && percent < 1) || (percent > 99 && percent < 100);
    return fmt::format("{:.{}f} %", percent, near_an_end ? 1 : 0);
}

std::string shell_quoted(std::string_view text) {
    std::string quoted;
    for (const char letter : text) {
        if (letter == '\'') quoted += "'\\'";
        quoted += letter;
    }
    return quoted;
}

std::string shell_word(const std::string& text) {
    const bool is_plain = !text.empty() && std::ranges::all_of(text, [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') ||
               std::string_view("_./+:,=-").find(letter) != std::string_view::npos;
    });
    return is_plain && text.front() != '-' ? text : fmt::format("'{}'", shell_quoted(text));
}

} // namespace numadrift
