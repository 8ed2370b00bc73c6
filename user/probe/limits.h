// Where a thread may run and allocate, as procfs and the kernel's policies tell.
#pragma once

#include "timeline/ids.h"
#include "util/result.h"

#include <cstdint>
#include <optional>
#include <string>

namespace numadrift::probe {

struct Allowed {
    std::string cpus; // Cpus_allowed_list: "0-3,8"
    std::string mems; // Mems_allowed_list
};

// None: the thread is gone.
std::optional<Allowed> read_allowed(const std::string& root, Pid pid, Tid tid);

} // namespace numadrift::probe
