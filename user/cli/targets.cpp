#include "cli/targets.h"

#include "probe/cgroup.h"
#include "probe/process.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace numadrift::cli {
namespace {

Result<LiveOptions> of_cgroup(const std::string& how, const Result<std::string>& directory) {
    if (!directory) return directory.error();
    LiveOptions live;
    live.how = how;
    live.joins_later = true;
    live.find = [directory = *directory] { return probe::processes_in(directory); };
    live.targets = live.find().value_or(std::vector<Pid>());
    if (live.targets.empty())
        return Error{fmt::format("no process is in {}", *directory), "has the service or container ended?"};
    return live;
}

Result<LiveOptions> of_comm(const std::string& comm) {
    LiveOptions live;
    live.how = fmt::format("--comm {}", comm);
    live.find = [comm] { return std::optional(probe::find_by_comm({}, comm)); };
    live.targets = *live.find();
    if (live.targets.empty())
        return Error{fmt::format("no process is named {}", comm),
                     "names are those of ps -o comm (15 bytes at most); patterns like 'post*' work"};
    return live;
}

Result<LiveOptions> of_command(const std::vector<std::string>& command, std::optional<Child>& child) {
    auto spawned = Child::spawn(command);
    if (!spawned) return spawned.error();
    child.emplace(*std::move(spawned));
    LiveOptions live;
    live.targets = {Pid{static_cast<std::uint32_t>(child->pid())}};
    live.how = fmt::format("{}", fmt::join(command, " "));
    return live;
}

Result<LiveOptions> find_targets(const TargetOptions& options, std::optional<Child>& child) {
    const int ways = !options.pids.empty() + !options.comm.empty() + !options.cgroup.empty() +
                     !options.container.empty() + options.all + !options.command.empty();
    if (ways != 1)
        return Error{ways == 0 ? "nothing to record" : "more than one kind of target",
                     "give one of: -p PID[,PID…], --comm GLOB, --cgroup PATH, --container ID, -a, "
                     "-- COMMAND ARG…",
                     true};
    if (!options.command.empty()) return of_command(options.command, child);
    if (!options.comm.empty()) return of_comm(options.comm);
    if (!options.cgroup.empty())
        return of_cgroup("--cgroup " + options.cgroup, probe::cgroup_directory({}, options.cgroup));
    if (!options.container.empty())
        return of_cgroup("--container " + options.container,
                         probe::container_directory({}, options.container));
    LiveOptions live;
    if (options.all) {
        live.how = "-a";
        live.find = [] { return std::optional(probe::find_all({})); };
        live.targets = *live.find();
        return live;
    }
    for (const std::uint32_t pid : options.pids) live.targets.push_back(Pid{pid});
    live.how = fmt::format("-p {}", fmt::join(options.pids, ","));
    return live;
}

} // namespace

void add_target_options(Verb& verb, const std::shared_ptr<TargetOptions>& options) {
    verb.option("-p,--pid", options->pids, "Processes to record").takes_lists();
    verb.option("--comm", options->comm, "Processes whose name matches a shell pattern");
    verb.option("--cgroup", options->cgroup,
                "Processes of a control group and all below it, and those that join later");
    verb.option("--container", options->container, "The same, of the container whose id begins so");
    verb.flag("-a,--all", options->all, "The whole host, but for kernel threads and this recorder");
    verb.option("COMMAND", options->command, "A command to run and record, after --");
    verb.option("--nice", options->nice,
                "Where the recorder itself stands in the queue for a CPU [-20, first; what it was started "
                "with where that is not 0]")
        .is_within(-20, 19);
}

Result<LiveOptions> choose_targets(const TargetOptions& options, std::optional<Child>& child) {
    auto chosen = find_targets(options, child);
    if (chosen) chosen->nice = options.nice;
    return chosen;
}

} // namespace numadrift::cli
