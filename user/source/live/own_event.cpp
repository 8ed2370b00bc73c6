#include "source/live/own_event.h"

#include "source/live/sample_ring.h"
#include "util/clock.h"

#include <algorithm>
#include <sys/prctl.h>
#include <unistd.h>

namespace numadrift::live {
namespace {

// One rename is enough, but for a kernel that leaves out a run of a program which it preempted on that CPU.
constexpr std::uint64_t kLongestNs = 1'000'000'000;
constexpr std::size_t kMostEvents = 1'000;

bool is_own_rename(const Event& event) {
    return std::holds_alternative<TaskRename>(event.payload) &&
           event.pid == static_cast<std::uint32_t>(::getpid());
}

// To what it is called already. The program has submitted its event when this returns.
void rename_as_target(Programs& programs) {
    char name[16] = "";
    ::prctl(PR_GET_NAME, name);
    u8& target = programs.targets()[::getpid() % ND_MAX_PIDS];
    target = 1;
    ::prctl(PR_SET_NAME, name);
    target = 0;
}

// A sample that was taken of us meanwhile is nobody's.
void drop_samples(const Programs& programs) {
    const auto samples = SampleRing::open(
        programs.samples_fd(), {[](const sampling::RawSample&) {}, [](const sampling::Answer&) {}});
    if (samples) samples->drain(kMostEvents);
}

} // namespace

Result<u64> see_own_event(Programs& programs, Rings& rings) {
    if (!programs.is_attached("on_rename")) return u64{0};
    std::vector<Event> events;
    const std::uint64_t until_ns = monotonic_ns() + kLongestNs;
    do {
        rename_as_target(programs);
        rings.drain(events, kMostEvents);
        if (std::ranges::none_of(events, is_own_rename)) continue;
        drop_samples(programs);
        return rings.received();
    } while (monotonic_ns() < until_ns);
    return Error{"programs are attached, and an event of our own does not come through",
                 "numadrift doctor says what this kernel offers; please report it with that"};
}

} // namespace numadrift::live
