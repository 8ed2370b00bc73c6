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

Result<LiveOptions> of_command(const TargetOptions& options, std::optional<Child>& child) {
    Child::Options how;
    how.prints_to_stderr = options.command_prints_to_stderr;
    if (!options.user.empty()) {
        const auto found = find_identity({}, options.user);
        if (!found) return found.error();
        how.identity = *found;
    }
    auto spawned = Child::spawn(options.command, how);
    if (!spawned) return spawned.error();
    child.emplace(*std::move(spawned));
    LiveOptions live;
    live.targets = {Pid{static_cast<std::uint32_t>(child->pid())}};
    live.how = fmt::format("{}", fmt::join(options.command, " "));
    return live;
}

// The processes and, unless they are to stay alone, all that live below them.
Result<LiveOptions> of_pids(const std::vector<std::uint32_t>& numbers, bool with_children) {
    LiveOptions live;
    for (const std::uint32_t number : numbers) {
        live.targets.push_back(Pid{number});
        if (auto status = probe::check_process({}, live.targets.back()); !status) return status.error();
    }
    live.how = fmt::format("-p {}", fmt::join(numbers, ","));
    if (!with_children) return live;
    live.find = [roots = live.targets] { return std::optional(probe::descendants_of({}, roots)); };
    const std::vector<Pid> below = *live.find();
    live.targets.insert(live.targets.end(), below.begin(), below.end());
    if (!below.empty())
        live.how += below.size() == 1 ? " and 1 child" : fmt::format(" and {} children", below.size());
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
    if (!options.user.empty() && options.command.empty())
        return Error{"-u says as whom a command runs, and there is none", "add -- COMMAND ARG…", true};
    if (!options.command.empty()) return of_command(options, child);
    if (!options.comm.empty()) return of_comm(options.comm);
    if (!options.cgroup.empty())
        return of_cgroup("--cgroup " + options.cgroup, probe::cgroup_directory({}, options.cgroup));
    if (!options.container.empty())
        return of_cgroup("--container " + options.container,
                         probe::container_directory({}, options.container));
    if (options.all) {
        LiveOptions live;
        live.how = "-a";
        live.find = [] { return std::optional(probe::find_all({})); };
        live.targets = *live.find();
        return live;
    }
    return of_pids(options.pids, !options.no_children);
}

} // namespace

void add_target_options(Verb& verb, const std::shared_ptr<TargetOptions>& options) {
    verb.option("-p,--pid", options->pids, "Processes to record, each with those that live below it")
        .takes_lists();
    verb.flag("--no-children", options->no_children,
              "Leave out the processes below, and those that are born while it records");
    verb.option("--comm", options->comm, "Processes whose name matches a shell pattern");
    verb.option("--cgroup", options->cgroup,
                "Processes of a control group and all below it, and those that join later");
    verb.option("--container", options->container, "The same, of the container whose id begins so");
    verb.flag("-a,--all", options->all, "The whole host, but for kernel threads and this recorder");
    verb.option("COMMAND", options->command, "A command to run and record, after --");
    verb.option("-u,--run-as", options->user, "Whose rights the command gets: a name, UID or UID:GID");
    verb.option("--nice", options->nice,
                "Where the recorder itself stands in the queue for a CPU [-20, first; what it was started "
                "with where that is not 0]")
        .is_within(-20, 19);
}

Result<LiveOptions> choose_targets(const TargetOptions& options, std::optional<Child>& child) {
    auto chosen = find_targets(options, child);
    if (chosen) {
        chosen->nice = options.nice;
        chosen->follows_children = !options.no_children;
    }
    return chosen;
}

} // namespace numadrift::cli
