#include "cli/cli.h"
#include "cli/thread_list.h"
#include "move/mover.h"
#include "move/used_ranges.h"
#include "probe/limits.h"
#include "probe/process.h"
#include "probe/topology.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/lists.h"
#include "util/text.h"

#include <cstdio>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace numadrift::cli {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kProgressNs = 1'000'000'000;

struct MoveOptions {
    move::Request request;
    std::uint32_t pid = 0;
    std::int32_t to = -1;
    std::optional<int> from;
    std::vector<Tid> threads; // only what these use
    bool dry_run = false;
    bool json = false;
};

// "7f0000000000-7f0000200000", as in /proc/PID/maps.
Status add_range(const std::string& text, std::vector<sampling::AddressRange>& ranges) {
    const auto range = sampling::parse_range(text);
    if (!range)
        return Error{fmt::format("{} is no range of addresses", text),
                     "as in /proc/PID/maps: 7f0000000000-7f0000200000", true};
    ranges.push_back(*range);
    return Done{};
}

Status check(const MoveOptions& options) {
    const move::Request& request = options.request;
    if (!options.threads.empty() && !request.ranges.empty())
        return Error{"--thread and --range exclude each other", "leave one of them out", true};
    for (const std::string& kind : request.mappings)
        if (!sampling::is_own_memory(kind) && !request.shared)
            return Error{fmt::format("--mapping {}: other processes may use such memory too", kind),
                         "add --shared: pages that nobody else uses are moved then", true};
    if (auto status = probe::check_process({}, request.pid); !status) return status;
    const auto topology = probe::read_topology({});
    if (!topology) return topology.error();
    const auto node = topology->nodes.find(request.to);
    if (node == topology->nodes.end() || node->second.memory_bytes == 0)
        return Error{fmt::format("there is no memory on node {}", raw(request.to)), "see: numactl --hardware",
                     true};
    const auto allowed = probe::read_allowed({}, request.pid, Tid{raw(request.pid)});
    const auto mems = allowed ? parse_list(allowed->mems) : std::vector<std::uint32_t>{};
    if (!allows(mems, static_cast<std::uint32_t>(raw(request.to))))
        return Error{fmt::format("the cpuset of process {} allows memory on nodes {} only", raw(request.pid),
                                 allowed->mems),
                     "widen cpuset.mems of its cgroup first, or move its threads instead"};
    return Done{};
}

std::string pages_text(std::uint64_t pages) {
    return size_text(pages * kPageBytes);
}

void print_left(const move::Counts& counts) {
    const auto say_left = [](std::uint64_t pages, const char* why) {
        if (pages > 0) fmt::print("  {} not moved: {}\n", pages_text(pages), why);
    };
    say_left(counts.shared, "other processes use these pages too");
    say_left(counts.busy, "pinned, in use by the kernel, or beside such pages");
    say_left(counts.untried, "given up, for nothing before could be moved");
    say_left(counts.refused, "the node has no memory left");
    say_left(counts.gone, "freed meanwhile");
}

void print_json(const MoveOptions& options, const move::Counts& counts) {
    const nlohmann::ordered_json json{
        {"schema", "numadrift.move/1"}, {"pid", options.pid},          {"to", options.to},
        {"dry_run", options.dry_run},   {"there", counts.there},       {"wanted", counts.wanted},
        {"moved", counts.moved},        {"shared", counts.shared},     {"busy", counts.busy},
        {"untried", counts.untried},    {"no_memory", counts.refused}, {"freed", counts.gone}};
    fmt::print("{}\n", json.dump(2));
}

Result<int> run(MoveOptions& options) {
    options.request.pid = Pid{options.pid};
    options.request.to = Node{options.to};
    if (options.from) options.request.from = Node{*options.from};
    if (auto status = check(options); !status) return status.error();
    if (!options.threads.empty()) {
        say(fmt::format("Recording process {} for some seconds, for what the threads use …", options.pid));
        auto used = move::used_ranges(options.request.pid, options.threads);
        if (!used) return used.error();
        options.request.ranges = *std::move(used);
    }
    const auto maps = read_file(fmt::format("/proc/{}/maps", options.pid));
    if (!maps) return maps.error();
    move::Mover mover(options.request, move::this_host());
    const auto plan = mover.plan(sampling::Mappings::parse(*maps));
    if (!plan) return plan.error();
    move::Counts counts = *plan;
    if (!options.dry_run) {
        std::uint64_t told_ns = monotonic_ns();
        const auto done = mover.move([&](const move::Counts& so_far) {
            const std::uint64_t now_ns = monotonic_ns();
            if (now_ns - told_ns < kProgressNs) return;
            told_ns = now_ns;
            say(fmt::format("{} of {} moved", pages_text(so_far.moved), pages_text(so_far.wanted)));
        });
        if (!done) return done.error();
        counts = *done;
    }
    const bool is_all = options.dry_run || counts.moved + counts.gone >= counts.wanted;
    if (options.json) print_json(options, counts);
    else {
        fmt::print("{} {} of process {} to node {}; {} there before\n",
                   options.dry_run ? "would move" : "moved",
                   pages_text(options.dry_run ? counts.wanted : counts.moved), options.pid, options.to,
                   pages_text(counts.there));
        print_left(counts);
    }
    return is_all ? 0 : kExitFailed;
}

} // namespace

Run add_move(CLI::App& app) {
    Verb verb(app, "move", "Move a process' own memory to a node",
              "Examples:\n"
              "  numadrift move -p 4711 --from 0 --to 1 --dry-run\n"
              "  numadrift move -p 4711 --from 0 --to 1\n"
              "  numadrift move -p 4711 --mapping heap --from 0 --to 1\n"
              "  numadrift move -p 4711 --thread 4712-4715 --from 0 --to 1\n"
              "Heap, stacks and anonymous memory; never pages that other processes use too\n"
              "(migratepages(8) as root moves those as well). In small batches, with pauses as\n"
              "long as three of them; nothing is moved where the node has too little memory\n"
              "free. With --thread the process is recorded for two to six seconds; what other\n"
              "threads use too is not moved. Exit status 1: not all of it was moved.");
    auto options = std::make_shared<MoveOptions>();
    verb.option("-p,--pid", options->pid, "The process").required().is_positive();
    verb.option("--to", options->to, "The node it is to be on").required();
    verb.option("--from", options->from, "Only what is on this node");
    verb.text(
            "--range",
            [options](const std::string& text) { return add_range(text, options->request.ranges); },
            "Only these addresses: BEGIN-END, as in /proc/PID/maps; may be repeated")
        .may_repeat();
    verb.text(
            "--thread", [options](const std::string& text) { return add_threads(text, options->threads); },
            "Only what these threads use and no other: 4711-4718,4720")
        .may_repeat();
    verb.text(
            "--mapping",
            [options](const std::string& kind) {
                options->request.mappings.push_back(kind);
                return Status(Done{});
            },
            "Only mappings of this kind; may be repeated")
        .is_one_of({"heap", "stack", "anonymous", "shared", "file"})
        .may_repeat();
    verb.flag("--shared", options->request.shared,
              "Mappings of files and shared memory too, if nobody else uses them");
    verb.flag("-n,--dry-run", options->dry_run, "Only say what would be moved");
    verb.flag("--json", options->json, "Print as JSON (schema numadrift.move/1)");
    return [options] { return run(*options); };
}

} // namespace numadrift::cli
