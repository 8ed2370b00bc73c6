#include "probe/process.h"

#include "util/file.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/core.h>
#include <fnmatch.h>
#include <unistd.h>

namespace numadrift::probe {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint32_t> numbers_in(const std::string& directory) {
    std::vector<std::uint32_t> numbers;
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename().string();
        std::uint32_t number = 0;
        const auto result = std::from_chars(name.data(), name.data() + name.size(), number);
        if (result.ec == std::errc() && result.ptr == name.data() + name.size()) numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

} // namespace

Status check_process(const std::string& root, Pid pid) {
    const auto status = read_file(fmt::format("{}/proc/{}/status", root, raw(pid)));
    if (!status)
        return Error{fmt::format("no process {}", raw(pid)), "has it ended, or restarted under another id?"};
    const auto at = status->find("\nTgid:");
    const unsigned long owner =
        at == std::string::npos ? 0 : std::strtoul(status->c_str() + at + 6, nullptr, 10);
    if (owner != 0 && owner != raw(pid))
        return Error{fmt::format("{} is a thread of process {}", raw(pid), owner),
                     fmt::format("record the whole process: -p {}", owner)};
    return Done{};
}

std::vector<Pid> find_by_comm(const std::string& root, const std::string& pattern) {
    std::vector<Pid> found;
    for (const std::uint32_t number : numbers_in(root + "/proc")) {
        if (number == static_cast<std::uint32_t>(::getpid())) continue;
        const auto comm = read_file(fmt::format("{}/proc/{}/comm", root, number));
        if (!comm || comm->empty()) continue;
        const std::string name = comm->substr(0, comm->size() - 1); // without the newline
        if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) found.push_back(Pid{number});
    }
    return found;
}

std::vector<Pid> find_all(const std::string& root) {
    std::vector<Pid> found;
    for (const std::uint32_t number : numbers_in(root + "/proc")) {
        if (number == static_cast<std::uint32_t>(::getpid())) continue;
        // Kernel threads have no memory of their own: no line of it.
        const auto status = read_file(fmt::format("{}/proc/{}/status", root, number));
        if (status && status->find("\nVmSize:") != std::string::npos) found.push_back(Pid{number});
    }
    return found;
}

std::vector<Tid> threads_of(const std::string& root, Pid pid) {
    std::vector<Tid> threads;
    for (const std::uint32_t number : numbers_in(fmt::format("{}/proc/{}/task", root, raw(pid))))
        threads.push_back(Tid{number});
    return threads;
}

} // namespace numadrift::probe
