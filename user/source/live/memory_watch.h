// What a recording learns about memory beside the events of the hooks: samples of data addresses,
// the residency of the processes, the kernel's own fault counts, and where threads are allowed to
// be. All of it asked for, at a bounded rate.
#pragma once

#include "event/event.h"
#include "sampling/background.h"
#include "source/live/programs.h"
#include "source/live/sample_ring.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace numadrift::live {

class MemoryWatch {
public:
    MemoryWatch(Programs& programs, const std::string& root);

    // Every few milliseconds.
    void pass(std::vector<Event>& events);

    // Of all processes, out of turn.
    void survey_all();
    bool is_surveying() const { return sampler_.is_surveying(); }

    // The last pass: waits for what is under way, though not for long.
    void finish(std::vector<Event>& events);

    // A few times a second, with all threads of the targets as they are.
    void look(std::uint64_t now_ns, const std::vector<nd_task_row>& threads, std::vector<Event>& events);

    // An event of the hooks may change what is known.
    void take_note(const Event& event);

    std::uint64_t query_ns() const { return sampler_.query_ns(); }

private:
    struct KnownThread {
        std::int32_t policy = -1;
        std::uint64_t policy_nodes = 0;
        bool told = false; // its limits, as they were when last looked at
        std::string cpus;
        std::string mems;
        std::string cpuset_cpus;
        std::map<std::int32_t, std::uint64_t> faults;
    };

    bool is_limits_due(const nd_task_row& row) const;
    void look_at_limits(std::uint64_t now_ns, const nd_task_row& row, std::vector<Event>& events);
    void look_at_faults(std::uint64_t now_ns, std::vector<Event>& events);

    Programs& programs_;
    std::string root_;
    sampling::BackgroundSampler sampler_;
    std::unique_ptr<SampleRing> ring_;
    std::map<std::uint32_t, KnownThread> threads_;          // by tid
    std::map<std::uint32_t, std::uint64_t> next_survey_ns_; // by pid
    std::size_t next_looked_at_ = 0; // of all threads, whose limits may have changed unseen
};

} // namespace numadrift::live
