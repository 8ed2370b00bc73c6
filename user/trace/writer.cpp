#include "trace/writer.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

namespace numadrift::trace {
namespace {

constexpr std::uint64_t kChunkAgeNs = 500'000'000;

std::string hint_for(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space, or write elsewhere with -o FILE";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a place you may write to with -o FILE";
    case ENOENT: return "the directory does not exist; create it or choose another with -o FILE";
    case ELOOP: return "the file is a symbolic link; numadrift does not follow those";
    default: return {};
    }
}

} // namespace

Result<Writer> Writer::create(const std::string& path) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) {
        const int error = errno;
        return Error{fmt::format("cannot write {}: {}", path, errno_text(error)), hint_for(error)};
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        (::fchmod(fd.get(), 0600) != 0 || ::ftruncate(fd.get(), 0) != 0)) {
        const int error = errno;
        return Error{fmt::format("cannot replace {}: {}", path, errno_text(error)), hint_for(error)};
    }
    Writer writer(std::move(fd), path);
    if (auto status_put = writer.put(kFileMagic); !status_put) return status_put.error();
    return writer;
}

Status Writer::add(const Event& event) {
    if (encoder_.events() == 0) chunk_begin_ns_ = event.time_ns;
    encoder_.add(event);
    if (encoder_.is_full() || event.time_ns >= chunk_begin_ns_ + kChunkAgeNs) return flush();
    return Done{};
}

// What a reader must know first is written as soon as it is there.
Status Writer::pass(std::uint64_t now_ns) {
    const bool is_due = sequence_ == 0 || now_ns >= chunk_begin_ns_ + kChunkAgeNs;
    return is_due ? flush() : Done{};
}

Status Writer::add_chunk(std::string chunk) {
    if (auto status = flush(); !status) return status;
    renumber(chunk, sequence_++);
    return put(chunk);
}

Status Writer::flush() {
    if (encoder_.events() == 0) return Done{};
    return put(encoder_.finish(sequence_++));
}

Status Writer::put(std::string_view bytes) {
    if (!failed_) {
        failed_ = write_all(fd_.get(), bytes);
        if (!failed_) {
            bytes_ += bytes.size();
            return Done{};
        }
        // Half a chunk helps nobody. If cutting it off fails as well, the reader skips it.
        if (::ftruncate(fd_.get(), static_cast<off_t>(bytes_)) != 0) errno = 0;
    }
    return Error{fmt::format("cannot write {}: {}", path_, errno_text(failed_)), hint_for(failed_)};
}

} // namespace numadrift::trace
