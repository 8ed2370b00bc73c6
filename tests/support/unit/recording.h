// Records a workload of the test's own on the running kernel: forked, held until the recorder is
// attached, followed to its end.
#pragma once

#include "source/live/live.h"

#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace numadrift::test {

struct Recording {
    pid_t pid = 0;
    int status = -1; // of the workload, from waitpid
    std::vector<Event> events;
    LiveProgress progress;

    // Payloads of one type, of one thread if it is given.
    template <class Type> std::vector<Type> all(std::uint32_t tid = 0) const {
        std::vector<Type> found;
        for (const Event& event : events)
            if (const auto* fields = std::get_if<Type>(&event.payload);
                fields && (tid == 0 || event.tid == tid))
                found.push_back(*fields);
        return found;
    }
    std::uint64_t lost() const {
        std::uint64_t sum = 0;
        for (const auto& loss : all<Lost>()) sum += loss.count;
        return sum;
    }
};

// Without a budget: page faults of whatever else runs on this machine count against it, and what is counted
// here is to be exact.
inline LiveOptions exactly() {
    LiveOptions options;
    options.budget = 0;
    return options;
}

// `work` runs in the child process, after numadrift is attached to it.
inline Recording record(const std::function<void()>& work, LiveOptions options = exactly()) {
    int gate[2];
    REQUIRE(::pipe(gate) == 0);
    Recording recording;
    recording.pid = ::fork();
    REQUIRE(recording.pid >= 0);
    if (recording.pid == 0) {
        char word = 0;
        ::close(gate[1]);
        if (::read(gate[0], &word, 1) != 1) ::_exit(1);
        work();
        ::_exit(0);
    }
    ::close(gate[0]);
    options.targets = {Pid{static_cast<std::uint32_t>(recording.pid)}};
    options.how = "test";
    auto live = LiveSource::attach(options);
    if (!live) FAIL(live.error().what);
    REQUIRE(::write(gate[1], "g", 1) == 1);
    ::close(gate[1]);
    std::vector<Event> batch;
    for (;;) {
        const auto outcome = (*live)->next(batch);
        REQUIRE(outcome);
        if (*outcome == Outcome::end) break;
        recording.events.insert(recording.events.end(), batch.begin(), batch.end());
        if (recording.status < 0) ::waitpid(recording.pid, &recording.status, WNOHANG);
        if (!(*live)->targets_alive()) (*live)->stop();
    }
    recording.progress = (*live)->progress();
    return recording;
}

} // namespace numadrift::test
