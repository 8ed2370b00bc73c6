// Control groups: which processes are in one, which one a process is in, and which container, pod or
// unit its path speaks of. Version 1, 2 and both at once. `root` stands before /proc and /sys.
#pragma once

#include "timeline/ids.h"
#include "util/result.h"

#include <optional>
#include <string>
#include <vector>

namespace numadrift::probe {

// The path of a process' cgroup, without the mount point: that of version 2 where it says something, else of
// a controller of version 1. Empty: the process is gone.
std::string cgroup_of(const std::string& root, Pid pid);

// What the cpuset of a process allows, as lists ("0-3,8"): the effective one, of the nearest cgroup above it
// that has one. Empty where there is none.
struct Cpuset {
    std::string cpus;
    std::string mems;
};
Cpuset cpuset_of(const std::string& root, Pid pid);

// Of a thread that is in another cgroup than its process: a threaded one of version 2 (vCPUs of a VM), or one
// of version 1. None: it is in its process' own, or gone.
std::optional<Cpuset> own_cpuset_of(const std::string& root, Pid pid, Tid tid);

// The directory of a cgroup that is given as people do: its directory, or its path in any hierarchy.
Result<std::string> cgroup_directory(const std::string& root, const std::string& path);

// The directory of the one container whose id or name begins so.
Result<std::string> container_directory(const std::string& root, const std::string& id);

// Processes of a cgroup and all below it, lowest id first; nothing once the cgroup is gone.
std::optional<std::vector<Pid>> processes_in(const std::string& directory);

// What a cgroup's path speaks of. Empty where it does not say.
struct CgroupName {
    std::string runtime;   // docker, containerd, crio, podman, lxc, systemd
    std::string container; // id, or name where the runtime uses names
    std::string pod;       // uid of the Kubernetes pod
    std::string unit;      // innermost systemd unit that is no slice: redis.service

    // "pod 0a1b…, containerd 0123456789ab", "docker 0123456789ab", "redis.service", or empty.
    std::string label() const;
};
CgroupName name_of_cgroup(const std::string& path);

} // namespace numadrift::probe
