#include "sampling/survey.h"

#include "util/file.h"

#include <chrono>
#include <fmt/core.h>
#include <thread>

namespace numadrift::sampling {
namespace {

constexpr auto kPause = std::chrono::milliseconds(1);
constexpr std::uint64_t kPageBytes = 4096;

} // namespace

std::uint64_t resident_pages(const std::string& root, Pid pid) {
    const auto status = read_file(fmt::format("{}/proc/{}/status", root, raw(pid)));
    if (!status) return 0;
    std::uint64_t kib = 0;
    for (const std::string_view name : {"\nVmRSS:", "\nHugetlbPages:"}) // RSS leaves hugetlb out
        if (const auto at = status->find(name); at != std::string::npos)
            kib += std::strtoull(status->c_str() + at + name.size(), nullptr, 10);
    return kib / 4;
}

ResidencySurvey begin_survey(const SamplerOptions& options, Pid pid, const Mappings& mappings,
                             std::uint64_t seed, PageQuery& query) {
    Populated populated;
    if (options.populated)
        populated = [&](const AddressRange& range) { return options.populated(pid, range); };
    const auto policies = options.policies ? options.policies(pid) : std::vector<PolicyRange>{};
    const PageQuery::Spent begin = query.now();
    ResidencySurvey survey(mappings, policies, seed, populated);
    query.charge_since(begin);
    return survey;
}

Result<Survey> survey_process(const SamplerOptions& options, Pid pid) {
    const auto begin = std::chrono::steady_clock::now();
    const auto text = read_file(fmt::format("{}/proc/{}/maps", options.root, raw(pid)));
    if (!text) return text.error();
    const Mappings mappings = Mappings::parse(*text);
    Survey survey;
    for (const Mapping& mapping : mappings.all())
        if (mapping.kind != MappingKind::none) survey.mapped_bytes += mapping.end - mapping.begin;
    PageQuery query = options.ask ? PageQuery(options.ask) : PageQuery();
    ResidencySurvey plan = begin_survey(options, pid, mappings, raw(pid), query);
    for (;;) {
        const std::size_t most = query.allowance();
        if (most > 0) {
            const auto addresses = plan.next(most);
            if (addresses.empty()) break;
            const auto nodes = query.ask(pid, addresses);
            if (!nodes)
                return Error{fmt::format("cannot ask where the memory of process {} is", raw(pid)),
                             "has it ended? else: move_pages(2) needs CAP_SYS_PTRACE for it"};
            plan.absorb(*nodes, options.pinned ? options.pinned() : std::vector<bool>());
        }
        std::this_thread::sleep_for(kPause);
    }
    const std::uint64_t resident = resident_pages(options.root, pid);
    survey.rows = plan.result(resident);
    survey.resident_bytes = resident * kPageBytes;
    survey.pages_asked = query.pages();
    survey.query_ns = query.spent_ns();
    survey.longest_query_ns = query.longest_ns();
    survey.took_ns = static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begin).count());
    return survey;
}

} // namespace numadrift::sampling
