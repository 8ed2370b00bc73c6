// What this host is and what this process may do on it: name, kernel, NUMA balancing, privileges,
// BTF. `root` stands before /proc and /sys, so that tests feed trees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace numadrift::probe {

struct Host {
    std::string name;
    std::string kernel;      // uname -r
    std::string firmware;    // vendor, version and date as DMI has them; empty: it has none
    int numa_balancing = -1; // the sysctl; -1: this kernel has none
    bool has_btf = false;    // /sys/kernel/btf/vmlinux can be read
    bool in_host_pid_namespace = true;
    std::vector<std::string> missing_capabilities; // of those that tracing needs
    std::vector<std::string> wanted_capabilities;  // that are missing too: which, and what is lost
};

Host read_host(const std::string& root);

// What the kernel keeps from root: "none", "integrity", "confidentiality"; empty: it does not say.
std::string read_lockdown(const std::string& root);

} // namespace numadrift::probe
