// Writes a trace file. Events go out in chunks: when there are 32,768 or when the oldest is half a second
// old, so that a recorder that dies loses less than a second. Not thread-safe.
#pragma once

#include "event/event.h"
#include "trace/codec.h"
#include "trace/sink.h"
#include "util/new_file.h"

#include <memory>

namespace numadrift::trace {

class Writer final : public Sink {
public:
    // Replaces what is there as make_file() does.
    static Result<Writer> create(const std::string& path);
    // The same under a name that no file has: STEM.ndt, or STEM-2.ndt and so on.
    static Result<Writer> create_new(const std::string& stem);

    // To whoever reads our stdout, a file or a pipe; what they had before stays. Error: it is a terminal.
    static Result<Writer> to_stdout();

    // After an error (disk full, …) the file ends with its last whole chunk, and every further
    // call answers the same error.
    Status add(const Event& event) override;
    Status pass(std::uint64_t now_ns) override;
    Status end() override { return flush(); }
    Status flush();

    // A chunk that was encoded elsewhere, after what was added so far.
    Status add_chunk(std::string chunk);

    std::uint64_t bytes() const override { return bytes_; }
    const std::string& path() const { return path_; }
    // By its path, when all is written: not what went to stdout or to a device.
    bool can_be_read() const { return is_its_own_; }

private:
    explicit Writer(NewFile file) : fd_(std::move(file.fd)), path_(std::move(file.path)) {}
    static Result<Writer> begin(Result<NewFile> file, bool has_name);
    Status put(std::string_view bytes);

    Fd fd_;
    std::string path_;
    bool is_its_own_ = false; // a file that holds nothing else
    ChunkEncoder encoder_;
    std::uint32_t sequence_ = 0;
    std::uint64_t chunk_begin_ns_ = 0;
    std::uint64_t bytes_ = 0;
    int failed_ = 0;
};

} // namespace numadrift::trace
