// Events of the running kernel: the only user of libbpf. Attaches to processes, reads the rings
// every few milliseconds, looks at run times twice a second, and tells about itself: topology,
// sources, losses, its own cost.
//
// Owns: programs, rings, the marking of targets. Does not own: what is done with the events.
#pragma once

#include "source/source.h"
#include "timeline/ids.h"
#include "timeline/topology.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace numadrift {

struct LiveOptions {
    std::vector<Pid> targets;
    // Targets are what this finds, else those above only. Nothing: they are gone for good.
    std::function<std::optional<std::vector<Pid>>()> find;
    bool joins_later = false;      // it is asked again and again; the recording goes on without targets
    bool follows_children = true;  // processes that targets fork are targets too
    std::string how;               // "-p 4711", for the trace
    bool tracepoints_only = false; // --hooks tracepoint
    std::uint32_t ring_mib = 16;   // of each node's ring; a power of two
    // Samples of data addresses a second and CPU, 0 for none; not given: by the number of CPUs.
    std::optional<std::uint32_t> sample_hz;
    // The reader's; not given: first in the queue, but for one who was started with another value than 0.
    std::optional<int> nice;
    double budget = 0.01; // of one CPU, per node with CPUs: what the programs may cost; 0: no limit
    bool keeps_override =
        false;             // files are written where this user may not; else the right to is given up too
    bool executes = false; // programs, later; else none it executes could gain a capability
    std::string root;      // before /proc and /sys
};

// For a progress line: as of the last call of next().
struct LiveProgress {
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    std::size_t threads = 0;
};

class LiveSource : public Source {
public:
    // Programs are attached first, an event of our own must come through, then targets are marked, then
    // their threads are looked at: no event between is missed, and from now on events flow. Capabilities
    // that are not needed any more are given up. Error: no such process, no privilege, no BTF, …
    static Result<std::unique_ptr<LiveSource>> attach(const LiveOptions& options);

    // Ends recording: the next calls of next() give what is left and then end. Idempotent.
    virtual void stop() = 0;

    // Puts a mark into the recording, now.
    virtual void mark(const std::string& text) = 0;

    // Looks at run times with the next call of next(), not when it is time.
    virtual void look_soon() = 0;

    // next() comes back early when something new can be read from this descriptor.
    virtual void wake_for(int fd) = 0;

    // False once every thread of every target has ended.
    virtual bool targets_alive() const = 0;

    virtual LiveProgress progress() const = 0;

    // What is seen and what is not: the events that went into the trace too.
    virtual const std::vector<SourceState>& sources() const = 0;
};

} // namespace numadrift
