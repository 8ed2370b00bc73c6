#include "source/file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

namespace numadrift {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
constexpr std::size_t kMostEvents = 1024; // at a time: so many stay in the CPU's cache
// A chunk can hold 65,536 equal events in some dozens of bytes, and a small file could cost hours. An event
// of ours takes a byte at least, three on average; beyond the first million there may be so much work for
// each byte.
constexpr std::uint64_t kFreeWork = std::uint64_t{1} << 20;
constexpr std::uint64_t kWorkAByte = 16;

Event damage_event(std::uint64_t time_ns, std::uint64_t bytes) {
    Event event;
    event.time_ns = time_ns;
    event.payload = Damage{bytes};
    return event;
}

} // namespace

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path) {
    const bool is_stdin = path == "-";
    if (is_stdin && ::isatty(STDIN_FILENO) == 1)
        return Error{"stdin is a terminal, and a trace is no text",
                     "numadrift record -o - … | numadrift report -", true};
    Fd fd(is_stdin ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        return Error{fmt::format("cannot open {}: {}", path, errno_text(errno)),
                     "give the file that record wrote: numadrift-HOST-DATE.ndt or what -o said"};
    std::unique_ptr<FileSource> source(new FileSource(std::move(fd), path));
    if (auto status = source->fill(trace::kFileMagic.size() + trace::kHeadBytes); !status)
        return status.error();

    const auto start = std::string_view(source->window_);
    trace::ChunkHead head;
    const bool has_magic = start.starts_with(trace::kFileMagic);
    // Eight damaged bytes at the front are no reason to refuse all that follows.
    const bool has_chunk = start.size() > trace::kFileMagic.size() &&
                           trace::decode_head(start.substr(trace::kFileMagic.size()), head);
    if (!has_magic && !has_chunk)
        return Error{fmt::format("{} is not a numadrift trace", path),
                     start.empty() ? "the file is empty: was the recorder killed at once?"
                                   : "traces are made by: numadrift record -o FILE.ndt"};
    source->consume(trace::kFileMagic.size());
    source->head_damaged_ = !has_magic;
    return source;
}

Status FileSource::fill(std::size_t wanted) {
    if (begin_ > kReadBytes) {
        window_.erase(0, begin_);
        begin_ = 0;
    }
    while (!at_end_ && window_.size() - begin_ < wanted) {
        const std::size_t old_size = window_.size();
        window_.resize(old_size + kReadBytes);
        const ssize_t got = ::read(fd_.get(), window_.data() + old_size, kReadBytes);
        window_.resize(old_size + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got == 0) at_end_ = true;
        if (got < 0 && errno != EINTR)
            return Error{fmt::format("cannot read {}: {}", path_, errno_text(errno)), {}};
    }
    return Done{};
}

void FileSource::consume(std::size_t count) {
    begin_ += std::min(count, window_.size() - begin_);
}

// The next whole chunk; what is passed over on the way to it is counted. Nothing at the end of the
// file, then passed_over was put into a Found without events by the caller.
Result<std::optional<FileSource::Found>> FileSource::find_chunk() {
    Found found;
    for (;;) {
        if (auto status = fill(trace::kHeadBytes); !status) return status.error();
        const auto here = std::string_view(window_).substr(begin_);
        if (here.empty()) {
            if (found.passed_over == 0) return std::optional<Found>();
            return std::optional<Found>(std::move(found));
        }
        if (trace::decode_head(here, found.head)) {
            const std::size_t whole = trace::kHeadBytes + found.head.stored_bytes;
            if (auto status = fill(whole); !status) return status.error();
            if (window_.size() - begin_ >= whole) {
                found.body = window_.substr(begin_ + trace::kHeadBytes, found.head.stored_bytes);
                consume(whole);
                return std::optional<Found>(std::move(found));
            }
        }
        // Not a chunk: on to the next place that could be one.
        const auto now = std::string_view(window_).substr(begin_);
        const std::size_t next = now.find(trace::kChunkMagic.front(), 1);
        const std::size_t skip = next == std::string_view::npos ? now.size() : next;
        found.passed_over += skip;
        found.head = {};
        consume(skip);
    }
}

// A hole in the sequence without a byte to show for it is damage all the same.
void FileSource::open_chunk(const Found& chunk, std::vector<Event>& events) {
    std::uint64_t missing = chunk.passed_over;
    const bool is_whole = !chunk.body.empty();
    bool is_damaged = missing > 0 || (is_whole && chunk.head.sequence != next_sequence_);
    work_ += chunk_.work();
    chunk_ = {};
    if (is_whole) {
        next_sequence_ = chunk.head.sequence + 1;
        chunk_bytes_ = trace::kHeadBytes + chunk.body.size();
        allowed_work_ += kWorkAByte * chunk_bytes_;
        if (trace::inflate_body(chunk.head, chunk.body, raw_)) chunk_ = trace::ChunkDecoder(raw_);
        else {
            missing += chunk_bytes_;
            is_damaged = true;
        }
    }
    if (is_damaged) events.push_back(damage_event(last_time_ns_, missing));
}

std::uint64_t FileSource::work_left() const {
    const std::uint64_t allowed = kFreeWork + allowed_work_;
    return allowed - std::min(allowed, work_ + chunk_.work());
}

Result<Outcome> FileSource::next(std::vector<Event>& events) {
    events.clear();
    if (std::exchange(head_damaged_, false)) {
        events.push_back(damage_event(0, trace::kFileMagic.size()));
        return Outcome::batch;
    }
    while (events.empty()) {
        if (chunk_.done()) {
            auto found = find_chunk();
            if (!found) return found.error();
            if (!*found) return Outcome::end;
            open_chunk(**found, events);
        }
        const std::uint64_t left = work_left();
        chunk_.next(events, std::min<std::uint64_t>(kMostEvents, left));
        if (!events.empty()) last_time_ns_ = events.back().time_ns;
        const bool is_too_much = left == 0 && !chunk_.done();
        if (chunk_.ok() && !is_too_much) continue;
        work_ += chunk_.work();
        events.push_back(damage_event(last_time_ns_, chunk_bytes_));
        chunk_ = {};
    }
    return Outcome::batch;
}

} // namespace numadrift
