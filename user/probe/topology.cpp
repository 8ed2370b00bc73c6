#include "probe/topology.h"

#include "util/file.h"
#include "util/lists.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace numadrift::probe {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPageBytes = 4096;

// "node3" with prefix "node" is 3.
bool parse_suffix(const std::string& name, std::string_view prefix, std::uint32_t& value) {
    return name.starts_with(prefix) && parse_number(std::string_view(name).substr(prefix.size()), value);
}

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
        names.push_back(at->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(" \t\n", at)) != std::string::npos) {
        const std::size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

// The CPUs under one last-level cache are known by the first of them.
std::int32_t llc_of(const std::string& cpu_directory) {
    std::uint32_t deepest = 0;
    std::int32_t llc = -1;
    for (const auto& name : names_in(cpu_directory + "/cache")) {
        std::uint32_t level = 0;
        const std::string cache = fmt::format("{}/cache/{}", cpu_directory, name);
        if (!name.starts_with("index") || !parse_number(read_line(cache + "/level"), level)) continue;
        const auto shared = parse_list(read_line(cache + "/shared_cpu_list"));
        if (level >= deepest && !shared.empty()) {
            deepest = level;
            llc = static_cast<std::int32_t>(shared.front());
        }
    }
    return llc;
}

// The link cpuN/nodeM is there for offline CPUs too; node*/cpulist shows online ones only.
Node node_of(const std::string& cpu_directory) {
    std::uint32_t node = 0;
    for (const auto& name : names_in(cpu_directory))
        if (parse_suffix(name, "node", node)) return Node{static_cast<std::int32_t>(node)};
    return Node{0};
}

void read_nodes(const std::string& root, Topology& topology) {
    const std::string nodes_directory = root + "/sys/devices/system/node";
    const auto online = parse_list(read_line(nodes_directory + "/online"));
    for (const std::uint32_t id : online) {
        const std::string directory = fmt::format("{}/node{}", nodes_directory, id);
        auto& info = topology.nodes[Node{static_cast<std::int32_t>(id)}];
        info.memory_bytes = node_meminfo(root, Node{static_cast<std::int32_t>(id)}, "MemTotal").value_or(0);
        const auto distances = words_of(read_line(directory + "/distance"));
        for (std::size_t i = 0; i < distances.size() && i < online.size(); ++i) {
            std::uint32_t distance = 0;
            if (parse_number(distances[i], distance))
                info.distances[Node{static_cast<std::int32_t>(online[i])}] = distance;
        }
    }
}

} // namespace

// "Node 0 MemTotal:  12345 kB"
std::optional<std::uint64_t> node_meminfo(const std::string& root, Node node, std::string_view name) {
    const auto text = read_file(fmt::format("{}/sys/devices/system/node/node{}/meminfo", root, raw(node)));
    const std::string before = fmt::format(" {}:", name);
    const auto at = text ? text->find(before) : std::string::npos;
    if (at == std::string::npos) return std::nullopt;
    return std::strtoull(text->c_str() + at + before.size(), nullptr, 10) * 1024;
}

Result<Topology> read_topology(const std::string& root) {
    Topology topology;
    const std::string cpus = root + "/sys/devices/system/cpu";
    auto possible = parse_list(read_line(cpus + "/possible"));
    if (possible.empty())
        return Error{fmt::format("cannot tell the CPUs from {}/possible", cpus), "is /sys mounted?"};
    const auto online = parse_list(read_line(cpus + "/online"));
    read_nodes(root, topology);
    for (const std::uint32_t id : possible) {
        const std::string directory = fmt::format("{}/cpu{}", cpus, id);
        std::error_code error;
        if (!fs::exists(directory, error)) continue; // possible, but never plugged in
        topology.cpus[Cpu{id}] = {node_of(directory), llc_of(directory), !allows(online, id)};
    }
    if (topology.nodes.empty()) {
        auto& only = topology.nodes[Node{0}];
        only.distances[Node{0}] = 10;
        const auto words = words_of(read_line(root + "/proc/meminfo")); // "MemTotal: N kB"
        if (words.size() > 1) only.memory_bytes = std::strtoull(words[1].c_str(), nullptr, 10) * 1024;
    }
    return topology;
}

std::vector<PfnRange> read_pfn_ranges(const std::string& root) {
    const std::string nodes = root + "/sys/devices/system/node";
    const auto online = parse_list(read_line(nodes + "/online"));
    if (online.size() <= 1) return {{0, UINT64_MAX, Node{0}}};

    const std::uint64_t block_pages =
        std::strtoull(read_line(root + "/sys/devices/system/memory/block_size_bytes").c_str(), nullptr, 16) /
        kPageBytes;
    std::vector<PfnRange> ranges;
    for (const std::uint32_t id : online)
        for (const auto& name : names_in(fmt::format("{}/node{}", nodes, id))) {
            std::uint32_t block = 0;
            if (block_pages > 0 && parse_suffix(name, "memory", block))
                ranges.push_back({block * block_pages, (block + 1) * block_pages - 1,
                                  Node{static_cast<std::int32_t>(id)}});
        }
    std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<PfnRange> merged;
    for (const auto& range : ranges) {
        if (!merged.empty() && merged.back().node == range.node && merged.back().last + 1 == range.first)
            merged.back().last = range.last;
        else merged.push_back(range);
    }
    return merged;
}

std::uint32_t possible_nodes(const std::string& root) {
    const auto possible = parse_list(read_line(root + "/sys/devices/system/node/possible"));
    return possible.empty() ? 1 : possible.back() + 1;
}

} // namespace numadrift::probe
