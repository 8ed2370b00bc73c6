#include "cli/cli.h"

#include "probe/host.h"
#include "probe/topology.h"
#include "report/lines.h"
#include "source/live/preview.h"
#include "util/file.h"

#include <cstdio>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace numadrift::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Finding {
    std::string what;
    std::string state; // "ok", "limited", "no"
    std::string detail;
};

Finding privileges(const probe::Host& host) {
    if (host.missing_capabilities.empty() && !host.wanted_capabilities.empty())
        return {"privileges", "limited",
                fmt::format("missing {}", fmt::join(host.wanted_capabilities, "; "))};
    if (host.missing_capabilities.empty()) return {"privileges", "ok", "BPF programs may be loaded"};
    return {"privileges", "no",
            fmt::format("{} missing: run as root or grant it", fmt::join(host.missing_capabilities, ", "))};
}

Finding kernel_types(const probe::Host& host) {
    if (host.has_btf) return {"BTF", "ok", "/sys/kernel/btf/vmlinux can be read"};
    return {"BTF", "no", "no /sys/kernel/btf/vmlinux: this kernel was built without CONFIG_DEBUG_INFO_BTF"};
}

Finding nodes(const Result<Topology>& topology) {
    if (!topology) return {"nodes", "no", topology.error().what};
    if (topology->is_one_node())
        return {"nodes", "limited", "one NUMA node: no thread can be away from its memory here"};
    return {"nodes", "ok",
            fmt::format("{} nodes, {} of them with memory; {} CPUs", topology->nodes.size(),
                        topology->nodes_with_memory(), topology->cpus.size())};
}

Finding balancing(const probe::Host& host) {
    switch (host.numa_balancing) {
    case -1: return {"NUMA balancing", "limited", "this kernel has none: no hint faults to learn from"};
    case 0: return {"NUMA balancing", "limited", "off: no hint faults; memory is found by sampling alone"};
    default:
        return {"NUMA balancing", "ok", fmt::format("on (kernel.numa_balancing={})", host.numa_balancing)};
    }
}

Finding namespaces(const probe::Host& host) {
    if (host.in_host_pid_namespace) return {"pid namespace", "ok", "the host's"};
    return {"pid namespace", "no",
            "a container's: the host's processes cannot be named (use hostPID / --pid=host)"};
}

std::vector<Finding> sources() {
    const auto states = live::preview_sources();
    if (!states) return {{"attaching", "no", states.error().what}};
    std::vector<Finding> findings = {{"attaching", "ok", "programs load and attach"}};
    for (const SourceState& state : *states)
        findings.push_back({"source " + state.source,
                            !state.on              ? "no"
                            : state.limits.empty() ? "ok"
                                                   : "limited",
                            !state.on ? state.why : state.limits});
    return findings;
}

bool blocks(const Finding& finding) {
    return finding.state == "no" && !finding.what.starts_with("source ");
}

Result<int> examine(bool json) {
    const auto host = probe::read_host({});
    std::vector<Finding> findings = {privileges(host), kernel_types(host), namespaces(host),
                                     nodes(probe::read_topology({})), balancing(host)};
    bool works = std::none_of(findings.begin(), findings.end(), blocks);
    if (works) {
        const auto more = sources();
        findings.insert(findings.end(), more.begin(), more.end());
        works = std::none_of(findings.begin(), findings.end(), blocks);
    }
    if (json) {
        Json items = Json::array();
        for (const auto& finding : findings)
            items.push_back({{"what", finding.what}, {"state", finding.state}, {"detail", finding.detail}});
        const Json document{{"schema", "numadrift.doctor/1"},
                            {"host", host.name},
                            {"kernel", host.kernel},
                            {"works", works},
                            {"findings", items}};
        fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
        return works ? 0 : kExitFailed;
    }
    constexpr std::size_t kDetailColumn = 34;
    Lines out;
    out.line("{}, kernel {}", host.name, host.kernel);
    for (const auto& finding : findings)
        out.wrapped(fmt::format("  {:<8} {:<22} {}", finding.state, finding.what, finding.detail),
                    kDetailColumn);
    out.line("{}", works ? "numadrift can record here." : "numadrift cannot record here.");
    if (auto printed = print_out(out.take()); !printed) return printed.error();
    return works ? 0 : kExitFailed;
}

} // namespace

Run add_doctor(CLI::App& app) {
    Verb verb(app, "doctor", "Say what will work on this machine, what will not, and why",
              "Examples:\n"
              "  numadrift doctor\n"
              "  numadrift doctor --json\n"
              "Loads and attaches the BPF programs for a moment, with no target. Exit status 1\n"
              "if nothing can be recorded here.");
    auto json = std::make_shared<bool>(false);
    verb.flag("--json", *json, "Print as JSON (schema numadrift.doctor/1)");
    return [json] { return examine(*json); };
}

} // namespace numadrift::cli
