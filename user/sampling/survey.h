// A survey of a process' residency at once: batches with pauses between them, so that nobody waits
// for its mmap lock for long.
#pragma once

#include "sampling/page_query.h"
#include "sampling/residency.h"

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

// `root` stands before /proc. Error: the process is gone, or may not be asked about.
Result<Survey> survey_process(const std::string& root, Pid pid, const std::vector<PolicyRange>& policies);

// What the kernel counts as resident, hugetlb too, in pages of 4 KiB; 0 where it cannot be told.
std::uint64_t resident_pages(const std::string& root, Pid pid);

} // namespace numadrift::sampling
