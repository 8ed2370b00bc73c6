// A survey of a process' residency at once: batches with pauses between them, so that nobody waits for long
// where asking takes its mmap lock.
#pragma once

#include "sampling/sampler.h"
#include "util/result.h"

#include <string>

namespace numadrift::sampling {

struct Survey {
    std::vector<Residency> rows;
    std::uint64_t mapped_bytes = 0; // of mappings that can hold memory
    std::uint64_t resident_bytes = 0;
    std::uint64_t pages_asked = 0;
    std::uint64_t query_ns = 0;
    std::uint64_t longest_query_ns = 0;
    std::uint64_t took_ns = 0;
};

// What a survey of the process will ask for; looking where it is populated is paid from the query's budget.
ResidencySurvey begin_survey(const SamplerOptions& options, Pid pid, const Mappings& mappings,
                             std::uint64_t seed, PageQuery& query);

// Error: the process is gone, or may not be asked about.
Result<Survey> survey_process(const SamplerOptions& options, Pid pid);

// What the kernel counts as resident, hugetlb too, in pages of 4 KiB; 0 where it cannot be told.
std::uint64_t resident_pages(const std::string& root, Pid pid);

} // namespace numadrift::sampling
