// One ring buffer per node, in that node's memory: no cache line of a ring crosses nodes while
// events are written. Read together, from one thread.
#pragma once

#include "event/event.h"
#include "source/live/programs.h"
#include "util/file.h"

#include <cstdint>
#include <memory>
#include <vector>

struct ring_buffer;

namespace numadrift::live {

class Rings {
public:
    // ring_bytes: of each ring; a power of two and a multiple of the page size.
    static Result<std::unique_ptr<Rings>> create(Programs& programs, const std::vector<u32>& nodes,
                                                 u32 ring_bytes);
    ~Rings();

    // Appends what has been submitted, at most `most` events a call so that a writer faster than
    // the reader cannot hold it here. True if that limit was met: there is more.
    bool drain(std::vector<Event>& events, std::size_t most);

    // Returns when the kernel side wants the reader to come, after that time, or at a signal.
    void wait(std::uint64_t most_ns) const;

    // wait() returns when something new can be read there, too.
    bool also_wake_for(int fd) const;

    u64 received() const { return received_; }

private:
    Rings() = default;
    static int on_record(void* self, void* data, std::size_t bytes);

    std::vector<Fd> fds_;
    Fd wakes_; // an epoll of all rings
    ring_buffer* reader_ = nullptr;
    std::vector<Event>* sink_ = nullptr;
    std::size_t room_ = 0;
    u64 received_ = 0;
};

// A record as an Event. False for one that is no event of this version.
bool decode_record(const void* data, std::size_t bytes, Event& event);

} // namespace numadrift::live
