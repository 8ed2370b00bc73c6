#include "source/live/permitted.h"

#include "util/privileges.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace numadrift::live {

Status check_permitted(const probe::Host& host) {
    if (!host.missing_capabilities.empty()) {
        return Error{
            fmt::format("not permitted to trace: {} missing", fmt::join(host.missing_capabilities, ", ")),
            "run as root, or grant these to numadrift with setcap"};
    }
    if (!host.has_btf)
        return Error{fmt::format("kernel {} has no readable /sys/kernel/btf/vmlinux", host.kernel),
                     "numadrift needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (all current "
                     "distributions)"};
    if (!host.in_host_pid_namespace)
        return Error{"numadrift runs in a pid namespace of its own and cannot name the host's processes",
                     "start the container with the host's pid namespace (hostPID: true, --pid=host)"};
    return Done{};
}

std::unique_ptr<RaisedPriority> take_priority(std::optional<int> nice) {
    constexpr int kFirst = -20;
    const int own = RaisedPriority::now();
    return std::make_unique<RaisedPriority>(nice.value_or(own == 0 ? kFirst : own));
}

void give_up_privileges(bool keeps_override, bool executes) {
    std::uint64_t kept = mask_of({Capability::bpf, Capability::perfmon, Capability::sys_ptrace,
                                  Capability::sys_admin, Capability::dac_read_search});
    if (keeps_override) kept |= mask_of({Capability::dac_override, Capability::fowner});
    keep_only(kept, executes); // as well if not
}

} // namespace numadrift::live
