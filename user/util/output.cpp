#include "util/output.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>

namespace numadrift {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

} // namespace

Result<Output> Output::open(const std::string& path) {
    if (path.empty() || path == "-") return Output(Fd(), "stdout");
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file)
        return Error{fmt::format("cannot create {}: {}", path, errno_text(errno)),
                     "choose another file with -o FILE"};
    return Output(std::move(file), path);
}

void Output::write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
    if (error_ == 0) error_ = write_all(file_ ? file_.get() : STDOUT_FILENO, buffer_);
    buffer_.clear();
}

Status Output::finish() {
    flush();
    if (error_ != 0) return Error{fmt::format("cannot write {}: {}", name_, errno_text(error_)), {}};
    return Done{};
}

} // namespace numadrift
