// Walks one thread's timeline: at each moment, where it is and where its memory is. Gives CPU time
// per node, remote CPU time, locality, and the intervals it was away from its memory.
#pragma once

#include "analysis/profile.h"
#include "analysis/silence.h"
#include "timeline/timeline.h"

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace numadrift {

enum class Opening {
    cpu_move,   // the thread was moved off its home
    page_move,  // its memory was moved away from it
    use_change, // neither moved: it was at home, and began to use other memory
    neither,    // it was never seen at home before
};

struct AwayInterval {
    Node from = kNoNode; // home
    Node to = kNoNode;   // where it ran instead
    std::uint64_t start_ns = 0;
    std::uint64_t end_ns = 0;
    bool open = false; // still so at the end of the thread or trace
    std::uint64_t cpu_ns = 0;
    Opening opening = Opening::neither;
    std::uint8_t cause = ND_CAUSE_unknown;
    Tid by{};
    std::string by_comm;
    std::vector<std::string> uncorrected; // why NUMA balancing did not bring it back
};

// "page_move" where its memory was moved away, "use_change" where it turned to other memory, else the cause
// of the move that opened it.
std::string_view cause_of(Opening opening, std::uint8_t cause);
inline std::string_view cause_of(const AwayInterval& interval) {
    return cause_of(interval.opening, interval.cause);
}

// From a CPU of one node to the memory of another, or of the same.
struct Way {
    Node cpu = kNoNode;
    Node memory = kNoNode;
    bool operator<(const Way& other) const {
        return std::tie(cpu, memory) < std::tie(other.cpu, other.memory);
    }
};

// A piece of time on one node and of one standing, for the picture.
struct StandingSpan {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    Node node = kNoNode;
    Standing standing = Standing::unknown;
    std::uint64_t ran_ns = 0;
    double remote_ns = 0; // of it, by the profile of then

    std::pair<Node, Standing> kind() const { return {node, standing}; }
    void take_up(const StandingSpan& other) {
        ran_ns += other.ran_ns;
        remote_ns += other.remote_ns;
    }
};

struct Locality {
    std::map<Node, std::uint64_t> cpu_ns;  // by node it ran on
    std::uint64_t unattributed_cpu_ns = 0; // it ran, but events were lost: nobody knows where
    std::uint64_t total_cpu_ns = 0;
    std::uint64_t profiled_cpu_ns = 0; // of it, while its profile was known
    double remote_cpu_ns = 0;
    double distance_cost_ns = 0;
    std::map<Standing, std::uint64_t> standing_cpu_ns;
    std::map<Way, double> use_ns; // profiled CPU time, shared out by the memory used meanwhile
    Profile profile;              // at the end
    std::optional<Node> home;     // at the end or, if there is none then, the last it had
    Standing last_standing = Standing::unknown;
    std::vector<AwayInterval> away; // those it ran in; of very many the longest
    std::uint64_t away_left_out = 0;
    std::map<Opening, std::uint64_t> away_cpu_ns; // in all of them
    std::vector<StandingSpan> spans;              // of very many, told by windows
    std::vector<Silence> silences;                // no sample told where its memory was: unknown then

    // Share of profiled CPU time times weight; none while nothing is known.
    std::optional<double> locality() const;
};

// `process`: where the memory of its process is, over time; may be null.
Locality walk(const ThreadTrack& track, const WeightLog* process, const Topology& topology,
              const Thresholds& thresholds);

} // namespace numadrift
