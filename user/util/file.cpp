#include "util/file.h"

#include "util/text.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/core.h>
#include <system_error>

namespace numadrift {

std::string errno_text(int error) {
    return std::generic_category().message(error);
}

Result<std::string> read_file(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error{fmt::format("cannot open {}: {}", path, errno_text(errno)), {}};
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
        if (got == 0) return text;
        if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
        else if (errno != EINTR) return Error{fmt::format("cannot read {}: {}", path, errno_text(errno)), {}};
    }
}

std::string read_line(const std::string& path) {
    const auto text = read_file(path);
    return text ? text->substr(0, text->find('\n')) : std::string();
}

void say(const std::string& line) {
    std::fputs((printable(line) + "\n").c_str(), stderr);
    std::fflush(stderr);
}

Status print_out(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
        return Done{};
    return Error{fmt::format("cannot write to stdout: {}", errno_text(errno)), {}};
}

int write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put >= 0) bytes.remove_prefix(static_cast<std::size_t>(put));
        else if (errno != EINTR) return errno;
    }
    return 0;
}

} // namespace numadrift
