#include "util/privileges.h"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace numadrift {
namespace {

struct Sets { // of the calling thread, in the two words of version 3
    std::array<__user_cap_data_struct, 2> words{};

    bool get() {
        __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
        return ::syscall(SYS_capget, &head, words.data()) == 0;
    }
    bool set() {
        __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
        return ::syscall(SYS_capset, &head, words.data()) == 0;
    }
};

} // namespace

std::uint64_t effective_capabilities(const std::string& status) {
    const auto at = status.find("CapEff:");
    return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 7, nullptr, 16);
}

bool keep_only(std::uint64_t capabilities, bool may_execute) {
    Sets sets;
    if (!sets.get()) return false;
    for (std::size_t i = 0; i < sets.words.size(); ++i) {
        const auto kept = static_cast<std::uint32_t>(capabilities >> (32 * i));
        sets.words[i].effective &= kept;
        sets.words[i].permitted &= kept;
        sets.words[i].inheritable &= kept;
    }
    if (!sets.set()) return false;
    // Root gains all of them again by executing a program.
    return may_execute || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool is_file_of_others(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && status.st_uid != ::geteuid();
}

bool may_write_without_override(const std::string& directory) {
    Sets sets;
    if (!sets.get()) return false;
    Sets less = sets;
    less.words[0].effective &= ~static_cast<std::uint32_t>(mask_of({Capability::dac_override}));
    if (!less.set()) return false;
    const bool may = ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
    sets.set();
    return may;
}

} // namespace numadrift
