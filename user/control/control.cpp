#include "control/control.h"

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
constexpr int kPatienceMs = 200;         // of the recorder: it has other things to do
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

// A line, without its end; empty if none comes in time.
std::string read_line_from(int fd, int patience_ms) {
    std::string line;
    pollfd ready{fd, POLLIN, 0};
    while (line.size() < kMostBytes && ::poll(&ready, 1, patience_ms) == 1) {
        char byte = 0;
        if (::recv(fd, &byte, 1, 0) != 1 || byte == '\n') break;
        line.push_back(byte);
    }
    return line;
}

// Root, or who records.
bool is_welcome(int fd) {
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

void Server::pass(const Answer& answer) const {
    for (;;) {
        const Fd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!caller) return;
        if (!is_welcome(caller.get())) continue;
        const std::string line = read_line_from(caller.get(), kPatienceMs);
        if (line.empty()) continue;
        const std::string reply = answer(line) + "\n";
        (void)::send(caller.get(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
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
    if (write_all(socket.get(), line.substr(0, kMostBytes - 1) + "\n") != 0)
        return Error{fmt::format("recorder {} does not listen", recorder), {}};
    const std::string answer = read_line_from(socket.get(), kAnswerMs);
    if (answer.empty()) return Error{fmt::format("recorder {} does not answer", recorder), {}};
    if (answer.starts_with("error: ")) return Error{answer.substr(7), {}};
    return answer;
}

} // namespace numadrift::control
