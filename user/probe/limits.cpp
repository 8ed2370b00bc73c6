#include "probe/limits.h"

#include "util/file.h"

#include <cstdlib>
#include <fmt/core.h>
#include <string_view>

namespace numadrift::probe {
namespace {

std::string field_of(const std::string& status, std::string_view name) {
    const auto at = status.find(fmt::format("\n{}:", name));
    if (at == std::string::npos) return {};
    const auto begin = status.find_first_not_of(" \t", at + name.size() + 2);
    const auto end = status.find('\n', begin);
    return begin == std::string::npos || end == std::string::npos ? "" : status.substr(begin, end - begin);
}

} // namespace

std::optional<Allowed> read_allowed(const std::string& root, Pid pid, Tid tid) {
    const auto status = read_file(fmt::format("{}/proc/{}/task/{}/status", root, raw(pid), raw(tid)));
    if (!status) return std::nullopt;
    return Allowed{field_of(*status, "Cpus_allowed_list"), field_of(*status, "Mems_allowed_list")};
}

std::uint64_t pinned_bytes(const std::string& root, Pid pid) {
    const auto status = read_file(fmt::format("{}/proc/{}/status", root, raw(pid)));
    return status ? std::strtoull(field_of(*status, "VmPin").c_str(), nullptr, 10) * 1024 : 0; // "32 kB"
}

} // namespace numadrift::probe
