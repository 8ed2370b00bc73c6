#include "cli/cli.h"
#include "probe/limits.h"
#include "probe/numa_maps.h"
#include "probe/process.h"
#include "probe/topology.h"
#include "report/residency.h"
#include "sampling/survey.h"
#include "source/live/look.h"
#include "util/file.h"
#include "util/lists.h"
#include "util/text.h"

#include <algorithm>
#include <cstdio>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

namespace numadrift::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kPageBytes = 4096;
constexpr double kStallNsAByte = 5.6e6 / (1u << 30); // of a numa_maps walk, 4 KiB pages; measured

struct SnapshotOptions {
    std::vector<std::uint32_t> pids;
    std::string comm;
    bool json = false;
    bool exact = false;
};

// Threads that may run and allocate alike.
struct ThreadGroup {
    std::string cpus;
    std::string mems;
    std::string policy;
    bool operator<(const ThreadGroup& other) const {
        return std::tie(cpus, mems, policy) < std::tie(other.cpus, other.mems, other.policy);
    }
};

struct ProcessSnapshot {
    Pid pid{};
    std::string comm;
    sampling::Survey survey;
    std::map<ThreadGroup, std::size_t> threads;
    std::string policies_unknown; // why; empty if they are known
    bool is_exact = false;
    std::vector<std::string> notes;
};

std::map<Node, std::uint64_t> pages_by_node(const std::vector<Residency>& rows) {
    std::map<Node, std::uint64_t> sums;
    for (const Residency& row : rows)
        if (row.mapping != "text") sums[Node{row.node}] += row.pages;
    return sums;
}

// Where CPUs and memory do not match: what is worth a second look.
std::vector<std::string> notes_on(const ProcessSnapshot& process, const Topology& topology) {
    std::vector<std::string> notes;
    std::uint64_t all = 0;
    const auto sums = pages_by_node(process.survey.rows);
    for (const auto& [node, pages] : sums) all += pages;
    for (const auto& [group, count] : process.threads) {
        std::set<Node> near;
        for (const std::uint32_t cpu : parse_list(group.cpus))
            near.insert(topology.local_memory_node(Cpu{cpu}));
        std::uint64_t far_pages = 0;
        for (const auto& [node, pages] : sums)
            if (!near.contains(node)) far_pages += pages;
        if (all > 0 && far_pages * 10 > all)
            notes.push_back(fmt::format(
                "{} of its threads may run on CPUs {} only, and {} of the memory is on "
                "other nodes",
                count, group.cpus, share_text(static_cast<double>(far_pages) / static_cast<double>(all))));
        const auto mems = parse_list(group.mems);
        for (const auto& [node, pages] : sums)
            if (!allows(mems, static_cast<std::uint32_t>(raw(node))) && pages * 100 > all)
                notes.push_back(
                    fmt::format("{} is on node {}, where its cpuset (memory nodes {}) does not allow "
                                "it now",
                                size_text(pages * kPageBytes), raw(node), group.mems));
    }
    return notes;
}

Status read_exactly(ProcessSnapshot& process) {
    const double stall_ms = kStallNsAByte * static_cast<double>(process.survey.resident_bytes) / 1e6;
    fmt::print(stderr,
               "warning: --exact reads /proc/{0}/numa_maps. The kernel holds the mmap lock of process {0}\n"
               "         meanwhile: its mmap, munmap and brk calls wait, up to some {1:.0f} ms for its {2}\n"
               "         (up to kernel 6.3 its page faults too).\n",
               raw(process.pid), std::max(1.0, stall_ms), size_text(process.survey.resident_bytes));
    const auto text = read_file(fmt::format("/proc/{}/numa_maps", raw(process.pid)));
    if (!text) return text.error();
    process.survey.rows = probe::parse_numa_maps(*text);
    process.is_exact = true;
    return Done{};
}

Result<ProcessSnapshot> look_at(Pid pid, const live::ProcessPolicies& policies,
                                const sampling::SamplerOptions& asking, const Topology& topology,
                                bool exact) {
    ProcessSnapshot process;
    process.pid = pid;
    process.comm = read_line(fmt::format("/proc/{}/comm", raw(pid)));
    process.policies_unknown = policies.unknown;
    auto survey = sampling::survey_process(asking, pid);
    if (!survey) return survey.error();
    process.survey = *std::move(survey);
    for (const Tid tid : probe::threads_of({}, pid))
        if (const auto allowed = probe::read_allowed({}, pid, tid)) {
            const auto policy = policies.threads.find(tid);
            ++process.threads[{allowed->cpus, allowed->mems,
                               policy == policies.threads.end() ? "unknown" : policy->second}];
        }
    if (exact)
        if (auto status = read_exactly(process); !status) return status.error();
    process.notes = notes_on(process, topology);
    return process;
}

void print_text(const ProcessSnapshot& process) {
    const sampling::Survey& survey = process.survey;
    fmt::print("{} ({}): {} resident of {} mapped\n", printable(process.comm), raw(process.pid),
               size_text(survey.resident_bytes), size_text(survey.mapped_bytes));
    for (const auto& line : residency_lines(survey.rows)) fmt::print("  {}\n", line);
    std::string total;
    for (const auto& [node, pages] : pages_by_node(survey.rows))
        total +=
            fmt::format("{}node {} {}", total.empty() ? "" : ", ", raw(node), size_text(pages * kPageBytes));
    fmt::print("  {}: {}\n", process.is_exact ? "all" : "data (without text)",
               total.empty() ? "none" : total);
    for (const auto& [group, count] : process.threads)
        fmt::print("  {} thread{}: CPUs {}, memory nodes {}, policy {}\n", count, count == 1 ? "" : "s",
                   group.cpus, group.mems, group.policy);
    for (const auto& note : process.notes) fmt::print("  note: {}\n", note);
    if (!process.policies_unknown.empty())
        fmt::print("  note: policies of mappings are not known: {}\n", process.policies_unknown);
    if (process.is_exact) fmt::print("  (exact, from numa_maps; programs' text counts as file)\n");
    else
        fmt::print("  (by {} random pages, bounds of 95 %; asking took {}, at most {} at a time)\n",
                   count_text(survey.pages_asked), duration_text(static_cast<double>(survey.query_ns)),
                   duration_text(static_cast<double>(survey.longest_query_ns)));
}

Json to_json(const ProcessSnapshot& process) {
    Json residency = Json::array();
    for (const auto& [group, pages] : by_mapping(process.survey.rows)) {
        Json by_node = Json::object();
        Json bounds = Json::object();
        for (const auto& [node, row] : pages.bounds) {
            by_node[std::to_string(raw(node))] = row.pages;
            bounds[std::to_string(raw(node))] = {row.low, row.high};
        }
        residency.push_back(
            {{"mapping", group.first}, {"policy", group.second}, {"pages", by_node}, {"bounds", bounds}});
    }
    Json threads = Json::array();
    for (const auto& [group, count] : process.threads)
        threads.push_back(
            {{"threads", count}, {"cpus", group.cpus}, {"mems", group.mems}, {"policy", group.policy}});
    return {{"pid", raw(process.pid)},
            {"comm", process.comm},
            {"exact", process.is_exact},
            {"resident_bytes", process.survey.resident_bytes},
            {"mapped_bytes", process.survey.mapped_bytes},
            {"residency", residency},
            {"threads", threads},
            {"notes", process.notes},
            {"policies", process.policies_unknown.empty() ? "known" : "unknown: " + process.policies_unknown},
            {"query",
             {{"pages", process.survey.pages_asked},
              {"ns", process.survey.query_ns},
              {"longest_ns", process.survey.longest_query_ns},
              {"took_ns", process.survey.took_ns}}}};
}

Result<std::vector<Pid>> choose(const SnapshotOptions& options) {
    if (options.pids.empty() == options.comm.empty())
        return Error{options.comm.empty() ? "nothing to look at" : "more than one kind of target",
                     "give one of: -p PID[,PID…], --comm GLOB", true};
    if (!options.comm.empty()) {
        auto found = probe::find_by_comm({}, options.comm);
        if (found.empty()) return Error{fmt::format("no process is named {}", options.comm), "see: ps -e"};
        return found;
    }
    std::vector<Pid> pids;
    for (const std::uint32_t number : options.pids) {
        if (auto status = probe::check_process({}, Pid{number}); !status) return status.error();
        pids.push_back(Pid{number});
    }
    return pids;
}

Result<int> run(const SnapshotOptions& options) {
    const auto pids = choose(options);
    if (!pids) return pids.error();
    const auto topology = probe::read_topology({});
    if (!topology) return topology.error();
    const auto look = live::Look::at(*pids);
    const auto asking = look ? (*look)->options() : sampling::SamplerOptions{};
    Json processes = Json::array();
    for (const Pid pid : *pids) {
        live::ProcessPolicies known;
        if (look) known = (*look)->policies(pid);
        else known.unknown = look.error().what;
        const auto process = look_at(pid, known, asking, *topology, options.exact);
        if (!process) {
            if (options.comm.empty()) return process.error();
            continue; // of many by name, one that ended meanwhile
        }
        if (options.json) processes.push_back(to_json(*process));
        else print_text(*process);
    }
    if (options.json)
        fmt::print("{}\n", Json{{"schema", "numadrift.snapshot/1"}, {"processes", processes}}.dump(
                               2, ' ', false, Json::error_handler_t::replace));
    if (std::fflush(stdout) != 0)
        return Error{fmt::format("cannot write to stdout: {}", errno_text(errno)), {}};
    return 0;
}

} // namespace

Run add_snapshot(CLI::App& app) {
    Verb verb(app, "snapshot", "Where the memory of a process is now, by mapping, policy and node",
              "Examples:\n"
              "  numadrift snapshot -p 4711\n"
              "  numadrift snapshot --comm 'postgres*' --json\n"
              "Asks about a few thousand random pages, in small batches: as quick for 100 GiB\n"
              "as for 1 GiB, and the process does not notice. --exact counts every page, and\n"
              "it may.");
    auto options = std::make_shared<SnapshotOptions>();
    verb.option("-p,--pid", options->pids, "Processes to look at").takes_lists();
    verb.option("--comm", options->comm, "Processes whose name matches a shell pattern");
    verb.flag("--exact", options->exact, "Read numa_maps: exact, but stalls the process' mmap calls");
    verb.flag("--json", options->json, "Print as JSON (schema numadrift.snapshot/1)");
    return [options] { return run(*options); };
}

} // namespace numadrift::cli
