// Events from a trace file. The file is hostile: every read is bounded, damage is passed over and
// stands in the stream as a Damage event with the number of bytes.
#pragma once

#include "source/source.h"
#include "trace/codec.h"
#include "util/file.h"

#include <memory>
#include <optional>

namespace numadrift {

class FileSource final : public Source {
public:
    // Error: the file cannot be opened, or nothing in it looks like a trace.
    static Result<std::unique_ptr<FileSource>> open(const std::string& path);

    Result<Outcome> next(std::vector<Event>& events) override;

private:
    FileSource(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    struct Found {
        trace::ChunkHead head;
        std::string body;
        std::uint64_t passed_over = 0; // bytes before it that were no chunk
    };
    Result<std::optional<Found>> find_chunk();
    void open_chunk(const Found& chunk, std::vector<Event>& events);
    Status fill(std::size_t wanted);
    void consume(std::size_t count);
    std::uint64_t work_left() const;

    Fd fd_;
    std::string path_;
    std::string window_; // read, but not yet consumed, from begin_
    std::size_t begin_ = 0;
    bool at_end_ = false;
    std::uint32_t next_sequence_ = 0;
    std::uint64_t last_time_ns_ = 0;
    std::string raw_; // of the chunk that is being read
    trace::ChunkDecoder chunk_;
    std::uint64_t chunk_bytes_ = 0;
    std::uint64_t work_ = 0;         // of all chunks before this one
    std::uint64_t allowed_work_ = 0; // by the bytes so far
    bool head_damaged_ = false;
};

} // namespace numadrift
