// The last minutes of a recording, in memory: chunks as a trace file has them, bounded in time and bytes,
// and what must be known of the time before them.
#pragma once

#include "trace/writer.h"
#include "window/carry.h"

#include <deque>
#include <string>

namespace numadrift::flight {

struct RingLimits {
    std::uint64_t length_ns = 60'000'000'000;
    std::uint64_t bytes = std::uint64_t{256} << 20; // of chunks; what is carried takes up to some 80 MiB more
};

class Ring {
public:
    explicit Ring(RingLimits limits) : limits_(limits) {}

    void add(const Event& event);

    // What is older than the limits at this time goes.
    void pass(std::uint64_t now_ns);

    // All that is held, after what must be known of before. The ring stays as it is.
    Status write(trace::Writer& writer);

    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t begin_ns() const; // of the window that would be written; 0 while it is empty

private:
    struct Chunk {
        std::uint64_t first_ns = 0;
        std::uint64_t last_ns = 0;
        std::string bytes;
    };

    void close_chunk();
    void drop_first();

    RingLimits limits_;
    std::deque<Chunk> chunks_;
    trace::ChunkEncoder encoder_; // of the chunk that is filled now
    std::uint64_t first_ns_ = 0;  // in it
    std::uint64_t last_ns_ = 0;
    std::uint64_t bytes_ = 0;
    Carry carry_;
};

} // namespace numadrift::flight
