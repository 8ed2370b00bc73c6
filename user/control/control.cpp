#include "control/control.h"

#include "util/clock.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace numadrift::control {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 4096; // of a line
constexpr std::size_t kMostCallers = 16;
constexpr std::uint64_t kPatienceNs = 2'000'000'000;
constexpr int kFirstWordMs = 2; // who has just called is about to speak
constexpr int kAnswerMs = 5000;

std::string socket_of(int recorder) {
    return fmt::format("{}/{}.sock", directory(), recorder);
}

bool fill(sockaddr_un& address, const std::string& path) {
    if (path.size() >= sizeof address.sun_path) return false;
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    return true;
}

// What has come of a line by now; false: the line is over, or nothing will come any more.
bool goes_on(int fd, std::string& line) {
    while (line.size() < kMostBytes) {
        char byte = 0;
        const ssize_t got = ::recv(fd, &byte, 1, MSG_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0 || byte == '\n') return false;
        line.push_back(byte);
    }
    return false;
}

// A line, without its end; what has come of it where the rest does not come in time.
std::string read_line_from(int fd, int patience_ms) {
    std::string line;
    pollfd ready{fd, POLLIN, 0};
    while (::poll(&ready, 1, patience_ms) == 1 && goes_on(fd, line)) {
    }
    return line;
}

// The other end is root's, or this user's.
bool is_trusted(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

} // namespace

std::string directory() {
    const char* elsewhere = std::getenv("NUMADRIFT_RUN_DIR");
    if (elsewhere && *elsewhere) return elsewhere;
    if (::geteuid() == 0) return "/run/numadrift";
    const char* user_directory = std::getenv("XDG_RUNTIME_DIR");
    return user_directory && *user_directory ? fmt::format("{}/numadrift", user_directory)
                                             : fmt::format("/tmp/numadrift-{}", ::geteuid());
}

Result<Server> Server::open() {
    const std::string place = directory();
    const auto failed = [&](const char* what) {
        return Error{fmt::format("cannot {} {}: {}", what, place, errno_text(errno)), {}};
    };
    if (::mkdir(place.c_str(), 0700) != 0 && errno != EEXIST) return failed("make");
    struct stat status {};
    if (::lstat(place.c_str(), &status) != 0) return failed("look at");
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022) != 0)
        return Error{fmt::format("{} is not a directory of this user alone", place), "remove it"};
    recorders(); // sweeps up what dead ones left
    const std::string path = socket_of(::getpid());
    sockaddr_un address{};
    if (!fill(address, path)) return Error{fmt::format("{} is too long for a socket", path), {}};
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(path.c_str());
    const mode_t before = ::umask(0177);
    const bool is_bound =
        listener && ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(listener.get(), 16) == 0;
    const int error = errno;
    ::umask(before);
    if (!is_bound) return Error{fmt::format("cannot listen at {}: {}", path, errno_text(error)), {}};
    return Server(std::move(listener), path);
}

Server::~Server() {
    if (listener_) ::unlink(path_.c_str());
}

bool Server::welcome_more() {
    const std::size_t before = callers_.size();
    while (callers_.size() < kMostCallers) {
        Fd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!caller) break;
        if (is_trusted(caller.get()))
            callers_.push_back({std::move(caller), monotonic_ns() + kPatienceNs, {}});
    }
    return callers_.size() > before;
}

void Server::pass(const Answer& answer) {
    if (welcome_more()) {
        pollfd newest{callers_.back().fd.get(), POLLIN, 0};
        (void)::poll(&newest, 1, kFirstWordMs);
    }
    const std::uint64_t now_ns = monotonic_ns();
    std::erase_if(callers_, [&](Caller& caller) {
        if (goes_on(caller.fd.get(), caller.line)) return now_ns >= caller.until_ns;
        if (caller.line.empty()) return true;
        const std::string reply = answer(caller.line) + "\n";
        (void)::send(caller.fd.get(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return true;
    });
}

std::vector<int> recorders() {
    std::vector<int> found;
    std::error_code error;
    for (fs::directory_iterator at(directory(), error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename().string();
        int id = 0;
        const auto result = std::from_chars(name.data(), name.data() + name.size(), id);
        if (result.ec != std::errc() || std::string_view(result.ptr) != ".sock" || id <= 0) continue;
        if (::kill(id, 0) != 0 && errno == ESRCH) ::unlink(at->path().c_str()); // it was killed
        else found.push_back(id);
    }
    std::sort(found.begin(), found.end());
    return found;
}

Result<std::string> say(int recorder, const std::string& line) {
    const std::string path = socket_of(recorder);
    sockaddr_un address{};
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket || !fill(address, path) ||
        ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return Error{fmt::format("cannot reach recorder {} at {}: {}", recorder, path, errno_text(errno)),
                     errno == EACCES ? "ask as root or as the user who records" : "does it still run?"};
    if (!is_trusted(socket.get()))
        return Error{fmt::format("recorder {} at {} is another user's", recorder, path),
                     "it is not spoken to; ask as the user who records"};
    if (write_all(socket.get(), line.substr(0, kMostBytes - 1) + "\n") != 0)
        return Error{fmt::format("recorder {} does not listen", recorder), {}};
    const std::string answer = read_line_from(socket.get(), kAnswerMs);
    if (answer.empty()) return Error{fmt::format("recorder {} does not answer", recorder), {}};
    if (answer.starts_with("error: ")) return Error{answer.substr(7), {}};
    return answer;
}

} // namespace numadrift::control
