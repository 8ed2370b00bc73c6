// Capabilities of this process: which it has, and giving them up.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace numadrift {

// Numbers of include/uapi/linux/capability.h.
enum class Capability : unsigned {
    dac_override = 1,    // write where the user may not
    fowner = 3,          // change the mode of files of others
    dac_read_search = 2, // read where the user may not
    sys_ptrace = 19,     // look into processes of others
    sys_admin = 21,      // much; here: BPF run-time statistics
    sys_nice = 23,       // be first in the queue for a CPU
    perfmon = 38,        // attach BPF programs
    bpf = 39,            // load them
};

// A mask of effective capabilities, from the line of /proc/PID/status.
std::uint64_t effective_capabilities(const std::string& status);

constexpr std::uint64_t mask_of(std::initializer_list<Capability> capabilities) {
    std::uint64_t mask = 0;
    for (const Capability one : capabilities) mask |= std::uint64_t{1} << static_cast<unsigned>(one);
    return mask;
}

// Keeps no other capability than these, in the calling thread and those it starts from now on, and lets no
// program it executes gain any. False where the kernel refuses; nothing has changed then.
bool keep_only(std::uint64_t capabilities, bool may_execute);

// A file that is there, and belongs to another user.
bool is_file_of_others(const std::string& path);

// Could this user create files there without CAP_DAC_OVERRIDE?
bool may_write_without_override(const std::string& directory);

} // namespace numadrift
