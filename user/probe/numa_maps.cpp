#include "probe/numa_maps.h"

#include "util/lists.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace numadrift::probe {
namespace {

struct Line {
    std::string policy;
    std::string mapping = "anonymous";
    std::uint64_t page_kib = 4;
    std::vector<std::pair<std::int32_t, std::uint64_t>> nodes; // and pages of page_kib
};

// "7f…000 bind:0-1 anon=512 dirty=512 N0=256 N1=256 kernelpagesize_kB=4" (mm: fs/proc/task_mmu.c)
Line parse_line(std::string_view text) {
    Line line;
    for (int number = 0; !text.empty(); ++number) {
        const auto word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        std::uint64_t value = 0;
        const auto equals = word.find('=');
        if (number == 1) {
            line.policy = word;
            std::replace(line.policy.begin(), line.policy.end(), ':', ' ');
        } else if (word == "heap" || word == "stack") line.mapping = word;
        else if (word == "huge") line.mapping = "huge";
        else if (word.starts_with("file=") && line.mapping == "anonymous") line.mapping = "file";
        else if (equals != std::string_view::npos && parse_number(word.substr(equals + 1), value)) {
            std::uint64_t node = 0;
            if (word.starts_with("kernelpagesize_kB=")) line.page_kib = value;
            else if (word[0] == 'N' && parse_number(word.substr(1, equals - 1), node) && node < 1024)
                line.nodes.emplace_back(static_cast<std::int32_t>(node), value);
        }
    }
    return line;
}

} // namespace

std::vector<Residency> parse_numa_maps(std::string_view text) {
    std::map<std::tuple<std::string, std::string, std::int32_t>, std::uint64_t> sums;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const Line line = parse_line(text.substr(0, end));
        for (const auto& [node, pages] : line.nodes)
            sums[{line.mapping, line.policy, node}] += pages * (line.page_kib / 4);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    std::vector<Residency> rows;
    rows.reserve(sums.size());
    for (const auto& [key, pages] : sums)
        rows.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), pages, pages, pages});
    return rows;
}

} // namespace numadrift::probe
