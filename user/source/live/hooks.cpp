#include "source/live/hooks.h"

#include <algorithm>
#include <fmt/core.h>
#include <set>
#include <string_view>

namespace numadrift::live {
namespace {

// How the reason begins why a hook of another kernel's is not used.
constexpr std::string_view kHasNo = "this kernel has no";

// What the tracepoint path of a source cannot see, whatever is loaded.
std::string_view fallback_limits(std::string_view source) {
    if (source == "first_touch")
        return "not seen: pages mapped beside the one that faulted, MADV_POPULATE and mlock, "
               "pages written by another process, a thread's last page or one that is unmapped before "
               "its thread's next fault, code; the kind of memory";
    if (source == "hint_fault") return "not seen: where NUMA balancing wants the page";
    if (source == "page_move")
        return "not seen: moves by others than the process itself (kswapd, "
               "migratepages, another's NUMA balancing)";
    return {};
}

// Sources whose extras are all there is to them: on as soon as one is.
bool any_makes_it_on(std::string_view source) {
    return source == "numa_decision";
}

bool is_on_path(const Hook& hook, std::string_view source, Path path) {
    return hook.source == source && hook.path == path;
}

// Does every text in `covers` of this path have a program that can be used? Else why not: what
// kept the last one from being used that could have been the one for this kernel.
bool path_is_usable(std::string_view source, Path path, const Excluded& excluded, std::string& why) {
    std::map<std::string_view, bool> covered;
    for (const Hook& hook : hooks())
        if (is_on_path(hook, source, path)) covered[hook.covers] |= !excluded.contains(hook.program);
    for (const Hook& hook : hooks())
        if (is_on_path(hook, source, path) && !covered[hook.covers]) {
            const std::string& reason = excluded.at(hook.program);
            if (why.empty() || !reason.starts_with(kHasNo)) why = reason;
        }
    return !covered.empty() &&
           std::all_of(covered.begin(), covered.end(), [](const auto& entry) { return entry.second; });
}

void add_programs(std::string_view source, Path path, const Excluded& excluded, Choice& choice) {
    for (const Hook& hook : hooks())
        if (is_on_path(hook, source, path) && !excluded.contains(hook.program))
            choice.programs.push_back(&hook);
}

// "not seen: a, b" for the extras no program covers; empty if all are covered.
std::string uncovered_extras(std::string_view source, const Excluded& excluded) {
    std::map<std::string_view, bool> covered;
    for (const Hook& hook : hooks())
        if (is_on_path(hook, source, Path::extra) && *hook.covers)
            covered[hook.covers] |= !excluded.contains(hook.program);
    std::string missing;
    for (const auto& [what, is_covered] : covered)
        if (!is_covered) missing += fmt::format("{}{}", missing.empty() ? "not seen: " : ", ", what);
    return missing;
}

SourceState choose_source(const std::string& source, const Excluded& excluded, Choice& choice) {
    SourceState state{source, 1, {}, {}};
    std::string why;
    for (const Path path : {Path::core, Path::exact, Path::fallback}) {
        if (!path_is_usable(source, path, excluded, why)) continue;
        add_programs(source, path, excluded, choice);
        add_programs(source, Path::extra, excluded, choice);
        state.limits = uncovered_extras(source, excluded);
        if (path == Path::fallback) {
            if (!state.limits.empty()) state.limits += "; ";
            state.limits += fmt::format("tracepoints only; {}", fallback_limits(source));
            state.why = why;
        }
        return state;
    }
    if (any_makes_it_on(source)) {
        const auto before = choice.programs.size();
        add_programs(source, Path::extra, excluded, choice);
        if (choice.programs.size() > before) {
            state.limits = uncovered_extras(source, excluded);
            return state;
        }
        path_is_usable(source, Path::extra, excluded, why);
    }
    state.on = 0;
    state.why = why.empty() ? "this kernel has no hook for it" : why;
    return state;
}

} // namespace

// clang-format off
const std::vector<Hook>& hooks() {
    static const std::vector<Hook> kHooks = {
        {"on_fork", "tp_btf/sched_process_fork", "task", Path::core, "children"},
        {"on_wakeup_new", "tp_btf/sched_wakeup_new", "task", Path::core, "new threads"},
        {"on_exec", "tp_btf/sched_process_exec", "task", Path::core, "exec"},
        {"on_exit", "tp_btf/sched_process_exit", "task", Path::core, "ends of threads"},
        {"on_free", "tp_btf/sched_process_free", "task", Path::core, "final run times"},
        {"on_rename", "tp_btf/task_rename", "task", Path::extra, "renames at the moment they happen"},

        {"each_task", "iter/task", "runtime", Path::core, "run times of threads that do not move"},

        {"on_migrate", "tp_btf/sched_migrate_task", "cpu_move", Path::core, "moves"},
        {"on_hotplug", "tp_btf/cpuhp_enter", "cpu_move", Path::extra, "hotplug as a cause"},
        {"on_setaffinity", "fentry/__x64_sys_sched_setaffinity", "cpu_move", Path::extra,
         "who changed an affinity"},
        {"on_cpuset", "fentry/set_cpus_allowed_ptr", "cpu_move", Path::extra, "who changed a cpuset"},

        {"on_new_anon_page", "fentry/page_add_new_anon_rmap", "first_touch", Path::exact, "anonymous memory"},
        {"on_new_anon_folio", "fentry/folio_add_new_anon_rmap", "first_touch", Path::exact, "anonymous memory"},
        {"on_alloc_set_pte", "fexit/alloc_set_pte", "first_touch", Path::exact, "files and shared memory"},
        {"on_set_pte", "fentry/do_set_pte", "first_touch", Path::exact, "files and shared memory"},
        {"on_set_pte_range", "fentry/set_pte_range", "first_touch", Path::exact, "files and shared memory"},
        {"on_new_hugetlb_page", "fentry/hugepage_add_new_anon_rmap", "first_touch", Path::exact, "hugetlb"},
        {"on_new_hugetlb_folio", "fentry/hugetlb_add_new_anon_rmap", "first_touch", Path::exact, "hugetlb"},
        {"on_user_fault", "tp_btf/page_fault_user", "first_touch", Path::fallback, "user faults"},
        {"on_kernel_fault", "tp_btf/page_fault_kernel", "first_touch", Path::fallback, "faults in syscalls"},

        {"on_mpol_misplaced", "fexit/mpol_misplaced", "hint_fault", Path::exact, "nodes of hinted pages"},
        {"on_numa_fault", "fentry/task_numa_fault", "hint_fault", Path::exact, "hint faults"},
        {"on_user_fault", "tp_btf/page_fault_user", "hint_fault", Path::fallback, "user faults"},
        {"on_kernel_fault", "tp_btf/page_fault_kernel", "hint_fault", Path::fallback, "faults in syscalls"},

        {"on_move_numa", "tp_btf/sched_move_numa", "numa_decision", Path::extra, "moves"},
        {"on_swap_numa", "tp_btf/sched_swap_numa", "numa_decision", Path::extra, "swaps"},
        {"on_stick_numa", "tp_btf/sched_stick_numa", "numa_decision", Path::extra, "threads left where they are"},
        {"on_skip_vma", "tp_btf/sched_skip_vma_numa", "numa_decision", Path::extra, "skipped mappings"},
        {"on_skip_cpuset", "tp_btf/sched_skip_cpuset_numa", "numa_decision", Path::extra, "skips by cpuset"},

        {"on_put_back_page", "fentry/remove_migration_pte", "page_move", Path::exact, "moved pages", "page"},
        {"on_put_back_folio", "fentry/remove_migration_pte", "page_move", Path::exact, "moved pages", "folio"},
        {"on_put_back_pte", "tp_btf/remove_migration_pte", "page_move", Path::fallback, "moved pages"},
        {"on_migrate_flags", "fentry/folio_migrate_flags", "page_move", Path::extra, "the node pages came from"},
        {"on_migrate_states", "fentry/migrate_page_states", "page_move", Path::extra, "the node pages came from"},
        {"on_migrate_start", "tp_btf/mm_migrate_pages_start", "page_move", Path::extra, "why pages moved"},
        {"on_ksm_merge", "tp_btf/ksm_merge_with_ksm_page", "page_move", Path::extra, ""},

        {"each_walk", "iter/task", "page_walk", Path::exact, "pages by the page tables"},
        {"on_sample", "perf_event", "access_sample", Path::exact, "data addresses of running threads"},
        {"each_numa_faults", "iter/task", "kernel_faults", Path::exact, "what NUMA balancing has counted"},
        {"each_policy", "iter/task_vma", "policy", Path::exact, "memory policies of mappings"},
    };
    return kHooks;
}
// clang-format on

Excluded exclude_missing(const KernelBtf& kernel, const std::string& fentry_refused) {
    Excluded excluded;
    for (const Hook& hook : hooks()) {
        const std::string section = hook.section;
        const std::string type = section.substr(0, section.find('/'));
        const std::string name = type == section ? "" : section.substr(type.size() + 1);
        if (type == "perf_event") continue;
        if (type == "iter") {
            if (!kernel.function("bpf_iter_" + name))
                excluded[hook.program] = fmt::format("{} BPF iterator {}", kHasNo, name);
        } else if (type == "tp_btf") {
            if (!kernel.has_tracepoint(name))
                excluded[hook.program] = fmt::format("{} tracepoint {}", kHasNo, name);
        } else {
            const auto function = kernel.function(name);
            if (!function) excluded[hook.program] = fmt::format("{} function {}", kHasNo, name);
            else if (hook.first_parameter && function->first_parameter != hook.first_parameter)
                excluded[hook.program] =
                    fmt::format("{} of this kernel takes no {}", name, hook.first_parameter);
            else if (!fentry_refused.empty()) excluded[hook.program] = fentry_refused;
        }
    }
    return excluded;
}

Choice choose(const Excluded& excluded) {
    Choice choice;
    std::vector<std::string> sources;
    for (const Hook& hook : hooks())
        if (std::find(sources.begin(), sources.end(), hook.source) == sources.end())
            sources.emplace_back(hook.source);
    for (const auto& source : sources) choice.sources.push_back(choose_source(source, excluded, choice));
    for (const Hook& hook : hooks())
        if (hook.path == Path::core && excluded.contains(hook.program) && choice.core_missing.empty())
            choice.core_missing = fmt::format("{}: {}", hook.section, excluded.at(hook.program));
    return choice;
}

Choice choose_looks(const Excluded& excluded) {
    Choice choice;
    for (const char* source : {"runtime", "policy", "page_walk"}) // threads have policies too
        choice.sources.push_back(choose_source(source, excluded, choice));
    return choice;
}

} // namespace numadrift::live
