#include "probe/cgroup.h"

#include "util/file.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <regex>
#include <sstream>

namespace numadrift::probe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMount = "/sys/fs/cgroup";
constexpr std::size_t kIdDigits = 12; // of a container, as docker and crictl print it
constexpr int kMostDepth = 32;

bool is_directory(const std::string& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}

// Where hierarchies are mounted: version 2 alone, or each controller of version 1 (and version 2 beside them,
// as "unified") in a directory of its own.
std::vector<std::string> hierarchies(const std::string& root) {
    const std::string mount = root + std::string(kMount);
    std::error_code error;
    if (fs::exists(mount + "/cgroup.controllers", error)) return {mount};
    std::vector<std::string> found;
    for (fs::directory_iterator at(mount, error), end; !error && at != end; at.increment(error)) {
        std::error_code ignored; // "cpu" may be a link to "cpu,cpuacct"
        if (at->is_directory(ignored) && !at->is_symlink(ignored)) found.push_back(at->path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

// Calls visit(directory) for a directory and all below it.
template <class Visit> void for_each_below(const std::string& directory, const Visit& visit) {
    std::error_code error;
    visit(directory);
    fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied, error);
    for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
        std::error_code ignored;
        if (!at->is_directory(ignored) || at->is_symlink(ignored)) continue;
        if (at.depth() >= kMostDepth) at.disable_recursion_pending();
        visit(at->path().string());
    }
}

std::string replaced(std::string text, char from, char to) {
    std::replace(text.begin(), text.end(), from, to);
    return text;
}

// One part of a path: "docker-0123….scope", "kubepods-burstable-pod0a1b_….slice", "redis.service".
void read_part(const std::string& part, CgroupName& name) {
    static const std::regex kScope(R"((docker|cri-containerd|crio|libpod)-([0-9a-f]{12,64})(?:\.scope)?)");
    static const std::regex kBare("[0-9a-f]{64}");
    static const std::regex kPod(R"((?:kubepods.*-)?pod([0-9a-fA-F_-]{32,36})(?:\.slice)?)");
    static const std::regex kLxc(R"(lxc\.payload\.(.+))");
    static const std::regex kMachine(R"(machine-(.+)\.scope)");
    std::smatch match;
    if (std::regex_match(part, match, kScope)) {
        name.runtime = match[1] == "cri-containerd" ? "containerd"
                       : match[1] == "libpod"       ? "podman"
                                                    : match[1].str();
        name.container = match[2];
    } else if (std::regex_match(part, kBare)) {
        if (name.runtime.empty()) name.runtime = name.pod.empty() ? "docker" : "container";
        name.container = part;
    } else if (std::regex_match(part, match, kPod)) {
        name.pod = replaced(match[1], '_', '-');
    } else if (std::regex_match(part, match, kLxc)) {
        name.runtime = "lxc";
        name.container = match[1];
    } else if (std::regex_match(part, match, kMachine)) {
        name.runtime = "systemd";
        name.container = match[1];
    } else if (part.ends_with(".service") || part.ends_with(".scope")) {
        name.unit = part;
    }
}

// A line of /proc/PID/cgroup: "0::/path" of version 2, "4:memory:/path", "1:name=systemd:/path".
struct Membership {
    bool is_unified = false;
    std::string controllers;
    std::string path;
};

// Empty: it is gone.
std::string memberships_text(const std::string& root, Pid pid) {
    const auto text = read_file(fmt::format("{}/proc/{}/cgroup", root, raw(pid)));
    return text ? *text : std::string();
}

std::vector<Membership> memberships(const std::string& text) {
    std::vector<Membership> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second != std::string::npos)
            found.push_back({line.starts_with("0::"), line.substr(first + 1, second - first - 1),
                             line.substr(second + 1)});
    }
    return found;
}

Cpuset cpuset_of_member(const std::string& root, const std::string& memberships_text) {
    std::string hierarchy;
    std::string path;
    for (const Membership& one : memberships(memberships_text)) {
        const bool is_cpuset = ("," + one.controllers + ",").find(",cpuset,") != std::string::npos;
        if (!is_cpuset && (!one.is_unified || !hierarchy.empty())) continue;
        hierarchy = root + std::string(kMount) + (is_cpuset ? "/cpuset" : "");
        path = one.path;
        if (is_cpuset) break;
    }
    if (hierarchy.empty() || path.find("..") != std::string::npos) return {};
    for (;; path.resize(path.rfind('/'))) {
        for (const auto& [cpus, mems] : {std::pair("cpuset.cpus.effective", "cpuset.mems.effective"),
                                         std::pair("cpuset.effective_cpus", "cpuset.effective_mems")}) {
            Cpuset cpuset{read_line(fmt::format("{}{}/{}", hierarchy, path, cpus)),
                          read_line(fmt::format("{}{}/{}", hierarchy, path, mems))};
            if (!cpuset.cpus.empty()) return cpuset;
        }
        if (path.rfind('/') == std::string::npos) return {};
    }
}

} // namespace

std::string CgroupName::label() const {
    std::vector<std::string> words;
    if (!pod.empty()) words.push_back("pod " + pod);
    const bool is_hex = container.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!container.empty())
        words.push_back(runtime + " " + (is_hex ? container.substr(0, kIdDigits) : container));
    if (words.empty()) return unit;
    return fmt::format("{}", fmt::join(words, ", "));
}

CgroupName name_of_cgroup(const std::string& path) {
    CgroupName name;
    std::istringstream parts(path);
    constexpr std::size_t kMostBytes = 255; // NAME_MAX; a trace may say anything
    for (std::string part; std::getline(parts, part, '/');)
        if (part.size() <= kMostBytes) read_part(part, name);
    return name;
}

std::string cgroup_of(const std::string& root, Pid pid) {
    std::string unified;
    std::string other;
    for (const Membership& one : memberships(memberships_text(root, pid))) {
        if (one.is_unified) unified = one.path;
        else if (one.path.size() > other.size())
            other = one.path; // the controllers a runtime uses go deepest
    }
    if (unified.empty() || (unified == "/" && other.size() > 1)) return other;
    return unified;
}

Cpuset cpuset_of(const std::string& root, Pid pid) {
    return cpuset_of_member(root, memberships_text(root, pid));
}

std::optional<Cpuset> own_cpuset_of(const std::string& root, Pid pid, Tid tid) {
    const std::string of_process = memberships_text(root, pid);
    const auto text = read_file(fmt::format("{}/proc/{}/task/{}/cgroup", root, raw(pid), raw(tid)));
    if (!text || of_process.empty() || *text == of_process) return std::nullopt;
    return cpuset_of_member(root, *text);
}

Result<std::string> cgroup_directory(const std::string& root, const std::string& path) {
    const std::string mount = root + std::string(kMount);
    if (path.starts_with(mount) && is_directory(path)) return path;
    const std::string inside = path.starts_with('/') ? path : "/" + path;
    for (const std::string& hierarchy : hierarchies(root)) {
        std::string directory = hierarchy + inside;
        if (inside != "/" && is_directory(directory)) return directory;
    }
    if (inside == "/") return Error{"the root cgroup is the whole host", "give -a for the whole host", true};
    return Error{fmt::format("no cgroup {}", path),
                 "give its path as in /proc/PID/cgroup, or its directory below /sys/fs/cgroup; "
                 "systemd-cgls shows them"};
}

Result<std::string> container_directory(const std::string& root, const std::string& id) {
    if (id.empty()) return Error{"no container is named", "give its id or its name", true};
    std::vector<std::string> found;
    std::vector<std::string> ids;
    for (const std::string& hierarchy : hierarchies(root)) {
        for_each_below(hierarchy, [&](const std::string& directory) {
            CgroupName name;
            read_part(fs::path(directory).filename().string(), name);
            if (!name.container.starts_with(id)) return;
            if (std::find(ids.begin(), ids.end(), name.container) != ids.end()) return;
            found.push_back(directory);
            ids.push_back(name.container);
        });
        if (!found.empty()) break; // other hierarchies have it as well
    }
    if (found.size() == 1) return found.front();
    if (found.empty())
        return Error{
            fmt::format("no container {} runs here", id),
            "give the id that docker ps, crictl ps or podman ps shows, or the cgroup: --cgroup PATH"};
    return Error{fmt::format("{} containers begin with {}", found.size(), id), "give more of its id"};
}

std::optional<std::vector<Pid>> processes_in(const std::string& directory) {
    if (!is_directory(directory)) return std::nullopt;
    std::vector<Pid> found;
    for_each_below(directory, [&found](const std::string& group) {
        const auto text = read_file(group + "/cgroup.procs");
        if (!text) return; // threaded, or gone
        std::istringstream lines(*text);
        for (std::uint32_t pid = 0; lines >> pid;)
            if (pid > 0) found.push_back(Pid{pid});
    });
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

} // namespace numadrift::probe
