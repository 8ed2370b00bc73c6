#include "probe/host.h"

#include "util/file.h"
#include "util/privileges.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/utsname.h>

namespace numadrift::probe {
namespace {

// include/linux/proc_ns.h: PROC_PID_INIT_INO, the first pid namespace.
constexpr std::string_view kInitPidNamespace = "pid:[4026531836]";

bool has(std::uint64_t effective, Capability capability) {
    return (effective & mask_of({capability})) != 0;
}

// CAP_SYS_ADMIN stands for the two that were made of it.
std::vector<std::string> missing_capabilities(std::uint64_t effective) {
    std::vector<std::string> missing;
    if (has(effective, Capability::sys_admin)) return missing;
    if (!has(effective, Capability::bpf)) missing.emplace_back("CAP_BPF");
    if (!has(effective, Capability::perfmon)) missing.emplace_back("CAP_PERFMON");
    return missing;
}

std::vector<std::string> wanted_capabilities(std::uint64_t effective) {
    std::vector<std::string> wanted;
    if (!has(effective, Capability::sys_ptrace))
        wanted.emplace_back("CAP_SYS_PTRACE: where the memory of other users' processes is stays unknown");
    if (!has(effective, Capability::sys_admin))
        wanted.emplace_back("CAP_SYS_ADMIN: what the programs cost is not measured, --budget not kept");
    if (!has(effective, Capability::sys_nice))
        wanted.emplace_back("CAP_SYS_NICE: where CPUs are scarce, the recorder waits for its turn");
    return wanted;
}

} // namespace

// "none [integrity] confidentiality"
std::string read_lockdown(const std::string& root) {
    const std::string text = read_line(root + "/sys/kernel/security/lockdown");
    const auto open = text.find('[');
    const auto close = text.find(']');
    return open < close && close != std::string::npos ? text.substr(open + 1, close - open - 1) : "";
}

Host read_host(const std::string& root) {
    Host host;
    utsname names{};
    if (::uname(&names) == 0) {
        host.name = names.nodename;
        host.kernel = names.release;
    }
    for (const char* part : {"bios_vendor", "bios_version", "bios_date"})
        if (const std::string word = read_line(root + "/sys/class/dmi/id/" + part); !word.empty())
            host.firmware += (host.firmware.empty() ? "" : " ") + word;
    const std::string balancing = read_line(root + "/proc/sys/kernel/numa_balancing");
    if (!balancing.empty()) host.numa_balancing = std::atoi(balancing.c_str());
    host.has_btf =
        static_cast<bool>(Fd(::open((root + "/sys/kernel/btf/vmlinux").c_str(), O_RDONLY | O_CLOEXEC)));
    std::error_code error;
    const auto space = std::filesystem::read_symlink(root + "/proc/self/ns/pid", error);
    host.in_host_pid_namespace = error || space.string() == kInitPidNamespace;
    if (const auto status = read_file(root + "/proc/self/status")) {
        const std::uint64_t effective = effective_capabilities(*status);
        host.missing_capabilities = missing_capabilities(effective);
        host.wanted_capabilities = wanted_capabilities(effective);
    }
    return host;
}

} // namespace numadrift::probe
