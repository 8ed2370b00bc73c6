#include "util/new_file.h"

#include "util/errno_hint.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace numadrift {
namespace {

constexpr int kMostAlike = 1000; // names that differ by a number

Fd open_new(const std::string& path) {
    return Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
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

Result<NewFile> claimed(Fd fd, const std::string& path, bool is_new) {
    if (auto status = claim(fd.get(), path, is_new); !status) return status.error();
    ::fcntl(fd.get(), F_SETFL, O_WRONLY); // what is written to a terminal waits for it
    return NewFile{std::move(fd), path};
}

} // namespace

// O_NONBLOCK: nobody waits for the other end of a FIFO.
Result<NewFile> make_file(const std::string& path) {
    if (Fd made = open_new(path)) return claimed(std::move(made), path, true);
    Fd found(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (!found) return cannot_write(path, errno);
    return claimed(std::move(found), path, false);
}

Result<NewFile> make_new_file(const std::string& stem, const std::string& ending) {
    for (int number = 1;; ++number) {
        const std::string path = number == 1 ? stem + ending : fmt::format("{}-{}{}", stem, number, ending);
        if (Fd made = open_new(path)) return claimed(std::move(made), path, true);
        if (errno != EEXIST || number == kMostAlike) return cannot_write(path, errno);
    }
}

Error cannot_write(const std::string& path, int error) {
    return {fmt::format("cannot write {}: {}", path, errno_text(error)), file_hint(error)};
}

} // namespace numadrift
