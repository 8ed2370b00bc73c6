// Files and descriptors: owning handles, whole-file reads, errno in words.
#pragma once

#include "util/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace numadrift {

// Owns a file descriptor, -1 for none.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); } // whose it is now
    void reset() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    int fd_ = -1;
};

// Text of an errno value, as strerror gives it.
std::string errno_text(int error);

// A whole file that may have no size (procfs, sysfs). Error: which file and why.
Result<std::string> read_file(const std::string& path);

// Like read_file without the final newline; empty where the file cannot be read.
std::string read_line(const std::string& path);

// A line for people, on stderr. If that cannot be written it is lost, and nothing else.
void say(const std::string& line);

// Prints a result. Error: stdout is closed, full, …
Status print_out(const std::string& text);

// Writes all of it, going on after short writes and EINTR. Returns 0 or an errno value.
int write_all(int fd, std::string_view bytes);

} // namespace numadrift
