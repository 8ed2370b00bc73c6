// What the kernel side tells of running processes without recording anything: memory policies, and where
// pages are by the page tables.
#pragma once

#include "sampling/sampler.h"
#include "timeline/ids.h"
#include "util/result.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace numadrift::live {

class Programs;

struct ProcessPolicies {
    std::vector<sampling::PolicyRange> mappings; // those with a policy other than the default
    std::map<Tid, std::string> threads;          // their own policy, in words
    std::string unknown;                         // why policies of mappings are not known; empty if they are
};

// The policies of a process' mappings in words, "(object)" where it is the shared memory object's;
// empty where the kernel cannot tell them.
std::vector<sampling::PolicyRange> policy_ranges(const Programs& programs, Pid pid);

// How samples of running processes and surveys of them learn where pages are.
sampling::SamplerOptions sampler_options(Programs& programs, const std::string& root);

class Look {
public:
    // Error: BPF programs cannot be loaded here.
    static Result<std::unique_ptr<Look>> at(const std::vector<Pid>& pids);
    ~Look();

    const ProcessPolicies& policies(Pid pid) { return policies_[pid]; }

    // For surveys of these processes; by move_pages(2) where page tables cannot be walked.
    sampling::SamplerOptions options() const;

private:
    explicit Look(std::unique_ptr<Programs> programs);

    std::unique_ptr<Programs> programs_;
    std::map<Pid, ProcessPolicies> policies_;
};

} // namespace numadrift::live
