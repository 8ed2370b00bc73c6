#include "trigger/watch.h"

#include "report/text.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/ignored_signals.h"
#include "util/open_files.h"
#include "util/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <utility>

namespace numadrift::trigger {
namespace {

constexpr std::uint64_t kEveryNs = 500'000'000;
// Reading takes time: one part in so many of a CPU at most.
constexpr std::uint64_t kShareOfACpu = 20;
constexpr std::uint64_t kLongestRunNs = 10'000'000'000;
// Of the time: who ran less says nothing.
constexpr double kLeastRun = 0.05;

double share_of(const std::map<Standing, std::uint64_t>& times, Standing standing, std::uint64_t whole) {
    const auto found = times.find(standing);
    return found == times.end() || whole == 0
               ? 0
               : static_cast<double>(found->second) / static_cast<double>(whole);
}

const char* psi_file(Metric metric) {
    switch (metric) {
    case Metric::psi_cpu: return "cpu";
    case Metric::psi_memory: return "memory";
    case Metric::psi_io: return "io";
    case Metric::locality:
    case Metric::away:
    case Metric::migrations:
    case Metric::exec_status:
    case Metric::exec_latency: break;
    }
    return nullptr;
}

} // namespace

// ---- events ----

namespace {

std::optional<Reading> read_events(const Lately& lately, const Condition& condition,
                                   const Thresholds& thresholds) {
    if (!lately.is_full()) return std::nullopt;
    const Report report = report_on(lately.timeline(), thresholds);
    const auto span = static_cast<double>(std::max<std::uint64_t>(report.duration_ns, 1));
    if (condition.metric == Metric::migrations) {
        std::uint64_t pages = 0;
        for (const PageMoveRecord& move : report.page_moves) pages += move.pages;
        return Reading{static_cast<double>(pages) / (span / 1e9), {}};
    }
    const auto of = [&](const Locality& locality) -> std::optional<double> {
        if (static_cast<double>(locality.profiled_cpu_ns) < kLeastRun * span) return std::nullopt;
        if (condition.metric == Metric::locality) return locality.locality();
        return share_of(locality.standing_cpu_ns, Standing::away, locality.total_cpu_ns);
    };
    if (!condition.of_a_thread) {
        Locality all;
        for (const ThreadReport& thread : report.threads) {
            all.remote_cpu_ns += thread.locality.remote_cpu_ns;
            all.profiled_cpu_ns += thread.locality.profiled_cpu_ns;
            all.total_cpu_ns += thread.locality.total_cpu_ns;
            for (const auto& [standing, ns] : thread.locality.standing_cpu_ns)
                all.standing_cpu_ns[standing] += ns;
        }
        const auto value = of(all);
        return value ? std::optional(Reading{*value, {}}) : std::nullopt;
    }
    std::optional<Reading> worst;
    for (const ThreadReport& thread : report.threads) {
        const auto value = of(thread.locality);
        if (!value || (worst && (condition.above ? *value <= worst->value : *value >= worst->value)))
            continue;
        worst = Reading{*value, thread_text(thread.comm, thread.tid)};
    }
    return worst;
}

} // namespace

// ---- commands ----

Command::~Command() {
    if (!waiter_.joinable()) return;
    ::kill(-pid_, SIGKILL);
    waiter_.join();
}

std::optional<Command::Result> Command::pass(std::uint64_t now_ns, std::uint64_t every_ns) {
    if (waiter_.joinable()) {
        if (!ended_ && now_ns > begin_ns_ + kLongestRunNs) ::kill(-pid_, SIGKILL);
        if (!ended_) return std::nullopt;
        waiter_.join();
        return result_;
    }
    if (begin_ns_ > 0 && now_ns < begin_ns_ + every_ns) return std::nullopt;
    begin_ns_ = now_ns;
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY,
                                           0);
    posix_spawnattr_t how;
    ::posix_spawnattr_init(&how);
    sigset_t ignored;
    ::sigemptyset(&ignored);
    for (const int signal : kIgnoredSignals) ::sigaddset(&ignored, signal);
    ::posix_spawnattr_setsigdefault(&how, &ignored);
    // A group of its own, so that all of it can be ended.
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    std::array<std::string, 3> words = {"sh", "-c", command_};
    std::array<char*, 4> arguments = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    const int error = ::posix_spawn(&pid_, "/bin/sh", &files, &how, arguments.data(), environ);
    ::posix_spawnattr_destroy(&how);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) return Result{127, 0};
    restore_open_files_of(pid_);
    ended_ = false;
    waiter_ = std::thread([this, began_ns = monotonic_ns()] {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        result_ = {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                   static_cast<double>(monotonic_ns() - began_ns) / 1e9};
        ended_ = true;
    });
    return std::nullopt;
}

// ---- all of them ----

Watch::Watch(std::vector<Condition> conditions, Thresholds thresholds, std::string root)
    : thresholds_(thresholds), root_(std::move(root)) {
    std::map<std::uint64_t, std::shared_ptr<Lately>> by_length;
    for (Condition& condition : conditions) {
        Watched watched;
        if (condition.needs_events()) {
            auto& lately = by_length[condition.length_ns];
            if (!lately) lately_.push_back(lately = std::make_shared<Lately>(condition.length_ns));
            watched.lately = lately;
        }
        if (!condition.command.empty()) watched.command = std::make_unique<Command>(condition.command);
        watched.condition = std::move(condition);
        watched_.push_back(std::move(watched));
    }
}

Watch::~Watch() = default;

void Watch::add(const Event& event) {
    for (const auto& lately : lately_) lately->add(event);
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345": total is in us.
std::optional<double> Watch::read_psi(Watched& watched, std::uint64_t now_ns) const {
    const auto text =
        read_file(fmt::format("{}/proc/pressure/{}", root_, psi_file(watched.condition.metric)));
    const std::size_t at = text ? text->find("total=") : std::string::npos;
    if (at == std::string::npos) return std::nullopt;
    auto& stalls = watched.stalls;
    stalls.emplace_back(now_ns, std::strtoull(text->c_str() + at + 6, nullptr, 10) * 1000);
    while (stalls.size() > 2 && stalls[1].first + watched.condition.length_ns <= now_ns) stalls.pop_front();
    const auto [since_ns, before_ns] = stalls.front();
    if (since_ns + watched.condition.length_ns > now_ns) return std::nullopt; // not that long yet
    return static_cast<double>(stalls.back().second - before_ns) / static_cast<double>(now_ns - since_ns);
}

std::optional<Reading> Watch::read(Watched& watched, std::uint64_t now_ns) {
    const Condition& condition = watched.condition;
    if (watched.lately) return read_events(*watched.lately, condition, thresholds_);
    if (watched.command) {
        const auto result = watched.command->pass(now_ns, condition.length_ns);
        if (!result) return std::nullopt;
        return Reading{condition.metric == Metric::exec_status ? result->status : result->seconds, {}};
    }
    const auto share = read_psi(watched, now_ns);
    return share ? std::optional(Reading{*share, {}}) : std::nullopt;
}

std::optional<std::string> Watch::pass(std::uint64_t now_ns) {
    if (now_ns < due_ns_) return std::nullopt;
    const std::uint64_t begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    std::optional<std::string> reason;
    for (Watched& watched : watched_) {
        const auto reading = read(watched, now_ns);
        if (!reading) continue;
        const bool is_met = watched.condition.is_met_by(reading->value);
        const bool was_met = std::exchange(watched.was_met, is_met);
        if (is_met && !was_met && !reason)
            reason = fmt::format("{} ({}{:.3g}{})", watched.condition.text,
                                 watched.condition.metric == Metric::exec_status ? "exit status " : "",
                                 reading->value, reading->who.empty() ? "" : " " + reading->who);
    }
    const std::uint64_t took_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
    due_ns_ = now_ns + std::max(kEveryNs, took_ns * kShareOfACpu);
    return reason;
}

} // namespace numadrift::trigger
