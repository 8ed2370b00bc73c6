#include "cli/cli.h"

#include "probe/cgroup.h"
#include "probe/host.h"
#include "probe/process.h"
#include "probe/topology.h"
#include "report/lines.h"
#include "source/live/preview.h"
#include "util/file.h"
#include "util/lists.h"
#include "util/text.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

namespace numadrift::cli {
namespace {

using Json = nlohmann::ordered_json;

enum class State { works, limited, off };

struct Finding {
    std::string what;
    State state = State::works;
    std::string detail;
    std::string to_do; // empty: nothing is to be done, or nothing can be
};

using Findings = std::vector<Finding>;

const char* word_of(State state) { // of the JSON
    switch (state) {
    case State::works: return "ok";
    case State::limited: return "limited";
    case State::off: break;
    }
    return "no";
}

// ---- of the machine ----

Finding privileges(const probe::Host& host) {
    if (!host.missing_capabilities.empty())
        return {"privileges", State::off,
                fmt::format("{} missing", fmt::join(host.missing_capabilities, ", ")),
                "run as root, or grant these to numadrift with setcap"};
    if (!host.wanted_capabilities.empty())
        return {"privileges", State::limited,
                fmt::format("missing {}", fmt::join(host.wanted_capabilities, "; ")),
                "run as root, or grant these too"};
    return {"privileges", State::works, "BPF programs may be loaded", ""};
}

Finding kernel_types(const probe::Host& host) {
    if (host.has_btf) return {"BTF", State::works, "/sys/kernel/btf/vmlinux can be read", ""};
    return {"BTF", State::off,
            "no /sys/kernel/btf/vmlinux: this kernel was built without CONFIG_DEBUG_INFO_BTF",
            "boot a kernel that has it, as those of all current distributions do"};
}

Finding nodes(const Result<Topology>& topology) {
    if (!topology) return {"nodes", State::off, topology.error().what, topology.error().hint};
    if (topology->is_one_node())
        return {"nodes", State::limited, "one NUMA node: no thread can be away from its memory here", ""};
    return {"nodes", State::works,
            fmt::format("{} nodes, {} of them with memory; {} CPUs", topology->nodes.size(),
                        topology->nodes_with_memory(), topology->cpus.size()),
            ""};
}

Finding balancing(const probe::Host& host) {
    switch (host.numa_balancing) {
    case -1:
        return {"NUMA balancing", State::limited, "this kernel has none: no hint faults to learn from", ""};
    case 0:
        return {"NUMA balancing", State::limited, "off: no hint faults; memory is found by sampling alone",
                ""};
    default:
        return {"NUMA balancing", State::works,
                fmt::format("on (kernel.numa_balancing={})", host.numa_balancing), ""};
    }
}

Finding namespaces(const probe::Host& host) {
    if (host.in_host_pid_namespace) return {"pid namespace", State::works, "the host's", ""};
    return {"pid namespace", State::off, "a container's: the host's processes cannot be named",
            "start the container with hostPID: true, or --pid=host"};
}

Findings sources() {
    const auto states = live::preview_sources();
    if (!states) return {{"attaching", State::off, states.error().what, states.error().hint}};
    Findings findings = {{"attaching", State::works, "programs load and attach", ""}};
    for (const SourceState& source : *states) {
        const State state = !source.on ? State::off : source.limits.empty() ? State::works : State::limited;
        const bool needs_fentry = source.limits.find("tracepoints only") != std::string::npos;
        findings.push_back(
            {"source " + source.source, state, source.on ? source.limits : source.why,
             needs_fentry ? "a kernel that takes fentry programs, as most do, sees these too" : ""});
    }
    return findings;
}

Findings machine(const probe::Host& host, const Result<Topology>& topology) {
    return {privileges(host), kernel_types(host), namespaces(host), nodes(topology), balancing(host)};
}

// ---- of a process ----

Finding family(Pid pid) {
    const std::size_t threads = probe::threads_of({}, pid).size();
    const std::size_t below = probe::descendants_of({}, {pid}).size();
    return {"process", State::works,
            fmt::format("{} ({}), {} thread{}{}", read_line(fmt::format("/proc/{}/comm", raw(pid))), raw(pid),
                        threads, threads == 1 ? "" : "s",
                        below == 0   ? ""
                        : below == 1 ? "; and 1 child, recorded too"
                                     : fmt::format("; and {} children, recorded too", below)),
            ""};
}

// Of the thread that leads it: others may be pinned apart from it.
Finding where_it_may_run(const std::string& status, const Result<Topology>& topology) {
    const std::string cpus = probe::status_field(status, "Cpus_allowed_list");
    std::set<Node> nodes;
    if (topology)
        for (const std::uint32_t cpu : parse_list(cpus))
            if (const Node node = topology->node_of(Cpu{cpu}); node != kNoNode) nodes.insert(node);
    if (nodes.size() == 1 && topology->nodes.size() > 1)
        return {
            "may run on", State::limited,
            fmt::format("CPUs {}: all of node {}, which it cannot leave; its memory may be elsewhere", cpus,
                        raw(*nodes.begin())),
            fmt::format("taskset -cp {} tells whether that is wanted", probe::status_field(status, "Pid"))};
    return {"may run on", State::works, fmt::format("CPUs {}", cpus), ""};
}

Findings process(Pid pid, const Result<Topology>& topology) {
    const auto read = read_file(fmt::format("/proc/{}/status", raw(pid)));
    if (!read) return {{"process", State::off, fmt::format("process {} has ended", raw(pid)), ""}};
    Findings findings = {family(pid)};
    const std::string label = probe::name_of_cgroup(probe::cgroup_of({}, pid)).label();
    if (!label.empty()) findings.push_back({"is in", State::works, label, ""});
    findings.push_back(where_it_may_run(*read, topology));
    findings.push_back({"may have memory on", State::works,
                        fmt::format("nodes {}", probe::status_field(*read, "Mems_allowed_list")), ""});
    const auto kib = [&read](const char* field) {
        return std::strtoull(probe::status_field(*read, field).c_str(), nullptr, 10) * 1024;
    };
    std::string memory = size_text(kib("VmRSS")) + " resident";
    if (kib("RssShmem") > 0) memory += fmt::format(", {} of it shared", size_text(kib("RssShmem")));
    if (kib("HugetlbPages") > 0)
        memory += fmt::format("; {} in huge pages beside", size_text(kib("HugetlbPages")));
    findings.push_back({"memory", State::works, memory, ""});
    return findings;
}

// ---- what is said ----

bool blocks(const Finding& finding) {
    return finding.state == State::off && !finding.what.starts_with("source ");
}

std::string as_json(const probe::Host& host, const Findings& findings, bool works) {
    Json items = Json::array();
    for (const auto& finding : findings)
        items.push_back({{"what", finding.what},
                         {"state", word_of(finding.state)},
                         {"detail", finding.detail},
                         {"to_do", finding.to_do}});
    const Json document{{"schema", "numadrift.doctor/1"},
                        {"host", host.name},
                        {"kernel", host.kernel},
                        {"works", works},
                        {"findings", items}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_text(const probe::Host& host, const Findings& findings, bool works) {
    constexpr std::size_t kDetailColumn = 24;
    Lines out;
    out.line("{}, kernel {}", host.name, host.kernel);
    constexpr std::array<std::pair<State, const char*>, 3> kParts = {
        {{State::works, "Works"}, {State::limited, "Limited"}, {State::off, "Off"}}};
    for (const auto& part : kParts) {
        Findings alike;
        std::ranges::copy_if(findings, std::back_inserter(alike),
                             [&part](const Finding& finding) { return finding.state == part.first; });
        if (alike.empty()) continue;
        out.blank();
        out.line("{}", part.second);
        for (std::size_t i = 0; i < alike.size(); ++i) {
            const auto& [what, ignored, detail, to_do] = alike[i];
            out.wrapped(fmt::format("  {:<21} {}", what, detail), kDetailColumn);
            const bool is_said_next = i + 1 < alike.size() && alike[i + 1].to_do == to_do;
            if (!to_do.empty() && !is_said_next)
                out.wrapped(fmt::format("{:{}}to do: {}", "", kDetailColumn, to_do), kDetailColumn + 2);
        }
    }
    out.blank();
    out.line("{}", works ? "numadrift can record here." : "numadrift cannot record here.");
    return out.take();
}

Result<int> examine(bool json, std::optional<std::uint32_t> pid) {
    if (pid)
        if (auto status = probe::check_process({}, Pid{*pid}); !status) return status.error();
    const auto host = probe::read_host({});
    const auto topology = probe::read_topology({});
    Findings findings = machine(host, topology);
    if (std::ranges::none_of(findings, blocks)) {
        const Findings more = sources();
        findings.insert(findings.end(), more.begin(), more.end());
    }
    if (pid) {
        const Findings of_process = process(Pid{*pid}, topology);
        findings.insert(findings.begin(), of_process.begin(), of_process.end());
    }
    const bool works = std::ranges::none_of(findings, blocks);
    const std::string text = json ? as_json(host, findings, works) : as_text(host, findings, works);
    if (auto printed = print_out(text); !printed) return printed.error();
    return works ? 0 : kExitFailed;
}

} // namespace

Run add_doctor(CLI::App& app) {
    Verb verb(app, "doctor", "Say what will work on this machine, what will not, and why",
              "Examples:\n"
              "  numadrift doctor\n"
              "  numadrift doctor -p 4711    and of this process\n"
              "  numadrift doctor --json\n"
              "Loads and attaches the BPF programs for a moment, with no target. Exit status 1\n"
              "if nothing can be recorded here.");
    auto json = std::make_shared<bool>(false);
    auto pid = std::make_shared<std::optional<std::uint32_t>>();
    verb.option("-p,--pid", *pid, "Say of this process, too, what will be seen");
    verb.flag("--json", *json, "Print as JSON (schema numadrift.doctor/1)");
    return [json, pid] { return examine(*json, *pid); };
}

} // namespace numadrift::cli
