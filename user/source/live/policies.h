// Memory policies of a running process, looked up once without recording anything.
#pragma once

#include "sampling/residency.h"
#include "timeline/ids.h"
#include "util/result.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace numadrift::live {

struct ProcessPolicies {
    std::vector<sampling::PolicyRange> mappings; // those with a policy other than the default
    std::map<Tid, std::string> threads;          // their own policy, in words
    std::string unknown;                         // why policies of mappings are not known; empty if they are
};

// Error: BPF programs cannot be loaded here.
Result<std::map<Pid, ProcessPolicies>> look_at_policies(const std::vector<Pid>& pids);

} // namespace numadrift::live
