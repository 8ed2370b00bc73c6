#include "probe/host.h"

#include "util/file.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/utsname.h>

namespace numadrift::probe {
namespace {

// include/uapi/linux/capability.h
constexpr unsigned kCapSysAdmin = 21;
constexpr unsigned kCapPerfmon = 38;
constexpr unsigned kCapBpf = 39;

// include/linux/proc_ns.h: PROC_PID_INIT_INO, the first pid namespace.
constexpr std::string_view kInitPidNamespace = "pid:[4026531836]";

std::vector<std::string> missing_capabilities(const std::string& root) {
    const auto status = read_file(root + "/proc/self/status");
    if (!status) return {};
    const auto at = status->find("CapEff:");
    if (at == std::string::npos) return {};
    const std::uint64_t effective = std::strtoull(status->c_str() + at + 7, nullptr, 16);
    const auto has = [effective](unsigned capability) { return effective >> capability & 1; };
    if (has(kCapSysAdmin)) return {};
    std::vector<std::string> missing;
    if (!has(kCapBpf)) missing.emplace_back("CAP_BPF");
    if (!has(kCapPerfmon)) missing.emplace_back("CAP_PERFMON");
    return missing;
}

// "none [integrity] confidentiality"
std::string lockdown_mode(const std::string& text) {
    const auto open = text.find('[');
    const auto close = text.find(']');
    return open < close && close != std::string::npos ? text.substr(open + 1, close - open - 1) : "";
}

} // namespace

Host read_host(const std::string& root) {
    Host host;
    utsname names{};
    if (::uname(&names) == 0) {
        host.name = names.nodename;
        host.kernel = names.release;
    }
    const std::string balancing = read_line(root + "/proc/sys/kernel/numa_balancing");
    if (!balancing.empty()) host.numa_balancing = std::atoi(balancing.c_str());
    host.has_btf =
        static_cast<bool>(Fd(::open((root + "/sys/kernel/btf/vmlinux").c_str(), O_RDONLY | O_CLOEXEC)));
    std::error_code error;
    const auto space = std::filesystem::read_symlink(root + "/proc/self/ns/pid", error);
    host.in_host_pid_namespace = error || space.string() == kInitPidNamespace;
    host.lockdown = lockdown_mode(read_line(root + "/sys/kernel/security/lockdown"));
    host.missing_capabilities = missing_capabilities(root);
    return host;
}

} // namespace numadrift::probe
