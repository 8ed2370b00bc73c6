#include "source/live/live.h"
#include "util/clock.h"

#include <csignal>
#include <doctest/doctest.h>
#include <map>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace numadrift;

namespace {

constexpr std::size_t kBytes = std::size_t{64} << 20;

// A process that has touched so much memory, and goes on to use it until it is killed.
class Holder {
public:
    Holder() {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) hold(ready[1]);
        char word = 0;
        REQUIRE(::read(ready[0], &word, 1) == 1);
        for (const int end : ready) ::close(end);
    }
    ~Holder() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Pid pid() const { return Pid{static_cast<std::uint32_t>(pid_)}; }

private:
    [[noreturn]] static void hold(int ready) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        auto* memory = static_cast<volatile char*>(
            ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (bool is_told = false;;) {
            for (std::size_t at = 0; at < kBytes; at += 4096) memory[at] = 1;
            if (!is_told) is_told = ::write(ready, "r", 1) == 1;
        }
    }
    pid_t pid_ = -1;
};

} // namespace

TEST_CASE("all processes are surveyed at the end, also in a short recording of several") {
    const Holder one;
    const Holder other;
    LiveOptions options;
    options.targets = {one.pid(), other.pid()};
    options.how = "test";
    auto live = LiveSource::attach(options);
    if (!live) FAIL(live.error().what);
    const std::uint64_t stop_ns = monotonic_ns() + 1'500'000'000;
    std::map<std::uint32_t, std::uint64_t> surveyed_ns;
    std::vector<Event> events;
    bool is_stopped = false;
    for (;;) {
        const auto outcome = (*live)->next(events);
        REQUIRE(outcome);
        if (*outcome == Outcome::end) break;
        for (const Event& event : events)
            if (std::holds_alternative<Residency>(event.payload)) surveyed_ns[event.pid] = event.time_ns;
        if (is_stopped || monotonic_ns() < stop_ns) continue;
        (*live)->stop();
        is_stopped = true;
    }
    for (const Pid pid : options.targets) CHECK(surveyed_ns[raw(pid)] >= stop_ns);
}
