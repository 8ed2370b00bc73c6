#include "cli/cli.h"
#include "cli/thread_list.h"
#include "pin/pinner.h"
#include "probe/process.h"
#include "util/lists.h"
#include "util/text.h"

#include <cstring>
#include <fmt/core.h>
#include <map>
#include <nlohmann/json.hpp>

namespace numadrift::cli {
namespace {

using pin::Fate;
using pin::Outcome;

struct PinOptions {
    pin::Request request;
    std::uint32_t pid = 0;
    std::int32_t to = -1;
    bool json = false;
};

template <class Id> std::string list_of(const std::vector<Id>& ids) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(ids.size());
    for (const Id id : ids) numbers.push_back(raw(id));
    return list_text(numbers);
}

const char* outcome_name(Outcome outcome) {
    switch (outcome) {
    case Outcome::pinned: return "pinned";
    case Outcome::there: return "there";
    case Outcome::left_alone: return "left_alone";
    case Outcome::outside: return "outside_cpuset";
    case Outcome::refused: return "refused";
    case Outcome::of_no_thread: return "gone";
    }
    return "";
}

void print_json(const PinOptions& options, const std::vector<Fate>& fates) {
    auto threads = nlohmann::ordered_json::array();
    for (const Fate& fate : fates)
        threads.push_back({{"tid", raw(fate.tid)},
                           {"outcome", outcome_name(fate.outcome)},
                           {"cpus_before", list_of(fate.before)},
                           {"cpus", list_of(fate.now)}});
    const nlohmann::ordered_json json{{"schema", "numadrift.pin/1"},
                                      {"pid", options.pid},
                                      {"to", options.to},
                                      {"dry_run", options.request.is_dry_run},
                                      {"threads", threads}};
    fmt::print("{}\n", json.dump(2));
}

// Threads with this outcome, by what is to be told of them together.
template <class Key> auto threads_by(const std::vector<Fate>& fates, Outcome outcome, Key key) {
    std::map<decltype(key(fates.front())), std::vector<Tid>> found;
    for (const Fate& fate : fates)
        if (fate.outcome == outcome) found[key(fate)].push_back(fate.tid);
    return found;
}

void print_text(const PinOptions& options, const std::vector<Fate>& fates) {
    std::size_t pinned = 0;
    for (const Fate& fate : fates) pinned += fate.outcome == Outcome::pinned;
    fmt::print("{} {} {} of process {} to node {}\n", options.request.is_dry_run ? "would pin" : "pinned",
               pinned, pinned == 1 ? "thread" : "threads", options.pid, options.to);
    const auto change = [](const Fate& fate) { return std::pair(list_of(fate.now), list_of(fate.before)); };
    for (const auto& [cpus, threads] : threads_by(fates, Outcome::pinned, change))
        fmt::print("  {}: CPUs {}, before {}\n", list_of(threads), cpus.first, cpus.second);
    const auto say = [&](Outcome outcome, const char* why) {
        for (const auto& [cpus, threads] :
             threads_by(fates, outcome, [](const Fate& fate) { return list_of(fate.before); }))
            fmt::print("  {} on CPUs {}: {}\n", list_of(threads), cpus.empty() ? "?" : cpus, why);
    };
    say(Outcome::there, "there before");
    say(Outcome::left_alone, "left alone, for somebody has pinned them; --thread names them");
    say(Outcome::outside, "not pinned, for their cpuset has no CPU of the node");
    for (const auto& [error, threads] :
         threads_by(fates, Outcome::refused, [](const Fate& fate) { return fate.error; }))
        fmt::print("  {}: not pinned: {}\n", list_of(threads), std::strerror(error));
    for (const auto& [ignored, threads] :
         threads_by(fates, Outcome::of_no_thread, [](const Fate&) { return 0; }))
        fmt::print("  {}: ended meanwhile, or not of this process\n", list_of(threads));
}

Result<int> run(PinOptions& options) {
    options.request.pid = Pid{options.pid};
    options.request.to = Node{options.to};
    if (auto status = probe::check_process({}, options.request.pid); !status) return status.error();
    const auto fates = pin::pin_threads(options.request, pin::this_host());
    if (!fates) return fates.error();
    if (options.json) print_json(options, *fates);
    else print_text(options, *fates);
    const auto has = [&](Outcome outcome) {
        return std::ranges::any_of(*fates, [&](const Fate& fate) { return fate.outcome == outcome; });
    };
    const bool is_any = has(Outcome::pinned) || has(Outcome::there);
    return is_any && !has(Outcome::outside) && !has(Outcome::refused) ? 0 : kExitFailed;
}

} // namespace

Run add_pin(CLI::App& app) {
    Verb verb(app, "pin", "Let threads of a process run on a node's CPUs only",
              "Examples:\n"
              "  numadrift pin -p 4711 --to 0 --dry-run\n"
              "  numadrift pin -p 4711 --thread 4712-4719,4730 --to 0\n"
              "Each within its cpuset. Without --thread it is all threads of the process, also\n"
              "those that are started meanwhile, but for those that somebody has pinned to\n"
              "other CPUs. An id that is no longer that of a thread of the process is not\n"
              "touched. Exit status 1: not all of them could be.");
    auto options = std::make_shared<PinOptions>();
    verb.option("-p,--pid", options->pid, "The process").required().is_positive();
    verb.option("--to", options->to, "The node").required();
    verb.text(
            "--thread",
            [options](const std::string& text) { return add_threads(text, options->request.threads); },
            "Only these: 4711-4718,4720; may be repeated")
        .may_repeat();
    verb.flag("-n,--dry-run", options->request.is_dry_run, "Only say what would be done");
    verb.flag("--json", options->json, "Print as JSON (schema numadrift.pin/1)");
    return [options] { return run(*options); };
}

} // namespace numadrift::cli
