#include "source/live/hooks.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace numadrift;
using namespace numadrift::live;

namespace {

// Every program that starts with one of these cannot be had.
Excluded without(const std::vector<std::string>& sections) {
    Excluded excluded;
    for (const Hook& hook : hooks())
        for (const auto& section : sections)
            if (std::string(hook.section).starts_with(section)) excluded[hook.program] = "no " + section;
    return excluded;
}

const SourceState& state(const Choice& choice, const std::string& source) {
    return *std::find_if(choice.sources.begin(), choice.sources.end(),
                         [&](const SourceState& candidate) { return candidate.source == source; });
}

bool loads(const Choice& choice, const std::string& program) {
    return std::any_of(choice.programs.begin(), choice.programs.end(),
                       [&](const Hook* hook) { return hook->program == program; });
}

} // namespace

TEST_CASE("where fentry can be had, the exact path is taken and the fallback is not loaded") {
    const auto choice = choose({});
    CHECK(state(choice, "first_touch").on == 1);
    CHECK(state(choice, "first_touch").limits.empty());
    CHECK(loads(choice, "on_new_anon_folio"));
    CHECK_FALSE(loads(choice, "on_user_fault"));
    CHECK_FALSE(loads(choice, "on_put_back_pte"));
}

TEST_CASE("where fentry is refused, tracepoints take over and say what they cannot see") {
    const auto choice = choose(without({"fentry/", "fexit/"}));
    CHECK(choice.core_missing.empty());
    CHECK(loads(choice, "on_user_fault"));
    CHECK_FALSE(loads(choice, "on_new_anon_folio"));
    CHECK(state(choice, "first_touch").limits.find("MADV_POPULATE") != std::string::npos);
    CHECK(state(choice, "hint_fault").on == 1);
    CHECK(state(choice, "hint_fault").why == "no fentry/");
    CHECK(state(choice, "cpu_move").on == 1);
}

TEST_CASE("without the walk of page tables, tracepoints tell nothing of pages") {
    Excluded excluded = without({"fentry/", "fexit/"});
    for (const char* program : {"each_walk", "on_user_fault", "on_kernel_fault"})
        excluded[program] = "no walk";
    const auto choice = choose(excluded);
    for (const char* source : {"first_touch", "hint_fault"}) {
        CHECK(state(choice, source).on == 0);
        CHECK(state(choice, source).why == "no walk");
    }
    CHECK(state(choice, "cpu_move").on == 1);
}

TEST_CASE("one part of the exact path missing is the whole of it missing: no page counted twice") {
    const auto choice = choose({{"on_new_hugetlb_page", "no"}, {"on_new_hugetlb_folio", "refused"}});
    CHECK_FALSE(loads(choice, "on_new_anon_folio"));
    CHECK(loads(choice, "on_user_fault"));
    CHECK(state(choice, "first_touch").why == "refused");
}

TEST_CASE("without the core there is no recording, and the reason is said") {
    const auto choice = choose({{"on_migrate", "this kernel has no tracepoint sched_migrate_task"}});
    CHECK(choice.core_missing.find("sched_migrate_task") != std::string::npos);
}

TEST_CASE("an extra that is missing narrows its source and leaves it on") {
    const auto choice = choose({{"on_setaffinity", "no"}});
    CHECK(state(choice, "cpu_move").on == 1);
    CHECK(state(choice, "cpu_move").limits == "not seen: who changed an affinity");
}

TEST_CASE("a program is in the catalogue once for each source") {
    std::vector<std::string> names;
    for (const Hook& hook : hooks()) names.push_back(fmt::format("{} for {}", hook.program, hook.source));
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
