#include "cli/ready.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace numadrift::cli {
namespace {

// 0 or an errno value. A name that begins with @ is one of the abstract namespace, whose names begin with a
// zero.
int notify(const std::string& name, std::string_view word) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    name.copy(address.sun_path, name.size());
    if (name.front() == '@') address.sun_path[0] = 0;
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return errno;
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const ssize_t sent = ::sendto(socket.get(), word.data(), word.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), bytes);
    return sent < 0 ? errno : 0;
}

// Why nobody can be told by this descriptor; empty if it can be written.
std::string why_not(int fd) {
    if (fd <= STDERR_FILENO) return "0, 1 and 2 are stdin, the answer and what is said meanwhile";
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return errno_text(errno);
    return (flags & O_ACCMODE) == O_RDONLY ? "it is open for reading only" : "";
}

} // namespace

Result<Ready> Ready::open(std::optional<int> fd) {
    Ready ready;
    if (const char* name = std::getenv("NOTIFY_SOCKET")) ready.notify_socket_ = name;
    if (!fd) return ready;
    if (const std::string why = why_not(*fd); !why.empty())
        return Error{fmt::format("cannot use descriptor {} to tell when events flow: {}", *fd, why),
                     "open one for it: numadrift record --ready-fd 3 -p PID 3>FIFO", true};
    if (::fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0)
        return Error{fmt::format("cannot keep descriptor {} from commands: {}", *fd, errno_text(errno)), {}};
    ready.fd_ = Fd(*fd);
    return ready;
}

void Ready::tell() {
    if (fd_)
        if (const int error = write_all(fd_.get(), "ready\n"))
            say(fmt::format("off: ready-fd: nobody was told that events flow: {}", errno_text(error)));
    fd_.reset();
    if (notify_socket_.empty()) return;
    if (const int error = notify(notify_socket_, "READY=1"))
        say(fmt::format("off: notify: cannot reach the service manager by {}: {}", notify_socket_,
                        errno_text(error)));
}

} // namespace numadrift::cli
