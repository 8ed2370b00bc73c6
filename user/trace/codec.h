// Events as bytes, as FORMAT.md says: chunks of columns. Pure; no files.
#pragma once

#include "event/event.h"
#include "trace/columns.h"
#include "util/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace numadrift::trace {

inline constexpr std::string_view kFileMagic = "NUMADRF2";
inline constexpr std::string_view kChunkMagic = "NDC2";
inline constexpr std::size_t kHeadBytes = 28;
inline constexpr std::size_t kMaxRawBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxTextBytes = 4096;  // longer ones are cut
inline constexpr std::size_t kMaxEvents = 1u << 16; // of a chunk, and threads in it

// Collects the events of one chunk.
class ChunkEncoder {
public:
    void add(const Event& event);
    std::uint32_t events() const { return static_cast<std::uint32_t>(times_.size()); }
    // It is to be finished before another event is added.
    bool is_full() const { return events() >= kEvents || text_bytes_ >= kTextBytes; }

    // Head and compressed body of what was added; the encoder is empty afterwards.
    std::string finish(std::uint32_t sequence);

private:
    static constexpr std::size_t kEvents = 1u << 15;
    static constexpr std::size_t kTextBytes = 1u << 20;

    struct Kind {
        std::vector<std::vector<std::uint64_t>> columns; // a value each event of this kind
        std::vector<std::uint32_t> threads;
    };

    std::uint64_t number_of(const std::string& text);
    std::string raw() const;

    std::vector<std::uint64_t> times_;
    std::vector<std::uint64_t> event_kinds_;
    std::vector<std::uint32_t> event_threads_;
    std::map<std::uint32_t, Kind> kinds_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> threads_; // pid and tid
    std::unordered_map<std::uint64_t, std::uint32_t> thread_numbers_;
    std::vector<std::string> texts_;
    std::unordered_map<std::string, std::uint64_t> text_numbers_;
    std::size_t text_bytes_ = 0;
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

// Gives a whole chunk, head and body, another place in the sequence.
void renumber(std::string& chunk, std::uint32_t sequence);

// The inside of a chunk from its body as it is stored; false if its CRC or its compression is wrong.
bool inflate_body(const ChunkHead& head, std::string_view body, std::string& raw);

// Reads the events of the inside of a chunk, some at a time. Events of unknown kinds are left out.
class ChunkDecoder {
public:
    ChunkDecoder() = default;
    // The inside of a chunk, which must outlive the decoder.
    explicit ChunkDecoder(std::string_view raw);

    // Appends at most so many. After a malformed place there are no more, and ok() is false.
    void next(std::vector<Event>& events, std::size_t most);
    bool done() const { return left_ == 0; }
    bool ok() const { return ok_; }

    // What reading has cost so far: one for each event, and one for each kTextBytesAWork bytes of its texts.
    std::uint64_t work() const { return work_; }

private:
    struct Kind {
        std::uint64_t number = 0;
        std::vector<Column> columns; // of fields this version knows too
    };

    static constexpr std::uint64_t kTextBytesAWork = 64;

    bool read_dictionaries(Cursor& in);
    bool read_kinds(Cursor& in);
    bool read_event(std::vector<Event>& events);
    bool read_payload(Kind& kind, std::uint32_t thread, Payload& payload);
    template <class Fields> bool read_fields(Kind& kind, std::uint32_t thread, Payload& payload);
    bool take(Column& column, std::uint32_t thread, std::string& text);
    template <class Number> bool take(Column& column, std::uint32_t thread, Number& value);

    std::vector<std::pair<std::uint32_t, std::uint32_t>> threads_;
    std::vector<std::string_view> texts_;
    std::vector<Kind> kinds_;
    Column times_;
    Column event_kinds_;
    Column event_threads_;
    std::uint64_t left_ = 0;
    std::uint64_t work_ = 0;
    bool ok_ = true;
};

} // namespace numadrift::trace
