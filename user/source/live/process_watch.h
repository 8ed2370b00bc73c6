// What a recording learns about processes beside their threads: the cgroup each is in, and what its cpuset
// allows.
#pragma once

#include "event/event.h"
#include "source/live/kernel_side.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace numadrift::live {

class ProcessWatch {
public:
    explicit ProcessWatch(std::string root) : root_(std::move(root)) {}

    // With a thread of it, as it is; only what changed becomes an event.
    void look(const nd_task_row& row, std::vector<Event>& events);

    // An event of the hooks may change what is known: another cpuset moves threads.
    void take_note(const Event& event);

    // The next look is the last one: what a cpuset allows beside has moved nobody.
    void look_at_all_again();

private:
    struct Known {
        std::array<std::string, 3> told; // cgroup, CPUs and nodes it may use
        bool is_due = true;
    };

    std::string root_;
    std::map<std::uint32_t, Known> known_; // by pid
};

} // namespace numadrift::live
