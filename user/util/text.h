// Words for people: durations, sizes, and names that may be hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace numadrift {

// A name as one line of harmless text: control characters, escapes and invalid UTF-8 as \xNN.
std::string printable(std::string_view name);

// At most so many bytes of a printable text, "…" in the middle where some are left out: a command line begins
// with what runs and ends with what tells it from others.
std::string shortened(std::string text, std::size_t most_bytes);

// Text in single quotes of a shell, without these.
std::string shell_quoted(std::string_view text);

// One word of a shell that means this text, quoted where that is needed.
std::string shell_word(const std::string& text);

// "950 us", "12.3 ms", "4.21 s", "3 min 20 s", "5 h 2 min": three figures are enough for people.
std::string duration_text(double ns);

// "12 B", "3.4 KiB", "1.2 GiB".
std::string size_text(std::uint64_t bytes);

// 1234567 as "1,234,567".
std::string count_text(std::uint64_t count);

// "83 %"; "99.6 %" near the ends, where the difference matters.
std::string share_text(double share);

} // namespace numadrift
