#include "trace/writer.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace numadrift::trace {
namespace {

constexpr std::uint64_t kChunkAgeNs = 500'000'000;
constexpr int kMostAlike = 1000; // names that differ by a number

std::string hint_for(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space, or write elsewhere with -o FILE";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a place you may write to with -o FILE";
    case ENOENT: return "the directory does not exist; create it or choose another with -o FILE";
    case ENXIO: return "it is a pipe that nobody reads; choose a file with -o FILE";
    case ELOOP: return "the file is a symbolic link; numadrift does not follow those";
    default: return {};
    }
}

Error cannot_write(const std::string& path, int error) {
    return {fmt::format("cannot write {}: {}", path, errno_text(error)), hint_for(error)};
}

// Makes the open file ours and empty. One that was just made may be another user's all the same (NFS). Where
// files cannot be locked (some network file systems) nobody knows who else writes.
Status claim(int fd, const std::string& path, bool is_new) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return cannot_write(path, errno);
    if (S_ISCHR(status.st_mode)) return Done{};
    if (!S_ISREG(status.st_mode))
        return Error{fmt::format("cannot write {}: it is no file", path), "choose a file with -o FILE"};
    if (!is_new && status.st_uid != ::geteuid())
        return Error{fmt::format("cannot replace {}: it belongs to user {}", path, status.st_uid),
                     "remove it, or choose another file with -o FILE"};
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return Error{fmt::format("cannot replace {}: another numadrift is writing to it", path),
                     "choose another file with -o FILE"};
    if (::fchmod(fd, 0600) != 0 || ::ftruncate(fd, 0) != 0) return cannot_write(path, errno);
    return Done{};
}

} // namespace

// O_NONBLOCK: nobody waits for the other end of a FIFO.
Result<Writer> Writer::create(const std::string& path) {
    Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (made) return begin(std::move(made), path, true);
    Fd found(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (found) return begin(std::move(found), path, false);
    return cannot_write(path, errno);
}

Result<Writer> Writer::create_new(const std::string& stem) {
    for (int number = 1;; ++number) {
        const std::string path = number == 1 ? stem + ".ndt" : fmt::format("{}-{}.ndt", stem, number);
        Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (made) return begin(std::move(made), path, true);
        if (errno != EEXIST || number == kMostAlike) return cannot_write(path, errno);
    }
}

Result<Writer> Writer::begin(Fd fd, const std::string& path, bool is_new) {
    if (auto status = claim(fd.get(), path, is_new); !status) return status.error();
    Writer writer(std::move(fd), path);
    if (auto status = writer.put(kFileMagic); !status) return status.error();
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
