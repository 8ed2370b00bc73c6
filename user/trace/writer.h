// Writes a trace file. Events go out in chunks: when there are 32,768 or when the oldest is a second old, so
// that a recorder that dies loses at most that. Not thread-safe.
#pragma once

#include "event/event.h"
#include "trace/codec.h"
#include "util/file.h"

#include <memory>

namespace numadrift::trace {

class Writer {
public:
    // Creates `path` with mode 0600; an existing file is replaced, a symbolic link is not followed.
    static Result<Writer> create(const std::string& path);

    // After an error (disk full, …) the file ends with its last whole chunk, and every further
    // call answers the same error.
    Status add(const Event& event);
    Status flush();

    std::uint64_t bytes() const { return bytes_; }
    const std::string& path() const { return path_; }

private:
    Writer(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
    Status put(std::string_view bytes);

    Fd fd_;
    std::string path_;
    ChunkEncoder encoder_;
    std::uint32_t sequence_ = 0;
    std::uint64_t chunk_begin_ns_ = 0;
    std::uint64_t bytes_ = 0;
    int failed_ = 0;
};

} // namespace numadrift::trace
