// What a recording learns about processes beside their threads: the cgroup each is in, what its cpuset
// allows, and how much of its memory is pinned.
#pragma once

#include "event/event.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace numadrift::live {

class ProcessWatch {
public:
    explicit ProcessWatch(std::string root) : root_(std::move(root)) {}

    // At the process of a thread that is there; only what changed becomes an event.
    void look(std::uint64_t now_ns, std::uint32_t pid, std::vector<Event>& events);

    // An event of the hooks may change what is known: another cpuset moves threads.
    void take_note(const Event& event);

    // The last look at all of them: what a cpuset allows beside has moved nobody.
    void finish(std::uint64_t now_ns, std::vector<Event>& events);

private:
    struct Known {
        Process told;
        bool is_due = true;
    };

    std::string root_;
    std::map<std::uint32_t, Known> known_; // by pid
};

} // namespace numadrift::live
