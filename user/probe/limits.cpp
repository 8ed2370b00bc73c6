#include "probe/limits.h"

#include "probe/process.h"
#include "util/file.h"

#include <cstdlib>
#include <fmt/core.h>

namespace numadrift::probe {

std::optional<Allowed> read_allowed(const std::string& root, Pid pid, Tid tid) {
    const auto status = read_file(fmt::format("{}/proc/{}/task/{}/status", root, raw(pid), raw(tid)));
    if (!status) return std::nullopt;
    return Allowed{status_field(*status, "Cpus_allowed_list"), status_field(*status, "Mems_allowed_list")};
}

std::uint64_t pinned_bytes(const std::string& root, Pid pid) {
    const auto status = read_file(fmt::format("{}/proc/{}/status", root, raw(pid)));
    return status ? std::strtoull(status_field(*status, "VmPin").c_str(), nullptr, 10) * 1024 : 0; // "32 kB"
}

} // namespace numadrift::probe
