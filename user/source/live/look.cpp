#include "source/live/look.h"

#include "source/live/programs.h"
#include "util/lists.h"
#include "util/policy.h"

namespace numadrift::live {

std::vector<sampling::PolicyRange> policy_ranges(const Programs& programs, Pid pid) {
    std::vector<sampling::PolicyRange> ranges;
    if (const auto rows = programs.policies(pid))
        for (const nd_vma_row& row : *rows) {
            const std::string policy = policy_text(row.policy, list_text(bits_of(row.policy_nodes)));
            ranges.push_back({row.begin, row.end, row.shared != 0 ? policy + " (object)" : policy});
        }
    return ranges;
}

sampling::SamplerOptions sampler_options(Programs& programs, const std::string& root) {
    sampling::SamplerOptions options;
    options.root = root;
    options.policies = [&programs](Pid pid) { return policy_ranges(programs, pid); };
    if (!programs.walk().is_on()) return options;
    options.learned = [&programs](const nd_recipe_key& key, const nd_recipe& recipe) {
        programs.learn(key, recipe);
    };
    options.ask = [&programs](Pid pid, std::span<const std::uint64_t> addresses, std::span<int> status) {
        return programs.walk().ask(pid, addresses, status);
    };
    options.populated = [&programs](Pid pid, const sampling::AddressRange& range) {
        return programs.walk().populated(pid, range);
    };
    options.pinned = [&programs] { return programs.walk().pinned(); };
    return options;
}

Look::Look(std::unique_ptr<Programs> programs) : programs_(std::move(programs)) {}
Look::~Look() = default;

Result<std::unique_ptr<Look>> Look::at(const std::vector<Pid>& pids) {
    ProgramOptions options;
    options.looks_only = true;
    options.pfn_ranges = pfn_ranges({});
    auto programs = Programs::attach(options);
    if (!programs) return programs.error();
    std::unique_ptr<Look> look(new Look(*std::move(programs)));
    for (const Pid pid : pids) look->programs_->targets()[raw(pid) % ND_MAX_PIDS] = 1;
    auto& policies = look->policies_;
    for (const nd_task_row& row : look->programs_->tasks())
        policies[Pid{row.pid}].threads[Tid{row.tid}] =
            policy_text(row.policy, list_text(bits_of(row.policy_nodes)));
    for (const Pid pid : pids) {
        policies[pid].mappings = policy_ranges(*look->programs_, pid);
        for (const SourceState& state : look->programs_->sources())
            if (state.source == "policy" && !state.on) policies[pid].unknown = state.why;
    }
    return look;
}

// Policies have been looked at already.
sampling::SamplerOptions Look::options() const {
    auto options = sampler_options(*programs_, {});
    options.policies = [this](Pid pid) {
        const auto known = policies_.find(pid);
        return known == policies_.end() ? std::vector<sampling::PolicyRange>{} : known->second.mappings;
    };
    return options;
}

} // namespace numadrift::live
