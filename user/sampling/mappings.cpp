#include "sampling/mappings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace numadrift::sampling {
namespace {

// "7f0c00000000-7f0c00021000 rw-p 00000000 fe:01 1234   /path with spaces"
struct Line {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string_view flags;
    bool has_inode = false;
    std::string_view path;
};

std::string_view next_word(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    return word;
}

bool parse_line(std::string_view text, Line& line) {
    const auto range = parse_range(next_word(text));
    if (!range) return false;
    line.begin = range->begin;
    line.end = range->end;
    line.flags = next_word(text);
    next_word(text); // offset
    next_word(text); // device
    line.has_inode = next_word(text) != "0";
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    line.path = text;
    return line.flags.size() == 4;
}

bool starts_with_any(std::string_view path, std::initializer_list<std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [&](std::string_view text) { return path.starts_with(text); });
}

MappingKind kind_of(const Line& line, const std::set<std::string_view>& programs) {
    if (line.flags.starts_with("---")) return MappingKind::none;
    if (line.path == "[heap]") return MappingKind::heap;
    if (line.path.starts_with("[stack")) return MappingKind::stack;
    if (starts_with_any(line.path, {"[anon", "[uprobes"}) || line.path.empty()) {
        if (line.flags[2] == 'x' && line.flags[1] != 'w') return MappingKind::text;
        return line.flags[3] == 's' ? MappingKind::shared : MappingKind::anonymous;
    }
    if (line.path.starts_with("[")) return MappingKind::none; // [vdso], [vvar], [vsyscall]
    if (starts_with_any(line.path, {"/anon_hugepage", "/dev/hugepages", "/memfd:hugepage", "/hugepages"}))
        return MappingKind::huge;
    if (starts_with_any(line.path, {"/dev/shm/", "/SYSV", "/memfd:", "/dev/zero"}))
        return MappingKind::shared;
    if (line.flags[2] == 'x' || (line.flags[1] != 'w' && programs.contains(line.path)))
        return MappingKind::text;
    return MappingKind::file;
}

} // namespace

std::string_view mapping_name(MappingKind kind) {
    constexpr std::array<std::string_view, 8> kNames = {"heap",   "stack", "anonymous", "file",
                                                        "shared", "huge",  "text",      "none"};
    return kNames[static_cast<std::size_t>(kind)];
}

bool is_own_memory(std::string_view mapping) {
    using enum MappingKind;
    return std::ranges::any_of(std::array{heap, stack, anonymous},
                               [&](MappingKind kind) { return mapping == mapping_name(kind); });
}

std::optional<AddressRange> parse_range(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto hex = [](std::string_view digits, std::uint64_t& value) {
        const char* const end = digits.data() + digits.size();
        return !digits.empty() && std::from_chars(digits.data(), end, value, 16).ptr == end;
    };
    AddressRange range;
    const bool is_range = hex(text.substr(0, dash), range.begin) && hex(text.substr(dash + 1), range.end) &&
                          range.begin < range.end;
    return is_range ? std::optional(range) : std::nullopt;
}

Mappings Mappings::parse(std::string_view text) {
    std::vector<Line> lines;
    std::set<std::string_view> programs; // files that are executable somewhere
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        Line line;
        if (parse_line(text.substr(0, end), line)) {
            if (line.has_inode && line.flags[2] == 'x') programs.insert(line.path);
            lines.push_back(line);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    Mappings result;
    for (const Line& line : lines)
        result.mappings_.push_back({line.begin, line.end, kind_of(line, programs)});
    std::ranges::sort(result.mappings_, {}, &Mapping::begin);
    return result;
}

const Mapping* Mappings::find(std::uint64_t address) const {
    const auto after = std::ranges::upper_bound(mappings_, address, {}, &Mapping::begin);
    if (after == mappings_.begin()) return nullptr;
    const Mapping& mapping = *std::prev(after);
    return mapping.contains(address) ? &mapping : nullptr;
}

} // namespace numadrift::sampling
