// Events as bytes, as FORMAT.md says. Pure; no files.
#pragma once

#include "event/event.h"
#include "util/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift::trace {

inline constexpr std::string_view kFileMagic = "NUMADRF1";
inline constexpr std::string_view kChunkMagic = "NDCK";
inline constexpr std::size_t kHeadBytes = 28;
inline constexpr std::size_t kMaxRawBytes = std::size_t{16} << 20;

// Collects the events of one chunk.
class ChunkEncoder {
public:
    void add(const Event& event);
    std::size_t raw_bytes() const { return raw_.size(); }
    std::uint32_t events() const { return events_; }

    // Head and compressed body of what was added; the encoder is empty afterwards.
    std::string finish(std::uint32_t sequence);

private:
    std::string raw_;
    std::string payload_;
    std::uint64_t previous_ns_ = 0;
    std::uint32_t events_ = 0;
};

struct ChunkHead {
    std::uint32_t sequence = 0;
    std::uint32_t raw_bytes = 0;
    std::uint32_t stored_bytes = 0;
    std::uint32_t events = 0;
    std::uint32_t body_crc = 0;
};

// The head at the start of `bytes`, if it is one: magic, CRC and bounds are right.
bool decode_head(std::string_view bytes, ChunkHead& head);

// Appends the events of the inside of a chunk. False (and nothing appended) if it is malformed.
// Events of unknown kinds are counted and left out.
bool decode_events(std::string_view raw, std::vector<Event>& events, std::uint64_t& unknown_events);

// The same for a body as it is stored; false too if its CRC or its compression is wrong.
bool decode_body(const ChunkHead& head, std::string_view body, std::vector<Event>& events,
                 std::uint64_t& unknown_events);

} // namespace numadrift::trace
