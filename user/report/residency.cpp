#include "report/residency.h"

#include "util/text.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <set>

namespace numadrift {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

// "1.2 GiB ±3 %": the bounds as a share of the whole; "8.0 KiB-3.1 GiB" where they are wider than it.
std::string cell_text(const Residency& row) {
    const double margin = static_cast<double>(row.high - row.low) / 2;
    if (row.pages == 0) return "0";
    const double percent = 100 * margin / static_cast<double>(row.pages);
    if (percent > 100)
        return fmt::format("{}-{}", size_text(row.low * kPageBytes), size_text(row.high * kPageBytes));
    return percent < 0.5 ? size_text(row.pages * kPageBytes)
                         : fmt::format("{} ±{:.0f} %", size_text(row.pages * kPageBytes), percent);
}

} // namespace

std::map<std::pair<std::string, std::string>, MappingPages> by_mapping(const std::vector<Residency>& rows) {
    std::map<std::pair<std::string, std::string>, MappingPages> result;
    for (const Residency& row : rows) {
        MappingPages& pages = result[{row.mapping, row.policy}];
        pages.pages[Node{row.node}] += row.pages;
        pages.bounds[Node{row.node}] = row;
    }
    return result;
}

std::vector<std::string> residency_lines(const std::vector<Residency>& rows) {
    std::set<std::int32_t> nodes;
    for (const Residency& row : rows) nodes.insert(row.node);
    std::vector<std::string> lines;
    std::string head = fmt::format("{:<10} {:<16}", "mapping", "policy");
    for (const std::int32_t node : nodes) head += fmt::format(" {:>17}", fmt::format("node {}", node));
    lines.push_back(head);
    for (const auto& [group, pages] : by_mapping(rows)) {
        std::string line = fmt::format("{:<10} {:<16}", printable(group.first), printable(group.second));
        for (const std::int32_t node : nodes) {
            const auto row = pages.bounds.find(Node{node});
            // "±" is two bytes and one column.
            const std::string text = row == pages.bounds.end() ? "-" : cell_text(row->second);
            const std::size_t extra = text.find("±") == std::string::npos ? 0 : 1;
            line += ' ' + std::string(text.size() - extra < 17 ? 17 - (text.size() - extra) : 0, ' ') + text;
        }
        lines.push_back(line);
    }
    return lines;
}

} // namespace numadrift
