#include "probe/process.h"

#include "util/file.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fmt/core.h>
#include <fnmatch.h>
#include <map>
#include <set>
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

std::uint32_t number_field(const std::string& status, std::string_view name) {
    return static_cast<std::uint32_t>(std::strtoul(status_field(status, name).c_str(), nullptr, 10));
}

} // namespace

std::string status_field(const std::string& status, std::string_view name) {
    const auto at = status.find(fmt::format("\n{}:", name));
    if (at == std::string::npos) return {};
    const auto begin = status.find_first_not_of(" \t", at + name.size() + 2);
    const auto end = status.find('\n', begin);
    return begin == std::string::npos || end == std::string::npos ? "" : status.substr(begin, end - begin);
}

Status check_process(const std::string& root, Pid pid) {
    const auto status = read_file(fmt::format("{}/proc/{}/status", root, raw(pid)));
    if (!status)
        return Error{fmt::format("no process {}", raw(pid)), "has it ended, or restarted under another id?"};
    constexpr std::uint32_t kThreadd = 2; // the parent of all kernel threads
    const bool is_of_kernel = raw(pid) == kThreadd || number_field(*status, "PPid") == kThreadd;
    if (is_of_kernel && status_field(*status, "VmSize").empty())
        return Error{fmt::format("process {} is a kernel thread: it has no memory of its own", raw(pid)),
                     "name the process whose work it does"};
    const std::uint32_t owner = number_field(*status, "Tgid");
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
        if (status && !status_field(*status, "VmSize").empty()) found.push_back(Pid{number});
    }
    return found;
}

std::vector<Pid> descendants_of(const std::string& root, const std::vector<Pid>& roots) {
    std::multimap<std::uint32_t, std::uint32_t> children;
    for (const std::uint32_t number : numbers_in(root + "/proc")) {
        const auto status = read_file(fmt::format("{}/proc/{}/status", root, number));
        if (status) children.emplace(number_field(*status, "PPid"), number);
    }
    std::set<std::uint32_t> below; // roots too
    std::vector<std::uint32_t> left;
    left.reserve(roots.size());
    for (const Pid pid : roots) left.push_back(raw(pid));
    while (!left.empty()) {
        const std::uint32_t parent = left.back();
        left.pop_back();
        if (parent == static_cast<std::uint32_t>(::getpid()) || !below.insert(parent).second) continue;
        for (auto [child, end] = children.equal_range(parent); child != end; ++child)
            left.push_back(child->second);
    }
    for (const Pid pid : roots) below.erase(raw(pid));
    std::vector<Pid> found;
    found.reserve(below.size());
    for (const std::uint32_t number : below) found.push_back(Pid{number});
    return found;
}

std::vector<Tid> threads_of(const std::string& root, Pid pid) {
    std::vector<Tid> threads;
    for (const std::uint32_t number : numbers_in(fmt::format("{}/proc/{}/task", root, raw(pid))))
        threads.push_back(Tid{number});
    return threads;
}

} // namespace numadrift::probe
