#include "util/open_files.h"

#include <optional>
#include <sys/resource.h>

namespace numadrift {
namespace {

std::optional<rlimit> g_before;

} // namespace

void raise_open_files() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    if (!g_before) g_before = limit;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit); // if not, what cannot be opened tells
}

void restore_open_files_of(pid_t child) {
    if (g_before) ::prlimit(child, RLIMIT_NOFILE, &*g_before, nullptr); // it may have ended
}

} // namespace numadrift
