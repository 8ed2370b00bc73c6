// Which processes a verb is about: -p, --comm, --cgroup, --container, -a, or a command to start.
#pragma once

#include "cli/child.h"
#include "cli/options.h"
#include "source/live/live.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace numadrift::cli {

struct TargetOptions {
    std::vector<std::uint32_t> pids;
    std::string comm;
    std::string cgroup;
    std::string container;
    bool all = false;
    std::vector<std::string> command;
    std::string user; // of the command
    bool command_prints_to_stderr = false;
    bool no_children = false;
    std::optional<int> nice;
};

void add_target_options(Verb& verb, const std::shared_ptr<TargetOptions>& options);

// The targets there are, and how they are found again. A command is started for it, but held.
Result<LiveOptions> choose_targets(const TargetOptions& options, std::optional<Child>& child);

} // namespace numadrift::cli
