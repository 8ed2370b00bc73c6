#include "source/live/policies.h"

#include "source/live/memory_watch.h"
#include "source/live/programs.h"
#include "util/lists.h"
#include "util/policy.h"

namespace numadrift::live {

Result<std::map<Pid, ProcessPolicies>> look_at_policies(const std::vector<Pid>& pids) {
    ProgramOptions options;
    options.policies_only = true;
    const auto programs = Programs::attach(options);
    if (!programs) return programs.error();
    for (const Pid pid : pids) (*programs)->targets()[raw(pid) % ND_MAX_PIDS] = 1;
    std::map<Pid, ProcessPolicies> result;
    for (const nd_task_row& row : (*programs)->tasks())
        result[Pid{row.pid}].threads[Tid{row.tid}] =
            policy_text(row.policy, list_text(bits_of(row.policy_nodes)));
    for (const Pid pid : pids) {
        result[pid].mappings = policy_ranges(**programs, pid);
        for (const SourceState& state : (*programs)->sources())
            if (state.source == "policy" && !state.on) result[pid].unknown = state.why;
    }
    return result;
}

} // namespace numadrift::live
