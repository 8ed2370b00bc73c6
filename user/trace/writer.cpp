#include "trace/writer.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace numadrift::trace {
namespace {

constexpr std::uint64_t kChunkAgeNs = 500'000'000;

} // namespace

Result<Writer> Writer::create(const std::string& path) {
    return begin(make_file(path), true);
}

Result<Writer> Writer::create_new(const std::string& stem) {
    return begin(make_new_file(stem, ".ndt"), true);
}

Result<Writer> Writer::to_stdout() {
    if (::isatty(STDOUT_FILENO) == 1)
        return Error{"stdout is a terminal, and a trace is no text",
                     "numadrift record -o - … | numadrift report -, or -o FILE", true};
    Fd fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!fd) return cannot_write("stdout", errno);
    return begin(NewFile{std::move(fd), "stdout"}, false);
}

Result<Writer> Writer::begin(Result<NewFile> file, bool has_name) {
    if (!file) return file.error();
    Writer writer(*std::move(file));
    struct stat file_status {};
    writer.is_its_own_ =
        has_name && ::fstat(writer.fd_.get(), &file_status) == 0 && S_ISREG(file_status.st_mode);
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
        if (is_its_own_ && ::ftruncate(fd_.get(), static_cast<off_t>(bytes_)) != 0) errno = 0;
    }
    return cannot_write(path_, failed_);
}

} // namespace numadrift::trace
