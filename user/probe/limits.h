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

// Of a process' memory, what devices, RDMA or io_uring have pinned for long: mm->pinned_vm, VmPin of its
// status (fs/proc/task_mmu.c: task_mem(), 5.10 to 7.2), which takes no lock. 0 too where the process is gone.
std::uint64_t pinned_bytes(const std::string& root, Pid pid);

} // namespace numadrift::probe
