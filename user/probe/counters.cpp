#include "probe/counters.h"

#include "probe/topology.h"
#include "util/file.h"
#include "util/lists.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fmt/core.h>
#include <sstream>
#include <unistd.h>

namespace numadrift::probe {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 8> kOfVmstat = {
    "numa_pte_updates",  "numa_hint_faults", "numa_hint_faults_local", "numa_pages_migrated",
    "pgmigrate_success", "pgmigrate_fail",   "pgdemote_kswapd",        "pgdemote_direct"};

// "name value" lines.
template <class Take> void for_each_line(const std::string& path, const Take& take) {
    const auto text = read_file(path);
    if (!text) return;
    std::istringstream lines(*text);
    std::string name;
    for (std::uint64_t value = 0; lines >> name >> value;) take(name, value);
}

} // namespace

bool is_level(const std::string& name) {
    return name == "free_bytes";
}

Counters::Counters(std::string root, const Topology& topology) : root_(std::move(root)) {
    for (const auto& [node, info] : topology.nodes) nodes_.push_back(node);
    for (const auto& [cpu, info] : topology.cpus) node_of_cpu_[raw(cpu)] = info.node;
    std::error_code error;
    if (!fs::exists(root_ + "/sys/fs/resctrl/mon_data", error)) return;
    for (const auto& [cpu, info] : topology.cpus)
        for (int index = 0; index < 8; ++index) {
            const std::string cache =
                fmt::format("{}/sys/devices/system/cpu/cpu{}/cache/index{}", root_, raw(cpu), index);
            std::uint32_t id = 0;
            if (read_line(cache + "/level") == "3" && parse_number(read_line(cache + "/id"), id))
                node_of_cache_[id] = info.node;
        }
}

void Counters::read_node(Node node, std::vector<Counter>& counters) const {
    const std::string directory = fmt::format("{}/sys/devices/system/node/node{}", root_, raw(node));
    for_each_line(directory + "/numastat", [&](const std::string& name, std::uint64_t value) {
        counters.push_back({raw(node), name, value});
    });
    if (const auto free_bytes = node_meminfo(root_, node, "MemFree"))
        counters.push_back({raw(node), "free_bytes", *free_bytes});
}

void Counters::read_host(std::vector<Counter>& counters) const {
    for_each_line(root_ + "/proc/vmstat", [&](const std::string& name, std::uint64_t value) {
        if (std::ranges::find(kOfVmstat, name) != kOfVmstat.end()) counters.push_back({-1, name, value});
    });
    for (const char* resource : {"cpu", "memory", "io"}) {
        const auto text = read_file(fmt::format("{}/proc/pressure/{}", root_, resource));
        const std::size_t at = text ? text->find("total=") : std::string::npos; // the first line is "some"
        if (at != std::string::npos)
            counters.push_back(
                {-1, fmt::format("psi_{}_us", resource), std::strtoull(text->c_str() + at + 6, nullptr, 10)});
    }
}

// mon_data/mon_L3_00/mbm_total_bytes: one directory for each last-level cache.
void Counters::read_bandwidth(std::vector<Counter>& counters) const {
    std::map<std::pair<Node, std::string>, std::uint64_t> sums;
    for (const auto& [id, node] : node_of_cache_) {
        const std::string directory = fmt::format("{}/sys/fs/resctrl/mon_data/mon_L3_{:02}", root_, id);
        std::uint64_t total = 0;
        std::uint64_t local = 0;
        if (!parse_number(read_line(directory + "/mbm_total_bytes"), total) ||
            !parse_number(read_line(directory + "/mbm_local_bytes"), local))
            continue; // "Unavailable"
        sums[{node, "mbm_total_bytes"}] += total;
        sums[{node, "mbm_local_bytes"}] += local;
        sums[{node, "mbm_remote_bytes"}] += total - std::min(local, total);
    }
    for (const auto& [key, value] : sums) counters.push_back({raw(key.first), key.second, value});
}

// "cpu3 user nice system idle iowait irq softirq steal guest guest_nice", in clock ticks; guests are in user.
// An offline CPU has no line (fs/proc/stat.c: show_stat(), 5.10 to 7.2): a sum that falls is no rate.
void Counters::read_cpus(std::vector<Counter>& counters) const {
    const auto text = read_file(root_ + "/proc/stat");
    if (!text) return;
    const auto ms_a_tick = 1000 / static_cast<std::uint64_t>(std::max(::sysconf(_SC_CLK_TCK), 1L));
    std::map<Node, std::uint64_t> busy_ms;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line) && line.starts_with("cpu");) {
        std::istringstream fields(line.substr(3));
        std::uint32_t cpu = 0;
        std::array<std::uint64_t, 8> ticks{};
        if (line[3] == ' ' || !(fields >> cpu)) continue;
        for (std::uint64_t& one : ticks) fields >> one;
        const auto& [user, low, system, idle, iowait, irq, softirq, steal] = ticks;
        if (const auto node = node_of_cpu_.find(cpu); node != node_of_cpu_.end())
            busy_ms[node->second] += (user + low + system + irq + softirq + steal) * ms_a_tick;
    }
    for (const auto& [node, ms] : busy_ms) counters.push_back({raw(node), "cpu_busy_ms", ms});
}

std::vector<Counter> Counters::read() const {
    std::vector<Counter> counters;
    for (const Node node : nodes_) read_node(node, counters);
    read_host(counters);
    read_bandwidth(counters);
    read_cpus(counters);
    return counters;
}

} // namespace numadrift::probe
