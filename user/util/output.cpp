#include "util/output.h"

#include "util/new_file.h"

namespace numadrift {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

} // namespace

Result<Output> Output::open(const std::string& path) {
    if (path.empty() || path == "-") return Output(Fd(), "stdout");
    auto file = make_file(path);
    if (!file) return file.error();
    return Output(std::move(file->fd), path);
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
    if (error_ != 0) return cannot_write(name_, error_);
    return Done{};
}

} // namespace numadrift
